"""What Mailchimp sends: one form-encoded event of one audience. Times are UTC and do not say so."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import md5, sha256
from typing import Any

from adapters.bodies import read_body
from adapters.contract import Unreadable, WebhookRequest
from adapters.networks import network_of
from adapters.snapshot import events_of
from adapters.values import object_of, objects_of, text_of
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

ADDRESS = "email_address"  # what Mailchimp's API calls it, and so the mapping
_COMMA = re.compile(r"(?<!\\),\s*")

Data = Mapping[str, Any]


def member_of(email: str) -> str:
    """A member's id in the API: the same in every audience, and another one when the address changes."""
    return md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The events in one webhook: what happened, and that somebody left the audience."""
    document = read_body(request.header("content-type"), request.body).document
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise Unreadable("a Mailchimp webhook is a form with a type, fired_at and data")
    kind, data = text_of(document.get("type")), document["data"]
    at = _time(document.get("fired_at"), request.received_at)
    match kind:
        case "subscribe":
            yield from _subscribed(kind, data, at, mapping)
        case "profile":
            event = _event(kind, data, at, EventType.CONTACT_UPDATED)
            yield from _with_profile(event, data, mapping)
        case "unsubscribe":
            yield from _unsubscribed(kind, data, at)
        case "upemail":
            yield from _moved(kind, data, at, mapping)
        case "cleaned":
            yield _cleaned(kind, data, at)
        case _:  # a campaign that was sent, which is about nobody; and what there may be in future
            told = {name: text for name in ("id", "list_id", "subject", "status") if (text := text_of(data.get(name)))}
            key = _key(kind, text_of(data.get("id")) or text_of(data.get("email")), data, document)
            yield Event(type=EventType.UNKNOWN, occurred_at=at, source_key=key, properties={"event": kind, **told})


def _time(value: Any, received_at: datetime) -> datetime:
    if not text_of(value):
        return received_at
    try:
        return parse_time(text_of(value))
    except ValueError:
        raise Unreadable(f"fired_at is not a time: {text_of(value)[:40]!r}") from None


def _key(kind: str, who: str, data: Data, document: Data) -> str:
    said = [kind, who, text_of(document.get("fired_at")), text_of(data.get("list_id"))]
    return f"mailchimp|{sha256('|'.join(said).encode()).hexdigest()}"


def _event(kind: str, data: Data, at: datetime, type: str, email: str = "") -> Event:
    """One event of a member. The address is who they are; Mailchimp's own ids differ from audience to audience."""
    address = clean_email((email or text_of(data.get("email")))[:320])
    if address is None:
        raise Unreadable("a member without a valid e-mail address")
    # fired_at has whole seconds, and two audiences may tell of the same one
    key = _key(kind, text_of(data.get("id")) or address.address, data, {"fired_at": at.isoformat()})
    identities = (Identity(EMAIL, address.address), Identity("mailchimp", member_of(address.address)))
    properties = {"list": text_of(data.get("list_id")), "campaign": text_of(data.get("campaign_id"))}
    return Event(
        type=type,
        occurred_at=at,
        source_key=key,
        identities=identities,
        properties={name: text for name, text in properties.items() if text},
    )


def _also(event: Event, type: str, properties: dict[str, Any] | None = None) -> Event:
    """What the same webhook means besides."""
    return Event(
        type=type,
        occurred_at=event.occurred_at,
        source_key=f"{event.source_key}#{type}",
        identities=event.identities,
        properties={**event.properties, **(properties or {})},
    )


def _subscribed(kind: str, data: Data, at: datetime, mapping: FieldMapping) -> Iterator[Event]:
    """A new member. A yes is the person's own where Mailchimp says from which address on the internet they signed up:
    an admin's import has none."""
    event = _event(kind, data, at, EventType.LIST_JOINED)
    signed_up = text_of(data.get("ip_signup"))
    consent = {"channel": "email", "state": "granted", "by_person": bool(signed_up), "method": "Mailchimp"}
    consent["proof"] = {
        name: text
        for name, text in (
            ("list", text_of(data.get("list_id"))),
            ("ip_signup", network_of(signed_up)),
            ("ip_opt", network_of(text_of(data.get("ip_opt")))),
        )
        if text
    }
    yield _also(event, EventType.CONTACT_CREATED)  # they may have been taken out before
    yield from _with_profile(event, data, mapping)
    yield _also(event, EventType.CONSENT_CHANGED, consent)


