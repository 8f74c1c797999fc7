"""What a condition asks of one field, in words that need no manual: ``days since order.placed at least 60``. Pure."""

from typing import Any

from app.rules.compare import WORDS, listed

_NAMED = {
    "event.type": "what happened",
    "email.free": "address with a free mail provider",
    "email.domain": "domain of the address",
    "days_since.anything": "days since any sign of life",
}


def field_words(field: str, op: str, value: Any) -> str:
    """The field, how it is compared, and with what. Types of events keep their names."""
    values = ", ".join(_plain(part) for part in listed(value))
    head, _, rest = field.partition(".")
    if head == "count":
        limit = "exactly" if op == "equals" else WORDS[op]
        return f"{rest} {limit} {values} {'time' if values == '1' else 'times'}"
    return f"{_name(field, head, rest)} {WORDS[op]} {values}".strip()


def _name(field: str, head: str, rest: str) -> str:
    if field in _NAMED:
        return _NAMED[field]
    if head == "days_since":
        return f"days since {rest}"
    if head == "days_silent":
        return f"days of silence by {rest}"
    if head == "interest" and rest:
        return f"interest in {rest}"
    return field.removeprefix("event.").removeprefix("contact.").replace("_", " ")


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
