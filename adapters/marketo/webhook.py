"""What a webhook of a trigger campaign sends: a template that an admin has written, with a lead's fields in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.address import meaning_of, said_in
from adapters.bodies import read_body
from adapters.contract import Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.envelope import unwrapped
from adapters.marketo.record import identities_of, number_of, profile_of
from adapters.snapshot import events_of
from adapters.values import object_of
from app.contacts.event import Event
from mappings.mapping import FieldMapping

_IDS = ("id", "Id", "leadId", "lead_id")
_TIMES = ("datetime", "dateTime", "time")


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The event in one request: what it means stands in the address, ``?event=form.submitted&form=demo``."""
    document = unwrapped(read_body(request.header("content-type"), request.body).document)
    if not isinstance(document, dict):
        raise Unreadable("a webhook of Marketo's is one object with a lead's fields")
    lead = object_of(document.get("lead")) or document
    name = next((number for one in _IDS if (number := number_of(lead.get(one)))), "")
    said = _filled(lead)
    if company := object_of(document.get("company")).get("name"):
        said.setdefault("company", company)
    identities = identities_of(name, said)
    if not identities:
        raise Unreadable('neither the lead\'s id nor its address: put "id" and "email" into the webhook\'s template')
    kind = meaning_of(request)
    # Without a time of its own the same content on the same day is one
    day = "" if any(document.get(one) for one in _TIMES) else f"|{request.received_at:%Y%m%d}"
    event = Event(
        type=kind,
        occurred_at=request.received_at,
        source_key=f"webhook|{kind}|{identities[0].value}|{digest_of(document)}{day}",
        identities=identities,
        properties={**said_in(request), "source": "webhook"},
        told=profile_of(said) if name else {},
        mapping=mapping.version,
    )
    yield from events_of(mapping.inbound(said), event, identities[0].value)


def _filled(lead: Mapping[str, Any]) -> dict[str, Any]:
    """A lead's fields, without what is empty, which tokens write as a blank or as the word null."""
    return {
        name: value
        for name, value in lead.items()
        if isinstance(value, str | int | float)
        and str(value).strip() not in ("", "null")
        and name not in (*_IDS, *_TIMES)
    }
