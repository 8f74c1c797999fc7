"""What came in through one connection lately, for whoever looks at its mapping; bounded in number and in size."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from app.contacts.event import Event
from app.store.inbox import NOTED, InboxRow
from app.store.many import Among
from app.store.tables import events, held_values, inbox

MAX_BYTES = 2 * 1024 * 1024
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode
_decode_event = msgspec.json.Decoder(Event).decode


class Request(Struct, frozen=True):
    """A stored request, and why it is parked, if it is."""

    row: InboxRow
    status: str
    reason: str


class Read(Struct, frozen=True):
    """A contact as it was read from the vendor, which is an event of the log and no request."""

    seq: int
    contact_id: int | None
    event: Event


class HeldValue(Struct, frozen=True):
    """A value that a mapping had no place for, and how often it came."""

    vendor: str
    value: str
    reason: str
    count: int
    first_at: datetime
    last_at: datetime


def requests(conn: Connection, connection_id: int, limit: int, before: int | None = None) -> list[Request]:
    """The last requests of a connection, the newest first; fewer where they are large."""
    table = inbox.c
    asked = [table.connection_id == connection_id, table.kind != NOTED]
    if before is not None:
        asked.append(table.id < before)
    sizes = select(table.id, func.length(table.body)).where(*asked).order_by(table.id.desc()).limit(limit)
    return _requests(conn, _within((row_id, length) for row_id, length in conn.execute(sizes)))


def request(conn: Connection, connection_id: int, row_id: int) -> Request | None:
    """One request of a connection."""
    found = _requests(conn, [row_id])
    return found[0] if found and found[0].row.connection_id == connection_id else None


def several(conn: Connection, ids: Sequence[int]) -> list[Request]:
    """Some requests in this order of ids, oldest first; fewer where they are large."""
    sizes = dict(conn.execute(select(inbox.c.id, func.length(inbox.c.body)).where(inbox.c.id.in_(ids))).all())
    return _requests(conn, _within((one, sizes[one]) for one in ids if one in sizes))[::-1]


def _within(sizes: Iterable[tuple[int, int]]) -> list[int]:
    """The first of these ids, at least one, whose bodies are not too much to hold."""
    ids: list[int] = []
    size = 0
    for row_id, length in sizes:
        size += length
        if ids and size > MAX_BYTES:
            break
        ids.append(row_id)
    return ids


def _requests(conn: Connection, ids: Collection[int]) -> list[Request]:
    names = InboxRow.__struct_fields__
    query = select(*(inbox.c[name] for name in names), inbox.c.status, inbox.c.reason).where(inbox.c.id.in_(ids))
    found = []
    for row in conn.execute(query.order_by(inbox.c.id.desc())) if ids else ():
        values: dict[str, Any] = dict(row._mapping)
        status, reason = values.pop("status"), values.pop("reason") or ""
        values["headers"] = _decode_headers(values["headers"])
        values["body"] = bytes(values["body"])
        found.append(Request(InboxRow(**values), status, reason))
    return found


def reads(conn: Connection, connection_id: int, limit: int) -> list[Read]:
    """Contacts as they were read from the vendor lately, the newest first, among the last so many events."""
    query = (
        select(events.c.seq, events.c.contact_id, events.c.body)
        .where(events.c.connection_id == connection_id)
        .order_by(events.c.seq.desc())
        .limit(limit)
    )
    found = (Read(seq, contact_id, _decode_event(body)) for seq, contact_id, body in conn.execute(query))
    return [one for one in found if one.event.told and one.event.properties.get("source") == "read"]


_OWNERS = Among(select(events.c.id, events.c.contact_id).where(events.c.contact_id.is_not(None)), events.c.id)


def owners(conn: Connection, event_ids: Collection[str]) -> dict[str, int]:
    """event → the contact that it is about."""
    return dict(_OWNERS.all(conn, event_ids))


def held(conn: Connection, connection_id: int, limit: int = 500) -> list[HeldValue]:
    """Values that the connection's mapping had no place for, the most frequent first."""
    columns = [held_values.c[name] for name in HeldValue.__struct_fields__]
    query = select(*columns).where(held_values.c.connection_id == connection_id)
    return [HeldValue(*row) for row in conn.execute(query.order_by(held_values.c["count"].desc()).limit(limit))]
