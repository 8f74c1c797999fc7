"""Segments: groups of contacts that a condition describes, kept up to date as events arrive and time passes. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact, Look, Stage
from app.contacts.event import Event, EventType
from app.contacts.own_events import READ_AGAIN
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.condition_words import explain
from app.rules.decision import Decision, Gate, Outcome, key_of
from app.rules.memory import remember
from app.rules.messages import decide_messages
from app.rules.moments import Moment, compile_guard, compile_moment, dependencies
from app.rules.score import ScoringRules
from app.rules.sequences.enrolments import enter, hear

if TYPE_CHECKING:
    from app.rules.decide import Policies


FILL = "segments"  # the timer that asks a contact about segments that were published since
RESCORED = "score"  # ... and the one that asks those that go by the score, as new rules made another one of it
_QUIET = frozenset((FILL, RESCORED))


class SegmentDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$", description="What other rules call it: small letters, digits, _")
    label: str = Field(min_length=1, max_length=100, description="What people read")
    when: Condition = Field(title="Condition", description="Who is in it, for as long as this holds")
    active: bool = Field(True, description="No: nobody is in it")

    @field_validator("when")
    @classmethod
    def _over_state(cls, when: Condition) -> Condition:
        dependencies(when)
        return when


class SegmentsDocument(BaseModel):
    """The segments as they stand in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["segments"]
    name: str = "segments"
    weak_below: int = Field(20, ge=1, title="Weak below", description="The audit names segments with fewer members")
    segments: list[SegmentDocument] = Field(max_length=100)

    @model_validator(mode="after")
    def _ids_once(self) -> "SegmentsDocument":
        ids = [segment.id for segment in self.segments]
        twice = next((name for name in ids if ids.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'the id "{twice}" is taken by two segments')
        return self


class Segment(Struct, frozen=True):
    """A compiled segment. ``number`` is its place among them; ``moment`` is None where time changes nothing."""

    number: int
    id: str
    label: str
    test: Test
    moment: Moment | None
    when: Condition
    guard: Test | None = None


class Segments(Struct, frozen=True):
    """The compiled segments, and which of them an event can change."""

    every: tuple[Segment, ...]
    by_id: dict[str, Segment]
    by_type: dict[str, tuple[Segment, ...]]
    by_field: dict[str, tuple[Segment, ...]]
    by_stage: tuple[Segment, ...]
    by_score: tuple[Segment, ...]
    weak_below: int
    version: str


def compile_segments(document: SegmentsDocument, version: str) -> Segments:
    """The policy in the form that is applied to events."""
    active = [one for one in document.segments if one.active]
    every = tuple(
        Segment(
            number,
            one.id,
            one.label,
            compile_condition(one.when),
            compile_moment(one.when),
            one.when,
            compile_guard(one.when),
        )
        for number, one in enumerate(active)
    )
    asked = [(segment, dependencies(segment.when)) for segment in every]
    types = {name for _, needs in asked for name in needs.types}
    fields = {name for _, needs in asked for name in needs.fields}
    return Segments(
        every=every,
        by_id={segment.id: segment for segment in every},
        by_type={name: tuple(one for one, needs in asked if name in needs.types) for name in types},
        by_field={name: tuple(one for one, needs in asked if name in needs.fields) for name in fields},
        by_stage=tuple(one for one, needs in asked if needs.stage),
        by_score=tuple(one for one, needs in asked if needs.score),
        weak_below=document.weak_below,
        version=version,
    )


def touched(contact: Contact, event: Event, stage: Stage | None, policy: Segments, scored: bool) -> Sequence[Segment]:
    """The segments that may be otherwise after an event. ``stage`` is the one before it; ``scored`` whether the score
    may have changed. After a new version was published, all of them."""
    if contact.segmented != policy.version:
        return policy.every
    found: tuple[Segment, ...] = policy.by_type.get(event.type, ())
    if policy.by_field:
        for name in event.fields:
            found += policy.by_field.get(name, ())
        if (known := contact.fields.get("email")) is not None and known.at == event.occurred_at:
            found += policy.by_field.get("email", ())
    if contact.stage is not stage:
        found += policy.by_stage
    if scored:
        found += policy.by_score
    if len(found) < 2:
        return found
    once = {segment.number: segment for segment in found}
    return [once[number] for number in sorted(once)]


def judge(contact: Contact, event: Event, segments: Iterable[Segment], policies: "Policies") -> list[Decision]:
    """Whether the contact is now in these segments, and what follows from entering and leaving."""
    policy = policies.segments
    if contact.segmented != policy.version:
        contact.segmented = policy.version
        contact.segments = {name: since for name, since in contact.segments.items() if name in policy.by_id}
        contact.looks = {name: look for name, look in contact.looks.items() if name in policy.by_id}
    return _judge(contact, event, segments, policies)


def _judge(contact: Contact, event: Event, segments: Iterable[Segment], policies: "Policies") -> list[Decision]:
    facts = Facts(contact, None, event.occurred_at, policies.scoring.read)
    decisions: list[Decision] = []
    for segment in segments:
        if _look_again(contact, event, segment, facts):
            decisions += _move(contact, event, segment, facts, policies)
    return decisions


def is_moved(contact: Contact, now: datetime, policy: Segments, scoring: ScoringRules) -> bool:
    """Whether segments that the contact was not asked about yet would take it in, let it go, or come to do so in
    time, or earlier than was known."""
    if contact.erased_at is not None:
        return False
    facts = Facts(contact, None, now, scoring)
    return any(
        one.test(facts) is not (one.id in contact.segments)
        or (one.moment is not None and _is_sooner(contact.looks.get(one.id), one.moment(facts)))
        for one in policy.every
    )


def _is_sooner(known: Look | None, at: datetime | None) -> bool:
    return at is not None and (known is None or at < known.at)


def judge_in_time(contact: Contact, name: str, policies: "Policies") -> list[Decision]:
    """The same for one segment whose moment has come."""
    look = contact.looks.pop(name)
    segment = policies.segments.by_id.get(name)
    if segment is None:
        return []
    # What was due before the import that showed it is as much a part of the past as the rest of it
    imported_at = look.imported_at if look.imported_at is not None and look.at <= look.imported_at else None
    moment = Event(
        type=EventType.TIMER_DUE,
        occurred_at=look.at,
        received_at=imported_at or look.at,
        source_key="",
        id=look.event,
        quiet=imported_at is not None,
    )
    return _judge(contact, moment, (segment,), policies)


def _look_again(contact: Contact, event: Event, segment: Segment, facts: Facts) -> bool:
    """Whether the contact enters or leaves the segment; notes when time may move it next."""
    if segment.moment is not None:
        outside = segment.id not in contact.looks and segment.id not in contact.segments
        if outside and segment.guard is not None and not segment.guard(facts):
            return False
        at = segment.moment(facts)
        if at is not None:
            contact.looks[segment.id] = Look(at, event.id, event.received_at if event.quiet else None)
        elif contact.looks:
            contact.looks.pop(segment.id, None)
    return segment.test(facts) is not (segment.id in contact.segments)


def _move(contact: Contact, event: Event, segment: Segment, facts: Facts, policies: "Policies") -> list[Decision]:
    now, inside = event.occurred_at, segment.id not in contact.segments
    if inside:
        contact.segments[segment.id] = now
    else:
        del contact.segments[segment.id]
    decision = _decision(segment, event, inside, facts, policies.segments.version)
    happened = Event(
        type=EventType.SEGMENT_ENTERED if inside else EventType.SEGMENT_LEFT,
        occurred_at=now,
        received_at=event.received_at,
        source_key=f"segment|{segment.id}",
        id=decision.key,
        properties={"segment": segment.id, "label": segment.label},
    )
    remember(contact, happened, policies.memory, policies.scoring.read)
    if is_quiet(event):  # nothing that the person did
        return [decision]
    return [
        decision,
        *hear(contact, happened, policies),
        *enter(contact, happened, policies),
        *decide_messages(contact, happened, policies),
    ]


def _decision(segment: Segment, event: Event, inside: bool, facts: Facts, version: str) -> Decision:
    word = "Entered" if inside else "Left"
    by_time = event.type == EventType.TIMER_DUE and not event.source_key
    asked = READ_AGAIN if event.type == READ_AGAIN else event.properties.get("timer")
    return Decision(
        key=key_of("segment", segment.id, word, event.id, facts.now.isoformat()),
        rule=segment.id,
        policy=version,
        what="segment",
        outcome=Outcome.TAKEN,
        summary=f"{word} the segment “{segment.label}”"
        + (
            ", as time has passed"
            if by_time
            else _BY_US.get(str(asked), ", as it was imported")
            if is_quiet(event)
            else ""
        ),
        event_id=event.id,
        at=facts.now,
        gates=tuple(Gate(verdict.text, verdict.holds) for verdict in explain(segment.when, facts)),
    )


def is_quiet(event: Event) -> bool:
    """Whether nothing follows from the event: it was imported, or only says that Baton looks at somebody again, because
    a policy was published or payloads were read again."""
    if event.quiet:
        return True
    if event.type == READ_AGAIN:
        return not event.connection_id
    return event.type == EventType.TIMER_DUE and not event.connection_id and event.properties.get("timer") in _QUIET


_BY_US = {
    FILL: ", as it was published",
    RESCORED: ", as scores are counted by new rules",
    READ_AGAIN: ", as payloads were read again",
}


def next_look(contact: Contact) -> tuple[datetime, str] | None:
    """The next moment at which time may move the contact, and in which segment."""
    return min(((look.at, name) for name, look in contact.looks.items()), default=None)
