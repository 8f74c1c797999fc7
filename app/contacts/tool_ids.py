"""By which ids tools know a person, and which of these are nobody's any more because a tool has merged them away.

A tool's own ids are identities of its kind; an event that tells of a merge names the record that is left first.
"""

from collections.abc import Collection, Sequence

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.identity import GLOBAL_KINDS

MAX_FORMER = 100  # ids of one tool that are remembered as merged away, the latest


def _ids_in(event: Event) -> list[str]:
    return [identity.value for identity in event.identities if identity.kind not in GLOBAL_KINDS]


def note_merged(contact: Contact, event: Event) -> None:
    """One record is left of several: it lives, and the others' ids are not to be written to any more."""
    survivor, *gone = _ids_in(event) or [""]
    if not gone:
        return
    tool = str(event.connection_id)
    before = [one for one in contact.former_ids.get(tool, ()) if one != survivor and one not in gone]
    contact.former_ids[tool] = [*before, *(one for one in gone if one != survivor)][-MAX_FORMER:]
    contact.deleted_in.pop(tool, None)


def note_deleted(contact: Contact, event: Event) -> None:
    """The person is not in the tool any more; unless it was only the record of an id that had been merged away."""
    tool, ids = str(event.connection_id), _ids_in(event)
    if not ids or not set(ids) <= set(contact.former_ids.get(tool, ())):
        contact.deleted_in[tool] = event.occurred_at


def note_created(contact: Contact, event: Event) -> None:
    """The person is in the tool, for the first time or again."""
    tool, ids = str(event.connection_id), _ids_in(event)
    contact.deleted_in.pop(tool, None)
    if tool in contact.former_ids:
        contact.former_ids[tool] = [one for one in contact.former_ids[tool] if one not in ids]


def current_id(contact: Contact, connection_id: int, ids: Sequence[str]) -> str:
    """The id by which a tool knows the contact now, of all that were learned, oldest first: the newest that was not
    merged away. Empty where none is known."""
    former: Collection[str] = contact.former_ids.get(str(connection_id), ())
    return next((one for one in reversed(ids) if one not in former), ids[-1] if ids else "")
