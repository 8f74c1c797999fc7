"""What is odd about a contact's data: worth a look, no reason to keep anybody out. Pure."""

import re

from msgspec import Struct

from app.contacts.contact import Contact
from app.contacts.identity import clean_email, clean_phone

_NO_NAME = re.compile(r"(?:https?:|www\.|[@<>{}\[\]|\\]|\d{3,})", re.IGNORECASE)
_PLACEHOLDERS = frozenset(("test", "testing", "asdf", "qwerty", "n/a", "none", "null", "unknown", "xxx", "-", "."))
_NAMES = ("first_name", "last_name", "full_name")


class Remark(Struct, frozen=True):
    """One oddity: about which field, and what is odd."""

    field: str
    says: str


def remarks(contact: Contact) -> list[Remark]:
    """Everything that is odd about a contact's address, phone and names."""
    return [*_address(contact.email), *_phone(str(contact.get("phone") or "")), *_names(contact)]


def _address(address: str | None) -> list[Remark]:
    if not address:
        return []
    email = clean_email(address)
    if email is None:
        return [Remark("email", "not a valid address")]
    found = []
    if email.disposable:
        found.append(Remark("email", f"{address.rsplit('@', 1)[1]} gives out throw-away addresses"))
    if email.role:
        found.append(Remark("email", "the address of a function, not of a person: nobody else is merged into it"))
    return found


def _phone(number: str) -> list[Remark]:
    if not number:
        return []
    if not number.startswith("+"):
        return [Remark("phone", "without a country code: tools may refuse it, and no text message can be sent")]
    return [] if clean_phone(number) else [Remark("phone", "not a possible number")]


def _names(contact: Contact) -> list[Remark]:
    found = []
    for field in _NAMES:
        name = str(contact.get(field) or "").strip()
        if name.casefold() in _PLACEHOLDERS:
            found.append(Remark(field, "looks like a placeholder"))
        elif _NO_NAME.search(name):
            found.append(Remark(field, "does not look like a name"))
    return found
