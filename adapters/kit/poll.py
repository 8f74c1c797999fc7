"""What is read of Kit beside its webhooks: subscribers that have changed, and when those left who have.

Kit says that a subscriber has changed, but not when, and its filter may know days only. So what it holds of somebody is
dated by when it was read, and Baton looks whether it knew it; each round reads from the day before, at least.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.contract import Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.digest import digest_of
from adapters.http import BadAnswer
from adapters.kit.client import CANCELLED, PAGE, Kit
from adapters.kit.webhook import identities_of, profile_of
from adapters.polled import each, item
from adapters.snapshot import events_of
from adapters.values import text_of, time_until
from app.contacts.event import Event, EventType
from app.contacts.identity import EMAIL
from mappings.mapping import FieldMapping

LEFT_AT = "canceled_at"

Data = Mapping[str, Any]


def fetch_subscribers(client: Kit, window: Window, mapping: FieldMapping) -> Page:
    """Subscribers in whatever state that have changed."""
    return _page(client, window, status="all")


def fetch_left(client: Kit, window: Window, mapping: FieldMapping) -> Page:
    """Subscribers who have left, with when they did: Kit says so only where it is asked for them alone."""
    return _page(client, window, status=CANCELLED, include=LEFT_AT)


def _page(client: Kit, window: Window, **asked: str) -> Page:
    """A page in Kit's own order, newest first: who is new meanwhile moves nobody past the page that comes next."""
    query = {"updated_after": window.since.astimezone(UTC).date().isoformat(), "per_page": str(PAGE), **asked}
    answer = client.call("GET", "/subscribers", **query, **({"after": window.page} if window.page else {}))
    if not isinstance(answer, dict) or not isinstance(answer.get("subscribers"), list):
        raise BadAnswer("answered without subscribers")
    place = answer.get("pagination")
    place = place if isinstance(place, dict) else {}
    following = text_of(place.get("end_cursor")) if place.get("has_next_page") is True else ""
    if place.get("has_next_page") is True and not following:
        raise BadAnswer("answered that there is more, without where")
    # Who changes and changes back looks the same: once a day it is read again, and compared with what was known
    day = window.until.astimezone(UTC).date().isoformat()
    found = [one for one in answer["subscribers"] if isinstance(one, dict)]
    return Page(items=[item(f"{one.get('id')}|{digest_of(one)}|{day}", one) for one in found], next=following)


def parse_subscribers(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Subscribers as they were polled, each as what it holds and what its state says."""

    def read(subscriber: Any) -> Iterator[Event]:
        held = _read(subscriber, request.received_at, mapping)
        yield from events_of(mapping.inbound(held.told), held, _number(subscriber))
        yield from _state(subscriber, held)

    return each(request, read)


def parse_left(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """When subscribers left, as they were polled."""

    def read(subscriber: Any) -> Iterator[Event]:
        held = _read(subscriber, request.received_at, mapping)
        at = time_until(request.received_at, subscriber.get(LEFT_AT))
        if at is None:
            raise Unreadable(f"a subscriber who has left, without {LEFT_AT}")
        said = {"channel": "email", "state": "withdrawn", "method": "unsubscribed in Kit"}
        yield _event(EventType.CONSENT_CHANGED, at, f"left|{_number(subscriber)}|{at.isoformat()}", held, said)

    return each(request, read)


def _number(subscriber: Data) -> str:
    number = text_of(subscriber.get("id"))[:100]
    if not number:
        raise Unreadable("a subscriber without an id")
    return number


def _read(subscriber: Data, now: datetime, mapping: FieldMapping) -> Event:
    return Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=now,
        source_key=f"read|{_number(subscriber)}|{now.isoformat()}",
        identities=identities_of(subscriber),
        properties={"source": "read"},
        told=profile_of(subscriber),
        mapping=mapping.version,
    )


def _state(subscriber: Data, held: Event) -> Iterator[Event]:
    """What a state says of consent and of the address, once. Whoever is active said yes at some time since they were
    there, which is no word of theirs; of who has left, the other stream knows when they did."""
    number, state = _number(subscriber), text_of(subscriber.get("state"))
    said: dict[str, Any]
    since = time_until(held.occurred_at, subscriber.get("created_at")) or held.occurred_at
    if state == "active":
        said = {"channel": "email", "state": "granted", "method": "active in Kit"}
        yield _event(EventType.CONSENT_CHANGED, since, f"active|{number}", held, said)
    elif state == "bounced":
        address = held.identity(EMAIL)
        said = {"permanent": True, "reason": "bounced in Kit", "recipient": address}
        yield _event(EventType.EMAIL_BOUNCED, held.occurred_at, f"bounced|{number}|{address}", held, said)
    elif state == "complained":
        said = {"reason": "marked as spam"}
        yield _event(EventType.EMAIL_COMPLAINED, held.occurred_at, f"complained|{number}", held, said)


def _event(kind: str, at: datetime, key: str, held: Event, said: Data) -> Event:
    return Event(
        type=kind,
        occurred_at=at,
        source_key=f"once|kit|{key}",
        identities=held.identities,
        properties={**said, "source": "read"},
    )


_EVERY, _OVERLAP = timedelta(minutes=10), timedelta(days=1)

STREAMS = (  # an import reads them in this order: whose word it is is then known
    Stream(
        "subscribers",
        "Subscribers",
        fetch_subscribers,
        parse_subscribers,
        complete="Every subscriber's fields and state as they are now, but for those deleted by hand.",
        every=_EVERY,
        overlap=_OVERLAP,
    ),
    Stream(
        "left",
        "Subscribers who have left",
        fetch_left,
        parse_left,
        complete="Everybody who has left, with when they did.",
        every=_EVERY,
        overlap=_OVERLAP,
    ),
)
