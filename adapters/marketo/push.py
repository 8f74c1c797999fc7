"""What Marketo can do for us: one function per action, up to 300 leads in a call.

A call that was carried out says of each record what became of it; nothing else counts as done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater
from adapters.marketo.client import LEADS, Marketo
from adapters.marketo.record import number_of
from adapters.numbered import numbers_by_name, wrong_numbers
from adapters.values import as_text
from app.contacts.action import (
    Action,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    Suppress,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import MARKETING, surely_after
from app.contacts.times import parse_time

LIMITS = ("default", "day")
CAMPAIGNS = "campaigns"
WHAT = "the number of its campaign"
NO_ADDRESS = Refused(reason="Marketo knows people by their id or e-mail address, and neither is known")
NOT_THERE = RetryLater(reason="Marketo does not know this person yet")
_NOBODY = "1004"  # lead not found
_PASSING = frozenset(("606", "608", "611", "615", "713"))


def wrong_campaigns(text: str) -> str:
    """What is wrong with the setting; empty where nothing is."""
    return wrong_numbers(text, WHAT)


# --- leads


def by_id_or_email(delivery: Delivery) -> str:
    """Leads that Marketo knows are updated by id, others made or found by address: two different calls."""
    return "id" if number_of(delivery.to.vendor_id) else "email"


def write_leads(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Leads, each with an outcome of its own."""
    written = {one.id: dict(cast(UpsertContact | EnsureContact, one.action).properties) for one in deliveries}
    return _sync(client, deliveries, written, make=True)


def _sync(
    client: Marketo, deliveries: Sequence[Delivery], written: Mapping[int, Mapping[str, Any]], make: bool
) -> list[Outcome]:
    """Write to leads that share the way in which they are named; only ``make`` makes those that are missing."""
    by = by_id_or_email(deliveries[0])
    named = [one for one in deliveries if by == "id" or one.to.email]
    if not named:
        return [NO_ADDRESS for _ in deliveries]
    key = {one.id: {"id": int(one.to.vendor_id)} if by == "id" else {"email": one.to.email} for one in named}
    asked = {
        "action": "createOrUpdate" if make and by == "email" else "updateOnly",
        "lookupField": by,
        "input": [{**written[one.id], **key[one.id]} for one in named],
    }
    try:
        results = client.results(len(named), "POST", "/leads.json", asked)
    except Exception as error:
        return [client.outcome(error, len(deliveries))] * len(deliveries)
    done = {one.id: _became(result, written[one.id]) for one, result in zip(named, results, strict=True)}
    return [done.get(one.id, NO_ADDRESS) for one in deliveries]


