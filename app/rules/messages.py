"""What triggers come to for one contact: sent, withheld and why, or waiting for a moment. Pure.

A trigger that waits is part of the contact's state. It ends when what it waits for happens; else it is decided when its
time is over, on the contact as it was then. Time passes with the contact's events (see rules/passing.py), so that it is
decided the same whatever the order in which they arrive.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from app.contacts.action import JoinList, LeaveList, SendMessage, TrackEvent
from app.contacts.contact import Contact, Waiting
from app.contacts.event import Event
from app.rules.composing import excerpt, prepare, suits, uses
from app.rules.condition import Facts, value_key
from app.rules.decision import Decision, Gate, Outcome, in_time, key_of
from app.rules.event_words import event_names
from app.rules.sending import checks as checks_of
from app.rules.sending import leaves_at, reserve, wait_words
from app.rules.triggers import Trigger, Triggers

if TYPE_CHECKING:
    from app.rules.decide import Policies

MAX_WAITING, MAX_PER = 30, 20  # for one contact; for one trigger with ``once_per``

Asked = SendMessage | JoinList | LeaveList | TrackEvent


def decide_messages(contact: Contact, event: Event, policies: "Policies") -> list[Decision]:
    """The messages that this event asks for: each sent, or withheld with the gates that kept it back. Those that wait
    are decided later; those that this event ends, now."""
    if event.machine is not None:
        return []
    policy, scoring = policies.triggers, policies.scoring.read
    decisions = []
    if contact.waiting and event.type in policy.ended_by:
        decisions += _end(contact, event, policies)
    if event.quiet:
        return decisions
    index = policy.by_type.get(event.type)
    triggers = index.candidates(event) if index is not None else ()
    if triggers:
        facts = Facts(contact, event, event.occurred_at, scoring)
        for trigger in triggers:
            if trigger.test(facts):
                if trigger.wait is None:
                    decisions.append(_answer(contact, event, trigger, policies, per_of(trigger, event)))
                else:
                    decisions += _wait(contact, event, trigger, policies)
    return decisions


def decide_waiting(contact: Contact, key: str, policies: "Policies") -> list[Decision]:
    """What a trigger comes to whose time is over; nothing where it is not in force any more."""
    waited, policy = contact.waiting.pop(key), policies.triggers
    trigger = policy.active.get(waited.trigger)
    if trigger is None:
        return []
    event = Event(
        type=trigger.document.on[0],
        occurred_at=waited.due_at,
        received_at=waited.received_at,
        source_key="",
        id=waited.event,
        properties=waited.properties,
    )
    if trigger.still is not None and not trigger.still(Facts(contact, None, waited.due_at, policies.scoring.read)):
        gate = Gate("still so", False, "it was not so any more when the time was over")
        return [_record(event, trigger, policy, [gate], waited.event)]
    return [_answer(contact, event, trigger, policies, waited.per)]


def _wait(contact: Contact, event: Event, trigger: Trigger, policies: "Policies") -> list[Decision]:
    """Begin to wait, unless it waits for the same already; where it could come to nothing anyway, say so at once."""
    assert trigger.wait is not None
    per = per_of(trigger, event)
    key = _place(trigger, per)
    if key in contact.waiting:
        return []
    due_at = event.occurred_at + trigger.wait
    later = msgspec.structs.replace(event, occurred_at=due_at)
    room = len(contact.waiting) < MAX_WAITING
    checks = [
        in_time(later, trigger.document.too_old_hours),
        _mask(contact, trigger, per, due_at),
        Gate("few enough", room, "" if room else f"{MAX_WAITING} others wait for this contact already"),
    ]
    if not all(gate.passed for gate in checks):
        return [_record(event, trigger, policies.triggers, checks, event.id)]
    asked = trigger.document.message
    said = excerpt(
        event.properties, (*trigger.document.includes, *uses(policies.content, asked.content if asked else ""))
    )
    contact.waiting[key] = Waiting(trigger.id, event.id, event.occurred_at, event.received_at, due_at, per, said)
    return []


def _end(contact: Contact, event: Event, policies: "Policies") -> list[Decision]:
    policy, facts = policies.triggers, Facts(contact, event, event.occurred_at, policies.scoring.read)
    decisions = []
    for key, waited in list(contact.waiting.items()):
        trigger = policy.active.get(waited.trigger)
        if trigger is not None and any(event.type in end.types and end.test(facts) for end in trigger.ends):
            del contact.waiting[key]
            gate = Gate("not meanwhile", False, _meanwhile(event))
            decisions.append(_record(event, trigger, policy, [gate], waited.event))
    return decisions


def ended_since(contact: Contact, trigger: Trigger, happened: Iterable[Event], policies: "Policies") -> str:
    """Why what a trigger asked for must not leave any more, or an empty text: what would have ended its wait has come
    after it was over, while the message waited to leave. ``happened`` is what did since then."""
    for event in happened:
        facts = Facts(contact, event, event.occurred_at, policies.scoring.read)
        if event.machine is None and any(event.type in end.types and end.test(facts) for end in trigger.ends):
            return _meanwhile(event)
    return ""


def _meanwhile(event: Event) -> str:
    return f"{event_names([event.type])} in the meantime"


def _answer(contact: Contact, event: Event, trigger: Trigger, policies: "Policies", per: str) -> Decision:
    action, at = trigger.document.does.action(trigger.id, event), event.occurred_at
    checks = [in_time(event, trigger.document.too_old_hours), _mask(contact, trigger, per, at)]
    key, content = _key(trigger, event.id), policies.content
    if isinstance(action, SendMessage | JoinList):
        action.per = per
        if isinstance(action, SendMessage):
            checks += prepare(action, event, contact, content, policies.suppression, at)
        checks += checks_of(contact, action, policies, at, without=(key,))
        if isinstance(action, SendMessage):
            checks += suits(action, contact, content, policies.scoring.read, at)
    decision = _record(event, trigger, policies.triggers, checks, event.id, action)
    if decision.outcome is Outcome.TAKEN:
        _note_fired(contact, trigger, per, at)
        if isinstance(action, SendMessage):
            _let_go(contact, decision, action, policies)
    return decision


def _let_go(contact: Contact, decision: Decision, message: SendMessage, policies: "Policies") -> None:
    """Keep the message's place, and have it wait until it may leave."""
    leaves = leaves_at(contact, message, policies, decision.at)
    reserve(contact, decision.key, message, leaves)
    if words := wait_words(contact, policies, decision.at, leaves):
        decision.leaves_at = leaves
        decision.summary += f"; {words}"


