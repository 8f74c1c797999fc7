"""Fields on which tools disagree: rows that say what the contacts' states say, to list them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from app.contacts.contact import Dispute
from app.store.tables import conflicts

_table = conflicts.c


def replace(conn: Connection, found: Mapping[int, Mapping[str, Dispute]]) -> None:
    """Let these be the disputes of these contacts."""
    if not found:
        return
    conn.execute(delete(conflicts).where(_table.contact_id.in_(sorted(found))))
    rows = [
        {"contact_id": contact_id, "field": name, "reason": one.reason, "since": one.since}
        for contact_id, disputes in sorted(found.items())
        for name, one in sorted(disputes.items())
    ]
    if rows:
        conn.execute(insert(conflicts), rows)


def row(conn: Connection, conflict_id: int) -> Mapping[str, Any] | None:
    """One of them, or None where it is settled or never was."""
    found = conn.execute(select(conflicts).where(_table.id == conflict_id)).mappings().first()
    return None if found is None else dict(found)
