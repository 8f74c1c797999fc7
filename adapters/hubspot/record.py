"""What HubSpot's workflow webhooks send: a record, with properties that the workflow's author chose."""

from collections.abc import Iterator
from typing import Any

from adapters.address import meaning_of, said_in
from adapters.contract import Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.snapshot import events_of
from app.contacts.event import Event, Identity
from app.contacts.identity import clean_email
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

_CHANGED = ("lastmodifieddate", "hs_lastmodifieddate")
_RECORD_IDS = ("vid", "canonical-vid", "id", "objectId", "hs_object_id")


def from_record(record: dict[str, Any], request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """A record as a workflow's "Send a webhook" posts it: the old ``vid`` shape, ``{id, properties}``, or the
    properties that its author picked. What it means is said in the URL: ``?event=form.submitted&form=demo``."""
    held = record.get("properties", record)
    if not isinstance(held, dict):
        raise Unreadable("properties should be an object")
    properties = {
        name: value.get("value") if isinstance(value, dict) else value
        for name, value in held.items()
        if not isinstance(value, list)
    }
    named = (*(record.get(name) for name in _RECORD_IDS), properties.get("hs_object_id"))
    contact_id = next((str(one) for one in named if one and str(one).isdigit()), "")
    mapped = mapping.inbound(properties)
    identities = [Identity("hubspot", contact_id)] if contact_id else []
    identities += [
        Identity("email", email.address)
        for text in [mapped.fields.get("email"), *_legacy_emails(record)]
        if text and (email := clean_email(str(text)))
    ]
    if not identities:
        raise Unreadable("a workflow's record with neither a contact id nor an e-mail address")
    kind, person = meaning_of(request), contact_id or identities[0].value
    digest = digest_of(record)
    event = Event(
        type=kind,
        occurred_at=_record_time(record, properties, request),
        source_key=f"workflow|{kind}|{person}|{digest}|{_window(record, properties, request)}",
        identities=tuple(dict.fromkeys(identities)),
        properties={**said_in(request), "source": "workflow"},
        told=properties if contact_id else {},
        mapping=mapping.version,
    )
    yield from events_of(mapped, event, person)


def _legacy_emails(record: dict[str, Any]) -> Iterator[str]:
    profiles = record.get("identity-profiles")
    for profile in profiles if isinstance(profiles, list) else ():
        identities = profile.get("identities") if isinstance(profile, dict) else None
        for identity in identities if isinstance(identities, list) else ():
            if isinstance(identity, dict) and identity.get("type") == "EMAIL":
                yield str(identity.get("value") or "")


def _record_time(record: dict[str, Any], properties: dict[str, Any], request: WebhookRequest) -> Any:
    for value in (*map(properties.get, _CHANGED), record.get("updatedAt")):
        if value:
            try:
                return min(parse_time(value), request.received_at)
            except ValueError:
                continue
    return request.received_at


def _window(record: dict[str, Any], properties: dict[str, Any], request: WebhookRequest) -> str:
    """The same record again is a retry (HubSpot tries for up to three days). Only where nothing in it tells two runs of
    a workflow apart does the day have to."""
    dated = any(properties.get(name) for name in _CHANGED) or record.get("updatedAt")
    return "" if dated else request.received_at.strftime("%Y%m%d")
