"""The steps of a sequence, as they stand in YAML. Each does one thing; branches and splits hold steps of their own."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.rules.condition import Condition, Happening, leaves
from app.rules.event_words import event_names
from app.rules.triggers import JoinDocument, LeaveDocument, MessageDocument, TrackDocument

NAME = r"^[a-z0-9_]{1,40}$"
MAX_STEPS, MAX_DEPTH = 100, 5
MAX_WAIT_DAYS = 365


class AnswerDocument(Happening):
    """An event that is waited for."""

    at_most_days: float = Field(gt=0, le=MAX_WAIT_DAYS, title="At most days", description="So long is waited for it")
    otherwise: Literal["go_on", "exit"] = Field("go_on", title="If it does not happen", description="Then they …")


class WaitDocument(BaseModel):
    """How long, then until which hour; or until something happens."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    minutes: float = Field(0, ge=0, le=60 * 24)
    hours: float = Field(0, ge=0, le=24 * MAX_WAIT_DAYS)
    days: float = Field(0, ge=0, le=MAX_WAIT_DAYS, description="So long, all of them together")
    until_hour: int | None = Field(
        None,
        ge=0,
        le=23,
        title="Then until the hour",
        description="Of the day, from 0 to 23, on the person's own clock",
    )
    personal_hour: bool = Field(
        False,
        title="Then until their own hour",
        description="The hour at which this person opens, clicks and visits most; until that is known, the one above",
    )
    for_: AnswerDocument | None = Field(
        None, alias="for", title="Or until something happens", description="In place of a time"
    )

    @model_validator(mode="after")
    def _something(self) -> "WaitDocument":
        timed = bool(self.least or self.personal_hour) or self.until_hour is not None
        if timed == (self.for_ is not None):
            raise ValueError(
                'waits for a time ("days", "hours", "minutes", "until_hour", "personal_hour") or "for" an event'
            )
        return self

    @property
    def least(self) -> timedelta:
        """The part that is as long for everybody."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)

    def __str__(self) -> str:
        if self.for_ is not None:
            return f"{event_names(self.for_.on)}, at most {self.for_.at_most_days:g} days"
        parts = [
            f"{value:g} {unit}{'' if value == 1 else 's'}"
            for value, unit in ((self.days, "day"), (self.hours, "hour"), (self.minutes, "minute"))
            if value
        ]
        if self.personal_hour:
            parts.append("the person's own hour")
        elif self.until_hour is not None:
            parts.append(f"{self.until_hour}:00")
        return ", then ".join(parts)


class SendDocument(MessageDocument):
    """A message, and what becomes of the step where too many would reach the person."""

    on_cap: Literal["skip", "hold", "advance"] = Field(
        "skip",
        title="If they have had enough messages",
        description="skip: leave it out, the rest keeps its time; hold: wait until it may be sent; "
        "advance: leave it out and the wait after it as well",
    )


class ActDocument(BaseModel):
    """What else is done: exactly one thing."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "asks": "Which",
            "one_of": [
                {"key": "alert", "title": "Tell people", "start": "Have a look"},
                {
                    "key": "track",
                    "title": "Tell a tool that something happened",
                    "start": {"name": "New", "through": ""},
                },
                {"key": "join", "title": "Put on a tool's list", "start": {"list": "", "through": ""}},
                {"key": "leave", "title": "Take off a tool's list", "start": {"list": "", "through": ""}},
                {"key": "suppress", "title": "Send no more marketing", "start": True},
            ],
        },
    )

    alert: str | None = Field(
        None, min_length=1, max_length=500, title="What they are told", description="One line, through your alerts"
    )
    track: TrackDocument | None = Field(None, title="What the tool is told")
    join: JoinDocument | None = Field(None, title="Which list")
    leave: LeaveDocument | None = Field(None, title="Which list")
    suppress: bool = Field(
        False, title="No more marketing", description="Until the person gives a sign of life of their own"
    )

    @model_validator(mode="after")
    def _one_thing(self) -> "ActDocument":
        if (
            len(
                [
                    part
                    for part in (self.alert, self.track, self.join, self.leave, self.suppress or None)
                    if part is not None
                ]
            )
            != 1
        ):
            raise ValueError('does exactly one thing: "alert", "track", "join", "leave" or "suppress"')
        return self


class BranchDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field("", max_length=60, description="What people read: still interested")
    when: Condition = Field(title="Condition", description="Who goes this way: what is so of the person by then")
    steps: list["StepDocument"] = Field(
        default_factory=list, max_length=MAX_STEPS, description="What they go through; none: on with what follows"
    )

    @field_validator("when")
    @classmethod
    def _of_the_contact(cls, when: Condition) -> Condition:
        if any((leaf.field or "").startswith("event.") for leaf in leaves(when)):
            raise ValueError("looks at an event, but a branch is about the contact as it is by then")
        return when


class VariantDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=NAME, description="Small letters, digits, _; results go by it")
    weight: float = Field(1, gt=0, le=1_000, description="Twice as much: twice as many people are drawn for it")
    steps: list["StepDocument"] = Field(
        default_factory=list, max_length=MAX_STEPS, description="What they go through; none: on with what follows"
    )


def messages_in(steps: Iterable["StepDocument"]) -> Iterator[SendDocument]:
    """The messages of some steps, wherever in them they stand."""
    for step in steps:
        if step.send is not None:
            yield step.send
        for inner in (*(step.branch or ()), *(step.split or ())):
            yield from messages_in(inner.steps)
        yield from messages_in(step.else_ or ())


class StepDocument(BaseModel):
    """One step. ``id`` names it across versions; without one it goes by its place."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        json_schema_extra={
            "one_of": [
                {"key": "wait", "title": "Wait", "start": {"days": 1}},
                {"key": "send", "title": "Send a message", "start": {"name": "New"}},
                {
                    "key": "branch",
                    "title": "Go one of several ways",
                    "start": [{"label": "New", "when": {"field": "score", "op": "at_least", "value": 50}}],
                },
                {"key": "split", "title": "Try variants on parts of the people", "start": [{"id": "a"}, {"id": "b"}]},
                {"key": "act", "title": "Do something else", "start": {"alert": "Have a look"}},
                {"key": "exit", "title": "Leave the sequence", "start": "completed"},
            ],
            "beside": {"else": "branch"},
        },
    )

    id: str = Field(
        "",
        pattern=r"^[a-z0-9_]{0,40}$",
        description="Names it across versions: small letters, digits, _; a split needs one",
    )
    wait: WaitDocument | None = Field(None, title="How long")
    send: SendDocument | None = Field(None, title="The message")
    branch: list[BranchDocument] | None = Field(
        None, min_length=1, max_length=10, title="Ways", description="The first whose condition holds is taken"
    )
    else_: list["StepDocument"] | None = Field(
        None,
        alias="else",
        max_length=MAX_STEPS,
        title="All others",
        description="Who fits none of the ways goes through these",
    )
    split: list[VariantDocument] | None = Field(
        None,
        min_length=2,
        max_length=10,
        title="Variants",
        description="Each person is drawn for one, and stays with it",
    )
    act: ActDocument | None = Field(None, title="What is done")
    exit: Literal["completed", "goal"] | None = Field(
        None, title="How it ends", description="completed: they came to its end; goal: it has done what it is for"
    )

    @model_validator(mode="after")
    def _one_thing(self) -> "StepDocument":
        kinds: dict[str, Any] = {
            name: getattr(self, name) for name in ("wait", "send", "branch", "split", "act", "exit")
        }
        if sum(value is not None for value in kinds.values()) != 1:
            raise ValueError(f"a step does exactly one thing: {', '.join(kinds)}")
        if self.else_ is not None and self.branch is None:
            raise ValueError('"else" belongs to a "branch"')
        if self.split is not None and not self.id:
            raise ValueError('a "split" needs an "id": its results go by it')
        names = [one.id for one in self.split or ()]
        if len(names) != len(set(names)):
            raise ValueError("two variants of a split have the same id")
        return self
