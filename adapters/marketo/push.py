"""What Marketo can do for us: one function per action, up to 300 leads in a call.

A call that was carried out says of each record what became of it; nothing else counts as done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from adapters.accepting import all_marketing, by_email
from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater, Unknown
from adapters.marketo.client import LEADS, Marketo, reason_of
from adapters.marketo.record import number_of
from adapters.numbered import number_for, wrong_numbers
from adapters.values import as_text
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
from app.contacts.consent import surely_after
from app.contacts.times import time_or_none

LIMITS = ("default", "day")
CAMPAIGNS = "campaigns"
WHAT = "the number of its campaign"
NO_ADDRESS = Refused(reason="Marketo knows people by their id or e-mail address, and neither is known")
NOT_THERE = RetryLater(reason="Marketo does not know this person yet")
NOBODY = Done(note="Marketo has no such lead")
_GONE = "1004"  # lead not found
_PASSING = frozenset(("606", "608", "611", "615", "713"))


def wrong_campaigns(text: str) -> str:
    """What is wrong with the setting; empty where nothing is."""
    return wrong_numbers(text, WHAT)


# --- leads


def by_id_or_email(delivery: Delivery) -> str:
    """Leads that Marketo knows are updated by id, others made or found by address: two different calls."""
    return "id" if number_of(delivery.to.vendor_id) else "email"


def write_leads(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Leads that share the way in which they are named, each with an outcome of its own."""
    by_id = by_id_or_email(deliveries[0]) == "id"
    named = [one for one in deliveries if by_id or one.to.email]
    written = [dict(cast(UpsertContact, one.action).properties) for one in named]
    try:
        if by_id:
            keys = [int(one.to.vendor_id) for one in named]
            results = client.update([{**said, "id": key} for said, key in zip(written, keys, strict=True)])
        else:
            people = [{**said, "email": one.to.email} for said, one in zip(written, named, strict=True)]
            results = client.change("POST", "/leads.json", people, action="createOrUpdate", lookupField="email")
    except Exception as error:
        return [client.outcome(error, len(deliveries))] * len(deliveries)
    done = {one.id: _became(result, said) for one, result, said in zip(named, results, written, strict=True)}
    return [done.get(one.id, NO_ADDRESS) for one in deliveries]


