"""Undoing a merge: two contacts again, each folded from its own events, in one transaction.

The caller waits for it. Whoever takes in events of the two at the same time is either before it, and then these events
are parted like the others, or finds the contacts changed and begins again.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection as Conn

from app.contacts.contact import Contact
from app.contacts.event import Event, Identity, position
from app.contacts.identity import CONTACT, EMAIL
from app.contacts.own_events import PARTED
from app.contacts.parting import Case, Split, part
from app.contacts.resolve import pair_of
from app.contacts.times import to_us
from app.rules.decision import Decision, Gate, Outcome
from app.rules.passing import pass_time
from app.runtime import Runtime
from app.store import decided, inbox, log, merges, people
from app.store.engine import Unit
from app.store.merges import Known
from app.store.shadows import ref_of
from jobs.ingest import tries
from jobs.settle import Batch
from jobs.unit import Work


class CannotPart(Exception):
    """A merge that cannot be undone, with the reason in words."""


class Parting(Struct, frozen=True):
    """How two contacts would be parted, or were."""

    home: int
    loser: int
    split: Split


def prepare(conn: Conn, merge: Known, lock: bool = False) -> Parting:
    """How the two would be parted now. Raises CannotPart."""
    if merge.undone_at is not None:
        raise CannotPart("it was undone already")
    if merge.parts is None or merge.last_seq is None:
        raise CannotPart("it is older than Baton's record of what belonged to whom")
    home = people.survivor(conn, merge.winner_id)
    stored = people.load(conn, [home], lock).get(home)
    if stored is None or stored.state.erased_at is not None:
        raise CannotPart("the person was erased: nothing is left to be parted")
    now = merges.keys_at(conn, home)
    theirs = merges.keys_since(conn, merge, home)
    theirs |= now - set(merge.parts.loser) if merge.parts.winner is None else set(merge.parts.winner)
    keys = dict.fromkeys(theirs & now, home) | dict.fromkeys(set(merge.parts.loser) & now, merge.loser_id)
    case = Case(
        home=home,
        loser=merge.loser_id,
        merge=merge.id,
        last_seq=merge.last_seq,
        inside=merges.inner(conn, merge),
        keys=keys,
        shared=merges.shared_at(conn, home),
        answers=merges.decided_for(conn, home) | merges.handed_for(conn, home),
    )
    return Parting(home, merge.loser_id, part(case, merges.logged(conn, home)))


def undo(runtime: Runtime, merge_id: int, by: str, why: str, also: Callable[[Conn], None]) -> Parting:
    """Undo a merge; how the two were parted. ``also`` is done in the same transaction. Raises CannotPart, and
    RetryError where others were first with the contacts time and again."""
    for attempt in tries():
        with attempt, runtime.database.write() as conn:
            merge = merges.one(conn, merge_id)
            if merge is None:
                raise CannotPart("there is no such merge")
            made = _undo(runtime, conn, merge, by, why)
            also(conn)
    return made


def _undo(runtime: Runtime, conn: Conn, merge: Known, by: str, why: str) -> Parting:
    now = runtime.clock()
    made = prepare(conn, merge, lock=True)
    home, loser, split = made.home, made.loser, made.split
    inside = merges.inner(conn, merge)
    merges.restore(conn, loser, home, now)
    merges.give_events(conn, home, loser, inside, split.later)
    log.append(conn, [log.Entry(event, loser, None) for event in split.copies])
    merges.give_deliveries(conn, home, loser, inside)
    merges.set_sightings(conn, home, split.sightings)
    refs = [
        (connection, ref) for connection, ref in merges.shadow_refs(conn, home) if _is_theirs(connection, ref, split)
    ]
    merges.give_aliases(conn, home, loser, split.keys, refs)
    merges.keep_apart(conn, runtime.database, pair_of(home, loser), merge.id)
    merges.undo(conn, merge.id, by, why, now)
    states = _fold_again(runtime, conn, made, now)
    theirs = merges.keys_at(conn, home), merges.keys_at(conn, loser)
    notes = [
        _parted(merge, (home, loser), states[home].email, theirs[1], (by, why), now),
        _parted(merge, (loser, home), states[loser].email, theirs[0], (by, why), now),
    ]
    inbox.note(conn, notes, now)
    return made


def _is_theirs(connection_id: int, ref: str, split: Split) -> bool:
    """Whether what a tool holds under a name is the loser's."""
    kind, _, name = ref.partition(":")
    if ref == ref_of(EMAIL, name):
        return f"{EMAIL}:{name}" in split.keys
    return kind == "contact" and any(key.partition(":")[2] == f"{connection_id}:{name}" for key in split.keys)


def _fold_again(runtime: Runtime, conn: Conn, made: Parting, now: datetime) -> dict[int, Contact]:
    """Make both states anew, and hold what follows from them against what stands; the states."""
    home, loser = made.home, made.loser
    batch = Batch(runtime, runtime.rulebook(), Unit(runtime.database, conn), now)
    stored = people.load(conn, [home, loser], lock=True)
    mine = log.histories(conn, [loser])[loser]
    begin = min((position(event) for event in mine), default=None)
    batch.again(conn, stored, {loser: begin, home: begin})
    batch.fold()
    policies = batch.rulebook.policies
    for work in batch.work.values():
        work.decisions += pass_time(work.state, now, policies)
    _give_decided(conn, made, batch.work[loser], {event.id for event in mine})
    standing = decided.standing(conn, [home, loser])
    for person, work in batch.work.items():
        known = {key for key, one in standing[person].items() if one.outcome == Outcome.TAKEN}
        _send_nothing_anew(work.decisions, known)
    batch.plan()
    batch.write(conn)
    return {person: work.state for person, work in batch.work.items()}


def _give_decided(conn: Conn, made: Parting, work: Work, events: set[str]) -> None:
    """Let what was decided for the loser, and what that led to, be the loser's again."""
    answers = merges.decided_for(conn, made.home)
    keys = {key for key, event_id in answers.items() if event_id in events} | {one.key for one in work.decisions}
    runs = {*(run.key for run in (*work.state.enrolments.values(), *work.state.exits.values()))}
    runs |= {one.ended.key for one in work.decisions if one.ended is not None}
    merges.give_decided(conn, made.home, made.loser, keys, runs)
    handed = merges.handed_for(conn, made.home)
    merges.give_handoffs(conn, made.home, made.loser, [key for key, event_id in handed.items() if event_id in events])


def _send_nothing_anew(decisions: Iterable[Decision], known: set[str]) -> None:
    """What comes to light only because two contacts were parted is not sent after the fact."""
    for decision in decisions:
        if decision.send is not None and decision.outcome is Outcome.TAKEN and decision.key not in known:
            decision.outcome = Outcome.WITHHELD
            decision.gates += (Gate("in time", False, "it came to light only when two contacts were parted"),)
            decision.summary = f"{decision.summary.partition(': ')[0]}: {decision.gates[-1].detail}"


def _parted(
    merge: Known,
    pair: tuple[int, int],
    email: str | None,
    theirs: Collection[str],
    said: tuple[str, str],
    now: datetime,
) -> Event:
    """The note on the first one's timeline. An address that a tool says of both is left to the one whose it is."""
    contact, other = pair
    by, why = said
    return Event(
        type=PARTED,
        occurred_at=now,
        source_key=f"parted|{merge.id}|{contact}|{to_us(now)}",
        identities=(Identity(CONTACT, str(contact)),),
        properties={"merge": merge.id, "other": other, **({"reason": why} if why else {})},
        fields={EMAIL: None} if email and f"{EMAIL}:{email}" in theirs else {},
        actor=by,
    )
