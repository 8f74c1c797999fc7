"""How far each stream of a connection has been read, what was read lately, and on which ways events came."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select

from app.contacts.times import EPOCH
from app.store.engine import Database
from app.store.tables import intake, polled, polls

KEPT = timedelta(days=400)  # of the counts by day

POLL = "poll"  # the inbox's kind of what was polled


class Polling(Struct, kw_only=True):
    """Where reading a stream stands. Everything before ``upto`` was read; while a round is under way it reads from
    ``since`` until ``until`` and goes on at ``page``. ``problem`` says why it waits until ``due_at``, if not for its
    turn. ``place`` outlives the round: how far the stream was read where the vendor counts by places of its own."""

    connection_id: int
    stream: str
    upto: datetime
    due_at: datetime
    since: datetime | None = None
    until: datetime | None = None
    page: str = ""
    place: str = ""
    failures: int = 0
    problem: str = ""


_COLUMNS = tuple(polls.c[name] for name in Polling.__struct_fields__)


def load(conn: Connection, connection_ids: Collection[int] | None = None) -> dict[tuple[int, str], Polling]:
    """Where reading stands, by connection and stream; of all connections, or of these."""
    query = select(*_COLUMNS)
    if connection_ids is not None:
        query = query.where(polls.c.connection_id.in_(connection_ids))
    found = (Polling(**row._mapping) for row in conn.execute(query))
    return {(one.connection_id, one.stream): one for one in found}


def save(conn: Connection, database: Database, state: Polling) -> None:
    """Keep where reading a stream stands."""
    values = {name: getattr(state, name) for name in Polling.__struct_fields__}
    statement = database.insert(polls).values(**values)
    changed = {name: value for name, value in values.items() if name not in ("connection_id", "stream")}
    conn.execute(statement.on_conflict_do_update(index_elements=[polls.c.connection_id, polls.c.stream], set_=changed))


def news(conn: Connection, connection_id: int, stream: str, keys: Sequence[str], now: datetime) -> set[str]:
    """Those of these keys that were not read lately; from now on they were."""
    by_hash = {blake2b(key.encode(), digest_size=12).hexdigest(): key for key in keys}
    mine = (polled.c.connection_id == connection_id) & (polled.c.stream == stream)
    known = set(conn.execute(select(polled.c.key).where(mine, polled.c.key.in_(list(by_hash)))).scalars())
    fresh = {digest: key for digest, key in by_hash.items() if digest not in known}
    if fresh:
        row = {"connection_id": connection_id, "stream": stream, "at": now}
        conn.execute(insert(polled), [{**row, "key": digest} for digest in fresh])
    return set(fresh.values())


def forget_read_before(conn: Connection, connection_id: int, stream: str, moment: datetime) -> None:
    """Let go of keys of what no window reaches any more."""
    mine = (polled.c.connection_id == connection_id) & (polled.c.stream == stream)
    conn.execute(delete(polled).where(mine, polled.c.at < moment))


# --- on which ways events came


def count(conn: Connection, database: Database, came: Mapping[tuple[int, str], int], now: datetime) -> None:
    """Count new events of today: (connection, way) → how many."""
    if not came:
        return
    day = (now - EPOCH).days
    statement = database.insert(intake)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[intake.c.connection_id, intake.c.day, intake.c.way],
            set_={"count": intake.c["count"] + statement.excluded["count"]},
        ),
        [
            {"connection_id": connection_id, "day": day, "way": way, "count": number}
            for (connection_id, way), number in sorted(came.items())
        ],
    )


class Came(Struct, frozen=True):
    """How many new events a connection brought in one day (since 1970, UTC) on one way."""

    connection_id: int
    day: int
    way: str
    count: int


def came(conn: Connection, since: datetime) -> list[Came]:
    """The counts of all connections from a day on, oldest first."""
    columns = [intake.c[name] for name in Came.__struct_fields__]
    query = select(*columns).where(intake.c.day >= (since - EPOCH).days)
    return [Came(*row) for row in conn.execute(query.order_by(intake.c.day, intake.c.connection_id, intake.c.way))]


def totals(conn: Connection) -> dict[tuple[int, str], int]:
    """(connection, way) → how many new events, over all days that are kept."""
    total = func.sum(intake.c["count"])
    query = select(intake.c.connection_id, intake.c.way, total).group_by(intake.c.connection_id, intake.c.way)
    return {(connection_id, way): int(count) for connection_id, way, count in conn.execute(query)}


def forget_counts(conn: Connection, before: datetime) -> None:
    """Drop counts that are kept long enough."""
    conn.execute(delete(intake).where(intake.c.day < (before - EPOCH).days))
