"""Lists for people and programs: keyset pages, newest first, each on an index."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from app.contacts.event import Identity
from app.contacts.identity import alias_key
from app.contacts.times import from_us
from app.store.decided import read_gates
from app.store.tables import (
    aliases,
    attempts,
    calls,
    contacts,
    decisions,
    deliveries,
    events,
    handoffs,
    inbox,
    merges,
    refusals,
    shared_aliases,
)

MAX_LIMIT = 200

Rows = Sequence[Mapping[str, Any]]


class Page(Struct, frozen=True):
    """Some rows, and the key after which the next page begins; None when there is none."""

    rows: Rows
    next: int | None


def _page(conn: Connection, query: Select[Any], key: ColumnElement[int], limit: int, before: int | None) -> Page:
    if before is not None:
        query = query.where(key < before)
    rows = [dict(row._mapping) for row in conn.execute(query.order_by(key.desc()).limit(limit + 1))]
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, rows[-1][key.name] if more and rows else None)


def _filtered(table: Table, columns: Sequence[str], filters: Mapping[str, Any]) -> Select[Any]:
    query = select(*(table.c[name] for name in columns))
    for name, value in filters.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


_EVENTS = ("seq", "id", "type", "occurred_at", "received_at", "connection_id", "contact_id", "inbox_id", "body")
_INBOX = (
    "id", "connection_id", "kind", "route", "received_at", "status", "reason", "attempts", "done_at", "events",
    "parent_id", "not_before",
)  # fmt: skip
_DELIVERIES = (
    "id", "contact_id", "connection_id", "kind", "urgency", "status", "reason", "attempts", "not_before", "created_at",
    "updated_at", "action", "result", "decision_key", "handoff_key",
)  # fmt: skip
_DECISIONS = (
    "id", "contact_id", "event_id", "at", "decided_at", "rule", "policy", "what", "outcome", "summary", "gates", "key",
)  # fmt: skip


def events_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Events, by ``contact_id``, ``connection_id`` or ``type``."""
    return _page(conn, _filtered(events, _EVENTS, filters), events.c.seq, limit, before)


def inbox_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Requests in the inbox without their bodies, by ``status`` or ``connection_id``."""
    return _page(conn, _filtered(inbox, _INBOX, filters), inbox.c.id, limit, before)


def deliveries_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Deliveries, by ``status``, ``connection_id``, ``contact_id`` or ``kind``."""
    return _page(conn, _filtered(deliveries, _DELIVERIES, filters), deliveries.c.id, limit, before)


def decisions_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Decisions, by ``contact_id``, ``outcome`` or ``what``."""
    return _page(conn, _filtered(decisions, _DECISIONS, filters), decisions.c.id, limit, before)


def handoffs_page(conn: Connection, limit: int, before: int | None, **filters: Any) -> Page:
    """Handoffs, by ``status`` or ``contact_id``."""
    names = [column.name for column in handoffs.c]
    return _page(conn, _filtered(handoffs, names, filters), handoffs.c.id, limit, before)


def contacts_page(conn: Connection, limit: int, before: int | None, search: str = "", stage: str | None = None) -> Page:
    """Contacts, newest first; ``search`` is the beginning of an address or a name."""
    query = select(
        contacts.c.id, contacts.c.email, contacts.c.name, contacts.c.stage, contacts.c.score, contacts.c.updated_at
    ).where(contacts.c.merged_into.is_(None))
    if stage:
        query = query.where(contacts.c.stage == stage)
    if search:
        text = search.strip().lower()
        end = text + "\U0010ffff"
        query = query.where(
            or_(
                and_(contacts.c.email >= text, contacts.c.email < end),
                and_(contacts.c.name >= text, contacts.c.name < end),
            )
        )
    return _page(conn, query, contacts.c.id, limit, before)


def find_contacts(conn: Connection, identity: Identity, connection_ids: Sequence[int]) -> list[int]:
    """The contacts that go by an identity; a vendor's id is looked for in each of its connections."""
    keys = {alias_key(identity, one) for one in connection_ids or (0,)}
    found = conn.execute(select(aliases.c.contact_id).where(aliases.c.key.in_(keys))).scalars().all()
    found = [*found, *conn.execute(select(shared_aliases.c.contact_id).where(shared_aliases.c.key.in_(keys))).scalars()]
    return list(dict.fromkeys(found))


