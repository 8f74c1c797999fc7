"""Consent, lists and tags. A place on a list is consent there: what puts somebody on one looks first.

ActiveCampaign takes back on whoever is written with status 1, unsubscribed or not. So a person's own recorded yes is
the only thing that may do that here, and only where no later no stands there.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from adapters.activecampaign.client import ActiveCampaign, part
from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater
from adapters.http import BadAnswer, HttpError
from app.contacts.action import JoinList, LeaveList, Subscribe
from app.contacts.consent import MARKETING, surely_after
from app.contacts.times import time_or_none

UNCONFIRMED, ACTIVE, LEFT, BOUNCED = "0", "1", "2", "3"
TAG = "tag:"  # how a tag is named where a list is asked for
OWN_WISH = 4  # the source that ActiveCampaign asks for where somebody comes back of their own wish
_WHY_NOT = {
    UNCONFIRMED: "has not confirmed a subscription to",
    LEFT: "has unsubscribed from",
    BOUNCED: "has bounced on",
}
_NOT_THERE = "ActiveCampaign does not know this contact yet"


# --- consent


def unsubscribe(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Off every list: ActiveCampaign mails to lists, and knows no other no to all."""
    (one,) = deliveries
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [Done(note="ActiveCampaign does not know them")]
        places = [place for place in places_of(client, number) if str(place.get("status")) == ACTIVE]
        for place in places:
            _put(client, number, str(place["list"]), LEFT)
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note="" if places else "on no list")]


def subscribe(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes: onto the list that stands for consent, unless they have left it since."""
    (one,) = deliveries
    action = cast(Subscribe, one.action)
    list_id = _list_of(client, action)
    if not list_id:  # taken out of the settings meanwhile
        return [Refused(reason="no list that stands for consent is set: list")]
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason=_NOT_THERE)]
        place = place_on(client, number, list_id)
        if place is not None and str(place.get("status")) == ACTIVE:
            return [Done(vendor_id=number, note="was on the list already")]
        if place is not None and (why := _why_not(place, action.grant.at)):
            return [Refused(reason=f"{why} list {list_id} in ActiveCampaign")]
        status = _put(client, number, list_id, ACTIVE, sourceid=OWN_WISH)
    except Exception as error:
        return [client.outcome(error)]
    if status == UNCONFIRMED:  # no mail goes to them so, and another try would only ask them again
        return [Refused(reason=f"the contact {_WHY_NOT[UNCONFIRMED]} list {list_id}, as ActiveCampaign wants it first")]
    return [Done(vendor_id=number)]


def find_subscription(client: ActiveCampaign, delivery: Delivery) -> Done | None:
    """Whether an earlier try put them onto the list."""
    action = cast(Subscribe, delivery.action)
    number = client.contact_id(delivery.to.vendor_id, delivery.to.email)
    place = place_on(client, number, _list_of(client, action)) if number else None
    return Done(vendor_id=number) if place is not None and str(place.get("status")) == ACTIVE else None


def _list_of(client: ActiveCampaign, action: Subscribe) -> str:
    return action.list or client.settings.get("list", "")


def _why_not(place: Mapping[str, Any], yes: datetime) -> str:
    """Why a yes must not put somebody back onto a list; empty where it may. A yes mends no bounced address, and none
    from before they left counts. When they left is not always said: then it counts as later."""
    status = str(place.get("status"))
    if status == UNCONFIRMED or (status == LEFT and surely_after(yes, time_or_none(place.get("udate")))):
        return ""
    if status == LEFT:
        return "after they said yes they have left"
    return f"the contact {_WHY_NOT.get(status, 'is barred from')}"


def places_of(client: ActiveCampaign, number: str) -> Iterator[dict[str, Any]]:
    """A contact's places on lists: list, status, and since when (``sdate``) or until when (``udate``)."""
    yield from client.pages(f"/contacts/{part(number)}/contactLists", "contactLists")


def place_on(client: ActiveCampaign, number: str, list_id: str) -> dict[str, Any] | None:
    """A contact's place on one list, whatever its status; None where it never had one."""
    return next((place for place in places_of(client, number) if str(place.get("list")) == list_id), None)


def _put(client: ActiveCampaign, number: str, list_id: str, status: str, **more: Any) -> str:
    """The status that a place on a list has now: the one that is wanted, or unconfirmed where a list asks first."""
    body = {"contactList": {"list": list_id, "contact": number, "status": int(status), **more}}
    answer = client.ask("POST", "/contactLists", body, holds="contactList")
    held = answer["contactList"]
    has = str(held.get("status", status))
    if has != status and (status, has) != (ACTIVE, UNCONFIRMED):
        raise BadAnswer(f"answered that the place on list {list_id} has the status {has}")
    return has


# --- lists and tags


def join(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Onto a list, unless they have ever been off it; or a tag, as ``tag:VIP``."""
    (one,) = deliveries
    named = cast(JoinList, one.action).list
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason=_NOT_THERE)]
        if named.startswith(TAG):
            return [_tag(client, number, named.removeprefix(TAG).strip())]
        place = place_on(client, number, named)
        status = ACTIVE if place is None else str(place.get("status"))
        if status != ACTIVE:
            why = _WHY_NOT.get(status, "is barred from")
            return [Refused(reason=f"the contact {why} list {named} in ActiveCampaign")]
        if place is None:
            status = _put(client, number, named, ACTIVE)
    except Exception as error:
        return [client.outcome(error)]
    if status == UNCONFIRMED:
        return [Done(vendor_id=number, note="ActiveCampaign asks them to confirm first")]
    return [Done(vendor_id=number, note="" if place is None else "was on the list already")]


def _tag(client: ActiveCampaign, number: str, name: str) -> Outcome:
    tag = client.tag_id(name, create=True)
    try:
        client.ask("POST", "/contactTags", {"contactTag": {"contact": number, "tag": tag}}, holds="contactTag")
    except HttpError as error:
        if error.status in (400, 404, 422):
            client.forget_tag(name)  # it may have been deleted, and made anew under another number
        raise
    return Done(vendor_id=number)


def leave(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Take a tag away. Lists are not left by Baton: there that is an unsubscribe."""
    (one,) = deliveries
    name = cast(LeaveList, one.action).list.removeprefix(TAG).strip()
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        tag = client.tag_id(name, create=False)
        if not number or not tag:
            return [Done(vendor_id=number, note="had no such tag")]
        held = client.pages(f"/contacts/{part(number)}/contactTags", "contactTags")
        place = next((str(place["id"]) for place in held if str(place.get("tag")) == tag), "")
        if place:
            _remove(client, place)
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note="" if place else "had no such tag")]


def _remove(client: ActiveCampaign, place: str) -> None:
    try:
        client.tell("DELETE", f"/contactTags/{part(place)}")
    except HttpError as error:
        if error.status != 404:  # gone already
            raise


# --- what can be carried out at all


def has_list(action: Any, settings: Mapping[str, str]) -> bool:
    """A yes to e-mail goes onto the list that stands for it; without one there is nothing to write it to."""
    named = action.list or settings.get("list", "")
    return action.channel == "email" and action.purpose == MARKETING and named.isdecimal()


def can_join(action: Any, settings: Mapping[str, str]) -> bool:
    """A list by its number, or a tag by its name."""
    return action.list.isdecimal() or is_tag(action, settings)


def is_tag(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether what is named as a list is a tag."""
    return action.list.startswith(TAG) and bool(action.list.removeprefix(TAG).strip())
