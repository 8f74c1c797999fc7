"""What a person cares for: topics that they keep coming back to, until they have not for a while. Pure."""

from datetime import datetime

from app.contacts.contact import Contact, Interest
from app.contacts.event import Event

MAX_INTERESTS = 30


def topic_of(event: Event) -> str:
    """The topic that a download or a product stands for, in one spelling; an empty text where it has none."""
    return str(event.properties.get("topic") or event.properties.get("product") or "").strip().lower()[:100]


def note_interest(contact: Contact, topic: str, at: datetime) -> Interest:
    """Note that the person has shown interest in a topic. One that has run out begins anew."""
    known = contact.interests.get(topic)
    if known is not None and (known.until is None or at < known.until):
        known.last_at, known.count = at, known.count + 1
        return known
    if known is None and len(contact.interests) >= MAX_INTERESTS:
        oldest = min(contact.interests, key=lambda name: (contact.interests[name].last_at, name))
        del contact.interests[oldest]
    contact.interests[topic] = Interest(at, at)
    return contact.interests[topic]


def interests(contact: Contact, now: datetime) -> dict[str, float]:
    """topic → strength at a moment: how often it was shown, fading evenly to nothing until it runs out."""
    found = {}
    for topic, known in contact.interests.items():
        if known.until is None:
            found[topic] = float(known.count)
        elif now < known.until:
            left = (known.until - now) / (known.until - known.last_at)
            found[topic] = known.count * min(left, 1.0)
    return found