def _became(result: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> Outcome:
    """What became of one record, as the outcome of its delivery."""
    if result.get("status") in ("created", "updated", "deleted", "added", "removed", "memberof", "notmemberof"):
        return Done(vendor_id=number_of(result.get("id")), told=told or {})
    code, message = reason_of(result.get("reasons"))
    if code in _PASSING:
        return RetryLater(reason=f"{code}: {message}")
    return Refused(reason=f"{code}: {message}" if code else f"Marketo says {as_text(result.get('status'))[:80]!r}")


def _together(results: Sequence[Mapping[str, Any]]) -> Outcome:
    """What became of all leads that a person may be: of those that are still there, what stands in the way of one."""
    there = [result for result in results if reason_of(result.get("reasons"))[0] != _GONE]
    if not there:
        return NOBODY
    return next((one for one in map(_became, there) if not isinstance(one, Done)), Done())


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
        return [_together(client.update([{"id": int(name), **fields} for name in _ids(client, one)]))]
    except Exception as error:
        return [client.outcome(error)]


def subscribe(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes, unless they may have left in Marketo since: it does not say when they did, so only a
    lead that was not changed since the yes is taken back."""
    (one,) = deliveries
    grant = cast(Subscribe, one.action).grant
    seen = ("id", "unsubscribed", "emailInvalid", "blackListed", "updatedAt")
    try:
        found = list(client.leads("id", _ids(client, one), seen))
        if not found:
            return [NOBODY]
        for lead in found:
            if lead.get("blackListed") is True or lead.get("emailInvalid") is True:
                return [Refused(reason=f"lead {lead['id']} is block-listed or its address is invalid in Marketo")]
        marked = [lead for lead in found if lead.get("unsubscribed") is True]
        if not all(surely_after(grant.at, time_or_none(lead.get("updatedAt"))) for lead in marked):
            why = "Marketo has them as unsubscribed, and does not say that it was before they said yes"
            return [Refused(reason=why)]
        back = [{"id": lead["id"], "unsubscribed": False, "unsubscribedReason": None} for lead in marked]
        return [_together(client.update(back)) if back else Done(note="was not unsubscribed")]
    except Exception as error:
        return [client.outcome(error)]


# --- lists and campaigns


def _change_list(method: str) -> Callable[[Marketo, Sequence[Delivery]], list[Outcome]]:
    def change(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
        named = cast(JoinList | LeaveList, deliveries[0].action).list
        try:
            known = {one.id: number_of(one.to.vendor_id) for one in deliveries}
            asked = [one.to.email for one in deliveries if not known[one.id] and one.to.email]
            leads = client.leads("email", asked, ("id", "email"))
            found = {str(lead.get("email")).lower(): str(lead["id"]) for lead in leads}
            known = {one.id: known[one.id] or found.get(one.to.email.lower(), "") for one in deliveries}
            names = list(dict.fromkeys(filter(None, known.values())))
            results = client.change(method, f"/lists/{named}/leads.json", [{"id": int(name)} for name in names])
        except Exception as error:
            return [client.outcome(error, len(deliveries))] * len(deliveries)
        became = {name: _became(result) for name, result in zip(names, results, strict=True)}
        return [became.get(known[one.id], NOT_THERE) for one in deliveries]

    return change


def _list(delivery: Delivery) -> str:
    return cast(JoinList | LeaveList, delivery.action).list


def _campaign(action: SendMessage, settings: Mapping[str, str]) -> str:
    return number_for(action, settings.get(CAMPAIGNS, ""), WHAT)


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
        client.session()  # which may be a call, too
        lead = number_of(one.to.vendor_id) or next(iter(_ids(client, one)), "")
    except Exception as error:
        return [_not_asked(client.outcome(error))]
    if not lead:
        return [NOT_THERE]
    asked = {"input": {"leads": [{"id": int(lead)}], **({"tokens": tokens} if tokens else {})}}
    try:
        client.call("POST", f"/campaigns/{campaign}/trigger.json", asked)
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=lead, note=f"campaign {campaign}")]


def _not_asked(outcome: Outcome) -> Outcome:
    """What came of a call before the one that matters: whatever became of it, nothing was sent."""
    return RetryLater(reason=outcome.reason) if isinstance(outcome, Unknown) else outcome


# --- erasure


def erase(client: Marketo, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete every lead that the person may be, with what they did."""
    (one,) = deliveries
    if not number_of(one.to.vendor_id) and not one.to.email:
        return [NO_ADDRESS]
    try:
        return [_together(client.change("POST", "/leads/delete.json", [{"id": int(n)} for n in _ids(client, one)]))]
    except Exception as error:
        return [client.outcome(error)]


def _is_list(action: Any, settings: Mapping[str, str]) -> bool:
    return bool(number_of(action.list))


def _has_campaign(action: Any, settings: Mapping[str, str]) -> bool:
    return action.channel == "email" and bool(_campaign(action, settings))


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_leads, batch=LEADS, group=by_id_or_email, limits=LIMITS),
    Unsubscribe: Push(unsubscribe, accepts=by_email, limits=LIMITS),
    Suppress: Push(suppress, limits=LIMITS),
    Subscribe: Push(subscribe, accepts=all_marketing, limits=LIMITS),
    JoinList: Push(_change_list("POST"), batch=LEADS, group=_list, accepts=_is_list, limits=LIMITS),
    LeaveList: Push(_change_list("DELETE"), batch=LEADS, group=_list, accepts=_is_list, limits=LIMITS),
    SendMessage: Push(run_campaign, again=Again.PARK, accepts=_has_campaign, limits=LIMITS),
    Erase: Push(erase, limits=LIMITS),
}
