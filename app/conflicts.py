"""Fields on which tools disagree: what each says, and a person settling it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import views
from app.contacts.contact import Contact
from app.contacts.event import Event, Identity
from app.contacts.identity import CONTACT
from app.contacts.own_events import FIELD_SETTLED
from app.contacts.times import to_us
from app.receive import Refused, this_runtime, this_waker
from app.runtime import Runtime
from app.store import conflicts, inbox, notes, rows
from jobs.queue import INGEST
from mappings.fields import type_of
from mappings.transforms import COERCE, CannotTransform, is_blank

_contact = msgspec.json.Decoder(Contact).decode


class Said(Struct, frozen=True):
    """What one tool says of the field, and since when."""

    connection: str
    value: Any
    at: datetime


class Conflict(Struct, frozen=True):
    """A field that stays as it is until somebody settles it: why, since when, its value and what each tool says."""

    id: int
    contact_id: int
    field: str
    reason: str
    since: datetime
    value: Any
    says: list[Said]


def shown(runtime: Runtime, conn: Conn, found: Collection[Mapping[str, Any]]) -> list[Conflict]:
    """Conflicts' rows as they are shown; one that was settled in this moment is left out."""
    states = rows.contact_states(conn, {row["contact_id"] for row in found})
    made = [_shown(runtime, row, states.get(row["contact_id"])) for row in found]
    return [one for one in made if one is not None]


def _shown(runtime: Runtime, row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Conflict | None:
    state = _contact(stored["state"]) if stored is not None else Contact()
    dispute = state.disputes.get(row["field"])
    if dispute is None:
        return None
    return Conflict(
        id=row["id"],
        contact_id=row["contact_id"],
        field=row["field"],
        reason=row["reason"],
        since=row["since"],
        value=state.get(row["field"]),
        says=[
            Said(views.connection_name(runtime, int(connection)), said.value, said.at)
            for connection, said in sorted(dispute.says.items(), key=lambda one: one[1].at)
        ],
    )


def settle(who: str, conflict_id: int, connection: str, value: str | None) -> Conflict:
    """Let a field be what one of the tools says, or another value; every tool is told what differs. Raises Refused."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        row = conflicts.row(conn, conflict_id)
        found = shown(runtime, conn, [row] if row is not None else [])
        if not found:
            raise Refused(404, "there is no such conflict; somebody may have settled it")
        conflict = found[0]
        chosen = _chosen(conflict, connection, value)
        event = Event(
            type=FIELD_SETTLED,
            occurred_at=now,
            source_key=f"settled|{conflict.id}|{to_us(now)}",
            identities=(Identity(CONTACT, str(conflict.contact_id)),),
            fields={conflict.field: chosen},
            properties={"field": conflict.field},
            actor=who,
        )
        inbox.note(conn, [event], now)
        # Only whose word it was: what is in the log stays there when the person is erased
        before, after = ", ".join(one.connection for one in conflict.says), connection or "another value"
        notes.write_audit(conn, who, "contact.settled", str(conflict.contact_id), now, conflict.field, before, after)
    this_waker().wake(INGEST)
    return conflict


def _chosen(conflict: Conflict, connection: str, value: str | None) -> Any:
    if connection:
        said = next((one for one in conflict.says if one.connection == connection), None)
        if said is None:
            raise Refused(400, f"{connection[:60]!r} says nothing of this field")
        return said.value
    if value is None or is_blank(value):
        raise Refused(400, "name the connection whose word it shall be, or a value")
    kind = type_of(conflict.field)
    try:
        return COERCE[kind](value) if kind else value
    except CannotTransform as problem:
        raise Refused(400, f"{value[:60]!r} cannot be this field's value: {problem}") from None
