"""What HubSpot can do for us: one function per action, through the real SDK."""

from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from adapters.accepting import by_email
from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater, Unknown
from adapters.hubspot.client import HubSpotClient, path_part
from adapters.hubspot.sales import assign_owner, create_note, create_task, find_note, find_task
from adapters.hubspot.single_send import can_send, send_message
from adapters.outcomes import outcome_of
from app.contacts.action import (
    Action,
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    MoveStage,
    SendMessage,
    Subscribe,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import MARKETING

STAGE = "lifecyclestage"


# --- contacts


def by_id_or_email(delivery: Delivery) -> str:
    """Contacts that HubSpot knows are updated by id, others created or found by address: two different calls."""
    return "id" if delivery.to.vendor_id else "email"


def write_contacts(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Up to a hundred contacts in one call; each gets its own outcome, also when HubSpot answers 207."""
    known = bool(deliveries[0].to.vendor_id)
    nameless = [not known and not one.to.email for one in deliveries]
    if any(nameless):
        rest = iter(_write(client, [one for one, lacks in zip(deliveries, nameless, strict=True) if not lacks], known))
        refused = Refused(reason="HubSpot needs an e-mail address to create a contact")
        return [refused if lacks else next(rest) for lacks in nameless]
    return _write(client, deliveries, known)


def _write(client: HubSpotClient, deliveries: Sequence[Delivery], known: bool) -> list[Outcome]:
    if not deliveries:
        return []
    properties = [_texts(cast(UpsertContact, one.action).properties) for one in deliveries]
    try:
        answer = _update(client, deliveries, properties) if known else _upsert(client, deliveries, properties)
    except Exception as error:
        return [outcome_of(error, len(deliveries))] * len(deliveries)
    outcomes = _outcomes(answer, deliveries, properties)
    return _read_stages_back(client, outcomes, properties)


def _upsert(
    client: HubSpotClient, deliveries: Sequence[Delivery], properties: Sequence[dict[str, str]]
) -> dict[str, Any]:
    from hubspot.crm.contacts import (
        BatchInputSimplePublicObjectBatchInputUpsert,
        SimplePublicObjectBatchInputUpsert,
    )

    inputs = [
        SimplePublicObjectBatchInputUpsert(
            id=one.to.email,
            id_property="email",
            object_write_trace_id=str(index),
            properties={"email": one.to.email, **values},
        )
        for index, (one, values) in enumerate(zip(deliveries, properties, strict=True))
    ]
    return client.ask(client.contacts.upsert, BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))


def _update(
    client: HubSpotClient, deliveries: Sequence[Delivery], properties: Sequence[dict[str, str]]
) -> dict[str, Any]:
    from hubspot.crm.contacts import BatchInputSimplePublicObjectBatchInput, SimplePublicObjectBatchInput

    inputs = [
        SimplePublicObjectBatchInput(id=one.to.vendor_id, object_write_trace_id=str(index), properties=values)
        for index, (one, values) in enumerate(zip(deliveries, properties, strict=True))
    ]
    return client.ask(client.contacts.update, BatchInputSimplePublicObjectBatchInput(inputs=inputs))


def _texts(properties: Mapping[str, Any]) -> dict[str, str]:
    """Property values as HubSpot takes them: always texts."""
    return {
        name: ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)
        for name, value in properties.items()
    }


def _outcomes(
    answer: Mapping[str, Any], deliveries: Sequence[Delivery], properties: Sequence[dict[str, str]]
) -> list[Outcome]:
    """One outcome per delivery. What the answer does not mention is unknown, not done."""
    outcomes: list[Outcome] = [Unknown(reason="HubSpot's answer does not mention this contact") for _ in deliveries]
    by_name = {name: index for index, one in enumerate(deliveries) for name in (one.to.vendor_id, one.to.email) if name}
    for result in answer.get("results") or ():
        held = result.get("properties") or {}
        index = _index(result.get("objectWriteTraceId"), len(deliveries))
        if index is None:
            index = next(
                (by_name[n] for n in (str(result.get("id")), str(held.get("email")).lower()) if n in by_name), None
            )
        if index is None and len(deliveries) == 1:
            index = 0  # found by a secondary address, so the answer names another one
        if index is not None:
            outcomes[index] = Done(vendor_id=str(result.get("id") or ""), told={**properties[index], **_stage_of(held)})
    for error in answer.get("errors") or ():
        context = error.get("context") or {}
        named = [_index(trace, len(deliveries)) for trace in context.get("objectWriteTraceId") or ()]
        named = named or [by_name.get(str(name)) for name in context.get("ids") or context.get("id") or ()]
        for index in named:
            if index is not None:
                outcomes[index] = _item_error(error)
    return outcomes


def _index(trace: Any, size: int) -> int | None:
    return int(trace) if str(trace).isdigit() and len(str(trace)) < 4 and int(trace) < size else None


def _stage_of(held: Mapping[str, Any]) -> dict[str, str]:
    return {STAGE: held[STAGE]} if held.get(STAGE) else {}


def _item_error(error: Mapping[str, Any]) -> Outcome:
    reason = f"{error.get('category') or 'error'}: {error.get('message') or 'no reason given'}"[:500]
    if error.get("category") in ("RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR"):
        return RetryLater(reason=reason)
    return Refused(reason=reason)


def _read_stages_back(
    client: HubSpotClient, outcomes: list[Outcome], properties: Sequence[dict[str, str]]
) -> list[Outcome]:
    """HubSpot ignores an earlier lifecycle stage with a 2xx, so what it holds now is read, not assumed."""
    unsure = {
        index: outcome
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Done) and properties[index].get(STAGE) and outcome.vendor_id
    }
    if not unsure:
        return outcomes
    try:
        held = _stages(client, [outcome.vendor_id for outcome in unsure.values()])
    except Exception as error:
        outcome_of(error)  # a refused token still has to stop the connection
        return outcomes
    for index, outcome in unsure.items():
        wanted, has = properties[index][STAGE], held.get(outcome.vendor_id)
        if has is not None:
            note = "" if has == wanted else f"HubSpot keeps the stage {has}: it does not go back to {wanted}"
            outcomes[index] = Done(vendor_id=outcome.vendor_id, told={**outcome.told, STAGE: has}, note=note)
    return outcomes


def _stages(client: HubSpotClient, ids: Sequence[str]) -> dict[str, str]:
    from hubspot.crm.contacts import BatchReadInputSimplePublicObjectId

    asked = BatchReadInputSimplePublicObjectId(
        inputs=[{"id": one} for one in dict.fromkeys(ids)], properties=[STAGE], properties_with_history=[]
    )
    answer = client.ask(client.contacts.read, asked)
    return {str(r.get("id")): str((r.get("properties") or {}).get(STAGE) or "") for r in answer.get("results") or ()}


def move_stage(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Set a stage back, as HubSpot takes it: cleared first, in a call of its own, then set, then read back."""
    from hubspot.crm.contacts import SimplePublicObjectInput

    (one,) = deliveries
    action = cast(MoveStage, one.action)
    try:
        for value in ("", action.stage):
            written = SimplePublicObjectInput(properties={action.property: value})
            client.ask(client.contact.update, one.to.vendor_id, written)
        has = _stages(client, [one.to.vendor_id]).get(one.to.vendor_id, "")
    except Exception as error:
        return [outcome_of(error)]
    if has != action.stage:
        return [Refused(reason=f"HubSpot still holds the stage {has or 'none'} after it was set to {action.stage}")]
    return [Done(vendor_id=one.to.vendor_id, told={action.property: has})]


# --- consent and lists


def unsubscribe(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Opt an address out of all marketing e-mail."""
    (one,) = deliveries
    if not one.to.email:
        return [Refused(reason="HubSpot stops e-mail by address, and none is known")]
    path = f"/communication-preferences/v4/statuses/{path_part(one.to.email)}/unsubscribe-all"
    try:
        client.raw("POST", path, query={"channel": "EMAIL"})
    except Exception as error:
        return [outcome_of(error)]
    return [Done()]


def subscribe(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes for the subscription type named in the settings, with its record as legal basis."""
    (one,) = deliveries
    grant = cast(Subscribe, one.action).grant
    body = {
        "subscriptionId": int(client.settings["subscription_id"]),
        "statusState": "SUBSCRIBED",
        "channel": "EMAIL",
        "legalBasis": "CONSENT_WITH_NOTICE",
        "legalBasisExplanation": f"{grant.method or 'form'} on {grant.at:%Y-%m-%d %H:%M} UTC, recorded by Baton",
    }
    try:
        client.raw("POST", f"/communication-preferences/v4/statuses/{path_part(one.to.email)}", body)
    except Exception as error:
        return [outcome_of(error)]
    return [Done()]


def erase(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Delete a contact for good, as privacy laws ask for it. By id where it is known; an address that HubSpot does not
    know is kept out of it from then on."""
    from hubspot.crm.contacts import PublicGdprDeleteInput

    (one,) = deliveries
    if one.to.vendor_id:
        asked = PublicGdprDeleteInput(object_id=one.to.vendor_id)
    elif one.to.email:
        asked = PublicGdprDeleteInput(object_id=one.to.email, id_property="email")
    else:
        return [Refused(reason="HubSpot deletes by id or address, and neither is known")]
    try:
        client.tell(client.contact.purge, asked)
    except Exception as error:
        if getattr(error, "status", None) == HTTPStatus.NOT_FOUND:
            return [Done(note="HubSpot has no such contact any more")]
        return [outcome_of(error)]
    return [Done()]


def _change_list(name: str) -> Callable[[HubSpotClient, Sequence[Delivery]], list[Outcome]]:
    def change(client: HubSpotClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
        list_id = cast(JoinList | LeaveList, deliveries[0].action).list
        try:
            ids = [one.to.vendor_id for one in deliveries if one.to.vendor_id]
            answer = client.ask(getattr(client.lists, name), list_id, ids) if ids else {}
        except Exception as error:
            return [outcome_of(error, len(deliveries))] * len(deliveries)
        missing = {str(one) for one in answer.get("recordIdsMissing") or answer.get("recordsIdsMissing") or ()}
        return [_listed(one.to.vendor_id, missing) for one in deliveries]

    return change


def _listed(vendor_id: str, missing: Collection[str]) -> Outcome:
    if not vendor_id:
        return RetryLater(reason="HubSpot does not know this contact yet")
    return Refused(reason="HubSpot no longer has this contact") if vendor_id in missing else Done()


def _list(delivery: Delivery) -> str:
    return cast(JoinList | LeaveList, delivery.action).list


def _has_subscription(action: Subscribe, settings: Mapping[str, str]) -> bool:
    """HubSpot records a yes for one subscription type; without one named there is nothing to write it to, and a yes to
    something narrower than marketing is not written as if it were more."""
    marketing = action.channel == "email" and action.purpose == MARKETING
    return marketing and settings.get("subscription_id", "").isdecimal()


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_contacts, batch=100, group=by_id_or_email),
    EnsureContact: Push(write_contacts, batch=100, group=by_id_or_email),
    MoveStage: Push(move_stage),
    AssignOwner: Push(assign_owner),
    CreateTask: Push(create_task, again=Again.LOOK, find=find_task),
    CreateNote: Push(create_note, again=Again.LOOK, find=find_note),
    Unsubscribe: Push(unsubscribe, accepts=by_email),
    Erase: Push(erase),
    Subscribe: Push(subscribe, accepts=_has_subscription),
    JoinList: Push(_change_list("add"), batch=100, group=_list),
    SendMessage: Push(send_message, accepts=can_send),
    LeaveList: Push(_change_list("remove"), batch=100, group=_list),
}
