"""The body of an ActiveCampaign webhook: a form with PHP's bracket names, or the same as JSON, as one document."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.bodies import read_body
from adapters.contract import Unreadable, WebhookRequest
from adapters.nesting import unbracketed
from app.contacts.times import parse_time

MAX_PAIRS = 3_000  # a deal comes with three pairs for each of its fields, set or not
MAX_ID = 20  # digits
OPTIONS = "||"  # between the options of a field that takes several
OUTCOMES = {"1": "won", "2": "lost"}  # a deal's status; 0 is open

Document = Mapping[str, Any]


def read(request: WebhookRequest) -> dict[str, Any]:
    """The document in a body. Raises Unreadable for what is none, too much or too deep."""
    body = read_body(request.header("content-type"), request.body, MAX_PAIRS)
    if not isinstance(body.document, dict):
        raise Unreadable("an ActiveCampaign webhook is one form")
    return unbracketed(body.document) if body.is_json else body.document


def text(value: Any) -> str:
    """A value as text. Of a name that came more than once the last that says something counts, as in PHP; null, and
    what is no single value, say nothing."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return next((said for one in reversed(value) if (said := text(one))), "")
    return ""


def block(document: Document, name: str) -> dict[str, Any]:
    """What is said about one subject: ``contact[…]``, ``deal[…]``; empty where nothing is."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def each(value: Any) -> Iterator[Any]:
    """The items of a list, which PHP writes with or without numbers: ``[]`` or ``[0]``, ``[1]``."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
    elif text(value):
        yield value


def number_of(value: Any, what: str) -> str:
    """An object's id, or an empty text for none, which ActiveCampaign writes as 0. Raises Unreadable for what is no
    id."""
    said = text(value)
    if said in ("", "0"):
        return ""
    if not (said.isascii() and said.isdigit() and len(said) <= MAX_ID):
        raise Unreadable(f"{what} {said[:40]!r} is no id")
    return said


def options(value: Any) -> str | list[str]:
    """A custom field's value: text, or a list where the field takes several options (``||a||b||``)."""
    if isinstance(value, dict | list):
        return [said for one in each(value) if (said := text(one))]
    said = text(value)
    if said.startswith(OPTIONS) and said.endswith(OPTIONS):
        return [part.strip() for part in said.split(OPTIONS) if part.strip()]
    return said


def instant(value: Any, request: WebhookRequest) -> datetime | None:
    """A time of the account's; None for an empty one. Old accounts write it without a zone: then it is in the zone
    that the connection's setting ``time_zone`` names. Raises Unreadable for what is no time."""
    said = text(value)
    if not said or said.startswith("0000-00-00"):
        return None
    try:
        naive = datetime.fromisoformat(said)
        if naive.tzinfo is None:
            return naive.replace(tzinfo=_zone(request.settings.get("time_zone", ""))).astimezone(UTC)
    except ValueError:
        pass
    try:
        return parse_time(said)
    except ValueError:
        raise Unreadable(f"not a time: {said[:40]!r}") from None


def _zone(name: str) -> Any:
    return UTC if not name or wrong_zone(name) else ZoneInfo(name)


def wrong_zone(name: str) -> str:
    """What is wrong with the name of a time zone; empty where nothing is."""
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'"{name}" is not a time zone; write one like America/Chicago'
    return ""
