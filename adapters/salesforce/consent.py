"""A person's no and their own yes in Salesforce, which has one mark for e-mail and does not say since when.

So a yes takes the mark off only where it was made before the yes for certain: the record was not changed since, or its
field history says when.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused
from adapters.http import HttpError
from adapters.salesforce.client import Salesforce, code_of
from adapters.salesforce.names import OPT_OUT, full_id, object_of_id
from adapters.salesforce.people import all_records
from adapters.salesforce.saving import outcome_of_saved, save, shut
from adapters.salesforce.soql import quoted, select
from app.contacts.action import Subscribe
from app.contacts.consent import surely_after
from app.contacts.times import time_or_none

_SEEN = ("Id", OPT_OUT, "LastModifiedDate")
_NOBODY = "Salesforce has no such person"


def unsubscribe(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Mark whoever the person may be as opted out of e-mail, under the id and the address."""
    (one,) = deliveries
    try:
        if refused := shut(client, OPT_OUT):
            return [refused]
        found = all_records(client, one, _SEEN)
        return [_mark(client, [record for record in found if record.get(OPT_OUT) is not True], True, found)]
    except Exception as error:
        return [client.outcome(error)]


def subscribe(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Take the mark off after the person's own yes, unless they may have opted out in Salesforce since."""
    (one,) = deliveries
    yes = cast(Subscribe, one.action).grant.at
    try:
        if refused := shut(client, OPT_OUT):
            return [refused]
        found = all_records(client, one, _SEEN)
        marked = [record for record in found if record.get(OPT_OUT) is True]
        if later := [full_id(record.get("Id")) for record in marked if not _made_before(client, record, yes)]:
            why = "is marked as opted out, and Salesforce does not say that it was before they said yes"
            return [Refused(reason=f"{', '.join(later)} {why}")]
        return [_mark(client, marked, False, found)]
    except Exception as error:
        return [client.outcome(error)]


def _mark(
    client: Salesforce, records: Sequence[Mapping[str, Any]], stopped: bool, found: Sequence[Mapping[str, Any]]
) -> Outcome:
    if not records:
        return Done(note="was so already" if found else _NOBODY)
    saved, notes = save(client, {full_id(record.get("Id")): {OPT_OUT: stopped} for record in records})
    failed = next((one for one in saved.values() if not one.id), None)
    if failed is not None:
        return outcome_of_saved(failed, {})
    return Done(note="; ".join(filter(None, (notes.of(name) for name in saved))))


def _made_before(client: Salesforce, record: Mapping[str, Any], yes: datetime) -> bool:
    """Whether a record was marked before a yes, for certain."""
    if surely_after(yes, time_or_none(record.get("LastModifiedDate"))):
        return True
    name = full_id(record.get("Id"))
    kind = object_of_id(name)
    asked = select(
        ["CreatedDate"],
        f"{kind}History",
        f"{kind}Id = {quoted(name)}",
        f"Field = {quoted(OPT_OUT)}",
        order="CreatedDate DESC",
        limit=1,
    )
    try:
        changes = client.query(asked)
    except HttpError as error:
        if code_of(error) not in ("INVALID_TYPE", "INVALID_FIELD"):  # no history is kept, or it may not be seen
            raise
        return False
    return bool(changes) and surely_after(yes, time_or_none(changes[0].get("CreatedDate")))
