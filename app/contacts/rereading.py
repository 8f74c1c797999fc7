"""What a contact's fields would be, had a mended mapping been in force from the start. Pure.

The whole history is folded with the payloads as they are read now. What differs from the contact as it is becomes one
event, as of today: it is quiet, since nobody has done anything, and the past stays as it was known then.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from app.contacts.contact import Contact, Value
from app.contacts.corrections import SAID, provenance
from app.contacts.event import Event, Identity, position
from app.contacts.fold import fold
from app.contacts.identity import CONTACT
from app.contacts.own_events import READ_AGAIN


class Reading(Struct, frozen=True):
    """What a mapping reads in the payload of an event: contact fields, and identities that the event does not name."""

    mapping: str
    fields: dict[str, Any]
    identities: tuple[Identity, ...] = ()
    contact_id: int = 0  # whose event it was then


def as_if(history: Iterable[Event], readings: Mapping[str, Reading]) -> dict[str, Value]:
    """The contact's fields as these readings make them; what was corrected before is in the readings."""
    contact = Contact()
    for event in sorted(history, key=position):
        if event.type == READ_AGAIN:
            continue
        reading = readings.get(event.id)
        if reading is not None:
            event = msgspec.structs.replace(event, fields=reading.fields, mapping=reading.mapping)
        fold(contact, event)
    return contact.fields


def correction(
    contact_id: int,
    known: Mapping[str, Value],
    wanted: Mapping[str, Value],
    identities: Iterable[Identity],
    *,
    mapping: str,
    source_key: str,
    now: datetime,
) -> Event | None:
    """The event that makes ``wanted`` of the fields that are known; None where they are the same."""
    names = [name for name in sorted({*known, *wanted}) if _differ(known.get(name), wanted.get(name))]
    also = tuple(dict.fromkeys(identities))
    if not names and not also:
        return None
    fields = {name: wanted[name].value if name in wanted else None for name in names}
    return Event(
        type=READ_AGAIN,
        occurred_at=now,
        source_key=source_key,
        identities=(Identity(CONTACT, str(contact_id)), *also),
        fields=fields,
        properties={
            "mapping": mapping,
            SAID: {name: provenance(wanted.get(name), known.get(name)) for name in names},
        },
        mapping=mapping,
    )


def _differ(known: Value | None, wanted: Value | None) -> bool:
    """Whether it is another value, or said at another time or place; the mapping's version alone is no difference."""
    if known is None or wanted is None:
        return known is not wanted
    return (known.value, known.at, known.connection_id) != (wanted.value, wanted.at, wanted.connection_id)
