"""Reviews: people who came to the end of a sequence without its goal, for somebody to decide what is next."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, func, insert, select, update

from app.rules.decision import ReviewPlan
from app.store.tables import reviews

OPEN, RESOLVED, WITHDRAWN = "open", "resolved", "withdrawn"
STATUSES = (OPEN, RESOLVED, WITHDRAWN)
_table = reviews.c


class Known(Struct, frozen=True):
    """A review that stands in the database."""

    key: str
    opened_at: datetime
    status: str


def of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, Known]]:
    """contact → key → review."""
    found: dict[int, dict[str, Known]] = {contact_id: {} for contact_id in contact_ids}
    if found:
        query = select(_table.contact_id, _table.key, _table.opened_at, _table.status)
        for contact_id, key, opened_at, status in conn.execute(query.where(_table.contact_id.in_(list(found)))):
            found[contact_id][key] = Known(key, opened_at, status)
    return found


def add(conn: Connection, made: Sequence[tuple[int, ReviewPlan]]) -> None:
    """Open reviews, as (contact, plan)."""
    if made:
        conn.execute(insert(reviews), [{"contact_id": contact_id, **_columns(plan)} for contact_id, plan in made])


def amend(conn: Connection, plans: Sequence[ReviewPlan]) -> None:
    """Let reviews that nobody has touched say what is known now."""
    for plan in plans:
        conn.execute(update(reviews).where(_table.key == plan.key, _table.status != RESOLVED).values(**_columns(plan)))


def withdraw(conn: Connection, keys: Collection[str]) -> None:
    """Take back reviews that nobody has touched, because a late event shows that there is nothing to review."""
    if keys:
        conn.execute(update(reviews).where(_table.key.in_(keys), _table.status == OPEN).values(status=WITHDRAWN))


def resolve(conn: Connection, review_id: int, resolution: str, by: str, now: datetime) -> bool:
    """Close a review; whether it was open."""
    statement = update(reviews).where(_table.id == review_id, _table.status == OPEN)
    values = {"status": RESOLVED, "resolution": resolution, "resolved_by": by, "resolved_at": now}
    return conn.execute(statement.values(**values)).rowcount > 0


def one(conn: Connection, review_id: int) -> Mapping[str, Any] | None:
    """One review, or None."""
    row = conn.execute(select(reviews).where(_table.id == review_id)).first()
    return None if row is None else dict(row._mapping)


def next_open(conn: Connection, after: int, sequence: str | None) -> int | None:
    """The open review, of one sequence or any, that has waited longest of those after a review; None after the last."""
    query = waiting(sequence).where(_table.id > after).order_by(_table.id).limit(1)
    found = conn.execute(query).scalar()
    return None if found is None else int(found)


def waiting(sequence: str | None) -> Select[Any]:
    """The ids of all that wait for a decision, of one sequence or any."""
    query = select(_table.id).where(_table.status == OPEN)
    return query if sequence is None else query.where(_table.sequence == sequence)


def open_by_sequence(conn: Connection) -> dict[str, int]:
    """sequence → how many reviews wait for a decision."""
    query = select(_table.sequence, func.count()).where(_table.status == OPEN).group_by(_table.sequence)
    return {name: int(count) for name, count in conn.execute(query)}


def newest_open(conn: Connection, most: int) -> list[tuple[str, str, str, list[str]]]:
    """(sequence, version, the last message without an answer, segments) of the newest that wait for a decision."""
    query = select(_table.sequence, _table.version, _table.worst, _table.segments).where(_table.status == OPEN)
    found = conn.execute(query.order_by(_table.id.desc()).limit(most))
    return [(row.sequence, row.version, row.worst, msgspec.json.decode(row.segments)) for row in found]


def _columns(plan: ReviewPlan) -> dict[str, Any]:
    said = msgspec.structs.asdict(plan)
    return {**said, "segments": msgspec.json.encode(plan.segments).decode(), "status": OPEN}
