"""Messages as people look at them: what could be better, and what one would say to a person, block by block."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.composing import context_of, prepare
from app.rules.content import Content, Message
from app.rules.decide import Policies
from app.rules.lint import Finding, lint
from app.rules.rendering import Rendered, Withheld, gate, payload, render
from app.rules.sequences.policy import Flow
from app.rules.sequences.program import sends
from app.rules.suppression import gates
from app.rules.triggers import TriggerDocument
from app.runtime import Runtime
from app.store import rows

LOOKED_AT = 1_000  # of so many newest contacts the emptiest is found: older ones know more
_EVENTS = 50  # the newest of a contact, among which is the one that the message could follow from

_contact = msgspec.json.Decoder(Contact).decode
_event = msgspec.json.Decoder(Event).decode


def listed(policies: Policies) -> list[dict[str, Any]]:
    """The messages in the document's order, each with what sends it and what could be better."""
    return [shown(policies, message) for message in policies.content.messages.values()]


def shown(policies: Policies, message: Message) -> dict[str, Any]:
    """One message with what sends it and what could be better."""
    document = message.document
    return {
        "id": message.id,
        "label": document.label,
        "channels": list(document.channels),
        "class": document.class_,
        "purpose": document.consent,
        "priority": document.priority,
        "subject": document.subject,
        "triggers": [{"id": one.id, "label": one.label} for one in triggers_of(policies, message.id)],
        "sequences": [{"id": one.id, "label": one.label} for one in sequences_of(policies, message.id)],
        "findings": [msgspec.structs.asdict(one) for one in _doubts(policies.content, message.id)],
    }


def elsewhere(policies: Policies) -> list[dict[str, Any]]:
    """The messages whose texts stand in a tool, by the names on which its flows start, each with what sends it."""
    found: dict[str, dict[str, Any]] = {}

    def heed(kind: str, name: str, sender: TriggerDocument | Flow) -> None:
        one = found.setdefault(name, {"label": name, "triggers": [], "sequences": []})
        if (known := {"id": sender.id, "label": sender.label}) not in one[kind]:
            one[kind].append(known)

    for trigger in policies.triggers.by_id.values():
        if trigger.active and trigger.message is not None and not trigger.message.content:
            heed("triggers", trigger.message.name, trigger)
    for flow in policies.sequences.newest.by_id.values():
        for step in sends(flow.ops):
            if not step.document.content:
                heed("sequences", step.document.name, flow)
    return [found[name] for name in sorted(found)]


_linted: tuple[Content | None, dict[str, list[Finding]]] = (None, {})


def _doubts(content: Content, message_id: str) -> list[Finding]:
    """What could be better about a message of the content in force, worked out once: each is rendered many times."""
    global _linted
    known, found = _linted
    if known is not content:
        known, found = _linted = content, {}
    if message_id not in found:
        found[message_id] = lint(content, message_id)
    return found[message_id]


def triggers_of(policies: Policies, message_id: str) -> list[TriggerDocument]:
    """The triggers that send a message."""
    return [
        one
        for one in policies.triggers.by_id.values()
        if one.message is not None and one.message.content == message_id and one.active
    ]


def sequences_of(policies: Policies, message_id: str) -> list[Flow]:
    """The sequences that send a message; also one that lets nobody in any more, for it goes on for who is in it."""
    flows = policies.sequences.newest.by_id.values()
    return [flow for flow in flows if any(one.document.content == message_id for one in sends(flow.ops))]


def emptiest(conn: Connection) -> int | None:
    """The contact of whom the least is known, among the newest; None where there are none."""
    known = ((key, _contact(state)) for key, state in rows.newest_states(conn, LOOKED_AT))
    found = [(len(one.fields) + len(one.touches) + len(one.interests), -key) for key, one in known if not one.erased_at]
    return -min(found)[1] if found else None


def tried(
    policies: Policies, message: Message, contact: Contact, event: Event | None, now: datetime, channel: str = ""
) -> dict[str, Any]:
    """What the message would say to this person now, why so, and whether it may be sent to them.

    By ``channel`` where one is given, else by the one that it would go by.
    """
    content, scoring = policies.content, policies.scoring.read
    action = SendMessage(message=message.document.label, rule="", occurred_at=now, content=message.id)
    checks = prepare(action, event, contact, content, policies.suppression, now)
    action.channel = channel or action.channel
    checks += gates(contact, action, policies.suppression, now)
    context = context_of(action, contact, scoring)
    complete = gate(message, contact, context, content, now)
    made = render(content, message.id, contact, context, now, action.channel)
    return {
        "message": message.id,
        "channel": action.channel,
        "suits": complete.ok,
        "reason": complete.reason or (made.reason if isinstance(made, Withheld) else ""),
        "missing": list(complete.missing),
        "gates": checks,
        "rendered": payload(made, message) if isinstance(made, Rendered) else None,
        "blocks": [msgspec.structs.asdict(one) for one in made.chosen] if isinstance(made, Rendered) else [],
        "fell_back": list(made.fell_back) if isinstance(made, Rendered) else [],
    }


def tried_on(runtime: Runtime, conn: Connection, message: Message, contact_id: int, channel: str) -> dict[str, Any]:
    """The same for a contact by id, with the newest event that the message could follow from. Raises KeyError where
    there is no such contact."""
    row = rows.contact_states(conn, [contact_id])[contact_id]
    policies, contact = runtime.rulebook().policies, _contact(row["state"])
    event = followed(policies, conn, message.id, contact_id)
    found = tried(policies, message, contact, event, runtime.clock(), channel)
    after = {"type": event.type, "occurred_at": event.occurred_at} if event else None
    return {**found, "contact_id": contact_id, "follows": after}


def tried_on_nobody(runtime: Runtime, message: Message, channel: str) -> dict[str, Any]:
    """The same for somebody of whom nothing at all is known."""
    found = tried(runtime.rulebook().policies, message, Contact(), None, runtime.clock(), channel)
    return {**found, "contact_id": None, "follows": None}


def followed(policies: Policies, conn: Connection, message_id: str, contact_id: int) -> Event | None:
    """The newest event of a contact that the message could follow from, among their last; None where there is none."""
    types = {name for one in triggers_of(policies, message_id) for name in one.on}
    types |= {name for one in sequences_of(policies, message_id) for name in one.document.entry.on}
    if not types:
        return None
    newest = (_event(row["body"]) for row in rows.newest_events(conn, contact_id, _EVENTS))
    return next((one for one in newest if one.type in types), None)


def findings(content: Content) -> list[str]:
    """What could be better about any message, one line each."""
    return [f"{one.level}: {one}" for name in content.messages for one in lint(content, name)]
