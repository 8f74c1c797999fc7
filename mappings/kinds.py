"""What kind of thing a value is, going by how it looks: vendors send numbers and dates as texts."""

import re
from typing import Any

from mappings.fields import FieldType
from mappings.transforms import is_blank

BLANK, TEXT, NUMBER, YES_NO, DATE, EMAIL, LIST, GROUP = (
    "blank", "text", "number", "yes or no", "date", "e-mail", "list", "group"
)  # fmt: skip
KINDS = (TEXT, NUMBER, YES_NO, DATE, EMAIL, LIST, GROUP)

_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,9})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}\.[^\s@]{2,}")
_LONGEST = 320
_YES_NO = frozenset(("true", "false", "yes", "no"))

# Our type → kinds of values that cannot become it
_STRANGE = {
    FieldType.EMAIL: frozenset((TEXT, NUMBER, YES_NO, DATE, GROUP)),
    FieldType.NUMBER: frozenset((TEXT, YES_NO, DATE, EMAIL, LIST, GROUP)),
    FieldType.BOOLEAN: frozenset((DATE, EMAIL, LIST, GROUP)),
    FieldType.DATE: frozenset((YES_NO, EMAIL, LIST, GROUP)),
    FieldType.TIME: frozenset((YES_NO, EMAIL, LIST, GROUP)),
}


def kind_of(value: Any) -> str:
    """The kind of one value."""
    if isinstance(value, str):
        return _kind_of_text(value)
    if is_blank(value):
        return BLANK
    if isinstance(value, bool):
        return YES_NO
    if isinstance(value, int | float):
        return NUMBER
    return LIST if isinstance(value, list) else GROUP if isinstance(value, dict) else TEXT


def _kind_of_text(text: str) -> str:
    if len(text) > _LONGEST:
        return TEXT if text.strip() else BLANK
    text = text.strip()
    if not text:
        return BLANK
    if text[0] in "0123456789+-":  # every value that comes in is looked at: most are spared the patterns
        if _NUMBER.fullmatch(text):
            return NUMBER
        if _DATE.fullmatch(text):
            return DATE
    if "@" in text and _EMAIL.fullmatch(text):
        return EMAIL
    return YES_NO if text.lower() in _YES_NO else TEXT


def fits(kind: str, field: FieldType) -> bool:
    """Whether values of a kind can, as a rule, become a field of this type without a step between."""
    return kind not in _STRANGE.get(field, frozenset())
