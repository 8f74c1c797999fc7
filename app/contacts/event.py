"""What happened: the one shape that every vendor's message, form and page view is turned into."""

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any, NamedTuple

from msgspec import Struct, field

from app.contacts.times import EPOCH


class EventType(StrEnum):
    """The closed list of event types. Beside these there is ``custom:<name>``, for what a team defines itself."""

    CONTACT_CREATED = "contact.created"
    CONTACT_UPDATED = "contact.updated"
    CONTACT_MERGED = "contact.merged"
    CONTACT_DELETED = "contact.deleted"
    CONTACT_ERASED = "contact.erased"
    PAGE_VIEWED = "page.viewed"
    FORM_SUBMITTED = "form.submitted"
    ASSET_DOWNLOADED = "asset.downloaded"
    EMAIL_DELIVERED = "email.delivered"
    EMAIL_OPENED = "email.opened"
    EMAIL_CLICKED = "email.clicked"
    EMAIL_BOUNCED = "email.bounced"
    EMAIL_COMPLAINED = "email.complained"
    EMAIL_UNSUBSCRIBED = "email.unsubscribed"
    EMAIL_REPLIED = "email.replied"
    SMS_DELIVERED = "sms.delivered"
    SMS_OPENED = "sms.opened"
    SMS_CLICKED = "sms.clicked"
    SMS_BOUNCED = "sms.bounced"
    SMS_COMPLAINED = "sms.complained"
    SMS_UNSUBSCRIBED = "sms.unsubscribed"
    SMS_REPLIED = "sms.replied"
    PUSH_DELIVERED = "push.delivered"
    PUSH_OPENED = "push.opened"
    PUSH_CLICKED = "push.clicked"
    PUSH_BOUNCED = "push.bounced"
    PUSH_COMPLAINED = "push.complained"
    PUSH_UNSUBSCRIBED = "push.unsubscribed"
    PUSH_REPLIED = "push.replied"
    CONSENT_CHANGED = "consent.changed"
    LIST_JOINED = "list.joined"
    LIST_LEFT = "list.left"
    TAG_ADDED = "tag.added"
    TAG_REMOVED = "tag.removed"
    PRODUCT_VIEWED = "product.viewed"
    CHECKOUT_STARTED = "checkout.started"
    ORDER_PLACED = "order.placed"
    ORDER_FULFILLED = "order.fulfilled"
    ORDER_REFUNDED = "order.refunded"
    STAGE_CHANGED = "stage.changed"
    DEAL_CREATED = "deal.created"
    DEAL_STAGE_CHANGED = "deal.stage_changed"
    MEETING_BOOKED = "meeting.booked"
    MEETING_CANCELED = "meeting.canceled"
    CONVERSATION_STARTED = "conversation.started"
    CONVERSATION_CLOSED = "conversation.closed"
    TASK_COMPLETED = "task.completed"
    SALES_VERDICT = "sales.verdict"
    SEGMENT_ENTERED = "segment.entered"
    SEGMENT_LEFT = "segment.left"
    SCORE_CROSSED = "score.crossed"
    MESSAGE_SENT = "message.sent"
    TIMER_DUE = "timer.due"
    UNKNOWN = "unknown"


EVENT_TYPES = frozenset(EventType)
CUSTOM = "custom:"


def is_event_type(name: str) -> bool:
    """Whether a name is in the closed list or is a ``custom:<name>``."""
    return name in EVENT_TYPES or (name.startswith(CUSTOM) and len(name) > len(CUSTOM))


class Identity(NamedTuple):
    """A person's name in one place: kind is ``email``, ``phone``, ``anonymous``, ``external`` or a vendor's name."""

    kind: str
    value: str


class Ref(NamedTuple):
    """A vendor's object that has to be read to learn which contacts an event is about: ``deal``, ``thread``, …"""

    kind: str
    value: str


class Event(Struct, kw_only=True, omit_defaults=True):
    """One thing that happened, as an adapter read it; ingest adds who it happened to and when it reached us.

    ``occurred_at`` is UTC. ``source_key`` is what the vendor promises to repeat when it sends the same event
    again. ``properties`` belong to the type, ``fields`` are contact fields as the mapping named them.
    ``authority`` says of fields what their mapping says of the tool's word, where that is not that the newest stands.
    ``machine`` says why an open or click was a scanner's and not a person's. ``actor`` names the person in the
    vendor's tool who did it. ``told`` is what the tool holds of the contact, in its own names and forms.
    What is ``quiet`` was imported: it makes the contact what it is, and nothing follows from it.
    """

    type: str
    occurred_at: datetime
    source_key: str
    identities: tuple[Identity, ...] = ()
    properties: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    authority: dict[str, str] = field(default_factory=dict)
    refs: tuple[Ref, ...] = ()
    told: dict[str, Any] = field(default_factory=dict)
    quiet: bool = False
    machine: str | None = None
    actor: str | None = None
    mapping: str = ""
    id: str = ""
    connection_id: int = 0
    received_at: datetime = EPOCH

    def identity(self, kind: str) -> str | None:
        """The first identity of a kind, or None."""
        return next((i.value for i in self.identities if i.kind == kind), None)


def event_id(connection_id: int, source_key: str) -> str:
    """32 hex digits that are the same each time a vendor sends the same event.

    128 bits, so that among 10 milliard events a chance collision (a lost event) has odds below 1 in 10^18.
    """
    return blake2b(f"{connection_id}\0{source_key}".encode(), digest_size=16).hexdigest()


def channel_of(event: Event) -> str:
    """The channel that an event of a message is about: email, sms or push."""
    return event.type.split(".", 1)[0]


# A creation and the property changes that came with it carry the same instant (HubSpot); the creation is first.
_FIRST = {EventType.CONTACT_CREATED: 0, EventType.DEAL_CREATED: 0}


class Position(NamedTuple):
    """Where an event stands in a contact's history; the same whatever the order of arrival."""

    occurred_at: datetime
    rank: int
    id: str


def position(event: Event) -> Position:
    """The event's place in its contact's history: by when it occurred, then creation first, then by id."""
    return Position(event.occurred_at, _FIRST.get(event.type, 1), event.id)  # type: ignore[call-overload]