def contact_row(conn: Connection, contact_id: int) -> Mapping[str, Any] | None:
    """One contact's row, or None."""
    row = conn.execute(select(contacts).where(contacts.c.id == contact_id)).first()
    return None if row is None else dict(row._mapping)


def merges_of(conn: Connection, contact_id: int) -> Rows:
    """The contacts that were merged into this one, and when, and by which identity."""
    query = select(merges).where(merges.c.winner_id == contact_id).order_by(merges.c.id)
    return [dict(row._mapping) for row in conn.execute(query)]


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


def timeline(conn: Connection, contact_id: int, limit: int, before: datetime | None) -> tuple[Rows, datetime | None]:
    """What happened to a contact and what was decided, newest first."""
    happened = select(
        literal("event").label("source"), events.c.occurred_at.label("at"), events.c.seq.label("key")
    ).where(events.c.contact_id == contact_id)
    decided = select(
        literal("decision").label("source"), decisions.c.at.label("at"), decisions.c.id.label("key")
    ).where(decisions.c.contact_id == contact_id)
    if before is not None:
        happened, decided = happened.where(events.c.occurred_at < before), decided.where(decisions.c.at < before)
    parts = [
        part.order_by(column.desc()).limit(limit + 1).subquery()
        for part, column in ((happened, events.c.occurred_at), (decided, decisions.c.at))
    ]
    joined = union_all(*(select(part) for part in parts)).subquery()
    rows = conn.execute(
        select(joined).order_by(joined.c.at.desc(), joined.c.source, joined.c.key.desc()).limit(limit + 1)
    )
    found = [(row.source, row.key, row.at if isinstance(row.at, datetime) else from_us(row.at)) for row in rows]
    more = len(found) > limit
    found = found[:limit]
    details: dict[str, Callable[[list[int]], Rows]] = {
        "event": lambda keys: _by_key(conn, events, _EVENTS, events.c.seq, keys),
        "decision": lambda keys: _by_key(conn, decisions, _DECISIONS, decisions.c.id, keys),
    }
    by_source = {
        source: {row[name]: row for row in details[source]([key for where, key, _ in found if where == source])}
        for source, name in (("event", "seq"), ("decision", "id"))
    }
    return [{"source": source, **by_source[source][key]} for source, key, _ in found], found[-1][2] if more else None


def _by_key(conn: Connection, table: Table, columns: Sequence[str], key: ColumnElement[int], keys: list[int]) -> Rows:
    if not keys:
        return []
    query = select(*(table.c[name] for name in columns)).where(key.in_(keys))
    return [dict(row._mapping) for row in conn.execute(query)]


def counts(conn: Connection) -> dict[str, dict[str, int] | int]:
    """How much there is of everything."""

    def by_status(table: Table, known: Sequence[str]) -> dict[str, int]:
        rows = conn.execute(select(table.c.status, func.count()).group_by(table.c.status)).all()
        return {**dict.fromkeys(known, 0), **dict(rows)}

    def rows_of(table: Table, *where: ColumnElement[bool]) -> int:
        return conn.execute(select(func.count()).select_from(table).where(*where)).scalar() or 0

    return {
        "inbox": by_status(inbox, ("pending", "done", "parked")),
        "events": rows_of(events),
        "contacts": rows_of(contacts, contacts.c.merged_into.is_(None)),
        "deliveries": by_status(deliveries, ("pending", "sending", "sent", "withheld", "unknown", "dead")),
        "handoffs": by_status(handoffs, ("open", "claimed", "closed", "withdrawn")),
    }


