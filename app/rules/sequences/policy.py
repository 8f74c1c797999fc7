"""Sequences: several steps over days, for each person from the event that lets them in until one that lets them out.

Here is what an admin writes and what is made of it; enrolments.py says what it comes to for one contact. Pure.

Whoever is in a sequence keeps the version that was in force when they came in, and that follows from the time of that
event alone: so all published versions are known here, not only the newest.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.consent import MARKETING
from app.rules.condition import Condition, EventTypes, Facts, Happening, Test, compile_condition
from app.rules.hours import DAY, QuietHours, known_zone
from app.rules.index import Index
from app.rules.sequences.pauses import Pauses
from app.rules.sequences.program import Op, compile_steps, said_by, sends, shortest
from app.rules.sequences.steps import MAX_DEPTH, MAX_STEPS, NAME, StepDocument

MAX_SEQUENCES = 100
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class ExitReason(StrEnum):
    """Why somebody is not in a sequence any more. The list is closed."""

    GOAL = "goal"
    CONVERTED = "converted"
    REPLIED = "replied"
    CONVERSATION = "conversation"
    HANDED_OVER = "handed_over"
    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    NO_LONGER_FITS = "no_longer_fits"
    OVER_TIME = "over_time"
    COMPLETED = "completed"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"


REACHED = (ExitReason.GOAL, ExitReason.CONVERTED)


class EntryDocument(BaseModel):
    """Whom an event lets in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: EventTypes = Field(title="Events", description="Event types that let people in")
    when: Condition | None = Field(None, title="Condition", description="Only if this holds; none: everybody")
    segment: str = Field("", description="Only who is in this segment, or enters it by this event")


class ReentryDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    after_days: float = Field(
        ge=0, le=3650, title="After days", description="So long after they came in last; empty: never again"
    )


def _conversions() -> list[Happening]:
    won = Condition.model_validate({"field": "event.verdict", "value": "won"})
    return [Happening(on=["order.placed"]), Happening(on=["sales.verdict"], where=won)]


class SequenceDocument(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "start": {
                "label": "New",
                "active": False,
                "entry": {"on": ["form.submitted"]},
                "max_days": 30,
                "steps": [{"wait": {"days": 1}}],
            }
        },
    )

    id: str = Field(pattern=NAME, description="Small letters, digits, _; results go by it")
    label: str = Field(min_length=1, max_length=100, description="What people read")
    active: bool = Field(True, description="No: nobody comes in; who is in goes on")
    priority: int = Field(0, ge=-1_000, le=1_000, description="Of two sequences of a person, the higher one sends")
    entry: EntryDocument = Field(title="Who comes in", description="An event lets somebody in, if the condition holds")
    reentry: Literal["never"] | ReentryDocument = Field(
        "never", title="Coming in again", description="Unless set: nobody comes in twice"
    )
    restart: Happening | None = Field(
        None, title="Beginning anew", description="Of the entry's events those that let in again at once"
    )
    too_old_hours: float = Field(
        24, gt=0, title="Too old after hours", description="An event that reaches us later than this lets nobody in"
    )
    goal: Happening | None = Field(
        None, title="The goal", description="What it is for: who does this leaves, and counts"
    )
    conversion: list[Happening] = Field(
        default_factory=_conversions,
        max_length=10,
        title="Conversions",
        description="Who does one of these leaves, and counts. Unless set: an order, or a deal that sales has won",
    )
    exits: list[Happening] = Field(
        default_factory=list,
        max_length=10,
        title="Ways out",
        description="Who does one of these leaves as well. An opt-out, a reply and a handoff always let people out",
    )
    max_days: float = Field(gt=0, le=3650, title="At most days", description="Nobody is in it for longer")
    hard_stop: bool = Field(False, description="Yes: a pause does not lengthen these days")
    purpose: str = Field(MARKETING, description="What consent its messages need")
    owns: bool = Field(
        False, title="Alone", description="Yes: while it runs, no other marketing message goes to the person"
    )
    review: bool = Field(
        True,
        title="Shown to people at its end",
        description="Who comes to its end without the goal is put under Reviews",
    )
    steps: list[StepDocument] = Field(
        min_length=1, max_length=MAX_STEPS, description="What people go through, from the top"
    )

    @model_validator(mode="after")
    def _runs(self) -> "SequenceDocument":
        names, depth = _names(self.steps, 1)
        if len(names) > MAX_STEPS or depth > MAX_DEPTH:
            raise ValueError(f"has {len(names)} steps, {depth} deep; at most {MAX_STEPS} and {MAX_DEPTH} are allowed")
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'the id "{twice}" is taken by two steps')
        strange = [name for name in self.restart.on if name not in self.entry.on] if self.restart is not None else []
        if strange:
            raise ValueError(f'restart: "{strange[0]}" lets nobody in; add it to the entry\'s "on"')
        least = shortest(compile_steps(self.steps, self.purpose))
        if least >= timedelta(days=self.max_days):
            raise ValueError(
                f"takes at least {least / DAY:g} days, but max_days is {self.max_days:g}: nobody would come to its end"
            )
        return self


