"""What a person agreed to, per channel and purpose, and what proves it. The strictest word of any tool holds."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from app.contacts.event import EventType

MARKETING, TRANSACTIONAL = "marketing", "transactional"
CHANNELS = ("email", "sms", "push")


class ConsentState(StrEnum):
    """What we may assume: only ``granted`` allows a marketing message."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class Grant(Struct, omit_defaults=True):
    """A yes. ``by_person`` is true when the person gave it themselves and there is a record of how:
    only such a yes can lift an earlier no."""

    at: datetime
    source: str
    by_person: bool = False
    method: str = ""
    proof: dict[str, Any] = field(default_factory=dict)


class Withdrawal(Struct, omit_defaults=True):
    """A no, in the tool that heard it."""

    at: datetime
    source: str
    method: str = ""


class Consent(Struct, omit_defaults=True):
    """One channel and purpose: the newest yes, the newest yes of the person, and each tool's newest no."""

    granted: Grant | None = None
    by_person: Grant | None = None
    pending_at: datetime | None = None
    withdrawn: dict[str, Withdrawal] = field(default_factory=dict)

    @property
    def last_withdrawal(self) -> Withdrawal | None:
        """The newest no of any tool, or None."""
        return max(self.withdrawn.values(), key=lambda no: no.at, default=None)

    @property
    def lifted_by(self) -> Grant | None:
        """The person's own recorded yes that came after every no, or None: what a write that lifts needs."""
        no = self.last_withdrawal
        if self.by_person is None or (no is not None and not surely_after(self.by_person.at, no.at)):
            return None
        return self.by_person

    @property
    def state(self) -> ConsentState:
        """The strictest reading: a no holds until the person themselves says yes again, later."""
        if self.withdrawn and self.lifted_by is None:
            return ConsentState.WITHDRAWN
        if self.granted is not None:
            return ConsentState.GRANTED
        return ConsentState.UNKNOWN if self.pending_at is None else ConsentState.PENDING


def surely_after(yes: datetime, no: datetime | None) -> bool:
    """Whether a yes came after a no. Some tools tell times to the second: what came first within it cannot be known,
    and then the no counts, as it does where it has no time at all."""
    return no is not None and (yes if no.microsecond else yes.replace(microsecond=0)) > no


def consent_events(channel: str) -> tuple[str, ...]:
    """The types of events that say something of the consent to marketing by a channel."""
    return (EventType.CONSENT_CHANGED, EventType.FORM_SUBMITTED, f"{channel}.unsubscribed", f"{channel}.complained")


def consent_key(channel: str, purpose: str = MARKETING) -> str:
    """How a contact's consents are keyed: ``email/marketing``."""
    return f"{channel}/{purpose}"
