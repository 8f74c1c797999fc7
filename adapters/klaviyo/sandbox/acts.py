"""What people and mail servers do to the simulated Klaviyo: opens, clicks, bounces, opt-outs, orders."""

from collections.abc import Mapping
from typing import Any

from adapters.klaviyo.sandbox.consent import list_properties
from adapters.klaviyo.sandbox.consent import subscribe as do_subscribe
from adapters.klaviyo.sandbox.consent import suppress as do_suppress
from adapters.klaviyo.sandbox.consent import unsubscribe as do_unsubscribe
from adapters.klaviyo.sandbox.consent import unsuppress as do_unsuppress
from adapters.klaviyo.sandbox.edge import stamp
from adapters.klaviyo.sandbox.profiles import checked, duplicate
from adapters.klaviyo.sandbox.records import Event, Profile
from adapters.klaviyo.sandbox.state import Account


def _profile(klaviyo: Account, key: Any) -> Profile:
    """The profile with this id, e-mail, phone number or external id. Raises ValueError."""
    found = klaviyo.profile(str(key))
    if found is None:
        raise ValueError(f"Klaviyo has no profile {key}")
    return found


def _list(klaviyo: Account, key: str) -> str:
    """The id of the list with this id or name, or "" for none. Raises ValueError."""
    for number, held in klaviyo.lists.items():
        if key in (number, held["name"]):
            return number
    if key:
        raise ValueError(f"Klaviyo has no list {key}")
    return ""


def _told(event: Event | None) -> dict[str, Any]:
    return {"event": event.id, "profile": event.profile} if event else {}


def _mail(klaviyo: Account, profile: Profile, campaign: str, **more: Any) -> dict[str, Any]:
    """What events about an e-mail say."""
    email = str(profile.attributes.get("email") or "")
    message = "MSG" + "".join(letter for letter in campaign.upper() if letter.isalnum())[:6]
    return {
        "$message": message,
        "Campaign Name": campaign,
        "Subject": campaign,
        "Email Domain": email.rpartition("@")[2],
        "Inbox Provider": "Other",
        "$_cohort$message_send_cohort": f"{int(klaviyo.clock())}:{message}",
        "$ESP": 2,
        **more,
    }


def _mailed(klaviyo: Account, metric: str, key: Any, campaign: str, **more: Any) -> dict[str, Any]:
    profile = _profile(klaviyo, key)
    return _told(klaviyo.happen(metric, profile, _mail(klaviyo, profile, campaign, **more)))


def create_profile(klaviyo: Account, **attributes: Any) -> str:
    """Somebody appears: the attributes are those of the API."""
    attributes = checked(klaviyo, attributes, "/data/attributes")
    if found := klaviyo.matching(attributes):
        raise duplicate(klaviyo, found[0])
    return klaviyo.new_profile(attributes).id


def update_profile(klaviyo: Account, profile: Any, **attributes: Any) -> None:
    """Somebody edits a profile: the attributes are those of the API. No webhook tells of it."""
    klaviyo.change(_profile(klaviyo, profile), checked(klaviyo, attributes, "/data/attributes"))


def receive(klaviyo: Account, profile: Any, campaign: str = "Newsletter 1") -> dict[str, Any]:
    """An e-mail arrives."""
    return _mailed(klaviyo, "Received Email", profile, campaign)


def open(klaviyo: Account, profile: Any, campaign: str = "Newsletter 1") -> dict[str, Any]:
    """A person opens an e-mail."""
    return _mailed(klaviyo, "Opened Email", profile, campaign, machine_open=False)


def machine_open(klaviyo: Account, profile: Any, campaign: str = "Newsletter 1") -> dict[str, Any]:
    """A mail program opens an e-mail by itself, before any person has seen it."""
    return _mailed(klaviyo, "Opened Email", profile, campaign, machine_open=True)


def click(
    klaviyo: Account, profile: Any, url: str = "https://example.com/pricing", campaign: str = "Newsletter 1"
) -> dict[str, Any]:
    """A person clicks a link."""
    return _mailed(klaviyo, "Clicked Email", profile, campaign, URL=url)


def bot_click(
    klaviyo: Account, profile: Any, url: str = "https://example.com/pricing", campaign: str = "Newsletter 1"
) -> dict[str, Any]:
    """A scanner follows a link."""
    return _mailed(klaviyo, "Clicked Email", profile, campaign, URL=url, **{"Bot Click": True})


def bounce(
    klaviyo: Account,
    profile: Any,
    kind: str = "hard",
    add_exclusion: bool | None = None,
    campaign: str = "Newsletter 1",
) -> dict[str, Any]:
    """An e-mail bounces, "hard" or "soft"; a soft one with ``add_exclusion`` ends it for the address all the same."""
    if kind not in ("hard", "soft"):
        raise ValueError('kind is "hard" or "soft"')
    person = _profile(klaviyo, profile)
    excluded = kind == "hard" if add_exclusion is None else add_exclusion
    if excluded:
        klaviyo.suppress(person, "HARD_BOUNCE")
    delivery = {"type": "blocked" if kind == "soft" else "unknown_user", "reason": "no such host", "code": "unknown"}
    told = _mail(
        klaviyo,
        person,
        campaign,
        **{
            "Bounce Type": kind.capitalize(),
            "$klaviyo_bounce_category": "Unclassified" if kind == "soft" else "Invalid Address",
            "Recipient Email Address": person.attributes.get("email"),
            "$extra": {"$bounce_delivery_info": {**delivery, "add_exclusion": excluded}},
        },
    )
    return _told(klaviyo.happen("Bounced Email", person, told))


