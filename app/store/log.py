"""The event log: what happened to whom. State is folded from it and can be folded from it again."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, update

from app.contacts.event import Event
from app.store.many import Adder, Among, Row
from app.store.tables import events

_encode = msgspec.json.Encoder().encode
_FEW = 100
_decode = msgspec.json.Decoder(Event).decode


class Entry(Struct, frozen=True):
    """An event with where it belongs."""

    event: Event
    contact_id: int | None
    inbox_id: int | None


_KNOWN = Among(select(events.c.id), events.c.id)
_APPEND = Adder(events, "id", "contact_id", "connection_id", "inbox_id", "type", "occurred_at", "received_at", "body")
_HISTORIES = Among(select(events.c.contact_id, events.c.body), events.c.contact_id)


def known(conn: Connection, ids: Collection[str]) -> set[str]:
    """Which of these events are in the log already."""
    return {event_id for (event_id,) in _KNOWN.all(conn, ids)}


def append(conn: Connection, entries: Sequence[Entry]) -> None:
    """Add events. Raises IntegrityError where another worker was first with one of them."""
    _APPEND.add(conn, [_row(entry.event, entry.contact_id, entry.inbox_id) for entry in entries])


def _row(event: Event, contact_id: int | None, inbox_id: int | None) -> Row:
    return (
        event.id,
        contact_id,
        event.connection_id,
        inbox_id,
        str(event.type),  # as an EventType the drivers take it for something to be converted
        event.occurred_at,
        event.received_at,
        _encode(event).decode(),
    )


def histories(conn: Connection, contact_ids: Collection[int]) -> dict[int, list[Event]]:
    """Every event of these contacts, in no particular order."""
    found: dict[int, list[Event]] = {contact_id: [] for contact_id in contact_ids}
    for contact_id, body in _HISTORIES.all(conn, found):
        found[contact_id].append(_decode(body))
    return found


def since(conn: Connection, contact_id: int, types: Collection[str], at: datetime) -> list[Event]:
    """The newest few events of a contact of some types, from a moment on."""
    query = (
        select(events.c.body)
        .where(events.c.contact_id == contact_id, events.c.occurred_at >= at, events.c.type.in_(types))
        .order_by(events.c.occurred_at.desc())
        .limit(_FEW)
    )
    return [_decode(body) for body in conn.execute(query).scalars()]


def move(conn: Connection, moved: Mapping[str, int]) -> None:
    """Let events belong to other contacts: event id → contact id."""
    if moved:
        statement = update(events).where(events.c.id == bindparam("b_id"))
        conn.execute(
            statement, [{"b_id": event_id, "contact_id": contact_id} for event_id, contact_id in sorted(moved.items())]
        )
