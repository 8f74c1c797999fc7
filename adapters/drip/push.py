"""What Drip can do for us: one function per action, by plain calls. Its SDK has not been renewed since 2019.

Drip makes whoever is new an active subscriber. So a profile is written with the first status ``unsubscribed``, and only
the person's own yes makes it active.
"""

import base64
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from adapters.contract import Account, Again, Check, Delivery, Done, Outcome, Push, Refused
from adapters.http import Http, HttpError, outcome_of
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
from app.contacts.consent import MARKETING

ALONE = 10
NO_ADDRESS = Refused(reason="Drip knows people by their e-mail address, and none is known")


class Drip:
    """One account."""

    def __init__(self, account: Account) -> None:
        self._root = f"{account.base_url.rstrip('/')}/v2/{quote(account.settings.get('account_id', ''))}"
        credentials = base64.b64encode(f"{account.settings.get('api_key', '')}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", "User-Agent": "Baton"}
        self._http: Http = account.http

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer, or None for an empty one. Raises HttpError for any other status than 2xx."""
        return self._http.call(method, f"{self._root}{path}", self._headers, body)


def connect(account: Account) -> Drip:
    """A client for one connection."""
    return Drip(account)


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
    return [next(rest) if one.to.email else NO_ADDRESS for one in deliveries]


def write_subscribers(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A few one by one, which tells their ids; up to a thousand in a batch, of which Drip takes fifty an hour."""
    known = [one for one in deliveries if one.to.email]
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
        answer = client.call("POST", "/subscribers", {"subscribers": [person]})
    except Exception as error:
        return outcome_of(error)
    made = answer.get("subscribers") if isinstance(answer, dict) else None
    name = str(made[0].get("id") or "") if isinstance(made, list) and made and isinstance(made[0], dict) else ""
    return Done(vendor_id=name, told=_properties(one))


def _properties(one: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact, one.action).properties)


def _subscriber(one: Delivery) -> dict[str, Any]:
    person: dict[str, Any] = {"email": one.to.email, "initial_status": "unsubscribed"}
    for name, value in _properties(one).items():
        group, _, own = name.partition(".")
        if own:
            person.setdefault(group, {})[own] = value
        elif name != "email":
            person[name] = value
    return person


def unsubscribe(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop all mail to up to a thousand people."""
    known = [one for one in deliveries if one.to.email]
    if not known:
        return [NO_ADDRESS for _ in deliveries]
    people = [{"email": one.to.email} for one in known]
    body = {"batches": [{"subscribers": people}]}
    return _addressed(deliveries, _each(client, known, "POST", "/unsubscribes/batches", body))


def subscribe(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes, with its proof."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    grant = cast(Subscribe, one.action).grant
    said = str(grant.proof.get("text") or grant.method or "recorded by Baton")[:500]
    person = {"email": one.to.email, "status": "active", "eu_consent": "granted", "eu_consent_message": said}
    return _each(client, deliveries, "POST", "/subscribers", {"subscribers": [person]})


def tag(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """What other tools do by lists: put a tag on somebody, or take it off."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    action = cast(JoinList | LeaveList, one.action)
    if isinstance(action, JoinList):
        return _each(client, deliveries, "POST", "/tags", {"tags": [{"email": one.to.email, "tag": action.list}]})
    return [_delete(client, f"/subscribers/{_part(one.to.email)}/tags/{_part(action.list)}")]


def erase(client: Drip, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete a subscriber, with what they did."""
    (one,) = deliveries
    name = one.to.vendor_id or one.to.email
    return [_delete(client, f"/subscribers/{_part(name)}") if name else NO_ADDRESS]


def _delete(client: Drip, path: str) -> Outcome:
    try:
        client.call("DELETE", path)
    except HttpError as error:
        if error.status == HTTPStatus.NOT_FOUND and error.body.lstrip().startswith("{"):
            return Done(note="Drip has no such subscriber or tag")
        return outcome_of(error)
    except Exception as error:
        return outcome_of(error)
    return Done()


def _part(text: str) -> str:
    return quote(text, safe="")


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


def check(client: Drip) -> list[Check]:
    """Whether the token reaches the account."""
    try:
        client.call("GET", "/tags")
    except HttpError as error:
        advice = {401: "Drip refuses the token", 403: "the token has no access to this account", 404: "no such account"}
        return [Check("Account", False, advice.get(error.status, str(error)[:200]))]
    except Exception as error:
        return [Check("Account", False, f"{type(error).__name__}: {str(error)[:200]}")]
    return [Check("Account", True)]


def _by_email(action: Any, settings: Mapping[str, str]) -> bool:
    return bool(action.channel == "email")


def _all_marketing(action: Any, settings: Mapping[str, str]) -> bool:
    return bool(action.channel == "email" and action.purpose == MARKETING)


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_subscribers, batch=1_000),
    Unsubscribe: Push(unsubscribe, batch=1_000, accepts=_by_email),
    Suppress: Push(unsubscribe, batch=1_000),
    Subscribe: Push(subscribe, accepts=_all_marketing),
    Erase: Push(erase),
    JoinList: Push(tag, accepts=_by_email),
    LeaveList: Push(tag),
    SendMessage: Push(send_event, again=Again.PARK, accepts=_by_email),
    TrackEvent: Push(send_event, again=Again.PARK),
}
