"""A person's no and their own yes in Drip, which has one switch for all mail.

Drip makes active whoever is written as such, unsubscribed or not. So a yes looks first, and does not say when somebody
left counts as after it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused
from adapters.drip.client import ADDED, NO_ADDRESS, Drip, is_known, is_missing, named, part, subscribers_of
from adapters.http import BadAnswer, HttpError
from adapters.outcomes import outcome_of
from app.contacts.action import Subscribe
from app.contacts.consent import Grant, surely_after
from app.contacts.times import parse_time, time_or_none

ACTIVE, LEFT = "active", "unsubscribed"
_SOON = timedelta(hours=1)  # Drip works a batch off within minutes


def unsubscribe(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop all mail to somebody, by id and under the address of today. One by one: Drip takes only fifty batches an
    hour."""
    (one,) = deliveries
    if not is_known(one):
        return [NO_ADDRESS]
    stopped: list[str] = []
    try:
        for name in dict.fromkeys(filter(None, (one.to.vendor_id, one.to.email))):
            if name.lower() not in stopped:
                stopped += _stop(client, name)
    except Exception as error:
        return [outcome_of(error)]
    return [Done(note="" if stopped else "Drip has no such subscriber")]


def _stop(client: Drip, name: str) -> list[str]:
    """The address of whom this stopped mail to; none where Drip has no such subscriber."""
    try:
        held = client.ask("POST", f"/subscribers/{part(name)}/unsubscribe_all")
    except HttpError as error:
        if not is_missing(error):
            raise
        return []
    return [str(held.get("email") or "").lower()]


def subscribe(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes, with its proof, unless they have left since."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    grant = cast(Subscribe, one.action).grant
    said = str(grant.proof.get("text") or grant.method or "recorded by Baton")[:500]
    person = {**named(one), "status": ACTIVE, "eu_consent": "granted", "eu_consent_message": said}
    try:
        held = subscribers_of(client, one)
        if why := next((why for each in held if (why := _why_not(each, grant))), ""):
            return [Refused(reason=why)]
        made = client.ask("POST", "/subscribers", {"subscribers": [person]})
        if made.get("status", ACTIVE) != ACTIVE:
            raise BadAnswer(f"answered that the subscriber is {made['status']}")
    except Exception as error:
        return [outcome_of(error)]
    return [Done(vendor_id=str(made.get("id") or ""))]


def find_subscription(client: Drip, delivery: Delivery) -> Done | None:
    """Whether an earlier try made them active."""
    held = subscribers_of(client, delivery)
    active = next((one for one in held if one.get("status") == ACTIVE and one.get("eu_consent") == "granted"), None)
    return Done(vendor_id=str(active.get("id") or "")) if active else None


def _why_not(held: Mapping[str, Any], grant: Grant) -> str:
    """Why a yes must not make a subscriber active; empty where it may."""
    status = str(held.get("status") or ACTIVE)
    if status == ACTIVE or (status == LEFT and (_never_asked(held) or _left_before(held, grant))):
        return ""
    if status == LEFT:
        return "they are unsubscribed in Drip, which does not say that it was before they said yes"
    return f"they are {status} in Drip"


def _never_asked(held: Mapping[str, Any]) -> bool:
    """Whether somebody is unsubscribed only because Baton added them so: nobody else did before, and no yes was
    written since."""
    fields = held.get("custom_fields")
    added, made = (fields if isinstance(fields, dict) else {}).get(ADDED), held.get("created_at")
    if held.get("eu_consent") in ("granted", "denied"):
        return False
    try:
        return abs(parse_time(added) - parse_time(made)) <= _SOON
    except ValueError:
        return False


def _left_before(held: Mapping[str, Any], grant: Grant) -> bool:
    return surely_after(grant.at, time_or_none(held.get("unsubscribed_at")))
