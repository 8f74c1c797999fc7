"""What Google takes: names and values within its limits, and nothing that says who somebody is."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

MAX_PARAMS, MAX_NAME, MAX_VALUE = 25, 40, 100
MAX_PROPERTIES, MAX_PROPERTY_NAME, MAX_PROPERTY_VALUE = 25, 24, 36
# Names that Google keeps for itself; an event or parameter of that name is dropped or refused
_RESERVED = re.compile(r"(google_|ga_|firebase_|gtag\.|_)")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]+")
_ADDRESS = re.compile(r"[^\s@]+(@|%40)[^\s@]+\.[^\s@]+")
_NUMBER_TO_CALL = re.compile(r"\+?\d[\d\s()./-]{7,}\d")
_COOKIE = re.compile(r"(?:GA\d\.\d(?:-\d)?\.)?(\d{1,20}\.\d{1,20})")
_SESSION = re.compile(r"(?:GS1\.\d\.|GS2\.\d\.s)?(\d{6,20})(?:[.$].*)?")


def client_of(text: Any) -> str:
    """The client id in a text: bare, or in the cookie _ga around it; empty where there is none."""
    found = _COOKIE.fullmatch(str(text or "").strip())
    return found[1] if found else ""


def session_of(text: Any, measurement_id: str = "") -> str:
    """The session id in a text: bare, in the cookie _ga_<stream> around it, or in the list of such cookies that a
    browser had (``_ga_<stream>=…,_ga_<stream>=…``), of which only the one of the stream of ``measurement_id`` counts;
    empty where there is none."""
    said = str(text or "").strip()
    if said.startswith("_ga_"):
        cookies = dict(one.partition("=")[::2] for one in said.split(","))
        said = cookies.get(f"_ga_{measurement_id.removeprefix('G-')}", "")
    found = _SESSION.fullmatch(said)
    return found[1] if found else ""


def name_of(text: str, most: int = MAX_NAME) -> str:
    """A name as Google takes it: a letter, then letters, digits and underscores."""
    plain = _NO_NAME.sub("_", text.strip()).strip("_").lower()
    if not plain[:1].isalpha() or _RESERVED.match(plain):
        plain = f"baton_{plain}".rstrip("_")
    return plain[:most]


def is_personal(value: Any) -> bool:
    """Whether a value looks like an e-mail address or a telephone number."""
    text = str(value)
    return bool(_ADDRESS.search(text)) or bool(_NUMBER_TO_CALL.fullmatch(text.strip()) and not _is_date(text))


def _is_date(text: str) -> bool:
    return bool(re.match(r"\d{4}-\d\d-\d\d", text.strip()))


def params(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Parameters of an event, and the names of those that are left out because they would say who somebody is."""
    return _kept(said, MAX_PARAMS, MAX_NAME, MAX_VALUE)


def properties(said: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The same for what is said of a user."""
    kept, left_out = _kept(said, MAX_PROPERTIES, MAX_PROPERTY_NAME, MAX_PROPERTY_VALUE)
    return {name: {"value": value} for name, value in kept.items()}, left_out


def _kept(said: Mapping[str, Any], most: int, name: int, length: int) -> tuple[dict[str, Any], list[str]]:
    kept: dict[str, Any] = {}
    left_out = []
    for key, value in said.items():
        plain = _plain(value, length)
        if plain is None or len(kept) >= most:
            continue
        if is_personal(value):
            left_out.append(key)
        else:
            kept[name_of(key, name)] = plain
    return kept, left_out


def _plain(value: Any, length: int) -> str | int | float | None:
    """A text or a number; what is neither is left out, and yes and no are texts, as Google wants them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()[:length]
    return value.strip()[:length] if isinstance(value, str) and value.strip() else None
