"""A contact's state as of some point in its past, from which its history can be folded again without its beginning.

One for each contact, not far behind its newest event, or where an event last came late: the next late one is likely to
belong near there as well. It holds what all of the contact's events up to that point came to; when one arrives that
belongs before it, it is replaced.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, select

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.store.engine import Database, Upsert
from app.store.tables import checkpoints, events

_decode = msgspec.json.Decoder(Contact).decode
_decode_event = msgspec.json.Decoder(Event).decode


class Checkpoint(Struct, frozen=True):
    """A state as JSON, and when the newest event in it occurred."""

    at: datetime
    state: str


_MINE = checkpoints.c.contact_id.in_(bindparam("ids", expanding=True))
_LOAD = select(checkpoints.c.contact_id, checkpoints.c.state).where(_MINE)
_SINCE = (
    select(events.c.contact_id, events.c.body)
    .join(checkpoints, checkpoints.c.contact_id == events.c.contact_id)
    .where(_MINE, events.c.occurred_at >= checkpoints.c.at)
)
_DROP = delete(checkpoints).where(_MINE)


def load(conn: Connection, ids: Collection[int]) -> dict[int, Contact]:
    """The state at the checkpoint of each of these contacts that has one."""
    return {contact_id: _decode(state) for contact_id, state in conn.execute(_LOAD, {"ids": list(ids)})} if ids else {}


def since(conn: Connection, ids: Collection[int]) -> dict[int, list[Event]]:
    """The events of these contacts from the moment of their checkpoints on, those of that moment among them."""
    found: dict[int, list[Event]] = {contact_id: [] for contact_id in ids}
    if found:
        for contact_id, body in conn.execute(_SINCE, {"ids": list(found)}):
            found[contact_id].append(_decode_event(body))
    return found


_KEEP = Upsert(
    checkpoints,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[checkpoints.c.contact_id], set_={"at": fresh.excluded.at, "state": fresh.excluded.state}
    ),
)


def keep(conn: Connection, database: Database, wanted: Mapping[int, Checkpoint]) -> None:
    """Let these be the checkpoints of these contacts."""
    if not wanted:
        return
    conn.execute(
        _KEEP.on(database),
        [{"contact_id": contact_id, "at": one.at, "state": one.state} for contact_id, one in sorted(wanted.items())],
    )


def drop(conn: Connection, ids: Collection[int]) -> None:
    """Forget the checkpoints of these contacts."""
    if ids:
        conn.execute(_DROP, {"ids": sorted(ids)})
