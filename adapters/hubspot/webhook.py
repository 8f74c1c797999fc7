"""What HubSpot sends: app webhooks in their classic and object.* shapes, and workflow webhooks."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from adapters.contract import BadItem, Parsed, Unreadable, WebhookRequest
from adapters.hubspot.deletions import deal_deletion_key, deletion_key, restoral_key
from adapters.hubspot.record import from_record
from adapters.snapshot import events_of
from adapters.strict_json import loads
from app.contacts.event import Event, EventType, Identity, Ref
from app.contacts.times import from_ms, parse_time, to_us
from mappings.mapping import FieldMapping

MAX_NODES = 50_000  # a hundred events of some thirty values each, with room
MAX_ITEMS = 1_000  # HubSpot sends a hundred at most
MAX_ID = 40  # characters

# objectTypeId → the name that classic subscriptions use
OBJECTS = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-5": "ticket",
    "0-27": "task",
    "0-47": "meeting",
}

# (object, what happened) → our type. What is not here is kept as unknown.
EVENT_TYPES_BY_NOTICE = {
    ("contact", "creation"): EventType.CONTACT_CREATED,
    ("contact", "restore"): EventType.CONTACT_CREATED,
    ("contact", "propertyChange"): EventType.CONTACT_UPDATED,
    ("contact", "merge"): EventType.CONTACT_MERGED,
    ("contact", "deletion"): EventType.CONTACT_DELETED,
    ("contact", "privacyDeletion"): EventType.CONTACT_ERASED,
    ("deal", "creation"): EventType.DEAL_CREATED,
    ("deal", "deletion"): EventType.DEAL_STAGE_CHANGED,
    ("meeting", "creation"): EventType.MEETING_BOOKED,
    ("meeting", "deletion"): EventType.MEETING_CANCELED,
    ("task", "creation"): EventType.CONVERSATION_STARTED,
    ("task", "deletion"): EventType.TASK_COMPLETED,
    ("conversation", "creation"): EventType.CONVERSATION_STARTED,
    ("conversation", "newMessage"): EventType.CONVERSATION_STARTED,
    ("conversation", "deletion"): EventType.CONVERSATION_CLOSED,
    ("conversation", "privacyDeletion"): EventType.CONVERSATION_CLOSED,
}
_REFS = {"deal": "deal", "meeting": "meeting", "task": "task", "conversation": "thread"}
_BY_PEOPLE = frozenset(("CRM_UI", "CRM_UI_BULK_ACTION", "SALES", "USER", "CRM"))


class Notice(Struct, rename="camel"):
    """One event of an app webhook. HubSpot promises none of it; what is missing counts as empty."""

    event_id: int | str | None = None
    subscription_type: str | None = None
    event_type: str | None = None
    portal_id: int | str | None = None
    app_id: int | str | None = None
    occurred_at: int | float | str | None = None
    object_id: int | str | None = None
    object_type_id: str | None = None
    property_name: str | None = None
    property_value: Any = None
    is_sensitive: bool | None = None
    change_source: str | None = None
    source_id: int | str | None = None
    message_id: int | str | None = None
    message_type: str | None = None
    primary_object_id: int | str | None = None
    merged_object_ids: list[int | str] | None = None
    new_object_id: int | str | None = None
    from_object_id: int | str | None = None
    to_object_id: int | str | None = None
    from_object_type_id: str | None = None
    association_type: str | None = None
    association_removed: bool | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """(object, what happened): ``("contact", "propertyChange")`` for both ways in which HubSpot writes it."""
        thing, _, change = str(self.subscription_type or self.event_type or "").partition(".")
        if thing == "object":
            thing = OBJECTS.get(self.object_type_id or "", "object")
        return thing, change

    @property
    def is_secret(self) -> bool:
        """Whether the value is one that HubSpot's admin marked as sensitive; it is never kept."""
        return bool(self.is_sensitive) or self.property_value == "REDACTED"

    @property
    def side(self) -> int | str | None:
        """Of an association, the object of the type that the subscription is about."""
        thing = self.kind[0]
        first = OBJECTS.get(self.from_object_type_id or "") or str(self.association_type or "").lower().split("_to_")[0]
        return self.from_object_id if first in ("", thing) else self.to_object_id


