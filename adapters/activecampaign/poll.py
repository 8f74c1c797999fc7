"""What is read of ActiveCampaign beside its webhooks, which it sends once and never again: contacts that have changed,
with their lists, tags and fields, and deals."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from adapters.activecampaign.body import OUTCOMES, number_of, text
from adapters.activecampaign.client import PAGE, ActiveCampaign, total_of
from adapters.activecampaign.keys import deal_change_key, deal_key
from adapters.activecampaign.record import INCLUDED, bundles, record_of
from adapters.contract import Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.digest import digest_of
from adapters.polled import each, item
from adapters.values import time_until
from app.contacts.event import Event, EventType, Identity
from mappings.mapping import FieldMapping

# The filters know whole seconds, and whether "after" means the second itself is not said
_MARGIN = timedelta(seconds=2)
_SAME = timedelta(seconds=1)


def _after(window: Window) -> str:
    return (window.since - _MARGIN).isoformat(timespec="seconds")


# --- contacts


def fetch_contacts(client: ActiveCampaign, window: Window, mapping: FieldMapping) -> Page:
    """Contacts that have changed, by their numbers: who changes meanwhile is not moved past the page that comes next,
    as he would be in the order of changes."""
    asked = {
        "filters[updated_after]": _after(window),
        "orders[id]": "ASC",
        "id_greater": window.page or "0",
        "include": INCLUDED,
        "limit": str(PAGE),
    }
    answer = client.ask("GET", f"/contacts?{urlencode(asked)}", holds="contacts")
    found = list(bundles(answer, client.field_names(), client.tag_names))
    last = str(found[-1]["contact"]["id"]) if found else ""
    # Not every change of lists or tags touches the contact's own time
    return Page(
        items=[item(f"{one['contact']['id']}|{digest_of(one)}", one) for one in found],
        next=last if len(found) == PAGE else "",
    )


def parse_contacts(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Contacts as they were polled, each as what it holds and what its lists and tags say."""

    def read(bundle: Any) -> Iterator[Event]:
        if not isinstance(bundle.get("contact"), dict):
            raise Unreadable("a contact without its record")
        if not number_of(bundle["contact"].get("id"), "id"):
            raise Unreadable("a contact without an id")
        yield from record_of(bundle, mapping, request.received_at, request.settings.get("list", "")).events

    return each(request, read)


# --- deals


def fetch_deals(client: ActiveCampaign, window: Window, mapping: FieldMapping) -> Page:
    """Deals that have changed, oldest first: one that changes meanwhile keeps its place."""
    start = int(window.page or 0)
    asked = {
        "filters[updated_after]": _after(window),
        "orders[cdate]": "ASC",
        "limit": str(PAGE),
        "offset": str(start),
    }
    answer = client.ask("GET", f"/deals?{urlencode(asked)}", holds="deals")
    deals = answer["deals"] or []
    seen, total = start + len(deals), total_of(answer)
    return Page(
        items=[item(f"{one.get('id')}|{digest_of(one)}", one) for one in deals],
        next=str(seen) if len(deals) == PAGE and seen < total else "",
        total=total if total < 2**31 else None,
    )


def parse_deals(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Deals as they were polled: where each stands now."""

    def read(deal: Any) -> Iterator[Event]:
        if not (number := number_of(deal.get("id"), "id")):
            raise Unreadable("a deal without an id")
        contact = number_of(deal.get("contact"), "contact")
        if contact:
            yield from _deal(deal, number, contact, request)

    return each(request, read)


def _deal(deal: Mapping[str, Any], number: str, contact: str, request: WebhookRequest) -> Iterator[Event]:
    """That it was opened, and how it stands, where that is not how it began."""
    now = request.received_at
    opened = time_until(now, deal.get("cdate"))
    changed = time_until(now, deal.get("mdate")) or opened or now
    stands = _properties(deal, number)
    identities = (Identity("activecampaign", contact),)
    moved = opened is None or changed - opened > _SAME
    if opened is not None:
        first = {"deal": number, "title": stands["title"], "source": "read"} if moved else stands
        yield Event(
            type=EventType.DEAL_CREATED,
            occurred_at=opened,
            source_key=deal_key(number),
            identities=identities,
            properties=_filled(first),
        )
    if moved:
        key = deal_change_key(number, stands["stage_id"], text(deal.get("status")), stands["value"], changed)
        yield Event(
            type=EventType.DEAL_STAGE_CHANGED,
            occurred_at=changed,
            source_key=key,
            identities=identities,
            properties=_filled(stands),
        )


def _properties(deal: Mapping[str, Any], number: str) -> dict[str, Any]:
    outcome, stage = OUTCOMES.get(text(deal.get("status")), ""), text(deal.get("stage"))
    return {
        "deal": number,
        "title": text(deal.get("title")),
        "stage": stage,
        "stage_id": stage,
        "pipeline_id": text(deal.get("group")),
        "value": _amount(deal.get("value")),
        "currency": text(deal.get("currency")).upper(),
        "owner_id": text(deal.get("owner")),
        "outcome": outcome,
        "closed": bool(outcome),
        "source": "read",
    }


def _filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in (None, "")}


def _amount(cents: Any) -> float | int | None:
    """An amount in whole units, of one in cents."""
    said = text(cents)
    if not said.lstrip("-").isdecimal():
        return None
    amount = int(said) / 100
    return int(amount) if amount.is_integer() else amount


STREAMS = (
    Stream(
        "contacts",
        "Contacts",
        fetch_contacts,
        parse_contacts,
        complete="Every contact's fields, lists, consent, tags and hard bounces as they are now. Opens, clicks and "
        "answers that a webhook missed are not to be had.",
        overlap=timedelta(minutes=30),
    ),
    Stream(
        "deals",
        "Deals",
        fetch_deals,
        parse_deals,
        complete="Where every deal stands.",
        every=timedelta(minutes=10),
        overlap=timedelta(minutes=30),
        scope="a plan with deals, and a user who sees all pipelines",
    ),
)
