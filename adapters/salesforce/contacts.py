"""Writing leads and contacts, up to 200 in a call, and deleting people.

Whoever Salesforce does not know by id is looked up by address before anything is made: what was asked for and never
answered is there by then. Whoever is new becomes a lead.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater, Unknown
from adapters.salesforce.client import Salesforce, Saved
from adapters.salesforce.names import CONTACT, LEAD, NOT_PROVIDED, full_id, object_of_id
from adapters.salesforce.people import all_records, known_id, record_ids
from adapters.salesforce.saving import Fields, Notes, fields_of, outcome_of_saved, save, without_refused
from app.contacts.action import EnsureContact, UpsertContact

NO_ADDRESS = Refused(reason="Salesforce needs an e-mail address to look for somebody before it makes a lead")
LOST_SECONDS = 60.0  # a transaction there may go on for so long after nobody waits for it any more
ALLOW_DUPLICATES = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


def write_people(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Leads and contacts, each with an outcome of its own."""
    try:
        records = record_ids(client, deliveries)
        outcomes = _update(client, [(one, records[one.id]) for one in deliveries if one.id in records])
        outcomes |= _create(client, [one for one in deliveries if one.id not in records and one.to.email])
    except Exception as error:
        return [_patient(client.outcome(error, len(deliveries)))] * len(deliveries)
    return [outcomes.get(one.id, NO_ADDRESS) for one in deliveries]


def _patient(outcome: Outcome) -> Outcome:
    """What came of a call, where a lost answer may be of one that is still under way: whoever it makes can be found by
    the next try only once it has ended."""
    if isinstance(outcome, Unknown):
        return RetryLater(reason=f"{outcome.reason}; looked up first when it is tried again", after=LOST_SECONDS)
    return outcome


def _properties(delivery: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact | EnsureContact, delivery.action).properties)


def _update(client: Salesforce, known: Sequence[tuple[Delivery, str]]) -> dict[int, Outcome]:
    wanted: dict[str, dict[str, Any]] = {}
    for one, record in known:  # a call must not name a record twice
        said = _properties(one)
        wanted.setdefault(record, {}).update(said)
        if "Email" in said:
            wanted[record] |= _external_id(client, one)
    saved, notes = save(client, wanted)
    return {one.id: outcome_of_saved(saved[record], _properties(one), notes.of(record)) for one, record in known}


def _create(client: Salesforce, new: Sequence[Delivery]) -> dict[int, Outcome]:
    """Leads of whom nobody is there. With an external id, whoever made one meanwhile is not made again."""
    notes = Notes()
    bodies = {one.key: _lead(client, one, notes) for one in new}
    saved = _make(client, bodies)
    again = {key: rest for key, one in saved.items() if (rest := without_refused(bodies[key], one, key, notes))}
    saved |= _make(client, again)
    return {one.id: outcome_of_saved(saved[one.key], _properties(one), notes.of(one.key)) for one in new}


def _lead(client: Salesforce, one: Delivery, notes: Notes) -> Fields:
    """A lead has to have a last name and a company, known or not."""
    said = {"LastName": NOT_PROVIDED, "Company": NOT_PROVIDED, "Email": one.to.email}
    filled = {name: value for name, value in _properties(one).items() if value not in (None, "")}
    return fields_of(client, LEAD, {**said, **filled, **_external_id(client, one)}, one.key, notes, making=True)


def _external_id(client: Salesforce, one: Delivery) -> dict[str, str]:
    """The external id of whoever has this address: the same from every installation, and nobody else's."""
    field = client.settings.get("external_id", "")
    name = blake2b(one.to.email.lower().encode(), digest_size=16).hexdigest()
    return {field: f"baton-{name}"} if field and one.to.email else {}


def _make(client: Salesforce, bodies: dict[str, Fields]) -> dict[str, Saved]:
    field, headers = client.settings.get("external_id", ""), _duplicates(client)
    records = [{"attributes": {"type": LEAD}, **body} for body in bodies.values()]
    if field and all(field in body for body in bodies.values()):
        done = client.upsert(LEAD, field, records, headers)
    else:
        done = client.create(records, headers)
    return dict(zip(bodies, done, strict=True))


def _duplicates(client: Salesforce) -> dict[str, str]:
    return ALLOW_DUPLICATES if client.settings.get("duplicates", "").lower() == "save" else {}


# --- erasure


def erase(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete whoever the person may be: contacts, leads, and the leads that became these contacts, which Salesforce
    keeps. Its recycle bin is emptied after 15 days."""
    (one,) = deliveries
    if not known_id(one) and not one.to.email:
        return [Refused(reason="Salesforce deletes by id or address, and neither is known")]
    try:
        names = [full_id(record.get("Id")) for record in all_records(client, one)]
        contacts = [name for name in names if object_of_id(name) == CONTACT]
        before = client.find(["Id"], LEAD, "ConvertedContactId", contacts)
        names += [full_id(record.get("Id")) for record in before]
        names = list(dict.fromkeys(names))
        if not names:
            return [Done(note="Salesforce has no such person")]
        left = client.delete(names)
    except Exception as error:
        return [client.outcome(error)]
    if left:
        return [outcome_of_saved(left[0], {})]
    return [Done(note=f"{', '.join(names)}: in the recycle bin, which is emptied after 15 days")]
