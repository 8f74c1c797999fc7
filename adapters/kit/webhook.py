"""What Kit sends: signed envelopes of up to a hundred events, and the older, unsigned kind, one subscriber or purchase
without a word on what has happened, which the address has to say."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.address import meaning_of, said_in
from adapters.cleaning import clean
from adapters.contract import BadItem, Parsed, Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.snapshot import events_of
from adapters.strict_json import loads
from adapters.values import first_of, object_of, objects_of, text_of
from app.contacts.event import CUSTOM, Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from app.contacts.own_events import OUR_OWN
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping
from mappings.transforms import CannotTransform, to_number

# Kit's event, without its "subscriber." → ours; what is missing is custom:<name>
TYPES = {
    "created": EventType.CONTACT_CREATED,
    "activated": EventType.CONSENT_CHANGED,
    "unsubscribed": EventType.EMAIL_UNSUBSCRIBED,
    "bounced": EventType.EMAIL_BOUNCED,
    "complained": EventType.EMAIL_COMPLAINED,
    # A form can be joined for somebody, by an automation or by a call of ours: it is a list, and no form sent in
    "subscribed_to_form": EventType.LIST_JOINED,
    "tag_added": EventType.TAG_ADDED,
    "tag_removed": EventType.TAG_REMOVED,
    "custom_field_value_updated": EventType.CONTACT_UPDATED,
}
# What a subscriber's state says in a webhook that says nothing else
STATES = {
    "cancelled": EventType.EMAIL_UNSUBSCRIBED,
    "bounced": EventType.EMAIL_BOUNCED,
    "complained": EventType.EMAIL_COMPLAINED,
}
MAX_ITEMS = 100

Data = Mapping[str, Any]


def parse(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """The events of a webhook, with what each says of its subscriber. One that cannot be read is parked by itself."""
    document = clean(loads(request.body))
    if not isinstance(document, dict):
        raise Unreadable("a Kit webhook is one JSON object")
    if not isinstance(document.get("events"), list):
        yield from _older(document, request, mapping)
        return
    events = document["events"]
    for one in events:
        try:
            yield from _event(object_of(one), request, mapping)
        except Unreadable as error:
            if len(events) == 1:
                raise
            yield BadItem(msgspec.json.encode({**document, "events": [one]}), str(error))


def _event(said: Data, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    name, number = text_of(said.get("type")), text_of(said.get("id"))
    if not name or not number:
        raise Unreadable("an event without a type or an id")
    data = object_of(said.get("data"))
    at = _time(said.get("created"), "created") or request.received_at
    subscriber = object_of(data.get("subscriber"))
    if not name.startswith("subscriber.") or not subscriber:
        # Of a tag, a sequence, a broadcast, which is about nobody
        properties = {"event": name, "data": dict(data)}
        yield Event(type=EventType.UNKNOWN, occurred_at=at, source_key=f"kit|{number}", properties=properties)
        return
    kind = _kind(name.removeprefix("subscriber."))
    event = _of(subscriber, kind, at, f"kit|{number}", mapping)
    event.properties = {"event": name, **_described(kind, event, data)}
    yield from _with_profile(event, subscriber, mapping)


def _kind(name: str) -> str:
    own = f"{CUSTOM}{'_'.join(''.join(c if c.isalnum() else ' ' for c in name.lower()).split())[:80]}"
    return TYPES.get(name) or (own if own not in OUR_OWN and own != CUSTOM else f"{CUSTOM}kit_event")


def _time(value: Any, name: str) -> datetime | None:
    if not text_of(value):
        return None
    try:
        return parse_time(text_of(value))
    except ValueError:
        raise Unreadable(f"{name} is not a time: {text_of(value)[:40]!r}") from None


# --- the older kind


def _older(document: Data, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    subscriber = object_of(document.get("subscriber"))
    if not subscriber and document.get("transaction_id"):
        yield _purchase(document, request)
        return
    if not subscriber:
        raise Unreadable("neither events nor a subscriber nor a purchase")
    kind = meaning_of(request)
    if kind == EventType.CONTACT_UPDATED:
        kind = STATES.get(text_of(subscriber.get("state")), kind)
    # It says neither when nor what: the same content on the same day is one
    day = request.received_at.strftime("%Y%m%d")
    told = digest_of([kind, said_in(request), subscriber])
    event = _of(subscriber, kind, request.received_at, f"kit|{told}|{day}", mapping)
    event.properties = {**said_in(request), **_described(kind, event, {})}
    yield from _with_profile(event, subscriber, mapping)


def _purchase(said: Data, request: WebhookRequest) -> Event:
    email = clean_email(text_of(said.get("email_address"))[:320])
    if email is None:
        raise Unreadable("a purchase without a valid e-mail address")
    order = text_of(said.get("transaction_id"))
    properties = {
        "order": order,
        "value": _number(said.get("total")),
        "currency": text_of(said.get("currency")),
        "items": objects_of(said.get("products"))[:MAX_ITEMS],
    }
    status = text_of(said.get("status")).lower()
    return Event(
        type=EventType.ORDER_REFUNDED if status == "refunded" else EventType.ORDER_PLACED,
        occurred_at=_time(said.get("transaction_time"), "transaction_time") or request.received_at,
        source_key=f"kit|purchase|{text_of(said.get('id')) or order}|{status}",
        identities=(Identity(EMAIL, email.address),),
        properties={name: value for name, value in properties.items() if value not in (None, "", [])},
    )


def _number(value: Any) -> int | float | None:
    try:
        return None if value is None else to_number(value)
    except CannotTransform:
        return None


# --- what an event says


def _of(subscriber: Data, kind: str, at: datetime, key: str, mapping: FieldMapping) -> Event:
    return Event(
        type=kind, occurred_at=at, source_key=key, identities=identities_of(subscriber), mapping=mapping.version
    )


def identities_of(subscriber: Data) -> tuple[Identity, ...]:
    """Who a subscriber is: by address, and by Kit's number. Raises Unreadable for one with neither."""
    email = clean_email(text_of(subscriber.get("email_address"))[:320])
    found = [Identity(EMAIL, email.address)] if email else []
    if number := text_of(subscriber.get("id"))[:100]:
        found.append(Identity("kit", number))
    if not found:
        raise Unreadable("a subscriber without an e-mail address and without an id")
    return tuple(found)


