"""What Drip can do for us: one function per action, by plain calls. Its SDK has not been renewed since 2019.

Drip makes whoever is new an active subscriber. So a profile is written with the first status ``unsubscribed``, and only
the person's own yes makes it active (:mod:`adapters.drip.consent`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from adapters.accepting import all_marketing, by_email
from adapters.contract import Again, Delivery, Done, Outcome, Push
from adapters.drip.client import ADDED, NO_ADDRESS, Drip, is_known, is_missing, named, part
from adapters.drip.consent import find_subscription, subscribe, unsubscribe
from adapters.http import HttpError
from adapters.outcomes import outcome_of
from app.contacts.action import (
    Action,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    Suppress,
    TrackEvent,
    Unsubscribe,
    UpsertContact,
)

ALONE = 10


def _each(client: Drip, deliveries: Sequence[Delivery], method: str, path: str, body: Any) -> list[Outcome]:
    """One call for deliveries of which all have an address, and what became of them."""
    try:
        client.call(method, path, body)
    except Exception as error:
        return [outcome_of(error, len(deliveries))] * len(deliveries)
    return [Done() for _ in deliveries]


def _addressed(deliveries: Sequence[Delivery], done: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes in order, where those without an address were left out of the call."""
    rest = iter(done)
    return [next(rest) if is_known(one) else NO_ADDRESS for one in deliveries]


def write_subscribers(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A few one by one, which tells their ids; up to a thousand in a batch, of which Drip takes fifty an hour."""
    known = [one for one in deliveries if is_known(one)]
    people = [_subscriber(one) for one in known]
    if len(people) <= ALONE:
        return _addressed(deliveries, [_write(client, *pair) for pair in zip(known, people, strict=True)])
    done = _each(client, known, "POST", "/subscribers/batches", {"batches": [{"subscribers": people}]})
    told = [
        Done(told=_properties(one)) if isinstance(outcome, Done) else outcome
        for one, outcome in zip(known, done, strict=True)
    ]
    return _addressed(deliveries, told)


def _write(client: Drip, one: Delivery, person: Mapping[str, Any]) -> Outcome:
    try:
        made = client.ask("POST", "/subscribers", {"subscribers": [person]})
    except Exception as error:
        return outcome_of(error)
    return Done(vendor_id=str(made.get("id") or ""), told=_properties(one))


def _properties(one: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact, one.action).properties)


def _subscriber(one: Delivery) -> dict[str, Any]:
    person: dict[str, Any] = {**named(one), "initial_status": "unsubscribed"}
    if not one.to.vendor_id:
        person["custom_fields"] = {ADDED: datetime.now(UTC).isoformat(timespec="seconds")}
    for name, value in _properties(one).items():
        group, _, own = name.partition(".")
        if own:
            person.setdefault(group, {})[own] = value
        elif name != "email":
            person[name] = value
    return person


def tag(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """What other tools do by lists: put a tag on somebody, or take it off."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    action = cast(JoinList | LeaveList, one.action)
    if isinstance(action, JoinList):
        return _each(client, deliveries, "POST", "/tags", {"tags": [{"email": one.to.email, "tag": action.list}]})
    return [_delete(client, f"/subscribers/{part(one.to.email)}/tags/{part(action.list)}")]


def erase(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete a subscriber, with what they did."""
    (one,) = deliveries
    name = one.to.vendor_id or one.to.email
    return [_delete(client, f"/subscribers/{part(name)}") if name else NO_ADDRESS]


def _delete(client: Drip, path: str) -> Outcome:
    try:
        client.call("DELETE", path)
    except HttpError as error:
        if is_missing(error):
            return Done(note="Drip has no such subscriber or tag")
        return outcome_of(error)
    except Exception as error:
        return outcome_of(error)
    return Done()


def send_event(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A custom event, on which workflows start. A second one would start them again, so a lost answer is left to a
    person."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    action = cast(SendMessage | TrackEvent, one.action)
    event = {
        "email": one.to.email,
        "action": action.message if isinstance(action, SendMessage) else action.name,
        "occurred_at": action.occurred_at.isoformat(),
        "properties": {**action.properties, "baton_key": one.key},
    }
    return _each(client, deliveries, "POST", "/events", {"events": [event]})


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_subscribers, batch=1_000, limits=("default", "batches")),
    Unsubscribe: Push(unsubscribe, accepts=by_email),
    Suppress: Push(unsubscribe),
    Subscribe: Push(subscribe, again=Again.LOOK, find=find_subscription, accepts=all_marketing),
    Erase: Push(erase),
    JoinList: Push(tag, accepts=by_email),
    LeaveList: Push(tag),
    SendMessage: Push(send_event, again=Again.PARK, accepts=by_email),
    TrackEvent: Push(send_event, again=Again.PARK),
}
