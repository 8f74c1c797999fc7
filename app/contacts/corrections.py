"""What a mended mapping reads in old payloads, worked into a contact: each value as of when it was really said.

The log keeps what was understood at the time; one event of Baton's own says what was read since. It may be folded among
others that reached us later, so each value says over which it goes: a newer word stays.
"""

from datetime import datetime
from typing import Any

import msgspec

from app.contacts.contact import Contact, Value
from app.contacts.event import Event

SAID = "said"  # the property that says of each field when, by which connection and through which mapping


def correct(contact: Contact, event: Event) -> None:
    """Give the contact the event's fields, where nothing newer is known; None takes a field away."""
    said = event.properties.get(SAID, {})
    for name, value in event.fields.items():
        told = said.get(name, {})
        at, known = _time(told.get("at"), event), contact.fields.get(name)
        if known is not None and known.at > max(at, _time(told.get("over"), event)):
            continue
        if value is None:
            contact.fields.pop(name, None)
        else:
            mapping = str(told.get("mapping") or event.mapping)
            contact.fields[name] = Value(value, at, int(told.get("connection") or 0), mapping)


def provenance(value: Value | None, over: Value | None) -> dict[str, Any]:
    """What an event says of one value: where it is from, and over which it goes."""
    told: dict[str, Any] = {}
    if value is not None:
        told = {"at": value.at.isoformat(), "connection": value.connection_id, "mapping": value.mapping}
    if over is not None:
        told["over"] = over.at.isoformat()
    return told


def _time(text: Any, event: Event) -> datetime:
    """A moment as :func:`provenance` wrote it; what is missing is older than everything."""
    return msgspec.convert(text, datetime) if text else datetime.min.replace(tzinfo=event.occurred_at.tzinfo)
