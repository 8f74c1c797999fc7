"""How far contacts have been scored by the rules now in force, which are published while there is a history."""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from app.store import notes
from app.store.engine import Database
from app.store.tables import contacts

MARK = "scores counted"


class Recount(Struct, frozen=True, omit_defaults=True):
    """A walk through all contacts, by their ids: by which versions of the rules, and up to which contact. Counted are
    those that were looked at, those with another score, those who came over the threshold or fell below it by this
    alone, and those over which Baton stumbled, whose scores stay as they were."""

    by: str
    began_at: datetime
    last: int = 0
    seen: int = 0
    changed: int = 0
    rose: int = 0
    fell: int = 0
    failed: int = 0
    ended_at: datetime | None = None


def read(conn: Connection) -> Recount | None:
    """The newest walk, or None where there was none yet."""
    found = notes.read_mark(conn, MARK)
    return None if found is None else msgspec.json.decode(found, type=Recount)


def write(conn: Connection, database: Database, recount: Recount, now: datetime) -> None:
    """Keep how far it has come."""
    notes.mark(conn, database, MARK, msgspec.json.encode(recount).decode(), now)


def share(conn: Connection, recount: Recount) -> float:
    """About which part of all contacts is done, from 0 to 1, going by their ids."""
    if recount.ended_at is not None:
        return 1.0
    newest = conn.execute(select(func.max(contacts.c.id))).scalar() or 0
    return min(1.0, recount.last / newest) if newest else 0.0
