"""What is read of Salesforce again and again: leads and contacts with those in the recycle bin, tasks, meetings and
opportunities that have changed.

Each page goes on behind the last id of the one before: whoever changes meanwhile moves no other, and is in the next
window.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from adapters.contract import Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.polled import each, item
from adapters.salesforce.client import Salesforce
from adapters.salesforce.meetings import COLUMNS, NO_MEETINGS, meeting_events
from adapters.salesforce.names import CONTACT, LEAD, MEETING, TASK, full_id, is_person
from adapters.salesforce.read import ROLE, columns_of, without_own
from adapters.salesforce.record import KIND, deal_event, record_of, task_events
from adapters.salesforce.soql import either, moment, quoted, select
from app.contacts.event import Event, Identity
from mappings.mapping import FieldMapping

PAGE = 500  # records in one call: a day's calls are few
CHANGED = "SystemModstamp"
OVERLAP = timedelta(minutes=15)  # a change is dated when it is made, and seen when its transaction has ended
_TASK = (
    *("Id", "WhoId", "Subject", "Description", "Status", "IsClosed", "IsDeleted", "ActivityDate", "OwnerId"),
    *("Owner.Email", "CreatedDate", "CompletedDateTime", "LastModifiedDate", CHANGED),
)
_DEAL = ("Id", "Name", "StageName", "Amount", "IsClosed", "IsWon", "LastStageChangeDate", "LastModifiedDate", CHANGED)


def _page(
    client: Salesforce, window: Window, kind: str, columns: Iterable[str], *where: str, changed: Iterable[str] = ()
) -> Page:
    """One page of the records of a kind that changed in a window, by their ids."""
    spans = [f"({one} >= {moment(window.since)} AND {one} < {moment(window.until)})" for one in (CHANGED, *changed)]
    behind = [f"Id > {quoted(window.page)}"] if window.page else []
    asked = select(columns, kind, either(*spans), *where, *behind, order="Id", limit=PAGE)
    records, whole = client.page(asked, deleted=True)
    found = [without_own(client, one) for one in records]
    items = [item(f"{one.get('Id')}|{one.get(CHANGED)}|{_inner(one)}", one) for one in found]
    more = found and (len(found) == PAGE or not whole)
    return Page(items=items, next=full_id(found[-1].get("Id")) if more else "")


def _inner(record: Mapping[str, Any]) -> str:
    """When the opportunity behind a record was changed, where there is one."""
    deal = record.get("Opportunity")
    return str(deal.get(CHANGED)) if isinstance(deal, dict) else ""


def _people(kind: str) -> Callable[[Salesforce, Window, FieldMapping], Page]:
    def fetch(client: Salesforce, window: Window, mapping: FieldMapping) -> Page:
        return _page(client, window, kind, columns_of(client, kind, mapping))

    return fetch


def parse_people(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Leads or contacts as they were polled, each as what it holds, or as what became of it."""
    return each(request, lambda record: record_of(record, mapping, request.received_at).events)


# --- tasks


def fetch_tasks(client: Salesforce, window: Window, mapping: FieldMapping) -> Page:
    """Tasks about people that have changed."""
    return _page(client, window, TASK, _TASK, "WhoId != null")


def parse_tasks(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Tasks as they were polled: to be done, or done."""
    return each(request, lambda record: task_events(record, request.received_at))


# --- meetings


def fetch_meetings(client: Salesforce, window: Window, mapping: FieldMapping) -> Page:
    """Meetings with people that have changed; of their fields those that the user sees."""
    listed = client.fields(MEETING)
    columns = [name for name in COLUMNS if name in listed] + (["Owner.Email"] if "OwnerId" in listed else [])
    none = [f"{name} = false" for name in NO_MEETINGS if name in listed]
    return _page(client, window, MEETING, columns, "WhoId != null", *none)


def parse_meetings(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Meetings as they were polled: booked, moved, called off."""
    return each(request, lambda record: meeting_events(record, request.received_at))


# --- opportunities


def fetch_deals(client: Salesforce, window: Window, mapping: FieldMapping) -> Page:
    """Contacts' parts in opportunities of which either has changed."""
    columns = ["Id", "ContactId", "IsDeleted", CHANGED, "Opportunity.Owner.Email"]
    columns += [f"Opportunity.{name}" for name in _DEAL]
    return _page(client, window, ROLE, columns, changed=(f"Opportunity.{CHANGED}",))


def parse_deals(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Where the opportunities of people stand."""

    def read(role: Any) -> Iterator[Event]:
        who, deal = full_id(role.get("ContactId")), role.get("Opportunity")
        if not isinstance(deal, dict):
            raise Unreadable("a part in an opportunity without the opportunity")
        if is_person(who) and role.get("IsDeleted") is not True:
            event = deal_event(deal, request.received_at)
            event.identities = (Identity(KIND, who),)
            event.source_key += f"|{KIND}:{who}"  # as one that a webhook told, and that was asked for whose it is
            event.properties["source"] = "read"
            yield event

    return each(request, read)


STREAMS = (
    Stream(
        "leads",
        "Leads",
        _people(LEAD),
        parse_people,
        complete="Every lead's fields as they are now, which contact it became, and what was merged or deleted.",
        overlap=OVERLAP,
        calls=2,  # what fields there are is asked for again after a while
        scope="read leads",
    ),
    Stream(
        "contacts",
        "Contacts",
        _people(CONTACT),
        parse_people,
        complete="Every contact's fields as they are now, and what was merged or deleted.",
        overlap=OVERLAP,
        calls=2,
        scope="read contacts and accounts",
    ),
    Stream(
        "tasks",
        "Tasks",
        fetch_tasks,
        parse_tasks,
        complete="Every task about a lead or contact: to be done, or done.",
        overlap=OVERLAP,
        scope="view all activities",
    ),
    Stream(
        "meetings",
        "Meetings",
        fetch_meetings,
        parse_meetings,
        complete="Every meeting with a lead or contact: booked, moved or called off.",
        overlap=OVERLAP,
        calls=2,
        scope="view all activities",
    ),
    Stream(
        "deals",
        "Opportunities",
        fetch_deals,
        parse_deals,
        complete="Where every opportunity of a contact stands.",
        every=timedelta(minutes=10),
        overlap=OVERLAP,
        scope="read opportunities",
    ),
)
