"""What Salesforce calls things: objects by the beginning of their ids, and the fields of leads and contacts under one
name each, which is the lead's. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

LEAD, CONTACT, TASK, OPPORTUNITY, MEETING = "Lead", "Contact", "Task", "Opportunity", "Event"
PREFIXES = {"00Q": LEAD, "003": CONTACT, "00T": TASK, "006": OPPORTUNITY, "00U": MEETING}
USER, CAMPAIGN = "005", "701"

# A lead's field → the contact's. What stands in the account is read there and never written: it is others', too
OF_CONTACT = {
    "Street": "MailingStreet",
    "City": "MailingCity",
    "State": "MailingState",
    "PostalCode": "MailingPostalCode",
    "Country": "MailingCountry",
    "Company": "Account.Name",
    "Website": "Account.Website",
    "Industry": "Account.Industry",
    "NumberOfEmployees": "Account.NumberOfEmployees",
}
OF_LEAD = {theirs: ours for ours, theirs in OF_CONTACT.items()}
OPT_OUT = "HasOptedOutOfEmail"
NUMBERS = ("int", "double", "currency", "percent", "long")  # the types of fields that hold one
NOT_PROVIDED = "[not provided]"  # what a lead's last name and company are, which have to be something

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PARTS = {"Address": "", "MailingAddress": "Mailing", "Name": ""}  # fields of several parts → what begins their names


def full_id(text: Any) -> str:
    """An id in its form of 18 characters, whose last three say which letters are capitals; empty for what is none."""
    said = text.strip() if isinstance(text, str) else ""
    if not _ID.fullmatch(said):
        return ""
    thirds = (said[start : start + 5] for start in (0, 5, 10))
    sums = (sum(1 << place for place, letter in enumerate(third) if "A" <= letter <= "Z") for third in thirds)
    return said[:15] + "".join(_CHECKSUM[one] for one in sums)


def object_of_id(name: str) -> str:
    """Which kind of record an id is of; empty for one that is not read here."""
    return PREFIXES.get(name[:3], "")


def is_person(name: str) -> bool:
    """Whether an id is a lead's or a contact's."""
    return object_of_id(name) in (LEAD, CONTACT)


def column(name: str, kind: str) -> str:
    """What a field of our mappings is called in this kind of record."""
    return OF_CONTACT.get(name, name) if kind == CONTACT else name


def properties_of(record: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What a record holds, as mappings name it: a lead's names also for a contact, ``Owner.Email`` for what stands
    behind it. What is empty is left out, and what was only filled in because something had to be."""
    flat = dict(_flat(record))
    names = OF_LEAD if kind == CONTACT else {}
    return {
        names.get(name, name): value
        for name, value in flat.items()
        if value not in (None, "", []) and value != NOT_PROVIDED and (kind != LEAD or not name.startswith("Mailing"))
    }


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if name in ("attributes", "ChangeEventHeader"):
            continue
        if isinstance(value, Mapping):
            begins = _PARTS.get(name, f"{name}.")
            yield from ((f"{begins}{part}", held) for part, held in value.items() if part != "attributes")
        else:
            yield name, value
