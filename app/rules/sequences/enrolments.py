"""Who comes into a sequence, what becomes of them there, and when they are let out, for one contact. Pure.

Somebody's way through a sequence is part of the contact's state. It goes on when its time comes or when what it waits
for happens, and it ends by an event, by its end, or by its longest time, each with one reason of a closed list. Time
passes with the contact's events (see rules/passing.py), so that all is the same in whatever order they arrive.
What its steps do is in rules/sequences/walk.py.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.contacts.contact import Contact, Enrolment
from app.contacts.event import Event, EventType
from app.contacts.own_events import OF_SEQUENCES
from app.rules.condition import Facts
from app.rules.decision import Decision, in_time
from app.rules.sending import may_begin
from app.rules.sequences.by_hand import by_hand
from app.rules.sequences.exits import way_out
from app.rules.sequences.policy import ExitReason, Flow
from app.rules.sequences.program import Wait
from app.rules.sequences.turns import rank
from app.rules.sequences.walk import Walk

if TYPE_CHECKING:
    from app.rules.decide import Policies


def enter(contact: Contact, event: Event, policies: "Policies") -> list[Decision]:
    """Let the contact into the sequences that this event opens, or say why not; and take their first steps."""
    if event.machine is not None or event.quiet:
        return []
    index = policies.sequences.at(event.occurred_at).by_type.get(event.type)
    flows = index.candidates(event) if index is not None else ()
    if not flows:
        return []
    facts = Facts(contact, event, event.occurred_at, policies.scoring.read)
    asked = [flow for flow in flows if _asks_for(facts, event, flow) and flow.entry(facts)]
    if not asked:
        return []
    walk = Walk(contact, event.occurred_at, policies, event.id)
    for flow in asked:
        _let_in(contact, event, flow, walk)
    return settle(walk)


def _asks_for(facts: Facts, event: Event, flow: Flow) -> bool:
    """Whether the sequence may be for this person at all: not in it, not too soon again, in its segment."""
    contact = facts.contact
    if flow.id in contact.enrolments:
        return False
    last = contact.exits.get(flow.id)
    if last is not None and event.occurred_at < again_from(last, flow) and not restarts(flow, facts):
        return False
    segment = flow.document.entry.segment
    if not segment:
        return True
    entered = event.type == EventType.SEGMENT_ENTERED
    return event.properties.get("segment") == segment if entered else segment in contact.segments


def restarts(flow: Flow, facts: Facts) -> bool:
    """Whether this event lets somebody in again however lately they were in it."""
    return any(watch.means(facts) for watch in flow.restart)


def again_from(last: Enrolment, flow: Flow) -> datetime:
    """From when on somebody may come into a sequence once more."""
    if flow.document.reentry == "never":
        return datetime.max.replace(tzinfo=last.entered_at.tzinfo)
    return last.entered_at + timedelta(days=flow.document.reentry.after_days)


def _let_in(contact: Contact, event: Event, flow: Flow, walk: Walk) -> None:
    first = may_begin(contact, flow, event, walk.policies, event.occurred_at)
    gates = [in_time(event, flow.document.too_old_hours), *first]
    blocked = next((gate for gate in gates if not gate.passed), None)
    if blocked is None:
        walk.begin(flow, event, gates)
    elif contact.kept_out.get(flow.id) != blocked.name:  # the same is not said of every page that somebody looks at
        contact.kept_out[flow.id] = blocked.name
        walk.refuse(flow, event, gates, blocked.detail)


def hear(contact: Contact, event: Event, policies: "Policies") -> list[Decision]:
    """What an event means for somebody who is in sequences: it lets them out, or it is what a step waits for."""
    if event.machine is not None or not (contact.enrolments or event.type in OF_SEQUENCES):
        return []
    walk = Walk(contact, event.occurred_at, policies, event.id)
    if event.type in OF_SEQUENCES:
        by_hand(event, walk)
    for run in in_order(contact.enrolments.values()):
        flow = walk.flow(run)
        if flow is None:
            walk.end(run, ExitReason.WITHDRAWN)
        elif (way := way_out(contact, event, run, flow, policies)) is not None:
            walk.end(run, *way)
        else:
            _answer(contact, event, run, flow, walk)
    return settle(walk)


def _answer(contact: Contact, event: Event, run: Enrolment, flow: Flow, walk: Walk) -> None:
    op = flow.ops[run.op] if run.op < len(flow.ops) else None
    if run.waiting != "event" or not isinstance(op, Wait) or event.type not in op.types or op.answer is None:
        return
    if op.answer(Facts(contact, event, event.occurred_at, walk.policies.scoring.read)):
        run.op, run.waiting, run.due_at = run.op + 1, "", event.occurred_at


def forget(contact: Contact, event: Event, policies: "Policies") -> list[Decision]:
    """Let somebody out of everything, because they are erased."""
    walk = Walk(contact, event.occurred_at, policies, event.id)
    for run in in_order(contact.enrolments.values()):
        walk.end(run, ExitReason.OPTED_OUT, "the person was erased")
    return walk.decisions


# --- time


def next_due(contact: Contact) -> tuple[datetime, str] | None:
    """The next moment at which time lets something happen, and in which sequence."""
    found = [(at, rank(run), run.sequence) for run in contact.enrolments.values() if (at := due_at(run)) is not None]
    if not found:
        return None
    at, _, name = min(found)
    return at, name


def due_at(run: Enrolment) -> datetime | None:
    """When somebody's way goes on by itself; None while only an event, or the end of a pause, does that."""
    if run.paused:
        moments = [run.resume_at, run.ends_at if run.hard_stop else None]
    else:
        moments = [run.due_at, run.ends_at]
    return min((at for at in moments if at is not None), default=None)


def decide_due(contact: Contact, name: str, policies: "Policies") -> list[Decision]:
    """What it comes to in one sequence whose moment has come; others that waited for it have theirs at once."""
    run = contact.enrolments[name]
    at = due_at(run)
    assert at is not None
    walk = Walk(contact, at, policies, run.event)
    walk.go_on(run)
    return walk.decisions


def settle(walk: Walk) -> list[Decision]:
    """Take every step that is due by now, the first in rank first."""
    while (due := next_due(walk.contact)) is not None and due[0] <= walk.at:
        walk.go_on(walk.contact.enrolments[due[1]])
    return walk.decisions


def in_order(runs: Iterable[Enrolment]) -> list[Enrolment]:
    """The first is the one that sends: the highest priority, then who has been in for longest, then the name."""
    return sorted(runs, key=rank)
