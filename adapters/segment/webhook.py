"""What Segment, RudderStack and their SDKs send: calls of six kinds, one by one or in batches."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.cleaning import clean
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.digest import LONG, digest_of
from adapters.segment.events import describe, page_of, type_of
from adapters.segment.people import identities_of, merged_of, profile_of
from adapters.segment.signature import MAX_NODES, PATHS
from adapters.snapshot import events_of
from adapters.strict_json import loads
from adapters.submissions.claims import mend_names
from adapters.visits import machine_of
from app.contacts.event import Event, EventType
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

MAX_ITEMS = 2_500

Call = dict[str, Any]


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event | BadItem]:
    """The events in one request. Bad calls of a batch are parked alone."""
    calls = _calls(request)
    for call in calls:
        try:
            yield from _events(call, request, mapping)
        except Unreadable as error:
            if len(calls) == 1:
                raise
            yield BadItem(msgspec.json.encode(call), str(error))


def holds(request: WebhookRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """The traits in the first call, as a mapping can name them. Raises Unreadable."""
    return profile_of(_named(_calls(request)[0])), {}


def _calls(request: WebhookRequest) -> list[Call]:
    """The calls in a request. What an SDK says once for its whole batch is put into each."""
    body = clean(loads(request.body, max_nodes=MAX_NODES))
    kind = PATHS.get(request.route, "")
    shared: Call = {}
    if isinstance(body, dict) and isinstance(body.get("batch"), list):
        shared = {name: body[name] for name in ("sentAt", "context", "integrations") if name in body}
        items = body["batch"]
    else:
        items = body if isinstance(body, list) else [body]
    if not items:
        raise Unreadable("an empty batch")
    if len(items) > MAX_ITEMS:
        raise Unreadable(f"more than {MAX_ITEMS} calls in one request")
    if kind not in ("", "batch"):
        shared["type"] = kind
    return [{**shared, **item} if isinstance(item, dict) else {"type": item} for item in items]


_SNAKES = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "message_id": "messageId",
    "sent_at": "sentAt",
    "received_at": "receivedAt",
    "original_timestamp": "originalTimestamp",
    "action": "type",
}


def _named(call: Call) -> Call:
    """The call under the names of today: the email spec still spells them as they were."""
    named = {ours: call[theirs] for theirs, ours in _SNAKES.items() if theirs in call and ours not in call}
    return {**call, **named}


def _events(call: Call, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    call = _named(call)
    kind = call.get("type")
    if kind not in ("identify", "track", "page", "screen", "group", "alias"):
        raise Unreadable("a call whose type is none of identify, track, page, screen, group, alias")
    identities = identities_of(call)
    if not identities:
        raise Unreadable("a call without userId, anonymousId or an e-mail address: nobody can be found by it")
    at = _occurred_at(call, request)
    event = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=_source_key(call, request.received_at),
        identities=identities,
        mapping=mapping.version,
    )
    match kind:
        case "track":
            event.type = type_of(call.get("event"))
            event.properties = describe(event.type, call)
        case "page" | "screen":
            event.type, event.properties = EventType.PAGE_VIEWED, page_of(call)
        case "alias":
            event.type = EventType.CONTACT_MERGED
            event.properties = {"merged": [merged_of(call)]}
        case "group":
            event.properties = {"group": str(call.get("groupId") or "")[:200]}
    if kind in ("track", "page", "screen"):
        agent = _context(call).get("userAgent") or _context(call).get("user_agent")
        event.machine = machine_of(agent) if isinstance(agent, str) else None
    mapped = mapping.inbound(profile_of(call))
    mend_names(mapped.fields, ())
    yield from events_of(mapped, event, identities[0].value)


def _context(call: Mapping[str, Any]) -> Mapping[str, Any]:
    context = call.get("context")
    return context if isinstance(context, dict) else {}


def _occurred_at(call: Call, request: WebhookRequest) -> datetime:
    """When it happened. ``timestamp`` is right where Segment has worked it out; an SDK that sends to Baton itself goes
    by its own clock, and how far that is off shows in ``sentAt``."""
    told = {name: _time(call.get(name)) for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt")}
    original = told["originalTimestamp"]
    received = told["receivedAt"]
    if request.route:
        original, received = original or told["timestamp"], request.received_at
    elif told["timestamp"]:
        return told["timestamp"]
    if original and told["sentAt"] and received:
        return received - (told["sentAt"] - original) if told["sentAt"] >= original else received
    return told["timestamp"] or original or told["receivedAt"] or told["sentAt"] or request.received_at


def _time(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        return parse_time(value)
    except ValueError:
        raise Unreadable(f"not a time: {str(value)[:40]!r}") from None


def _source_key(call: Call, received_at: datetime) -> str:
    """The SDK's own id of the call; without one what it says and when. Where it does not say when, the day it came."""
    kind, name = call.get("type"), call.get("messageId")
    if isinstance(name, str | int) and str(name).strip():
        return f"segment|{kind}|{str(name)[:200]}"
    said = {key: value for key, value in call.items() if key not in ("receivedAt", "received_at", "sentAt", "sent_at")}
    dated = any(call.get(key) for key in ("timestamp", "originalTimestamp"))
    day = "" if dated else received_at.strftime("%Y%m%d")
    return f"segment|{digest_of(said, LONG)}|{day}"
