"""How often a person did what, and at which hours of the day. Machines are not people. Pure."""

from app.contacts.contact import (
    Activity,
    Contact,
)
from app.contacts.event import Event

MAX_PER_HOUR = 200


def count(contact: Contact, event: Event) -> None:
    """Note that the person did this; machines are not people."""
    if event.machine is not None:
        return
    known = contact.activity.get(event.type)
    if known is None:
        contact.activity[event.type] = Activity(event.occurred_at, event.occurred_at)
    else:
        known.last_at = event.occurred_at
        known.count += 1


def count_at_hour(contact: Contact, event: Event) -> None:
    """Note that the person did this, and at which hour of the day. Where one hour gets many, all are halved: what was
    lately counts more than what was long ago."""
    count(contact, event)
    if event.machine is not None:
        return
    if not contact.hours:
        contact.hours = [0] * 24
    hour = event.occurred_at.hour
    contact.hours[hour] += 1
    if contact.hours[hour] > MAX_PER_HOUR:
        contact.hours = [count // 2 for count in contact.hours]
