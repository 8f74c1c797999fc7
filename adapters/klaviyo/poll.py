"""What is read of Klaviyo beside its webhooks: its events, profiles that have changed, and who was suppressed.

Most accounts have no signed webhooks at all: for them this is the way in.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adapters.contract import Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.klaviyo.client import KlaviyoClient, data_of
from adapters.klaviyo.metrics import slug_of
from adapters.klaviyo.read import identities_of, profile_record
from adapters.klaviyo.webhook import event_from, instant_of, key_of, other_time, related
from adapters.polled import each, item
from app.contacts.event import Event, EventType
from mappings.mapping import FieldMapping

# With profiles and metrics beside them, more events would not fit into an answer
EVENTS, PROFILES = 100, 100
SUPPRESSION = "subscriptions.email.marketing.suppression.timestamp"
OWN = "klaviyo"  # the integration of Klaviyo's own metrics


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _cursor(answer: Mapping[str, Any]) -> str:
    """Where the next page begins. The link is a whole address; given that as a cursor, Klaviyo refuses it."""
    links = answer.get("links")
    following = links.get("next") if isinstance(links, Mapping) else None
    return parse_qs(urlsplit(str(following or "")).query).get("page[cursor]", [""])[0]


def _paged(window: Window) -> dict[str, str]:
    return {"page_cursor": window.page} if window.page else {}


# --- events


def fetch_events(client: KlaviyoClient, window: Window, mapping: FieldMapping) -> Page:
    """Events by when they happened, each with its metric and its profile: nothing has to be asked for one by one."""
    answer = client.events.get_events(
        filter=f"greater-or-equal(datetime,{_stamp(window.since)}),less-than(datetime,{_stamp(window.until)})",
        sort="datetime",
        include=["metric", "profile"],
        page_size=EVENTS,
        **_paged(window),
    )
    beside = {
        (one.get("type"), str(one.get("id"))): one for one in answer.get("included") or () if isinstance(one, Mapping)
    }
    items = []
    for event in data_of(answer):
        named = [(kind, related(event, kind)) for kind in ("metric", "profile")]
        record = {"data": event, "included": [beside[name] for name in named if name in beside]}
        items.append(item(str(event.get("id")), record))
    return Page(items=items, next=_cursor(answer))


def parse_events(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Events as they were polled: documents with one event each, and the metric and profile that belong to it."""

    def read(document: Any) -> Iterator[Event]:
        yield _event(document, request, mapping)

    return each(request, read)


def _event(document: Any, request: WebhookRequest, mapping: FieldMapping) -> Event:
    data = document.get("data") if isinstance(document, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(attributes, dict) or not data.get("id"):
        raise Unreadable("an event without an id or without attributes")
    beside = {one.get("type"): one.get("attributes") or {} for one in document.get("included") or ()}
    metric = beside.get("metric", {})
    name, slug = str(data["id"]), slug_of(str(metric.get("name") or ""))
    profile = related(data, "profile")
    at = instant_of(attributes, request.received_at)
    if not profile or not slug:
        return Event(
            type=EventType.UNKNOWN, occurred_at=at, source_key=key_of(name, slug), properties={"payload": data}
        )
    told = attributes.get("event_properties")
    told = told if isinstance(told, dict) else {}
    integration = metric.get("integration")
    integration = integration if isinstance(integration, Mapping) else {}
    origin = OWN if OWN in (str(integration.get(key) or "").lower() for key in ("key", "name")) else "api"
    event = event_from(name, f"{origin}.{slug}", told, at, profile, key_of(name, slug))
    known = identities_of(profile, beside.get("profile", {}), mapping)
    event.identities = tuple(dict.fromkeys((*event.identities, *known)))
    if (other := other_time(attributes, at)) is not None:
        event.properties["other_time"] = other
    return event


# --- profiles


def _fetch_profiles(client: KlaviyoClient, window: Window, mapping: FieldMapping, field: str) -> Page:
    since, until = _stamp(window.since), _stamp(window.until)
    answer = client.profiles.get_profiles(
        filter=f"greater-than({field},{since}),less-than({field},{until})",
        sort=field,
        additional_fields_profile=["subscriptions"],
        page_size=PROFILES,
        **_paged(window),
    )
    items = [item(f"{one.get('id')}|{_state(one)}", one) for one in data_of(answer)]
    return Page(items=items, next=_cursor(answer))


def _state(profile: Mapping[str, Any]) -> str:
    """What tells two states of a profile apart: consent changes it without touching its ``updated`` everywhere."""
    attributes = profile.get("attributes") or {}
    marketing = ((attributes.get("subscriptions") or {}).get("email") or {}).get("marketing") or {}
    stopped = [str(one.get("timestamp")) for one in marketing.get("suppression") or () if isinstance(one, Mapping)]
    return "|".join([str(attributes.get("updated")), str(marketing.get("last_updated")), *sorted(stopped)])


def parse_profiles(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Profiles as they were polled, each as what it holds and what it says of consent."""

    def read(profile: Any) -> Iterator[Event]:
        if not profile.get("id"):
            raise Unreadable("a profile without an id")
        yield from profile_record(profile, mapping, request.received_at).events

    return each(request, read)


STREAMS = (  # an import reads them in this order: whose events they are is then known
    Stream(
        "profiles",
        "Profiles",
        partial(_fetch_profiles, field="updated"),
        parse_profiles,
        complete="Every profile's fields and consent as they are now.",
        every=timedelta(minutes=10),
        limits=("profiles", "profiles_minute"),
        scope="profiles:read and subscriptions:read",
    ),
    Stream(
        "events",
        "Events",
        fetch_events,
        parse_events,
        complete="Everything that Klaviyo records: opens, clicks, bounces, consent, orders, your own metrics.",
        # Klaviyo may record an event an hour after it happened
        overlap=timedelta(hours=2),
        limits=("events", "events_minute"),
        scope="events:read, metrics:read and profiles:read",
    ),
    Stream(
        "suppressions",
        "Suppressed profiles",
        partial(_fetch_profiles, field=SUPPRESSION),
        parse_profiles,
        complete="Everybody whom Klaviyo will not write to any more, whatever event of it was missed.",
        overlap=timedelta(hours=1),
        limits=("profiles", "profiles_minute"),
        scope="profiles:read and subscriptions:read",
        history=False,
    ),
)
