"""Contacts that became one, what each of them had until then, and parting them again.

A merge moves everything to the winner. Events and deliveries keep in ``origin_id`` whose they were, and the merge keeps
the aliases of both, so that it can be undone also after others have followed. Two contacts that were parted are
remembered as a pair.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, case, delete, func, insert, literal, null, or_, select, update

from app.contacts.event import Event
from app.contacts.parting import Logged
from app.contacts.resolve import Merge, Pair, Sighting, pair_of
from app.store.engine import Database
from app.store.tables import (
    aliases,
    checkpoints,
    conflicts,
    contact_segments,
    contacts,
    decisions,
    deliveries,
    enrolments,
    events,
    handoffs,
    kept_apart,
    merges,
    reviews,
    shadows,
    shared_aliases,
    timers,
)

_MANY = 200  # aliases that are kept with each merge; else a contact that many are merged into would keep them squared
_CHAIN = 1_000  # contacts that were merged into one another; far more than a person can have
_Key = TypeVar("_Key", int, str)
_event = msgspec.json.Decoder(Event).decode


class Parts(Struct, frozen=True):
    """The alias keys that each of two contacts had before they were merged. Of a winner with very many they are None:
    then all that are not the loser's count as its own."""

    winner: tuple[str, ...] | None = ()
    loser: tuple[str, ...] = ()


class Known(Struct, frozen=True, kw_only=True):
    """A merge as it was recorded. ``parts`` is None for one that is older than what is needed to undo it."""

    id: int
    winner_id: int
    loser_id: int
    key: str
    event_id: str | None
    at: datetime
    last_seq: int | None
    parts: Parts | None
    undone_at: datetime | None
    undone_by: str | None
    undone_why: str | None


# --- two become one


def merge(conn: Connection, database: Database, found: Sequence[Merge], now: datetime) -> None:
    """Let each loser's identities, events and work belong to the winner; the loser stays as a pointer to it."""
    if not found:
        return
    keys = _keys_of(conn, {person for edge in found for person in (edge.winner, edge.loser)})
    newest = conn.execute(select(func.max(events.c.seq))).scalar() or 0
    for edge in found:
        # What the loser has waiting in a slot may meet the winner's; it is planned anew from their joint state
        conn.execute(
            delete(deliveries).where(
                deliveries.c.contact_id == edge.loser, deliveries.c.status == "pending", deliveries.c.slot.is_not(None)
            )
        )
        for table in (events, deliveries):
            origin = func.coalesce(table.c.origin_id, table.c.contact_id)
            moved = update(table).where(table.c.contact_id == edge.loser)
            conn.execute(moved.values(contact_id=edge.winner, origin_id=origin))
        for table in (aliases, decisions, handoffs, enrolments, reviews, shadows):
            conn.execute(update(table).where(table.c.contact_id == edge.loser).values(contact_id=edge.winner))
        for table in (timers, contact_segments, checkpoints, conflicts):
            conn.execute(delete(table).where(table.c.contact_id == edge.loser))
        _join_sightings(conn, edge)
        conn.execute(
            update(contacts)
            .where(contacts.c.id == edge.loser)
            .values(merged_into=edge.winner, email=None, name=None, state="{}", version=contacts.c.version + 1)
        )
        mine = keys[edge.winner]
        parts = Parts(tuple(sorted(mine)) if len(mine) <= _MANY else None, tuple(sorted(keys[edge.loser])))
        keys[edge.winner] |= keys[edge.loser]
        conn.execute(
            insert(merges).values(
                winner_id=edge.winner,
                loser_id=edge.loser,
                key=edge.key,
                event_id=edge.event or None,
                at=now,
                last_seq=newest,
                parts=msgspec.json.encode(parts).decode(),
            )
        )
    _carry_apart(conn, found)


