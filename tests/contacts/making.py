"""Short ways to say what happened to a person, and to see what it makes of the contact."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.contacts.contact import Contact
from app.contacts.event import Event, Identity, event_id, position
from app.contacts.fold import fold

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANN = "ann@example.com"
HUBSPOT, KLAVIYO, FORMS = 1, 2, 3  # connections

_numbers = itertools.count(1)


def ago(**by: float) -> datetime:
    """A moment before now: ``ago(days=3)``."""
    return NOW - timedelta(**by)


def event(
    kind: str,
    at: datetime = NOW,
    /,
    *,
    who: Iterable[tuple[str, str]] = (),
    connection: int = HUBSPOT,
    fields: dict[str, Any] | None = None,
    machine: str | None = None,
    actor: str | None = None,
    received: datetime | None = None,
    key: str = "",
    properties: dict[str, Any] | None = None,
    **said: Any,
) -> Event:
    """Something that happened; ``said`` are its properties."""
    source_key = key or f"test {next(_numbers)}"
    return Event(
        type=kind,
        occurred_at=at,
        source_key=source_key,
        id=event_id(connection, source_key),
        identities=tuple(Identity(*one) for one in who),
        properties={**(properties or {}), **said},
        fields=fields or {},
        machine=machine,
        actor=actor,
        connection_id=connection,
        received_at=received or at,
    )


def folded(*events: Event) -> Contact:
    """The contact that these events make, in whatever order they are given."""
    contact = Contact()
    for one in sorted(events, key=position):
        fold(contact, one)
    return contact


def yes(at: datetime, *, by_person: bool = True, connection: int = FORMS, **more: Any) -> Event:
    """The person agrees to marketing e-mail, or a tool says so in their name."""
    return event(
        "consent.changed", at, connection=connection, state="granted", channel="email", by_person=by_person, **more
    )


def no(at: datetime, *, connection: int = KLAVIYO, **more: Any) -> Event:
    """The person opts out of e-mail, in a tool."""
    return event("email.unsubscribed", at, connection=connection, **more)
