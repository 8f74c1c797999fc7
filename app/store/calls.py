"""What was said to vendors: each HTTP call as it was made and answered, and each try at a delivery."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, insert

from app.store.tables import attempts, calls


class Call(Struct, kw_only=True):
    """One HTTP call as it was made and answered; bodies are cut to what a person needs to see."""

    at: datetime
    seconds: float
    method: str
    url: str
    request: str
    status: int | None
    answer: str


def keep_calls(conn: Connection, connection_id: int, made: Sequence[Call]) -> list[int]:
    """Store HTTP calls; their ids, in the same order."""
    if not made:
        return []
    rows = [{"connection_id": connection_id, **msgspec.structs.asdict(call)} for call in made]
    return list(conn.execute(insert(calls).returning(calls.c.id, sort_by_parameter_order=True), rows).scalars())


def keep_attempts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store tries: delivery_id, call_id, at, outcome, reason."""
    if rows:
        conn.execute(insert(attempts), [dict(row) for row in rows])


def forget_calls(conn: Connection, before: datetime) -> None:
    """Drop the records of calls that are older than the retention time; the attempts themselves stay."""
    conn.execute(delete(calls).where(calls.c.at < before))
