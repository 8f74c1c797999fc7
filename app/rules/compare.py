"""How a condition compares: operators over plain values, in which upper and lower case are the same. Pure."""

from collections.abc import Callable, Sequence
from typing import Any


def dig(value: Any, path: Sequence[str]) -> Any:
    """What lies at a path within plain data, or None."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | frozenset) else [] if value is None else [value]


def folded(value: Any) -> Any:
    """A value as it is compared: upper and lower case are the same."""
    return value.casefold() if isinstance(value, str) else value


def prepared(op: str, value: Any) -> Any:
    if op in NUMERIC:
        return float(value)
    if op in ("in", "not_in"):
        return tuple(folded(part) for part in listed(value))
    if op in ("word", "like", "contains", "starts_with", "ends_with"):
        return tuple(_texts(value))
    return folded(value)


def _texts(value: Any) -> list[str]:
    return [str(folded(part)) for part in listed(value)]


def number(value: Any) -> float | None:
    try:
        found = None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if found != found else found  # not a number is none


def like(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern in which ``*`` stands for anything. Linear in the text for each star."""
    first, *rest = pattern.split("*")
    if not text.startswith(first):
        return False
    if not rest:
        return text == first
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def _words_of(text: str) -> set[str]:
    return set("".join(letter if letter.isalnum() else " " for letter in text).split())


def _has_word(value: Any, wanted: tuple[str, ...]) -> bool:
    return any(
        set(str(phrase).split()) <= found for text in _texts(value) for found in (_words_of(text),) for phrase in wanted
    )


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return wanted in [folded(part) for part in value]
    return bool(folded(value) == wanted)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "not_equals": lambda value, wanted: not _same(value, wanted),
    "in": lambda value, wanted: any(folded(part) in wanted for part in listed(value)),
    "not_in": lambda value, wanted: not any(folded(part) in wanted for part in listed(value)),
    "contains": lambda value, wanted: any(part in text for text in _texts(value) for part in wanted),
    "starts_with": lambda value, wanted: any(text.startswith(wanted) for text in _texts(value)),
    "ends_with": lambda value, wanted: any(text.endswith(wanted) for text in _texts(value)),
    "like": lambda value, wanted: any(like(text, pattern) for text in _texts(value) for pattern in wanted),
    "word": _has_word,
    "at_least": lambda value, wanted: (found := number(value)) is not None and found >= wanted,
    "at_most": lambda value, wanted: (found := number(value)) is not None and found <= wanted,
    "more_than": lambda value, wanted: (found := number(value)) is not None and found > wanted,
    "less_than": lambda value, wanted: (found := number(value)) is not None and found < wanted,
    "known": lambda value, wanted: value not in (None, "", [], {}),
    "unknown": lambda value, wanted: value in (None, "", [], {}),
}
UNARY = frozenset(("known", "unknown"))
NUMERIC = frozenset(("at_least", "at_most", "more_than", "less_than"))
WORDS = {
    "equals": "is",
    "not_equals": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "like": "looks like",
    "word": "has the word",
    "at_least": "at least",
    "at_most": "at most",
    "more_than": "more than",
    "less_than": "less than",
    "known": "is known",
    "unknown": "is not known",
}
