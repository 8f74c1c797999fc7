"""A contact's history once more under some policies: what people did is taken as it was, what Baton does is decided
anew. Pure.

What Baton itself noted in the log (timers that rang, messages that left or did not) follows from decisions, so it is
left out and made again: time passes moment by moment, a message that is decided leaves when it may, and after the same
last look as one that is real. Nothing goes anywhere from here: there is neither a database nor a tool in reach.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.contacts.fold import fold
from app.contacts.own_events import ALERT_FAILED, MESSAGE_NOT_SENT
from app.contacts.sends import release
from app.rules import clock
from app.rules.decide import Policies, step
from app.rules.decision import Decision, Outcome, key_of
from app.rules.messages import ended_since
from app.rules.passing import next_moment, pass_time
from app.rules.rescore import decision_of, rescore
from app.rules.route import Target, route_decision
from app.rules.segments import FILL, RESCORED, is_moved
from app.rules.sending import checks, is_too_late, over

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Contact).decode
# What follows from decisions, as Baton notes it in the log
_CONSEQUENCES = frozenset((EventType.TIMER_DUE, EventType.MESSAGE_SENT, MESSAGE_NOT_SENT, ALERT_FAILED))
_LEAVES, _RINGS, _PASSES = range(3)


def is_consequence(event: Event) -> bool:
    """Whether an event only says what came of Baton's own decisions."""
    return not event.connection_id and event.type in _CONSEQUENCES


class Replay:
    """One contact under one set of policies. ``targets`` are the connections that things would leave through."""

    def __init__(self, contact: Contact, policies: Policies, targets: Sequence[Target]) -> None:
        self.contact, self.policies, self._targets = contact, policies, targets
        self._leaving: list[tuple[datetime, Decision]] = []

    def under(self, policies: Policies, targets: Sequence[Target]) -> "Replay":
        """The same contact at the same moment, from here on under other policies, and through these connections."""
        made = Replay(_decode(_encode(self.contact)), policies, targets)
        made._leaving = [(at, msgspec.structs.replace(decision)) for at, decision in self._leaving]
        return made

    def take(self, event: Event) -> list[Decision]:
        """What is decided up to this event, and because of it."""
        made = self.until(event.occurred_at)
        if is_consequence(event):
            return made
        if self._leaving:
            self._overtake(event)
        return [*made, *self._step(event)] if made else self._step(event)

    def until(self, moment: datetime) -> list[Decision]:
        """What comes of time alone up to a moment, that moment included."""
        contact = self.contact
        if not (self._leaving or contact.enrolments or contact.looks or contact.waiting or contact.handoffs):
            return []
        made: list[Decision] = []
        while (due := self._next()) is not None and due[0] <= moment:
            at, kind, name = due
            if kind == _PASSES:
                made += self._routed(pass_time(contact, at, self.policies))
            elif kind == _RINGS:
                made += self._step(_timer(name, at))
            else:
                self._leave(at, name)
        return made

    def published(self, at: datetime, old: Policies, earned: Contact | None = None) -> list[Decision]:
        """What the publication of these policies does to the contact by itself, and quietly: its score becomes the one
        of ``earned`` (see rules/rescore.py), and who is now in other segments is moved."""
        made: list[Decision] = []
        policies = self.policies
        if earned is not None:
            found = rescore(self.contact, earned, old.scoring.read, policies, at)
            if (decision := decision_of(found, self.contact, policies, "", at)) is not None:
                made.append(decision)
        asked = earned is not None or self.contact.segmented != policies.segments.version
        if asked and is_moved(self.contact, at, policies.segments, policies.scoring.read):
            made += self._step(_timer(FILL if earned is None else RESCORED, at))
        return made

    # --- one thing

    def _step(self, event: Event) -> list[Decision]:
        decisions = step(self.contact, event, self.policies)
        return self._routed(decisions) if decisions else decisions

    def _routed(self, decisions: list[Decision]) -> list[Decision]:
        """Give each decision to the tool that would carry it. What none can carry is withheld, as it is live."""
        for decision in decisions:
            if decision.outcome is not Outcome.TAKEN or (decision.send is None and decision.clock is None):
                continue
            plans = route_decision(decision, self.contact, self._targets)
            if isinstance(decision.send, SendMessage):
                if plans:
                    self._leaving.append((decision.leaves_at or decision.at, decision))
                else:
                    release(self.contact, decision.key)
        return decisions

    def _next(self) -> tuple[datetime, int, str] | None:
        """What time does next; of the same moment first what leaves."""
        found = [(at, _LEAVES, decision.key) for at, decision in self._leaving]
        if (at := next_moment(self.contact)) is not None:
            found.append((at, _PASSES, ""))
        if self.contact.handoffs:
            found += [(at, _RINGS, name) for name, at in clock.timers(self.contact).items()]
        return min(found, default=None)

    # --- a message on its way

    def _leave(self, at: datetime, key: str) -> None:
        """Let a message leave, if it still may by now."""
        decision = self._taken_off(key)
        message = decision.send
        assert isinstance(message, SendMessage)
        if at > decision.at and (why := self._kept_back(decision, message, at)):
            self._withhold(decision, why)
            return
        fold(self.contact, _sent(decision, message, at))

    def _kept_back(self, decision: Decision, message: SendMessage, now: datetime) -> str:
        """Why a message that had to wait must not leave, or an empty text: what jobs/clearance.py asks of rules."""
        trigger = self.policies.triggers.by_id.get(message.rule)
        if trigger is not None and is_too_late(self.contact, message, self.policies, trigger.too_old_hours, now):
            return f"too late: what it answers happened on {message.occurred_at:%Y-%m-%d %H:%M} UTC"
        if why := over(self.contact, message, now):
            return why
        asked = checks(self.contact, message, self.policies, now, {decision.key})
        return next((gate.detail for gate in asked if not gate.passed), "")

    def _overtake(self, event: Event) -> None:
        """What happens while a message waits to leave may end what it would have waited for."""
        for _, decision in list(self._leaving):
            assert isinstance(decision.send, SendMessage)
            trigger = self.policies.triggers.active.get(decision.send.rule)
            if trigger is None or not any(event.type in end.types for end in trigger.ends):
                continue
            if why := ended_since(self.contact, trigger, (event,), self.policies):
                self._withhold(self._taken_off(decision.key), why)

    def _taken_off(self, key: str) -> Decision:
        number = next(number for number, (_, one) in enumerate(self._leaving) if one.key == key)
        return self._leaving.pop(number)[1]

    def _withhold(self, decision: Decision, why: str) -> None:
        decision.outcome = Outcome.WITHHELD
        decision.summary = f"{decision.summary.partition(': ')[0]}: {why}"
        release(self.contact, decision.key)


def replayed(events: Iterable[Event], policies: Policies, targets: Sequence[Target]) -> Replay:
    """A contact's history, in its order, from the beginning."""
    replay = Replay(Contact(), policies, targets)
    for event in events:
        replay.take(event)
    return replay


def _timer(name: str, at: datetime) -> Event:
    return Event(
        type=EventType.TIMER_DUE,
        occurred_at=at,
        received_at=at,
        source_key=name,
        id=key_of("timer", name, at.isoformat()),
        properties={"timer": name},
    )


def _sent(decision: Decision, message: SendMessage, at: datetime) -> Event:
    return Event(
        type=EventType.MESSAGE_SENT,
        occurred_at=at,
        received_at=at,
        source_key="",
        id=key_of("sent", decision.key),
        properties={
            "message": message.message,
            "rule": message.rule,
            "channel": message.channel,
            "purpose": message.purpose,
            "decision": decision.key,
        },
    )
