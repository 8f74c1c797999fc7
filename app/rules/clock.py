"""A handoff's clock: due in business minutes, the owner is reminded, then somebody else is told. Pure.

It stops with a claim or a verdict. Timers follow from the contact's state; what they ring for is decided here, by the
state as of that moment, so that a timer that rings late, twice or for a handoff that is over does no harm.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, EmailStr, Field, model_validator

from app.contacts.contact import Contact, Handoff
from app.contacts.event import Event, EventType
from app.contacts.own_events import ALERT_FAILED, HANDOFF_CLAIMED
from app.rules.decision import ClockStep, Decision, Outcome, key_of
from app.rules.hours import BusinessHours, HoursDocument, NeverOpen

RULE, REMIND, ESCALATE = "clock", "remind", "escalate"
TIMERS = {"handoff.remind": REMIND, "handoff.escalate": ESCALATE}
MAX_MINUTES = 14_400


class ClockDocument(BaseModel):
    """The clock as it stands in the handoff policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: HoursDocument = Field(
        default_factory=HoursDocument, title="Business hours", description="Whose minutes count"
    )
    due_minutes: int = Field(
        30,
        gt=0,
        le=MAX_MINUTES,
        title="Due after minutes",
        description="Business minutes from the opening",
    )
    remind_minutes: int | None = Field(
        None,
        ge=0,
        title="Reminder after minutes",
        description="Business minutes from the opening; none: two thirds of due_minutes; 0: no reminder",
    )
    escalate_to: list[EmailStr] = Field(
        default_factory=list, description="Who is told when it is due and nobody has taken it: the first who is there"
    )
    second_channel: str = Field(
        "",
        title="Second way to tell people",
        description="The connection through which that is said; none: the same one",
    )

    @model_validator(mode="after")
    def _reminded_before_due(self) -> "ClockDocument":
        if self.remind_minutes is not None and self.remind_minutes >= self.due_minutes:
            raise ValueError(
                f"remind_minutes ({self.remind_minutes}) has to be lower than due_minutes ({self.due_minutes})"
            )
        return self


class Second(Struct, frozen=True):
    """Somebody to whom handoffs are escalated."""

    email: str
    name: str = ""
    absent_until: date | None = None


class Clock(Struct, frozen=True, kw_only=True):
    """The compiled clock. ``seconds`` are the people to escalate to, the first one first."""

    hours: BusinessHours
    due_minutes: float
    remind_minutes: float
    seconds: tuple[Second, ...]
    second_channel: str
    version: str

    def times(self, start: datetime) -> tuple[datetime | None, datetime]:
        """When the owner of a handoff is reminded (None: never), and when it is due."""
        try:
            due = self.hours.add(start, self.due_minutes)
            return self.hours.add(start, self.remind_minutes) if self.remind_minutes else None, due
        except (NeverOpen, OverflowError):  # an event from the end of time, or a calendar that has run out
            last = datetime.max.replace(tzinfo=UTC) - start
            return None, start + min(timedelta(minutes=self.due_minutes), last)

    def second(self, at: datetime, owner: str) -> Second | None:
        """Who is told at a moment in the owner's place: the first who is there and is not the owner."""
        today = at.astimezone(self.hours.zone).date()
        for person in self.seconds:
            if person.email != owner and (person.absent_until is None or person.absent_until <= today):
                return person
        return None

    def name_of(self, email: str) -> str:
        """Somebody's name, else their address."""
        return next((person.name for person in self.seconds if person.email == email and person.name), email)

    def words(self, at: datetime) -> str:
        """A moment as the people of these hours say it: ``2026-11-24 09:20 CET``."""
        return f"{at.astimezone(self.hours.zone):%Y-%m-%d %H:%M %Z}"


def compile_clock(document: ClockDocument, seconds: Sequence[Second], version: str) -> Clock:
    """The clock in the form that is applied to handoffs."""
    remind = document.remind_minutes
    return Clock(
        hours=BusinessHours.of(document.hours),
        due_minutes=document.due_minutes,
        remind_minutes=document.due_minutes * 2 / 3 if remind is None else remind,
        seconds=tuple(seconds),
        second_channel=document.second_channel,
        version=version,
    )


def timers(contact: Contact) -> dict[str, datetime]:
    """Timer → when it rings, for a handoff that nobody has taken yet."""
    handoff = contact.open_handoff
    if handoff is None or handoff.claimed_at is not None or handoff.escalated_at is not None:
        return {}
    wanted = {"handoff.escalate": handoff.due_at, "handoff.remind": handoff.remind_at}
    if handoff.reminded_at is not None:
        del wanted["handoff.remind"]
    return {name: at for name, at in wanted.items() if at is not None}


def decide_clock(contact: Contact, event: Event, clock: Clock) -> list[Decision]:
    """What a timer that has rung, an alert that failed, or a claim means for the contact's open handoff. Only Baton
    itself says such things; under the same names from anywhere else they mean nothing."""
    if event.connection_id:
        return []
    claimed = event.type == HANDOFF_CLAIMED
    handoff = contact.handoff_meant(event.properties.get("handoff")) if claimed else contact.open_handoff
    if handoff is None or handoff.closed_at is not None or handoff.claimed_at is not None:
        return []
    if claimed:
        return [_claim(handoff, event, clock)]
    if handoff.escalated_at is not None:
        return []
    if event.type == ALERT_FAILED and clock.second_channel:
        return [_escalate(contact, handoff, event, clock, "the first alert could not be delivered")]
    if event.type != EventType.TIMER_DUE:
        return []
    step, now = TIMERS.get(str(event.properties.get("timer"))), event.occurred_at
    if step == ESCALATE and handoff.due_at is not None and now >= handoff.due_at:
        return [_escalate(contact, handoff, event, clock, f"nobody had taken it by {clock.words(handoff.due_at)}")]
    if step == REMIND and handoff.reminded_at is None and handoff.remind_at is not None and now >= handoff.remind_at:
        return [_remind(handoff, event, clock)]
    return []


def _remind(handoff: Handoff, event: Event, clock: Clock) -> Decision:
    handoff.reminded_at = event.occurred_at
    due = f", it is due at {clock.words(handoff.due_at)}" if handoff.due_at else ""
    decision = _decision(event, clock, "reminder", f"Sales reminded: nobody has taken the handoff{due}")
    decision.clock = ClockStep(handoff=handoff.key, step=REMIND)
    return decision


def _escalate(contact: Contact, handoff: Handoff, event: Event, clock: Clock, why: str) -> Decision:
    handoff.escalated_at = event.occurred_at
    person = clock.second(event.occurred_at, str(contact.get("owner_email") or ""))
    to = f" to {person.name or person.email}" if person else ""
    decision = _decision(event, clock, "escalation", f"Handoff escalated{to}: {why}")
    decision.clock = ClockStep(handoff=handoff.key, step=ESCALATE, to=person.email if person else "")
    return decision


def _claim(handoff: Handoff, event: Event, clock: Clock) -> Decision:
    handoff.claimed_at, handoff.claimed_by = event.occurred_at, event.actor or ""
    return _decision(event, clock, "claim", f"Handoff claimed by {event.actor or 'sales'}: its clock stops")


def _decision(event: Event, clock: Clock, what: str, summary: str) -> Decision:
    return Decision(
        key=key_of("clock", what, event.id),
        rule=RULE,
        policy=clock.version,
        what=what,
        outcome=Outcome.TAKEN,
        summary=summary,
        event_id=event.id,
        at=event.occurred_at,
        second_channel=clock.second_channel,
    )
