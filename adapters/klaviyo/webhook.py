"""What Klaviyo sends: signed system webhooks of up to a thousand events, and flow webhooks in our own template."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.contract import BadItem, Parsed, Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.klaviyo.metrics import consent_kind, describe, is_keyword, machine, plain_name, type_of
from adapters.snapshot import events_of
from adapters.strict_json import loads
from app.contacts.event import CUSTOM, Event, EventType, Identity
from app.contacts.identity import clean_email, clean_phone
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

MAX_NODES = 200_000  # a thousand events of some hundred values, with room
MAX_ITEMS = 5_000  # Klaviyo sends a thousand at most
MAX_ID = 100  # characters
OWN_EVENT = "baton-"  # how the unique_id of events that we wrote begins


def parse(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """The events in one request; which kind of webhook it is shows in its shape."""
    body = loads(request.body, max_nodes=MAX_NODES)
    if not isinstance(body, dict):
        raise Unreadable("a Klaviyo webhook is one JSON object")
    if isinstance(body.get("data"), list):
        yield from _system(body, request)
    else:
        yield from _flow(body, request, mapping)


# --- system webhooks


def _system(body: dict[str, Any], request: WebhookRequest) -> Parsed:
    meta = body.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    named = request.header("klaviyo-webhook-id")
    if named and meta.get("klaviyo_webhook_id") not in (None, named):
        raise Unreadable("Klaviyo-Webhook-Id is not the webhook that the body names")
    items = body["data"]
    if not items:
        raise Unreadable("an empty list of events")
    if len(items) > MAX_ITEMS:
        raise Unreadable(f"more than {MAX_ITEMS} events in one request")
    for item in items:
        try:
            yield from _event(item, request)
        except Unreadable as error:
            if len(items) == 1:
                raise
            kept = {"klaviyo_webhook_id": meta["klaviyo_webhook_id"]} if "klaviyo_webhook_id" in meta else {}
            yield BadItem(msgspec.json.encode({"data": [item], "meta": kept}), str(error))


def _event(item: Any, request: WebhookRequest) -> Iterator[Event]:
    if not isinstance(item, dict) or not isinstance(item.get("topic"), str):
        raise Unreadable("an event without a topic")
    payload = item.get("payload")
    data = payload.get("data") if isinstance(payload, dict) else None
    data = data if isinstance(data, dict) else {}
    attributes = data.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    name = item.get("external_id") or data.get("id")
    if not name:
        raise Unreadable("an event without an id")
    told = attributes.get("event_properties")
    told = told if isinstance(told, dict) else {}
    profile = related(data, "profile")
    if not profile:
        # Kept and counted: a topic that has no profile, or a placeholder
        yield Event(
            type=EventType.UNKNOWN,
            occurred_at=instant_of(attributes, request.received_at),
            source_key=key_of(str(name), item["topic"]),
            properties={"topic": item["topic"], "payload": payload},
        )
        return
    event = event_from(
        str(name),
        item["topic"].removeprefix("event:"),
        told,
        instant_of(attributes, request.received_at),
        profile,
        key_of(str(name), item["topic"]),
    )
    if (other := other_time(attributes, event.occurred_at)) is not None:
        event.properties["other_time"] = other
    yield event


def key_of(name: str, metric: str) -> str:
    """What makes an event this one, by its id and its topic or metric: the same however it comes. An id alone is not
    said to be unique."""
    return f"{name}|{plain_name(metric.rpartition('.')[2])}"


def event_from(name: str, metric: str, told: Mapping[str, Any], at: datetime, profile: str, source_key: str) -> Event:
    """One Klaviyo event in our terms. ``metric`` is a topic without its ``event:``, or a metric's name."""
    origin, _, last = metric.partition(".")
    metric = last or origin
    kind = type_of(metric)
    if origin == "klaviyo" and kind.startswith(CUSTOM):
        kind = EventType.UNKNOWN  # one of Klaviyo's own that we have no word for; a team's own metrics are custom
    own = str(told.get("$event_id") or "")
    if kind == EventType.SMS_REPLIED and is_keyword(told):
        kind = EventType.UNKNOWN  # JOIN and STOP come as consent events of their own
    properties = describe(consent_kind(metric) if kind == EventType.CONSENT_CHANGED else kind, metric, told)
    properties["event"] = name
    identities = [Identity("klaviyo", profile)]
    if kind == EventType.CONTACT_MERGED:
        identities += _merged(told, own, properties)
    if kind == EventType.EMAIL_BOUNCED and "dropped" in metric.lower():
        properties.setdefault("permanent", False)
    if own.startswith(OWN_EVENT):
        kind, properties = EventType.UNKNOWN, {"echo": own}  # we wrote this event ourselves
    identities += [Identity("email", email.address) for email in _addresses(told)]
    return Event(
        type=kind,
        occurred_at=at,
        source_key=source_key,
        identities=tuple(dict.fromkeys(identities)),
        properties=properties,
        machine=machine(kind, told),
    )


