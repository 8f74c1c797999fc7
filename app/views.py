"""What screens and API show of contacts, events, decisions, deliveries and handoffs: rows as plain data."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import merges, sequences
from app.contacts.action import SendMessage
from app.contacts.consent import CHANNELS
from app.contacts.contact import Contact, Send, Value
from app.contacts.engagement import overall_tier, tier_of
from app.contacts.event import Event, Identity
from app.contacts.hygiene import remarks
from app.contacts.interests import interests
from app.rules.decide import Policies
from app.rules.decision import Gate
from app.rules.frequency import free_from, rung_of, uses
from app.rules.score import read_score, total
from app.rules.sending import checks
from app.rules.suppression import conversation, suppressions
from app.runtime import Runtime
from app.store import lists, people, rows
from app.store.lists import Rows

BATON = "baton"  # the connection that Baton's own events come from
_contact = msgspec.json.Decoder(Contact).decode
_event = msgspec.json.Decoder(Event).decode


def connection_name(runtime: Runtime, connection_id: int | None) -> str:
    """A connection's name; Baton's own events come from ``baton``."""
    if not connection_id:
        return BATON
    found = runtime.connections().get(connection_id)
    return found.name if found else f"removed {connection_id}"


def contact(runtime: Runtime, conn: Conn, contact_id: int) -> dict[str, Any] | None:
    """Everything that is known of one contact now; one that was merged is shown as the contact it became."""
    return next(iter(contacts(runtime, conn, [people.survivor(conn, contact_id)])), None)


def contacts(runtime: Runtime, conn: Conn, contact_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The same of several, in their order; those that are gone are left out."""
    found = rows.contact_rows(conn, contact_ids)
    if not found:
        return []
    states = {contact_id: _contact(row["state"]) for contact_id, row in found.items()}
    beside = _Beside(
        lists.handoffs_of(conn, found.keys(), 20),
        people.known_by(conn, found.keys()),
        merges.of_contacts(runtime, conn, found.keys()),
        _duplicates(conn, states),
    )
    return [_shown(runtime, found[one], states[one], beside) for one in contact_ids if one in found]


class _Beside(Struct, frozen=True):
    """What stands beside contacts' states, by contact."""

    handoffs: Mapping[int, Rows]
    aliases: Mapping[int, list[tuple[Identity, int | None]]]
    merges: Mapping[int, list[merges.Shown]]
    duplicates: Mapping[int, list[dict[str, Any]]]