def spam(klaviyo: Account, profile: Any, campaign: str = "Newsletter 1") -> dict[str, Any]:
    """A person marks an e-mail as spam."""
    person = _profile(klaviyo, profile)
    klaviyo.agree(person.email, "UNSUBSCRIBED", "SPAM_COMPLAINT")
    klaviyo.suppress(person, "SPAM_COMPLAINT")
    return _told(klaviyo.happen("Marked Email as Spam", person, _mail(klaviyo, person, campaign)))


def subscribe(klaviyo: Account, profile: Any, list: str = "", channel: str = "email") -> None:
    """A person subscribes on a form, to a list or in general."""
    person = _profile(klaviyo, profile)
    do_subscribe(klaviyo, person, _list(klaviyo, list), {channel: None}, "FORM", by_api=False)


def confirm(klaviyo: Account, profile: Any, list: str = "") -> None:
    """A person confirms a subscription by the link in the mail that asked (double opt-in)."""
    person = _profile(klaviyo, profile)
    do_subscribe(klaviyo, person, _list(klaviyo, list), {"email": None}, "DOUBLE_OPT_IN", by_api=False)
    person.email.double_optin = True


def unsubscribe(klaviyo: Account, profile: Any, list: str = "", channel: str = "email") -> None:
    """A person unsubscribes by the link in an e-mail, from one ``list`` or from everything.

    It comes as two events of one second: the list is left, and e-mail marketing.
    """
    person, number = _profile(klaviyo, profile), _list(klaviyo, list)
    if not number and channel == "email":
        on = [each for each, held in klaviyo.lists.items() if person.id in held["members"]]
        for each in on or [next(iter(klaviyo.lists))]:  # the mail was sent to some list
            klaviyo.lists[each]["members"].pop(person.id, None)
            klaviyo.happen("Unsubscribed from List", person, list_properties(klaviyo, each))
    do_unsubscribe(klaviyo, person, number, (channel,), "PREFERENCE_PAGE", by_api=False)


def suppress(klaviyo: Account, profile: Any, method: str = "MANUAL") -> None:
    """A marketer suppresses a profile."""
    do_suppress(klaviyo, _profile(klaviyo, profile), method, by_api=False)


def unsuppress(klaviyo: Account, profile: Any, method: str = "MANUAL") -> None:
    """A marketer takes that back."""
    do_unsuppress(klaviyo, _profile(klaviyo, profile), method, by_api=False)


def event(
    klaviyo: Account,
    profile: Any,
    metric: str,
    properties: Mapping[str, Any] | None = None,
    value: float | None = None,
    unique_id: str = "",
    time: float | None = None,
) -> dict[str, Any]:
    """Something happens that a shop or site tells Klaviyo, such as "Placed Order"; ``time`` is in epoch seconds."""
    told = {**(properties or {}), **({} if value is None else {"$value": value})}
    person = _profile(klaviyo, profile)
    own = unique_id or klaviyo.new_uuid()
    return _told(klaviyo.happen(metric, person, told, integration="api", moment=time, unique_id=own))


def merge_profiles(klaviyo: Account, source: Any, destination: Any) -> str:
    """A marketer merges two profiles."""
    first, second = _profile(klaviyo, source), _profile(klaviyo, destination)
    if first is second:
        raise ValueError("a profile cannot be merged into itself")
    klaviyo.merge(first, second, "Manual Merge", by_api=False)
    return second.id


def flow_webhook(
    klaviyo: Account,
    profile: Any,
    event: str = "Placed Order",
    event_id: str = "",
    time: str = "",
    properties: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A flow posts a person to ``flow_url``: by the template that Baton asks for, or another ``body``."""
    person = _profile(klaviyo, profile)
    told = body or {
        "profile_id": person.id,
        "email": person.attributes.get("email") or "",
        "phone_number": person.attributes.get("phone_number") or "",
        "event": event,
        "event_id": event_id or klaviyo.new_id(11),
        "time": time or stamp(klaviyo.clock()),
        "properties": properties or {},
    }
    senders = [sender for sender in klaviyo.hooks.values() if sender.hook.flow_url]
    if not senders:
        raise ValueError("no flow_url is set: POST /_sandbox/webhooks with flow_url and flow_secret")
    for sender in senders:
        sender.post(klaviyo.flow(sender.hook, told), gives_up=True)
    return dict(told)


ACTS = {
    act.__name__: act
    for act in (
        create_profile,
        update_profile,
        receive,
        open,
        machine_open,
        click,
        bot_click,
        bounce,
        spam,
        subscribe,
        confirm,
        unsubscribe,
        suppress,
        unsuppress,
        event,
        merge_profiles,
        flow_webhook,
    )
}
