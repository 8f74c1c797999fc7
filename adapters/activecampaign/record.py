"""A contact as ActiveCampaign's API holds it, put together from what it answers beside it, and the events that this
amounts to. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.activecampaign.body import number_of, options, text
from adapters.activecampaign.keys import list_key, no_key, tag_key
from adapters.contract import Record
from adapters.snapshot import events_of
from adapters.values import time_until
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import clean_email, clean_phone
from mappings.mapping import FieldMapping

INCLUDED = "fieldValues,contactLists,contactTags.tag"  # what is asked for beside contacts
ACTIVE, LEFT = "1", "2"
_NAMES = {
    "email": "email",
    "first_name": "firstName",
    "last_name": "lastName",
    "phone": "phone",
    "orgname": "orgname",
}


def bundles(
    answer: Mapping[str, Any], field_names: Mapping[str, str], tag_names: Callable[[], Mapping[str, str]]
) -> Iterator[dict[str, Any]]:
    """Each contact of an answer with what belongs to it: custom fields by number and by name, lists, tags. The names
    of tags are asked for only where they do not stand beside."""
    tags = {str(one.get("id")): str(one.get("tag", "")) for one in answer.get("tags") or ()}
    if any(str(one.get("tag")) not in tags for one in answer.get("contactTags") or ()):
        tags = {**tag_names(), **tags}
    beside = {name: _by_contact(answer.get(name) or ()) for name in ("fieldValues", "contactLists", "contactTags")}
    for contact in answer["contacts"]:
        number = str(contact["id"])
        fields: dict[str, Any] = {}
        for value in beside["fieldValues"].get(number, ()):
            field = str(value.get("field"))
            for name in (field, field_names.get(field)):
                if name:
                    fields[name] = value.get("value")
        named = [
            {"tag": tags[str(one.get("tag"))], "at": one.get("cdate")}
            for one in beside["contactTags"].get(number, ())
            if tags.get(str(one.get("tag")))
        ]
        yield {
            "contact": {name: value for name, value in contact.items() if not isinstance(value, dict | list)},
            "fields": fields,
            "lists": [
                {name: one.get(name) for name in ("list", "status", "sdate", "udate")}
                for one in beside["contactLists"].get(number, ())
            ],
            "tags": named,
        }


def _by_contact(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in items:
        found.setdefault(str(one.get("contact")), []).append(one)
    return found


def record_of(bundle: Mapping[str, Any], mapping: FieldMapping, now: datetime, consent_list: str = "") -> Record:
    """Who a contact is and what ActiveCampaign holds of them, as events at the times that it gives."""
    contact = bundle["contact"]
    number = number_of(contact.get("id"), "id")
    said = properties_of(bundle)
    identities = [Identity("activecampaign", number)]
    if (email := clean_email(str(said.get("email", "")))) is not None:
        identities.append(Identity("email", email.address))
    if "phone" in said and (phone := clean_phone(str(said["phone"]), mapping.region)):
        identities.append(Identity("phone", phone))
    at = changed_at(contact, now)
    read = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"read|{number}|{at.isoformat()}",
        identities=tuple(identities),
        properties={"source": "read"},
        told=said,
        mapping=mapping.version,
    )
    events = [
        *events_of(mapping.inbound(said), read, number),
        *_places(bundle, read, number, now, consent_list),
        *_tags(bundle, read, number, now),
        *_bounces(contact, read, number, now),
    ]
    return Record(identities=read.identities, events=tuple(events))


def properties_of(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """What a contact holds, as mappings name it; what is empty is left out."""
    contact = bundle["contact"]
    found: dict[str, Any] = {ours: text(contact.get(theirs)) for ours, theirs in _NAMES.items()}
    found["email"] = found["email"].lower()
    for name in ("first_name", "last_name"):
        if "@" in found[name]:  # where no name is known it may hold the address
            found[name] = ""
    found |= {f"fields.{name}": options(value) for name, value in (bundle.get("fields") or {}).items()}
    return {name: value for name, value in found.items() if value not in ("", [])}


def changed_at(contact: Mapping[str, Any], now: datetime) -> datetime:
    """When a contact was last changed, never ahead of now."""
    for name in ("udate", "updated_timestamp"):
        if (at := _time(contact.get(name), now)) is not None:
            return at
    return now


def _time(value: Any, now: datetime) -> datetime | None:
    said = text(value)
    if not said or said.startswith("0000-00-00"):
        return None
    return time_until(now, said)


def _places(bundle: Mapping[str, Any], read: Event, number: str, now: datetime, consent_list: str) -> Iterator[Event]:
    """Lists, and what they say of consent. Who is on none, or has left the one that stands for all, has said no."""
    held = [(str(one.get("list")), str(one.get("status")), one) for one in bundle.get("lists") or ()]
    active = [list_id for list_id, status, _ in held if status == ACTIVE]
    left: list[tuple[datetime, str]] = []
    for list_id, status, one in held:
        if status == ACTIVE:
            at = _time(one.get("sdate"), now) or read.occurred_at
            joined = {"list": list_id}
            yield _event(EventType.LIST_JOINED, at, list_key(number, list_id, ACTIVE, at), read, joined)
            consent = {"channel": "email", "state": "granted", "method": "list", **joined, "proof": joined}
            key = f"read|consent|{list_key(number, list_id, ACTIVE, at)}"
            yield _event(EventType.CONSENT_CHANGED, at, key, read, consent)
        elif status == LEFT:
            at = _time(one.get("udate"), now) or read.occurred_at
            left.append((at, list_id))
            yield _event(EventType.LIST_LEFT, at, list_key(number, list_id, LEFT, at), read, {"list": list_id})
    meant = [(at, list_id) for at, list_id in left if list_id == consent_list] or ([] if active else left)
    if meant:
        at, list_id = max(meant)
        said = {"method": "list", "list": list_id}
        yield _event(EventType.EMAIL_UNSUBSCRIBED, at, no_key(number, [list_id], at), read, said)


def _tags(bundle: Mapping[str, Any], read: Event, number: str, now: datetime) -> Iterator[Event]:
    for one in bundle.get("tags") or ():
        tag, at = str(one["tag"]), _time(one.get("at"), now) or read.occurred_at
        yield _event(EventType.TAG_ADDED, at, tag_key(number, tag, "added", at), read, {"tag": tag})


def _bounces(contact: Mapping[str, Any], read: Event, number: str, now: datetime) -> Iterator[Event]:
    if text(contact.get("bounced_hard")) in ("", "0"):
        return
    at = _time(contact.get("bounced_date"), now) or read.occurred_at
    said = {"permanent": True, "reason": "hard bounce", "recipient": text(contact.get("email")).lower()}
    yield _event(EventType.EMAIL_BOUNCED, at, f"once|bounced|{number}|{at.isoformat()}", read, said)


def _event(kind: str, at: datetime, key: str, read: Event, properties: Mapping[str, Any]) -> Event:
    return Event(
        type=kind,
        occurred_at=at,
        source_key=key,
        identities=read.identities,
        properties={**properties, "source": "read"},
    )