def _unsubscribed(kind: str, data: Data, at: datetime) -> Iterator[Event]:
    """Somebody left, or was taken out by an admin, which is no word of theirs. The documented body has the reason
    twice."""
    reasons = data.get("reason")
    reasons = [text_of(one) for one in reasons] if isinstance(reasons, list) else [text_of(reasons)]
    deleted = text_of(data.get("action")) == "delete"
    if "abuse" in reasons:
        event = _event(kind, data, at, EventType.EMAIL_COMPLAINED)
        event.properties["reason"] = "marked as spam"
        if deleted:
            yield _also(event, EventType.CONTACT_DELETED)
    elif deleted:
        event = _event(kind, data, at, EventType.CONTACT_DELETED)
    else:
        event = _event(kind, data, at, EventType.EMAIL_UNSUBSCRIBED)
        event.properties["method"] = f"Mailchimp: {', '.join(filter(None, reasons)) or 'unsubscribed'}"
    yield event
    yield _also(event, EventType.LIST_LEFT)


def _moved(kind: str, data: Data, at: datetime, mapping: FieldMapping) -> Iterator[Event]:
    new, old = text_of(data.get("new_email")), text_of(data.get("old_email"))
    event = _event(kind, data, at, EventType.CONTACT_UPDATED, new)
    if (before := clean_email(old[:320])) is not None:
        event.identities += (Identity(EMAIL, before.address), Identity("mailchimp", member_of(before.address)))
        event.source_key += f"#{member_of(before.address)}"
    yield from _with_profile(event, {"merges": {"EMAIL": new}}, mapping)


def _cleaned(kind: str, data: Data, at: datetime) -> Event:
    """An address that Mailchimp writes to no more."""
    if text_of(data.get("reason")) == "abuse":
        event = _event(kind, data, at, EventType.EMAIL_COMPLAINED)
        event.properties["reason"] = "marked as spam"
        return event
    event = _event(kind, data, at, EventType.EMAIL_BOUNCED)
    event.properties |= {"permanent": True, "reason": "cleaned by Mailchimp", "recipient": event.identity(EMAIL)}
    return event


def _with_profile(event: Event, data: Data, mapping: FieldMapping) -> Iterator[Event]:
    """The event with the member's merge fields: by their tags, parts of an address with a dot (``ADDRESS.city``)."""
    merges = object_of(data.get("merges"))
    profile: dict[str, Any] = {ADDRESS: text_of(merges.get("EMAIL")) or event.identity(EMAIL)}
    for name, value in merges.items():
        if isinstance(value, dict):
            profile |= {
                f"{name}.{part}": text_of(one) for part, one in value.items() if not isinstance(one, dict | list)
            }
        elif name not in ("EMAIL", "INTERESTS", "GROUPINGS"):
            profile[name] = text_of(value)
    event.told = dict(profile)
    event.mapping = mapping.version
    if interests := _interests(merges):
        event.properties["interests"] = interests
    yield from events_of(mapping.inbound(profile), event, str(event.identity("mailchimp")))


def _interests(merges: Data) -> list[str]:
    """The groups that somebody ticked: one text with commas, or since later a list of groupings."""
    groupings = merges.get("GROUPINGS")
    listed = list(groupings.values()) if isinstance(groupings, dict) else groupings
    texts = [text_of(one.get("groups")) for one in objects_of(listed)] or [text_of(merges.get("INTERESTS"))]
    names = (name.replace("\\,", ",").strip() for text in texts for name in _COMMA.split(text))
    return list(dict.fromkeys(name for name in names if name))[:100]
