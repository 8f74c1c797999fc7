"""Values of a document whose sender promises much: each is looked at as what it should be, or is not there."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from app.contacts.times import parse_time, time_or_none

Document = Mapping[str, Any]

_ZONED = re.compile(r"(?:Z|GMT|UTC|[+-]\d\d:?\d\d)$", re.IGNORECASE)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")


def object_of(value: Any) -> Document:
    """The value if it is an object, or else an empty one: a promise that was not kept is just not there."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[Document]:
    """The objects in a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """The value as text, where it is a text or a number."""
    return as_text(value) if isinstance(value, str | int | float) else ""


def first_of(document: Document, *names: str) -> str:
    """The first of some properties that holds a text."""
    return next((text for name in names if (text := text_of(document.get(name)))), "")


def joined(parts: Document, *names: str, glue: str = " ") -> str:
    """The texts of some parts of an object, those that are there, in this order."""
    return glue.join(text for name in names if (text := text_of(parts.get(name))))


def zoned_time(value: Any) -> datetime | None:
    """The instant that a builder names, if it is certain: with a time zone, or as a Unix time."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    if not (_ZONED.search(text) or _EPOCH.fullmatch(text)):
        return None
    try:
        at = parse_time(text)
    except ValueError:
        return None
    return at if at.year >= 2000 else None  # Typeform says year 1 for what was never sent in


def time_until(now: datetime, value: Any) -> datetime | None:
    """The instant that a tool names, never ahead of now, as its clock may be; None for what names none."""
    at = time_or_none(value)
    return None if at is None else min(at, now)


def as_text(value: Any) -> str:
    """What a person would read: lists joined, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(text for part in value if (text := as_text(part)))
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return "" if value is None else str(value)


def is_blank(value: Any) -> bool:
    """Whether a field was left empty. False and 0 are answers."""
    return value is None or value == "" or value == [] or value == {} or (isinstance(value, list) and not any(value))
