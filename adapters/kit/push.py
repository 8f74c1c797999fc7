"""What Kit can do for us: one function per action, by plain calls.

Kit makes whoever is new an active subscriber. So a profile is written with the first state ``inactive``, which gets no
mail, and only the person's own yes makes somebody active (:mod:`adapters.kit.consent`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.accepting import all_marketing, by_email
from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater
from adapters.http import BadAnswer, HttpError
from adapters.kit import sequences
from adapters.kit.client import NO_ADDRESS, Kit, is_missing, number_of, outcome
from adapters.kit.consent import UNCONFIRMED, find_subscription, stop, subscribe, unsubscribe
from app.contacts.action import (
    Action,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    Suppress,
    Unsubscribe,
    UpsertContact,
)
from mappings.transforms import is_blank

ADDRESS, OWN = "email_address", "fields."


def write_subscriber(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Create or update one subscriber; whom Kit has told a number for keeps it when the address changes. Bulk calls
    are not for API keys."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    number = number_of(one)
    try:
        answer = _write(client, one, number)
    except HttpError as error:
        if number and is_missing(error):
            return [Refused(reason=f"Kit has deleted subscriber {number}, and nobody is brought back by a profile")]
        return [outcome(error)]
    except Exception as error:
        return [outcome(error)]
    held = answer["subscriber"]
    told, missing = _taken(_properties(one), held)
    note = f"Kit has no field {', '.join(missing)}: make it there" if missing else ""
    return [Done(vendor_id=str(held.get("id") or number), told=told, note=note)]


def _write(client: Kit, one: Delivery, number: str) -> dict[str, Any]:
    person: dict[str, Any] = {ADDRESS: one.to.email, **_person(_properties(one))}
    if number:
        answer = client.call("PUT", f"/subscribers/{number}", person)
    else:
        answer = client.call("POST", "/subscribers", {**person, "state": UNCONFIRMED})
    if not isinstance(answer, dict) or not isinstance(answer.get("subscriber"), dict):
        raise BadAnswer("answered without the subscriber")
    return answer


def _properties(one: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact, one.action).properties)


def _person(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Kit's own fields, which are texts all, have an object of their own."""
    own = {name.removeprefix(OWN): _text(value) for name, value in properties.items() if name.startswith(OWN)}
    more = {name: value for name, value in properties.items() if name != ADDRESS and not name.startswith(OWN)}
    return {**more, "fields": own} if own else more


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _taken(properties: Mapping[str, Any], held: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What Kit took of what it was told, and the fields that it does not have, which it leaves out without an error:
    it answers with all that there are."""
    fields = held.get("fields")
    if not isinstance(fields, dict):
        return dict(properties), []
    missing = [
        name.removeprefix(OWN)
        for name, value in properties.items()
        if name.startswith(OWN) and name.removeprefix(OWN) not in fields and not is_blank(value)
    ]
    return {name: value for name, value in properties.items() if name.removeprefix(OWN) not in missing}, missing


def erase(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop all mail. That Kit forgets somebody only a person can see to: its API deletes nobody."""
    (one,) = deliveries
    if not (one.to.vendor_id or one.to.email):
        return [NO_ADDRESS]
    try:
        found = stop(client, one)
    except Exception as error:
        return [outcome(error)]
    if not found:
        return [Done(note="Kit has no such subscriber")]
    numbers = ", ".join(str(held["id"]) for held in found)
    return [Refused(reason=f"mail to them is stopped, but Kit deletes people only by hand: subscriber {numbers}")]


def tag(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """What other tools do by lists: put a tag on somebody, or take it off. Kit makes the tag where it is missing."""
    (one,) = deliveries
    action = cast(JoinList | LeaveList, one.action)
    joins = isinstance(action, JoinList)
    number = number_of(one)
    if not number and not one.to.email:
        return [NO_ADDRESS]
    try:
        tagged = client.tag(action.list, make=joins)
        if not tagged:
            return [Done(note="Kit has no such tag")]
        path, body = f"/tags/{tagged}/subscribers", {"email_address": one.to.email}
        place = (f"{path}/{number}", {}) if number else (path, body)
        client.call("POST" if joins else "DELETE", *place)
    except HttpError as error:
        client.forget_tag(action.list)
        if not is_missing(error):
            return [outcome(error)]
        if joins:
            return [RetryLater(reason="Kit does not know this subscriber yet")]
        return [Done(note="Kit has no such subscriber or tag")]
    except Exception as error:
        return [outcome(error)]
    return [Done(vendor_id=number)]


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_subscriber),
    Unsubscribe: Push(unsubscribe, accepts=by_email),
    Suppress: Push(unsubscribe),
    Subscribe: Push(subscribe, again=Again.LOOK, find=find_subscription, accepts=all_marketing),
    Erase: Push(erase),
    JoinList: Push(tag, accepts=by_email),
    LeaveList: Push(tag),
    SendMessage: Push(sequences.add, accepts=sequences.can_send),
}
