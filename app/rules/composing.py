"""A message that a rule asks for, made for one contact: by which channel, whether it suits them, and what leaves. Pure.

A rule that decides calls ``prepare`` and ``suits``, as of its moment; who sends calls ``compose``, on the contact as it
is by then. A message without texts of ours (no ``content``) passes as it is: the tool's own flow has its words.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.content import Content
from app.rules.decision import Gate
from app.rules.filling import Context
from app.rules.rendering import Completeness, Withheld, channel_for, completeness, gate, payload, render
from app.rules.score import ScoringRules
from app.rules.suppression import SuppressionDocument

MAX_SAID = 4000  # bytes of an event's properties that are kept for what follows later


def excerpt(properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of an event's properties that are named, as far as there is room for them."""
    kept: dict[str, Any] = {}
    left = MAX_SAID
    for name in dict.fromkeys(names):
        if name in properties and (size := len(msgspec.json.encode(properties[name]))) <= left:
            kept[name] = properties[name]
            left -= size
    return kept


def uses(content: Content, message_id: str) -> tuple[str, ...]:
    """The event's properties that a message may use; none for one that does not exist."""
    message = content.messages.get(message_id)
    return () if message is None else message.said


def prepare(
    action: SendMessage,
    event: Event | None,
    contact: Contact,
    content: Content,
    suppression: SuppressionDocument,
    now: datetime,
) -> list[Gate]:
    """Give the action what its content says: purpose, channel, and what the texts may use of the event.

    The gates are about the channel: nothing where there is only e-mail to choose.
    """
    message = content.messages.get(action.content)
    if message is None:
        return []
    document = message.document
    action.channel, action.purpose = document.channel, document.consent
    if event is not None:
        action.on, action.said = event.type, excerpt(event.properties, message.said)
    if document.channels == ("email",):
        return []
    way = channel_for(message, contact, suppression, now)
    action.channel = way.channel or document.channel
    return [Gate("channel", bool(way.channel), way.reason)]


def suits(action: SendMessage, contact: Contact, content: Content, scoring: ScoringRules, now: datetime) -> list[Gate]:
    """Whether the message has something to say to this person, or would read the same for everybody."""
    if not action.content:
        return []
    message = content.messages.get(action.content)
    if message is None:
        return [Gate("texts", False, _unknown(action))]
    found = gate(message, contact, context_of(action, contact, scoring), content, now)
    return [Gate("something to say", found.ok, found.reason)]


def compose(
    action: SendMessage, contact: Contact, content: Content, scoring: ScoringRules, now: datetime
) -> SendMessage | Withheld:
    """The message as it leaves, its texts in ``properties``, or why it must not."""
    message = content.messages.get(action.content)
    if message is None:
        return Withheld(action.content, _unknown(action))
    context = context_of(action, contact, scoring)
    found: Completeness = completeness(message, contact, context, content, now)
    if not found.ok:
        return Withheld(message.id, found.reason)
    made = render(content, message.id, contact, context, now, action.channel)
    if isinstance(made, Withheld):
        return made
    return msgspec.structs.replace(action, properties={**action.properties, **payload(made, message)})


def context_of(action: SendMessage, contact: Contact, scoring: ScoringRules) -> Context:
    """What the texts look at beside the contact: what the event said, as the action keeps it, and the segments."""
    event = None
    if action.on:
        event = Event(type=action.on, occurred_at=action.occurred_at, source_key="", properties=action.said)
    return Context(event, segments=frozenset(contact.segments), scoring=scoring)


def _unknown(action: SendMessage) -> str:
    return f'the content has no message "{action.content}": publish it, or take it out of the rule'
