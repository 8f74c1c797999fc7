"""Whom rules could have given points, lately: few rows by index, however many there are."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from app.store.many import Among
from app.store.tables import contacts, events


def people_with(conn: Connection, kind: str, most: int) -> list[int]:
    """The contacts of the newest events of a type."""
    query = select(events.c.contact_id).where(events.c.type == kind).order_by(events.c.seq.desc()).limit(most)
    return list(dict.fromkeys(row.contact_id for row in conn.execute(query) if row.contact_id is not None))


def newest_people(conn: Connection, most: int) -> list[int]:
    """The contacts that were made last."""
    query = select(contacts.c.id).where(contacts.c.merged_into.is_(None)).order_by(contacts.c.id.desc()).limit(most)
    return [int(row.id) for row in conn.execute(query)]


_STATES = Among(select(contacts.c.id, contacts.c.state).where(contacts.c.merged_into.is_(None)), contacts.c.id)


def states(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """contact → its packed state, of those that were not merged into another one."""
    return dict(_STATES.all(conn, ids))
