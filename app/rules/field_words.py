"""What a condition asks of one field, in words that need no manual: ``interest in pricing at least 2``. Pure."""

from typing import Any

from app.rules.compare import WORDS, listed
from app.rules.event_words import event_name, event_names

_NAMED = {
    "event.type": "what happened",
    "email.free": "address with a free mail provider",
    "email.domain": "domain of the address",
    "days_since.anything": "days since any sign of life",
}


def field_words(field: str, op: str, value: Any) -> str:
    """The field, how it is compared, and with what."""
    said = _event if field == "event.type" else _plain
    values = ", ".join(said(part) for part in listed(value))
    head, _, rest = field.partition(".")
    if head == "count":
        limit = "exactly" if op == "equals" else WORDS[op]
        return f"{event_names([rest])} {limit} {values} {'time' if values == '1' else 'times'}"
    return f"{_name(field, head, rest)} {WORDS[op]} {values}".strip()


def _name(field: str, head: str, rest: str) -> str:
    if field in _NAMED:
        return _NAMED[field]
    if head == "days_since":
        return f"days since {_event(rest)}"
    if head == "days_silent":
        return f"days of silence by {rest}"
    if head == "consent":
        return f"consent to {rest}".replace("email", "e-mail")
    if head == "interest" and rest:
        return f"interest in {rest}"
    return field.removeprefix("event.").removeprefix("contact.").replace("_", " ")


def _event(kind: Any) -> str:
    return f"“{event_name(str(kind))}”"


def _plain(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
