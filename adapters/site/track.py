"""What a visitor's browser reports, as events of an anonymous visitor.

Everything here is the word of a stranger's browser: it never names a person, sets no field and says nothing about
consent. An e-mail address in it is dropped; who the visitor is, only a form tells.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters import strict_json
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.digest import LONG, digest_of
from adapters.visits import UTM, holds_address, machine_of, read_page, referrer_of
from app.contacts.event import CUSTOM, Event, EventType, Identity
from app.contacts.identity import ANONYMOUS
from app.contacts.own_events import OUR_OWN
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

MAX_BATCH = 50
MAX_PROPERTIES = 30
MAX_TEXT = 500
# A clock that is further off than this, or a report that waited longer, gets the time of its arrival.
BELIEVED = timedelta(hours=1)

EVENT_TYPES = frozenset(
    (EventType.PAGE_VIEWED, EventType.ASSET_DOWNLOADED, EventType.PRODUCT_VIEWED, EventType.CHECKOUT_STARTED)
)

_ANONYMOUS_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_CUSTOM_NAME = re.compile(r"custom:[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# What the page itself may not say: who the visitor is, and what is read from the address.
_FORBIDDEN = frozenset(
    (
        *("constructor", "prototype", "email", "phone", "consent"),
        *("url", "path", "host", "referrer", "title", "click_id", "click_id_kind", *UTM),
    )
)


def parse(request: WebhookRequest, mapping: FieldMapping | None = None) -> list[Event | BadItem]:
    """The events in one report: an object, or up to 50 in a list, of which bad ones are parked alone.

    A browser that asks not to be tracked (GPC, DNT) has said so in its headers; nothing is made of its reports.
    """
    if "1" in (request.header("sec-gpc").strip(), request.header("dnt").strip()):
        return []
    document = strict_json.loads(request.body)
    if not isinstance(document, list):
        return [_event(document, request)]
    if not document:
        raise Unreadable("the list of events is empty")
    if len(document) > MAX_BATCH:
        raise Unreadable(f"more than {MAX_BATCH} events in one report")
    parsed: list[Event | BadItem] = []
    for item in document:
        try:
            parsed.append(_event(item, request))
        except Unreadable as error:
            parsed.append(BadItem(msgspec.json.encode(item), str(error)))
    return parsed


def _event(item: Any, request: WebhookRequest) -> Event:
    if not isinstance(item, dict):
        raise Unreadable("an event is an object; this is something else")
    visitor = item.get("anonymous_id")
    if not isinstance(visitor, str) or not _ANONYMOUS_ID.fullmatch(visitor):
        raise Unreadable("anonymous_id must be 16 to 64 letters, digits, - or _")
    kind = item.get("event") or EventType.PAGE_VIEWED.value
    if not _is_allowed(kind):
        raise Unreadable(f"the event is none of {', '.join(sorted(EVENT_TYPES))} or custom:<name>")
    properties = _properties(item)
    if kind == EventType.PAGE_VIEWED and "url" not in properties:
        raise Unreadable("url must be the http(s) address of the page")
    return Event(
        type=str(kind),
        occurred_at=_occurred_at(item.get("sent_at"), request.received_at),
        source_key=_source_key(item, visitor, str(kind), request.received_at),
        identities=(Identity(ANONYMOUS, visitor),),
        properties=properties,
        machine=machine_of(request.header("user-agent")),
    )


def _is_allowed(kind: Any) -> bool:
    if not isinstance(kind, str) or kind in OUR_OWN:  # what people decide in Baton is no browser's to say
        return False
    return kind in EVENT_TYPES or (kind.startswith(CUSTOM) and _CUSTOM_NAME.fullmatch(kind) is not None)


def _properties(item: Mapping[str, Any]) -> dict[str, Any]:
    """Where the visitor was and what the page added; our own names are not overwritten by the page's."""
    own = item.get("properties")
    properties: dict[str, Any] = {}
    for name, value in list(own.items())[:MAX_PROPERTIES] if isinstance(own, dict) else ():
        if _PROPERTY.fullmatch(name) and name.lower() not in _FORBIDDEN and (kept := _kept(value)) is not None:
            properties[name] = kept
    page = read_page(item.get("url"))
    if page is not None:
        properties |= {"url": page.url, "path": page.path, "host": page.host, **page.origin}
    for name, text in (("referrer", referrer_of(item.get("referrer"))), ("title", _kept(item.get("title")))):
        if text and isinstance(text, str):
            properties[name] = text
    return properties


def _kept(value: Any) -> str | int | float | bool | None:
    """A plain value, cut to size; None for objects, for lists and for what holds an e-mail address."""
    if isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        return None
    text = " ".join(value[: 2 * MAX_TEXT].split())[:MAX_TEXT]
    return None if not text or holds_address(text) else text


def _occurred_at(sent_at: Any, received_at: datetime) -> datetime:
    """When it happened by the visitor's clock, if that can be right; it keeps a queued report's events in order."""
    try:
        at = parse_time(sent_at) if isinstance(sent_at, str | int) else None
    except ValueError:
        at = None
    return at if at is not None and received_at - BELIEVED <= at <= received_at else received_at


def _source_key(item: Mapping[str, Any], visitor: str, kind: str, received_at: datetime) -> str:
    """The script's own id of the event, or what it says and when: beacons are repeated by networks and by reloads."""
    own = item.get("id")
    if isinstance(own, str) and _UUID.fullmatch(own):
        return f"site:{visitor}:{own.replace('-', '').lower()}"
    when = str(item.get("sent_at") or "")[:64] or received_at.strftime("%Y%m%d%H%M%S")
    return f"site:{digest_of([visitor, kind, item.get('url'), when, item.get('properties')], LONG)}"
