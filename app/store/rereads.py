"""Reading payloads again: what was asked, how far each has come, and what later mappings read in old payloads.

An event in the log says what was read when it came, for ever. What a mended mapping reads in the same payload stands
beside it, so that the next one is held against that.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, func, insert, select, update

from app.contacts.event import Event, Identity
from app.contacts.rereading import Reading
from app.store.counts import first_since
from app.store.engine import Database
from app.store.inbox import DONE, NOTED, PARKED
from app.store.many import Among
from app.store.tables import events, inbox, readings, rereads

OPEN, FINISHED, STOPPED = "open", "done", "stopped"
_table = rereads.c
_decode = msgspec.json.Decoder(Event).decode


class Reread(Struct, frozen=True, kw_only=True):
    """Payloads of one mapping's connections, read again by the version named here; and how far that has come."""

    id: int
    name: str
    version: str
    since: datetime
    vendor: str
    status: str
    reason: str
    asked_by: str
    created_at: datetime
    ended_at: datetime | None
    upto: int
    last_request: int
    last_event: int
    last_contact: int
    total: int
    seen: int
    failed: int
    differing: int
    news: int
    contacts: int

    @property
    def is_open(self) -> bool:
        """Whether it is still worked on."""
        return self.status == OPEN


class Known(Struct, frozen=True):
    """An event of the log with whose it is."""

    event: Event
    contact_id: int | None


# --- asking


def payloads(connection_ids: Collection[int], first: int, since: datetime, status: str = DONE) -> Select[Any]:
    """The requests of these connections from a moment on that were read, or are parked."""
    return select(inbox.c.id).where(
        inbox.c.connection_id.in_(connection_ids),
        inbox.c.id >= first,
        inbox.c.received_at >= since,
        inbox.c.status == status,
        inbox.c.kind != NOTED,
    )


def newest(conn: Connection, connection_ids: Collection[int], first: int, since: datetime, limit: int) -> list[int]:
    """The last so many of those that were read, the oldest of them first."""
    query = payloads(connection_ids, first, since).order_by(inbox.c.id.desc()).limit(limit)
    return list(conn.execute(query).scalars())[::-1]


def first_request(conn: Connection, since: datetime) -> int:
    """The id from which on requests are younger than a moment."""
    return first_since(conn, inbox, inbox.c.received_at, since)


def parked(conn: Connection, connection_ids: Collection[int], since: datetime, limit: int) -> list[int]:
    """The parked requests of these connections from a moment on, the oldest first."""
    query = payloads(connection_ids, first_request(conn, since), since, PARKED)
    return list(conn.execute(query.order_by(inbox.c.id).limit(limit)).scalars())


def add(
    conn: Connection,
    *,
    name: str,
    version: str,
    since: datetime,
    vendor: str,
    total: int,
    asked_by: str,
    now: datetime,
) -> int:
    """Have payloads read again, ``total`` as far as was counted; its id. What comes in from now on is read by the
    mapping in force anyway."""
    first = first_request(conn, since)
    said = insert(rereads).values(
        name=name,
        version=version,
        since=since,
        vendor=vendor,
        status=OPEN,
        asked_by=asked_by,
        created_at=now,
        upto=conn.execute(select(func.max(inbox.c.id))).scalar() or 0,
        last_request=first - 1,
        last_event=first_since(conn, events, events.c.received_at, since, events.c.seq) - 1,
        total=total,
    )
    return int(conn.execute(said.returning(_table.id)).scalar_one())


def find(conn: Connection, reread_id: int) -> Reread | None:
    """One of them, or None."""
    row = conn.execute(select(rereads).where(_table.id == reread_id)).first()
    return None if row is None else Reread(**row._mapping)


def of_mapping(conn: Connection, name: str, limit: int = 5) -> list[Reread]:
    """The last ones of a mapping, the newest first."""
    query = select(rereads).where(_table.name == name).order_by(_table.id.desc()).limit(limit)
    return [Reread(**row._mapping) for row in conn.execute(query)]


def oldest_open(conn: Connection) -> Reread | None:
    """The one to work on."""
    row = conn.execute(select(rereads).where(_table.status == OPEN).order_by(_table.id).limit(1)).first()
    return None if row is None else Reread(**row._mapping)


def end(conn: Connection, reread_id: int, status: str, now: datetime, reason: str = "") -> bool:
    """Let it be over; whether it was open."""
    statement = update(rereads).where(_table.id == reread_id, _table.status == OPEN)
    return conn.execute(statement.values(status=status, ended_at=now, reason=reason)).rowcount > 0


