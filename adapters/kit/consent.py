"""A person's no and their own yes in Kit, which has one switch for all mail.

Kit makes active only whom it creates so, and whom it asks itself: who is there already, unconfirmed or gone, is added
to a form, through which Kit asks them by mail. Nobody is taken back by a call.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused
from adapters.http import BadAnswer, HttpError
from adapters.kit.client import CANCELLED, NO_ADDRESS, Kit, is_missing, outcome
from app.contacts.action import Subscribe
from app.contacts.consent import Grant, surely_after
from app.contacts.times import time_or_none

ACTIVE, UNCONFIRMED = "active", "inactive"
_STOPPED = (CANCELLED, "bounced", "complained")  # who gets nothing


def unsubscribe(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop all mail to somebody, by number and under the address of today."""
    (one,) = deliveries
    if not (one.to.vendor_id or one.to.email):
        return [NO_ADDRESS]
    try:
        found = stop(client, one)
    except Exception as error:
        return [outcome(error)]
    return [Done(vendor_id=str(found[0]["id"])) if found else Done(note="Kit has no such subscriber")]


def stop(client: Kit, one: Delivery) -> Sequence[Mapping[str, Any]]:
    """Unsubscribe all whom somebody may be and who still get mail; all of them. Raises HttpError."""
    found = client.all_of(one)
    for held in found:
        if held.get("state") in _STOPPED:
            continue
        try:
            client.call("POST", f"/subscribers/{held['id']}/unsubscribe", {})
        except HttpError as error:
            if not is_missing(error):
                raise
    return found


def subscribe(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes, unless they have left since."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    grant = cast(Subscribe, one.action).grant
    try:
        held = client.by_address(one.to.email)
        if not held:
            return [_add(client, one.to.email)]
        if why := _why_not(client, held, grant):
            return [Refused(reason=why)]
        return [_confirm(client, held)]
    except Exception as error:
        return [outcome(error)]


def find_subscription(client: Kit, delivery: Delivery) -> Done | None:
    """Whether an earlier try made them active."""
    held = client.by_address(delivery.to.email) if delivery.to.email else {}
    return Done(vendor_id=str(held["id"])) if held.get("state") == ACTIVE else None


def _add(client: Kit, email: str) -> Outcome:
    """A new subscriber: active, or asked to confirm where the admin wants everybody to be."""
    asks = client.settings.get("double_opt_in", "").lower() in ("yes", "true", "1", "on")
    form = client.settings.get("form", "")
    if asks and not form:
        return Refused(reason="double_opt_in needs the number of a form: Kit asks people only through one")
    made = client.ask(
        "POST", "/subscribers", {"email_address": email, "state": UNCONFIRMED if asks else ACTIVE}, holds="subscriber"
    )
    if form:
        return _confirm(client, made)
    if made.get("state") != ACTIVE:
        raise BadAnswer(f"answered that the subscriber is {made.get('state')}")
    return Done(vendor_id=str(made["id"]))


def _confirm(client: Kit, held: Mapping[str, Any]) -> Outcome:
    """Through the form, where there is one: Kit asks by mail whom it does not hold as confirmed."""
    form, state, number = client.settings.get("form", ""), held.get("state"), str(held["id"])
    if form:
        added = client.ask("POST", f"/forms/{form}/subscribers/{number}", {}, holds="subscriber")
        state = added.get("state") or state
    return Done(vendor_id=number, note="" if state == ACTIVE else "Kit asks them to confirm")


def _why_not(client: Kit, held: Mapping[str, Any], grant: Grant) -> str:
    """Why a yes must not be written for a subscriber whom Kit holds already; empty where it may."""
    state = str(held.get("state") or "")
    if state == ACTIVE:
        return ""
    if state == CANCELLED:
        left = time_or_none(client.left_at(str(held.get("email_address"))))
        if not surely_after(grant.at, left):
            return "they are unsubscribed in Kit, and not surely before they said yes"
    elif state != UNCONFIRMED:
        return f"they are {state or 'in no state'} in Kit"
    if client.settings.get("form"):
        return ""
    return f"they are {state} in Kit, which asks people to confirm only through a form: name one in the setting form"
