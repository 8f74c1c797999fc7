"""Triggers: what follows from what a person did, at once or after a while, as an admin writes it. Pure.

What they come to for one contact is decided in rules/messages.py.
"""

from datetime import timedelta
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.action import JoinList, LeaveList, SendMessage, TrackEvent
from app.contacts.consent import CHANNELS, MARKETING
from app.contacts.event import Event
from app.rules.condition import (
    EVENT_PROPERTY,
    Condition,
    EventTypes,
    Happening,
    Test,
    compile_condition,
    leaves,
    property_path,
)
from app.rules.index import Index
from app.rules.template import holds_token

MAX_HOURS = 365 * 24


class MessageDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9 _-]{1,60}$", description="The flow in the tool starts on this name")
    channel: str = "email"
    purpose: str = MARKETING
    through: str = Field("", description="Connection that sends it; none: the first that can")
    include: list[str] = Field(default_factory=list, description="Event properties that the flow may use")
    content: str = Field(
        "", pattern=r"^[a-z0-9_]{0,40}$", description="Message of the content policy: what it says, by which channel"
    )
    wakes: bool = Field(False, description="Meant to wake people up who have fallen silent")

    def action(self, rule: str, event: Event) -> SendMessage:
        """The message that this event asks for. What looks like an unfilled token is not handed on: the flow would
        show it."""
        told = ((name, event.properties[name]) for name in self.include if name in event.properties)
        said = {name: value for name, value in told if not holds_token(value)}
        return SendMessage(
            message=self.name,
            rule=rule,
            occurred_at=event.occurred_at,
            channel=self.channel,
            purpose=self.purpose,
            properties=said,
            content=self.content,
            wakes=self.wakes,
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

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$", description="Small letters, digits, _")
    label: str = Field(description="What people read on a contact")
    on: EventTypes = Field(title="Events", description="Event types at which it looks")
    when: Condition | None = Field(None, title="Condition", description="Only if this holds; none: always")
    unless: list[Happening] = Field(
        default_factory=list, max_length=10, title="Unless", description="Not if this happens meanwhile …"
    )
    within_hours: float | None = Field(
        None, gt=0, le=MAX_HOURS, title="Waits hours", description="… so long is waited for it"
    )
    after_days: float | None = Field(
        None, gt=0, le=MAX_HOURS / 24, title="Waits days", description="Decided so long after the event"
    )
    still: Condition | None = Field(None, description="What has to be so of the contact when the time is over")
    once_in_days: float = Field(30, ge=0, title="Once in days", description="Not again for so many days")
    once_per: str | None = Field(
        None, pattern=EVENT_PROPERTY, description="Counted for each value of this property by itself"
    )
    too_old_hours: float = Field(
        24, gt=0, title="Too old after hours", description="An event that reaches us later than this sends nothing"
    )
    message: MessageDocument | None = Field(None, description="Has a message sent; or one of the three below")
    join: JoinDocument | None = Field(None, title="Join a list", description="Puts the contact on a tool's list")
    leave: LeaveDocument | None = Field(None, title="Leave a list", description="Takes the contact off a tool's list")
    track: TrackDocument | None = Field(None, title="Tell a tool", description="Tells a tool that something happened")
    active: bool = Field(True, description="No: it does nothing")

    @field_validator("unless", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _waits_for_something(self) -> "TriggerDocument":
        if self.within_hours is not None and self.after_days is not None:
            raise ValueError('waits once: "within_hours" or "after_days"')
        if self.within_hours is not None and not self.unless:
            raise ValueError('"within_hours" waits for what "unless" names; a plain wait is "after_days"')
        if self.wait is None and (self.unless or self.still):
            raise ValueError('"unless" and "still" need a time: "within_hours" or "after_days"')
        if self.still is not None and any((leaf.field or "").startswith("event.") for leaf in leaves(self.still)):
            raise ValueError('"still" looks at the contact; the event is over by then')
        return self

    @model_validator(mode="after")
    def _one_thing(self) -> "TriggerDocument":
        if sum(part is not None for part in (self.message, self.join, self.leave, self.track)) != 1:
            raise ValueError('does exactly one thing: "message", "join", "leave" or "track"')
        return self

    @property
    def what(self) -> str:
        """What kind of thing it does, as its decisions call it."""
        return "message" if self.message else "event" if self.track else "list"

    @property
    def includes(self) -> list[str]:
        """Properties of the event that it hands on."""
        return (self.message or self.track).include if self.message or self.track else []  # type: ignore[union-attr]

    @property
    def wait(self) -> timedelta | None:
        """How long after the event it is decided, or None: at once."""
        if self.within_hours is not None:
            return timedelta(hours=self.within_hours)
        return None if self.after_days is None else timedelta(days=self.after_days)

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

    @model_validator(mode="after")
    def _ids_once(self) -> "TriggersDocument":
        ids = [trigger.id for trigger in self.triggers]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'the id "{twice}" is taken by two triggers')
        return self


class End(Struct, frozen=True):
    """What ends a trigger's waiting."""

    types: frozenset[str]
    test: Test


class Trigger(Struct, frozen=True):
    id: str
    test: Test
    document: TriggerDocument
    wait: timedelta | None = None
    ends: tuple[End, ...] = ()
    still: Test | None = None
    per: tuple[str, ...] = ()


class Triggers(Struct, frozen=True):
    """The compiled triggers, indexed by event type."""

    by_type: dict[str, Index[Trigger]]
    by_id: dict[str, TriggerDocument]
    active: dict[str, Trigger]
    ended_by: frozenset[str]
    version: str


def compile_triggers(document: TriggersDocument, version: str) -> Triggers:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[tuple[Trigger, Condition | None]]] = {}
    active: dict[str, Trigger] = {}
    for trigger in document.triggers:
        if trigger.active:
            compiled = active[trigger.id] = _compile(trigger)
            for name in trigger.on:
                by_type.setdefault(name, []).append((compiled, trigger.when))
    return Triggers(
        {name: Index(triggers) for name, triggers in by_type.items()},
        {trigger.id: trigger for trigger in document.triggers},
        active,
        frozenset(name for trigger in active.values() for end in trigger.ends for name in end.types),
        version,
    )


def _compile(trigger: TriggerDocument) -> Trigger:
    return Trigger(
        id=trigger.id,
        test=compile_condition(trigger.when),
        document=trigger,
        wait=trigger.wait,
        ends=tuple(End(frozenset(one.on), compile_condition(one.where)) for one in trigger.unless),
        still=compile_condition(trigger.still) if trigger.still else None,
        per=property_path(trigger.once_per) or (),
    )
