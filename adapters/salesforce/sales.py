"""What a handoff leaves in Salesforce: the owner of the lead or contact, and a task with all that sales has to know."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater
from adapters.http import BadAnswer, HttpError
from adapters.salesforce.client import Salesforce
from adapters.salesforce.names import TASK, USER, full_id
from adapters.salesforce.people import moved_to, record_id
from adapters.salesforce.saving import outcome_of_saved, save, shut
from adapters.salesforce.soql import quoted, select
from app.contacts.action import AssignOwner, CreateTask

NOT_THERE = RetryLater(reason="Salesforce does not know this person yet")
SUBJECT, BODY = 255, 32_000  # characters of a task's subject and comments
LOOKED_AT = 50  # tasks of a person, the newest
HIGH, NOT_STARTED = "High", "Not Started"  # Salesforce's own words; a team that has renamed them says so


def assign_owner(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Give a lead or contact its owner."""
    (one,) = deliveries
    action = cast(AssignOwner, one.action)
    try:
        owner = _user(client, action.owner_id, action.email)
        if not owner:
            return [Refused(reason=f"Salesforce has no active user {action.email or action.owner_id or '(unnamed)'}")]
        if not (person := record_id(client, one)):
            return [NOT_THERE]
        if refused := shut(client, "OwnerId"):
            return [refused]
        saved, notes = save(client, {person: {"OwnerId": owner}})
    except Exception as error:
        return [client.outcome(error)]
    return [outcome_of_saved(saved[person], {"Owner.Email": action.email} if action.email else {}, notes.of(person))]


def _user(client: Salesforce, known: str, email: str) -> str:
    """A user's id: the one that is known, unless it is another tool's, else by address."""
    name = full_id(known)
    return name if name.startswith(USER) else client.user_by_email(email)


def create_task(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A task for the owner, about the lead or contact."""
    (one,) = deliveries
    action = cast(CreateTask, one.action)
    try:
        if not (person := record_id(client, one)):
            return [NOT_THERE]
        owner = _user(client, action.owner_id, action.email)
        task = {
            "Subject": action.subject[:SUBJECT],
            "Description": action.body[:BODY],
            "ActivityDate": action.due_at.date().isoformat(),
            "Priority": client.settings.get("task_priority", "") or HIGH,
            "Status": client.settings.get("task_status", "") or NOT_STARTED,
            **({"OwnerId": owner} if owner else {}),
        }
        person, made = _make(client, person, task)
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=person, note=f"task {full_id(made)}")]


def _make(client: Salesforce, person: str, task: Mapping[str, Any]) -> tuple[str, Any]:
    """Whom a new task is about, where they are by now, and its id."""
    path = f"/sobjects/{TASK}"
    try:
        made = client.call("POST", path, {"WhoId": person, **task})
    except HttpError as error:
        moved = moved_to(client, [person]).get(person, "") if error.status in (400, 404, 422) else ""
        if not moved:
            raise
        person, made = moved, client.call("POST", path, {"WhoId": moved, **task})
    if not isinstance(made, dict) or not made.get("id"):
        raise BadAnswer("answered without the id of the task")
    return person, made["id"]


def find_task(client: Salesforce, delivery: Delivery) -> Done | None:
    """An earlier try at a task: one about the person with our mark in its comments, which cannot be asked for."""
    mark = cast(CreateTask, delivery.action).mark
    if not (person := record_id(client, delivery)):
        return None
    person = moved_to(client, [person]).get(person, person)
    where = f"WhoId = {quoted(person)}"
    for task in client.query(select(["Id", "Description"], TASK, where, order="CreatedDate DESC", limit=LOOKED_AT)):
        if mark in str(task.get("Description")):
            return Done(vendor_id=person, note=f"task {full_id(task.get('Id'))}, found on looking")
    return None
