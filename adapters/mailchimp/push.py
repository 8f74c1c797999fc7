"""What Mailchimp can do for us: one function per action.

Only :func:`subscribe` ever makes somebody a subscriber, and it comes with the person's own yes. A profile is written
without a status: who is new is ``transactional``, which gets no campaign.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, cast

import msgspec

from adapters.accepting import all_marketing, by_email
from adapters.contract import Again, Check, ConnectionRefused, Delivery, Done, Outcome, Push, Refused, RetryLater
from adapters.http import HttpError
from adapters.mailchimp import batches
from adapters.mailchimp.client import Mailchimp, advice, is_missing, outcome, title
from adapters.mailchimp.webhook import ADDRESS, member_of
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

COMPLIANCE = "Member In Compliance State"
ALONE = 5  # profiles that are written one by one; more leave in one batch, of whose members it is asked later
BATCH = 500
NO_ADDRESS = Refused(reason="Mailchimp knows people by their e-mail address, and none is known")
_JOURNEY = re.compile(r"(\d+)/(\d+)")
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def _member(delivery: Delivery) -> str:
    return member_of(delivery.to.email) if delivery.to.email else delivery.to.vendor_id


# --- profiles


def write_members(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """A few members one by one, many in one batch; and of those that a batch has taken, what became of each."""
    ticket = deliveries[0].ticket
    return _ask(client, ticket, deliveries) if ticket else _begin(client, deliveries)


def _begin(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    if len(deliveries) <= ALONE:
        return [_write(client, one) for one in deliveries]
    known = [(one, place) for one in deliveries if (place := _place(one))]
    if not known:
        return [NO_ADDRESS for _ in deliveries]
    try:
        writes = [(one, method, client.member(member), _body(one)) for one, (method, member) in known]
    except Exception as error:
        return [outcome(error)] * len(deliveries)
    became = dict(zip((one.id for one, _ in known), batches.begin(client, writes), strict=True))
    return [became.get(one.id, NO_ADDRESS) for one in deliveries]


def _ask(client: Mailchimp, name: str, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """What became of members in a batch. What failed in passing is written anew, as is all of a batch that is gone."""
    try:
        failed = batches.failed(client, name)
    except HttpError as error:
        return _begin(client, deliveries) if is_missing(error) else [outcome(error)] * len(deliveries)
    except Exception as error:
        return [outcome(error)] * len(deliveries)
    if failed is None:
        return [batches.under_way(name)] * len(deliveries)
    became: dict[int, Outcome] = {}
    for one in deliveries:
        wrong = failed.get(one.key)
        found = outcome(wrong) if wrong else Done(vendor_id=_member(one), told=_properties(one), note=f"batch {name}")
        if isinstance(found, Done | Refused):
            became[one.id] = found
    if again := [one for one in deliveries if one.id not in became]:
        became |= zip((one.id for one in again), _begin(client, again), strict=True)
    return [became[one.id] for one in deliveries]


def _write(client: Mailchimp, delivery: Delivery) -> Outcome:
    if not (place := _place(delivery)):
        return NO_ADDRESS
    method, member = place
    try:
        made = client.write(method, member, _body(delivery), skip_merge_validation="true")
    except HttpError as error:
        if method == "PATCH" and is_missing(error):  # nobody is known there by the address of before
            return _write(
                client, msgspec.structs.replace(delivery, to=msgspec.structs.replace(delivery.to, vendor_id=""))
            )
        return outcome(error)
    except Exception as error:
        return outcome(error)
    return Done(vendor_id=made, told=_properties(delivery))


def _place(delivery: Delivery) -> tuple[str, str] | None:
    """How and where a member is written. Who has another address by now is changed under the one of before."""
    member = _member(delivery)
    if _moves(delivery):
        return "PATCH", delivery.to.vendor_id
    return ("PUT", member) if member else None


def _moves(delivery: Delivery) -> bool:
    """Whether a member gets another address, by which alone Mailchimp would make a second one of them."""
    known = delivery.to.vendor_id
    return bool(known) and known != _member(delivery) and ADDRESS in _properties(delivery)


def together_unless_moved(delivery: Delivery) -> str:
    """Who gets another address goes alone, so that it shows at once whether Mailchimp knows them by the one of before.
    Those in one batch are asked about together."""
    if delivery.ticket:
        return f"batch {delivery.ticket}"
    return f"alone {delivery.id}" if _moves(delivery) else ""


def _properties(delivery: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact, delivery.action).properties)


def _body(delivery: Delivery) -> dict[str, Any]:
    """The merge fields, parts of an address in the object that Mailchimp wants, and the status of who is new."""
    fields: dict[str, Any] = {}
    for name, value in _properties(delivery).items():
        group, _, part = name.partition(".")
        if part:
            fields.setdefault(group, {})[part] = value
        elif name != ADDRESS:
            fields[name] = value
    body: dict[str, Any] = {"status_if_new": "transactional"}
    if delivery.to.email:
        body[ADDRESS] = delivery.to.email
    return {**body, "merge_fields": fields} if fields else body


# --- consent


def unsubscribe(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop campaigns to a member, under the address of today and the one that Mailchimp may still have. Who is not in
    the audience is left out of it."""
    (one,) = deliveries
    return [_to_all_of(client, one, _opt_out, "not in the audience")]


def _opt_out(client: Mailchimp, member: str) -> str:
    try:
        client.write("PATCH", member, {"status": "unsubscribed"})
    except HttpError as error:
        if title(error) != COMPLIANCE:
            raise
        return "Mailchimp holds an opt-out already"
    return ""


