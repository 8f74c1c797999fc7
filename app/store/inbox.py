"""The inbox: everything that arrived, as it arrived; claimed by workers, kept for replay, parked where unreadable."""

import secrets
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, or_, select, update

from app.contacts.event import Event
from app.store.engine import Conflict, Database, db_in, db_in_param, db_now
from app.store.many import Adder, Among, Row
from app.store.tables import inbox

PENDING, DONE, PARKED = "pending", "done", "parked"
NOTED = "baton"  # the kind of what brings Baton's own events
ERASED = "it was about somebody who was erased"  # the reason of a request of which nothing is kept
CLAIM_SECONDS = 60
WORKING_SECONDS = 10  # who works claims anew at least this often
MAX_ATTEMPTS = 5
# A row whose workers died is taken in ever smaller company, so that it cannot take many others with it, and in the end
# alone: by tries, how many rows may be in its claim. Those that were merely near one that kills are soon through.
COMPANY = (sys.maxsize, 32, 8, 1, 1)
SUSPECT_AFTER = 2  # from so many tries on a row lets others go first
SUSPECTS_TURN = 32
# Of a claim, unless a single row has more: some thousand events. What comes next waits until they are written
MAX_CLAIM_BYTES = 1024 * 1024


class Arrival(Struct, frozen=True, kw_only=True):
    """A request to store. ``kind`` is webhook, poll, form, track, or baton for Baton's own events."""

    connection_id: int
    kind: str
    received_at: datetime
    body: bytes
    url: str = ""
    route: str = ""
    headers: Mapping[str, str] = {}


class InboxRow(Struct, frozen=True, kw_only=True):
    """A stored request that this worker has claimed."""

    id: int
    connection_id: int
    kind: str
    route: str
    received_at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int


_ACCEPT = Adder(inbox, "connection_id", "kind", "route", "received_at", "url", "headers", "body")


def accept(conn: Connection, arrivals: Iterable[Arrival]) -> None:
    """Store requests; they are safe once the transaction is committed."""
    _ACCEPT.add(conn, [_stored(arrival) for arrival in arrivals])


def _stored(arrival: Arrival) -> Row:
    return (
        arrival.connection_id,
        arrival.kind,
        arrival.route,
        arrival.received_at,
        arrival.url,
        msgspec.json.encode(arrival.headers).decode() if arrival.headers else "{}",
        arrival.body,
    )


def note(conn: Connection, events: Sequence[Event], now: datetime, connection_id: int = 0) -> None:
    """Put events of Baton's own (a verdict, a message that left, a timer) in the inbox: they go the same way."""
    accept(
        conn,
        [Arrival(connection_id=connection_id, kind=NOTED, received_at=now, body=msgspec.json.encode(list(events)))],
    )


def _free() -> ColumnElement[bool]:
    """Rows that wait and that nobody works on; a claim whose time is over is as good as none."""
    return and_(
        inbox.c.status == PENDING,
        or_(inbox.c.claimed_until.is_(None), inbox.c.claimed_until < db_now()),
        or_(inbox.c.not_before.is_(None), inbox.c.not_before <= db_now()),
    )


# Statements of the hot path are built once: building one costs more than running it
_WAITING = select(inbox.c.id, func.length(inbox.c.body), inbox.c.attempts).where(_free()).order_by(inbox.c.id)
_FRESH = _WAITING.where(inbox.c.attempts < SUSPECT_AFTER).limit(bindparam("rows")).with_for_update(skip_locked=True)
_SUSPECT = _WAITING.where(inbox.c.attempts >= SUSPECT_AFTER).limit(bindparam("rows")).with_for_update(skip_locked=True)
_TAKE = (
    update(inbox)
    .where(inbox.c.id.in_(bindparam("ids", expanding=True)))
    .values(claim=bindparam("number"), claimed_until=db_in_param("microseconds"), attempts=inbox.c.attempts + 1)
    .returning(*(inbox.c[name] for name in InboxRow.__struct_fields__))
)