def _names(steps: Iterable[StepDocument], depth: int) -> tuple[list[str], int]:
    names, deepest = [], depth
    for step in steps:
        names.append(step.id)
        parts = [*(one.steps for one in step.branch or ()), *(one.steps for one in step.split or ()), step.else_ or []]
        for inner in filter(None, parts):
            found, below = _names(inner, depth + 1)
            names += found
            deepest = max(deepest, below)
    return names, deepest


class SequencesDocument(BaseModel):
    """The sequences as they stand in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sequences"]
    name: str = "sequences"
    timezone: str = Field("UTC", description="Of people of whom it is not known where they live")
    sequences: list[SequenceDocument] = Field(
        max_length=MAX_SEQUENCES, description="Who is in one keeps the version that they came into"
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _ids_once(self) -> "SequencesDocument":
        ids = [sequence.id for sequence in self.sequences]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'the id "{twice}" is taken by two sequences')
        return self


# --- compiled


class Watch(Struct, frozen=True):
    """Events that mean something for somebody who is in a sequence."""

    types: frozenset[str]
    test: Test

    def means(self, facts: Facts) -> bool:
        """Whether this event is one of them."""
        return facts.event is not None and facts.event.type in self.types and self.test(facts)


class Flow(Struct, frozen=True):
    """One compiled sequence."""

    id: str
    label: str
    version: str
    document: SequenceDocument
    entry: Test
    goal: tuple[Watch, ...]
    conversion: tuple[Watch, ...]
    exits: tuple[Watch, ...]
    restart: tuple[Watch, ...]
    ops: tuple[Op, ...]
    said: tuple[str, ...]
    channels: tuple[str, ...]
    zone: ZoneInfo

    @property
    def anytime(self) -> QuietHours:
        """Hours of the day in a zone, without any that are kept quiet."""
        return QuietHours(((timedelta(), DAY),), self.zone)

    @property
    def once_in(self) -> timedelta:
        """Within what time nobody gets the same step twice."""
        again = self.document.reentry
        return self.longest if again == "never" else min(self.longest, timedelta(days=again.after_days))

    @property
    def longest(self) -> timedelta:
        """How long somebody is in it at most."""
        return timedelta(days=self.document.max_days)


class Edition:
    """One published version of the sequences, compiled when it is first asked for."""

    def __init__(self, document: SequencesDocument, version: str, since: datetime = _BEGINNING) -> None:
        self.document, self.version, self.since = document, version, since

    @cached_property
    def by_id(self) -> dict[str, Flow]:
        """The sequences that are in it."""
        zone = ZoneInfo(self.document.timezone)
        return {one.id: _compile(one, self.version, zone) for one in self.document.sequences}

    @cached_property
    def by_type(self) -> dict[str, Index[Flow]]:
        """Those that let people in, by the type of event that does."""
        found: dict[str, list[tuple[Flow, Condition | None]]] = {}
        for flow in sorted(self.by_id.values(), key=lambda flow: (-flow.document.priority, flow.id)):
            if flow.document.active:
                for name in flow.document.entry.on:
                    found.setdefault(name, []).append((flow, flow.document.entry.when))
        return {name: Index(flows) for name, flows in found.items()}


class Sequences:
    """All published versions, the oldest first, and when sequences were paused."""

    def __init__(self, editions: Sequence[Edition], pauses: Pauses | None = None) -> None:
        self.editions = tuple(editions)
        self.pauses = pauses or Pauses()
        self._times = [edition.since for edition in self.editions]
        self._by_version = {edition.version: edition for edition in self.editions}

    @property
    def newest(self) -> Edition:
        """The version in force now."""
        return self.editions[-1]

    def at(self, moment: datetime) -> Edition:
        """The version in force at a moment; before the first, the first."""
        if moment >= self._times[-1]:
            return self.editions[-1]
        return self.editions[max(bisect_right(self._times, moment) - 1, 0)]

    def pinned(self, version: str, sequence: str) -> Flow | None:
        """A sequence as it is in a version, or None."""
        edition = self._by_version.get(version)
        return None if edition is None else edition.by_id.get(sequence)


def _compile(document: SequenceDocument, version: str, zone: ZoneInfo) -> Flow:
    ops = compile_steps(document.steps, document.purpose)
    return Flow(
        id=document.id,
        label=document.label,
        version=version,
        document=document,
        entry=compile_condition(document.entry.when),
        goal=_watches([document.goal] if document.goal else []),
        conversion=_watches(document.conversion),
        exits=_watches(document.exits),
        restart=_watches([document.restart] if document.restart else []),
        ops=ops,
        said=tuple(said_by(ops)),
        channels=tuple(sorted({op.document.channel for op in sends(ops)})),
        zone=zone,
    )


def _watches(asked: Iterable[Happening]) -> tuple[Watch, ...]:
    return tuple(Watch(frozenset(one.on), compile_condition(one.where)) for one in asked)
