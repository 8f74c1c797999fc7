"""Writing contacts: one by itself, or hundreds as an import."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from adapters.activecampaign.body import OPTIONS
from adapters.activecampaign.client import ActiveCampaign, part
from adapters.contract import BatchRefused, Delivery, Done, Outcome, Refused
from adapters.http import HttpError
from app.contacts.action import EnsureContact, UpsertContact
from mappings.transforms import is_blank

IMPORT = 250  # contacts in one call
FIELDS = "fields."
# Our mappings' names, which are those of webhooks → the API's, and the import's
_SYNC = {"email": "email", "first_name": "firstName", "last_name": "lastName", "phone": "phone"}
_IMPORT = {"email": "email", "first_name": "first_name", "last_name": "last_name", "phone": "phone"}


def alone_or_together(delivery: Delivery) -> str:
    """An import takes contacts by their addresses, and takes nothing away: who is known by id alone, whose address
    changes or who has a field emptied goes alone."""
    properties = _properties(delivery)
    moves = bool(delivery.to.vendor_id) and "email" in properties
    together = delivery.to.email and not moves and not any(is_blank(value) for value in properties.values())
    return "together" if together else f"alone {delivery.id}"


def write_contacts(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """One contact by id or address, which answers with its id; several as an import, which fires no webhooks and
    subscribes nobody."""
    try:
        if len(deliveries) == 1:
            return [_write(client, deliveries[0])]
        return _import(client, deliveries)
    except Exception as error:
        return [client.outcome(error, len(deliveries))] * len(deliveries)


def erase(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete a contact, with what they did. Somebody who is not there, or not any more, is as good as deleted."""
    (one,) = deliveries
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if number:
            client.tell("DELETE", f"/contacts/{part(number)}")
    except HttpError as error:
        if error.status != HTTPStatus.NOT_FOUND or not error.body.lstrip().startswith("{"):
            return [client.outcome(error)]
        number = ""
    except Exception as error:
        return [client.outcome(error)]
    return [Done(note="" if number else "ActiveCampaign has no such contact")]


def _properties(delivery: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact | EnsureContact, delivery.action).properties)


def _write(client: ActiveCampaign, delivery: Delivery) -> Outcome:
    to, properties = delivery.to, _properties(delivery)
    if not to.vendor_id and not to.email:
        return Refused(reason="ActiveCampaign needs an e-mail address to create a contact")
    if to.vendor_id and not properties:
        return Done(vendor_id=to.vendor_id)
    contact, missing = _contact(client, properties)
    if to.vendor_id:
        if not contact:  # nothing of it has a place there
            return Done(vendor_id=to.vendor_id, told=properties, note=_note(missing))
        answer = client.ask("PUT", f"/contacts/{part(to.vendor_id)}", {"contact": contact}, holds="contact")
    else:
        answer = client.ask("POST", "/contact/sync", {"contact": {"email": to.email, **contact}}, holds="contact")
    # What has no field there counts as told: it would be sent again with every event
    return Done(vendor_id=str(answer["contact"].get("id") or ""), told=properties, note=_note(missing))


def _contact(client: ActiveCampaign, properties: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A contact as the API takes it, and the properties that it has no field for."""
    contact: dict[str, Any] = {}
    values, missing = [], []
    for name, value in properties.items():
        if name in _SYNC:
            contact[_SYNC[name]] = _text(value)
        elif number := _field(client, name):
            values.append({"field": number, "value": _text(value)})
        else:
            missing.append(name)
    if values:
        contact["fieldValues"] = values
    return contact, missing


def _field(client: ActiveCampaign, name: str) -> str:
    return client.field_id(name.removeprefix(FIELDS)) if name.startswith(FIELDS) else ""


def _note(missing: Sequence[str]) -> str:
    return f"ActiveCampaign has no field for {', '.join(missing)}" if missing else ""


def _text(value: Any) -> str:
    """A value as fields take it: a text, of several options one with bars around each."""
    if isinstance(value, list):
        return OPTIONS + OPTIONS.join(str(one) for one in value) + OPTIONS
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


# --- imports


def _import(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    made = [_imported(client, one) for one in deliveries]
    answer = client.ask("POST", "/import/bulk_import", {"contacts": [contact for contact, _ in made]}, holds="batchId")
    refused = _refused(answer, deliveries)
    queued = answer.get("queued_contacts")
    if isinstance(queued, int) and queued + len(refused) < len(deliveries):
        raise BatchRefused(f"ActiveCampaign took {queued} of {len(deliveries)} contacts, and does not say which")
    batch = f"import {answer['batchId']}"
    return [
        refused.get(index) or Done(told=_properties(one), note="; ".join(filter(None, (batch, _note(missing)))))
        for index, (one, (_, missing)) in enumerate(zip(deliveries, made, strict=True))
    ]


def _refused(answer: Mapping[str, Any], deliveries: Sequence[Delivery]) -> dict[int, Refused]:
    """Which contacts of an import were not taken although it was: by their place in it, or by their address."""
    by_email = {one.to.email: index for index, one in enumerate(deliveries)}
    found: dict[int, Refused] = {}
    for one in answer.get("failureReasons") or ():
        if isinstance(one, Mapping):
            index = by_email.get(str(one.get("email")).lower(), one.get("contact"))
            if isinstance(index, int) and index < len(deliveries):
                found[index] = Refused(reason=f"not imported: {str(one.get('failureReason'))[:200]}")
    return found


def _imported(client: ActiveCampaign, delivery: Delivery) -> tuple[dict[str, Any], list[str]]:
    contact: dict[str, Any] = {"email": delivery.to.email}
    values, missing = [], []
    for name, value in _properties(delivery).items():
        if name in _IMPORT:
            contact[_IMPORT[name]] = _text(value)
        elif number := _field(client, name):
            values.append({"id": int(number), "value": _text(value)})
        else:
            missing.append(name)
    if values:
        contact["fields"] = values
    return contact, missing