def _with_profile(event: Event, subscriber: Data, mapping: FieldMapping) -> Iterator[Event]:
    profile = profile_of(subscriber)
    event.told = dict(profile)
    yield from events_of(mapping.inbound(profile), event, event.identities[0].value)


def profile_of(subscriber: Data) -> dict[str, Any]:
    """What the tool holds of a subscriber, by Kit's names; the account's own fields have ``fields.`` before them."""
    profile = {name: text_of(subscriber.get(name)) for name in ("email_address", "first_name") if subscriber.get(name)}
    return profile | {
        f"fields.{name}": value
        for name, value in object_of(subscriber.get("fields")).items()
        if value is None or isinstance(value, str | int | float)
    }


def _described(kind: str, event: Event, data: Data) -> dict[str, Any]:
    describe = _DESCRIBE.get(kind)
    return describe(event, data) if describe else _within(data)


def _within(data: Data) -> dict[str, Any]:
    """What else an event is about: a sequence, a form, a product, by name and number."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name != "subscriber" and isinstance(value, dict):
            said = {name: first_of(value, "name", "key", "title"), f"{name}_id": text_of(value.get("id"))}
            found |= {key: text for key, text in said.items() if text}
    return found


def _bounced(event: Event, data: Data) -> dict[str, Any]:
    return {"permanent": True, "reason": "bounced in Kit", "recipient": event.identity(EMAIL)}


def _activated(event: Event, data: Data) -> dict[str, Any]:
    """Kit does not say whether they confirmed themselves or were brought in as active, so it is no word of theirs."""
    return {"channel": "email", "state": "granted", "method": "active in Kit"}


def _joined(event: Event, data: Data) -> dict[str, Any]:
    form = object_of(data.get("form"))
    return {"list": text_of(form.get("id")), "form": text_of(form.get("name"))} if form else {}


_DESCRIBE: dict[str, Callable[[Event, Data], dict[str, Any]]] = {
    EventType.CONSENT_CHANGED: _activated,
    EventType.EMAIL_BOUNCED: _bounced,
    EventType.EMAIL_COMPLAINED: lambda event, data: {"reason": "marked as spam"},
    EventType.EMAIL_UNSUBSCRIBED: lambda event, data: {"method": "unsubscribed in Kit"},
    EventType.LIST_JOINED: _joined,
    EventType.TAG_ADDED: lambda event, data: _tag(data),
    EventType.TAG_REMOVED: lambda event, data: _tag(data),
}


def _tag(data: Data) -> dict[str, Any]:
    name = text_of(object_of(data.get("tag")).get("name"))
    return {"tag": name} if name else {}
