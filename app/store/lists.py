"""Lists for programs: keyset pages, newest first, each on an index. Those that people leaf through are in turns.py."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    func,
    or_,
    select,
)

from app.contacts.event import Identity
from app.contacts.identity import alias_key
from app.store.kept import kept
from app.store.tables import (
    aliases,
    attempts,
    calls,
    conflicts,
    contact_segments,
    contacts,
    decisions,
    deliveries,
    enrolments,
    events,
    handoffs,
    inbox,
    merges,
    reviews,
    shared_aliases,
)

MAX_LIMIT = 200
# So many rows are looked at for one page; what a second filter would find further on waits for the next one
LOOK = 5_000
RARE = frozenset(("pending", "sending", "parked", "unknown", "dead", "open", "claimed"))

Rows = Sequence[Mapping[str, Any]]


class Page(Struct, frozen=True):
    """Some rows, as each list has them, and the key after which the next page begins; None when there is none."""

    rows: Sequence[Any]
    next: int | None


def keyset(
    conn: Connection,
    query: Select[Any],
    key: ColumnElement[int],
    limit: int,
    before: int | None,
    name: str = "",
    read: Callable[[Any], Any] = lambda row: dict(row._mapping),
) -> Page:
    """The rows of a query before a key, newest first, each as ``read`` has it; the key stands in them under its own
    name, or under ``name``."""
    if before is not None:
        query = query.where(key < before)
    rows = conn.execute(query.order_by(key.desc()).limit(limit + 1)).all()
    further = rows[limit - 1]._mapping[name or key.name] if len(rows) > limit else None
    return Page([read(row) for row in rows[:limit]], further)


def _by(
    conn: Connection,
    table: Table,
    columns: Sequence[str],
    key: ColumnElement[int],
    filters: Mapping[str, Any],
    limit: int,
    before: int | None,
) -> Page:
    """A page by any of these filters, each of which has an index of its own. By several it is what the others leave of
    so many rows of the first: it may hold fewer rows than are asked for, or none, and still name a next one."""
    given = {name: value for name, value in filters.items() if value is not None}
    if len(given) < 2:
        return keyset(conn, _filtered(table, columns, given), key, limit, before)
    rare = ("status",) if given.get("status") in RARE else ()
    lead = next(name for name in ("contact_id", *rare, *given) if name in given)
    looked = _filtered(table, columns, {lead: given.pop(lead)})
    if before is not None:
        looked = looked.where(key < before)
    part = looked.order_by(key.desc()).limit(LOOK).subquery()
    query = select(part).where(*(part.c[name] == value for name, value in given.items()))
    rows = [dict(row._mapping) for row in conn.execute(query.order_by(part.c[key.name].desc()).limit(limit + 1))]
    if len(rows) > limit:
        return Page(rows[:limit], rows[limit - 1][key.name])
    seen = looked.with_only_columns(key).order_by(key.desc()).limit(LOOK).subquery()
    count, last = conn.execute(select(func.count(), func.min(seen.c[key.name])).select_from(seen)).one()
    return Page(rows, last if count == LOOK else None)


def _filtered(table: Table, columns: Sequence[str], filters: Mapping[str, Any]) -> Select[Any]:
    query = select(*(table.c[name] for name in columns))
    for name, value in filters.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


EVENTS = ("seq", "id", "type", "occurred_at", "received_at", "connection_id", "contact_id", "inbox_id", "body")
INBOX = (
    "id", "connection_id", "kind", "route", "received_at", "status", "reason", "attempts", "done_at", "events",
    "parent_id", "not_before",
)  # fmt: skip
DELIVERIES = (
    "id", "contact_id", "connection_id", "kind", "urgency", "status", "reason", "attempts", "not_before", "created_at",
    "updated_at", "action", "result", "decision_key", "handoff_key",
)  # fmt: skip
DECISIONS = (
    "id", "contact_id", "event_id", "at", "decided_at", "rule", "policy", "what", "outcome", "summary", "gates", "key",
)  # fmt: skip


def events_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Events, by ``contact_id``, ``connection_id`` or ``type``."""
    return _by(conn, events, EVENTS, events.c.seq, filters, limit, before)


def inbox_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Requests in the inbox without their bodies, by ``status`` or ``connection_id``."""
    return _by(conn, inbox, INBOX, inbox.c.id, filters, limit, before)


def deliveries_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Deliveries, by ``status``, ``connection_id``, ``contact_id`` or ``kind``."""
    return _by(conn, deliveries, DELIVERIES, deliveries.c.id, filters, limit, before)


def decisions_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Decisions, by ``contact_id``, ``outcome`` or ``what``."""
    return _by(conn, decisions, DECISIONS, decisions.c.id, filters, limit, before)


def handoffs_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Handoffs, by ``status`` or ``contact_id``."""
    names = [column.name for column in handoffs.c]
    return keyset(conn, _filtered(handoffs, names, filters), handoffs.c.id, limit, before)


def handoffs_of(conn: Connection, contact_ids: Collection[int], most: int) -> dict[int, list[Mapping[str, Any]]]:
    """The newest handoffs of these contacts, so many of each."""
    found: dict[int, list[Mapping[str, Any]]] = {contact_id: [] for contact_id in contact_ids}
    query = select(handoffs).where(handoffs.c.contact_id.in_(found)).order_by(handoffs.c.id.desc())
    for row in conn.execute(query):
        if len(found[row.contact_id]) < most:
            found[row.contact_id].append(dict(row._mapping))
    return found


