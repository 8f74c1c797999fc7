"""Contacts that became one: what is shown of it, undoing it, and letting two that were parted be one again."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection as Conn
from tenacity import RetryError

from app.contacts.event import Event, Identity
from app.contacts.identity import CONTACT, GLOBAL_KINDS
from app.contacts.own_events import JOINED
from app.contacts.times import to_us
from app.numbers import whole
from app.receive import Refused, this_runtime, this_waker
from app.runtime import Runtime
from app.store import inbox, merges, notes, people
from app.store.merges import Known
from jobs import parting
from jobs.parting import CannotPart
from jobs.queue import DELIVER, INGEST

_MOST = 50


class Alias(Struct, frozen=True):
    """A name that somebody goes by: the connection that uses it, or None where it is used everywhere."""

    kind: str
    value: str
    connection: str | None


class Side(Struct, frozen=True):
    """What one of two contacts has once they are parted: which names, how many events of its own, and how many of those
    that came while they were one."""

    id: int
    aliases: list[Alias]
    events: int
    later: int


class Shown(Struct, frozen=True, kw_only=True):
    """A merge: who became one with whom, when, and by which name. ``state`` is merged, parted or rejoined."""

    id: int
    contact_id: int
    winner_id: int
    loser_id: int
    met_in: Alias
    connection: str | None
    event_id: str | None
    at: Any
    state: str
    undone_at: Any
    undone_by: str | None
    undone_why: str | None


def of_contacts(runtime: Runtime, conn: Conn, contact_ids: Collection[int]) -> dict[int, list[Shown]]:
    """The newest merges in which each contact was the one or the other, newest first."""
    found = merges.of_contacts(conn, contact_ids)
    known = {one.id: one for one in shown(runtime, conn, [row for some in found.values() for row in some])}
    return {contact_id: [known[row["id"]] for row in some[:_MOST]] for contact_id, some in found.items()}


def shown(runtime: Runtime, conn: Conn, found: Collection[Mapping[str, Any]]) -> list[Shown]:
    """Merges' rows as they are shown."""
    apart = merges.are_apart(conn, [row["id"] for row in found if row["undone_at"] is not None])
    told = merges.told_by(conn, found)
    homes = people.survivors(conn, [row["winner_id"] for row in found])
    return [_shown(runtime, merges.read(row), homes[row["winner_id"]], apart, told) for row in found]


def _shown(runtime: Runtime, merge: Known, home: int, apart: Collection[int], told: Mapping[str, int]) -> Shown:
    state = "merged" if merge.undone_at is None else "parted" if merge.id in apart else "rejoined"
    return Shown(
        id=merge.id,
        contact_id=home,
        winner_id=merge.winner_id,
        loser_id=merge.loser_id,
        met_in=_alias(runtime, merge.key),
        connection=_name(runtime, told[merge.event_id]) if merge.event_id and merge.event_id in told else None,
        event_id=merge.event_id,
        at=merge.at,
        state=state,
        undone_at=merge.undone_at,
        undone_by=merge.undone_by,
        undone_why=merge.undone_why,
    )


def _name(runtime: Runtime, connection_id: int) -> str:
    found = runtime.connections().get(connection_id)
    return "baton" if not connection_id else found.name if found is not None else f"removed {connection_id}"


def _alias(runtime: Runtime, key: str) -> Alias:
    kind, _, value = key.partition(":")
    if kind in GLOBAL_KINDS:
        return Alias(kind, value, None)
    connection, _, value = value.partition(":")
    number = whole(connection)
    if number is None:  # of somebody who was erased since
        return Alias(key, "", None)
    return Alias(kind, value, _name(runtime, number))


def one(conn: Conn, merge_id: int) -> Mapping[str, Any]:
    """A merge's row. Raises 404."""
    row = merges.row(conn, merge_id)
    if row is None:
        raise Refused(404, "there is no such merge")
    return row


def would(runtime: Runtime, conn: Conn, merge_id: int) -> tuple[list[Side], str]:
    """How the two would be parted now, who stays first; or nothing, and why it cannot be."""
    merge = merges.read(one(conn, merge_id))
    try:
        made = parting.prepare(conn, merge)
    except CannotPart as reason:
        return [], str(reason)
    split = made.split
    keys = merges.keys_at(conn, made.home)
    stays, leaves = sorted(keys - split.keys), sorted(keys & split.keys)
    return [
        Side(made.home, [_alias(runtime, key) for key in stays], split.stays, split.stays_later),
        Side(made.loser, [_alias(runtime, key) for key in leaves], len(split.own), len(split.later)),
    ], ""


def undo(who: str, merge_id: int, why: str) -> Shown:
    """Make two contacts of one again; they stay two until somebody says otherwise."""
    runtime = this_runtime()

    def note(conn: Conn) -> None:
        row = one(conn, merge_id)
        # Why stands on the merge, where it is forgotten with the person; what is in the log stays
        both = f"{row['winner_id']} and {row['loser_id']}"
        notes.write_audit(conn, who, "merge.undone", str(merge_id), runtime.clock(), both)

    with runtime.database.read() as conn:
        one(conn, merge_id)
    try:
        parting.undo(runtime, merge_id, who, why, note)
    except CannotPart as reason:
        raise Refused(409, str(reason)) from None
    except RetryError:
        raise Refused(409, "so much is coming in for these contacts that it did not work out; try again") from None
    this_waker().wake(INGEST, DELIVER)
    return _again(runtime, merge_id)


def rejoin(who: str, merge_id: int, why: str) -> Shown:
    """Let two contacts that were parted be one again."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        row = one(conn, merge_id)
        if not merges.let_meet(conn, merge_id):
            raise Refused(409, "these two are not kept apart")
        pair = [str(people.survivor(conn, row[name])) for name in ("winner_id", "loser_id")]
        event = Event(
            type=JOINED,
            occurred_at=now,
            source_key=f"joined|{merge_id}|{to_us(now)}",
            identities=tuple(Identity(CONTACT, one) for one in pair),
            properties={"merge": merge_id, **({"reason": why} if why else {})},
            actor=who,
        )
        inbox.note(conn, [event], now)
        notes.write_audit(conn, who, "merge.redone", str(merge_id), now, " and ".join(pair))
    this_waker().wake(INGEST)
    return _again(runtime, merge_id)


def _again(runtime: Runtime, merge_id: int) -> Shown:
    with runtime.database.read() as conn:
        return shown(runtime, conn, [one(conn, merge_id)])[0]
