"""What the tokens of a message stand for, for one contact at a moment. Pure.

What cannot be put into a sentence counts as not known, so that the fallback stands there: whatever a contact's fields
hold, no raw token, no markup and no foreign address comes into a text.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from app.contacts.contact import Contact, Interest
from app.contacts.event import Event
from app.contacts.interests import interests
from app.contacts.times import EPOCH
from app.rules.compare import dig, like
from app.rules.condition import Facts
from app.rules.content import Content, Message, ResourceDocument, with_utm
from app.rules.score import ScoringRules
from app.rules.template import put, raw_token

MAX_VALUE = 200  # characters
NEXT_RESOURCES = 2


class Context(Struct, frozen=True):
    """What is known beside the contact. ``interests``: weight by topic; none: the contact's own, as strong as they are
    ``at`` a moment. ``downloaded``: ids, titles or addresses of resources that the person has already."""

    event: Event | None = None
    interests: Mapping[str, float] = {}
    segments: frozenset[str] = frozenset()
    downloaded: frozenset[str] = frozenset()
    scoring: ScoringRules = field(default_factory=lambda: ScoringRules({}, {}))
    at: datetime = EPOCH


def clean(value: Any) -> str | None:
    """A value as it can stand in a sentence: one line, at most 200 characters, or None where it cannot: nothing to
    read in it, a token, an address of the web, a word for nothing."""
    if isinstance(value, list | tuple):
        single = (clean(one) for one in value[:5] if not isinstance(one, list | tuple))
        return ", ".join(text for text in single if text)[:MAX_VALUE] or None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float):
        value = f"{value:.10g}" if isfinite(value) else ""
    elif isinstance(value, int) and abs(value) >= 10**18:
        return None
    text = str(value)[: 4 * MAX_VALUE]
    text = "".join(" " if sign.isspace() else sign for sign in text if sign.isspace() or not _unseen(sign))
    text = " ".join(text.split())
    if len(text) > MAX_VALUE or not any(sign.isalnum() for sign in text) or _NOTHING.fullmatch(text):
        return None
    return None if raw_token(f"Hi {text}, {text}") or _ADDRESS.search(text) else text


_NOTHING = re.compile(r"(?i:none|n/a|undefined|unknown|not set)|NULL")  # Null is also a name
_ADDRESS = re.compile(r"://|\bwww\.|\w\.[a-zA-Z]{2,10}/|[<>{}\[\]|]")
_JOINERS = "\u200c\u200d"  # they make emoji and letters of some scripts


def _unseen(sign: str) -> bool:
    """Control signs, marks that turn the direction of writing, halves of characters."""
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn") and sign not in _JOINERS


def interests_of(contact: Contact, context: Context) -> list[str]:
    """The topics that the person cares for, the strongest first."""
    if context.interests:
        weights = {topic: weight for topic, weight in context.interests.items() if isfinite(weight) and weight > 0}
        return sorted(weights, key=lambda topic: (-weights[topic], topic))
    known, strength = contact.interests, interests(contact, context.at)
    return sorted(strength, key=lambda topic: (-strength[topic], -known[topic].last_at.timestamp(), topic))


def arrival(contact: Contact) -> tuple[str, ...]:
    """How the person first came: form or page, and the source, medium and campaign of that visit, in small letters."""
    if not contact.touches:
        return ()
    first = contact.touches[0]
    said = (first.entry, first.landing_page, first.source, first.medium, first.campaign)
    return tuple(str(one).casefold() for one in said if one)


def next_resources(content: Content, contact: Contact, context: Context) -> list[ResourceDocument]:
    """The two resources to name next: those on the person's interests, the strongest first, then those for how they
    came, then the document's order. What they have already is left out."""
    rank = {topic.casefold(): number for number, topic in enumerate(interests_of(contact, context))}
    came = arrival(contact)
    has = {str(one).casefold() for one in context.downloaded}
    event = context.event
    if event is not None and event.type == "asset.downloaded":
        has |= {str(event.properties.get(name)).casefold() for name in ("asset", "title", "url", "page_url")}

    def order(one: ResourceDocument) -> tuple[int, bool]:
        liked = min((rank.get(topic.casefold(), len(rank)) for topic in one.topics), default=len(rank))
        return liked, not came_by(one.entry_points, came)

    fresh = (one for one in content.resources if not has & {one.id, one.title.casefold(), one.url.casefold()})
    return sorted(fresh, key=order)[:NEXT_RESOURCES]


def came_by(patterns: list[str], came: tuple[str, ...]) -> bool:
    """Whether one of the patterns fits how the person came (see ``arrival``)."""
    return any(like(said, pattern.casefold()) for pattern in patterns for said in came)


class Filling(Struct):
    """What is needed to fill the texts of one message for one contact. ``known``: each token's value as far as there is
    one; ``scope``: the same nested as Liquid wants it, with the message's fallbacks."""

    content: Content
    message: Message
    contact: Contact
    context: Context
    facts: Facts
    medium: str
    known: dict[str, Any]
    scope: dict[str, Any]

    def has(self, name: str) -> bool:
        """Whether a token is known by itself, without a fallback."""
        return name in self.known

    def url(self, address: str) -> str:
        """The address with the message's UTM."""
        document = self.message.document
        return with_utm(address, self.content.utm_source, self.medium, document.campaign or self.message.id)


def filling_of(
    content: Content, message: Message, contact: Contact, context: Context, now: datetime, medium: str
) -> Filling:
    """What the message's tokens stand for. ``medium`` is the channel, for UTM."""
    if context.interests:  # conditions look at the same interests as tokens
        contact = replace(contact, interests={topic: Interest(now, now) for topic in interests_of(contact, context)})
    context = replace(context, at=now)
    facts = Facts(contact, context.event, now, context.scoring)
    filling = Filling(content, message, contact, context, facts, medium, {}, {"custom": {}, "event": {}})
    for name in sorted(message.names):
        if (value := _value(name, filling)) is not None:
            filling.known[name] = value
    for name, value in {**message.document.fallbacks, **filling.known}.items():
        put(filling.scope, name, value)
    return filling


def _value(name: str, filling: Filling) -> Any:
    contact, context = filling.contact, filling.context
    match name:
        case "stage":
            return str(contact.stage.name) if contact.stage else None
        case "interest" | "interests":
            topics = [text for topic in interests_of(contact, context)[:10] if (text := clean(topic))][:3]
            return (topics[0] if name == "interest" else topics) if topics else None
        case "next_resources":
            found = next_resources(filling.content, contact, context)
            return [{"title": one.title, "url": filling.url(one.url)} for one in found] or None
        case "product":
            return _product(context.event)
    head, _, rest = name.partition(".")
    if head == "event":
        return clean(dig(context.event.properties, rest.split("."))) if context.event else None
    return clean(contact.get(name))


def _product(event: Event | None) -> str | None:
    """What an event is about: its product, or the first of the items of an order."""
    if event is None:
        return None
    items = event.properties.get("items")
    first = items[0] if isinstance(items, list) and items else None
    named = [first.get(name) for name in _NAMES] if isinstance(first, dict) else []
    return next((text for name in (event.properties.get("product"), *named) if (text := clean(name))), None)


_NAMES = ("name", "title", "product", "product_name", "ProductName")  # as shops call it
