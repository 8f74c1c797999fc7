"""What a handoff leaves in ActiveCampaign: a task and a note on the contact, and a deal with its owner."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from adapters.accepting import takes_handoffs
from adapters.activecampaign.client import ActiveCampaign, part
from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater
from app.contacts.action import AssignOwner, CreateNote, CreateTask

CONTACT = "Subscriber"  # what notes and tasks call a contact
OPEN = "0"
_NOT_THERE = "ActiveCampaign does not know this contact yet"


def create_task(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A task for the owner, on the contact."""
    (one,) = deliveries
    action = cast(CreateTask, one.action)
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason=_NOT_THERE)]
        task = {
            "title": action.subject[:200],
            "ownerType": "contact",
            "relid": number,
            "dealTasktype": client.task_type(),
            "duedate": action.due_at.isoformat(timespec="seconds"),
            "edate": (action.due_at + timedelta(minutes=15)).isoformat(timespec="seconds"),
            "note": action.body,
            "status": 0,
        }
        if owner := client.user_id(action.owner_id, action.email):
            task["assignee"] = owner
        answer = client.ask("POST", "/dealTasks", {"dealTask": task}, holds="dealTask")
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note=f"task {answer['dealTask'].get('id')}")]


def find_task(client: ActiveCampaign, delivery: Delivery) -> Done | None:
    """An earlier try at this task: one on the contact with our mark in its note."""
    mark = cast(CreateTask, delivery.action).mark
    number = client.contact_id(delivery.to.vendor_id, delivery.to.email)
    asked = {"filters[reltype]": CONTACT, "filters[relid]": number}
    for task in client.pages("/dealTasks", "dealTasks", asked) if number else ():
        if mark in str(task.get("note")) and str(task.get("relid", number)) == number:
            return Done(vendor_id=number, note=f"task {task.get('id')}, found on looking")
    return None


def create_note(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A note on the contact."""
    (one,) = deliveries
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason=_NOT_THERE)]
        note = {"note": cast(CreateNote, one.action).body, "relid": number, "reltype": CONTACT}
        answer = client.ask("POST", "/notes", {"note": note}, holds="note")
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note=f"note {answer['note'].get('id')}")]


def find_note(client: ActiveCampaign, delivery: Delivery) -> Done | None:
    """An earlier try at this note, found by our mark in it."""
    mark = cast(CreateNote, delivery.action).mark
    number = client.contact_id(delivery.to.vendor_id, delivery.to.email)
    for note in client.pages(f"/contacts/{part(number)}/notes", "notes") if number else ():
        if mark in str(note.get("note")):
            return Done(vendor_id=number, note=f"note {note.get('id')}, found on looking")
    return None


def assign_owner(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Give the contact's open deal its owner; where there is none in the pipeline of the settings, open one. Contacts
    themselves have no owner there."""
    (one,) = deliveries
    action = cast(AssignOwner, one.action)
    if not has_pipeline(action, client.settings):  # taken out of the settings meanwhile
        return [Refused(reason="no pipeline and stage for deals are set: deal_pipeline, deal_stage")]
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason=_NOT_THERE)]
        owner = client.user_id(action.owner_id, action.email)
        if not owner:
            return [Refused(reason=f"ActiveCampaign has no user {action.email or action.owner_id or '(none named)'}")]
        deal = _open_deal(client, number)
        if deal is None:
            made = client.ask("POST", "/deals", {"deal": _new_deal(client, one, number, owner)}, holds="deal")
            return [Done(vendor_id=number, note=f"deal {made['deal'].get('id')}")]
        if str(deal.get("owner")) != owner:
            client.ask("PUT", f"/deals/{part(str(deal['id']))}", {"deal": {"owner": owner}}, holds="deal")
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note=f"deal {deal['id']}")]


def find_deal(client: ActiveCampaign, delivery: Delivery) -> Done | None:
    """Whether the contact has an open deal of this owner, which an earlier try has made or given them."""
    action = cast(AssignOwner, delivery.action)
    number = client.contact_id(delivery.to.vendor_id, delivery.to.email)
    deal = _open_deal(client, number) if number else None
    if deal is None or str(deal.get("owner")) != client.user_id(action.owner_id, action.email):
        return None
    return Done(vendor_id=number, note=f"deal {deal['id']}, found on looking")


def _open_deal(client: ActiveCampaign, number: str) -> dict[str, Any] | None:
    pipeline = client.settings.get("deal_pipeline")
    for deal in client.pages(f"/contacts/{part(number)}/deals", "deals"):
        if str(deal.get("group")) == pipeline and str(deal.get("status")) == OPEN:
            return deal
    return None


def _new_deal(client: ActiveCampaign, delivery: Delivery, number: str, owner: str) -> dict[str, Any]:
    settings = client.settings
    return {
        "title": delivery.to.email or f"Contact {number}",
        "contact": number,
        "value": 0,  # in cents; sales says what it is worth
        "currency": settings.get("deal_currency", "").lower() or "usd",
        "group": settings["deal_pipeline"],
        "stage": settings["deal_stage"],
        "owner": owner,
    }


def has_pipeline(action: Any, settings: Mapping[str, str]) -> bool:
    """An owner is one of a deal, for which there has to be a pipeline and a stage."""
    named = [settings.get(name, "") for name in ("deal_pipeline", "deal_stage")]
    return takes_handoffs(action, settings) and all(one.isdecimal() for one in named)
