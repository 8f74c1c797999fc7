"""The audit log as people look through it: who changed what, newest first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.store.counts import first_since
from app.store.lists import LOOK
from app.store.tables import audit
from app.store.turns import Turn


def page(
    conn: Connection,
    limit: int,
    before: int | None,
    *,
    who: str | None = None,
    on: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Turn:
    """What was changed by somebody, on one thing, on a subject (``policy`` of ``policy.publish``) and from a moment on
    until another one. Of a subject's entries the next ``LOOK`` are looked at for one page."""
    table = audit.c
    looked = select(audit)
    for column, wanted in ((table.who, who), (table.on, on)):
        if wanted is not None:
            looked = looked.where(column == wanted)
    if since is not None:
        looked = looked.where(table.id >= first_since(conn, audit, table.at, since))
    if until is not None:
        looked = looked.where(table.id < first_since(conn, audit, table.at, until))
    if before is not None:
        looked = looked.where(table.id < before)
    looked = looked.order_by(table.id.desc())
    if subject is None:
        query = looked
    else:
        part = looked.limit(LOOK).subquery()
        of_subject = part.c.what.startswith(f"{subject}.", autoescape=True)
        query = select(part).where(of_subject).order_by(part.c.id.desc())
    rows = [dict(row._mapping) for row in conn.execute(query.limit(limit + 1))]
    if len(rows) > limit:
        return Turn(rows[:limit], older=rows[limit - 1]["id"])
    if subject is None:
        return Turn(rows)
    seen = looked.with_only_columns(table.id).limit(LOOK).subquery()
    count, last = conn.execute(select(func.count(), func.min(seen.c.id)).select_from(seen)).one()
    return Turn(rows, older=last, cut=True) if count == LOOK else Turn(rows)


def one(conn: Connection, entry_id: int) -> Mapping[str, Any] | None:
    """One entry, or None."""
    row = conn.execute(select(audit).where(audit.c.id == entry_id)).first()
    return None if row is None else dict(row._mapping)


def on_handoff(conn: Connection, handoff_id: int, limit: int) -> list[Mapping[str, Any]]:
    """Who noted something of a handoff, newest first."""
    query = select(audit).where(audit.c.on == str(handoff_id), audit.c.what.startswith("handoff."))
    return [dict(row._mapping) for row in conn.execute(query.order_by(audit.c.id.desc()).limit(limit))]
