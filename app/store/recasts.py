"""What a mapping that is rehearsed reads otherwise in stored payloads: which there are, and what becomes of events."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from app.contacts.recast import Recast
from app.store.counts import first_since, up_to
from app.store.engine import Database
from app.store.inbox import DONE, PARKED
from app.store.tables import events, inbox
from app.store.tables import rehearsal_events as _table

MOST_COUNTED = 1_000_000
_decode = msgspec.json.Decoder(Recast).decode


def _payloads(connection_ids: Collection[int], after: int, since: datetime, until: datetime) -> Select[Any]:
    return select(inbox.c.id).where(
        inbox.c.connection_id.in_(connection_ids),
        inbox.c.id > after,
        inbox.c.received_at >= since,
        inbox.c.received_at < until,
        inbox.c.status.in_((DONE, PARKED)),
        inbox.c.kind != "baton",
    )


def before_span(conn: Connection, since: datetime) -> tuple[int, int]:
    """The last request, and the last event, that reached us before a moment."""
    return (
        first_since(conn, inbox, inbox.c.received_at, since) - 1,
        first_since(conn, events, events.c.received_at, since, events.c.seq) - 1,
    )


def count_payloads(
    conn: Connection, connection_ids: Collection[int], after: int, since: datetime, until: datetime
) -> int:
    """How many requests of these connections there are in a span; one more than can be counted where there are more."""
    return up_to(conn, {"": _payloads(connection_ids, after, since, until)}, MOST_COUNTED)[""]


def next_payloads(
    conn: Connection, connection_ids: Collection[int], after: int, since: datetime, until: datetime, limit: int
) -> list[int]:
    """The next so many of them, by id: those that were read, and those that are parked."""
    query = _payloads(connection_ids, after, since, until).order_by(inbox.c.id).limit(limit)
    return list(conn.execute(query).scalars())


def keep(conn: Connection, database: Database, rehearsal_id: int, found: Iterable[tuple[str, int, Recast]]) -> None:
    """Keep events as both mappings read them, given as (event, contact, recast). What is told twice stays as it was
    told first."""
    rows = [
        {
            "rehearsal_id": rehearsal_id,
            "event_id": event_id,
            "contact_id": contact_id,
            "body": msgspec.json.encode(one).decode(),
        }
        for event_id, contact_id, one in found
    ]
    if rows:
        conn.execute(database.insert(_table).on_conflict_do_nothing(), rows)


def of_contacts(conn: Connection, rehearsal_id: int, contact_ids: Collection[int]) -> dict[int, dict[str, Recast]]:
    """contact → event → what both mappings make of it; contacts without any are left out."""
    query = select(_table.c.contact_id, _table.c.event_id, _table.c.body).where(
        _table.c.rehearsal_id == rehearsal_id, _table.c.contact_id.in_(contact_ids)
    )
    found: dict[int, dict[str, Recast]] = {}
    for contact_id, event_id, body in conn.execute(query):
        found.setdefault(contact_id, {})[event_id] = _decode(body)
    return found
