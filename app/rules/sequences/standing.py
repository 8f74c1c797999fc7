"""Where somebody stands with a sequence, in plain words: in it, out of it and why, or never let in. Pure."""

from collections.abc import Mapping
from datetime import datetime

from app.contacts.contact import Contact, Enrolment
from app.contacts.event import EventType
from app.rules.condition import Happening
from app.rules.condition_words import in_line
from app.rules.event_words import event_names
from app.rules.sequences.enrolments import again_from, due_at
from app.rules.sequences.exits import WORDS
from app.rules.sequences.policy import ExitReason, Flow, Sequences
from app.rules.sequences.walk import place_of

_NONE: Mapping[str, str] = {}


def standing(
    contact: Contact, sequence: str, sequences: Sequences, now: datetime, segments: Mapping[str, str] = _NONE
) -> str:
    """Why a person is where they are with a sequence. ``segments`` are what people call those, by id."""
    flow = sequences.newest.by_id.get(sequence)
    run = contact.enrolments.get(sequence)
    if run is not None:
        return _inside(run, sequences, now)
    last = contact.exits.get(sequence)
    if last is not None:
        return _outside(last, flow)
    if sequence in contact.kept_out:
        return "Was not let in; the last decision says why."
    if flow is None:
        return "Was never in it, and it is not published any more."
    document = flow.document
    if not document.active:
        return "Was never in it, and it is not active: nobody comes in."
    name = document.entry.segment
    segment = f"the segment “{segments.get(name, name)}”" if name else ""
    if segment and document.entry.on == [EventType.SEGMENT_ENTERED]:
        return f"Was never in it: they have not come into {segment} since it began to let people in."
    who = f" (only who is in {segment})" if segment else ""
    return f"Was never in it: what lets people in has not happened: {event_names(document.entry.on)}{who}."


def _inside(run: Enrolment, sequences: Sequences, now: datetime) -> str:
    flow = sequences.pinned(run.version, run.sequence)
    said = f"Is in it since {run.entered_at:%Y-%m-%d %H:%M} UTC ({run.version}), at {place_of(run, flow)}"
    return f"{said}; {what_next(run, sequences, now)}."


def what_next(run: Enrolment, sequences: Sequences, now: datetime) -> str:
    """What somebody who is in a sequence waits for."""
    if run.paused:
        return "it is paused and goes on afterwards"
    if run.waiting == "turn":
        other = sequences.newest.by_id.get(run.held_by)
        return f"waits for “{other.label if other else run.held_by}”, which has priority"
    at = due_at(run)
    when = f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else "its end"
    late = " (is due)" if at is not None and at <= now else ""
    if run.waiting == "cap":
        return f"held by a cap until {when}{late}"
    if run.waiting == "event":
        flow = sequences.pinned(run.version, run.sequence)
        answer = flow.ops[run.op].document.for_ if flow is not None else None  # type: ignore[attr-defined]
        return f"waits for this: {happening(answer) if answer else 'an event'}, until {when} at most{late}"
    return f"goes on at {when}{late}"


def _outside(last: Enrolment, flow: Flow | None) -> str:
    reason = WORDS.get(ExitReason(last.exit), last.exit)
    said = f"Was in it from {last.entered_at:%Y-%m-%d} to {last.ended_at:%Y-%m-%d}"
    said += f", got {last.sent} message{'' if last.sent == 1 else 's'}, and left: {reason}"
    if flow is None:
        return f"{said}."
    by = f" by this: {happening(flow.document.restart)}" if flow.document.restart is not None else ""
    if flow.document.reentry == "never":
        return f"{said}. Nobody comes in twice{by and f', but{by}'}."
    return f"{said}. May come in again from {again_from(last, flow):%Y-%m-%d} on{by and f', or before{by}'}."


def happening(asked: Happening) -> str:
    """Which events, in plain words: ``filled in a form (form is demo)``."""
    return event_names(asked.on) + (f" ({in_line(asked.where)})" if asked.where else "")
