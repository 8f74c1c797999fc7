"""Counting for people. Tables grow to many millions of rows, so none of this looks at more than so many of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, func, literal, or_, select, union_all

from app.contacts.action import Urgency
from app.store.decided import read_gates
from app.store.tables import decisions, deliveries, handoffs, inbox, reviews

COUNT_UP_TO = 10_000


def first_since(
    conn: Connection, table: Table, at: ColumnElement[datetime], since: datetime, key: ColumnElement[int] | None = None
) -> int:
    """The id, or other growing ``key``, from which on rows are younger than a moment: ids grow with time, so it is
    found by halving."""
    if key is None:
        key = table.c.id
    # One by one: for both at once SQLite goes through the whole table
    low, high = (conn.execute(select(edge(key))).scalar() for edge in (func.min, func.max))
    if low is None or high is None:
        return 0
    nearest = select(key.label("key"), at.label("at")).where(key >= bindparam("first")).order_by(key).limit(1)
    low, high = low - 1, high + 1  # the row of ``low`` is older, that of ``high`` is not
    while high - low > 1:
        middle = (low + high) // 2
        row = conn.execute(nearest, {"first": middle}).first()
        if row is None or row.key >= high:
            high = middle
        elif row.at < since:
            low = row.key
        else:
            high = middle
    return int(high)


def up_to(conn: Connection, counted: Mapping[str, Select[Any]], most: int = COUNT_UP_TO) -> dict[str, int]:
    """How many rows each query has, all asked at once; ``most`` + 1 where there are more than that."""
    if not counted:
        return {}
    parts = []
    for name, query in counted.items():
        rows = query.limit(most + 1).subquery()
        parts.append(select(literal(name).label("name"), select(func.count()).select_from(rows).scalar_subquery()))
    return {row[0]: int(row[1]) for row in conn.execute(union_all(*parts))}


def came_in(connection_ids: Collection[int], from_id: int) -> dict[str, Select[Any]]:
    """Queries for :func:`up_to`: each connection's requests from an id on."""
    return {
        str(one): select(inbox.c.id).where(inbox.c.connection_id == one, inbox.c.id >= from_id)
        for one in connection_ids
    }


def waiting() -> dict[str, Select[Any]]:
    """Queries for :func:`up_to`: what waits for Baton or for a person."""
    counted = {f"inbox.{one}": select(inbox.c.id).where(inbox.c.status == one) for one in ("pending", "parked")}
    for one in ("pending", "sending", "unknown", "dead"):
        counted[f"deliveries.{one}"] = select(deliveries.c.id).where(deliveries.c.status == one)
    for one in ("open", "claimed"):
        counted[f"handoffs.{one}"] = select(handoffs.c.id).where(handoffs.c.status == one)
    counted["reviews.open"] = select(reviews.c.id).where(reviews.c.status == "open")
    return counted


def backlogs(connection_ids: Collection[int]) -> dict[str, Select[Any]]:
    """Queries for :func:`up_to`: what waits to leave through each connection."""
    return {
        str(one): select(deliveries.c.id).where(deliveries.c.connection_id == one, deliveries.c.status == "pending")
        for one in connection_ids
    }


def backlogs_by_urgency(connection_ids: Collection[int]) -> dict[str, Select[Any]]:
    """Queries for :func:`up_to`: what waits to leave through each connection, by ``"<connection> <urgency>"``."""
    return {
        f"{one} {urgency}": query.where(deliveries.c.urgency == urgency)
        for one, query in backlogs(connection_ids).items()
        for urgency in Urgency
    }


def waiting_since(conn: Connection, connection_id: int) -> datetime | None:
    """Since when the oldest of the first deliveries that wait for a connection has been waiting, or None."""
    first = (
        select(deliveries.c.created_at)
        .where(deliveries.c.connection_id == connection_id, deliveries.c.status == "pending")
        .order_by(deliveries.c.urgency, deliveries.c.id)
        .limit(1_000)
        .subquery()
    )
    return conn.execute(select(func.min(first.c.created_at))).scalar()


def sent_by_kind(conn: Connection, from_id: int, most: int = COUNT_UP_TO) -> list[tuple[str, int]]:
    """What was sent of the deliveries from an id on: (kind, how many), of the newest so many."""
    newest = (
        select(deliveries.c.kind)
        .where(deliveries.c.status == "sent", deliveries.c.id >= from_id)
        .order_by(deliveries.c.id.desc())
        .limit(most)
        .subquery()
    )
    query = select(newest.c.kind, func.count().label("n")).group_by(newest.c.kind).order_by(func.count().desc())
    return [(row.kind, row.n) for row in conn.execute(query)]


def withheld_since(
    conn: Connection, decision_from: int, delivery_from: int, most: int = 2_000
) -> list[tuple[str, str]]:
    """What was decided against, and what was kept back at the last moment: (what, reason), of the newest so many."""
    refused = (
        select(decisions.c.what, decisions.c.summary, decisions.c.gates)
        .where(decisions.c.outcome == "withheld", decisions.c.id >= decision_from)
        .order_by(decisions.c.id.desc())
        .limit(most)
    )
    found = [(row.what, _failed_gate(row.gates) or row.summary) for row in conn.execute(refused)]
    kept = (
        select(deliveries.c.kind, deliveries.c.reason, deliveries.c.decision_key)
        .where(deliveries.c.status == "withheld", deliveries.c.id >= delivery_from)
        .order_by(deliveries.c.id.desc())
        .limit(most)
        .subquery()
    )
    # A delivery of a decision that was itself withheld would be counted twice
    query = (
        select(kept.c.kind, kept.c.reason)
        .outerjoin(decisions, decisions.c.key == kept.c.decision_key)
        .where(or_(decisions.c.outcome.is_(None), decisions.c.outcome != "withheld"))
    )
    return found + [(row.kind, row.reason or "") for row in conn.execute(query)]


def _failed_gate(gates: str) -> str:
    return next((gate.detail for gate in read_gates(gates) if not gate.passed and gate.detail), "")