def _key(trigger: Trigger, cause: str) -> str:
    return key_of("message", trigger.id, cause)


def _record(
    event: Event, trigger: Trigger, policy: Triggers, checks: list[Gate], cause: str, action: Asked | None = None
) -> Decision:
    """The decision on a trigger. ``cause`` is the event that it answers: whatever becomes of it is one decision."""
    asked = trigger.document.does
    does = f"“{action.message}” by {action.channel}" if isinstance(action, SendMessage) else str(asked)
    blocked = next((gate for gate in checks if not gate.passed), None)
    return Decision(
        key=_key(trigger, cause),
        rule=trigger.id,
        policy=policy.version,
        what=trigger.document.what,
        outcome=Outcome.TAKEN if blocked is None else Outcome.WITHHELD,
        summary=f"{does}: {trigger.document.label if blocked is None else blocked.detail}",
        event_id=event.id,
        at=event.occurred_at,
        gates=tuple(checks),
        through=asked.through,
        send=action,
    )


# --- once in so many days, for each value of a property where the trigger says so


def per_of(trigger: Trigger, event: Event) -> str:
    """What stands for the value that a trigger is masked by, or an empty text where it has none."""
    return value_key(event, trigger.per)


def _place(trigger: Trigger, per: str) -> str:
    return f"{trigger.id}|{per}" if per else trigger.id


def _mask(contact: Contact, trigger: Trigger, per: str, at: datetime) -> Gate:
    last = contact.fired.get(_place(trigger, per))
    days = trigger.document.once_in_days
    if last is not None and at < last + timedelta(days=days):
        return Gate("not sent lately", False, f"sent on {last:%Y-%m-%d}; once in {days:g} days")
    return Gate("not sent lately", True)


def _note_fired(contact: Contact, trigger: Trigger, per: str, at: datetime) -> None:
    contact.fired[_place(trigger, per)] = at
    if not per:
        return
    fired = contact.fired
    mine = sorted((key for key in fired if key.startswith(f"{trigger.id}|")), key=lambda key: (fired[key], key))
    over = at - timedelta(days=trigger.document.once_in_days)
    for number, key in enumerate(mine):
        if fired[key] <= over or len(mine) - number > MAX_PER:
            del fired[key]
