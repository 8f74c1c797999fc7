"""How often a person is written to: caps over all channels and tools, by how alive they are, and quiet hours. Pure.

What counts stands in the contact's ledger (contacts/sends.py). A window rolls: "in 7 days" is back to the same time of
the day a week ago, by the clock on the person's wall. Transactional messages neither count nor wait.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.contacts.action import SendMessage
from app.contacts.consent import CHANNELS, TRANSACTIONAL
from app.contacts.contact import Contact
from app.contacts.engagement import Reading, Tier, overall_tier
from app.contacts.sends import MAX_CAP, MAX_CAP_DAYS
from app.contacts.zone import days_later, in_zone, zone_of
from app.rules.decision import Gate
from app.rules.hours import QuietDocument, QuietHours

if TYPE_CHECKING:
    from app.rules.decide import Policies

CAP, LADDER = "cap", "ladder"
_SLACK = timedelta(days=2)  # by so much at most N days on the wall differ from N times 24 hours


class CapDocument(BaseModel):
    """At most so many messages in so many days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max: int = Field(ge=1, le=MAX_CAP, title="At most", description="So many messages …")
    days: int = Field(ge=1, le=MAX_CAP_DAYS, description="… in so many days")


class RungDocument(BaseModel):
    """What people of one tier may get."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    caps: list[CapDocument] = Field(
        default_factory=list, max_length=5, title="Limits", description="All of them hold; none: no cap"
    )
    wakes_only: bool = Field(
        False,
        title="Only to wake people up",
        description="Only messages that are meant to wake people up (wakes: true)",
    )


def _rung(*caps: tuple[int, int], wakes_only: bool = False) -> RungDocument:
    return RungDocument(caps=[CapDocument(max=most, days=days) for most, days in caps], wakes_only=wakes_only)


class LadderDocument(BaseModel):
    """The quieter people are, the less they get. Who is dormant is suppressed, else on the last rung."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new: RungDocument = Field(_rung((3, 7), (2, 1)), description="Nothing was sent to them yet")
    active: RungDocument = Field(_rung((3, 7), (2, 1)), description="They gave a sign of life lately")
    cooling: RungDocument = Field(_rung((1, 7)), description="Quiet for a while")
    lapsing: RungDocument = Field(_rung((1, 14), wakes_only=True), description="Quiet for long")


class QuietChannelsDocument(QuietDocument):
    """Quiet hours, and for which channels: a text message wakes people up, an e-mail does not."""

    channels: list[str] = Field(default_factory=lambda: ["sms", "push"], description="Of email, sms, push")

    @field_validator("channels")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        unknown = next((name for name in names if name not in CHANNELS), None)
        if unknown is not None:
            raise ValueError(f'"{unknown}" is not a channel; these are {", ".join(CHANNELS)}')
        return names


class FrequencyDocument(BaseModel):
    """The frequency policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["frequency"]
    name: str = "frequency"
    ladder: LadderDocument = Field(
        LadderDocument(),
        title="Messages by how active people are",
        description="The quieter people are, the less they get",
    )
    quiet: QuietChannelsDocument = Field(
        QuietChannelsDocument(), title="Quiet hours", description="When nothing is sent"
    )


class Frequency(Struct, frozen=True):
    """The compiled policy. The quiet hours' zone is that of people of whom none is known, also for the windows."""

    ladder: dict[Tier, RungDocument]
    quiet: QuietHours
    quiet_channels: frozenset[str]
    version: str


def compile_frequency(document: FrequencyDocument, version: str) -> Frequency:
    """The policy in the form that is asked."""
    rungs = document.ladder
    return Frequency(
        {
            Tier.NEW: rungs.new,
            Tier.ACTIVE: rungs.active,
            Tier.COOLING: rungs.cooling,
            Tier.LAPSING: rungs.lapsing,
            Tier.DORMANT: rungs.lapsing,
        },
        QuietHours.of(document.quiet),
        frozenset(document.quiet.channels),
        version,
    )


# --- asked for one contact


class Use(Struct, frozen=True):
    """How far a cap is used up at a moment. ``free_at`` is when there is room for one more, None: now."""

    cap: CapDocument
    count: int
    free_at: datetime | None


def counts(message: SendMessage) -> bool:
    """Whether a message has to find its place under the caps."""
    return message.purpose != TRANSACTIONAL


def rung_of(contact: Contact, policies: "Policies", at: datetime) -> tuple[Reading, RungDocument]:
    """The contact's tier at a moment, and what people of that tier may get."""
    reading = overall_tier(contact, policies.suppression.tiers, at)
    return reading, policies.frequency.ladder[reading.tier]


def uses(contact: Contact, policies: "Policies", at: datetime, without: Collection[str] = ()) -> Iterator[Use]:
    """How far each cap is used up. Messages that are to leave later count as well; the decisions whose messages do not
    count are named by their keys in ``without``."""
    for cap in rung_of(contact, policies, at)[1].caps:
        oldest = at - timedelta(days=cap.days) - _SLACK
        near = [send.at for send in contact.sends if send.at > oldest and _counted(send.exempt, send.key, without)]
        if not near:  # the zone may cost a look into tables
            yield Use(cap, 0, None)
            continue
        zone = zone_of(contact, policies.frequency.quiet.zone)
        ends = sorted(end for sent in near if (end := days_later(sent, cap.days, zone)) > at)
        yield Use(cap, len(ends), ends[len(ends) - cap.max] if len(ends) >= cap.max else None)


def _counted(exempt: bool, key: str, without: Collection[str]) -> bool:
    return not exempt and (not key or key not in without)


def room(
    contact: Contact, message: SendMessage, policies: "Policies", at: datetime, without: Collection[str] = ()
) -> Gate:
    """Whether there is room for a message that leaves at a moment."""
    if not counts(message):
        return Gate(CAP, True)
    full = [(use.free_at, use) for use in uses(contact, policies, at, without) if use.free_at is not None]
    if not full:
        return Gate(CAP, True)
    free_at, use = max(full, key=lambda one: one[0])
    tier, cap = rung_of(contact, policies, at)[0].tier, use.cap
    ladder = "" if tier in (Tier.NEW, Tier.ACTIVE) else f" for {tier} contacts"
    days = "day" if cap.days == 1 else f"{cap.days} days"
    return Gate(
        CAP,
        False,
        f"{use.count} message{'s' * (use.count != 1)} in the last {days}; {cap.max} {'is' if cap.max == 1 else 'are'} "
        f"allowed{ladder}, the next from {in_zone(free_at, zone_of(contact, policies.frequency.quiet.zone))}",
    )


def ladder(contact: Contact, message: SendMessage, policies: "Policies", at: datetime) -> Gate:
    """Whether people as quiet as this one get messages like this one."""
    reading, rung = rung_of(contact, policies, at)
    if not rung.wakes_only or message.wakes or not counts(message):
        return Gate(LADDER, True)
    words = f"{reading.tier} since {reading.since:%Y-%m-%d}: only messages that are meant to wake people up"
    return Gate(LADDER, False, words)


def free_from(
    contact: Contact, message: SendMessage, policies: "Policies", at: datetime, without: Collection[str] = ()
) -> datetime | None:
    """The first moment from ``at`` on at which a message may leave under caps and ladder if nothing else is sent or
    heard of the person until then; None where time only makes it worse."""
    while counts(message):
        if not ladder(contact, message, policies, at).passed:
            return None
        free = [use.free_at for use in uses(contact, policies, at, without) if use.free_at is not None]
        if not free:
            return at
        at = max(free)  # the person may be quieter by then
    return at
