"""What Klaviyo can do for us: one function per action, through the real SDK."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Push, Refused, RetryLater
from adapters.klaviyo.client import KlaviyoClient, data_of
from adapters.klaviyo.webhook import OWN_EVENT
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
from app.contacts.consent import MARKETING
from app.contacts.identity import clean_phone


def identifiers(delivery: Delivery, with_id: bool = True) -> dict[str, Any]:
    """Who the profile is. One identifier is enough, and two that belong to two profiles are refused with 409."""
    to = delivery.to
    if with_id and to.vendor_id:
        return {"id": to.vendor_id}
    if to.email:
        return {"attributes": {"email": to.email}}
    if to.phone and (phone := clean_phone(to.phone)):
        return {"attributes": {"phone_number": phone}}
    return {}


def _profile(delivery: Delivery) -> dict[str, Any]:
    return {"type": "profile", **identifiers(delivery)}


# --- profiles


def write_profiles(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """One profile by upsert, which answers with its id; many by an import job, which takes ten thousand in a call."""
    if len(deliveries) == 1:
        return [_upsert(client, deliveries[0])]
    bodies = [{**_attributes(one), **identifiers(one, with_id=False).get("attributes", {})} for one in deliveries]
    job = {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": [{"type": "profile", "attributes": body} for body in bodies]}},
        }
    }
    try:
        name = data_of(client.profiles.bulk_import_profiles(job)).get("id")
    except Exception as error:
        return [outcome_of(error, len(deliveries))] * len(deliveries)
    return [Done(told=_properties(one), note=f"import job {name}") for one in deliveries]


def _upsert(client: KlaviyoClient, delivery: Delivery) -> Outcome:
    body = {"data": {"type": "profile", "attributes": _attributes(delivery)}}
    if delivery.to.vendor_id:
        body["data"]["id"] = delivery.to.vendor_id
    try:
        profile = data_of(client.profiles.create_or_update_profile(body))
    except Exception as error:
        return _duplicate(error) or outcome_of(error)
    return Done(vendor_id=str(profile.get("id") or ""), told=_properties(delivery))


def _duplicate(error: Exception) -> Outcome | None:
    """Address and phone belong to two profiles. That is for a person to decide: a merge cannot be undone there."""
    if getattr(error, "status", None) != 409:
        return None
    return Refused(reason=f"409: two Klaviyo profiles share these identifiers: {str(getattr(error, 'body', ''))[:300]}")


def _properties(delivery: Delivery) -> dict[str, Any]:
    return dict(cast(UpsertContact, delivery.action).properties)


def _attributes(delivery: Delivery) -> dict[str, Any]:
    """Flat names as mappings have them, in Klaviyo's nested form. A phone that is not E.164 would have the whole
    profile refused, so it is left out."""
    attributes: dict[str, Any] = {}
    for name, value in _properties(delivery).items():
        if name == "phone_number" and value and not (value := clean_phone(str(value))):
            continue
        group, _, inner = name.partition(".")
        value = None if value == "" else value
        if inner:
            attributes.setdefault(group, {})[inner] = value
        else:
            attributes[group] = value
    if not delivery.to.vendor_id:
        attributes.update(identifiers(delivery, with_id=False).get("attributes", {}))
    return attributes


def by_id_or_address(delivery: Delivery) -> str:
    """An import job takes profiles by their identifiers only; those known by id alone, and those whose address
    changes, go one by one."""
    moves = bool(delivery.to.vendor_id) and "email" in _properties(delivery)
    return "address" if delivery.to.email and not moves else f"id {delivery.to.vendor_id}"


# --- events, which start flows


def send_event(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """One event. Klaviyo keeps the first of a ``unique_id``, so a second try does nothing."""
    (one,) = deliveries
    action = cast(SendMessage | TrackEvent, one.action)
    name = action.message if isinstance(action, SendMessage) else action.name
    if not identifiers(one):
        return [Refused(reason="Klaviyo needs an e-mail address, a phone or a profile id")]
    body = {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {**action.properties, "baton_key": one.key},
                "time": action.occurred_at.isoformat(),
                "unique_id": f"{OWN_EVENT}{one.key}",
                "metric": {"data": {"type": "metric", "attributes": {"name": f"Baton: {name}"}}},
                # Identifiers only: an event's profile part writes the profile
                "profile": {"data": _event_profile(one)},
            },
        }
    }
    try:
        client.events.create_event(body)
    except Exception as error:
        return [outcome_of(error)]
    return [Done()]


def _event_profile(delivery: Delivery) -> dict[str, Any]:
    who = identifiers(delivery)
    return {"type": "profile", "attributes": who.get("attributes", {}), **({"id": who["id"]} if "id" in who else {})}


# --- consent


def _job(kind: str, profiles: Sequence[Mapping[str, Any]], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": {"profiles": {"data": list(profiles)}}, **(extra or {})}}


def unsubscribe(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop a channel for up to a hundred profiles. No list is named, so that it means all marketing of the channel."""
    channel = cast(Unsubscribe, deliveries[0].action).channel
    missing = [_who(one, channel) is None for one in deliveries]
    profiles = [who for one in deliveries if (who := _who(one, channel))]
    if profiles:
        try:
            client.profiles.bulk_unsubscribe_profiles(_job("profile-subscription-bulk-delete-job", profiles))
        except Exception as error:
            return [outcome_of(error, len(deliveries))] * len(deliveries)
    refused = Refused(reason=f"Klaviyo stops {channel} by address, and none is known")
    return [refused if lacks else Done() for lacks in missing]


