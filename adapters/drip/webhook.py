"""What Drip sends: one event of a subscriber, unsigned, to an address that is a secret."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.cleaning import clean
from adapters.contract import Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.drip.client import ADDED
from adapters.snapshot import events_of
from adapters.strict_json import loads
from adapters.values import first_of, object_of, text_of
from adapters.visits import read_page
from app.contacts.event import CUSTOM, Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from app.contacts.own_events import OUR_OWN
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

# Drip's event, without its "subscriber." → ours; what is missing is custom:<name>
TYPES = {
    "created": EventType.CONTACT_CREATED,
    "deleted": EventType.CONTACT_DELETED,
    "updated_custom_field": EventType.CONTACT_UPDATED,
    "updated_email_address": EventType.CONTACT_UPDATED,
    "updated_time_zone": EventType.CONTACT_UPDATED,
    "applied_tag": EventType.TAG_ADDED,
    "removed_tag": EventType.TAG_REMOVED,
    "received_email": EventType.EMAIL_DELIVERED,
    "opened_email": EventType.EMAIL_OPENED,
    "clicked_email": EventType.EMAIL_CLICKED,
    "bounced": EventType.EMAIL_BOUNCED,
    "marked_as_undeliverable": EventType.EMAIL_BOUNCED,
    "complained": EventType.EMAIL_COMPLAINED,
    "unsubscribed_all": EventType.EMAIL_UNSUBSCRIBED,
    "visited_page": EventType.PAGE_VIEWED,
}
_PROFILE = ("email", "first_name", "last_name", "phone", "address1", "city", "state", "zip", "country", "time_zone")


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The event in one webhook, with what it says of the subscriber."""
    document = clean(loads(request.body))
    data = object_of(document.get("data")) if isinstance(document, dict) else {}
    subscriber = object_of(data.get("subscriber"))
    if not subscriber:
        raise Unreadable("a Drip webhook is one JSON object with an event and a subscriber")
    name, told = text_of(document.get("event")), object_of(data.get("properties"))
    if not name.startswith("subscriber."):
        raise Unreadable(f"an event that is not a subscriber's: {name[:80]!r}")
    kind = _kind(name.removeprefix("subscriber."), told)
    profile = profile_of(subscriber)
    described = _DESCRIBE.get(kind)
    try:
        at = parse_time(document.get("occurred_at")) if document.get("occurred_at") else request.received_at
    except ValueError:
        raise Unreadable(f"occurred_at is not a time: {text_of(document.get('occurred_at'))[:40]!r}") from None
    event = Event(
        type=kind,
        occurred_at=at,
        source_key=_key(name, subscriber, document, told),
        identities=_identities(subscriber, told if name == "subscriber.updated_email_address" else {}),
        properties={"event": name, **(described(told) if described else {"drip": dict(told)} if told else {})},
        told=dict(profile),
        mapping=mapping.version,
    )
    if told.get("baton_key"):  # we recorded this event ourselves
        event.type, event.properties = EventType.UNKNOWN, {"echo": text_of(told["baton_key"])}
    if kind == EventType.EMAIL_BOUNCED:
        event.properties["recipient"] = event.identity(EMAIL)
    yield from events_of(mapping.inbound(profile), event, event.identities[0].value)


def _kind(name: str, told: Mapping[str, Any]) -> str:
    if name in TYPES:
        return TYPES[name]
    if name == "performed_custom_event":
        name = text_of(told.get("action")) or name
    own = f"{CUSTOM}{'_'.join(''.join(c if c.isalnum() else ' ' for c in name.lower()).split())[:80]}"
    return own if own not in OUR_OWN and own != CUSTOM else f"{CUSTOM}drip_event"


def _key(name: str, subscriber: Mapping[str, Any], document: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """Drip gives its events no id: what happened to whom, when, and how."""
    said = [name, text_of(subscriber.get("id")), text_of(document.get("occurred_at")), told]
    return f"drip|{digest_of(said)}"


def _identities(subscriber: Mapping[str, Any], changed: Mapping[str, Any]) -> tuple[Identity, ...]:
    before = first_of(changed, "old_email_address", "previous_email", "old_email")
    emails = (clean_email(text[:320]) for text in (text_of(subscriber.get("email")), before))
    found = [Identity(EMAIL, email.address) for email in emails if email]
    if name := text_of(subscriber.get("id"))[:100]:
        found.append(Identity("drip", name))
    if not found:
        raise Unreadable("a subscriber without an e-mail address and without an id")
    return tuple(found)


def profile_of(subscriber: Mapping[str, Any]) -> dict[str, Any]:
    """What the tool holds of a subscriber, by Drip's names; a team's own fields have ``custom_fields.`` before them."""
    profile = {name: text_of(subscriber[name]) for name in _PROFILE if subscriber.get(name) is not None}
    own = {name: value for name, value in object_of(subscriber.get("custom_fields")).items() if name != ADDED}
    return profile | {
        f"custom_fields.{name}": value for name, value in own.items() if isinstance(value, str | int | float)
    }


def _mail(told: Mapping[str, Any]) -> dict[str, Any]:
    said = {"subject": first_of(told, "email_subject", "subject"), "message": first_of(told, "email_name", "email_id")}
    return {name: text for name, text in {**said, "url": text_of(told.get("url"))}.items() if text}


def _bounce(told: Mapping[str, Any]) -> dict[str, Any]:
    """Drip tells of a bounce when it stops writing to an address."""
    return {**_mail(told), "permanent": True, "reason": text_of(told.get("reason")) or "bounced in Drip"}


def _page(told: Mapping[str, Any]) -> dict[str, Any]:
    page = read_page(told.get("url"))
    return {"url": page.url, "path": page.path, "host": page.host, **page.origin} if page else {}


_DESCRIBE: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    EventType.TAG_ADDED: lambda told: {"tag": text_of(told.get("tag"))},
    EventType.TAG_REMOVED: lambda told: {"tag": text_of(told.get("tag"))},
    EventType.EMAIL_DELIVERED: _mail,
    EventType.EMAIL_OPENED: _mail,
    EventType.EMAIL_CLICKED: _mail,
    EventType.EMAIL_COMPLAINED: _mail,
    EventType.EMAIL_BOUNCED: _bounce,
    EventType.EMAIL_UNSUBSCRIBED: lambda told: {**_mail(told), "method": "unsubscribed in Drip"},
    EventType.PAGE_VIEWED: _page,
}
