"""Messages that follow from what a person just did: who, what and through which tool, which sends. Pure."""

from datetime import timedelta
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.contacts.action import SendMessage
from app.contacts.consent import CHANNELS, MARKETING
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.decision import Decision, Gate, Outcome, in_time, key_of
from app.rules.score import ScoringRules
from app.rules.scoring import known_types
from app.rules.suppression import SuppressionDocument, gates


class MessageDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9 _-]{1,60}$", description="The flow in the tool starts on this name")
    channel: str = "email"
    purpose: str = MARKETING
    through: str = Field("", description="Connection that sends it; none: the first that can")
    include: list[str] = Field(default_factory=list, description="Event properties that the flow may use")

    @field_validator("channel")
    @classmethod
    def _channel(cls, name: str) -> str:
        if name not in CHANNELS:
            raise ValueError(f'"{name}" is not a channel; these are {", ".join(CHANNELS)}')
        return name


class TriggerDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    label: str
    on: list[str] = Field(min_length=1)
    when: Condition | None = None
    once_in_days: float = Field(30, ge=0, description="Not again for so many days")
    too_old_hours: float = Field(24, gt=0, description="An event that reaches us later than this sends nothing")
    message: MessageDocument
    active: bool = True

    @field_validator("on")
    @classmethod
    def _types(cls, names: list[str]) -> list[str]:
        return known_types(names)


class TriggersDocument(BaseModel):
    """The triggers as they stand in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["triggers"]
    name: str = "triggers"
    triggers: list[TriggerDocument]


class Trigger(Struct, frozen=True):
    id: str
    test: Test
    document: TriggerDocument


class Triggers(Struct, frozen=True):
    """The compiled triggers, indexed by event type."""

    by_type: dict[str, tuple[Trigger, ...]]
    by_id: dict[str, TriggerDocument]
    version: str


def compile_triggers(document: TriggersDocument, version: str) -> Triggers:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[Trigger]] = {}
    for trigger in document.triggers:
        if trigger.active:
            compiled = Trigger(trigger.id, compile_condition(trigger.when), trigger)
            for name in trigger.on:
                by_type.setdefault(name, []).append(compiled)
    return Triggers(
        {name: tuple(triggers) for name, triggers in by_type.items()},
        {trigger.id: trigger for trigger in document.triggers},
        version,
    )


def decide_messages(
    contact: Contact, event: Event, policy: Triggers, suppression: SuppressionDocument, scoring: ScoringRules
) -> list[Decision]:
    """The messages that this event asks for: each sent, or withheld with the gates that kept it back."""
    triggers = policy.by_type.get(event.type, ())
    if not triggers or event.machine is not None:
        return []
    facts = Facts(contact, event, event.occurred_at, scoring)
    return [_decide(contact, event, trigger, policy, suppression) for trigger in triggers if trigger.test(facts)]


def _decide(
    contact: Contact, event: Event, trigger: Trigger, policy: Triggers, suppression: SuppressionDocument
) -> Decision:
    asked = trigger.document.message
    message = SendMessage(
        message=asked.name,
        rule=trigger.id,
        occurred_at=event.occurred_at,
        channel=asked.channel,
        purpose=asked.purpose,
        properties={name: event.properties[name] for name in asked.include if name in event.properties},
    )
    late = in_time(event, trigger.document.too_old_hours)
    checks = [late, _mask(contact, event, trigger), *gates(contact, message, suppression, event.occurred_at)]
    blocked = next((gate for gate in checks if not gate.passed), None)
    if blocked is None:
        contact.fired[trigger.id] = event.occurred_at
    return Decision(
        key=key_of("message", trigger.id, event.id),
        rule=trigger.id,
        policy=policy.version,
        what="message",
        outcome=Outcome.TAKEN if blocked is None else Outcome.WITHHELD,
        summary=f"“{asked.name}” by {asked.channel}: "
        + (trigger.document.label if blocked is None else blocked.detail),
        event_id=event.id,
        at=event.occurred_at,
        gates=tuple(checks),
        send=message,
        through=asked.through,
    )


def _mask(contact: Contact, event: Event, trigger: Trigger) -> Gate:
    last = contact.fired.get(trigger.id)
    days = trigger.document.once_in_days
    if last is not None and event.occurred_at < last + timedelta(days=days):
        return Gate("not sent lately", False, f"sent on {last:%Y-%m-%d}; once in {days:g} days")
    return Gate("not sent lately", True)
