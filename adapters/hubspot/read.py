"""Reading HubSpot: contacts by id, a hundred at a time, and which contacts a deal, meeting, task or thread is about."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from adapters.contract import Check, Record
from adapters.http import HttpError
from adapters.hubspot.client import HubSpotClient, path_part
from adapters.hubspot.journal_files import NEEDS, JournalRefused
from adapters.snapshot import events_of
from app.contacts.event import Event, EventType, Identity, Ref
from app.contacts.identity import clean_email
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

BATCH = 100
# Beside what the mapping reads: who it is, and when it last changed
ALWAYS = ("email", "hs_additional_emails", "hs_merged_object_ids", "lastmodifieddate")


def lookup(client: HubSpotClient, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> dict[Ref, Record]:
    """What HubSpot holds for these references. What it does not know is left out."""
    by_kind: dict[str, list[Ref]] = {}
    for ref in refs:
        by_kind.setdefault(ref.kind, []).append(ref)
    found: dict[Ref, Record] = {}
    for kind, same in by_kind.items():
        if kind == "contact":
            for batch in _batches(same):
                found |= _contacts(client, batch, mapping, now)
        elif kind == "thread":
            for ref in same:
                found[ref] = _thread(client, ref)
        else:
            for batch in _batches(same):
                found |= _associated(client, kind, batch)
    return found


def _batches(refs: Sequence[Ref]) -> Iterator[list[Ref]]:
    rest = iter(refs)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _contacts(client: HubSpotClient, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> dict[Ref, Record]:
    wanted = {ref.value: ref for ref in refs}
    found = {}
    for result in contacts_by_id(client, list(wanted), mapping):
        record = contact_record(result, mapping, now)
        # Asked for by an id that was merged away, HubSpot answers with the survivor
        for name in (str(result.get("id")), *_listed((result.get("properties") or {}).get("hs_merged_object_ids"))):
            if name in wanted:
                found[wanted[name]] = record
    return found


def contacts_by_id(client: HubSpotClient, ids: Sequence[str], mapping: FieldMapping) -> Sequence[Mapping[str, Any]]:
    """Up to a hundred contacts as HubSpot's API returns them, those that it has, in one call."""
    from hubspot.crm.contacts import BatchReadInputSimplePublicObjectId

    asked = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": one} for one in ids],
        properties=list(dict.fromkeys([*ALWAYS, *mapping.sources])),
        properties_with_history=[],
    )
    answer = client.ask(client.contacts.read, asked)
    return answer.get("results") or ()


def contact_record(result: Mapping[str, Any], mapping: FieldMapping, now: datetime) -> Record:
    """A contact as HubSpot's API returns it, as the event that it was read so: a snapshot as of its last change."""
    name = str(result["id"])
    properties = {key: value for key, value in (result.get("properties") or {}).items() if value is not None}
    at = _changed_at(result, properties, now)
    identities = [Identity("hubspot", name)]
    identities += [Identity("hubspot", merged) for merged in _listed(properties.get("hs_merged_object_ids"))]
    identities += [
        Identity("email", email.address)
        for text in (properties.get("email"), *_listed(properties.get("hs_additional_emails")))
        if text and (email := clean_email(text))
    ]
    event = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"read|{name}|{at.isoformat()}",
        identities=tuple(dict.fromkeys(identities)),
        properties={"source": "read"},
        told=properties,
        mapping=mapping.version,
    )
    mapped = mapping.inbound(properties)
    return Record(identities=event.identities, events=(*_merges(name, properties, at), *events_of(mapped, event, name)))


def _merges(name: str, properties: Mapping[str, Any], at: datetime) -> Iterator[Event]:
    """That other records were merged into this one, which a webhook may have told and may not: their ids are not to be
    written to any more."""
    for merged in _listed(properties.get("hs_merged_object_ids")):
        yield Event(
            type=EventType.CONTACT_MERGED,
            occurred_at=at,
            source_key=f"once|merged|{name}|{merged}",
            identities=(Identity("hubspot", name), Identity("hubspot", merged)),
            properties={"merged": [merged], "survivor": name, "source": "read"},
        )


def _changed_at(result: Mapping[str, Any], properties: Mapping[str, Any], now: datetime) -> datetime:
    for value in (properties.get("lastmodifieddate"), result.get("updatedAt")):
        if value:
            try:
                return min(parse_time(value), now)
            except ValueError:
                continue
    return now


def _listed(text: Any) -> list[str]:
    return [part.strip() for part in str(text or "").replace(",", ";").split(";") if part.strip()]


def _associated(client: HubSpotClient, kind: str, refs: Sequence[Ref]) -> dict[Ref, Record]:
    from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest

    asked = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": ref.value} for ref in refs])
    answer = client.ask(client.association_batch.get_page, f"{kind}s", "contacts", asked)
    found = {ref: Record() for ref in refs}  # one without contacts is known to have none
    for result in answer.get("results") or ():
        ref = Ref(kind, str((result.get("from") or {}).get("id")))
        contacts = tuple(
            Identity("hubspot", str(to["toObjectId"])) for to in result.get("to") or () if "toObjectId" in to
        )
        found[ref] = Record(contacts=contacts)
    return found


def _thread(client: HubSpotClient, ref: Ref) -> Record:
    try:
        answer = client.raw("GET", f"/conversations/v3/conversations/threads/{path_part(ref.value)}")
    except HttpError as error:
        if error.status == 404:
            return Record()
        raise
    contact = answer.get("associatedContactId")
    return Record(contacts=(Identity("hubspot", str(contact)),) if contact else ())


def check(client: HubSpotClient) -> list[Check]:
    """What the connection's token can do, tried with calls that change nothing."""
    asked = (
        ("Read contacts", lambda: client.ask(client.contact.get_page, limit=1), "crm.objects.contacts.read"),
        ("Find owners", lambda: client.ask(client.owners.get_page, limit=1), "crm.objects.owners.read"),
        (
            "Read subscription types",
            lambda: client.raw("GET", "/communication-preferences/v4/definitions"),
            "communication_preferences.read",
        ),
    )
    found = [_try(capability, call, scope) for capability, call, scope in asked]
    return [*found, _try_journal(client)] if client.settings.get("journal") else found


def _try_journal(client: HubSpotClient) -> Check:
    capability = "Read the webhooks journal"
    missing = [name for name in NEEDS if not client.settings.get(name)]
    if missing:
        return Check(capability, False, f"set {', '.join(missing)}")
    try:
        client.journal.latest()
    except JournalRefused as error:
        return Check(capability, False, error.advice)
    except Exception as error:
        return Check(capability, False, f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)


def _try(capability: str, call: Any, scope: str) -> Check:
    try:
        call()
    except Exception as error:
        status = getattr(error, "status", None)
        if status == 401:
            return Check(capability, False, "HubSpot refuses the access token: make a new one and set it")
        if status == 403:
            return Check(capability, False, f"give the app the scope {scope}")
        return Check(capability, False, f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)