def _members(delivery: Delivery) -> list[str]:
    """All members that the person may be: by the address of today, and by what Mailchimp called them last."""
    return list(dict.fromkeys(filter(None, (_member(delivery), delivery.to.vendor_id))))


def _to_all_of(client: Mailchimp, one: Delivery, do: Callable[[Mailchimp, str], str], nobody: str) -> Outcome:
    """Do something to every member that the person may be. ``do`` answers with a note; ``nobody`` is the one where
    there is no such member, which is certain only in an audience that there is."""
    members = _members(one)
    if not members:
        return NO_ADDRESS
    notes = []
    try:
        for member in members:
            try:
                notes.append(do(client, member))
            except HttpError as error:
                if not is_missing(error):
                    raise
        if not notes:
            _see_audience(client)
    except Exception as error:
        return outcome(error)
    return Done(note="; ".join(filter(None, notes)) if notes else nobody)


def _see_audience(client: Mailchimp) -> None:
    try:
        client.call("GET", f"/lists/{client.audience}", fields="id")
    except HttpError as error:
        if is_missing(error):
            raise ConnectionRefused(advice(error)) from error
        raise


def subscribe(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes. Whom Mailchimp will not take back by itself it asks once more, by mail."""
    (one,) = deliveries
    if not one.to.email:
        return [NO_ADDRESS]
    status = "pending" if client.double_opt_in else "subscribed"
    try:
        _set_status(client, one, status)
        return [Done(vendor_id=_member(one), note="Mailchimp asks them to confirm" if client.double_opt_in else "")]
    except HttpError as error:
        if title(error) != COMPLIANCE or client.double_opt_in:
            return [outcome(error)]
    except Exception as error:
        return [outcome(error)]
    try:
        _set_status(client, one, "pending")
    except Exception as error:
        return [outcome(error)]
    return [Done(vendor_id=_member(one), note="they opted out in Mailchimp once: it asks them to confirm")]


def _set_status(client: Mailchimp, one: Delivery, status: str) -> None:
    body = {ADDRESS: one.to.email, "status_if_new": status, "status": status}
    client.write("PUT", _member(one), body, skip_merge_validation="true")


def erase(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete a member for good, under both addresses. Mailchimp takes one back only from the person themselves."""
    (one,) = deliveries
    return [_to_all_of(client, one, _delete, "Mailchimp has no such member")]


def _delete(client: Mailchimp, member: str) -> str:
    client.call("POST", client.member(member, "/actions/delete-permanent"))
    return ""


# --- tags and events


def tag(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """What other tools do by lists: put a tag on a member, or take it off."""
    (one,) = deliveries
    action = cast(JoinList | LeaveList, one.action)
    status = "active" if isinstance(action, JoinList) else "inactive"
    return [_post(client, one, "/tags", {"tags": [{"name": action.list, "status": status}]})]


def send_event(client: Mailchimp, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """An event, on which journeys can start. A second one would start them again, so a lost answer is left to a
    person. A message called ``<journey>/<step>`` puts the member into that step instead."""
    (one,) = deliveries
    action = cast(SendMessage | TrackEvent, one.action)
    name = action.message if isinstance(action, SendMessage) else action.name
    if isinstance(action, SendMessage) and (found := _JOURNEY.fullmatch(name)):
        return [_enter(client, one, found[1], found[2])]
    event: dict[str, Any] = {"name": event_name(name), "occurred_at": action.occurred_at.astimezone(UTC).isoformat()}
    texts = {name: _text(value) for name, value in action.properties.items()}
    return [_post(client, one, "/events", {**event, "properties": texts} if texts else event)]


def event_name(name: str) -> str:
    """A name as Mailchimp takes it: 2 to 30 letters, digits, dashes and underscores."""
    return f"{_NO_NAME.sub('_', name).strip('_')[:30]:_<2}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _enter(client: Mailchimp, one: Delivery, journey: str, step: str) -> Outcome:
    if not one.to.email:
        return NO_ADDRESS
    path = f"/customer-journeys/journeys/{journey}/steps/{step}/actions/trigger"
    try:
        client.call("POST", path, {ADDRESS: one.to.email})
    except Exception as error:
        return outcome(error)
    return Done()


def _post(client: Mailchimp, one: Delivery, rest: str, body: Mapping[str, Any]) -> Outcome:
    if not _member(one):
        return NO_ADDRESS
    try:
        client.call("POST", client.member(_member(one), rest), body)
    except HttpError as error:
        if is_missing(error):
            return RetryLater(reason="Mailchimp does not know this member yet")
        return outcome(error)
    except Exception as error:
        return outcome(error)
    return Done()


def check(client: Mailchimp) -> list[Check]:
    """Whether the key works, and which audience it is."""
    asked = (
        ("API key", lambda: client.call("GET", "/ping")),
        ("Audience", lambda: client.call("GET", f"/lists/{client.audience}")),
    )
    return [_try(capability, call) for capability, call in asked]


def _try(capability: str, call: Callable[[], Any]) -> Check:
    try:
        call()
    except Exception as error:
        return Check(capability, False, advice(error))
    return Check(capability, True)


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_members, batch=BATCH, group=together_unless_moved),
    Unsubscribe: Push(unsubscribe, accepts=by_email),
    Suppress: Push(unsubscribe),
    Subscribe: Push(subscribe, accepts=all_marketing),
    Erase: Push(erase),
    JoinList: Push(tag, accepts=by_email),
    LeaveList: Push(tag),
    SendMessage: Push(send_event, again=Again.PARK, accepts=by_email),
    TrackEvent: Push(send_event, again=Again.PARK),
}
