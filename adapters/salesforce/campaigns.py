"""Campaigns, which are Salesforce's lists: who is put into one, and taken out of it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome
from adapters.salesforce.client import Salesforce, Saved
from adapters.salesforce.names import CAMPAIGN, full_id, object_of_id
from adapters.salesforce.people import moved_to, record_id, record_ids
from adapters.salesforce.sales import NOT_THERE
from adapters.salesforce.saving import outcome_of_saved
from adapters.salesforce.soql import quoted, select
from app.contacts.action import JoinList, LeaveList

MEMBER = "CampaignMember"
_NOT_IN_IT = Done(note="was not in the campaign")


def is_campaign(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether a list is named by a campaign's id."""
    return full_id(action.list).startswith(CAMPAIGN)


def campaign_of(delivery: Delivery) -> str:
    """The campaign that a delivery is about."""
    return full_id(cast(JoinList | LeaveList, delivery.action).list)


def join(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Into a campaign, up to 200 in a call. Who is in it already stays as they are."""
    campaign = campaign_of(deliveries[0])
    try:
        people = record_ids(client, deliveries)
        moved = moved_to(client, people.values())
        people = {number: moved.get(name, name) for number, name in people.items()}
        members = dict.fromkeys(people.values())
        saved = dict(zip(members, client.create([_member(campaign, name) for name in members]), strict=True))
    except Exception as error:
        return [client.outcome(error, len(deliveries))] * len(deliveries)
    return [_joined(people[one.id], saved[people[one.id]]) if one.id in people else NOT_THERE for one in deliveries]


def _member(campaign: str, person: str) -> dict[str, Any]:
    return {"attributes": {"type": MEMBER}, "CampaignId": campaign, _column(person): person}


def _column(person: str) -> str:
    return f"{object_of_id(person)}Id"


def _joined(person: str, saved: Saved) -> Outcome:
    if saved.id:
        return Done(vendor_id=person)
    if saved.code == "DUPLICATE_VALUE":
        return Done(vendor_id=person, note="was in the campaign already")
    return outcome_of_saved(saved, {})


def leave(client: Salesforce, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Out of a campaign."""
    (one,) = deliveries
    try:
        if not (person := record_id(client, one)):
            return [_NOT_IN_IT]
        person = moved_to(client, [person]).get(person, person)
        where = (f"CampaignId = {quoted(campaign_of(one))}", f"{_column(person)} = {quoted(person)}")
        found = [full_id(held.get("Id")) for held in client.query(select(["Id"], MEMBER, *where))]
        left = client.delete(found)
    except Exception as error:
        return [client.outcome(error)]
    if left:
        return [outcome_of_saved(left[0], {})]
    return [Done(vendor_id=person, note="" if found else _NOT_IN_IT.note)]
