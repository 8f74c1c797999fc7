"""What people decide about somebody's way through a sequence: in, on, elsewhere, longer, out. Pure.

Only Baton itself says such things; under the same names from anywhere else they mean nothing.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from app.contacts.contact import Enrolment
from app.contacts.event import Event
from app.contacts.own_events import (
    SEQUENCE_ENTERED,
    SEQUENCE_EXTENDED,
    SEQUENCE_MOVED,
    SEQUENCE_RESUMED,
    SEQUENCE_STOPPED,
)
from app.rules.decision import key_of
from app.rules.sending import may_begin
from app.rules.sequences.policy import ExitReason, Flow
from app.rules.sequences.program import Jump, Op
from app.rules.sequences.walk import Walk, competes, place_of


def by_hand(event: Event, walk: Walk) -> None:
    """Do what somebody decided, as far as it still makes sense when it is its turn."""
    decide = _DECIDED.get(event.type)
    if decide is not None and not event.connection_id:
        decide(event, walk)


def _enter(event: Event, walk: Walk) -> None:
    flow = walk.sequences.at(walk.at).by_id.get(_name(event, "sequence"))
    if flow is None or flow.id in walk.contact.enrolments:
        return
    event = msgspec.structs.replace(event, properties={})
    gates = may_begin(walk.contact, flow, event, walk.policies, walk.at)
    blocked = next((gate for gate in gates if not gate.passed), None)
    if blocked is None:
        walk.begin(flow, event, gates)
    else:
        walk.contact.kept_out[flow.id] = blocked.name
        walk.refuse(flow, event, gates, blocked.detail)


def _move(event: Event, walk: Walk) -> None:
    """To another version of the same sequence, at the same step; or to the beginning of another sequence."""
    run = walk.contact.enrolments.get(_name(event, "sequence"))
    if run is None:
        return
    if _name(event, "to"):
        walk.end(run, ExitReason.MOVED, f"to {_name(event, 'to')}, by {event.actor}")
        _enter(msgspec.structs.replace(event, properties={"sequence": _name(event, "to")}), walk)
        return
    old, new = walk.flow(run), walk.sequences.pinned(_name(event, "version"), run.sequence)
    if old is None or new is None or old.version == new.version:
        return
    op = same_place(run, old, new)
    if op is None:
        said = f"Stays in “{old.label}” as of {old.version}: {new.version} has no such {place_of(run, old)}"
        walk.say(run, "enrolment", key_of("stays", run.key, event.id), said, held=True)
        return
    take_up(run, old, new, op)
    walk.free(run)  # it may have less priority now
    said = f"Moved to “{new.label}” as of {new.version}, {place_of(run, new)}"
    walk.say(run, "enrolment", key_of("moved", run.key, event.id), said)


def take_up(run: Enrolment, old: Flow, new: Flow, op: int) -> None:
    """Pin somebody to another version. A wait that has begun is waited to its end as it was."""
    document = new.document
    run.version, run.op = new.version, op
    run.ends_at += new.longest - old.longest
    run.priority, run.owns, run.hard_stop = document.priority, document.owns, document.hard_stop
    run.sends = competes(new)


def same_place(run: Enrolment, old: Flow, new: Flow) -> int | None:
    """Where somebody would stand in another version: at the step of the same name and kind, or None."""
    return None if run.op >= len(old.ops) else _counterpart(old.ops[run.op], new)


def same_step(step: str, old: Flow, new: Flow) -> str | None:
    """The step of another version at which who stands at this one would go on, or None."""
    mine = next((op for op in old.ops if op.step == step and not isinstance(op, Jump)), None)
    return None if mine is None or _counterpart(mine, new) is None else mine.step


def _counterpart(mine: Op, new: Flow) -> int | None:
    found = (number for number, op in enumerate(new.ops) if op.step == mine.step and type(op) is type(mine))
    return next(found, None)


def _extend(event: Event, walk: Walk) -> None:
    """Go on where somebody stood when their time was over."""
    last, days = walk.contact.exits.get(_name(event, "sequence")), event.properties.get("days")
    if last is None or last.sequence in walk.contact.enrolments or last.exit != ExitReason.OVER_TIME:
        return
    flow = walk.flow(last)
    if flow is None or not isinstance(days, int | float) or not 0 < days <= flow.document.max_days:
        return
    del walk.contact.exits[last.sequence]
    run = msgspec.structs.replace(
        last,
        key=key_of("run", last.sequence, event.id),
        entered_at=walk.at,
        ends_at=walk.at + timedelta(days=days),
        since=walk.at,
        due_at=walk.at,
        counted=None,
        ended_at=None,
        exit="",
    )
    walk.contact.enrolments[run.sequence] = run
    said = f"Goes on in “{flow.label}” for {days:g} days more, decided by {event.actor}: {place_of(run, flow)}"
    walk.say(run, "enrolment", key_of("entered", run.key), said)


def _stop(event: Event, walk: Walk) -> None:
    run = walk.contact.enrolments.get(_name(event, "sequence"))
    if run is not None:
        walk.end(run, ExitReason.STOPPED, f"by {event.actor}")


def _resume(event: Event, walk: Walk) -> None:
    """The pause is over: what was due in it is due now."""
    run = walk.contact.enrolments.get(_name(event, "sequence"))
    if run is not None and run.paused:
        run.resume_at = walk.at


def _name(event: Event, of: str) -> str:
    return str(event.properties.get(of) or "")


_DECIDED: dict[str, Callable[[Event, Walk], Any]] = {
    SEQUENCE_ENTERED: _enter,
    SEQUENCE_MOVED: _move,
    SEQUENCE_EXTENDED: _extend,
    SEQUENCE_STOPPED: _stop,
    SEQUENCE_RESUMED: _resume,
}
