"""How events begin and end a conversation with a person: replies, meetings, deals, chats and sales' tasks. Pure."""

from app.contacts.activity import count
from app.contacts.contact import (
    Contact,
    Signal,
)
from app.contacts.event import Event, channel_of
from app.contacts.times import time_or_none
from app.contacts.touches import note_touch

MAX_SIGNALS = 20


def _signal(contact: Contact, key: str, kind: str, event: Event, detail: str = "") -> None:
    """Someone talks with this person: open the signal, or keep it going."""
    said = event.properties
    who = str(said.get("owner") or event.actor or "")
    until = time_or_none(said.get("until") or said.get("ends_at") or said.get("starts_at"))
    known = contact.conversation.get(key)
    if known is None or known.closed_at is not None:
        contact.conversation[key] = Signal(kind, event.occurred_at, event.occurred_at, who, until, detail=detail)
    else:
        known.last_at, known.until = event.occurred_at, until or known.until
        known.who, known.detail = who or known.who, detail or known.detail
    if len(contact.conversation) > MAX_SIGNALS:
        closed_first = min(
            contact.conversation,
            key=lambda name: (
                contact.conversation[name].closed_at is None,
                contact.conversation[name].last_at,
                name,
            ),
        )
        del contact.conversation[closed_first]


def _hush(contact: Contact, key: str, event: Event) -> None:
    known = contact.conversation.get(key)
    if known is not None and known.closed_at is None:
        known.closed_at = event.occurred_at


def replied(contact: Contact, event: Event) -> None:
    count(contact, event)
    if event.machine is None:
        _signal(contact, f"reply:{channel_of(event)}", "reply", event)


def meeting_booked(contact: Contact, event: Event) -> None:
    if any(event.properties.get(name) for name in ("utm_source", "utm_medium", "utm_campaign")):
        note_touch(contact, event, f"meeting {event.properties.get('name', '')}".strip())
    _hush(contact, f"meeting:{event.properties.get('replaces')}", event)  # the same one at another time
    count(contact, event)
    _signal(contact, f"meeting:{event.properties.get('meeting', '')}", "meeting", event)


def meeting_canceled(contact: Contact, event: Event) -> None:
    _hush(contact, f"meeting:{event.properties.get('meeting', '')}", event)


def deal(contact: Contact, event: Event) -> None:
    key = f"deal:{event.properties.get('deal', '')}"
    stage = str(event.properties.get("stage") or "")
    if event.properties.get("closed"):
        _hush(contact, key, event)
    else:
        _signal(contact, key, "deal", event, stage)


def conversation_started(contact: Contact, event: Event) -> None:
    kind = str(event.properties.get("kind") or "chat")
    _signal(contact, f"{kind}:{event.properties.get('thread', '')}", kind, event)


def conversation_closed(contact: Contact, event: Event) -> None:
    kind = str(event.properties.get("kind") or "chat")
    _hush(contact, f"{kind}:{event.properties.get('thread', '')}", event)


def task_completed(contact: Contact, event: Event) -> None:
    _hush(contact, f"task:{event.properties.get('task', '')}", event)
