"""Messages and events: a message starts an automation; an event is one of event tracking."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec

from adapters.activecampaign.client import ActiveCampaign, part
from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater
from adapters.numbered import number_for, wrong_numbers
from app.contacts.action import SendMessage, TrackEvent
from app.contacts.times import parse_time

SETTING = "automations"
WHAT = "the number of its automation"
EVENT_URL = "https://trackcmp.net/event"
MAX_NAME, MAX_DATA = 32, 1_000  # characters of an event's name and data
_CLOCKS_DIFFER = timedelta(minutes=2)


def wrong_automations(text: str) -> str:
    """What is wrong with the setting; empty where nothing is."""
    return wrong_numbers(text, WHAT)


def automation_of(action: SendMessage, settings: Mapping[str, str]) -> str:
    """The automation that carries a message: by the id of its content or rule, or by its name; empty for none."""
    return number_for(action, settings.get(SETTING, ""), WHAT)


def can_send(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether an admin has named an automation that carries it, be it by e-mail or by text."""
    return action.channel in ("email", "sms") and bool(automation_of(action, settings))


def enrol(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Into the automation that sends the message."""
    (one,) = deliveries
    action = cast(SendMessage, one.action)
    automation = automation_of(action, client.settings)
    if not automation:  # taken out of the settings meanwhile
        named = action.content or action.rule
        return [Refused(reason=f'no automation is named for "{named}" in the setting {SETTING}')]
    try:
        number = client.contact_id(one.to.vendor_id, one.to.email)
        if not number:
            return [RetryLater(reason="ActiveCampaign does not know this contact yet")]
        body = {"contactAutomation": {"contact": number, "automation": automation}}
        answer = client.ask("POST", "/contactAutomations", body, holds="contactAutomation")
    except Exception as error:
        return [client.outcome(error)]
    return [Done(vendor_id=number, note=f"automation {automation}, run {answer['contactAutomation'].get('id')}")]


def find_enrolment(client: ActiveCampaign, delivery: Delivery) -> Done | None:
    """Whether an earlier try has enrolled them: a second run would send a second time."""
    action = cast(SendMessage, delivery.action)
    automation = automation_of(action, client.settings)
    number = client.contact_id(delivery.to.vendor_id, delivery.to.email)
    for run in client.pages(f"/contacts/{part(number)}/contactAutomations", "contactAutomations") if number else ():
        if str(run.get("automation")) == automation and _is_since(run, action):
            return Done(vendor_id=number, note=f"automation {automation}, run {run.get('id')}, found on looking")
    return None


def _is_since(run: Mapping[str, Any], action: SendMessage) -> bool:
    """Whether a run began when the message was to leave, or later. One that does not say when counts as ours: nobody
    gets a message twice."""
    try:
        return parse_time(run.get("adddate")) >= action.occurred_at - _CLOCKS_DIFFER
    except ValueError:
        return True


# --- event tracking, which has a key of its own and another address


def can_track(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether the account's event tracking is known."""
    return bool(settings.get("event_key") and settings.get("event_account"))


def track(client: ActiveCampaign, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """One event on the contact. It is found by its address, and made where it is missing."""
    (one,) = deliveries
    action, settings = cast(TrackEvent, one.action), client.settings
    if not one.to.email:
        return [Refused(reason="ActiveCampaign tracks events by e-mail address, and none is known")]
    if not can_track(action, settings):  # taken out of the settings meanwhile
        return [Refused(reason="event tracking is not set up: event_key, event_account")]
    form = {
        "actid": settings["event_account"],
        "key": settings["event_key"],
        "event": action.name[:MAX_NAME],
        "eventdata": msgspec.json.encode(action.properties).decode()[:MAX_DATA] if action.properties else "",
        "visit": msgspec.json.encode({"email": one.to.email}).decode(),
    }
    try:
        client.track(settings.get("event_url", "") or EVENT_URL, form)
    except Exception as error:
        return [client.outcome(error)]
    return [Done()]
