"""From where a person came, visit by visit: what of it is a touch of its own. Pure."""

from datetime import timedelta

from app.contacts.contact import (
    Contact,
    Touch,
)
from app.contacts.event import Event, EventType

MAX_TOUCHES = 20


# A visit within this time of the last one, with nothing new to say about its origin, is the same visit.
SAME_VISIT = timedelta(minutes=30)


def note_touch(contact: Contact, event: Event, entry: str) -> None:
    """Keep a person's arrival: the first one for ever, then the newest ones."""
    if event.machine is not None:
        return
    said = event.properties

    def text(name: str) -> str:
        return str(said.get(name) or "")[:500]

    touch = Touch(
        at=event.occurred_at,
        entry=entry,
        source=text("utm_source"),
        medium=text("utm_medium"),
        campaign=text("utm_campaign"),
        term=text("utm_term"),
        content=text("utm_content"),
        referrer=text("referrer"),
        landing_page=text("path") or text("page_url"),
        click_id=text("click_id"),
    )
    last = contact.touches[-1] if contact.touches else None
    same_origin = last is not None and (touch.source, touch.medium, touch.campaign, touch.click_id) in (
        ("", "", "", ""),
        (last.source, last.medium, last.campaign, last.click_id),
    )
    visited = contact.activity.get(EventType.PAGE_VIEWED)
    if same_origin and visited is not None and event.occurred_at - visited.last_at < SAME_VISIT:
        return
    contact.touches.append(touch)
    if len(contact.touches) > MAX_TOUCHES:
        del contact.touches[1]
