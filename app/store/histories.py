"""Histories, read to be replayed: all that happened to some contacts up to a moment, long ones piece by piece."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from app.contacts.event import Event
from app.store.tables import events

_MINE = events.c.contact_id.in_(bindparam("contacts", expanding=True)) & (events.c.occurred_at < bindparam("until"))
_SIZES = (
    select(events.c.contact_id, func.count()).where(_MINE).group_by(events.c.contact_id).order_by(events.c.contact_id)
)
_HISTORIES = select(events.c.contact_id, events.c.body).where(_MINE).order_by(events.c.contact_id, events.c.occurred_at)
_PAGE = (
    select(events.c.occurred_at, events.c.body)
    .where(
        events.c.contact_id == bindparam("contact"),
        events.c.occurred_at >= bindparam("since"),
        events.c.occurred_at < bindparam("until"),
    )
    .order_by(events.c.occurred_at)
    .limit(bindparam("limit"))
)
_decode = msgspec.json.Decoder(Event).decode


def sizes(conn: Connection, contact_ids: Collection[int], until: datetime) -> dict[int, int]:
    """contact → how many events there are of it before a moment; those without any are left out."""
    return dict(conn.execute(_SIZES, {"contacts": list(contact_ids), "until": until}).all())


def histories(conn: Connection, contact_ids: Collection[int], until: datetime) -> dict[int, list[Event]]:
    """The events of these contacts before a moment, by when they occurred."""
    found: dict[int, list[Event]] = {contact_id: [] for contact_id in contact_ids}
    if found:
        for contact_id, body in conn.execute(_HISTORIES, {"contacts": list(found), "until": until}):
            found[contact_id].append(_decode(body))
    return found


def moments(conn: Connection, contact_id: int, since: datetime, until: datetime, most: int) -> list[Event]:
    """The first events of one contact from a moment on, by when they occurred: about as many as asked for, and all of
    the last one's moment, so that the next call begins after it."""
    asked = {"contact": contact_id, "since": since, "until": until}
    rows = conn.execute(_PAGE, {**asked, "limit": most}).all()
    found = [_decode(body) for _, body in rows]
    if len(rows) == most:
        last = rows[-1].occurred_at
        found = [event for event in found if event.occurred_at < last]
        same = select(events.c.body).where(events.c.contact_id == contact_id, events.c.occurred_at == last)
        found += [_decode(body) for body in conn.execute(same).scalars()]
    return found
