"""Finding people in Salesforce: by id, by address, and where they went when a lead was converted or records merged."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from adapters.contract import Delivery
from adapters.salesforce.client import Salesforce
from adapters.salesforce.names import CONTACT, LEAD, full_id, is_person, object_of_id
from adapters.salesforce.record import survivor_of
from adapters.salesforce.soql import either, quoted, select

HOPS = 3  # a lead that became a contact that was merged into another
_MOVED = {
    LEAD: ("Id", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"),
    CONTACT: ("Id", "IsDeleted", "MasterRecordId"),
}
# A lead that has become a contact is none any more
_LIVING = {LEAD: ("IsConverted = false",), CONTACT: ()}


def known_id(delivery: Delivery) -> str:
    """The record by which Salesforce is known to have the person; empty where none is."""
    name = full_id(delivery.to.vendor_id)
    return name if is_person(name) else ""


def record_ids(client: Salesforce, deliveries: Sequence[Delivery]) -> dict[int, str]:
    """The record of whom each delivery is for, by the delivery's id: the one that is known, else by address. Whoever
    has none is left out."""
    known = {one.id: known_id(one) for one in deliveries}
    found = _by_address(client, [one.to.email.lower() for one in deliveries if one.to.email and not known[one.id]])
    return {one.id: name for one in deliveries if (name := known[one.id] or found.get(one.to.email.lower(), ""))}


def _by_address(client: Salesforce, addresses: Collection[str]) -> dict[str, str]:
    """address → whose record it is: a contact before a lead, of several the one that was changed last."""
    found: dict[str, str] = {}
    for kind, living in _LIVING.items():
        ones = client.find(("Id", "Email", "LastModifiedDate"), kind, "Email", addresses, *living)
        for one in sorted(ones, key=lambda one: str(one.get("LastModifiedDate"))):
            found[str(one.get("Email") or "").lower()] = full_id(one.get("Id"))
    return found


def record_id(client: Salesforce, delivery: Delivery) -> str:
    """The record of whom a delivery is for; empty where there is none."""
    return record_ids(client, [delivery]).get(delivery.id, "")


def all_records(client: Salesforce, delivery: Delivery, fields: Sequence[str] = ("Id",)) -> list[dict[str, Any]]:
    """Every lead that is one and every contact that the person may be, by id and by address, where it went to if it was
    converted or merged."""
    known, email = known_id(delivery), delivery.to.email
    if known:
        known = moved_to(client, [known]).get(known, known)
    found = []
    for kind, living in _LIVING.items():
        asked = [f"Email = {quoted(email)}"] if email else []
        if known and object_of_id(known) == kind:
            asked.append(f"Id = {quoted(known)}")
        if asked:
            found += client.query(select(fields, kind, either(*asked), *living))
    return found


def moved_to(client: Salesforce, names: Iterable[str]) -> dict[str, str]:
    """Of these records those that are others by now: id → the id of the contact or lead that is left."""
    moved: dict[str, str] = {}
    asked = {name: name for name in names}  # as it was asked for → as far as it was followed
    for _ in range(HOPS):
        steps = _steps(client, set(asked.values()))
        asked = {name: steps[at] for name, at in asked.items() if steps.get(at)}
        if not asked:
            break
        moved |= asked
    return moved


def _steps(client: Salesforce, names: Collection[str]) -> Mapping[str, str]:
    steps: dict[str, str] = {}
    for kind, fields in _MOVED.items():
        mine = [name for name in names if object_of_id(name) == kind]
        for one in client.find(fields, kind, "Id", mine, deleted=True):
            if left := survivor_of(one):
                steps[full_id(one.get("Id"))] = left
    return steps