def _keys_of(conn: Connection, ids: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {contact_id: set() for contact_id in ids}
    query = select(aliases.c.contact_id, aliases.c.key).where(aliases.c.contact_id.in_(sorted(ids)))
    for contact_id, key in conn.execute(query):
        found[contact_id].add(key)
    return found


def _join_sightings(conn: Connection, edge: Merge) -> None:
    table = shared_aliases.c
    rows = conn.execute(select(shared_aliases).where(table.contact_id.in_((edge.winner, edge.loser)))).mappings()
    joint: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = joint.setdefault(row["key"], {**row, "contact_id": edge.winner})
        for name, pick in (("first_at", min), ("last_at", max)):
            times = [at for at in (known[name], row[name]) if at is not None]
            known[name] = pick(times) if times else None
    conn.execute(delete(shared_aliases).where(table.contact_id.in_((edge.winner, edge.loser))))
    if joint:
        conn.execute(insert(shared_aliases), list(joint.values()))


def of_contacts(conn: Connection, ids: Collection[int]) -> dict[int, list[Mapping[str, Any]]]:
    """contact → the merges in which it was the one or the other, newest first."""
    found: dict[int, list[Mapping[str, Any]]] = {contact_id: [] for contact_id in ids}
    for row in conn.execute(
        select(merges)
        .where(or_(merges.c.winner_id.in_(found), merges.c.loser_id.in_(found)))
        .order_by(merges.c.id.desc())
    ).mappings():
        for contact_id in {row["winner_id"], row["loser_id"]} & found.keys():
            found[contact_id].append(dict(row))
    return found


# --- kept apart


def apart(conn: Connection, ids: Collection[int]) -> frozenset[Pair]:
    """The pairs, with one of these contacts among them, that a person has parted."""
    return frozenset((low, high) for low, high, _ in _pairs(conn, [one for one in ids if one > 0]))


def _pairs(conn: Connection, ids: Collection[int]) -> set[tuple[int, int, int]]:
    table = kept_apart.c
    columns = select(table.low_id, table.high_id, table.merge_id)
    found: set[tuple[int, int, int]] = set()
    for some in _in_batches(ids):
        for column in (table.low_id, table.high_id):
            found.update((low, high, merge_id) for low, high, merge_id in conn.execute(columns.where(column.in_(some))))
    return found


def keep_apart(conn: Connection, database: Database, pair: Pair, merge_id: int) -> None:
    """Remember that these two are not one person."""
    values = {"low_id": pair[0], "high_id": pair[1], "merge_id": merge_id}
    conn.execute(database.insert(kept_apart).values(**values).on_conflict_do_nothing())


def let_meet(conn: Connection, merge_id: int) -> bool:
    """Forget that the two of a merge were parted; whether it was remembered."""
    return conn.execute(delete(kept_apart).where(kept_apart.c.merge_id == merge_id)).rowcount > 0


def are_apart(conn: Connection, merge_ids: Collection[int]) -> set[int]:
    """Those of these merges whose contacts are remembered as two people."""
    query = select(kept_apart.c.merge_id).where(kept_apart.c.merge_id.in_(sorted(merge_ids)))
    return set(conn.execute(query).scalars()) if merge_ids else set()


def _carry_apart(conn: Connection, found: Sequence[Merge]) -> None:
    """Who was parted from a contact that is merged away is parted from the one that it became."""
    home = {edge.loser: edge.winner for edge in found}
    table = kept_apart.c
    for low, high, merge_id in sorted(_pairs(conn, home)):
        conn.execute(delete(kept_apart).where(table.low_id == low, table.high_id == high))
        pair = pair_of(*(_home(home, one) for one in (low, high)))
        known = conn.execute(select(table.merge_id).where(table.low_id == pair[0], table.high_id == pair[1])).first()
        if known is None and pair[0] != pair[1]:
            conn.execute(insert(kept_apart).values(low_id=pair[0], high_id=pair[1], merge_id=merge_id))


def _home(into: Mapping[int, int], person: int) -> int:
    while person in into:
        person = into[person]
    return person


# --- looked at


def row(conn: Connection, merge_id: int) -> Mapping[str, Any] | None:
    """One merge's row, or None."""
    found = conn.execute(select(merges).where(merges.c.id == merge_id)).mappings().first()
    return None if found is None else dict(found)


def one(conn: Connection, merge_id: int) -> Known | None:
    """One merge, or None."""
    found = row(conn, merge_id)
    return None if found is None else read(found)


def told_by(conn: Connection, found: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """event → the connection that told of it, of the events that led to these merges."""
    ids = sorted({one["event_id"] for one in found if one["event_id"] is not None})
    query = select(events.c.id, events.c.connection_id).where(events.c.id.in_(ids))
    return {row.id: row.connection_id for row in conn.execute(query)} if ids else {}


def read(found: Mapping[str, Any]) -> Known:
    """A merge of its row."""
    parts = None if found["parts"] is None else msgspec.json.decode(found["parts"], type=Parts)
    return Known(**{**found, "parts": parts})


def inner(conn: Connection, merge: Known) -> set[int]:
    """The loser of a merge, and everybody who had been merged into it before and still is."""
    found, fresh = {merge.loser_id}, {merge.loser_id}
    while fresh and len(found) < _CHAIN:
        query = select(merges.c.loser_id).where(
            merges.c.winner_id.in_(sorted(fresh)), merges.c.id < merge.id, merges.c.undone_at.is_(None)
        )
        fresh = set(conn.execute(query).scalars()) - found
        found |= fresh
    return found


def keys_since(conn: Connection, merge: Known, home: int) -> set[str]:
    """The alias keys that came to the contact with other merges since then, and so are not of its loser."""
    path, at = {merge.winner_id}, merge.winner_id
    while at != home and len(path) < _CHAIN:
        into = conn.execute(select(contacts.c.merged_into).where(contacts.c.id == at)).scalar()
        if into is None:
            break
        at = into
        path.add(at)
    query = select(merges).where(
        merges.c.winner_id.in_(sorted(path)), merges.c.id > merge.id, merges.c.undone_at.is_(None)
    )
    found: set[str] = set()
    for found_row in conn.execute(query).mappings():
        other = read(dict(found_row))
        if other.parts is not None:
            found.update((other.parts.winner or ()) if other.loser_id in path else other.parts.loser)
    return found


# --- one becomes two


def logged(conn: Connection, contact_id: int) -> list[Logged]:
    """Every event of a contact, in the order of arrival."""
    query = select(events.c.seq, events.c.body, events.c.origin_id).where(events.c.contact_id == contact_id)
    return [Logged(seq, _event(body), origin) for seq, body, origin in conn.execute(query.order_by(events.c.seq))]


def keys_at(conn: Connection, contact_id: int) -> set[str]:
    """The alias keys that a contact goes by now."""
    return _keys_of(conn, {contact_id})[contact_id]


def shared_at(conn: Connection, contact_id: int) -> set[str]:
    """The browsers and phones that a contact was seen with, as keys."""
    query = select(shared_aliases.c.key).where(shared_aliases.c.contact_id == contact_id)
    return set(conn.execute(query).scalars())


def decided_for(conn: Connection, contact_id: int) -> dict[str, str | None]:
    """decision → the event that it answers."""
    query = select(decisions.c.key, decisions.c.event_id).where(decisions.c.contact_id == contact_id)
    return {row.key: row.event_id for row in conn.execute(query)}


def restore(conn: Connection, contact_id: int, home: int, now: datetime) -> None:
    """Let a contact that was merged away stand for itself again, with nothing known of it yet."""
    values = {"merged_into": None, "version": contacts.c.version + 1}
    conn.execute(update(contacts).where(contacts.c.id == contact_id).values(**values))
    conn.execute(update(contacts).where(contacts.c.id == home).values(parted_at=now))


def handed_for(conn: Connection, contact_id: int) -> dict[str, str | None]:
    """handoff → the event that opened it."""
    query = select(handoffs.c.key, handoffs.c.event_id).where(handoffs.c.contact_id == contact_id)
    return {row.key: row.event_id for row in conn.execute(query)}


def give_events(conn: Connection, home: int, to: int, own: Collection[int], later: Collection[str]) -> None:
    """Give a contact back the events that were its own or one of those in it, and those of ``later``."""
    mine = and_(events.c.contact_id == home, events.c.origin_id.in_(sorted(own)))
    left = case((events.c.origin_id == to, null()), else_=events.c.origin_id)
    conn.execute(update(events).where(mine).values(contact_id=to, origin_id=left))
    for ids in _in_batches(later):
        conn.execute(update(events).where(events.c.id.in_(ids)).values(contact_id=to, origin_id=null()))


def give_deliveries(conn: Connection, home: int, to: int, own: Collection[int]) -> None:
    """Give a contact back the deliveries that were its own. What waits in a slot is planned anew for both."""
    waiting = deliveries.c.contact_id == home, deliveries.c.status == "pending", deliveries.c.slot.is_not(None)
    conn.execute(delete(deliveries).where(*waiting))
    mine = and_(deliveries.c.contact_id == home, deliveries.c.origin_id.in_(sorted(own)))
    left = case((deliveries.c.origin_id == to, null()), else_=deliveries.c.origin_id)
    conn.execute(update(deliveries).where(mine).values(contact_id=to, origin_id=left))


def give_decided(conn: Connection, home: int, to: int, decided: Collection[str], runs: Collection[str]) -> None:
    """Give a contact these decisions with what they led to, and what belongs to these ways through sequences."""
    for keys in _in_batches(decided):
        mine = decisions.c.contact_id == home, decisions.c.key.in_(keys)
        conn.execute(update(decisions).where(*mine).values(contact_id=to))
        theirs = deliveries.c.contact_id == home, deliveries.c.decision_key.in_(keys)
        conn.execute(update(deliveries).where(*theirs).values(contact_id=to))
    for keys in _in_batches(runs):
        for table in (enrolments, reviews):
            conn.execute(update(table).where(table.c.contact_id == home, table.c.key.in_(keys)).values(contact_id=to))


def give_handoffs(conn: Connection, home: int, to: int, keys: Collection[str]) -> None:
    """Give a contact these handoffs with their deliveries."""
    if keys:
        conn.execute(update(handoffs).where(handoffs.c.key.in_(keys)).values(contact_id=to))
        mine = deliveries.c.contact_id == home, deliveries.c.handoff_key.in_(keys)
        conn.execute(update(deliveries).where(*mine).values(contact_id=to))


def give_aliases(conn: Connection, home: int, to: int, keys: Collection[str], refs: Iterable[tuple[int, str]]) -> None:
    """Give a contact these aliases, and what we know that tools hold under these names of theirs, as
    (connection, ref)."""
    for batch in _in_batches(keys):
        conn.execute(
            update(aliases).where(aliases.c.contact_id == home, aliases.c.key.in_(batch)).values(contact_id=to)
        )
    for connection_id, ref in refs:
        held = shadows.c.contact_id == home, shadows.c.connection_id == connection_id, shadows.c.ref == ref
        conn.execute(update(shadows).where(*held).values(contact_id=to))


def shadow_refs(conn: Connection, contact_id: int) -> list[tuple[int, str]]:
    """What we know that tools hold of a contact, as (connection, ref)."""
    query = select(shadows.c.connection_id, shadows.c.ref).where(shadows.c.contact_id == contact_id)
    return [(connection_id, ref) for connection_id, ref in conn.execute(query)]


def set_sightings(conn: Connection, home: int, found: Mapping[str, Collection[Sighting]]) -> None:
    """Let the browsers and phones of a contact belong to whom these sightings name."""
    table = shared_aliases.c
    rows = conn.execute(select(table.key, table.kind, table.value).where(table.contact_id == home)).all()
    conn.execute(delete(shared_aliases).where(table.contact_id == home))
    fresh = [
        {
            "key": key,
            "kind": kind,
            "value": value,
            "contact_id": sighting.person,
            "first_at": sighting.first_at,
            "last_at": sighting.last_at,
        }
        for key, kind, value in rows
        for sighting in found.get(key, ())
    ]
    if fresh:
        conn.execute(insert(shared_aliases), fresh)


def undo(conn: Connection, merge_id: int, by: str, why: str, now: datetime) -> None:
    """Note that a merge was undone, by whom and why."""
    values = {"undone_at": literal(now, merges.c.undone_at.type), "undone_by": by, "undone_why": why}
    conn.execute(update(merges).where(merges.c.id == merge_id).values(**values))


def _in_batches(keys: Collection[_Key], size: int = 5_000) -> Iterable[list[_Key]]:
    ordered = sorted(keys)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
