"""Leads as Marketo holds them, and the events that this amounts to. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.contract import Record, Unreadable
from adapters.snapshot import events_of
from adapters.values import text_of, time_until
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from mappings.mapping import FieldMapping

KIND = "marketo"  # the kind of identity
_NO_PROFILE = frozenset(("id", "updatedAt", "createdAt"))


def number_of(value: Any) -> str:
    """A lead's id; empty for what is none."""
    said = text_of(value) if not isinstance(value, bool) else ""
    return said if said.isascii() and said.isdecimal() and 0 < len(said) <= 18 else ""


def record_of(lead: Mapping[str, Any], mapping: FieldMapping, now: datetime) -> Record:
    """Who a lead is and what Marketo holds of them. Raises Unreadable for one without an id."""
    name = number_of(lead.get("id"))
    if not name:
        raise Unreadable("a lead without an id")
    at = time_until(now, lead.get("updatedAt")) or now
    said = {field: value for field, value in lead.items() if value not in (None, "")}
    read = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"read|{name}|{at.isoformat()}",
        identities=identities_of(name, said),
        properties={"source": "read"},
        told=profile_of(said),
        mapping=mapping.version,
    )
    return Record(identities=read.identities, events=tuple(events_of(mapping.inbound(said), read, name)))


def identities_of(name: str, said: Mapping[str, Any]) -> tuple[Identity, ...]:
    """Who it is: by the lead's id, where there is one, and by address."""
    found = [Identity(KIND, name)] if name else []
    if email := clean_email(text_of(said.get("email"))[:320]):
        found.append(Identity(EMAIL, email.address))
    return tuple(found)


def profile_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth remembering of what Marketo says of a person."""
    return {name: value for name, value in said.items() if name not in _NO_PROFILE}
