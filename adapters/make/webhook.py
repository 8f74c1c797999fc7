"""What scenarios send: whatever their author put in. Best in the shape that the README proposes; any other JSON or form
is read by the mapping, and a form builder's webhook that a scenario only passes on is read as that form.

Values come as texts, empty ones too, and one scenario may send the same again hours later.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.address import named_in
from adapters.bodies import read_body
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.digest import LONG, digest_of
from adapters.envelope import unwrapped
from adapters.snapshot import events_of
from adapters.submissions.builders import READERS
from adapters.submissions.claims import mend_names
from adapters.submissions.events import events_of as form_events
from adapters.values import first_of, object_of, text_of, zoned_time
from app.contacts.consent import CHANNELS
from app.contacts.event import CUSTOM, EVENT_TYPES, Event, EventType, Identity
from app.contacts.identity import ANONYMOUS, EMAIL, EXTERNAL, PHONE, clean_email, clean_phone
from app.contacts.own_events import OUR_OWN
from mappings.mapping import FieldMapping
from mappings.transforms import CannotTransform, is_blank, to_number

MAX_ITEMS, MAX_NAMES, MAX_DEPTH, MAX_TAGS = 500, 500, 6, 50

# What Baton works out or decides itself, and what no scenario may claim in a person's name
_NOT_THEIRS = frozenset(
    (
        *(EventType.TIMER_DUE, EventType.SCORE_CROSSED, EventType.SEGMENT_ENTERED, EventType.SEGMENT_LEFT),
        *(EventType.MESSAGE_SENT, EventType.CONTACT_MERGED, EventType.CONTACT_DELETED, EventType.CONTACT_ERASED),
        *(EventType.CONSENT_CHANGED, EventType.UNKNOWN),  # consents are read of ``consent`` alone, with their proof
    )
)
_TIMES = ("occurred_at", "occurredAt", "timestamp", "time", "date", "created_at", "createdAt", "submitted_at")
_KEYS = ("idempotency_key", "idempotencyKey", "event_id", "eventId")

Item = Mapping[str, Any]


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event | BadItem]:
    """The events in one request: one object or a list of them. Bad ones of a list are parked alone."""
    document = unwrapped(read_body(request.header("content-type"), request.body).document)
    items = document if isinstance(document, list) else [document]
    if not items:
        raise Unreadable("an empty list")
    if len(items) > MAX_ITEMS:
        raise Unreadable(f"more than {MAX_ITEMS} items in one request")
    for item in items:
        try:
            yield from _events(unwrapped(item), request, mapping, alone=len(items) == 1)
        except Unreadable as error:
            if len(items) == 1:
                raise
            yield BadItem(msgspec.json.encode(item), str(error))


def holds(request: WebhookRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """What the first item holds, by the names that a mapping reads. Raises Unreadable."""
    document = unwrapped(read_body(request.header("content-type"), request.body).document)
    first = document[0] if isinstance(document, list) and document else document
    return dict(_flat(object_of(unwrapped(first)))), {}


def _events(item: Any, request: WebhookRequest, mapping: FieldMapping, *, alone: bool) -> Iterator[Event]:
    if not isinstance(item, dict):
        raise Unreadable("an item is an object with names and values")
    for reader in READERS if "type" not in item else ():
        if reader.recognises(item, {}, True):
            submission = reader.read(item)
            yield from form_events(submission, request, mapping, submission.title or "make", vouched=True)
            return
    at = _time(item, request.received_at)
    key, kind = _key(item, request, alone), _kind(item, request)
    if item.get("origin") == "baton":  # what we told a scenario comes back as it was
        yield Event(
            type=EventType.UNKNOWN, occurred_at=at, source_key=key, properties={"echo": text_of(item.get("id"))}
        )
        return
    flat = dict(_flat(item))
    mapped = mapping.inbound(flat)
    mend_names(mapped.fields, ())
    identities = _identities(mapped.fields, item, mapping.region)
    if not identities:
        raise Unreadable("nobody is named: map the field with the e-mail address, or send contact.email")
    properties = {name: value for name, value in item.items() if name not in _READ and not is_blank(value)}
    event = Event(
        type=kind,
        occurred_at=at,
        source_key=key,
        identities=identities,
        properties={**object_of(item.get("properties")), **properties} if kind != EventType.FORM_SUBMITTED else {},
        mapping=mapping.version,
    )
    if kind == EventType.FORM_SUBMITTED:
        form = first_of(object_of(item.get("properties")), "form") or first_of(item, "form", "form_name") or "make"
        event.properties = {"form": form, "builder": "make", "custom": properties}
    event.properties = {name: value for name, value in event.properties.items() if name not in _OURS}
    if "value" in event.properties:  # revenue, which scenarios send as a text
        event.properties["value"] = _amount(event.properties["value"])
    yield from events_of(mapped, event, identities[0].value)
    yield from _said(item, event)


def _amount(value: Any) -> Any:
    try:
        return to_number(value)
    except CannotTransform:
        return value


# What is read by its own name, and what Baton itself notes in an event's properties
_READ = frozenset(
    (*_TIMES, *_KEYS, "type", "event", "contact", "consent", "tags", "properties", "id", "version", "origin")
)
_OURS = frozenset(("consent", "held", "skipped", "claimed_at", "read_as", "echo", "problems", "by_person", "actor"))


def _kind(item: Item, request: WebhookRequest) -> str:
    """What happened: as the item says, as the address says (``?event=…``), or just news of a contact."""
    for name in (text_of(item.get("type")), text_of(item.get("event")), named_in(request)):
        if name in EVENT_TYPES:
            return EventType.UNKNOWN if name in _NOT_THEIRS else name
        if name.startswith(CUSTOM) and len(name) > len(CUSTOM):
            return name[:100] if name not in OUR_OWN else EventType.UNKNOWN
    return EventType.CONTACT_UPDATED


def _time(item: Item, received_at: datetime) -> datetime:
    """When it happened, if the item says so with a time zone or as a Unix time: authors' own formats may mean any."""
    return next((at for name in _TIMES if (at := zoned_time(item.get(name)))), received_at)


