"""Who is in which segment: rows that say what the contacts' states say, to list and to count by."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, and_, delete, func, insert, or_, select

from app.store.tables import contact_segments

_table = contact_segments.c


def replace(conn: Connection, wanted: Mapping[int, Collection[str]]) -> None:
    """Let these contacts be in exactly these segments."""
    if not wanted:
        return
    conn.execute(delete(contact_segments).where(_table.contact_id.in_(sorted(wanted))))
    rows = [
        {"contact_id": contact_id, "segment": name}
        for contact_id, names in sorted(wanted.items())
        for name in sorted(names)
    ]
    if rows:
        conn.execute(insert(contact_segments), rows)


def counts(conn: Connection) -> dict[str, int]:
    """segment → how many contacts are in it; empty ones are left out."""
    query = select(_table.segment, func.count()).group_by(_table.segment)
    return {name: int(count) for name, count in conn.execute(query)}


def shared(conn: Connection, among: str | None = None) -> dict[tuple[str, str], int]:
    """Two segments → how many contacts are in both; the first one is first in the alphabet. With ``among``, only the
    pairs that this one is in."""
    other = contact_segments.alias("other")
    query = (
        select(_table.segment, other.c.segment, func.count())
        .join(other, and_(other.c.contact_id == _table.contact_id, other.c.segment > _table.segment))
        .select_from(contact_segments)
        .group_by(_table.segment, other.c.segment)
    )
    if among is not None:
        query = query.where(or_(_table.segment == among, other.c.segment == among))
    return {(first, second): int(count) for first, second, count in conn.execute(query)}
