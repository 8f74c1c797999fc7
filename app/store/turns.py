"""Lists that people walk back and forth through: keyset pages, each on the index of one of its filters."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Table, and_, func, or_, select

from app.store import tables
from app.store.lists import DECISIONS, DELIVERIES, INBOX, LOOK, RARE, Rows

_CONTACTS = ("id", "email", "name", "stage", "updated_at", "merged_into")


class Turn(Struct, frozen=True):
    """A page with the keys of its neighbours: ``older`` goes to ``before``, ``newer`` to ``after``; None where there is
    none. ``cut`` says that the page is short because enough was looked at, not because there is no more."""

    rows: Rows
    older: int | None = None
    newer: int | None = None
    cut: bool = False


def inbox(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Requests in the inbox, by ``status`` and ``connection_id``, newest first."""
    return _turn(conn, tables.inbox, INBOX, filters, limit, before, after)


def deliveries(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Deliveries without their actions, by ``status``, ``connection_id`` and ``kind``, newest first."""
    names = [name for name in DELIVERIES if name not in ("action", "result")]
    return _turn(conn, tables.deliveries, names, filters, limit, before, after)


def decisions(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Decisions, by ``contact_id``, ``outcome`` and ``what``, newest first."""
    return _turn(conn, tables.decisions, DECISIONS, filters, limit, before, after)


def handoffs(
    conn: Connection,
    limit: int,
    before: int | None,
    after: int | None,
    status: str | None,
    owner: str | None = None,
    by_due: bool = False,
) -> Turn:
    """Handoffs by status and by their owner's address, newest first; with ``by_due`` those of a status in the order in
    which they are due."""
    if by_due and status is not None:
        return _by_due(conn, limit, before, after, status, owner)
    names = [column.name for column in tables.handoffs.c]
    return _turn(conn, tables.handoffs, names, {"status": status, "owner_email": owner}, limit, before, after)


def reviews(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Reviews, by ``status`` and ``sequence``, newest first."""
    names = [column.name for column in tables.reviews.c]
    return _turn(conn, tables.reviews, names, filters, limit, before, after)


def conflicts(conn: Connection, limit: int, before: int | None, after: int | None) -> Turn:
    """Fields on which tools disagree, newest first."""
    names = [column.name for column in tables.conflicts.c]
    return _turn(conn, tables.conflicts, names, {}, limit, before, after)


def merges(conn: Connection, limit: int, before: int | None, after: int | None) -> Turn:
    """Merges, newest first."""
    names = [column.name for column in tables.merges.c]
    return _turn(conn, tables.merges, names, {}, limit, before, after)


def _by_due(
    conn: Connection, limit: int, before: int | None, after: int | None, status: str, owner: str | None
) -> Turn:
    columns = tables.handoffs.c
    query = select(tables.handoffs).where(columns.status == status)
    if owner is not None:
        query = query.where(columns.owner_email == owner)
    edge = None
    if (place := before if after is None else after) is not None:
        edge = conn.execute(select(columns.due_at).where(columns.id == place)).scalar()
    if edge is None:
        before = after = None
    else:
        further = columns.due_at > edge if after is None else columns.due_at < edge
        same = columns.id > place if after is None else columns.id < place
        query = query.where(or_(further, and_(columns.due_at == edge, same)))
    order = (columns.due_at.asc(), columns.id.asc()) if after is None else (columns.due_at.desc(), columns.id.desc())
    rows = [dict(row._mapping) for row in conn.execute(query.order_by(*order).limit(limit + 1))]
    more, rows = len(rows) > limit, rows[:limit]
    if after is None:
        newer = (rows[0]["id"] if rows else place) if before is not None else None
        return Turn(rows, older=rows[-1]["id"] if more else None, newer=newer)
    if not more:  # the way back ends at the first page, which is shown in full
        return _by_due(conn, limit, None, None, status, owner)
    rows.reverse()
    return Turn(rows, older=rows[-1]["id"], newer=rows[0]["id"])


def contacts(conn: Connection, limit: int, before: int | None, after: int | None, stage: str | None) -> Turn:
    """Contacts, newest first; with ``stage`` only those in it."""
    return _turn(conn, tables.contacts, _CONTACTS, {"merged_into": None, "stage": stage}, limit, before, after)


def _turn(
    conn: Connection,
    table: Table,
    columns: Sequence[str],
    filters: Mapping[str, Any],
    limit: int,
    before: int | None,
    after: int | None,
) -> Turn:
    """A page on the index of one filter; what the other filters leave of it is looked for among ``LOOK`` rows.

    ``merged_into`` is looked for as it is, also None; any other filter that is None is none.
    """
    given = {name: value for name, value in filters.items() if value is not None or name == "merged_into"}
    order = ("status", "connection_id") if given.get("status") in RARE else ("connection_id", "status")
    lead = next((name for name in ("contact_id", *order, "outcome", "what") if name in given), None)
    rest = {name: value for name, value in given.items() if name != lead}
    key = table.c.id
    upward = after is not None
    edge = after if after is not None else before
    looked = select(*(table.c[name] for name in columns))
    if lead is not None:
        looked = looked.where(table.c[lead] == given[lead])
    if edge is not None:
        looked = looked.where(key > edge if upward else key < edge)
    looked = looked.order_by(key.asc() if upward else key.desc())
    if rest:
        part = looked.limit(LOOK).subquery()
        matching = [part.c[name].is_(None) if value is None else part.c[name] == value for name, value in rest.items()]
        query = select(part).where(*matching).order_by(part.c.id.asc() if upward else part.c.id.desc())
    else:
        query = looked
    rows = [dict(row._mapping) for row in conn.execute(query.limit(limit + 1))]
    more = len(rows) > limit
    rows = rows[:limit]
    end = rows[-1]["id"] if more else None
    if rest and not more:
        seen = looked.with_only_columns(key).limit(LOOK).subquery()
        edges = func.max(seen.c.id) if upward else func.min(seen.c.id)
        count, last = conn.execute(select(func.count(), edges).select_from(seen)).one()
        end = last if count == LOOK else None
    cut = end is not None and not more
    if after is not None:
        if end is None:  # the way back ends at the first page, which is shown in full
            return _turn(conn, table, columns, filters, limit, None, None)
        rows.reverse()
        return Turn(rows, older=rows[-1]["id"] if rows else after + 1, newer=end, cut=cut)
    newer = None if before is None else (rows[0]["id"] if rows else before - 1)
    return Turn(rows, older=end, newer=newer, cut=cut)
