"""Change events (Change Data Capture) as JSON, from whatever has listened to them and passes them on: who was changed,
when and by which call, with the fields that were changed only."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.contract import Unreadable
from adapters.salesforce.names import CONTACT, LEAD, OPPORTUNITY, TASK, full_id, object_of_id, properties_of
from adapters.salesforce.record import (
    KIND,
    bounces,
    deleted,
    identities_of,
    is_done,
    merged,
    profile_of,
    task_events,
)
from adapters.snapshot import events_of
from adapters.values import object_of, text_of, time_until
from app.contacts.event import Event, EventType, Identity, Ref
from mappings.mapping import FieldMapping

HEADER = "ChangeEventHeader"
_AROUND = ("detail", "data", "payload")  # what EventBridge, CometD and others put around it
_SYSTEM = frozenset(("LastModifiedDate", "SystemModstamp", "LastModifiedById"))


def change_in(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The change event in a document; None where it is none."""
    inner: Any = document
    for _ in range(len(_AROUND) + 1):
        if not isinstance(inner, Mapping):
            return None
        if isinstance(inner.get(HEADER), Mapping):
            return inner
        inner = next((inner[name] for name in _AROUND if isinstance(inner.get(name), Mapping)), None)
    return None


def changes_of(change: Mapping[str, Any], mapping: FieldMapping, now: datetime) -> Iterator[Event]:
    """What a change event says of each of its records: the same change of several is told once."""
    header = object_of(change[HEADER])
    kind = text_of(header.get("entityName"))
    names = [full_id(one) for one in header.get("recordIds") or ()]
    if kind not in (LEAD, CONTACT, TASK, OPPORTUNITY) or not any(names):
        raise Unreadable(
            f"a change of {kind[:60] or 'nothing'!r}, which is not read: leads, contacts, tasks, opportunities"
        )
    if (at := time_until(now, header.get("commitTimestamp"))) is None:
        raise Unreadable("a change without the time of it (commitTimestamp)")
    for name in filter(None, names):
        key = f"change|{text_of(header.get('transactionKey'))}|{text_of(header.get('sequenceNumber'))}|{name}"
        if kind == TASK:
            yield from _task(change, name, at, now)
        elif kind == OPPORTUNITY:
            yield Event(
                type=EventType.UNKNOWN,
                occurred_at=at,
                source_key=key,
                properties={"opportunity": name, **profile_of(properties_of(change, kind))},
            )
        elif object_of_id(name) == kind:
            yield from _person(change, kind, name, key, at, mapping)


def _person(
    change: Mapping[str, Any], kind: str, name: str, key: str, at: datetime, mapping: FieldMapping
) -> Iterator[Event]:
    what = _what(change)
    if what == "DELETE":
        yield deleted(name, at, "change")
        return
    if kind == LEAD and (contact := full_id(change.get("ConvertedContactId"))):
        both = (Identity(KIND, contact), Identity(KIND, name))
        yield from merged({**change, "Id": name, "IsConverted": True}, contact, both, at, "change")
        return
    said = properties_of(change, kind)
    event = Event(
        type=EventType.CONTACT_CREATED if what in ("CREATE", "UNDELETE") else EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=key,
        identities=identities_of(name, said),
        properties={"source": "change", **_origin(change)},
        told=profile_of(said),
        mapping=mapping.version,
    )
    told = {field: value for field, value in said.items() if field not in _SYSTEM}
    # An update holds only what was changed, so that what it says it says now
    yield from events_of(mapping.inbound(told), event, name, one_property=what == "UPDATE")
    yield from bounces(change, event)


def _what(change: Mapping[str, Any]) -> str:
    """What was done to the records. In a gap only that is known, and no field."""
    return text_of(object_of(change[HEADER]).get("changeType")).removeprefix("GAP_")


def _origin(change: Mapping[str, Any]) -> dict[str, Any]:
    origin = text_of(object_of(change[HEADER]).get("changeOrigin"))
    return {"origin": origin[:200]} if origin else {}


def _task(change: Mapping[str, Any], name: str, at: datetime, now: datetime) -> Iterator[Event]:
    """A task's change names whom it is about only where that was changed, too: else it has to be asked."""
    gone = _what(change) == "DELETE"
    stamp = at.isoformat()
    task = {**change, "Id": name, "LastModifiedDate": stamp, "CreatedDate": change.get("CreatedDate") or stamp}
    if change.get("WhoId"):
        yield from task_events({**task, "IsDeleted": gone}, now)
    elif gone or is_done(change):
        yield Event(
            type=EventType.TASK_COMPLETED,
            occurred_at=at,
            source_key=f"task|{name}|done|{int(at.timestamp())}",
            refs=(Ref("task", name),),
            properties={"task": name, "thread": name, "kind": "task"},
        )
