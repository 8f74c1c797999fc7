"""What the author of an automation wrote into the address that it posts to: ``…/webhooks/<name>?event=form.submitted``.

Tools let people post a contact from within their flows without saying what that means; so the address says it.
"""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from adapters.contract import Unreadable, WebhookRequest
from app.contacts.event import EVENT_TYPES, EventType, is_event_type
from app.contacts.own_events import OUR_OWN

MAX_SAID = 20  # parameters


def named_in(request: WebhookRequest) -> str:
    """What the address names as ``event``, whatever it is; empty where it names nothing."""
    return parse_qs(urlsplit(request.url).query).get("event", [""])[0]


def meaning_of(request: WebhookRequest) -> str:
    """The event type that the address names, else ``contact.updated``. Raises Unreadable for one that does not exist
    or is not for tools to say."""
    named = named_in(request)
    if named in OUR_OWN:
        raise Unreadable(f"?event={named} in the webhook's URL is what people decide in Baton; choose another name")
    if named and not is_event_type(named):
        raise Unreadable(
            f"?event={named[:60]} in the webhook's URL is no event type; one of {', '.join(sorted(EVENT_TYPES))}"
        )
    return named or EventType.CONTACT_UPDATED


def said_in(request: WebhookRequest) -> dict[str, Any]:
    """What else the address says, as properties of the event. That it was the person's own doing cannot be claimed
    there."""
    said = {}
    for name, value in parse_qsl(urlsplit(request.url).query)[:MAX_SAID]:
        if name not in ("event", "by_person", "actor"):
            said[name[:40]] = {"true": True, "false": False}.get(value.lower(), value[:200])
    return said
