"""One contact's timeline, events and decisions merged, as people walk back and forth through it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, false, literal, or_, select, true, union_all

from app.contacts.times import from_us
from app.store.lists import DECISIONS, EVENTS, Rows, by_key
from app.store.tables import decisions, events


class Moment(Struct, frozen=True):
    """A place in a timeline. At the same instant a decision stands above the event that it followed from."""

    at: datetime
    source: str
    key: int


def turn(
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
            return turn(conn, contact_id, limit, None, None)
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
        ("event", events, EVENTS, events.c.seq),
        ("decision", decisions, DECISIONS, decisions.c.id),
    ):
        keys = [place.key for place in places if place.source == source]
        for row in by_key(conn, table, columns, key, keys):
            details[(source, row[key.name])] = row
    return [{"source": place.source, **details[(place.source, place.key)]} for place in places]
