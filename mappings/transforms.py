"""The named steps that a mapping row can put a value through: words, some with one setting; no expressions."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from app.contacts.identity import clean_email, clean_phone
from app.contacts.times import parse_time
from mappings.fields import FieldType

Step = Callable[[Any], Any]


class CannotTransform(ValueError):
    """A value that a step cannot take; the message names the value and the step."""


def is_blank(value: object) -> bool:
    """Whether a value says nothing: missing, null, or only white space. 0 and false say something."""
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}


def _each_text(change: Callable[[str], str], value: Any) -> Any:
    return change(value) if isinstance(value, str) else value


def _split(separator: str, value: Any) -> Any:
    return [part.strip() for part in value.split(separator) if part.strip()] if isinstance(value, str) else value


def _join(separator: str, value: Any) -> Any:
    return separator.join(str(part) for part in value) if isinstance(value, list) else value


def _pick(which: int, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return value[which] if -len(value) <= which < len(value) else None


def to_number(value: Any, decimal: str = ".") -> int | float:
    """A number from what vendors write: ``1,234.50``, ``12 %``, ``"7"``."""
    if isinstance(value, bool):
        raise CannotTransform(f"{value!r} is not a number")
    if isinstance(value, int | float):
        return value
    text = str(value).strip().replace("\u00a0", "").replace(" ", "").rstrip("%")
    text = text.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    try:
        number = float(text)
    except ValueError:
        raise CannotTransform(f"{str(value)[:80]!r} is not a number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise CannotTransform(f"{value!r} is not a number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


_TRUE = frozenset(("true", "1", "yes", "y", "on", "t", "ja", "oui", "si", "sí"))
_FALSE = frozenset(("false", "0", "no", "n", "off", "f", "nein", "non"))


def to_boolean(value: Any) -> bool:
    """Yes or no from what vendors and forms write."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise CannotTransform(f"{str(value)[:80]!r} is neither yes nor no")


def _to_time(value: Any, pattern: str | None = None) -> str:
    """ISO 8601 in UTC."""
    try:
        if pattern:
            naive = datetime.strptime(str(value).strip(), pattern)  # noqa: DTZ007  the pattern may hold a zone
            return parse_time(naive.isoformat()).isoformat()
        return parse_time(value).isoformat()
    except ValueError:
        raise CannotTransform(f"{str(value)[:80]!r} is not a time") from None


def _to_date(value: Any, pattern: str | None = None) -> str:
    return _to_time(value, pattern)[:10]


def _to_email(value: Any) -> str:
    cleaned = clean_email(str(value))
    if cleaned is None:
        raise CannotTransform(f"{str(value)[:80]!r} is not an e-mail address")
    return cleaned.address


def _to_phone(value: Any, region: str | None = None) -> str:
    """E.164 where it can be, else as it was written: a call may still succeed; tools that insist do not get it."""
    text = str(value).strip()
    return clean_phone(text, region) or text


# What nobody sees and nobody means: control characters, half letters, marks that turn the direction or have no width.
# Joiners (U+200C, U+200D) stay: emoji and some languages need them.
_UNSEEN = (
    "\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_NOT_IN_LINE = re.compile(f"[\x00-\x08\x0e-\x1b{_UNSEEN}]")
_NOT_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f{_UNSEEN}]")


def _to_text(value: Any) -> str:
    """One line, as it belongs in a name: nothing unseen in it, and one blank where there was any white space."""
    return " ".join(_NOT_IN_LINE.sub("", _as_text(value)).split())


def _to_lines(value: Any) -> str:
    """A text with its lines as they were, and nothing unseen in it."""
    return _NOT_IN_LINES.sub("", _as_text(value)).strip()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "; ".join(_as_text(part) for part in value)
    if isinstance(value, dict):
        raise CannotTransform("a nested object is not a text")
    return str(value)


COERCE: dict[FieldType, Step] = {
    FieldType.TEXT: _to_text,
    FieldType.LINES: _to_lines,
    FieldType.EMAIL: _to_email,
    FieldType.PHONE: _to_phone,
    FieldType.NUMBER: to_number,
    FieldType.BOOLEAN: to_boolean,
    FieldType.DATE: _to_date,
    FieldType.TIME: _to_time,
}

# name → (does it take a setting, how to make the step)
TRANSFORMS: dict[str, tuple[bool, Callable[[Any], Step]]] = {
    "trim": (False, lambda _: partial(_each_text, str.strip)),
    "lower": (False, lambda _: partial(_each_text, str.lower)),
    "upper": (False, lambda _: partial(_each_text, str.upper)),
    "capitalize": (False, lambda _: partial(_each_text, str.title)),
    "split": (True, lambda separator: partial(_split, str(separator))),
    "join": (True, lambda separator: partial(_join, str(separator))),
    "pick": (True, lambda which: partial(_pick, int(which))),
    "number": (False, lambda decimal: partial(to_number, decimal=str(decimal or "."))),
    "boolean": (False, lambda _: to_boolean),
    "date": (False, lambda pattern: partial(_to_date, pattern=pattern)),
    "time": (False, lambda pattern: partial(_to_time, pattern=pattern)),
    "phone": (False, lambda region: partial(_to_phone, region=region)),
    "text": (False, lambda _: _to_text),
}
