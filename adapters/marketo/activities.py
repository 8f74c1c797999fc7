"""What people did, as Marketo's activity log has it. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.contract import Unreadable
from adapters.marketo.record import KIND, number_of
from adapters.values import objects_of, text_of, time_until
from app.contacts.event import Event, EventType, Identity

# Ten types, which is the most that can be asked for at once
FORM, DELIVERED, BOUNCED, LEFT, OPENED, CLICKED, JOINED, REMOVED, SOFT, MERGED = 2, 7, 8, 9, 10, 11, 24, 25, 27, 32
DELETED = 37
TYPES = {
    FORM: EventType.FORM_SUBMITTED,
    DELIVERED: EventType.EMAIL_DELIVERED,
    BOUNCED: EventType.EMAIL_BOUNCED,
    SOFT: EventType.EMAIL_BOUNCED,
    LEFT: EventType.EMAIL_UNSUBSCRIBED,
    OPENED: EventType.EMAIL_OPENED,
    CLICKED: EventType.EMAIL_CLICKED,
    JOINED: EventType.LIST_JOINED,
    REMOVED: EventType.LIST_LEFT,
    MERGED: EventType.CONTACT_MERGED,
}
_INVALID = "2"  # a bounce's category: there is no such address; 1 is taken for spam
_NUMBERS = re.compile(r"\d{1,18}")


def events_of_activity(activity: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    """The event that an activity is. Raises Unreadable for one without an id, a lead or a time."""
    name, lead = text_of(activity.get("marketoGUID")) or text_of(activity.get("id")), number_of(activity.get("leadId"))
    at, kind = time_until(now, activity.get("activityDate")), activity.get("activityTypeId")
    if not name or not lead or at is None or not isinstance(kind, int):
        raise Unreadable("an activity without its id, lead, type or time")
    if kind == DELETED:
        yield _event(EventType.CONTACT_DELETED, f"gone|{lead}|{int(at.timestamp())}", (lead,), at, {})
        return
    if kind not in TYPES:
        return
    held = {text_of(one.get("name")): one.get("value") for one in objects_of(activity.get("attributes"))}
    what, number = text_of(activity.get("primaryAttributeValue")), number_of(activity.get("primaryAttributeValueId"))
    people = (lead, *_merged(lead, held)) if kind == MERGED else (lead,)
    if kind == MERGED and len(people) == 1:
        raise Unreadable("a merge that does not say which leads went into this one")
    event = _event(TYPES[kind], f"activity|{name}", people, at, _said(kind, what, number, held))
    if kind in (OPENED, CLICKED) and text_of(held.get("Is Bot Activity")).lower() in ("true", "1"):
        event.machine = (
            f"Marketo takes it for a bot's ({text_of(held.get('Bot Activity Pattern')) or 'no pattern named'})"
        )
    if kind == MERGED:
        event.properties = {"merged": list(people[1:]), "survivor": lead}
    yield event


def _merged(lead: str, held: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys(_NUMBERS.findall(str(held.get("Merge IDs") or ""))) if name != lead]


def _said(kind: int, what: str, number: str, held: Mapping[str, Any]) -> dict[str, Any]:
    if kind == FORM:
        said = {
            "form": what or number,
            "builder": "marketo",
            "form_id": number,
            "url": text_of(held.get("Referrer URL")),
        }
    elif kind in (JOINED, REMOVED):
        said = {"list": number or what, "title": what}
    else:
        said = {"message": what, "url": text_of(held.get("Link"))[:2_000]}
    if kind in (BOUNCED, SOFT):
        said |= {"reason": text_of(held.get("Details"))[:500], "recipient": text_of(held.get("Email")).lower()}
    found: dict[str, Any] = {name: value for name, value in said.items() if value}
    if kind in (BOUNCED, SOFT):
        found["permanent"] = kind == BOUNCED and text_of(held.get("Category")) == _INVALID
    if kind == LEFT:
        found["method"] = "unsubscribed in Marketo"
    return found


def _event(kind: str, key: str, people: tuple[str, ...], at: datetime, said: dict[str, Any]) -> Event:
    identities = tuple(Identity(KIND, name) for name in people)
    return Event(
        type=kind, occurred_at=at, source_key=key, identities=identities, properties={**said, "source": "read"}
    )