def _shown(runtime: Runtime, row: Mapping[str, Any], state: Contact, beside: _Beside) -> dict[str, Any]:
    contact_id, now = row["id"], runtime.clock()
    return {
        "id": contact_id,
        **of_state(runtime, state, now),
        "handoffs": [handoff(runtime, found) for found in beside.handoffs[contact_id]],
        "aliases": aliases(runtime, beside.aliases[contact_id]),
        "merged": beside.merges[contact_id],
        "possible_duplicates": beside.duplicates[contact_id],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def of_state(runtime: Runtime, state: Contact, now: datetime) -> dict[str, Any]:
    """What a contact's state says at a moment, under the rules in force."""
    policies = runtime.rulebook().policies
    overall = overall_tier(state, policies.suppression.tiers, now)
    return {
        "email": state.email,
        "name": state.name,
        "fields": {name: value.value for name, value in sorted(state.fields.items())},
        "provenance": {name: _provenance(runtime, value) for name, value in sorted(state.fields.items())},
        "disputes": sorted(state.disputes),
        "lifecycle_stage": state.stage.name if state.stage else None,
        "stage": _plain(state.stage),
        "conversation": conversation(state, policies.suppression, now),
        "consent": _consent(runtime, state),
        "deliverability": _plain(state.deliverability),
        "suppressions": suppressions(state, policies.suppression, now),
        "engagement": {
            "tier": overall.tier,
            "since": overall.since,
            "last_human_at": overall.last_human_at,
            "channels": {name: tier_of(state, name, policies.suppression.tiers, now).tier for name in CHANNELS},
            "activity": _plain(state.activity),
        },
        "score": read_score(state.score, policies.scoring.read, now),
        "interests": _interests(state, now),
        "entry_point": _plain(state.touches[0]) if state.touches else None,
        "touches": _plain(state.touches),
        "segments": _segments(runtime, state),
        "lists": {key.partition(":")[2]: since for key, since in state.lists.items()},
        "tags": state.tags,
        "revenue": state.revenue,
        "messages": state.messages,
        "sends": [_send(runtime, send) for send in state.sends[-10:]],
        "frequency": _frequency(state, policies, now),
        "enrolments": sequences.of_contact(policies.sequences, state, now),
        "hygiene": remarks(state),
        "first_seen_at": state.first_seen_at,
        "erased_at": state.erased_at,
    }


def _provenance(runtime: Runtime, said: Value) -> dict[str, Any]:
    """Who said a field's value, when, and through which version of which mapping."""
    return {
        "at": said.at,
        "connection": connection_name(runtime, said.connection_id),
        "mapping": said.mapping or None,
        "by": said.by or None,
    }


def _send(runtime: Runtime, send: Send) -> dict[str, Any]:
    """One message that reached the person or is to: ours with its rule, or one that a tool sent by itself."""
    tool = connection_name(runtime, send.connection_id) if send.connection_id else None
    return {
        "at": send.at,
        "channel": send.channel,
        "rule": send.rule or None,
        "connection": tool,
        "status": "reserved" if send.reserved else "sent",
        "counts": not send.exempt,
    }


def _frequency(state: Contact, policies: Policies, now: datetime) -> dict[str, Any]:
    """How far the caps of the contact's tier are used up, and from when on an ordinary message may leave."""
    reading, rung = rung_of(state, policies, now)
    message = SendMessage(message="", rule="", occurred_at=now)
    return {
        "tier": reading.tier,
        "wakes_only": rung.wakes_only,
        "caps": [
            {"max": use.cap.max, "days": use.cap.days, "count": use.count, "free_at": use.free_at}
            for use in uses(state, policies, now)
        ],
        "free_from": free_from(state, message, policies, now),
    }


def _duplicates(conn: Conn, states: Mapping[int, Contact]) -> dict[int, list[dict[str, Any]]]:
    found = rows.possible_duplicates(conn, {contact_id: state.name for contact_id, state in states.items()})
    others = {other for some in found.values() for other in some}
    known = {key: _named(key, _contact(row["state"])) for key, row in rows.contact_states(conn, others).items()}
    return {
        contact_id: [{**known[key], "why": why} for key, why in some.items() if key in known]
        for contact_id, some in found.items()
    }


def _named(contact_id: int, state: Contact) -> dict[str, Any]:
    return {"id": contact_id, "email": state.email, "name": state.name}


def state_of(conn: Conn, contact_id: int) -> Contact | None:
    """A contact's state as it is stored, or None."""
    row = rows.contact_row(conn, contact_id)
    return None if row is None else _contact(row["state"])


def may_be_sent(runtime: Runtime, conn: Conn, contact_id: int) -> dict[str, list[Gate]]:
    """channel → the gates that a marketing message would have to pass now, passed or not; nothing where the contact
    is gone."""
    state = state_of(conn, contact_id)
    if state is None:
        return {}
    policies, now = runtime.rulebook().policies, runtime.clock()
    return {
        channel: checks(state, SendMessage(message="", rule="", occurred_at=now, channel=channel), policies, now)
        for channel in CHANNELS
    }


class Glance(Struct, frozen=True):
    """A contact as lists show it, with the segments it is in and since when."""

    id: int
    name: str
    email: str | None
    stage: str | None
    score: float
    tier: str
    erased: bool
    updated_at: datetime
    segments: dict[str, datetime]


def glances(runtime: Runtime, conn: Conn, contact_ids: Collection[int]) -> dict[int, Glance]:
    """Contacts as lists show them, by id: one query for all. Those that are gone are left out."""
    policies, now = runtime.rulebook().policies, runtime.clock()
    found = {}
    for contact_id, row in rows.contact_states(conn, contact_ids).items():
        state = _contact(row["state"])
        found[contact_id] = Glance(
            contact_id,
            state.name,
            state.email,
            str(state.stage.name) if state.stage else None,
            total(state.score, policies.scoring.read, now),
            str(overall_tier(state, policies.suppression.tiers, now).tier),
            state.erased_at is not None,
            row["updated_at"],
            state.segments,
        )
    return found


def _plain(value: Any) -> Any:
    """A part of the state with its defaults written out; stored states leave them out."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(inner) for name, inner in msgspec.structs.asdict(value).items()}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _interests(state: Contact, now: datetime) -> dict[str, Any]:
    """topic → what the person shows of it, the strongest first; without what has run out."""
    found = interests(state, now)
    return {
        topic: {"strength": round(found[topic], 2), **_plain(state.interests[topic])}
        for topic in sorted(found, key=lambda topic: (-found[topic], topic))
    }


def _segments(runtime: Runtime, state: Contact) -> list[dict[str, Any]]:
    """The segments that the contact is in, in the policy's order."""
    known = runtime.rulebook().policies.segments.every
    return [
        {"id": one.id, "label": one.label, "since": state.segments[one.id]} for one in known if one.id in state.segments
    ]


def _consent(runtime: Runtime, state: Contact) -> dict[str, Any]:
    """channel → purpose → what we may assume, since when, and who said so."""
    found: dict[str, Any] = {channel: {} for channel in CHANNELS}
    for key, consent in state.consent.items():
        channel, _, purpose = key.partition("/")
        no = consent.last_withdrawal
        said = no if str(consent.state) == "withdrawn" else consent.granted
        found.setdefault(channel, {})[purpose] = {
            "state": consent.state,
            "at": said.at if said else consent.pending_at,
            "source": connection_name(runtime, int(said.source)) if said else None,
            "method": said.method if said else None,
            "proof": proven.proof if (proven := consent.by_person or consent.granted) else None,
        }
    return found


def aliases(runtime: Runtime, known: Iterable[tuple[Identity, int | None]]) -> list[dict[str, Any]]:
    """The names that a contact goes by, each with the connection that uses it."""
    return [
        {
            "kind": identity.kind,
            "value": identity.value,
            "connection": connection_name(runtime, connection_id) if connection_id else None,
        }
        for identity, connection_id in known
    ]


def event(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """One event."""
    found = _event(row["body"])
    identities: dict[str, str] = {}
    for identity in found.identities:
        identities.setdefault(identity.kind, identity.value)
    return {
        "id": row["id"],
        "type": found.type,
        "occurred_at": found.occurred_at,
        "received_at": found.received_at,
        "connection": connection_name(runtime, found.connection_id),
        "contact_id": row["contact_id"],
        "identities": identities,
        "all_identities": [[identity.kind, identity.value] for identity in found.identities],
        "properties": found.properties,
        "fields": found.fields,
        "machine": found.machine,
        "actor": found.actor,
        "inbox_id": row["inbox_id"],
    }


def inbox(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """One request in the inbox; with its body where the row has it."""
    shown = {
        name: row[name] for name in ("id", "kind", "route", "received_at", "status", "reason", "attempts", "events")
    }
    shown["connection"] = connection_name(runtime, row["connection_id"])
    shown["parent_id"], shown["waits_until"] = (
        row["parent_id"],
        row["not_before"] if row["status"] == "pending" else None,
    )
    if "body" in row:
        shown["url"] = row["url"]
        shown["headers"] = msgspec.json.decode(row["headers"])
        shown["body"] = bytes(row["body"]).decode("utf-8", "replace")
    return shown


def decision(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """One decision with its gates."""
    names = ("id", "contact_id", "event_id", "at", "decided_at", "rule", "policy", "what", "outcome", "summary")
    return {**{name: row[name] for name in names}, "gates": msgspec.json.decode(row["gates"])}


def delivery(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """One delivery; with each try where the row has them."""
    names = ("id", "contact_id", "kind", "urgency", "status", "reason", "attempts", "created_at", "updated_at")
    shown = {name: row[name] for name in names}
    shown["connection"] = connection_name(runtime, row["connection_id"])
    shown["not_before"] = row["not_before"] if row["status"] == "pending" else None
    shown["action"] = msgspec.json.decode(row["action"])
    shown["result"] = msgspec.json.decode(row["result"]) if row["result"] else None
    if "tries" in row:
        shown["tries"] = row["tries"]
    return shown


def handoff(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """One handoff with its owner, clock and verdict."""
    names = (
        "id", "contact_id", "rule", "status", "score", "reason", "opened_at", "due_at", "alerted_at", "claimed_at",
        "claimed_by", "verdict", "verdict_at", "verdict_by", "remind_at", "reminded_at", "escalated_at",
    )  # fmt: skip
    overdue = row["status"] == "open" and row["due_at"] < runtime.clock()
    owner = {"id": row["owner_id"], "email": row["owner_email"], "name": row["owner_name"], "why": row["assigned_why"]}
    return {
        **{name: row[name] for name in names},
        "overdue": overdue,
        "escalated_to": row["escalated_to"] or None,
        "owner": owner if row["assigned_at"] else None,
    }


def as_text(moment: datetime | None) -> str | None:
    """A moment as the API writes it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
