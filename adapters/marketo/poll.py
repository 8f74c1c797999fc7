"""What is read of Marketo again and again: what people did, leads that have changed, and those that were deleted. All
are read by paging tokens, which begin at a time."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

from adapters.contract import Page, Parsed, Stream, WebhookRequest, Window
from adapters.http import BadAnswer
from adapters.marketo.activities import TYPES, events_of_activity
from adapters.marketo.client import Marketo
from adapters.marketo.read import fields_of
from adapters.marketo.record import number_of, record_of
from adapters.polled import each, item
from adapters.values import objects_of
from mappings.mapping import FieldMapping


def _page(client: Marketo, window: Window, path: str, **asked: str) -> tuple[list[Mapping[str, Any]], str]:
    """One page behind a paging token, and the token of the next; empty at the end."""
    token = window.page
    if not token:
        since = window.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made = client.call("GET", "/activities/pagingtoken.json", query={"sinceDatetime": since})
        token = str(made.get("nextPageToken") or "")
    answer = client.call("GET", path, query={"nextPageToken": token, **asked})
    following = str(answer.get("nextPageToken") or "") if (more := answer.get("moreResult") is True) else ""
    if more and not following:
        raise BadAnswer("answered that there is more, without where")
    return objects_of(answer.get("result")), following


def _key(activity: Mapping[str, Any]) -> str:
    return str(activity.get("marketoGUID") or activity.get("id"))


def fetch_activities(client: Marketo, window: Window, mapping: FieldMapping) -> Page:
    """What people did: forms, mails, lists; and merges."""
    found, following = _page(client, window, "/activities.json", activityTypeIds=",".join(map(str, TYPES)))
    return Page(items=[item(_key(one), one) for one in found], next=following)


def fetch_deletions(client: Marketo, window: Window, mapping: FieldMapping) -> Page:
    """Leads that were deleted."""
    found, following = _page(client, window, "/activities/deletedleads.json")
    return Page(items=[item(_key(one), one) for one in found], next=following)


def parse_activities(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Activities as they were polled."""
    return each(request, lambda activity: events_of_activity(activity, request.received_at))


def fetch_leads(client: Marketo, window: Window, mapping: FieldMapping) -> Page:
    """Leads of which something has changed that the mapping reads, as they are now."""
    fields = fields_of(mapping)
    changed, following = _page(client, window, "/activities/leadchanges.json", fields=",".join(fields[1:]))
    leads = client.leads("id", filter(None, (number_of(one.get("leadId")) for one in changed)), fields)
    return Page(items=[item(f"{one['id']}|{one.get('updatedAt')}", one) for one in leads], next=following)


def parse_leads(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Leads as they were polled, each as what it holds."""
    return each(request, lambda lead: record_of(lead, mapping, request.received_at).events)


STREAMS = (
    Stream(
        "leads",
        "Leads",
        fetch_leads,
        parse_leads,
        complete="Every lead of which something has changed that the mapping reads, as it is now.",
        overlap=timedelta(minutes=15),
        calls=5,
        limits=("default", "day"),
        scope="Read-Only Lead, Read-Only Activity",
        history=False,  # Marketo keeps changes for 90 days: a database comes as a file
    ),
    Stream(
        "activities",
        "Activities",
        fetch_activities,
        parse_activities,
        complete="Forms, mails, lists and merges of the last 90 days.",
        overlap=timedelta(minutes=15),
        calls=2,
        limits=("default", "day"),
        scope="Read-Only Activity",
    ),
    Stream(
        "deletions",
        "Deleted leads",
        fetch_deletions,
        parse_activities,
        complete="Every lead that was deleted within 14 days.",
        every=timedelta(minutes=30),
        overlap=timedelta(hours=1),
        calls=2,
        limits=("default", "day"),
        scope="Read-Only Activity",
        history=False,
    ),
)