def _addresses(told: Mapping[str, Any]) -> Iterator[Any]:
    # Whom a consent event names is the profile itself; a bounce's recipient may be an address it no longer has
    if isinstance(told.get("email_address"), str) and (email := clean_email(told["email_address"])):
        yield email


def _merged(told: Mapping[str, Any], own: str, properties: dict[str, Any]) -> Iterator[Identity]:
    """The profile that was merged away; the event's relationship is the one that stays."""
    extra = told.get("$extra")
    source = extra.get("KlaviyoID") if isinstance(extra, Mapping) else None
    parts = own.split(":")
    if not source and parts[0] == "merge_tombstone" and len(parts) == 3:
        source = parts[1]
    if merged := _id(source):
        properties["merged"] = [merged]
        yield Identity("klaviyo", merged)


def related(data: Mapping[str, Any], name: str) -> str:
    """The id of what an event is about, or an empty text. Raises Unreadable for what cannot be one."""
    related = data.get("relationships")
    for step in (name, "data", "id"):
        related = related.get(step) if isinstance(related, Mapping) else None
    return _id(related)


def _id(value: Any) -> str:
    """A profile's id, or an empty text where there is none. Raises Unreadable for what cannot be one."""
    if not value:
        return ""
    if not isinstance(value, str | int) or len(str(value)) > MAX_ID:
        raise Unreadable("a profile's id that is no id")
    return str(value)


def instant_of(attributes: Mapping[str, Any], received_at: datetime) -> datetime:
    """``timestamp`` is in epoch seconds and right; ``datetime`` comes in two spellings."""
    for name in ("timestamp", "datetime"):
        if attributes.get(name) not in (None, ""):
            try:
                return parse_time(attributes[name])
            except ValueError:
                raise Unreadable(f"{name} is not a time: {str(attributes[name])[:40]!r}") from None
    return received_at


def other_time(attributes: Mapping[str, Any], at: datetime) -> str | None:
    """What ``datetime`` says, where it is not what ``timestamp`` says."""
    said = attributes.get("datetime")
    if said in (None, ""):
        return None
    try:
        return None if abs((parse_time(said) - at).total_seconds()) < 1 else str(said)[:40]
    except ValueError:
        return str(said)[:40]


# --- flow webhooks: the body is the template that our documentation gives


def _flow(body: dict[str, Any], request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    said = {key: value for key, value in body.items() if not _is_empty(value)}
    identities = []
    if profile := _id(said.get("profile_id")):
        identities.append(Identity("klaviyo", profile))
    if (email := clean_email(str(said.get("email") or ""))) is not None:
        identities.append(Identity("email", email.address))
    if phone := clean_phone(str(said.get("phone_number") or ""), mapping.region):
        identities.append(Identity("phone", phone))
    if not identities:
        raise Unreadable("a flow webhook without profile_id, email or phone_number; see the template in the docs")
    name = str(said.get("event") or "")
    told = said.get("properties")
    told = {key: value for key, value in told.items() if not _is_empty(value)} if isinstance(told, dict) else {}
    try:
        at = parse_time(said["time"]) if said.get("time") else request.received_at
    except ValueError:
        at = request.received_at
    kind = type_of(name) if name else EventType.CONTACT_UPDATED
    properties = describe(consent_kind(name) if kind == EventType.CONSENT_CHANGED else kind, name, told)
    mapped = mapping.inbound({key: said[key] for key in said if key not in ("properties", "event", "time", "event_id")})
    digest = digest_of(said)
    day = "" if said.get("time") else request.received_at.strftime("%Y%m%d")
    event = Event(
        type=kind,
        occurred_at=at,
        source_key=f"flow|{said['event_id']}|{name}" if said.get("event_id") else f"flow|{digest}|{day}",
        identities=tuple(identities),
        properties=properties,
        mapping=mapping.version,
    )
    yield from events_of(mapped, event, identities[0].value)


def _is_empty(value: Any) -> bool:
    """A tag that Klaviyo did not fill is no value: empty, or still in its braces."""
    return value is None or (isinstance(value, str) and (not value.strip() or "{{" in value or "{%" in value))
