"""Reading Salesforce: leads and contacts by id, whom a task or an opportunity is about, what its fields are, and what
the connection's user may do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.contract import Check, Record
from adapters.http import HttpError
from adapters.salesforce.client import Field, Salesforce
from adapters.salesforce.names import (
    CONTACT,
    LEAD,
    MEETING,
    NUMBERS,
    OF_CONTACT,
    OF_LEAD,
    OPPORTUNITY,
    TASK,
    USER,
    column,
    full_id,
    is_person,
    object_of_id,
)
from adapters.salesforce.record import KIND, record_of
from app.contacts.event import Identity, Ref
from mappings.kinds import DATE, NUMBER, TEXT, YES_NO
from mappings.mapping import FieldMapping
from mappings.schema import Property

# Beside what the mapping reads: who it is, when it was changed, and what became of it
ALWAYS = (
    *("Id", "Email", "IsDeleted", "MasterRecordId", "SystemModstamp", "LastModifiedDate", "OwnerId"),
    *("EmailBouncedDate", "EmailBouncedReason"),
)
OF_A_LEAD = ("IsConverted", "ConvertedContactId", "ConvertedOpportunityId")
ROLE = "OpportunityContactRole"


def columns_of(client: Salesforce, kind: str, mapping: FieldMapping) -> list[str]:
    """What is asked for of a lead or contact: of what the mapping reads that which the user sees."""
    listed = client.fields(kind)
    wanted = [*ALWAYS, *(OF_A_LEAD if kind == LEAD else ()), *(column(name, kind) for name in mapping.sources)]
    return [name for name in dict.fromkeys(wanted) if _is_seen(name, kind, listed)]


def _is_seen(name: str, kind: str, listed: Mapping[str, Field]) -> bool:
    relation, dot, _ = name.partition(".")
    if not dot:
        return name in listed
    return (name == "Owner.Email" and "OwnerId" in listed) or (name in OF_LEAD and f"{relation}Id" in listed)


def without_own(client: Salesforce, record: dict[str, Any]) -> dict[str, Any]:
    """A record without an owner who is none: a queue, or the app's user, who owns what it has made."""
    owner = full_id(record.get("OwnerId"))
    if not owner.startswith(USER) or owner == client.user_id:
        record.pop("Owner", None)
    return record


def lookup(client: Salesforce, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> Mapping[Ref, Record]:
    """What Salesforce holds for these references. What it does not know is left out."""
    found: dict[Ref, Record] = {}
    named = {full_id(ref.value): ref for ref in refs}
    for kind in (LEAD, CONTACT):
        mine = [name for name, ref in named.items() if ref.kind == "contact" and object_of_id(name) == kind]
        columns = columns_of(client, kind, mapping) if mine else []
        for one in client.find(columns, kind, "Id", mine, deleted=True):
            record = without_own(client, one)
            found[named[full_id(one.get("Id"))]] = record_of(record, mapping, now)
    found |= _about(client, TASK, "Id", "WhoId", [ref for ref in refs if ref.kind == "task"])
    found |= _about(client, ROLE, "OpportunityId", "ContactId", [ref for ref in refs if ref.kind == "deal"])
    return found


def _about(client: Salesforce, kind: str, key: str, person: str, refs: Sequence[Ref]) -> dict[Ref, Record]:
    """Which people tasks or opportunities are about; one without any is known to have none."""
    people: dict[str, list[Identity]] = {full_id(ref.value): [] for ref in refs}
    for one in client.find([key, person], kind, key, people, deleted=kind == TASK):
        who = full_id(one.get(person))
        if is_person(who):
            people[full_id(one.get(key))].append(Identity(KIND, who))
    return {ref: Record(contacts=tuple(people[full_id(ref.value)])) for ref in refs}


# --- fields

_KINDS = {
    **dict.fromkeys(NUMBERS, NUMBER),
    **dict.fromkeys(("date", "datetime"), DATE),
    "boolean": YES_NO,
}


def schema(client: Salesforce) -> list[Property]:
    """The fields of leads, and those that only contacts have, under the names that mappings use. Two calls."""
    found: dict[str, Property] = {}
    for kind in (LEAD, CONTACT):
        for field in client.fields(kind).values():
            name = OF_LEAD.get(field.name, field.name) if kind == CONTACT else field.name
            found.setdefault(name, _property(name, field))
    return list(found.values())


def _property(name: str, field: Field) -> Property:
    kind = _KINDS.get(field.type, TEXT)
    return Property(name=name, label=field.label, kind=kind, options=tuple(dict.fromkeys(field.options)))


# --- what the user may do


def check(client: Salesforce) -> list[Check]:
    """What the connection's user can do, tried with calls that change nothing."""
    try:
        client.session()
        limits = client.call("GET", "/limits")
    except Exception as error:
        return [Check("Sign in", False, _advice(error))]
    return [Check("Sign in", True), _calls(limits), *_objects(client)]


def _calls(limits: Any) -> Check:
    daily = limits.get("DailyApiRequests") if isinstance(limits, dict) else None
    daily = daily if isinstance(daily, dict) else {}
    left, most = daily.get("Remaining"), daily.get("Max")
    works = not isinstance(left, int) or left > 0
    return Check("API calls left today", works, "" if works else f"all {most} are used up; more every hour")


def _objects(client: Salesforce) -> Iterator[Check]:
    for capability, kind, needed in _NEEDED:
        try:
            listed = client.fields(kind)
        except Exception as error:
            yield Check(capability, False, _advice(error, kind))
            continue
        hidden = [name for name in needed if name not in listed]
        shut = [name for name in needed if name in listed and not listed[name].updatable and name in _WRITTEN]
        advice = f"let the app's user see {', '.join(hidden)} of a {kind}" if hidden else ""
        advice = advice or (f"let the app's user write {', '.join(shut)} of a {kind}" if shut else "")
        yield Check(capability, not advice, advice)


_WRITTEN = ("Email", "HasOptedOutOfEmail", "OwnerId", "Subject", "Description")
_PERSON = ("Email", "LastName", "OwnerId", "HasOptedOutOfEmail", "SystemModstamp")
_NEEDED: Iterable[tuple[str, str, tuple[str, ...]]] = (
    ("Leads", LEAD, (*_PERSON, "Company", "IsConverted", "ConvertedContactId")),
    ("Contacts", CONTACT, (*_PERSON, *(name for name in OF_CONTACT.values() if "." not in name))),
    ("Tasks", TASK, ("WhoId", "Subject", "Description", "OwnerId", "IsClosed")),
    ("Meetings", MEETING, ("WhoId", "Subject", "StartDateTime", "EndDateTime", "SystemModstamp")),
    ("Opportunities", OPPORTUNITY, ("StageName", "IsClosed", "IsWon")),
)


def _advice(error: Exception, kind: str = "") -> str:
    status = getattr(error, "status", None)
    if status == 401:
        return f"Salesforce refuses the app: {error}"[:300]
    if status == 404 and kind:
        return f"the app's user does not see the object {kind}: give it read access"
    if status == 404:
        return "this is not the My Domain address of a Salesforce organisation"
    return f"{type(error).__name__}: {str(error)[:200]}" if not isinstance(error, HttpError) else str(error)[:300]