def claim(database: Database, rows: int) -> tuple[int, list[InboxRow]]:
    """Take up to so many waiting rows, oldest first, for one minute; the claim's number and the rows.

    Each claim counts as an attempt before any work is done, so that a row that kills its worker is found out: it is
    taken with fewer and fewer others, and parked after five times.
    """
    number = secrets.randbits(62)
    with database.write(lasting=False) as conn:
        # Now and then a suspect comes first, or a steady stream would leave it waiting for ever
        first, then = (_SUSPECT, _FRESH) if number % SUSPECTS_TURN == 0 else (_FRESH, _SUSPECT)
        found = conn.execute(first, {"rows": rows}).all() or conn.execute(then, {"rows": rows}).all()
        if not found:
            return number, []
        if found[0][2] >= MAX_ATTEMPTS:
            reason = f"its worker stopped {MAX_ATTEMPTS} times while reading this"
            conn.execute(update(inbox).where(inbox.c.id == found[0][0]).values(status=PARKED, reason=reason))
            return number, []
        ids = _together(found)
        taken = conn.execute(_TAKE, {"ids": ids, "number": number, "microseconds": int(CLAIM_SECONDS * 1e6)}).all()
    return number, sorted(map(_row, taken), key=lambda row: row.id)


def _together(found: Iterable[Any]) -> list[int]:
    """The first of these waiting rows that may go into one claim."""
    ids: list[int] = []
    size, room = 0, sys.maxsize
    for row_id, length, attempts in found:
        size, room = size + length, min(room, COMPANY[min(attempts, len(COMPANY) - 1)])
        if ids and (size > MAX_CLAIM_BYTES or len(ids) >= room):
            break
        ids.append(row_id)
    return ids


def _row(found: Any) -> InboxRow:
    values = dict(found._mapping)
    values["headers"] = msgspec.json.decode(values["headers"]) if values["headers"] != "{}" else {}
    values["body"] = bytes(values["body"])
    return InboxRow(**values)


_BODIES = Among(select(inbox.c.id, inbox.c.body), inbox.c.id)


class ClaimLost(Conflict):
    """A claim's time ran out before its rows were settled: they are another worker's by now."""


class Settled(Struct, frozen=True):
    """What became of a row: done with so many events, or parked with a reason."""

    id: int
    events: int = 0
    parked: str = ""


_END = (
    update(inbox)
    .where(inbox.c.id.in_(bindparam("ids", expanding=True)), inbox.c.claim == bindparam("number"))
    .values(events=bindparam("count"), claim=None, claimed_until=None)
)
_PARK = _END.values(status=PARKED, reason=bindparam("why"))
_DONE = _END.values(status=DONE, reason=None, done_at=db_now())


def settle(conn: Connection, number: int, rows: Sequence[Settled]) -> None:
    """Close claimed rows, in the transaction that holds what came of them. Raises ClaimLost."""
    alike: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        alike.setdefault((row.events, row.parked), []).append(row.id)
    changed = 0
    for (events, reason), ids in alike.items():
        told = {"ids": ids, "number": number, "count": events}
        changed += conn.execute(_PARK if reason else _DONE, told | {"why": reason} if reason else told).rowcount
    if changed != len(rows):
        raise ClaimLost("another worker took these inbox rows over")


def postpone(conn: Connection, number: int, ids: Sequence[int], until: datetime, reason: str) -> None:
    """Let rows wait, for a vendor that cannot be read now; waiting is no failed attempt."""
    conn.execute(
        update(inbox)
        .where(inbox.c.id.in_(ids), inbox.c.claim == number)
        .values(not_before=until, claim=None, claimed_until=None, reason=reason, attempts=inbox.c.attempts - 1)
    )


def retry(conn: Connection, number: int, row_id: int, seconds: float, reason: str) -> None:
    """Let a row wait over which somebody stumbled; that was a failed attempt."""
    conn.execute(
        update(inbox)
        .where(inbox.c.id == row_id, inbox.c.claim == number)
        .values(not_before=db_in(seconds), claim=None, claimed_until=None, reason=reason)
    )


def release(conn: Connection, number: int, ids: Sequence[int]) -> None:
    """Give rows back that were not worked on."""
    conn.execute(
        update(inbox)
        .where(inbox.c.id.in_(ids), inbox.c.claim == number)
        .values(claim=None, claimed_until=None, attempts=inbox.c.attempts - 1)
    )


