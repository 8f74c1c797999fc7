"""Leads and contacts, tasks and opportunities as Salesforce holds them, and the events that this amounts to. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.contract import Record, Unreadable
from adapters.salesforce.names import CONTACT, LEAD, full_id, is_person, object_of_id, properties_of
from adapters.snapshot import events_of
from adapters.values import as_text, text_of
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

KIND = "salesforce"  # the kind of identity
_MARK = re.compile(r"\bbaton-[0-9a-f]{16}\b")  # in a task of ours
# Whom it is about and what became of it; none of it says what the person is like
_NO_PROFILE = frozenset(
    (
        *("Id", "IsDeleted", "SystemModstamp", "LastModifiedDate", "CreatedDate", "OwnerId", "MasterRecordId"),
        *("IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId"),
        *("EmailBouncedDate", "EmailBouncedReason", "LastModifiedById", "CreatedById", "AccountId"),
    )
)


def record_of(record: Mapping[str, Any], mapping: FieldMapping, now: datetime) -> Record:
    """Who a lead or contact is and what Salesforce holds of them. A lead that became a contact, and a record that was
    merged into another, are the one that is left. Raises Unreadable for what is neither."""
    name = full_id(record.get("Id"))
    kind = object_of_id(name)
    if kind not in (LEAD, CONTACT):
        raise Unreadable("a record without the id of a lead or contact")
    at = changed_at(record, now)
    survivor = _survivor(record)
    if record.get("IsDeleted") is True and not survivor:
        return Record(events=(_deleted(name, _time(record.get("SystemModstamp"), now) or at),))
    said = properties_of(record, kind)
    identities = identities_of(name, said)
    if survivor:
        both = (Identity(KIND, survivor), *identities)
        return Record(identities=both, events=tuple(_merged(record, survivor, both, at)))
    read = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"read|{name}|{at.isoformat()}",
        identities=identities,
        properties={"source": "read"},
        told=profile_of(said),
        mapping=mapping.version,
    )
    events = (*events_of(mapping.inbound(said), read, name), *bounces(record, read))
    return Record(identities=identities, events=events)


def identities_of(name: str, said: Mapping[str, Any]) -> tuple[Identity, ...]:
    """Who it is: by the record's id, where there is one, and by address."""
    found = [Identity(KIND, name)] if name else []
    if email := clean_email(text_of(said.get("Email"))[:320]):
        found.append(Identity(EMAIL, email.address))
    return tuple(found)


def profile_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth remembering of what Salesforce says of a person."""
    return {name: value for name, value in said.items() if name not in _NO_PROFILE}


def changed_at(record: Mapping[str, Any], now: datetime) -> datetime:
    """When a record was last changed by somebody, never ahead of now."""
    for name in ("LastModifiedDate", "SystemModstamp"):
        if (at := _time(record.get(name), now)) is not None:
            return at
    return now


def _time(value: Any, now: datetime) -> datetime | None:
    try:
        return min(parse_time(value), now)
    except ValueError:
        return None


# --- what became of a record


def _survivor(record: Mapping[str, Any]) -> str:
    """The record that is left of this one: the contact that a lead became, or what it was merged into."""
    if record.get("IsConverted") is True and is_person(contact := full_id(record.get("ConvertedContactId"))):
        return contact
    master = full_id(record.get("MasterRecordId")) if record.get("IsDeleted") is True else ""
    return master if is_person(master) else ""


def _merged(
    record: Mapping[str, Any], survivor: str, identities: tuple[Identity, ...], at: datetime
) -> Iterator[Event]:
    gone, converted = full_id(record["Id"]), record.get("IsConverted") is True
    how = {"merged": [gone], "survivor": survivor, "source": "read"}
    yield Event(
        type=EventType.CONTACT_MERGED,
        occurred_at=at,
        source_key=merge_key(survivor, gone),
        identities=identities,
        properties={**how, "converted": True} if converted else how,
    )
    if converted:
        yield converted_verdict(gone, record, identities, at)


def merge_key(survivor: str, gone: str) -> str:
    """That a record went into another, which happens once."""
    return f"once|merged|{survivor}|{gone}"


def converted_verdict(lead: str, record: Mapping[str, Any], identities: tuple[Identity, ...], at: datetime) -> Event:
    """Whoever converts a lead has taken them on."""
    opportunity = full_id(record.get("ConvertedOpportunityId"))
    properties = {"verdict": "accepted", "source": "lead converted", "lead": lead}
    return Event(
        type=EventType.SALES_VERDICT,
        occurred_at=at,
        source_key=f"once|converted|{lead}",
        identities=identities,
        properties={**properties, "deal": opportunity} if opportunity else properties,
    )


def _deleted(name: str, at: datetime) -> Event:
    """Only the id says whose: the address may be another record's by now."""
    return Event(
        type=EventType.CONTACT_DELETED,
        occurred_at=at,
        source_key=deletion_key(name, at),
        identities=(Identity(KIND, name),),
        properties={"source": "read"},
    )


