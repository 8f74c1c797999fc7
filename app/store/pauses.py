"""Pauses of sequences: from when until when each, or all under ``EVERY``, stood still, and who wanted it."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from app.rules.sequences.pauses import Pause
from app.store.tables import pauses

_table = pauses.c


def all_of(conn: Connection) -> dict[str, list[Pause]]:
    """sequence → its pauses, oldest first."""
    found: dict[str, list[Pause]] = {}
    for row in conn.execute(select(_table.sequence, _table.since, _table.until).order_by(_table.since, _table.id)):
        found.setdefault(row.sequence, []).append(Pause(row.since, row.until))
    return found


def newest(conn: Connection) -> int:
    """A number that grows with each pause and each resumption, for noticing one cheaply."""
    began, ended = conn.execute(select(func.count(), func.count(_table.until)).select_from(pauses)).one()
    return int(began) + int(ended)


def running(conn: Connection) -> dict[str, tuple[datetime, str, str]]:
    """Those that last: sequence → since when, by whom and why."""
    query = select(_table.sequence, _table.since, _table.paused_by, _table.reason).where(_table.until.is_(None))
    return {row.sequence: (row.since, row.paused_by, row.reason) for row in conn.execute(query)}


def last_ended(conn: Connection) -> dict[str, datetime]:
    """sequence → when its last pause ended."""
    query = (
        select(_table.sequence, func.max(_table.until).label("last"))
        .where(_table.until.is_not(None))
        .group_by(_table.sequence)
    )
    return {row.sequence: row.last for row in conn.execute(query)}


def begin(conn: Connection, sequence: str, by: str, reason: str, now: datetime) -> None:
    """Pause a sequence. Raises IntegrityError where it is paused already."""
    conn.execute(insert(pauses).values(sequence=sequence, since=now, paused_by=by, reason=reason))


def end(conn: Connection, sequence: str, by: str, now: datetime) -> bool:
    """End a sequence's pause; whether there was one."""
    statement = update(pauses).where(_table.sequence == sequence, _table.until.is_(None))
    return conn.execute(statement.values(until=now, resumed_by=by)).rowcount > 0
