"""What Salesforce sends: records as JSON from a flow or Apex, outbound messages, and change events that something has
passed on. All of them are read as records: what is said of a person, a task, a meeting
or an opportunity."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.address import meaning_of, said_in
from adapters.cleaning import clean
from adapters.contract import BadItem, Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.envelope import unwrapped
from adapters.salesforce.change import change_in, changes_of
from adapters.salesforce.meetings import meeting_events
from adapters.salesforce.names import PREFIXES, full_id, is_person, object_of_id, properties_of
from adapters.salesforce.record import (
    bounces,
    changed_at,
    deal_event,
    identities_of,
    profile_of,
    record_of,
    task_events,
)
from adapters.salesforce.soap import is_xml, notifications_of
from adapters.snapshot import events_of
from adapters.strict_json import loads
from adapters.values import text_of
from app.contacts.event import Event, EventType, Ref
from mappings.mapping import FieldMapping

MAX_RECORDS = 500
_DATED = ("SystemModstamp", "LastModifiedDate")


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event | BadItem]:
    """The events in one request. A bad record of several is parked alone, as JSON."""
    if is_xml(request.body):
        records = _from_message(request)
    else:
        records = [(record, "") for record in _listed(clean(loads(request.body)))]
    if not records:
        raise Unreadable("an empty list of records")
    if len(records) > MAX_RECORDS:
        raise Unreadable(f"more than {MAX_RECORDS} records in one request")
    for record, key in records:
        try:
            yield from _events(record, key, request, mapping)
        except Unreadable as error:
            if len(records) == 1:
                raise
            yield BadItem(msgspec.json.encode(record), str(error))


def _from_message(request: WebhookRequest) -> list[tuple[Any, str]]:
    sender, notifications = notifications_of(request.body)
    ours = full_id(request.settings.get("organization_id", ""))
    if ours and full_id(sender) != ours:
        raise Unreadable(f"a message of the organisation {sender[:40]!r}, which is not the one of this connection")
    return [(clean(record), f"notification|{name}" if name else "") for name, record in notifications]


def _listed(document: Any) -> list[Any]:
    """The records in a document: one, a list, or below ``records`` or ``record``."""
    document = unwrapped(document)
    if isinstance(document, dict):
        for name in ("records", "record"):
            if isinstance(inner := document.get(name), list | dict):
                return inner if isinstance(inner, list) else [inner]
        return [document]
    return document if isinstance(document, list) else [document]


def _events(record: Any, key: str, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    if not isinstance(record, dict):
        raise Unreadable("a record is an object with the names of its fields")
    if (change := change_in(record)) is not None:
        yield from changes_of(change, mapping, request.received_at)
        return
    name = full_id(record.get("Id") or record.get("id"))
    record = {**record, "Id": name}
    kind = object_of_id(name) or _type(record)
    key = key or f"{kind}|{name}|{digest_of(record)}" + _day(record, request)
    match kind:
        case "Task":
            yield from _task(record, request.received_at)
        case "Event":
            yield from _meeting(record, request.received_at)
        case "Opportunity":
            yield _deal(record, request.received_at)
        case _:
            yield from _person(record, kind, key, request, mapping)


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    said = text_of(attributes.get("type")) if isinstance(attributes, dict) else ""
    return said if said in PREFIXES.values() else ""


def _day(record: Mapping[str, Any], request: WebhookRequest) -> str:
    """What says neither when it was changed nor which message it is: the same content on the same day is one."""
    return "" if any(record.get(name) for name in _DATED) else f"|{request.received_at:%Y%m%d}"


def _task(record: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    found = list(task_events(record, now))
    if not found and not record.get("WhoId"):
        raise Unreadable("a task that does not say whom it is about: send its WhoId along")
    yield from found


def _meeting(record: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    if not record.get("WhoId"):
        raise Unreadable("a meeting that does not say whom it is with: send its WhoId along")
    yield from meeting_events(record, now)


def _deal(record: Mapping[str, Any], now: datetime) -> Event:
    """An opportunity names no person: whose it is has to be asked."""
    event = deal_event(record, now)
    event.refs = (Ref("deal", event.properties["deal"]),)
    return event


def _person(
    record: Mapping[str, Any], kind: str, key: str, request: WebhookRequest, mapping: FieldMapping
) -> Iterator[Event]:
    name, meaning = text_of(record.get("Id")), meaning_of(request)
    if not is_person(name):  # a record of the team's own may still name somebody by address
        name = ""
    said = properties_of(record, kind)
    identities = identities_of(name, said)
    if not identities:
        raise Unreadable("neither the id of a lead or contact nor an Email: send both along")
    at = changed_at(record, request.received_at)
    if meaning == EventType.CONTACT_DELETED:  # the address may be another record's by now
        identities = identities[:1]
    elif record.get("IsConverted") is True or record.get("IsDeleted") is True:
        yield from record_of(record, mapping, request.received_at).events
        return
    event = Event(
        type=meaning,
        occurred_at=at,
        source_key=f"{key}|{meaning}",
        identities=identities,
        properties={**said_in(request), "source": "webhook"},
        told=profile_of(said) if name and meaning != EventType.CONTACT_DELETED else {},
        mapping=mapping.version,
    )
    if meaning == EventType.CONTACT_DELETED:
        yield event
        return
    yield from events_of(mapping.inbound(said), event, identities[0].value)
    if name:
        yield from bounces(record, event)
