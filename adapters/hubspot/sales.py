"""Handing a contact to sales in HubSpot: its owner, a task and a note, and finding those of an earlier try."""

from collections.abc import Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused
from adapters.hubspot.client import HubSpotClient
from adapters.outcomes import outcome_of
from app.contacts.action import (
    AssignOwner,
    CreateNote,
    CreateTask,
)

TASK_TO_CONTACT, NOTE_TO_CONTACT = 204, 202


_TASKS_LOOKED_AT, _NOTES_LOOKED_AT = 100, 20


def assign_owner(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Set the contact's owner."""
    from hubspot.crm.contacts import SimplePublicObjectInput

    (one,) = deliveries
    action = cast(AssignOwner, one.action)
    try:
        owner = owner_id(client, action.owner_id, action.email)
        if not owner:
            return [Refused(reason=f"HubSpot has no owner {action.email or action.owner_id or '(none named)'}")]
        client.ask(
            client.contact.update,
            one.to.vendor_id,
            SimplePublicObjectInput(properties={"hubspot_owner_id": owner}),
        )
    except Exception as error:
        return [outcome_of(error)]
    return [Done(vendor_id=one.to.vendor_id, told={"hubspot_owner_id": owner})]


def owner_id(client: HubSpotClient, known: str, email: str) -> str:
    """An owner's id: a user's id is not one, so it is looked up by address."""
    if known or not email:
        return known
    if email not in client.owners_by_email:
        answer = client.ask(client.owners.get_page, email=email, limit=1)
        found = next((str(owner["id"]) for owner in answer.get("results") or ()), "")
        if not found:
            return ""  # asked again next time: an admin may have added them by then
        client.owners_by_email[email] = found
    return client.owners_by_email[email]


def create_task(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A task for the owner, linked to the contact in the same call."""
    from hubspot.crm.objects.tasks import SimplePublicObjectInputForCreate

    (one,) = deliveries
    action = cast(CreateTask, one.action)
    try:
        properties = {
            "hs_timestamp": action.due_at.isoformat().replace("+00:00", "Z"),
            "hs_task_subject": action.subject,
            "hs_task_body": action.body,
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": "HIGH",
            "hs_task_type": "TODO",
        }
        owner = owner_id(client, action.owner_id, action.email)
        if owner:
            properties["hubspot_owner_id"] = owner
        asked = SimplePublicObjectInputForCreate(
            properties=properties, associations=_link(one.to.vendor_id, TASK_TO_CONTACT)
        )
        answer = client.ask(client.tasks.create, asked)
    except Exception as error:
        return [outcome_of(error)]
    return [Done(note=f"task {answer.get('id')}")]


def create_note(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A note on the contact."""
    from hubspot.crm.objects.notes import SimplePublicObjectInputForCreate

    (one,) = deliveries
    action = cast(CreateNote, one.action)
    properties = {"hs_timestamp": action.at.isoformat().replace("+00:00", "Z"), "hs_note_body": action.body}
    if action.owner_id:
        properties["hubspot_owner_id"] = action.owner_id
    asked = SimplePublicObjectInputForCreate(
        properties=properties, associations=_link(one.to.vendor_id, NOTE_TO_CONTACT)
    )
    try:
        answer = client.ask(client.notes.create, asked)
    except Exception as error:
        return [outcome_of(error)]
    return [Done(note=f"note {answer.get('id')}")]


def _link(contact_id: str, kind: int) -> list[dict[str, Any]]:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]
    return [{"to": {"id": contact_id}, "types": types}] if contact_id else []


def find_task(client: HubSpotClient, delivery: Delivery) -> Done | None:
    """An earlier try at this task: one linked to the contact with our mark in its body. Associations can be read at
    once, where HubSpot's search would lag."""
    from hubspot.crm.objects.tasks import BatchReadInputSimplePublicObjectId

    mark = cast(CreateTask, delivery.action).mark
    ids = _linked(client, delivery.to.vendor_id, "tasks", _TASKS_LOOKED_AT)
    if not ids:
        return None
    asked = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": one} for one in ids], properties=["hs_task_body"], properties_with_history=[]
    )
    answer = client.ask(client.task_batch.read, asked)
    for result in answer.get("results") or ():
        if mark in str((result.get("properties") or {}).get("hs_task_body")):
            return Done(note=f"task {result.get('id')}, found on looking")
    return None


def find_note(client: HubSpotClient, delivery: Delivery) -> Done | None:
    """An earlier try at this note, found by our mark in its body."""
    mark = cast(CreateNote, delivery.action).mark
    for name in _linked(client, delivery.to.vendor_id, "notes", _NOTES_LOOKED_AT):
        result = client.ask(client.notes.get_by_id, name, properties=["hs_note_body"])
        if mark in str((result.get("properties") or {}).get("hs_note_body")):
            return Done(note=f"note {name}, found on looking")
    return None


def _linked(client: HubSpotClient, contact_id: str, kind: str, most: int) -> list[str]:
    """The newest objects of a kind that are linked to a contact."""
    answer = client.ask(client.associations.get_page, "contacts", contact_id, kind, limit=500)
    ids = [str(one["toObjectId"]) for one in answer.get("results") or () if "toObjectId" in one]
    return sorted(ids, key=lambda one: (len(one), one), reverse=True)[:most]
