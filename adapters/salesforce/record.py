"""Leads and contacts, tasks and opportunities as Salesforce holds them, and the events that this amounts to. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.contract import Record, Unreadable
from adapters.salesforce.names import CONTACT, LEAD, full_id, is_person, object_of_id, properties_of
from adapters.snapshot import events_of
from adapters.values import as_text, text_of, time_until
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
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
    survivor = survivor_of(record)
    if record.get("IsDeleted") is True and not survivor:
        return Record(events=(deleted(name, time_until(now, record.get("SystemModstamp")) or at, "read"),))
    said = properties_of(record, kind)
    identities = identities_of(name, said)
    if survivor:
        both = (Identity(KIND, survivor), *identities)
        return Record(identities=both, events=tuple(merged(record, survivor, both, at, "read")))
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
        if (at := time_until(now, record.get(name))) is not None:
            return at
    return now


# --- what became of a record


def survivor_of(record: Mapping[str, Any]) -> str:
    """The record that is left of this one: the contact that a lead became, or what it was merged into."""
    if record.get("IsConverted") is True and is_person(contact := full_id(record.get("ConvertedContactId"))):
        return contact
    master = full_id(record.get("MasterRecordId")) if record.get("IsDeleted") is True else ""
    return master if is_person(master) else ""


def merged(
    record: Mapping[str, Any], survivor: str, identities: tuple[Identity, ...], at: datetime, source: str
) -> Iterator[Event]:
    """That a record went into another, which happens once, however it is heard of."""
    gone, converted = full_id(record["Id"]), record.get("IsConverted") is True
    how = {"merged": [gone], "survivor": survivor, "source": source}
    yield Event(
        type=EventType.CONTACT_MERGED,
        occurred_at=at,
        source_key=f"once|merged|{survivor}|{gone}",
        identities=identities,
        properties={**how, "converted": True} if converted else how,
    )
    if converted:
        yield _converted_verdict(gone, record, identities, at)


def _converted_verdict(lead: str, record: Mapping[str, Any], identities: tuple[Identity, ...], at: datetime) -> Event:
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


def deleted(name: str, at: datetime, source: str) -> Event:
    """That a record was deleted. Only the id says whose: the address may be another record's by now."""
    return Event(
        type=EventType.CONTACT_DELETED,
        occurred_at=at,
        source_key=f"gone|{name}|{int(at.timestamp())}",
        identities=(Identity(KIND, name),),
        properties={"source": source},
    )


def bounces(record: Mapping[str, Any], read: Event) -> Iterator[Event]:
    """That Salesforce has the address as one that bounces."""
    at = time_until(read.occurred_at, record.get("EmailBouncedDate"))
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
    opened, changed = time_until(now, task.get("CreatedDate")), changed_at(task, now)
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
    if task.get("IsDeleted") is True or is_done(task):
        done = time_until(now, task.get("CompletedDateTime")) or changed
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


def is_done(task: Mapping[str, Any]) -> bool:
    """Whether a task says that it is."""
    closed = task.get("IsClosed")
    return closed is True if isinstance(closed, bool) else text_of(task.get("Status")).lower() == "completed"


# --- opportunities


def deal_event(deal: Mapping[str, Any], now: datetime) -> Event:
    """Where an opportunity stands, without whom it is about. Raises Unreadable for one without id or stage."""
    name, stage = full_id(deal.get("Id")), text_of(deal.get("StageName"))
    if not name or not stage:
        raise Unreadable("an opportunity without its id or stage")
    at = time_until(now, deal.get("LastStageChangeDate")) or changed_at(deal, now)
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