def _became(result: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> Outcome:
    """What became of one record, as the outcome of its delivery."""
    if result.get("status") in ("created", "updated", "deleted", "added", "removed", "memberof", "notmemberof"):
        return Done(vendor_id=number_of(result.get("id")), told=told or {})
    code, message = _reason(result)
    if code in _PASSING:
        return RetryLater(reason=f"{code}: {message}")
    return Refused(reason=f"{code}: {message}" if code else f"Marketo says {as_text(result.get('status'))[:80]!r}")


def _reason(result: Mapping[str, Any]) -> tuple[str, str]:
    reasons = result.get("reasons")
    first = reasons[0] if isinstance(reasons, list) and reasons and isinstance(reasons[0], dict) else {}
    return str(first.get("code") or ""), str(first.get("message") or "no reason given")[:400]


def _ids(client: Marketo, delivery: Delivery) -> list[str]:
    """All leads that a person may be: by id, and by the address of today. Raises HttpError."""
    known = number_of(delivery.to.vendor_id)
    found = [str(one["id"]) for one in client.leads("email", [delivery.to.email], ["id"])] if delivery.to.email else []
    return list(dict.fromkeys(filter(None, (known, *found))))


# --- consent


def unsubscribe(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop marketing mail to every lead that the person may be."""
    return _mark_all(client, deliveries[0], {"unsubscribed": True, "unsubscribedReason": "opted out; told by Baton"})


def suppress(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Mark an address that bounces elsewhere as invalid, as Marketo itself does."""
    reason = cast(Suppress, deliveries[0].action).reason[:255]
    return _mark_all(client, deliveries[0], {"emailInvalid": True, "emailInvalidCause": reason})


def _mark_all(client: Marketo, one: Delivery, fields: Mapping[str, Any]) -> list[Outcome]:
    if not number_of(one.to.vendor_id) and not one.to.email:
        return [NO_ADDRESS]
    try:
        names = _ids(client, one)
        asked = {"action": "updateOnly", "lookupField": "id", "input": [{"id": int(n), **fields} for n in names]}
        results = client.results(len(names), "POST", "/leads.json", asked) if names else []
    except Exception as error:
        return [client.outcome(error)]
    there = [result for result in results if _reason(result)[0] != _NOBODY]
    if not there:
        return [Done(note="Marketo has no such lead")]
    outcomes = [_became(result) for result in there]
    return [next((one for one in outcomes if not isinstance(one, Done)), Done())]


def subscribe(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes, unless they may have left in Marketo since: it does not say when they did, so only a
    lead that was not changed since the yes is taken back."""
    (one,) = deliveries
    grant = cast(Subscribe, one.action).grant
    seen = ("id", "unsubscribed", "emailInvalid", "blackListed", "updatedAt")
    try:
        names = _ids(client, one)
        found = list(client.leads("id", names, seen)) if names else []
        if not found:
            return [Done(note="Marketo has no such lead")]
        marked = [lead for lead in found if lead.get("unsubscribed") is True]
        for lead in found:
            if lead.get("blackListed") is True or lead.get("emailInvalid") is True:
                return [Refused(reason=f"lead {lead['id']} is block-listed or its address is invalid in Marketo")]
        if any(not surely_after(grant.at, parse_time(lead.get("updatedAt"))) for lead in marked):
            why = "Marketo has them as unsubscribed, and does not say that it was before they said yes"
            return [Refused(reason=why)]
        back = [{"id": lead["id"], "unsubscribed": False, "unsubscribedReason": None} for lead in marked]
        asked = {"action": "updateOnly", "lookupField": "id", "input": back}
        results = client.results(len(back), "POST", "/leads.json", asked) if back else []
    except Exception as error:
        return [client.outcome(error)]
    failed = next((outcome for result in results if not isinstance(outcome := _became(result), Done)), None)
    return [failed or Done(note="" if back else "was not unsubscribed")]


# --- lists and campaigns


def _change_list(method: str) -> Callable[[Marketo, Sequence[Delivery]], list[Outcome]]:
    def change(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
        named = cast(JoinList | LeaveList, deliveries[0].action).list
        try:
            known = {one.id: number_of(one.to.vendor_id) for one in deliveries}
            asked = [one.to.email for one in deliveries if not known[one.id] and one.to.email]
            found = {str(one.get("email")).lower(): str(one["id"]) for one in _found(client, asked)}
            known = {one.id: known[one.id] or found.get(one.to.email.lower(), "") for one in deliveries}
            names = list(dict.fromkeys(filter(None, known.values())))
            body = {"input": [{"id": int(name)} for name in names]}
            results = client.results(len(names), method, f"/lists/{named}/leads.json", body) if names else []
        except Exception as error:
            return [client.outcome(error, len(deliveries))] * len(deliveries)
        became = {name: _became(result) for name, result in zip(names, results, strict=True)}
        return [became.get(known[one.id], NOT_THERE) for one in deliveries]

    return change


def _found(client: Marketo, addresses: Sequence[str]) -> list[dict[str, Any]]:
    return list(client.leads("email", addresses, ("id", "email"))) if addresses else []


def _list(delivery: Delivery) -> str:
    return cast(JoinList | LeaveList, delivery.action).list


def _campaign(action: SendMessage, settings: Mapping[str, str]) -> str:
    known = numbers_by_name(settings.get(CAMPAIGNS, ""), WHAT)
    return next((str(known[name]) for name in (action.content, action.rule, action.message) if name in known), "")


def run_campaign(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Have the campaign run that carries a message, with its properties as tokens. A second run would send twice, so a
    lost answer is left to a person."""
    (one,) = deliveries
    action = cast(SendMessage, one.action)
    campaign = _campaign(action, client.settings)
    if not campaign:  # taken out of the settings meanwhile
        return [Refused(reason=f'no campaign is named for "{action.content or action.rule}" in {CAMPAIGNS}')]
    tokens = [{"name": f"{{{{my.{name}}}}}", "value": as_text(value)} for name, value in action.properties.items()]
    try:
        if not (names := _ids(client, one)):
            return [NOT_THERE]
        asked = {"input": {"leads": [{"id": int(names[0])}], **({"tokens": tokens} if tokens else {})}}
        client.call("POST", f"/campaigns/{campaign}/trigger.json", asked)
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=names[0], note=f"campaign {campaign}")]


# --- erasure


def erase(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete every lead that the person may be, with what they did."""
    (one,) = deliveries
    if not number_of(one.to.vendor_id) and not one.to.email:
        return [NO_ADDRESS]
    try:
        names = _ids(client, one)
        asked = {"input": [{"id": int(name)} for name in names]}
        results = client.results(len(names), "POST", "/leads/delete.json", asked) if names else []
    except Exception as error:
        return [client.outcome(error)]
    there = [result for result in results if _reason(result)[0] != _NOBODY]
    outcomes = [_became(result) for result in there]
    left = next((outcome for outcome in outcomes if not isinstance(outcome, Done)), None)
    return [left or Done(note="" if there else "Marketo has no such lead")]


def _by_email(action: Any, settings: Mapping[str, str]) -> bool:
    return bool(action.channel == "email")


def _all_marketing(action: Any, settings: Mapping[str, str]) -> bool:
    """There is one mark: a yes to less is not written as if it were a yes to all."""
    return bool(action.channel == "email" and action.purpose == MARKETING)


def _is_list(action: Any, settings: Mapping[str, str]) -> bool:
    return bool(number_of(action.list))


def _has_campaign(action: Any, settings: Mapping[str, str]) -> bool:
    return action.channel == "email" and bool(_campaign(action, settings))


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_leads, batch=LEADS, group=by_id_or_email, limits=LIMITS),
    Unsubscribe: Push(unsubscribe, accepts=_by_email, limits=LIMITS),
    Suppress: Push(suppress, limits=LIMITS),
    Subscribe: Push(subscribe, accepts=_all_marketing, limits=LIMITS),
    JoinList: Push(_change_list("POST"), batch=LEADS, group=_list, accepts=_is_list, limits=LIMITS),
    LeaveList: Push(_change_list("DELETE"), batch=LEADS, group=_list, accepts=_is_list, limits=LIMITS),
    SendMessage: Push(run_campaign, again=Again.PARK, accepts=_has_campaign, limits=LIMITS),
    Erase: Push(erase, limits=LIMITS),
}