def _who(delivery: Delivery, channel: str, consent: str = "UNSUBSCRIBED") -> dict[str, Any] | None:
    name, value = (
        ("phone_number", clean_phone(delivery.to.phone or "")) if channel == "sms" else ("email", delivery.to.email)
    )
    if not value:
        return None
    return {
        "type": "profile",
        "attributes": {name: value, "subscriptions": {channel: {"marketing": {"consent": consent}}}},
    }


def suppress(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Stop all e-mail to up to a hundred addresses, whatever the consent."""
    profiles = [{"type": "profile", "attributes": {"email": one.to.email}} for one in deliveries if one.to.email]
    if profiles:
        try:
            client.profiles.bulk_suppress_profiles(_job("profile-suppression-bulk-create-job", profiles))
        except Exception as error:
            return [outcome_of(error, len(deliveries))] * len(deliveries)
    return [Done() if one.to.email else Refused(reason="no e-mail address to suppress") for one in deliveries]


def subscribe(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Write the person's own yes. This lifts earlier suppressions in Klaviyo: it only ever comes here with a grant."""
    (one,) = deliveries
    action = cast(Subscribe, one.action)
    profile = _who(one, action.channel, "SUBSCRIBED")
    if profile is None:
        return [Refused(reason=f"Klaviyo subscribes to {action.channel} by address, and none is known")]
    relations = {"relationships": {"list": {"data": {"type": "list", "id": action.list}}}} if action.list else {}
    job = _job("profile-subscription-bulk-create-job", [profile], relations)
    job["data"]["attributes"]["custom_source"] = f"Baton: {action.grant.method or 'form'}"[:100]
    try:
        client.profiles.bulk_subscribe_profiles(job)
    except Exception as error:
        return [outcome_of(error)]
    return [Done()]


def erase(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Ask Klaviyo to delete every profile that goes by one name of the person, with its events; it does so in its own
    time."""
    (one,) = deliveries
    who = identifiers(one)
    if not who:
        return [Refused(reason="Klaviyo deletes by profile id, address or phone, and none is known")]
    body = {
        "data": {
            "type": "data-privacy-deletion-job",
            # Exactly one identifier: Klaviyo refuses two
            "attributes": {"profile": {"data": {"type": "profile", "attributes": {}, **who}}},
        }
    }
    try:
        client.privacy.request_profile_deletion(body)
    except Exception as error:
        if getattr(error, "status", None) == HTTPStatus.NOT_FOUND:
            return [Done(note="Klaviyo has no such profile any more")]
        return [outcome_of(error)]
    return [Done(note="Klaviyo has taken the request; it deletes in its own time")]


# --- lists


def join_list(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Put up to a thousand profiles on a list."""
    return _change_list(client.lists.add_profiles_to_list, deliveries)


def leave_list(client: KlaviyoClient, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Take up to a thousand profiles off a list. That is no unsubscribe: consent stays as it is."""
    return _change_list(client.lists.remove_profiles_from_list, deliveries)


def _change_list(call: Any, deliveries: Sequence[Delivery]) -> list[Outcome]:
    known = [{"type": "profile", "id": one.to.vendor_id} for one in deliveries if one.to.vendor_id]
    if known:
        try:
            call(cast(JoinList | LeaveList, deliveries[0].action).list, {"data": known})
        except Exception as error:
            return [outcome_of(error, len(deliveries))] * len(deliveries)
    return [
        Done() if one.to.vendor_id else RetryLater(reason="Klaviyo does not know this profile yet")
        for one in deliveries
    ]


def _list(delivery: Delivery) -> str:
    return cast(JoinList | LeaveList, delivery.action).list


def _channel(delivery: Delivery) -> str:
    return cast(Unsubscribe, delivery.action).channel


def _known_channel(action: Any, settings: Mapping[str, str]) -> bool:
    return action.channel in ("email", "sms")


def _all_marketing(action: Any, settings: Mapping[str, str]) -> bool:
    """Klaviyo's yes is one to all marketing of a channel; a narrower one is not written as if it were that."""
    return _known_channel(action, settings) and action.purpose == MARKETING


PUSHES: dict[type[Action], Push] = {
    UpsertContact: Push(write_profiles, batch=1_000, group=by_id_or_address, limits=("bulk", "bulk_minute")),
    SendMessage: Push(send_event, limits=("events", "events_minute")),
    TrackEvent: Push(send_event, limits=("events", "events_minute")),
    Unsubscribe: Push(
        unsubscribe, batch=100, group=_channel, accepts=_known_channel, limits=("profiles", "profiles_minute")
    ),
    Erase: Push(erase, limits=("privacy", "privacy_minute")),
    Suppress: Push(suppress, batch=100, limits=("profiles", "profiles_minute")),
    Subscribe: Push(subscribe, accepts=_all_marketing, limits=("profiles", "profiles_minute")),
    JoinList: Push(join_list, batch=1_000, group=_list, limits=("bulk", "bulk_minute")),
    LeaveList: Push(leave_list, batch=1_000, group=_list, limits=("bulk", "bulk_minute")),
}
