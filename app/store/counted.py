"""How often each of a vendor's fields came, day by day: filled with what kind of value, empty, or without a place.

Written in passing, a few times a minute in a transaction of its own: nothing that comes in waits for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, delete, select

from app.contacts.times import EPOCH
from app.store.engine import Database
from app.store.tables import field_counts

MOST_NAMES = 1_000  # of one connection in one day: what strangers call the fields of their posts has no end
KEPT = timedelta(days=120)

Counts = Mapping[tuple[int, str, str], int]  # (connection, vendor's property, kind) → how many


class Day(Struct, frozen=True):
    """How often a field came on one day, in days since 1970, with one kind of value."""

    vendor: str
    day: int
    kind: str
    count: int


def day_of(moment: datetime) -> int:
    """A moment's day, in days since 1970 UTC."""
    return (moment - EPOCH).days


def add(conn: Connection, database: Database, counts: Counts, day: int) -> None:
    """Add counts to a day's."""
    kept = _bounded(conn, counts, day)
    if not kept:
        return
    statement = database.insert(field_counts)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[
                field_counts.c.connection_id,
                field_counts.c.day,
                field_counts.c.vendor,
                field_counts.c.kind,
            ],
            set_={"count": field_counts.c["count"] + statement.excluded["count"]},
        ),
        [
            {"connection_id": connection_id, "day": day, "vendor": vendor, "kind": kind, "count": count}
            for (connection_id, vendor, kind), count in sorted(kept.items())
        ],
    )


def _bounded(conn: Connection, counts: Counts, day: int) -> Counts:
    """Without names that would be more than are kept of a connection in a day."""
    kept: dict[tuple[int, str, str], int] = {}
    for connection_id in {key[0] for key in counts}:
        mine = {key: count for key, count in counts.items() if key[0] == connection_id}
        query = select(field_counts.c.vendor).distinct()
        query = query.where(field_counts.c.connection_id == connection_id, field_counts.c.day == day)
        known = set(conn.execute(query).scalars())
        fresh = sorted({key[1] for key in mine} - known)
        known |= set(fresh[: max(0, MOST_NAMES - len(known))])
        kept |= {key: count for key, count in mine.items() if key[1] in known}
    return kept


def load(conn: Connection, connection_id: int, since: int) -> list[Day]:
    """A connection's counts from a day on, oldest first."""
    columns = [field_counts.c[name] for name in Day.__struct_fields__]
    query = select(*columns).where(field_counts.c.connection_id == connection_id, field_counts.c.day >= since)
    return [Day(*row) for row in conn.execute(query.order_by(field_counts.c.day, field_counts.c.vendor))]


def forget_before(conn: Connection, day: int) -> None:
    """Drop counts that are kept long enough."""
    conn.execute(delete(field_counts).where(field_counts.c.day < day))
