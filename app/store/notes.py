"""Small things worth keeping: marks about the installation, values without a place, refused requests, the audit log."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select

from app.contacts.times import EPOCH
from app.store.engine import Database, Upsert
from app.store.tables import audit, held_values, marks, refusal_counts, refusals

KEEP_REFUSALS = 1_000
PAUSED = "paused"  # the mark that stops everything that goes out
MAX_REFUSED_BODY = 256 * 1024
_MAX_NAMED = 300  # what is looked for by an index has to fit into one

Marks = Mapping[str, tuple[str, datetime]]


_MARK = Upsert(
    marks,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[marks.c.name], set_={"value": fresh.excluded.value, "at": fresh.excluded.at}
    ),
)
_MARKS = select(marks.c.name, marks.c.value, marks.c.at)


def mark(conn: Connection, database: Database, name: str, value: str, now: datetime) -> None:
    """Set a mark."""
    conn.execute(_MARK.on(database), {"name": name, "value": value, "at": now})


def read_marks(conn: Connection) -> dict[str, tuple[str, datetime]]:
    """All marks, with when each was set."""
    return {name: (value, at) for name, value, at in conn.execute(_MARKS)}


def read_mark(conn: Connection, name: str) -> str | None:
    """One mark's value, or None."""
    return conn.execute(select(marks.c.value).where(marks.c.name == name)).scalar()


def clear_mark(conn: Connection, name: str) -> None:
    """Remove a mark."""
    conn.execute(delete(marks).where(marks.c.name == name))


def count_held(
    conn: Connection, database: Database, found: Mapping[tuple[int, str, str, str], int], now: datetime
) -> None:
    """Count values that a mapping had no place for: (connection, vendor's property, value, reason) → how many."""
    if not found:
        return
    statement = database.insert(held_values)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[held_values.c.connection_id, held_values.c.vendor, held_values.c.value],
            set_={
                "count": held_values.c.count + statement.excluded.count,
                "last_at": statement.excluded.last_at,
                "reason": statement.excluded.reason,
            },
        ),
        [
            {
                "connection_id": connection_id,
                "vendor": vendor,
                "value": value,
                "reason": reason,
                "count": count,
                "first_at": now,
                "last_at": now,
            }
            for (connection_id, vendor, value, reason), count in sorted(found.items())
        ],
    )


def refuse(
    conn: Connection,
    database: Database,
    connection_id: int,
    reason: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Count a request that could not prove its origin, and keep it for when the secret is mended.

    Bounded: the newest thousand of a connection, 256 KiB of each.
    """
    conn.execute(
        insert(refusals).values(
            connection_id=connection_id,
            at=now,
            reason=reason,
            url=url,
            headers=msgspec.json.encode(headers).decode(),
            body=body[:MAX_REFUSED_BODY],
        )
    )
    statement = database.insert(refusal_counts).values(
        connection_id=connection_id, reason=reason[:80], count=1, last_at=now
    )
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[refusal_counts.c.connection_id, refusal_counts.c.reason],
            set_={"count": refusal_counts.c.count + 1, "last_at": now},
        )
    )
    newest = (
        select(refusals.c.id)
        .where(refusals.c.connection_id == connection_id)
        .order_by(refusals.c.id.desc())
        .offset(KEEP_REFUSALS)
        .limit(1)
        .scalar_subquery()
    )
    conn.execute(delete(refusals).where(refusals.c.connection_id == connection_id, refusals.c.id <= newest))


def forget_refusals(conn: Connection, before: datetime) -> None:
    """Drop refused requests that nobody mended in time."""
    conn.execute(delete(refusals).where(refusals.c.at < before))


def drop_refusals(conn: Connection, about: Callable[[bytes], bool]) -> None:
    """Drop refused requests of which something holds that is asked of each as it came."""
    gone = [
        row.id
        for row in conn.execute(select(refusals.c.id, refusals.c.url, refusals.c.headers, refusals.c.body))
        if about(bytes(row.body)) or about(f"{row.url} {row.headers}".encode())
    ]
    if gone:
        conn.execute(delete(refusals).where(refusals.c.id.in_(gone)))


def refusals_by_connection(conn: Connection) -> dict[int, tuple[int, datetime, str]]:
    """connection → how many requests were refused, when the last one was, and why."""
    found: dict[int, tuple[int, datetime, str]] = {}
    for row in conn.execute(select(refusal_counts)):
        known, last_at, reason = found.get(row.connection_id, (0, EPOCH, ""))
        newer = row.last_at >= last_at
        total = known + row._mapping["count"]
        found[row.connection_id] = (total, max(last_at, row.last_at), row.reason if newer else reason)
    return found


def write_audit(
    conn: Connection, who: str, what: str, on: str, now: datetime, detail: str = "", before: str = "", after: str = ""
) -> None:
    """Note who changed what: ``what`` is ``subject.verb``, ``on`` names which one, ``before`` and ``after`` are what it
    was and is, where a word or two can say so."""
    values = {"who": who[:_MAX_NAMED], "what": what, "on": on[:_MAX_NAMED], "detail": detail}
    conn.execute(insert(audit).values(at=now, before=before, after=after, **values))