def park_item(conn: Connection, row: InboxRow, body: bytes, reason: str) -> None:
    """Keep one bad item of a batch as a row of its own, that can be replayed alone."""
    conn.execute(
        insert(inbox).values(
            connection_id=row.connection_id,
            kind=row.kind,
            route=row.route,
            received_at=row.received_at,
            url=row.url,
            headers=msgspec.json.encode(row.headers).decode(),
            body=body,
            status=PARKED,
            reason=reason,
            parent_id=row.id,
        )
    )


def part(conn: Connection, number: int, row: InboxRow, events: Sequence[Event]) -> None:
    """Let each of a claimed row's events go on as a row of its own, because one of them costs all the others.

    Raises ClaimLost.
    """
    one = {"connection_id": row.connection_id, "kind": NOTED, "received_at": row.received_at, "url": row.url}
    one |= {"parent_id": row.id, "attempts": SUSPECT_AFTER - 1}
    conn.execute(insert(inbox), [{**one, "body": msgspec.json.encode([event])} for event in events])
    settle(conn, number, [Settled(row.id, len(events))])


def _holds_something() -> ColumnElement[bool]:
    return or_(inbox.c.reason.is_(None), inbox.c.reason != ERASED)


def replay(conn: Connection, ids: Sequence[int]) -> int:
    """Have rows read again, after a mapping was mended for instance; how many there were."""
    return conn.execute(
        update(inbox)
        .where(inbox.c.id.in_(ids), inbox.c.status != PENDING, _holds_something())
        .values(status=PENDING, reason=None, attempts=0, claim=None, claimed_until=None, not_before=None)
    ).rowcount


def bodies(conn: Connection, ids: Collection[int]) -> dict[int, bytes]:
    """The bodies of requests, by id."""
    return {row_id: bytes(body) for row_id, body in _BODIES.all(conn, ids)}


def after(conn: Connection, last: int, limit: int) -> list[InboxRow]:
    """The next so many requests by id that nobody is to read any more: to look at all of them, a few at a time."""
    query = select(*(inbox.c[name] for name in InboxRow.__struct_fields__))
    query = query.where(inbox.c.id > last, inbox.c.status != PENDING)
    return [_row(found) for found in conn.execute(query.order_by(inbox.c.id).limit(limit))]


def blank(conn: Connection, changed: Mapping[int, bytes]) -> None:
    """Put what is left of requests in their place, without somebody who was erased. Where nothing is, they are done."""
    for row_id, body in sorted(changed.items()):
        left: dict[str, Any] = {"body": body, "url": "", "headers": "{}"}
        if not body:
            left |= {"status": DONE, "reason": ERASED}
        conn.execute(update(inbox).where(inbox.c.id == row_id, inbox.c.status != PENDING).values(left))


def forget_before(conn: Connection, cutoff: datetime, limit: int = 1_000) -> int:
    """Delete some of the raw requests that are older than the retention time; how many. What a vendor sent and nobody
    could read stays for a person; of what strangers post there is no end."""
    over = or_(inbox.c.status == DONE, and_(inbox.c.status == PARKED, inbox.c.kind.in_(("form", "track"))))
    old = select(inbox.c.id).where(inbox.c.received_at < cutoff, over).order_by(inbox.c.id).limit(limit)
    return conn.execute(inbox.delete().where(inbox.c.id.in_(old))).rowcount


_OLDEST_READY = select(inbox.c.received_at).where(_free()).order_by(inbox.c.id).limit(1)


def oldest_ready(conn: Connection) -> datetime | None:
    """When the oldest row that could be claimed now arrived, or None."""
    return conn.execute(_OLDEST_READY).scalar()


def is_worked_on(conn: Connection) -> bool:
    """Whether somebody has claimed waiting rows in the last seconds."""
    lately = db_in(CLAIM_SECONDS - WORKING_SECONDS)
    claimed = select(inbox.c.id).where(inbox.c.status == PENDING, inbox.c.claimed_until >= lately)
    return conn.execute(claimed.order_by(inbox.c.id).limit(1)).first() is not None


def oldest_pending(conn: Connection) -> datetime | None:
    """When the oldest row that still waits arrived, or None."""
    return conn.execute(
        select(inbox.c.received_at).where(inbox.c.status == PENDING).order_by(inbox.c.id).limit(1)
    ).scalar()


RETENTION = timedelta(days=90)
