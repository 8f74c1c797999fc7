"""Single rows, and the few that belong to one thing, as screens show them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from app.contacts.identity import ANONYMOUS
from app.store.lists import EVENTS, Rows
from app.store.tables import contacts, decisions, deliveries, events, handoffs, refusals, shared_aliases

_NEWEST = 5_000  # what a decision led to is looked for among so many of its contact's deliveries


def contact_row(conn: Connection, contact_id: int) -> Mapping[str, Any] | None:
    """One contact's row, or None."""
    row = conn.execute(select(contacts).where(contacts.c.id == contact_id)).first()
    return None if row is None else dict(row._mapping)


def contact_rows(conn: Connection, ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """These contacts' rows, by id."""
    found = conn.execute(select(contacts).where(contacts.c.id.in_(ids))) if ids else ()
    return {row.id: dict(row._mapping) for row in found}


def contact_states(conn: Connection, ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """These contacts' stored states and when each was last changed, by id."""
    if not ids:
        return {}
    query = select(contacts.c.id, contacts.c.state, contacts.c.updated_at).where(contacts.c.id.in_(ids))
    return {row.id: dict(row._mapping) for row in conn.execute(query)}


def newest_states(conn: Connection, most: int) -> list[tuple[int, str]]:
    """The newest contacts that were not merged away, as (id, stored state)."""
    query = select(contacts.c.id, contacts.c.state).where(contacts.c.merged_into.is_(None))
    return [(row.id, row.state) for row in conn.execute(query.order_by(contacts.c.id.desc()).limit(most))]


_mine, _theirs = shared_aliases.alias(), shared_aliases.alias()
_MET = (
    select(
        _mine.c.contact_id,
        _theirs.c.contact_id.label("other"),
        _theirs.c.kind,
        func.row_number().over(partition_by=_mine.c.contact_id, order_by=_theirs.c.contact_id).label("place"),
    )
    .join(_theirs, _theirs.c.key == _mine.c.key)
    .where(
        _mine.c.contact_id.in_(bindparam("contacts", expanding=True)),
        _theirs.c.contact_id != _mine.c.contact_id,
        _theirs.c.first_at.is_not(None),
    )
    .subquery()
)
_FIRST_MET = select(_MET).where(_MET.c.place <= bindparam("limit"))
_NAMESAKES = (
    select(contacts.c.id)
    .where(contacts.c.name == bindparam("name"), contacts.c.merged_into.is_(None))
    .limit(bindparam("limit"))
)


def possible_duplicates(conn: Connection, names: Mapping[int, str], limit: int = 10) -> dict[int, dict[int, str]]:
    """contact → other contacts that may be the same person, and why: they share a phone or a browser, or the whole
    name. Contacts are given with their names."""
    found: dict[int, dict[int, str]] = {contact_id: {} for contact_id in names}
    for contact_id, other, kind, _ in conn.execute(_FIRST_MET, {"contacts": list(names), "limit": limit}):
        found[contact_id][other] = f"shares a {'browser' if kind == ANONYMOUS else kind}"
    whole = {contact_id: name.lower() for contact_id, name in names.items() if " " in name.strip()}
    # One by one: a common name has many thousands of people, of whom the first few will do
    called = {
        name: conn.execute(_NAMESAKES, {"name": name, "limit": limit + 1}).scalars().all()
        for name in set(whole.values())
    }
    for contact_id, name in whole.items():
        mine = found[contact_id]
        for other in called[name]:
            if other != contact_id:
                mine[other] = f"{mine[other]} and the name" if other in mine else "has the same name"
        found[contact_id] = dict(list(mine.items())[:limit])
    return found


def decision_row(conn: Connection, decision_id: int) -> Mapping[str, Any] | None:
    """One decision, or None."""
    row = conn.execute(select(decisions).where(decisions.c.id == decision_id)).first()
    return None if row is None else dict(row._mapping)


def decisions_by_rule(conn: Connection, contact_id: int, rule: str, limit: int) -> Rows:
    """A contact's newest decisions of one rule that still stand, the newest first."""
    query = select(decisions).where(
        decisions.c.contact_id == contact_id, decisions.c.rule == rule, decisions.c.outcome != "superseded"
    )
    query = query.order_by(decisions.c.at.desc(), decisions.c.id.desc()).limit(limit)
    return [dict(row._mapping) for row in conn.execute(query)]


def decisions_at(conn: Connection, contact_id: int, at: datetime) -> Rows:
    """What was decided on a contact at one moment and still stands."""
    query = select(decisions).where(
        decisions.c.contact_id == contact_id, decisions.c.at == at, decisions.c.outcome != "superseded"
    )
    return [dict(row._mapping) for row in conn.execute(query.order_by(decisions.c.id).limit(20))]


def decision_of(conn: Connection, key: str) -> Mapping[str, Any] | None:
    """The decision that has this key, or None."""
    row = conn.execute(select(decisions).where(decisions.c.key == key)).first()
    return None if row is None else dict(row._mapping)


def deliveries_of(
    conn: Connection, contact_id: int, decision_keys: Collection[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """decision → what it led to, as far as that is among the contact's newest deliveries."""
    names = ("id", "connection_id", "kind", "status", "reason", "created_at", "updated_at", "decision_key")
    newest = (
        select(*(deliveries.c[name] for name in names))
        .where(deliveries.c.contact_id == contact_id)
        .order_by(deliveries.c.id.desc())
        .limit(_NEWEST)
        .subquery()
    )
    found: dict[str, list[Mapping[str, Any]]] = {key: [] for key in decision_keys}
    if found:
        for row in conn.execute(select(newest).where(newest.c.decision_key.in_(list(found))).order_by(newest.c.id)):
            found[row.decision_key].append(dict(row._mapping))
    return found


def event_row(conn: Connection, event_id: str) -> Mapping[str, Any] | None:
    """One event by its id, or None."""
    row = conn.execute(select(*(events.c[name] for name in EVENTS)).where(events.c.id == event_id)).first()
    return None if row is None else dict(row._mapping)


def newest_events(conn: Connection, contact_id: int, limit: int) -> Rows:
    """The newest events of a contact, by when they occurred."""
    query = (
        select(*(events.c[name] for name in EVENTS))
        .where(events.c.contact_id == contact_id)
        .order_by(events.c.occurred_at.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in conn.execute(query)]


def events_since(conn: Connection, contact_id: int, since: datetime, types: Collection[str], limit: int) -> Rows:
    """A contact's events of some types from a moment on, in the order in which they occurred."""
    query = select(*(events.c[name] for name in EVENTS)).where(
        events.c.contact_id == contact_id, events.c.occurred_at >= since, events.c.type.in_(types)
    )
    return [dict(row._mapping) for row in conn.execute(query.order_by(events.c.occurred_at).limit(limit))]


def handoff_row(conn: Connection, key: str) -> Mapping[str, Any] | None:
    """One handoff by its key, or None."""
    row = conn.execute(select(handoffs).where(handoffs.c.key == key)).first()
    return None if row is None else dict(row._mapping)


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
