"""How fresh connections are: when something last came in, when a tool last did something, how often it was asked."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, union_all

from app.store.imports import IMPORT
from app.store.tables import calls, deliveries, inbox

_NEWEST = 500  # so many of a connection's newest deliveries are looked at for one that was done


def last_arrivals(conn: Connection, connection_ids: Collection[int]) -> dict[int, datetime]:
    """connection → when its newest request came in; without those through which none came. What an import brings was
    not sent to us."""
    if not connection_ids:
        return {}
    newest = [
        select(inbox.c.connection_id.label("connection"), inbox.c.received_at.label("at"))
        .where(inbox.c.connection_id == one, inbox.c.kind != IMPORT)
        .order_by(inbox.c.id.desc())
        .limit(1)
        .subquery()
        for one in connection_ids
    ]
    return {row.connection: row.at for row in conn.execute(union_all(*(select(part) for part in newest)))}


def last_successes(conn: Connection, connection_ids: Collection[int]) -> dict[int, datetime]:
    """connection → when the last of its newest deliveries was done; without those of which none was."""
    if not connection_ids:
        return {}
    parts = []
    for one in connection_ids:
        newest = (
            select(deliveries.c.status, deliveries.c.updated_at)
            .where(deliveries.c.connection_id == one)
            .order_by(deliveries.c.id.desc())
            .limit(_NEWEST)
            .subquery()
        )
        at = func.max(newest.c.updated_at).label("at")
        parts.append(select(literal(one).label("connection"), at).where(newest.c.status == "sent"))
    return {row.connection: row.at for row in conn.execute(union_all(*parts)) if row.at is not None}


def calls_since(connection_id: int, since: datetime) -> Select[Any]:
    """A query for :func:`app.store.counts.up_to`: a connection's calls from a moment on, which should be a short while
    ago."""
    return select(calls.c.id).where(calls.c.at > since, calls.c.connection_id == connection_id)