def _key(item: Item, request: WebhookRequest, alone: bool) -> str:
    """What makes it the same when a scenario sends it again: the author's key, the request's id, else the content."""
    if key := first_of(item, *_KEYS):
        return f"make|{key[:300]}"
    if alone and (name := request.header("webhook-id")):
        return f"make|id|{name[:200]}"
    dated = any(zoned_time(item.get(name)) for name in _TIMES)
    return f"make|{digest_of(item, LONG)}|" + ("" if dated else request.received_at.strftime("%Y%m%d"))


def _identities(fields: Item, item: Item, region: str | None) -> tuple[Identity, ...]:
    person = object_of(item.get("contact"))
    found = []
    if email := clean_email(text_of(fields.get("email"))[:320]):
        found.append(Identity(EMAIL, email.address))
    elif not is_blank(fields.get("email")):
        raise Unreadable(f"{text_of(fields.get('email'))[:80]!r} is not an e-mail address")
    name = (
        fields.get("external_id") or object_of(person.get("external_ids")).get("external") or person.get("external_id")
    )
    if (external := text_of(name).strip()[:200]) and external.lower() not in ("null", "undefined", "none"):
        found.append(Identity(EXTERNAL, external))
    if phone := clean_phone(text_of(fields.get("phone"))[:40], region):
        found.append(Identity(PHONE, phone))
    if visitor := first_of(person, "anonymous_id") or first_of(item, "anonymous_id"):
        found.append(Identity(ANONYMOUS, visitor[:200]))
    return tuple(found)


def _said(item: Item, event: Event) -> Iterator[Event]:
    """The consents and tags in an item. Only the words granted and withdrawn count: a box that is not ticked says
    nothing. A yes is the person's own where the author says so, with how it was given."""
    person = object_of(item.get("contact"))
    consents = object_of(item.get("consent") or person.get("consent"))
    for channel, said in consents.items():
        told = said if isinstance(said, dict) else {"state": said}
        state = _STATES.get(text_of(told.get("state")).strip().lower())
        if channel not in CHANNELS or state is None:
            continue
        proof = {name: text_of(told.get(name))[:1_000] for name in ("text", "form", "page_url") if told.get(name)}
        properties = {
            "channel": channel,
            "purpose": text_of(told.get("purpose")) or "marketing",
            "state": state,
            "method": text_of(told.get("method"))[:100] or "scenario",
            "by_person": _is_yes(told.get("by_person")) and bool(told.get("method")) and bool(proof),
            "proof": proof,
        }
        yield _also(event, EventType.CONSENT_CHANGED, f"consent:{channel}", properties)
    tags = item.get("tags") or person.get("tags") or ()
    listed = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else ()
    for tag in list(dict.fromkeys(text.strip()[:200] for one in listed if (text := text_of(one)).strip()))[:MAX_TAGS]:
        yield _also(event, EventType.TAG_ADDED, f"tag:{tag}", {"tag": tag})


_STATES = {"granted": "granted", "withdrawn": "withdrawn", "denied": "withdrawn", "unsubscribed": "withdrawn"}


def _is_yes(value: Any) -> bool:
    return text_of(value).strip().lower() in ("true", "1", "yes")


def _also(event: Event, type: str, mark: str, properties: dict[str, Any]) -> Event:
    return Event(
        type=type,
        occurred_at=event.occurred_at,
        source_key=f"{event.source_key}#{mark}",
        identities=event.identities,
        properties=properties,
    )


def _flat(item: Item, before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The values of an item by dotted names: ``contact.email``, ``answers.0.text``."""
    if depth > MAX_DEPTH:
        return
    for name, value in list(item.items())[:MAX_NAMES]:
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.", depth + 1)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            numbered = {str(number): one for number, one in enumerate(value[:50])}
            yield from _flat(numbered, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value
