"""What was left for a person: requests that could not be read, and deliveries that were given up; where and why."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, Table, func, select

from app.store.deliveries import DEAD
from app.store.inbox import PARKED
from app.store.tables import deliveries, inbox

LOOKED_AT = 2_000  # so many of the newest are looked at for what they have in common
_CAUSES = 8


class Cause(Struct, frozen=True):
    """Why several were left, and how many of those that were looked at."""

    connection_id: int
    reason: str
    count: int


def parked(connection_id: int | None = None, reason: str | None = None) -> Select[Any]:
    """The ids of parked requests: of one connection, and for one reason; in no order."""
    return _left(inbox, PARKED, connection_id=connection_id, reason=reason)


def dead(connection_id: int | None = None, kind: str | None = None, reason: str | None = None) -> Select[Any]:
    """The ids of deliveries that were given up: of one connection, of one kind of action, for one reason."""
    return _left(deliveries, DEAD, connection_id=connection_id, kind=kind, reason=reason)


def _left(table: Table, status: str, **filters: Any) -> Select[Any]:
    wanted = [table.c[name] == value for name, value in filters.items() if value is not None]
    return select(table.c.id).where(table.c.status == status, *wanted)


def causes(conn: Connection, table: Table, status: str) -> list[Cause]:
    """The most common reasons of what was left, connection by connection, the most common first."""
    newest = (
        select(table.c.connection_id, table.c.reason)
        .where(table.c.status == status)
        .order_by(table.c.id.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    count = func.count().label("count")
    query = (
        select(newest.c.connection_id, newest.c.reason, count)
        .group_by(newest.c.connection_id, newest.c.reason)
        .order_by(count.desc(), newest.c.connection_id, newest.c.reason)
        .limit(_CAUSES)
    )
    return [Cause(connection_id, reason or "", found) for connection_id, reason, found in conn.execute(query)]
