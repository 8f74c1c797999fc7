"""Would this fire for Ann? One event on a copy of a contact, through the very functions that run live. Pure."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.rules.condition import Facts
from app.rules.condition_words import Verdict, explain
from app.rules.decide import Policies, step
from app.rules.decision import Decision, Gate
from app.rules.outline import failing
from app.rules.passing import pass_time
from app.rules.score import total
from app.rules.sequences.enrolments import again_from, restarts
from app.rules.sequences.walk import rule_of

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
    fixed = (
        Verdict(f"active: {'yes' if document.active else 'no'}", document.active),
        Verdict(f"event.type is one of {', '.join(document.on)}", event.type in document.on or bool(made)),
        Verdict("a person did it, not a machine", event.machine is None),
    )
    conditions = (*fixed, *explain(document.when, facts))
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
    failed = next((one.text for one in fixed if not one.holds), "") or failing(document.when, facts)
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


def would_enter(contact: Contact, event: Event, name: str, policies: Policies) -> Answer:
    """Whether the sequence would let the contact in: ``taken``, ``withheld`` or ``not asked``. Raises KeyError where
    there is none with this id."""
    flow = policies.sequences.newest.by_id[name]
    entry, now = flow.document.entry, event.occurred_at
    after = _copy(contact)
    after.kept_out.pop(name, None)  # it would not say the same twice, but it is asked to
    made = _of(step(after, event, policies), rule_of(name), "enrolment")
    last = contact.exits.get(name)
    conditions = [
        Verdict(f"active: {'yes' if flow.document.active else 'no'}", flow.document.active),
        Verdict(f"event.type is one of {', '.join(entry.on)}", event.type in entry.on),
        Verdict("a person did it, not a machine", event.machine is None),
        Verdict("is not in it already", name not in contact.enrolments),
    ]
    if last is not None:
        again = flow.document.reentry != "never" and now >= again_from(last, flow)
        again = again or restarts(flow, Facts(after, event, now, policies.scoring.read))
        from_then = f"it is {again_from(last, flow):%Y-%m-%d}, from when on they may come in again"
        once = flow.document.reentry == "never"
        conditions.append(Verdict("has not been in it before" if once else from_then, again))
    if entry.segment:
        entered = event.type == EventType.SEGMENT_ENTERED
        inside = event.properties.get("segment") == entry.segment if entered else entry.segment in after.segments
        conditions.append(Verdict(f"{'enters' if entered else 'is in'} the segment {entry.segment}", inside))
    facts = Facts(after, event, now, policies.scoring.read)
    failed = next((one.text for one in conditions if not one.holds), "") or failing(entry.when, facts)
    conditions += explain(entry.when, facts)
    if made:
        said = _answer(made[0], flow.label)
        blocked = next((gate.detail for gate in said.gates if not gate.passed), "")
        words = f"Would not come in: {blocked}" if blocked else "Would come in"
        return msgspec.structs.replace(said, summary=words, conditions=tuple(conditions))
    return Answer(
        rule=name,
        label=flow.label,
        outcome="not asked",
        summary=f"Nothing would happen, as this is not so: {failed or 'the contact is looked at'}",
        conditions=tuple(conditions),
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


def would_score(contact: Contact, event: Event, name: str, policies: Policies) -> Answer:
    """What a scoring rule would give: ``taken``, ``withheld`` where its cap is used up, or ``not asked``. Raises
    KeyError where there is none with this id."""
    rule = _named(policies.scoring.document.rules, name)
    after = _copy(contact)
    read, now = policies.scoring.read, event.occurred_at
    step(after, event, policies)
    facts = Facts(after, event, now, read)
    # A rule without event types asks what the contact is
    fixed = _by_event(event, rule.on) if rule.on else ()
    failed = next((one.text for one in fixed if not one.holds), "") or failing(rule.when, facts)
    conditions = (*fixed, *explain(rule.when, facts))
    if failed:
        return Answer(
            rule=name,
            label=rule.label,
            outcome="not asked",
            summary=f"No points, as this is not so: {failed}",
            conditions=conditions,
        )
    if not rule.on:
        says = f"Counts {_points(rule.points)} for as long as this is so"
        return Answer(rule=name, label=rule.label, outcome="taken", summary=says, conditions=conditions)
    earned = after.score.rules.get(name)
    given = sum(one.points for one in earned.recent if one.event == event.id) if earned else 0.0
    before, then = total(contact.score, read, now), total(after.score, read, now)
    crossed = before < read.threshold <= then
    if not given and rule.cap is not None:
        says = f"No points: the {rule.cap.points:g} that it gives in {rule.cap.days:g} days at most are used up"
    else:
        says = (
            f"Gives {_points(given)}; with all that it earns, the event takes the score from {before:.0f} to {then:.0f}"
        )
        says += f", over the threshold of {read.threshold:g}" if crossed else ""
    return Answer(
        rule=name,
        label=rule.label,
        outcome="taken" if given else "withheld",
        summary=says,
        conditions=conditions,
        gates=(Gate("under its cap", bool(given)),) if rule.cap is not None else (),
    )


def would_hand_over(contact: Contact, event: Event, name: str, policies: Policies) -> Answer:
    """Whether a handoff rule would pass the contact to sales: ``taken``, ``withheld`` or ``not asked``. Raises KeyError
    where there is none with this id."""
    rule = _named(policies.handoff.document.rules, name)
    after = _copy(contact)
    made = [one for one in step(after, event, policies) if one.what == "handoff"]
    facts = Facts(after, event, event.occurred_at, policies.scoring.read)
    fixed = (
        *_by_event(event, rule.on),
        Verdict("no handoff is open", contact.open_handoff is None),
    )
    conditions = (*fixed, *explain(rule.when, facts))
    mine = next((one for one in made if one.rule == name), None)
    if mine is not None:
        return msgspec.structs.replace(_answer(mine, rule.label), conditions=conditions)
    failed = next((one.text for one in fixed if not one.holds), "") or failing(rule.when, facts)
    if not failed and made:
        said = f"Another rule, {made[0].rule}, comes first: {made[0].summary}"
    else:
        said = f"No handoff, as this is not so: {failed or 'the contact is looked at'}"
    return Answer(rule=name, label=rule.label, outcome="not asked", summary=said, conditions=conditions)


def _named(rules: list[Any], name: str) -> Any:
    for rule in rules:
        if rule.id == name:
            return rule
    raise KeyError(name)


def _by_event(event: Event, types: list[str]) -> tuple[Verdict, ...]:
    asked = (Verdict(f"event.type is one of {', '.join(types)}", event.type in types),) if types else ()
    return (*asked, Verdict("a person did it, not a machine", event.machine is None))


def _points(points: float) -> str:
    return f"{points:g} point{'' if abs(points) == 1 else 's'}"