# --- lists that people walk back and forth through

LOOK = (
    5_000  # so many rows are looked at for one page; where a filter has no index of its own, the rest waits for a click
)
_RARE = frozenset(("pending", "sending", "parked", "unknown", "dead", "open", "claimed"))


class Turn(Struct, frozen=True):
    """A page with the keys of its neighbours: ``older`` goes to ``before``, ``newer`` to ``after``; None where there is
    none. ``cut`` says that the page is short because enough was looked at, not because there is no more."""

    rows: Rows
    older: int | None = None
    newer: int | None = None
    cut: bool = False


def turn_inbox(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Requests in the inbox, by ``status`` and ``connection_id``, newest first."""
    return _turn(conn, inbox, _INBOX, filters, limit, before, after)


def turn_deliveries(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Deliveries without their actions, by ``status``, ``connection_id`` and ``kind``, newest first."""
    names = [name for name in _DELIVERIES if name not in ("action", "result")]
    return _turn(conn, deliveries, names, filters, limit, before, after)


def turn_decisions(conn: Connection, limit: int, before: int | None, after: int | None, **filters: Any) -> Turn:
    """Decisions, by ``contact_id``, ``outcome`` and ``what``, newest first."""
    return _turn(conn, decisions, _DECISIONS, filters, limit, before, after)


def turn_handoffs(
    conn: Connection, limit: int, before: int | None, after: int | None, status: str | None, oldest_first: bool = False
) -> Turn:
    """Handoffs by status; with ``oldest_first`` the one that has waited longest leads."""
    names = [column.name for column in handoffs.c]
    return _turn(conn, handoffs, names, {"status": status}, limit, before, after, oldest_first)


def turn_contacts(conn: Connection, limit: int, before: int | None, after: int | None, stage: str | None) -> Turn:
    """Contacts, newest first; with ``stage`` only those in it."""
    return _turn(conn, contacts, _CONTACTS, {"merged_into": None, "stage": stage}, limit, before, after)


_CONTACTS = ("id", "email", "name", "stage", "updated_at", "merged_into")


def _turn(
    conn: Connection,
    table: Table,
    columns: Sequence[str],
    filters: Mapping[str, Any],
    limit: int,
    before: int | None,
    after: int | None,
    oldest_first: bool = False,
) -> Turn:
    """A page on the index of one filter; what the other filters leave of it is looked for among ``LOOK`` rows.

    ``merged_into`` is looked for as it is, also None; any other filter that is None is none.
    """
    given = {name: value for name, value in filters.items() if value is not None or name == "merged_into"}
    order = ("status", "connection_id") if given.get("status") in _RARE else ("connection_id", "status")
    lead = next((name for name in ("contact_id", *order, "outcome", "what") if name in given), None)
    rest = {name: value for name, value in given.items() if name != lead}
    key = table.c.id
    upward = (after is not None) is not oldest_first
    back = 1 if oldest_first else -1  # from an empty page one goes back to the row before it
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
            return _turn(conn, table, columns, filters, limit, None, None, oldest_first)
        rows.reverse()
        return Turn(rows, older=rows[-1]["id"] if rows else after - back, newer=end, cut=cut)
    newer = None if before is None else (rows[0]["id"] if rows else before + back)
    return Turn(rows, older=end, newer=newer, cut=cut)


class Found(Struct, frozen=True):
    """Contacts that a search found, in the order of what they were found by, and where the search goes on."""

    ids: tuple[int, ...]
    next: tuple[str, str, int] | None = None


def search_contacts(
    conn: Connection, text: str, stage: str | None, limit: int, place: tuple[str, str, int] | None = None
) -> Found:
    """Contacts whose address begins with the text, then those whose name does.

    Both in the order of the alphabet: that is the order of the indexes, so that a page costs the same however many
    there are.
    """
    text = text.strip().lower()
    end = text + "\U0010ffff"
    found: list[int] = []
    by, value, last = place or ("email", text, 0)
    seen, together = 0, limit * 4
    while seen < LOOK:
        column = contacts.c.email if by == "email" else contacts.c.name
        query = (
            select(contacts.c.id, column.label("text"), contacts.c.stage, contacts.c.email, contacts.c.merged_into)
            .where(column >= value, column < end, or_(column > value, contacts.c.id > last))
            .order_by(column, contacts.c.id)
            .limit(together)
        )
        rows = conn.execute(query).all()
        for row in rows:
            value, last = row.text, row.id
            listed_before = by == "name" and row.email is not None and text <= row.email < end
            if row.merged_into is None and not listed_before and (stage is None or row.stage == stage):
                found.append(row.id)
                if len(found) == limit:
                    return Found(tuple(found), (by, value, last))
        seen += len(rows)
        if len(rows) < together:
            if by == "name":
                return Found(tuple(found))
            by, value, last = "name", text, 0
    return Found(tuple(found), (by, value, last))


def contact_states(conn: Connection, ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """These contacts' stored states and when each was last changed, by id."""
    if not ids:
        return {}
    query = select(contacts.c.id, contacts.c.state, contacts.c.updated_at).where(contacts.c.id.in_(ids))
    return {row.id: dict(row._mapping) for row in conn.execute(query)}


class Moment(Struct, frozen=True):
    """A place in a timeline. At the same instant a decision stands above the event that it followed from."""

    at: datetime
    source: str
    key: int


def turn_timeline(
    conn: Connection, contact_id: int, limit: int, before: Moment | None, after: Moment | None
) -> tuple[Rows, Moment | None, Moment | None]:
    """What happened to a contact and what was decided, newest first; with the places where the older and the newer
    pages begin."""
    edge = after or before
    parts = []
    for source, table, at, key in (
        ("event", events, events.c.occurred_at, events.c.seq),
        ("decision", decisions, decisions.c.at, decisions.c.id),
    ):
        query = select(literal(source).label("source"), at.label("at"), key.label("key")).where(
            table.c.contact_id == contact_id
        )
        if edge is not None:
            query = query.where(_beyond(source, at, key, edge, newer=after is not None))
        order = (at.asc(), key.asc()) if after is not None else (at.desc(), key.desc())
        parts.append(query.order_by(*order).limit(limit + 1).subquery())
    joined = union_all(*(select(part) for part in parts)).subquery()
    places = [
        Moment(row.at if isinstance(row.at, datetime) else from_us(row.at), row.source, row.key)
        for row in conn.execute(select(joined))
    ]
    places.sort(key=lambda place: (place.at, place.source == "decision", place.key), reverse=after is None)
    more = len(places) > limit
    places = places[:limit]
    if after is not None:
        if not more:
            return turn_timeline(conn, contact_id, limit, None, None)
        places.reverse()
        older, newer = places[-1], places[0]
        return _moments(conn, places), older, newer
    newer_place = places[0] if before is not None and places else None
    return _moments(conn, places), places[-1] if more else None, newer_place


def _beyond(
    source: str, at: ColumnElement[Any], key: ColumnElement[int], edge: Moment, newer: bool
) -> ColumnElement[bool]:
    """Whether a row stands on the far side of a place."""
    if source == edge.source:
        beside = key > edge.key if newer else key < edge.key
    elif (source == "decision") is newer:
        beside = true()
    else:
        beside = false()
    # The plain bound first: it is what the index is walked by
    bound = at >= edge.at if newer else at <= edge.at
    return and_(bound, or_(at != edge.at, beside))


def _moments(conn: Connection, places: Sequence[Moment]) -> Rows:
    details: dict[tuple[str, int], Mapping[str, Any]] = {}
    for source, table, columns, key in (
        ("event", events, _EVENTS, events.c.seq),
        ("decision", decisions, _DECISIONS, decisions.c.id),
    ):
        keys = [place.key for place in places if place.source == source]
        for row in _by_key(conn, table, columns, key, keys):
            details[(source, row[key.name])] = row
    return [{"source": place.source, **details[(place.source, place.key)]} for place in places]


def decision_row(conn: Connection, decision_id: int) -> Mapping[str, Any] | None:
    """One decision, or None."""
    row = conn.execute(select(decisions).where(decisions.c.id == decision_id)).first()
    return None if row is None else dict(row._mapping)


def decision_of(conn: Connection, key: str) -> Mapping[str, Any] | None:
    """The decision that has this key, or None."""
    row = conn.execute(select(decisions).where(decisions.c.key == key)).first()
    return None if row is None else dict(row._mapping)


def deliveries_of(conn: Connection, contact_id: int, decision_key: str) -> Rows:
    """What a decision about a contact led to, as far as it is among that contact's newest deliveries."""
    names = ("id", "connection_id", "kind", "status", "reason", "created_at", "decision_key")
    newest = (
        select(*(deliveries.c[name] for name in names))
        .where(deliveries.c.contact_id == contact_id)
        .order_by(deliveries.c.id.desc())
        .limit(LOOK)
        .subquery()
    )
    query = select(newest).where(newest.c.decision_key == decision_key).order_by(newest.c.id).limit(50)
    return [dict(row._mapping) for row in conn.execute(query)]


def event_row(conn: Connection, event_id: str) -> Mapping[str, Any] | None:
    """One event by its id, or None."""
    row = conn.execute(select(*(events.c[name] for name in _EVENTS)).where(events.c.id == event_id)).first()
    return None if row is None else dict(row._mapping)


def handoff_row(conn: Connection, key: str) -> Mapping[str, Any] | None:
    """One handoff by its key, or None."""
    row = conn.execute(select(handoffs).where(handoffs.c.key == key)).first()
    return None if row is None else dict(row._mapping)


def newest_events(conn: Connection, contact_id: int, limit: int) -> Rows:
    """The newest events of a contact, by when they occurred."""
    query = (
        select(*(events.c[name] for name in _EVENTS))
        .where(events.c.contact_id == contact_id)
        .order_by(events.c.occurred_at.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in conn.execute(query)]


def refused_page(conn: Connection, connection_id: int, limit: int) -> Rows:
    """The newest requests of a connection that were refused, without their bodies."""
    query = (
        select(refusals.c.id, refusals.c.at, refusals.c.reason, refusals.c.url, refusals.c.headers)
        .where(refusals.c.connection_id == connection_id)
        .order_by(refusals.c.id.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in conn.execute(query)]


def refused_row(conn: Connection, row_id: int) -> Mapping[str, Any] | None:
    """One refused request with its body, or None."""
    row = conn.execute(select(refusals).where(refusals.c.id == row_id)).first()
    return None if row is None else dict(row._mapping)


# --- counting, which never looks at more than so many rows

COUNT_UP_TO = 10_000


def first_since(conn: Connection, table: Table, at: ColumnElement[datetime], since: datetime) -> int:
    """The id from which on rows are younger than a moment: ids grow with time, so it is found by halving."""
    low, high = conn.execute(select(func.min(table.c.id), func.max(table.c.id))).one()
    if low is None:
        return 0
    low, high = low - 1, high + 1  # the row of ``low`` is older, that of ``high`` is not
    while high - low > 1:
        middle = (low + high) // 2
        nearest = (
            select(table.c.id, at.label("at")).where(table.c.id >= middle).order_by(table.c.id).limit(1).subquery()
        )
        row = conn.execute(select(nearest)).first()
        if row is None or row.id >= high:
            high = middle
        elif row.at < since:
            low = row.id
        else:
            high = middle
    return int(high)


def count_up_to(conn: Connection, counted: Mapping[str, Select[Any]], most: int = COUNT_UP_TO) -> dict[str, int]:
    """How many rows each query has, all asked at once; ``most`` + 1 where there are more than that."""
    if not counted:
        return {}
    parts = []
    for name, query in counted.items():
        rows = query.limit(most + 1).subquery()
        parts.append(select(literal(name).label("name"), select(func.count()).select_from(rows).scalar_subquery()))
    return {row[0]: int(row[1]) for row in conn.execute(union_all(*parts))}


def came_in(connection_ids: Collection[int], from_id: int) -> dict[str, Select[Any]]:
    """Queries for :func:`count_up_to`: each connection's requests from an id on."""
    return {
        str(one): select(inbox.c.id).where(inbox.c.connection_id == one, inbox.c.id >= from_id)
        for one in connection_ids
    }


def waiting() -> dict[str, Select[Any]]:
    """Queries for :func:`count_up_to`: what waits for Baton or for a person."""
    counted = {f"inbox.{one}": select(inbox.c.id).where(inbox.c.status == one) for one in ("pending", "parked")}
    for one in ("pending", "sending", "unknown", "dead"):
        counted[f"deliveries.{one}"] = select(deliveries.c.id).where(deliveries.c.status == one)
    for one in ("open", "claimed"):
        counted[f"handoffs.{one}"] = select(handoffs.c.id).where(handoffs.c.status == one)
    return counted


def backlogs(connection_ids: Collection[int]) -> dict[str, Select[Any]]:
    """Queries for :func:`count_up_to`: what waits to leave through each connection."""
    return {
        str(one): select(deliveries.c.id).where(deliveries.c.connection_id == one, deliveries.c.status == "pending")
        for one in connection_ids
    }


def waiting_since(conn: Connection, connection_id: int) -> datetime | None:
    """Since when the oldest of the first deliveries that wait for a connection has been waiting, or None."""
    first = (
        select(deliveries.c.created_at)
        .where(deliveries.c.connection_id == connection_id, deliveries.c.status == "pending")
        .order_by(deliveries.c.urgency, deliveries.c.id)
        .limit(1_000)
        .subquery()
    )
    return conn.execute(select(func.min(first.c.created_at))).scalar()


def sent_by_kind(conn: Connection, from_id: int, most: int = COUNT_UP_TO) -> list[tuple[str, int]]:
    """What was sent of the deliveries from an id on: (kind, how many), of the newest so many."""
    newest = (
        select(deliveries.c.kind)
        .where(deliveries.c.status == "sent", deliveries.c.id >= from_id)
        .order_by(deliveries.c.id.desc())
        .limit(most)
        .subquery()
    )
    query = select(newest.c.kind, func.count().label("n")).group_by(newest.c.kind).order_by(func.count().desc())
    return [(row.kind, row.n) for row in conn.execute(query)]


def withheld_since(
    conn: Connection, decision_from: int, delivery_from: int, most: int = 2_000
) -> list[tuple[str, str]]:
    """What was decided against, and what was kept back at the last moment: (what, reason), of the newest so many."""
    refused = (
        select(decisions.c.what, decisions.c.summary, decisions.c.gates)
        .where(decisions.c.outcome == "withheld", decisions.c.id >= decision_from)
        .order_by(decisions.c.id.desc())
        .limit(most)
    )
    found = [(row.what, _failed_gate(row.gates) or row.summary) for row in conn.execute(refused)]
    kept = (
        select(deliveries.c.kind, deliveries.c.reason, deliveries.c.decision_key)
        .where(deliveries.c.status == "withheld", deliveries.c.id >= delivery_from)
        .order_by(deliveries.c.id.desc())
        .limit(most)
        .subquery()
    )
    # A delivery of a decision that was itself withheld would be counted twice
    query = (
        select(kept.c.kind, kept.c.reason)
        .outerjoin(decisions, decisions.c.key == kept.c.decision_key)
        .where(or_(decisions.c.outcome.is_(None), decisions.c.outcome != "withheld"))
    )
    return found + [(row.kind, row.reason or "") for row in conn.execute(query)]


def _failed_gate(gates: str) -> str:
    return next((gate.detail for gate in read_gates(gates) if not gate.passed and gate.detail), "")
