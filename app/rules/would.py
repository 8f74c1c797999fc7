"""Would this fire for Ann? One event on a copy of a contact, through the very functions that run live. Pure."""

from datetime import datetime

import msgspec
from msgspec import Struct

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.condition import Facts, Verdict, explain
from app.rules.decide import Policies, step
from app.rules.decision import Decision, Gate
from app.rules.passing import pass_time

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Contact).decode


class Answer(Struct, frozen=True, kw_only=True):
    """What would become of a rule. ``outcome`` of a trigger: ``taken``, ``withheld``, ``waiting`` or ``not asked``; of
    a segment: ``entered``, ``left``, ``inside`` or ``outside``. ``then`` is what it comes to if nothing else happens
    until ``decided_at``."""

    rule: str
    label: str
    outcome: str
    summary: str
    conditions: tuple[Verdict, ...] = ()
    gates: tuple[Gate, ...] = ()
    decided_at: datetime | None = None
    then: "Answer | None" = None


def would_trigger(contact: Contact, event: Event, name: str, policies: Policies) -> Answer:
    """What the trigger would do. Raises KeyError where there is none with this id."""
    document = policies.triggers.by_id[name]
    after = _copy(contact)
    made = _of(step(after, event, policies), name, document.what)
    facts = Facts(after, event, event.occurred_at, policies.scoring.read)
    conditions = (
        Verdict(f"active: {'yes' if document.active else 'no'}", document.active),
        Verdict(f"event.type is one of {', '.join(document.on)}", event.type in document.on or bool(made)),
        Verdict("a person did it, not a machine", event.machine is None),
        *explain(document.when, facts),
    )
    wait = next((one for one in after.waiting.values() if (one.trigger, one.event) == (name, event.id)), None)
    if wait is not None:
        later = _of(pass_time(after, wait.due_at, policies), name, document.what)
        ends = " or ".join(kind for one in document.unless for kind in one.on)
        return Answer(
            rule=name,
            label=document.label,
            outcome="waiting",
            summary=f"Waits until {wait.due_at:%Y-%m-%d %H:%M} UTC" + (f", for {ends} to end it" if ends else ""),
            conditions=conditions,
            decided_at=wait.due_at,
            then=_answer(later[-1], document.label) if later else None,
        )
    if made:
        return msgspec.structs.replace(_answer(made[-1], document.label), conditions=conditions)
    failed = next((one.text for one in conditions if not one.holds), "")
    same = next((one for one in after.waiting.values() if one.trigger == name), None)
    if not failed and same is not None:
        failed = f"it waits already, until {same.due_at:%Y-%m-%d %H:%M} UTC"
    return Answer(
        rule=name,
        label=document.label,
        outcome="not asked",
        summary=f"Nothing would happen: {failed or 'the contact is not looked at'}",
        conditions=conditions,
    )


def would_segment(contact: Contact, event: Event, name: str, policies: Policies) -> Answer:
    """Whether the contact would be in the segment. Raises KeyError where there is none with this id."""
    segment = policies.segments.by_id[name]
    after = _copy(contact)
    made = _of(step(after, event, policies), name, "segment")
    inside = name in after.segments
    word = (
        ("inside" if inside else "outside") if inside is (name in contact.segments) else "entered" if inside else "left"
    )
    said = {"inside": "Stays in", "outside": "Stays out of", "entered": "Would enter", "left": "Would leave"}[word]
    look = after.looks.get(name)
    facts = Facts(after, None, event.occurred_at, policies.scoring.read)
    return Answer(
        rule=name,
        label=segment.label,
        outcome=word,
        summary=f"{said} the segment “{segment.label}”",
        conditions=tuple(explain(segment.when, facts)),
        gates=made[-1].gates if made else (),
        decided_at=look.at if look else None,
    )


def _copy(contact: Contact) -> Contact:
    return _decode(_encode(contact))


def _of(decisions: list[Decision], rule: str, what: str) -> list[Decision]:
    return [one for one in decisions if (one.rule, one.what) == (rule, what)]


def _answer(decision: Decision, label: str) -> Answer:
    return Answer(
        rule=decision.rule,
        label=label,
        outcome=str(decision.outcome),
        summary=decision.summary,
        gates=decision.gates,
        decided_at=decision.at,
    )