def parse(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """The events in one request. Bodies are arrays of up to a hundred notices, a single one, or a workflow's record."""
    body = loads(request.body, max_nodes=MAX_NODES)
    items = body if isinstance(body, list) else [body]
    if not items:
        raise Unreadable("an empty list")
    if len(items) > MAX_ITEMS:
        raise Unreadable(f"more than {MAX_ITEMS} events in one request")
    for item in items:
        try:
            yield from _events(item, request, mapping)
        except Unreadable as error:
            if len(items) == 1:
                raise
            yield BadItem(msgspec.json.encode([item]), str(error))


def _events(item: Any, request: WebhookRequest, mapping: FieldMapping) -> Iterable[Event]:
    if not isinstance(item, dict):
        raise Unreadable(f"an event should be an object, not a {type(item).__name__}")
    if "subscriptionType" in item or "eventType" in item:
        try:
            notice = msgspec.convert(item, Notice)
        except msgspec.ValidationError as error:
            raise Unreadable(f"an event that is not as HubSpot sends them: {error}") from None
        return _from_notice(notice, item, request, mapping)
    return from_record(item, request, mapping)


# --- app webhooks


def _from_notice(
    notice: Notice, item: dict[str, Any], request: WebhookRequest, mapping: FieldMapping
) -> Iterable[Event]:
    portal = request.settings.get("portal_id", "")
    if portal and str(notice.portal_id) != portal:
        raise Unreadable(f"from HubSpot account {notice.portal_id}; this connection is account {portal}")
    thing, change = notice.kind
    event = Event(
        type=EVENT_TYPES_BY_NOTICE.get((thing, change), EventType.UNKNOWN),
        occurred_at=_instant(notice, request),
        source_key=_source_key(notice, f"{thing}.{change}"),
        actor=_actor(notice),
        properties=_described(notice),
    )
    if thing == "contact":
        return _contact(event, notice, mapping)
    if thing in _REFS:
        return (_other(event, thing, change, notice, request),)
    event.properties["notice"] = {**item, "propertyValue": "REDACTED"} if notice.is_secret else item
    return (event,)


def _contact(event: Event, notice: Notice, mapping: FieldMapping) -> Iterable[Event]:
    ids = [notice.object_id]
    if event.type == EventType.CONTACT_MERGED:
        # The survivor first; it may be none of the two that were merged
        ids = [notice.new_object_id, notice.primary_object_id, *(notice.merged_object_ids or ()), notice.object_id]
        event.properties["merged"] = [str(one) for one in notice.merged_object_ids or ()]
    elif notice.object_id is None:
        ids = [notice.side]
    names = list(dict.fromkeys([_record_id(one, "contact") for one in ids if one is not None]))
    if not names:
        raise Unreadable("a contact event without an objectId")
    event.identities = tuple([Identity("hubspot", name) for name in names])
    if event.type == EventType.CONTACT_DELETED and notice.occurred_at:
        event.source_key = deletion_key(names[0], event.occurred_at)
    if notice.kind[1] == "restore" and notice.occurred_at:
        event.source_key = restoral_key(names[0], event.occurred_at)
    if event.type == EventType.CONTACT_MERGED:
        event.properties["survivor"] = names[0]
    if event.type != EventType.CONTACT_UPDATED or notice.property_name is None:
        return (event,)
    if notice.is_secret:
        event.properties["redacted"] = True
        return (event,)
    name, value = notice.property_name, notice.property_value
    event.properties[name] = value
    event.told = {name: value}
    event.mapping = mapping.version
    mapped = mapping.inbound({name: value})
    if mapped.is_empty:  # as with most notices
        return (event,)
    if mapped.fields.get("email"):
        event.identities += (Identity("email", mapped.fields["email"]),)
    return events_of(mapped, event, names[0], one_property=True)


def _other(event: Event, thing: str, change: str, notice: Notice, request: WebhookRequest) -> Event:
    """Deals, meetings, tasks and threads: which contacts they are about has to be read."""
    name = str(notice.object_id)
    if len(name) > MAX_ID:
        raise Unreadable(f"objectId {name[:MAX_ID]!r}… is no id")
    event.refs = (Ref(_REFS[thing], name),)
    properties = event.properties
    match thing, change:
        case "deal", "creation":
            properties["deal"] = name
        case "deal", "propertyChange" if notice.property_name == "dealstage":
            event.type = EventType.DEAL_STAGE_CHANGED
            stage = str(notice.property_value or "")
            properties.update(deal=name, **deal_stage(stage, request.settings))
            event.source_key = deal_key(name, stage, to_us(event.occurred_at) // 1000)
        case "deal", "deletion":
            properties.update(deal=name, closed=True, outcome="deleted")
            if notice.occurred_at:
                event.source_key = deal_deletion_key(name, event.occurred_at)
        case "meeting", "creation":
            properties["meeting"] = name
        case "meeting", "deletion":
            properties["meeting"] = name
        case "meeting", "propertyChange" if notice.property_name == "hs_meeting_outcome":
            if str(notice.property_value).upper() in ("CANCELED", "NO_SHOW"):
                event.type, properties["meeting"] = EventType.MEETING_CANCELED, name
        case "task", "creation" | "deletion":
            if notice.change_source in ("INTEGRATION", "API"):
                # Tasks that software makes, Baton's own among them, are no conversation
                event.type = EventType.UNKNOWN
            properties.update(kind="task", thread=name, task=name)
        case "task", "propertyChange" if notice.property_name == "hs_task_status":
            if str(notice.property_value).upper() in ("COMPLETED", "DEFERRED"):
                event.type = EventType.TASK_COMPLETED
            properties.update(task=name)
        case "conversation", "newMessage":
            if str(notice.message_type or "MESSAGE").upper() == "COMMENT":
                event.type = EventType.UNKNOWN  # colleagues among themselves
            properties.update(kind="chat", thread=name, message=notice.message_id)
        case "conversation", "propertyChange" if notice.property_name == "status":
            closed = str(notice.property_value).upper() == "CLOSED"
            event.type = EventType.CONVERSATION_CLOSED if closed else EventType.CONVERSATION_STARTED
            properties.update(kind="chat", thread=name)
        case "conversation", _:
            properties.update(kind="chat", thread=name)
    if event.type == EventType.UNKNOWN:
        event.refs = ()
    elif thing != "conversation" or notice.object_id is None:
        _record_id(notice.object_id, thing)
    return event


def deal_key(deal: str, stage: str, at: int) -> str:
    """What makes a deal's way into a stage this one, by its moment in milliseconds: the same however it is learned."""
    return f"deal|{deal}|{stage}|{at}"


def _record_id(given: int | str | None, thing: str) -> str:
    """A record's id, which is a number; another one would have a whole batch of look-ups refused."""
    name = str(given)
    if not (name.isascii() and name.isdigit() and len(name) <= MAX_ID):
        raise Unreadable(
            f"a {thing} event without an objectId" if given is None else f"objectId {name[:40]!r} is no id"
        )
    return name


def deal_stage(stage: str, settings: Any) -> dict[str, Any]:
    """What a deal's stage means: open, won or lost. Pipelines of your own are named in the settings."""
    won = {"closedwon", *_listed(settings.get("won_stages"))}
    lost = {"closedlost", *_listed(settings.get("lost_stages"))}
    outcome = "won" if stage in won else "lost" if stage in lost else ""
    return {"stage": stage, "outcome": outcome, "closed": bool(outcome)}


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _instant(notice: Notice, request: WebhookRequest) -> Any:
    if notice.occurred_at is None or notice.occurred_at == "":
        return request.received_at
    try:
        at = notice.occurred_at
        return from_ms(at) if isinstance(at, int) else parse_time(at)
    except (ValueError, OverflowError):
        raise Unreadable(f"occurredAt is not a time: {str(notice.occurred_at)[:40]!r}") from None


def _source_key(notice: Notice, kind: str) -> str:
    """HubSpot's eventId alone is not unique (it says so itself), hence the compound key."""
    what = "" if notice.object_id is None else str(notice.object_id)
    if notice.from_object_id is not None or notice.to_object_id is not None:
        what += f" {notice.from_object_id}>{notice.to_object_id}"
    value = None if notice.property_value is None else str(notice.property_value)
    if value and notice.is_secret:
        value = blake2b(value.encode(), digest_size=12).hexdigest()
    parts = (
        notice.portal_id,
        kind,
        what,
        notice.property_name,
        value,
        notice.occurred_at,
        notice.event_id,
        notice.message_id,
    )
    return "|".join(["" if part is None else str(part) for part in parts])


def _described(notice: Notice) -> dict[str, Any]:
    described: dict[str, Any] = {"subscription_type": notice.subscription_type or notice.event_type}
    if notice.event_id is not None:
        described["event"] = str(notice.event_id)[:MAX_ID]  # not unique, but what HubSpot's own log calls it
    if notice.property_name:
        described["property"] = notice.property_name
    if notice.change_source:
        described["change_source"] = notice.change_source
    if notice.association_type:
        described.update(
            association=notice.association_type,
            removed=bool(notice.association_removed),
            from_id=str(notice.from_object_id),
            to_id=str(notice.to_object_id),
        )
    return described


def _actor(notice: Notice) -> str | None:
    """The person in HubSpot who did it, where one is named."""
    source = str(notice.source_id or "")
    if source.startswith("userId:") and (notice.change_source or "CRM_UI") in _BY_PEOPLE:
        return f"HubSpot user {source.removeprefix('userId:')}"
    return None
