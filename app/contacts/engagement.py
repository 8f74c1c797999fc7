"""How alive a contact is, per channel: by what the person did, never by what a machine opened."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from app.contacts.contact import Contact


class Tier(StrEnum):
    """``new`` until something was sent on the channel; then by the time since the last human sign."""

    NEW = "new"
    ACTIVE = "active"
    COOLING = "cooling"
    LAPSING = "lapsing"
    DORMANT = "dormant"


class TierDays(Protocol):
    """After how many days without a human sign a contact leaves a tier."""

    @property
    def active_days(self) -> float: ...
    @property
    def lapsing_days(self) -> float: ...
    @property
    def dormant_days(self) -> float: ...


class Reading(Struct, frozen=True):
    """A contact's tier and since when it has been in it."""

    tier: Tier
    since: datetime
    last_human_at: datetime | None


_SIGNS = {
    "email": ("email.opened", "email.clicked", "email.replied"),
    "sms": ("sms.clicked", "sms.replied", "sms.opened"),
    "push": ("push.opened", "push.clicked"),
}
_ANYWHERE = (
    "page.viewed",
    "form.submitted",
    "asset.downloaded",
    "product.viewed",
    "checkout.started",
    "order.placed",
    "meeting.booked",
)


SIGNS = frozenset((*_ANYWHERE, *(sign for signs in _SIGNS.values() for sign in signs)))


def last_sign(contact: Contact) -> datetime | None:
    """When the person last gave a sign of life of any kind, or None."""
    last = None
    for name, known in contact.activity.items():  # asked for very often
        if name in SIGNS and (last is None or known.last_at > last):
            last = known.last_at
    return last


def tier_of(contact: Contact, channel: str, days: TierDays, now: datetime) -> Reading:
    """The contact's tier on one channel at a moment, by opens, clicks and replies there.

    Someone who was never written to on a channel is new there, not dormant; once they were, silence counts from the
    last human sign, or from the first message.
    """
    since = silent_since(contact, channel)
    if since is None:
        return Reading(Tier.NEW, contact.first_seen_at or now, None)
    return _by_silence(since, contact.last_human(*_SIGNS[channel]), days, now)


def silent_since(contact: Contact, channel: str) -> datetime | None:
    """Since when a person has been silent on a channel: since they last opened, clicked or replied there, or since the
    first message that reached them. None while none has."""
    last = contact.last_human(*_SIGNS[channel])
    reached = contact.activity.get(f"{channel}.delivered")
    return last or (reached.first_at if reached else None)


def signs_on(channel: str) -> frozenset[str]:
    """The events that can begin or end a person's silence on a channel."""
    return frozenset((*_SIGNS[channel], f"{channel}.delivered"))


def overall_tier(contact: Contact, days: TierDays, now: datetime) -> Reading:
    """The contact's tier over everything: messages, visits, forms, purchases."""
    last = last_sign(contact)
    reached = [known.first_at for name in _SIGNS if (known := contact.activity.get(f"{name}.delivered"))]
    if last is None and not reached:
        return Reading(Tier.NEW, contact.first_seen_at or now, None)
    return _by_silence(last or min(reached), last, days, now)


def _by_silence(since: datetime, last: datetime | None, days: TierDays, now: datetime) -> Reading:
    for tier, limit in (
        (Tier.DORMANT, days.dormant_days),
        (Tier.LAPSING, days.lapsing_days),
        (Tier.COOLING, days.active_days),
    ):
        reached = since + timedelta(days=limit)
        # Active up to and including the last day; the others from their day on
        if now > reached or (now == reached and tier is not Tier.COOLING):
            return Reading(tier, reached, last)
    return Reading(Tier.ACTIVE, since, last)