def advance(conn: Connection, before: Reread, after: Reread) -> bool:
    """Write how far it has come; False where it was stopped, or somebody else has gone on with it meanwhile."""
    names = ("last_request", "last_event", "last_contact", "seen", "failed", "differing", "news", "contacts")
    same = [_table[name] == getattr(before, name) for name in names[:3]]
    statement = update(rereads).where(_table.id == before.id, _table.status == OPEN, *same)
    return conn.execute(statement.values({name: getattr(after, name) for name in names})).rowcount > 0


# --- what is read


def next_requests(conn: Connection, reread: Reread, connection_ids: Collection[int], limit: int) -> list[int]:
    """The next so many requests, by id."""
    query = payloads(connection_ids, reread.last_request + 1, reread.since).where(inbox.c.id <= reread.upto)
    return list(conn.execute(query.order_by(inbox.c.id).limit(limit)).scalars())


def next_reads(
    conn: Connection, last: int, connection_ids: Collection[int], limit: int
) -> tuple[list[Known], int | None]:
    """Contacts as they were read from the tool, among the next so many events after one; and the last event looked at,
    None where there is none left."""
    query = (
        select(events.c.seq, events.c.contact_id, events.c.body)
        .where(events.c.connection_id.in_(connection_ids), events.c.seq > last)
        .order_by(events.c.seq)
        .limit(limit)
    )
    rows = conn.execute(query).all()
    found = [Known(_decode(body), contact_id) for _, contact_id, body in rows]
    mine = [one for one in found if one.event.told and one.event.properties.get("source") == "read"]
    return mine, rows[-1].seq if rows else None


_KNOWN = Among(select(events.c.id, events.c.contact_id, events.c.body), events.c.id)
_READ = select(readings.c.event_id, readings.c.mapping, readings.c.fields, readings.c.identities)
_READINGS = Among(_READ, readings.c.event_id)
_OF_CONTACTS = Among(_READ.join(events, events.c.id == readings.c.event_id), events.c.contact_id)


def known(conn: Connection, event_ids: Collection[str]) -> dict[str, Known]:
    """Those of these events that are in the log."""
    return {name: Known(_decode(body), contact_id) for name, contact_id, body in _KNOWN.all(conn, event_ids)}


def read_so_far(conn: Connection, event_ids: Collection[str]) -> dict[str, Reading]:
    """What later mappings read in the payloads of these events, where that is something else than they say."""
    return dict(map(_reading, _READINGS.all(conn, event_ids)))


def of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[str, Reading]:
    """The same for all events of these contacts."""
    return dict(map(_reading, _OF_CONTACTS.all(conn, contact_ids)))


def _reading(row: Sequence[Any]) -> tuple[str, Reading]:
    name, mapping, fields, identities = row
    known_by = msgspec.json.decode(identities, type=tuple[Identity, ...])
    return name, Reading(mapping, msgspec.json.decode(fields), known_by)


def keep(conn: Connection, database: Database, reread_id: int, found: Mapping[str, Reading]) -> None:
    """Keep what is read in the payloads of events, as event → reading. An event that is gone by now was somebody's
    who has been erased: nothing of that is kept."""
    if not found:
        return
    there = select(events.c.id).where(events.c.id.in_(found)).with_for_update(read=True, key_share=True)
    living = set(conn.execute(there).scalars())
    if not living:
        return
    statement = database.insert(readings)
    changed = {
        name: statement.excluded[name] for name in ("reread_id", "mapping", "fields", "identities", "contact_id")
    }
    conn.execute(
        statement.on_conflict_do_update(index_elements=[readings.c.event_id], set_=changed),
        [
            {
                "event_id": name,
                "reread_id": reread_id,
                "mapping": one.mapping,
                "fields": msgspec.json.encode(one.fields).decode(),
                "identities": msgspec.json.encode(one.identities).decode(),
                "contact_id": one.contact_id,
            }
            for name, one in sorted(found.items())
            if name in living
        ],
    )


def next_contacts(conn: Connection, reread: Reread, limit: int) -> list[int]:
    """The next so many contacts in whose payloads something else is read, by id; some may have been merged since."""
    return _contacts_of(conn, reread.id, reread.last_contact, limit)


def changed_contacts(conn: Connection, reread_id: int, limit: int) -> list[int]:
    """Some of the contacts in whose payloads something else was read."""
    return _contacts_of(conn, reread_id, 0, limit)


def _contacts_of(conn: Connection, reread_id: int, last: int, limit: int) -> list[int]:
    mine = readings.c.contact_id
    query = select(mine).distinct().where(readings.c.reread_id == reread_id, mine > last).order_by(mine).limit(limit)
    return list(conn.execute(query).scalars())
