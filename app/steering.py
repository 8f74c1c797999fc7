"""What people decide about sequences and about those who came to the end of one: each becomes events, written down."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import views
from app.contacts.contact import Contact
from app.contacts.event import Event, Identity
from app.contacts.own_events import (
    HANDED_OVER,
    SEQUENCE_ENTERED,
    SEQUENCE_EXTENDED,
    SEQUENCE_MOVED,
    SEQUENCE_STOPPED,
    SUPPRESSED_BY_HAND,
)
from app.receive import Refused, this_runtime, this_waker
from app.rules.sequences.by_hand import same_step
from app.rules.sequences.pauses import EVERY
from app.rules.sequences.policy import ExitReason, Flow
from app.store import enrolments, inbox, notes, pauses, people, reviews
from jobs.queue import INGEST
from jobs.resume import wake_parked

TOGETHER = 500
MOST_AT_ONCE = 20_000


def pause(who: str, name: str, reason: str) -> dict[str, Any]:
    """Let a sequence stand still for everybody. Who comes in waits as well; exits still count."""
    runtime, flow = this_runtime(), flow_named(name)
    now = runtime.clock()
    with runtime.database.write() as conn:
        if name in pauses.running(conn):
            raise Refused(409, f"“{flow.label}” is paused already")
        pauses.begin(conn, name, who, reason, now)
        notes.write_audit(conn, who, "sequence.paused", name, now, reason)
    runtime.forget()
    return {"sequence": name, "paused": True}


def resume(who: str, name: str) -> dict[str, Any]:
    """Let a sequence go on. What was due meanwhile is done now; nobody is left behind."""
    runtime, flow = this_runtime(), flow_named(name)
    now = runtime.clock()
    with runtime.database.write() as conn:
        running = pauses.running(conn)
        if not pauses.end(conn, name, who, now):
            only = ", only all sequences together are" if EVERY in running else ""
            raise Refused(409, f"“{flow.label}” is not paused{only}")
        notes.write_audit(conn, who, "sequence.resumed", name, now)
    _go_on()
    return {"sequence": name, "paused": EVERY in running}


def pause_every(who: str, reason: str) -> None:
    """Let all sequences stand still for everybody, also those that are published meanwhile."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        if EVERY in pauses.running(conn):
            raise Refused(409, "all sequences are paused already")
        pauses.begin(conn, EVERY, who, reason, now)
        notes.write_audit(conn, who, "sequence.paused", "all sequences", now, reason)
    runtime.forget()


