"""Vendors that only fail: how often in a row, and until when they are left alone because of it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from app.store import notes
from app.store.engine import Database

_NAME = "breaker:{}"

Marks = Mapping[str, tuple[str, datetime]]


class Failing(Struct, omit_defaults=True):
    """Failures in a row, and until when the vendor is left alone because of them."""

    failures: int = 0
    until: datetime | None = None


def failing(marks: Marks, connection_id: int) -> Failing:
    """What is known of a connection's failures; ``marks`` as notes.read_marks gives them."""
    known = marks.get(_NAME.format(connection_id))
    return Failing() if known is None else msgspec.json.decode(known[0], type=Failing)


def resting(marks: Marks, connection_id: int, now: datetime) -> bool:
    """Whether a connection is being left alone at the moment."""
    until = failing(marks, connection_id).until
    return until is not None and now < until


def save(conn: Connection, database: Database, connection_id: int, state: Failing, now: datetime) -> None:
    """Keep a connection's failures; none of them is nothing to keep."""
    name = _NAME.format(connection_id)
    if state.failures:
        notes.mark(conn, database, name, msgspec.json.encode(state).decode(), now)
    else:
        notes.clear_mark(conn, name)
