"""Saving leads and contacts by id: only what they have a field for, in its type; where a lead has become a contact, or
a record went into another, there; and where one value is refused, the others."""

from collections.abc import Mapping
from typing import Any

from adapters.contract import Done, Outcome, Refused, RetryLater
from adapters.salesforce.client import Salesforce, Saved
from adapters.salesforce.names import CONTACT, LEAD, NUMBERS, column, object_of_id
from adapters.salesforce.people import moved_to
from adapters.values import as_text
from mappings.transforms import CannotTransform, is_blank, to_number

# The record is another one by now, or was deleted
_MOVED = frozenset(("CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"))
# Nothing was done, and another try may do it
_PASSING = frozenset(("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION"))
# One value is refused; the others can still be written
_OF_A_FIELD = frozenset(
    (
        *("STRING_TOO_LONG", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "FIELD_INTEGRITY_EXCEPTION"),
        *("INVALID_FIELD_FOR_INSERT_UPDATE", "NUMBER_OUTSIDE_VALID_RANGE"),
    )
)
_NEEDED = frozenset(("Email", "LastName", "Company"))

Fields = dict[str, Any]  # Salesforce's own name → value


class Notes(dict[str, list[str]]):
    """Record → what of it was not written, in words."""

    def add(self, record: str, note: str) -> None:
        """One more thing that was not written."""
        self.setdefault(record, []).append(note)

    def of(self, record: str) -> str:
        """All that was not written, as one text."""
        return "; ".join(self.get(record, ()))


def shut(client: Salesforce, field: str) -> Refused | None:
    """Why a field of leads and contacts, which is all that an action is about, cannot be written; None where it can.
    In :func:`save` it would be left out like any other, and the rest taken for done."""
    kinds = [kind for kind in (LEAD, CONTACT) if not ((one := client.fields(kind).get(field)) and one.updatable)]
    if not kinds:
        return None
    return Refused(reason=f"the app's user may not see and write {field} of {' and '.join(kinds)}: give it access")


def save(client: Salesforce, wanted: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Saved], Notes]:
    """Write properties, in the names of our mappings, to records by id; what became of each, by the id that was asked
    for, and what of it was left out."""
    notes = Notes()
    bodies = {name: fields_of(client, object_of_id(name), said, name, notes) for name, said in wanted.items()}
    saved = _send(client, bodies, {name: name for name in bodies})
    if moved := moved_to(client, [name for name, one in saved.items() if one.code in _MOVED]):
        for name, now in moved.items():
            bodies[name] = fields_of(client, object_of_id(now), wanted[name], name, notes)
            notes.add(name, f"{name} is {now} by now")
        saved |= _send(client, {name: bodies[name] for name in moved}, moved)
    again = {name: rest for name, one in saved.items() if (rest := without_refused(bodies[name], one, name, notes))}
    saved |= _send(client, again, {name: moved.get(name, name) for name in again})
    return saved, notes


def _send(client: Salesforce, bodies: Mapping[str, Fields], at: Mapping[str, str]) -> dict[str, Saved]:
    """What became of each of these: nothing to write is as good as written. Those of a kind stand together: a call has
    room for few changes of kind."""
    asked = sorted((name for name, body in bodies.items() if body), key=lambda name: object_of_id(at[name]))
    records = [{"attributes": {"type": object_of_id(at[name])}, "id": at[name], **bodies[name]} for name in asked]
    done = dict(zip(asked, client.update(records), strict=True))
    return {name: done.get(name) or Saved(id=at[name]) for name in bodies}


def fields_of(
    client: Salesforce, kind: str, said: Mapping[str, Any], record: str, notes: Notes, making: bool = False
) -> Fields:
    """Properties as this kind of record takes them. What it has no field for that the user may write is noted; what
    belongs to its account is not ours to write."""
    listed, fields = client.fields(kind), {}
    for name, value in said.items():
        theirs = column(name, kind)
        field = listed.get(theirs)
        if "." in theirs or (is_blank(value) and theirs in _NEEDED):
            continue
        if field is None or not (field.creatable if making else field.updatable):
            notes.add(record, f"{kind} has no {theirs} that may be written")
            continue
        fields[theirs] = _typed(value, field.type)
    return fields


def _typed(value: Any, kind: str) -> Any:
    """A value in the type of its field: Salesforce refuses a whole call for a number where it wants a text."""
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes")
    if is_blank(value):
        return None
    if kind in NUMBERS:
        try:
            return to_number(value)
        except CannotTransform:
            return as_text(value)
    if kind == "multipicklist" and isinstance(value, list):
        return ";".join(map(as_text, value))
    return as_text(value)


def without_refused(fields: Fields, saved: Saved, record: str, notes: Notes) -> Fields | None:
    """The rest of a record of which some values were refused; None where that is not why it was not saved."""
    bad = set(saved.fields)
    if saved.code not in _OF_A_FIELD or not bad or bad & _NEEDED or not bad <= set(fields):
        return None
    notes.add(record, f"{', '.join(sorted(bad))} was left out: {saved.message[:200]}")
    return {name: value for name, value in fields.items() if name not in bad} or None


def outcome_of_saved(saved: Saved, told: Mapping[str, Any], note: str = "") -> Outcome:
    """What became of a record, as the outcome of a delivery. What was left out counts as told: it would be sent again
    with every event."""
    if saved.id:
        return Done(vendor_id=saved.id, told=told, note=note)
    if saved.code in _PASSING or "UNABLE_TO_LOCK_ROW" in saved.message:
        return RetryLater(reason=saved.reason)
    if saved.duplicates:
        return Refused(reason=f"{saved.reason} Salesforce takes them for {', '.join(saved.duplicates[:5])}")
    return Refused(reason=saved.reason)
