"""Timers: what waits for a moment. Due ones come back as events, the same way as everything else."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, insert, select

from app.store.tables import timers


class Timer(Struct, frozen=True):
    """A contact's timer."""

    contact_id: int
    key: str
    due_at: datetime


# Statements of the hot path are built once: building one costs more than running it
_CLEAR = delete(timers).where(timers.c.contact_id.in_(bindparam("contacts", expanding=True)))
_DUE = (
    select(timers.c.contact_id, timers.c.key, timers.c.due_at)
    .where(timers.c.due_at <= bindparam("now"))
    .order_by(timers.c.due_at)
    .limit(bindparam("rows"))
    .with_for_update(skip_locked=True)
)
_DROP = delete(timers).where(timers.c.contact_id == bindparam("of"), timers.c.key == bindparam("named"))


def of_contacts(conn: Connection, contact_ids: list[int]) -> dict[int, dict[str, datetime]]:
    """contact → key → when it is due."""
    found: dict[int, dict[str, datetime]] = {}
    if contact_ids:
        for row in conn.execute(select(timers).where(timers.c.contact_id.in_(contact_ids))):
            found.setdefault(row.contact_id, {})[row.key] = row.due_at
    return found


def replace(conn: Connection, wanted: Mapping[int, Mapping[str, datetime]]) -> None:
    """Set the timers of these contacts to exactly these."""
    if not wanted:
        return
    conn.execute(_CLEAR, {"contacts": sorted(wanted)})
    rows = [
        {"contact_id": contact_id, "key": key, "due_at": due_at}
        for contact_id, keys in sorted(wanted.items())
        for key, due_at in sorted(keys.items())
    ]
    if rows:
        conn.execute(insert(timers), rows)


def take_due(conn: Connection, now: datetime, limit: int) -> list[Timer]:
    """Remove and return up to so many timers that are due, the longest due first; the caller puts them in the inbox in
    the same transaction. Those that somebody else takes or sets anew right now are left out."""
    due = [Timer(*row) for row in conn.execute(_DUE, {"now": now, "rows": limit})]
    if due:
        conn.execute(_DROP, [{"of": timer.contact_id, "named": timer.key} for timer in due])
    return due