def deletion_key(name: str, at: datetime) -> str:
    """That a record was deleted, by whose and when, to the second."""
    return f"gone|{name}|{int(at.timestamp())}"


def bounces(record: Mapping[str, Any], read: Event) -> Iterator[Event]:
    """That Salesforce has the address as one that bounces."""
    at = _time(record.get("EmailBouncedDate"), read.occurred_at)
    if at is None:
        return
    said = {
        "permanent": True,
        "reason": as_text(record.get("EmailBouncedReason"))[:500],
        "recipient": read.identity(EMAIL),
    }
    yield Event(
        type=EventType.EMAIL_BOUNCED,
        occurred_at=at,
        source_key=f"once|bounced|{read.identity(KIND)}|{at.isoformat()}",
        identities=read.identities,
        properties={name: value for name, value in said.items() if value},
    )


# --- tasks


def task_events(task: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    """A rep's task is a conversation until it is done or deleted. One of ours is none: its handoff is."""
    name, who = full_id(task.get("Id")), full_id(task.get("WhoId"))
    if not name:
        raise Unreadable("a task without an id")
    if not is_person(who):  # about an account, or nobody
        return
    identities = (Identity(KIND, who),)
    ours = bool(_MARK.search(text_of(task.get("Description"))))
    opened, changed = _time(task.get("CreatedDate"), now), changed_at(task, now)
    said = _filled(
        {
            "kind": "task",
            "thread": name,
            "task": name,
            "title": text_of(task.get("Subject"))[:500],
            "status": text_of(task.get("Status")),
            "until": text_of(task.get("ActivityDate")),
            "owner": text_of(properties_of(task, "").get("Owner.Email")),
        }
    )
    if task.get("IsDeleted") is True or _is_done(task):
        done = _time(task.get("CompletedDateTime"), now) or changed
        yield Event(
            type=EventType.TASK_COMPLETED,
            occurred_at=done,
            source_key=f"task|{name}|done|{int(done.timestamp())}",
            identities=identities,
            properties=said,
        )
    elif not ours:
        yield Event(
            type=EventType.CONVERSATION_STARTED,
            occurred_at=opened or changed,
            source_key=f"task|{name}|open|{said.get('until', '')}",
            identities=identities,
            properties=said,
        )


def _is_done(task: Mapping[str, Any]) -> bool:
    closed = task.get("IsClosed")
    return closed is True if isinstance(closed, bool) else text_of(task.get("Status")).lower() == "completed"


# --- opportunities


def deal_event(deal: Mapping[str, Any], now: datetime) -> Event:
    """Where an opportunity stands, without whom it is about. Raises Unreadable for one without id or stage."""
    name, stage = full_id(deal.get("Id")), text_of(deal.get("StageName"))
    if not name or not stage:
        raise Unreadable("an opportunity without its id or stage")
    at = _time(deal.get("LastStageChangeDate"), now) or changed_at(deal, now)
    closed = deal.get("IsClosed") is True
    outcome = ("won" if deal.get("IsWon") is True else "lost") if closed else ""
    amount = deal.get("Amount")
    said = {
        "deal": name,
        "title": text_of(deal.get("Name"))[:500],
        "stage": stage,
        "value": amount if isinstance(amount, int | float) else None,
        "currency": text_of(deal.get("CurrencyIsoCode")),
        "owner": text_of(properties_of(deal, "").get("Owner.Email")),
        "outcome": outcome,
        "closed": closed,
    }
    return Event(
        type=EventType.DEAL_STAGE_CHANGED,
        occurred_at=at,
        source_key=f"deal|{name}|{stage}|{outcome}|{int(at.timestamp())}",
        properties=_filled(said),
    )


def _filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in (None, "")}
