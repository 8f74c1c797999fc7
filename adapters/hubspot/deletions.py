"""Contacts that were deleted in HubSpot. A search does not find them, and they change no more; but the recycling bin,
in which they stay for ninety days, is listed with when each came there."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.contract import Page, Parsed, Unreadable, WebhookRequest, Window
from adapters.hubspot.client import HubSpotClient
from adapters.polled import each, item
from app.contacts.event import Event, EventType, Identity
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

LISTED = 100  # contacts on the longest page


def deletion_key(contact: str, at: datetime) -> str:
    """What makes a deletion this one, however it is learned: whose and when, to the second."""
    return f"gone|{contact}|{int(at.timestamp())}"


def restoral_key(contact: str, at: datetime) -> str:
    """The same for a contact that was taken out of the bin."""
    return f"restored|{contact}|{int(at.timestamp())}"


def deal_deletion_key(deal: str, at: datetime) -> str:
    """The same for a deal that was deleted."""
    return f"deal gone|{deal}|{int(at.timestamp())}"


def fetch_deletions(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """Contacts in the bin, by their ids, as far as they came there in the window: HubSpot cannot be asked for these."""
    after = {"after": window.page} if window.page else {}
    answer = client.ask(client.contact.get_page, limit=LISTED, archived=True, properties=["hs_object_id"], **after)
    found = [one for one in answer.get("results") or () if isinstance(one, Mapping) and one.get("id")]
    items = [
        item(f"{one['id']}|{one['archivedAt']}", {"id": one["id"], "archivedAt": one["archivedAt"]})
        for one in found
        if one.get("archivedAt") and window.since <= parse_time(one["archivedAt"]) < window.until
    ]
    return Page(items=items, next=str(((answer.get("paging") or {}).get("next") or {}).get("after") or ""))


def parse_deletions(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Deletions as they were polled. Only the id says whose: the address may be another contact's by now."""

    def read(told: Any) -> Iterator[Event]:
        try:
            gone = msgspec.convert(told, _Gone)
            at = parse_time(gone.archived_at)
        except (msgspec.ValidationError, ValueError):
            raise Unreadable("a deleted contact without its id or the time of it") from None
        yield Event(
            type=EventType.CONTACT_DELETED,
            occurred_at=at,
            source_key=deletion_key(gone.id, at),
            identities=(Identity("hubspot", gone.id),),
            properties={"source": "read"},
        )

    return each(request, read)


class _Gone(msgspec.Struct, rename="camel"):
    id: str
    archived_at: str