def resume_every(who: str) -> list[str]:
    """Let all sequences go on; those that are paused by themselves as well, which stay so."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        if not pauses.end(conn, EVERY, who, now):
            raise Refused(409, "not all sequences are paused; resume each by itself")
        left = sorted(pauses.running(conn))
        notes.write_audit(conn, who, "sequence.resumed", "all sequences", now)
    _go_on()
    return left


def _go_on() -> None:
    runtime = this_runtime()
    runtime.forget()
    wake_parked(runtime)
    this_waker().wake(INGEST)


# --- moving those who are inside


class Goal(Struct, frozen=True):
    """Where people are moved: to a version of the same sequence, or to the beginning of another one."""

    flow: Flow
    elsewhere: bool

    def event(self, sequence: str, contact_id: int, who: str, now: datetime) -> Event:
        said = {"to": self.flow.id} if self.elsewhere else {"version": self.flow.version}
        return _event(SEQUENCE_MOVED, contact_id, who, now, {"sequence": sequence, **said})


def move(who: str, name: str, to: str, confirmed: bool) -> dict[str, Any]:
    """Move everybody who is in a sequence to its newest version, or to another sequence. Unless it is confirmed,
    only what would become of them: how many stand where, and where they would stand."""
    runtime = this_runtime()
    goal = Goal(flow_named(to or name), bool(to) and to != name)
    now = runtime.clock()
    with runtime.database.write() as conn:
        found = enrolments.versions_running(conn, name)
        old = [version for version in found if goal.elsewhere or version != goal.flow.version]
        places = _places(conn, name, old, goal)
        count = sum(place["contacts"] for place in places)
        preview = {
            "sequence": name,
            "to": goal.flow.id,
            "version": goal.flow.version,
            "contacts": count,
            "places": places,
        }
        if not confirmed:
            return {**preview, "moved": 0, "more": False}
        moved = 0
        for batch in _batches(conn, name, old):
            inbox.note(conn, [goal.event(name, contact_id, who, now) for contact_id in batch], now)
            moved += len(batch)
        notes.write_audit(
            conn, who, "sequence.moved", name, now, f"{moved} contacts to {goal.flow.id} in {goal.flow.version}"
        )
    this_waker().wake(INGEST)
    return {**preview, "moved": moved, "more": moved < count}


def _batches(conn: Conn, name: str, versions: Sequence[str]) -> Iterator[list[int]]:
    """The contacts that run in these versions, some at a time, at most so many."""
    after = taken = 0
    while versions and taken < MOST_AT_ONCE:
        rows = enrolments.running_in(conn, name, versions, after, TOGETHER)
        if not rows:
            return
        after, taken = rows[-1][0], taken + len(rows)
        yield [contact_id for _, contact_id in rows]


def _places(conn: Conn, name: str, old: Sequence[str], goal: Goal) -> list[dict[str, Any]]:
    known = this_runtime().rulebook().policies.sequences
    found: list[dict[str, Any]] = []
    for row in enrolments.by_step(conn, name):
        if row["version"] not in old:
            continue
        before = known.pinned(row["version"], name)
        step = same_step(row["step"], before, goal.flow) if before and not goal.elsewhere else None
        stays = step is None and not goal.elsewhere
        if goal.elsewhere:
            to, words = "", "begins anew"
        else:
            to = step or row["step"]
            words = "stays in its version: the new one has no such step" if stays else "goes on there"
        found.append({**_plain(row), "to_step": to, "becomes": words, "stays": stays})
    return found


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("version", "step", "waiting", "contacts")}


# --- one person


def stop(who: str, contact_id: int, name: str) -> None:
    """Let one person out of a sequence."""
    with this_runtime().database.write() as conn:
        home, state = _person(conn, contact_id)
        if name not in state.enrolments:
            raise Refused(409, "they are not in it")
        _tell(conn, SEQUENCE_STOPPED, home, who, name)
        notes.write_audit(conn, who, "sequence.stopped", name, this_runtime().clock(), f"contact {home}")
    this_waker().wake(INGEST)


def enter(who: str, contact_id: int, name: str) -> None:
    """Let one person into a sequence whatever they did, if its gates let them."""
    flow = flow_named(name)
    with this_runtime().database.write() as conn:
        home, state = _person(conn, contact_id)
        if state.erased_at is not None:
            raise Refused(409, "they were erased")
        if name in state.enrolments:
            raise Refused(409, f"they are in “{flow.label}” already")
        _tell(conn, SEQUENCE_ENTERED, home, who, name)
        notes.write_audit(conn, who, "sequence.entered", name, this_runtime().clock(), f"contact {home}")
    this_waker().wake(INGEST)


def _person(conn: Conn, contact_id: int) -> tuple[int, Contact]:
    home = people.survivor(conn, contact_id)
    state = views.state_of(conn, home)
    if state is None:
        raise Refused(404, "there is no such contact")
    return home, state


def _tell(conn: Conn, kind: str, contact_id: int, who: str, name: str) -> None:
    now = this_runtime().clock()
    inbox.note(conn, [_event(kind, contact_id, who, now, {"sequence": name})], now)


def extend(who: str, review_id: int, days: float) -> dict[str, Any]:
    """Let somebody whose time was over go on where they stood, for so many days."""
    row = _open(review_id)
    if row["reason"] != ExitReason.OVER_TIME:
        raise Refused(409, "all steps of the sequence were taken; there is nothing left to extend")
    most = flow_named(row["sequence"]).document.max_days
    if not 0 < days <= most:
        raise Refused(400, f"give a number of days above 0, up to the sequence's own {most:g}")
    return _resolve(who, row, "extended", SEQUENCE_EXTENDED, {"sequence": row["sequence"], "days": days})


def send_elsewhere(who: str, review_id: int, to: str) -> dict[str, Any]:
    """Let somebody into another sequence, if its gates let them."""
    row, flow = _open(review_id), flow_named(to)
    return _resolve(who, row, "moved", SEQUENCE_ENTERED, {"sequence": flow.id})


def suppress(who: str, review_id: int, reason: str) -> dict[str, Any]:
    """Write to somebody no more."""
    row = _open(review_id)
    said = reason or f"no answer to {row['sequence'].replace('_', ' ')}"
    return _resolve(who, row, "suppressed", SUPPRESSED_BY_HAND, {"reason": said})


def hand_over(who: str, review_id: int, reason: str) -> dict[str, Any]:
    """Hand somebody to sales, if nobody there talks with them already."""
    row = _open(review_id)
    said = reason or f"looked at after {row['sequence'].replace('_', ' ')}"
    return _resolve(who, row, "handed_over", HANDED_OVER, {"reason": said})


def _open(review_id: int) -> Mapping[str, Any]:
    with this_runtime().database.read() as conn:
        row = reviews.one(conn, review_id)
    if row is None:
        raise Refused(404, "there is no such review")
    if row["status"] != reviews.OPEN:
        raise Refused(409, f"it is {row['status']}" + (f": {row['resolution']}" if row["resolution"] else ""))
    return row


def _resolve(who: str, row: Mapping[str, Any], resolution: str, kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        if not reviews.resolve(conn, row["id"], resolution, who, now):
            raise Refused(409, "somebody else has decided it just now")
        inbox.note(conn, [_event(kind, row["contact_id"], who, now, {**said, "review": row["id"]})], now)
        notes.write_audit(conn, who, f"review.{resolution}", str(row["id"]), now)
        shown = reviews.one(conn, row["id"])
    assert shown is not None
    this_waker().wake(INGEST)
    return dict(shown)


def flow_named(name: str) -> Flow:
    """A sequence that is in force. Raises Refused with those that are."""
    known = this_runtime().rulebook().policies.sequences.newest.by_id
    if name not in known:
        raise Refused(404, f"there is no such sequence; there are {', '.join(sorted(known)) or 'none'}")
    return known[name]


def _event(kind: str, contact_id: int, who: str, now: datetime, said: Mapping[str, Any]) -> Event:
    what = "|".join(str(value) for value in said.values())
    return Event(
        type=kind,
        occurred_at=now,
        source_key=f"{kind}|{contact_id}|{what}|{now.isoformat()}",
        identities=(Identity("contact", str(contact_id)),),
        properties=dict(said),
        actor=who,
    )
