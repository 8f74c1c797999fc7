"""Messages that follow from what a person just did: who, what and through which tool, which sends. Pure."""

from datetime import timedelta
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.action import JoinList, LeaveList, SendMessage, TrackEvent
from app.contacts.consent import CHANNELS, MARKETING
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.decision import Decision, Gate, Outcome, in_time, key_of
from app.rules.index import Index
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

    def action(self, rule: str, event: Event) -> SendMessage:
        """The message that this event asks for."""
        said = {name: event.properties[name] for name in self.include if name in event.properties}
        return SendMessage(
            message=self.name,
            rule=rule,
            occurred_at=event.occurred_at,
            channel=self.channel,
            purpose=self.purpose,
            properties=said,
        )

    def __str__(self) -> str:
        return f"“{self.name}” by {self.channel}"

    @field_validator("channel")
    @classmethod
    def _channel(cls, name: str) -> str:
        if name not in CHANNELS:
            raise ValueError(f'"{name}" is not a channel; these are {", ".join(CHANNELS)}')
        return name


class ListDocument(BaseModel):
    """Being on a list of one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list: str = Field(min_length=1, description="The list's id in the tool")
    through: str = Field(min_length=1, description="Connection whose list it is")

    @field_validator("list", mode="before")
    @classmethod
    def _id(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value


class TrackDocument(BaseModel):
    """Telling a tool that something happened; no message follows from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9 _-]{1,60}$", description="What the tool calls it")
    through: str = Field(min_length=1, description="Connection that is told")
    include: list[str] = Field(default_factory=list, description="Event properties that it gets")

    def action(self, rule: str, event: Event) -> TrackEvent:
        """What the tool is told of this event."""
        said = {name: event.properties[name] for name in self.include if name in event.properties}
        return TrackEvent(name=self.name, occurred_at=event.occurred_at, properties=said)

    def __str__(self) -> str:
        return f"“{self.name}” told to {self.through}"


class JoinDocument(ListDocument):
    def action(self, rule: str, event: Event) -> JoinList:
        """Going on the list."""
        return JoinList(list=self.list, rule=rule, occurred_at=event.occurred_at)

    def __str__(self) -> str:
        return f"On the list {self.list} of {self.through}"


class LeaveDocument(ListDocument):
    def action(self, rule: str, event: Event) -> LeaveList:
        """Going off the list."""
        return LeaveList(list=self.list)

    def __str__(self) -> str:
        return f"Off the list {self.list} of {self.through}"


class TriggerDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    label: str
    on: list[str] = Field(min_length=1)
    when: Condition | None = None
    once_in_days: float = Field(30, ge=0, description="Not again for so many days")
    too_old_hours: float = Field(24, gt=0, description="An event that reaches us later than this sends nothing")
    message: MessageDocument | None = None
    join: JoinDocument | None = None
    leave: LeaveDocument | None = None
    track: TrackDocument | None = None
    active: bool = True

    @field_validator("on")
    @classmethod
    def _types(cls, names: list[str]) -> list[str]:
        return known_types(names)

    @model_validator(mode="after")
    def _one_thing(self) -> "TriggerDocument":
        if sum(part is not None for part in (self.message, self.join, self.leave, self.track)) != 1:
            raise ValueError('does exactly one thing: "message", "join", "leave" or "track"')
        return self

    @property
    def does(self) -> MessageDocument | JoinDocument | LeaveDocument | TrackDocument:
        """What follows from the event."""
        done = self.message or self.join or self.leave or self.track
        assert done is not None
        return done


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

    by_type: dict[str, Index[Trigger]]
    by_id: dict[str, TriggerDocument]
    version: str


def compile_triggers(document: TriggersDocument, version: str) -> Triggers:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[tuple[Trigger, Condition | None]]] = {}
    for trigger in document.triggers:
        if trigger.active:
            compiled = Trigger(trigger.id, compile_condition(trigger.when), trigger)
            for name in trigger.on:
                by_type.setdefault(name, []).append((compiled, trigger.when))
    return Triggers(
        {name: Index(triggers) for name, triggers in by_type.items()},
        {trigger.id: trigger for trigger in document.triggers},
        version,
    )


def decide_messages(
    contact: Contact, event: Event, policy: Triggers, suppression: SuppressionDocument, scoring: ScoringRules
) -> list[Decision]:
    """The messages that this event asks for: each sent, or withheld with the gates that kept it back."""
    index = policy.by_type.get(event.type) if event.machine is None else None
    triggers = index.candidates(event) if index is not None else ()
    if not triggers:
        return []
    facts = Facts(contact, event, event.occurred_at, scoring)
    return [_decide(contact, event, trigger, policy, suppression) for trigger in triggers if trigger.test(facts)]


def _decide(
    contact: Contact, event: Event, trigger: Trigger, policy: Triggers, suppression: SuppressionDocument
) -> Decision:
    asked = trigger.document.does
    action = asked.action(trigger.id, event)
    checks = [in_time(event, trigger.document.too_old_hours), _mask(contact, event, trigger)]
    if isinstance(action, SendMessage | JoinList):
        checks += gates(contact, action, suppression, event.occurred_at)
    blocked = next((gate for gate in checks if not gate.passed), None)
    if blocked is None:
        contact.fired[trigger.id] = event.occurred_at
    return Decision(
        key=key_of("message", trigger.id, event.id),
        rule=trigger.id,
        policy=policy.version,
        what=_WHAT[type(action)],
        outcome=Outcome.TAKEN if blocked is None else Outcome.WITHHELD,
        summary=f"{asked}: {trigger.document.label if blocked is None else blocked.detail}",
        event_id=event.id,
        at=event.occurred_at,
        gates=tuple(checks),
        send=action,
        through=asked.through,
    )


_WHAT = {SendMessage: "message", JoinList: "list", LeaveList: "list", TrackEvent: "event"}


def _mask(contact: Contact, event: Event, trigger: Trigger) -> Gate:
    last = contact.fired.get(trigger.id)
    days = trigger.document.once_in_days
    if last is not None and event.occurred_at < last + timedelta(days=days):
        return Gate("not sent lately", False, f"sent on {last:%Y-%m-%d}; once in {days:g} days")
    return Gate("not sent lately", True)