def enrolments_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Enrolments, by ``sequence``, ``step`` or ``exit``; with ``running``, those that run or those that are over."""
    running = filters.pop("running", None)
    query = _filtered(enrolments, [column.name for column in enrolments.c], filters)
    if running is not None:
        query = query.where(enrolments.c.exit.is_(None) if running else enrolments.c.exit.is_not(None))
    return keyset(conn, query, enrolments.c.id, limit, before)


def reviews_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Reviews, by ``status`` or ``contact_id``."""
    names = [column.name for column in reviews.c]
    return keyset(conn, _filtered(reviews, names, filters), reviews.c.id, limit, before)


def conflicts_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Fields on which tools disagree, by ``contact_id``."""
    names = [column.name for column in conflicts.c]
    return keyset(conn, _filtered(conflicts, names, filters), conflicts.c.id, limit, before)


def merges_page(conn: Connection, limit: int, before: int | None, contact_id: int | None = None) -> Page:
    """Merges; of one contact those in which it was the one or the other."""
    query = select(merges)
    if contact_id is not None:
        query = query.where(or_(merges.c.winner_id == contact_id, merges.c.loser_id == contact_id))
    return keyset(conn, query, merges.c.id, limit, before)


def contacts_page(
    conn: Connection,
    limit: int,
    before: int | None,
    search: str = "",
    stage: str | None = None,
    segment: str | None = None,
) -> Page:
    """Contacts, newest first; ``search`` is the beginning of an address or a name."""
    query = select(
        contacts.c.id, contacts.c.email, contacts.c.name, contacts.c.stage, contacts.c.score, contacts.c.updated_at
    ).where(contacts.c.merged_into.is_(None))
    if stage:
        query = query.where(contacts.c.stage == stage)
    key: ColumnElement[int] = contacts.c.id
    if segment:
        # In the order of the segment's index: by that of contacts all of those would be looked at who are not in it
        key = contact_segments.c.contact_id
        query = query.join(contact_segments, contact_segments.c.contact_id == contacts.c.id)
        query = query.where(contact_segments.c.segment == segment)
    if search:
        text = search.strip().lower()
        end = text + "\U0010ffff"
        query = query.where(
            or_(
                and_(contacts.c.email >= text, contacts.c.email < end),
                and_(contacts.c.name >= text, contacts.c.name < end),
            )
        )
    return keyset(conn, query, key, limit, before, "id")


def find_contacts(conn: Connection, identity: Identity, connection_ids: Sequence[int]) -> list[int]:
    """The contacts that go by an identity in these connections; one that counts everywhere counts in 0."""
    keys = {alias_key(identity, one) for one in connection_ids}
    found = conn.execute(select(aliases.c.contact_id).where(aliases.c.key.in_(keys))).scalars().all()
    found = [*found, *conn.execute(select(shared_aliases.c.contact_id).where(shared_aliases.c.key.in_(keys))).scalars()]
    return list(dict.fromkeys(found))


def inbox_row(conn: Connection, row_id: int) -> Mapping[str, Any] | None:
    """One request with its body, or None."""
    row = conn.execute(select(inbox).where(inbox.c.id == row_id)).first()
    return None if row is None else dict(row._mapping)


def delivery_row(conn: Connection, row_id: int) -> Mapping[str, Any] | None:
    """One delivery with every try at it, each with its request and answer; or None."""
    row = conn.execute(select(deliveries).where(deliveries.c.id == row_id)).first()
    if row is None:
        return None
    query = (
        select(
            attempts.c.at,
            attempts.c.outcome,
            attempts.c.reason,
            calls.c.method,
            calls.c.url,
            calls.c.request,
            calls.c.status,
            calls.c.answer,
            calls.c.seconds,
        )
        .outerjoin(calls, calls.c.id == attempts.c.call_id)
        .where(attempts.c.delivery_id == row_id)
        .order_by(attempts.c.id.desc())
        .limit(50)
    )
    return {**row._mapping, "tries": [dict(one._mapping) for one in conn.execute(query)]}


def by_key(conn: Connection, table: Table, columns: Sequence[str], key: ColumnElement[int], keys: list[int]) -> Rows:
    """The rows of these keys, in any order."""
    if not keys:
        return []
    query = select(*(table.c[name] for name in columns)).where(key.in_(keys))
    return [dict(row._mapping) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[str, dict[str, int] | int]:
    """How much there is of everything. Of tables with many millions of rows some numbers are a few minutes old."""

    def by_status(table: Table, known: Sequence[str], now: Sequence[str]) -> dict[str, int]:
        rows = select(table.c.status, func.count()).group_by(table.c.status)
        found: dict[str, int] = kept(conn, table.name, lambda: {row[0]: row[1] for row in conn.execute(rows)})
        few = {one: rows_of(table, table.c.status == one) for one in now}
        return {**dict.fromkeys(known, 0), **found, **few}

    def rows_of(table: Table, *where: ColumnElement[bool]) -> int:
        return conn.execute(select(func.count()).select_from(table).where(*where)).scalar() or 0

    return {
        "inbox": by_status(inbox, ("pending", "done", "parked"), ("pending", "parked")),
        "events": kept(conn, "events", lambda: rows_of(events)),
        "contacts": kept(
            conn, "contacts", lambda: rows_of(contacts) - rows_of(contacts, contacts.c.merged_into.is_not(None))
        ),
        "deliveries": by_status(deliveries, ("pending", "sending", "sent", "withheld", "unknown", "dead"), ()),
        "handoffs": by_status(handoffs, ("open", "claimed", "closed", "withdrawn"), ()),
    }
