"""A stored request without what it says about one person. Pure."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

MIN_NAME = 5  # characters; what is shorter stands in too many requests that are about others

Pattern = re.Pattern[bytes]


def pattern_of(names: Collection[str]) -> Pattern | None:
    """What finds these names in a request as it came, also written as in an address; None where there is none to find.

    A name is found as a whole: 12345 not in 123456.
    """
    written = {
        form for name in names if len(name) >= MIN_NAME for form in (name, quote(name, safe=""), quote_plus(name))
    }
    if not written:
        return None
    longest = sorted((re.escape(form.encode()) for form in written), key=len, reverse=True)
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + b"|".join(longest) + rb")(?![0-9A-Za-z])", re.IGNORECASE)


def without(body: bytes, names: Collection[str]) -> bytes:
    """The body without the items of its lists that name the person; empty where nothing else is left, and where it
    cannot be taken apart."""
    known = _Known(names)
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if isinstance(data, dict) and not any(isinstance(held, list) for held in data.values()):
        return b"" if _names(data, known) else body
    kept = _thinned(data, known)
    if _names(kept, known) or not kept or (isinstance(data, dict) and not any(_lists(kept))):
        return b""
    return msgspec.json.encode(kept)


def _thinned(data: Any, known: "_Known") -> Any:
    if isinstance(data, list):
        return [item for item in data if not _names(item, known)]
    if isinstance(data, dict):
        return {key: _thinned(held, known) if isinstance(held, list) else held for key, held in data.items()}
    return data


def _lists(data: dict[str, Any]) -> list[list[Any]]:
    return [held for held in data.values() if isinstance(held, list)]


def _names(data: Any, known: "_Known") -> bool:
    if isinstance(data, dict):
        return any(_names(held, known) for held in (*data.keys(), *data.values()))
    if isinstance(data, list):
        return any(_names(held, known) for held in data)
    if isinstance(data, bool) or data is None:
        return False
    return known.are_in(str(data))


class _Known:
    """The names of one person. Addresses are also found within a text; a number or code by itself only."""

    def __init__(self, names: Collection[str]) -> None:
        self._whole = {name.lower() for name in names}
        self._within = pattern_of([name for name in names if "@" in name])

    def are_in(self, text: str) -> bool:
        """Whether a text is, or holds, one of them."""
        if text.strip().lower() in self._whole:
            return True
        return self._within is not None and self._within.search(text.encode()) is not None
