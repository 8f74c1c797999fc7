"""What the rules came to, and why: the record that answers "why?" and "why not?" for every contact."""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct, field

from app.contacts.action import Alert, JoinList, LeaveList, SendMessage, TrackEvent
from app.contacts.contact import Enrolment
from app.contacts.event import Event
from app.contacts.own_events import READ_LATER


class Outcome(StrEnum):
    """``taken``: it is done or on its way. ``withheld``: a gate kept it back. ``superseded``: what arrived later shows
    that it should have been decided otherwise."""

    TAKEN = "taken"
    WITHHELD = "withheld"
    SUPERSEDED = "superseded"


class Gate(Struct, frozen=True):
    """One thing that had to be so, whether it was, and in which words to say it."""

    name: str
    passed: bool
    detail: str = ""


class HandoffPlan(Struct, kw_only=True):
    """A handoff to open: why now, with which score, and when its owner is reminded and it is due."""

    key: str
    rule: str
    opened_at: datetime
    remind_at: datetime | None = None
    due_at: datetime
    score: float
    reason: str


class ReviewPlan(Struct, kw_only=True):
    """Somebody came to the end of a sequence without its goal: why, which message they ignored last, and what they
    were by then. ``key`` is the enrolment's."""

    key: str
    sequence: str
    version: str
    reason: str
    worst: str
    segments: list[str]
    opened_at: datetime


class ClockStep(Struct, kw_only=True):
    """What a handoff's clock asks for: the owner is reminded, or somebody else (``to``, an address) is told."""

    handoff: str
    step: str
    to: str = ""


class Decision(Struct, kw_only=True):
    """One rule's answer to one event. ``key`` names rule and event, so that deciding again finds the same record.
    ``second_channel`` is the connection that alerts are escalated through. A message that has to wait says when it
    ``leaves_at``, None: at once."""

    key: str
    rule: str
    policy: str
    what: str
    outcome: Outcome
    summary: str
    event_id: str
    at: datetime
    gates: tuple[Gate, ...] = ()
    send: SendMessage | JoinList | LeaveList | TrackEvent | None = None
    through: str = ""
    leaves_at: datetime | None = None
    handoff: HandoffPlan | None = None
    clock: ClockStep | None = None
    alert: Alert | None = None
    second_channel: str = ""
    ended: Enrolment | None = None
    review: ReviewPlan | None = None
    tags: dict[str, str] = field(default_factory=dict)


def in_time(event: Event, hours: float) -> Gate:
    """Whether an event reached us soon enough to act on. Measured by its own two times, so that deciding again later
    comes to the same. What was found in a payload that had been read long before is old news however young it is."""
    if READ_LATER in event.properties:
        return Gate("in time", False, "it was found only when its payload was read again by a mended mapping")
    late = event.received_at - event.occurred_at
    if late > timedelta(hours=hours):
        return Gate(
            "in time", False, f"it reached us {late.total_seconds() / 3600:.0f} hours late; {hours:g} are allowed"
        )
    return Gate("in time", True)


def key_of(*parts: object) -> str:
    """32 hex digits that stand for these parts: the same parts, the same key, on every machine and every replay."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=16).hexdigest()
