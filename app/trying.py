"""Would this fire for Ann? A rule of a policy, also of one that is still being written, tried on somebody. Nothing is
kept and nothing is sent."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.decide import Policies
from app.rules.policy import Document, compile_policies
from app.rules.sequences.policy import Edition
from app.rules.would import Answer, would_enter, would_hand_over, would_score, would_segment, would_trigger
from app.runtime import Runtime
from app.store import policies as stored

Ask = Callable[[Contact, Event, str, Policies], Answer]
# kind of policy → where its rules stand, and what is asked of one
KINDS: Mapping[str, tuple[str, Ask]] = {
    "scoring": ("rules", would_score),
    "handoff": ("rules", would_hand_over),
    "triggers": ("triggers", would_trigger),
    "sequences": ("sequences", would_enter),
    "segments": ("segments", would_segment),
}


def rules_of(kind: str, document: Any) -> list[tuple[str, str]]:
    """The rules of a document that can be tried, as (id, label)."""
    return [(one.id, one.label) for one in getattr(document, KINDS[kind][0])]


def events_of(kind: str, document: Any, rule: str) -> list[str]:
    """The event types at which a rule looks; none: at every one, or at what the contact is."""
    found = next((one for one in getattr(document, KINDS[kind][0]) if one.id == rule), None)
    if kind == "segments" or found is None:
        return []
    return list(found.entry.on if kind == "sequences" else found.on)


def with_document(runtime: Runtime, conn: Connection, document: Document, now: datetime) -> Policies:
    """The policies that are in force, with one document in place of its own."""
    read = stored.read_versions([one for one in stored.published(conn) if one.kind not in ("mapping", document.kind)])
    chosen = {kind: (doc.model, version) for (kind, _), (doc, version) in read.items()}
    chosen[document.kind] = (document.model, f"{document.kind}@draft")
    in_force = runtime.rulebook().policies
    if document.kind == "sequences":
        return compile_policies(chosen, editions=[Edition(document.model, "sequences@draft", now)])
    return msgspec.structs.replace(compile_policies(chosen), sequences=in_force.sequences)


def tried(contact: Contact, event: Event, kind: str, rule: str, policies: Policies) -> Answer:
    """What would become of a rule. Raises KeyError where there is none with this id."""
    return KINDS[kind][1](contact, event, rule, policies)


def happening(kind: str, properties: Mapping[str, Any], contact: Contact, now: datetime) -> Event:
    """What is supposed to happen, now, or right after what is known of the contact."""
    at = max(now, contact.newest.occurred_at) if contact.newest is not None else now
    return Event(
        type=kind,
        occurred_at=at,
        received_at=at,
        source_key="would",
        id="0" * 32,
        properties=dict(properties),
    )
