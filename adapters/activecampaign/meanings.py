"""What each type of account webhook is in Baton's terms: a table, and what its body says."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from adapters.activecampaign.body import OUTCOMES, Document, block, each, instant, number_of, options, text
from adapters.activecampaign.keys import deal_change_key, deal_key, list_key, no_key, tag_key
from adapters.contract import WebhookRequest
from adapters.networks import network_of
from app.contacts.event import CUSTOM, EventType
from mappings.transforms import CannotTransform, to_number


class Said(Struct, kw_only=True):
    """One thing that a body says. ``key`` is the same where it is heard in another way too; else the body's own."""

    type: str
    properties: dict[str, Any] = {}
    machine: str | None = None
    key: str = ""


class Heard(NamedTuple):
    """A body, with what is known of it by now. ``person`` is the contact's id, or else an address."""

    document: Document
    request: WebhookRequest
    person: str
    at: datetime

    def block(self, name: str) -> dict[str, Any]:
        """What is said about one subject."""
        return block(self.document, name)

    def text(self, name: str) -> str:
        """A value outside of all blocks."""
        return text(self.document.get(name))

    @property
    def origin(self) -> str:
        """Whose doing it was: public, admin, api or system."""
        return self.text("initiated_from").lower()


def describe(kind: str, heard: Heard) -> list[Said]:
    """What a webhook of a type says; at least one thing, of which the first carries the contact's fields."""
    read = _READERS.get(kind)
    if read is None:
        return [Said(type=EventType.UNKNOWN, properties={"body": dict(heard.document)})]
    return [
        Said(type=one.type, properties=_filled(one.properties), machine=one.machine, key=one.key) for one in read(heard)
    ]


def _filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in (None, "", [], {})}


# --- lists and consent


METHODS = {"public": "by the person", "admin": "by a user", "system": "by an automation", "api": "by software"}


def granted(list_id: str, origin: str, proof: Mapping[str, Any]) -> dict[str, Any]:
    """What an active subscription says of consent. Only what is done in public is the person's own doing."""
    return {
        "channel": "email",
        "state": "granted",
        "method": "form" if origin == "public" else METHODS.get(origin, ""),
        "by_person": origin == "public",
        "list": list_id,
        "proof": _filled({"list": list_id, "initiated_from": origin, **proof}),
    }


def _subscribed(heard: Heard) -> list[Said]:
    number = next(iter(_lists(heard.document)), "")
    if not number:  # a contact that is on no list: it is there, and has agreed to nothing
        return [Said(type=EventType.CONTACT_CREATED)]
    key = list_key(heard.person, number, "1", heard.at)
    proof = {"ip": _ip(heard.block("contact")), "form": text(heard.block("form").get("id"))}
    return [
        Said(type=EventType.CONSENT_CHANGED, properties=granted(number, heard.origin, proof), key=f"consent|{key}"),
        Said(type=EventType.LIST_JOINED, properties={"list": number}, key=key),
    ]


def _ip(contact: Document) -> str:
    found = text(contact.get("ip") or contact.get("ip4"))
    return "" if found in ("0.0.0.0", "127.0.0.1") else network_of(found)  # noqa: S104  how it writes that it knows none


def _unsubscribed(heard: Heard) -> list[Said]:
    """Off one list, or off all. Only who is on no list any more, or has left the list that stands for all marketing,
    has said no to e-mail."""
    numbers = _lists(heard.document)
    active = [text(one) for one in each(heard.document.get("active_subscriptions"))]
    remaining = [one for one in active if one not in ("", "0", *numbers)]
    reason = text(heard.block("unsubscribe").get("reason")) or text(heard.block("unsubscribe").get("code"))
    said = {
        "method": METHODS.get(heard.origin, ""),
        "reason": reason,
        "campaign": text(heard.block("campaign").get("id")),
    }
    left = [
        Said(
            type=EventType.LIST_LEFT,
            properties={**said, "list": number},
            key=list_key(heard.person, number, "2", heard.at),
        )
        for number in numbers
    ]
    everything = not remaining or heard.request.settings.get("list", "") in numbers
    if not everything:
        return left or [Said(type=EventType.UNKNOWN, properties=said)]
    no = Said(
        type=EventType.EMAIL_UNSUBSCRIBED,
        properties={**said, "list": ", ".join(numbers)},
        key=no_key(heard.person, numbers, heard.at),
    )
    return [no, *left]


def _lists(document: Document) -> list[str]:
    """The lists that a body names: as ``list``, ``list[0][id]`` or ``list[][id]``, and often in two of these ways."""
    named = [document.get("list")]
    named += [value for name, value in document.items() if name.startswith("list[") and name.endswith("[id]")]
    ones = [one for value in named for one in each(value)]
    numbers = [number for one in ones for number in each(one.get("id") if isinstance(one, dict) else one)]
    return [number for number in dict.fromkeys(number_of(one, "list") for one in numbers) if number]


# --- messages


def _message(kind: str) -> Callable[[Heard], list[Said]]:
    def read(heard: Heard) -> list[Said]:
        return [Said(type=kind, properties=_campaign(heard), machine=_machine(kind, heard))]

    return read


def _campaign(heard: Heard) -> dict[str, Any]:
    campaign, link = heard.block("campaign"), heard.block("link")
    message = block(campaign, "message") or heard.block("message")
    return {
        "message": text(campaign.get("name")),
        "campaign": text(campaign.get("id")),
        "subject": text(message.get("subject")) or text(campaign.get("subject")),
        "url": text(link.get("url")),
        # What a person has written, how often they passed it on, and where to
        "text": heard.text("message"),
        "count": text(heard.block("forward").get("count")),
        "network": text(heard.block("share").get("network")),
    }


# How the machines that fetch or scan mail for people call themselves, where a body says so
_MACHINES = ("googleimageproxy", "yahoomailproxy", "yahoo mail proxy", "barracuda", "mimecast", "proofpoint", "bot")


def _machine(kind: str, heard: Heard) -> str | None:
    """Why an open or click was not a person's, where the body tells; mostly it does not."""
    if kind not in (EventType.EMAIL_OPENED, EventType.EMAIL_CLICKED):
        return None
    names = ("User-Agent", "user-agent", "user_agent", "useragent")
    agent = next((said for name in names if (said := heard.text(name))), "").lower()
    found = next((name for name in _MACHINES if name in agent), "")
    if found or agent == "mozilla/5.0":  # Apple's mail privacy says no more than this
        return f"{'opened' if kind == EventType.EMAIL_OPENED else 'clicked'} by a mail proxy or scanner"
    return None


def _bounced(heard: Heard) -> list[Said]:
    bounce = heard.block("bounce")
    said, code = text(bounce.get("type")).lower(), text(bounce.get("code"))
    reason = text(bounce.get("description")) or code
    properties = {
        **_campaign(heard),
        "recipient": text(heard.block("contact").get("email")).lower(),
        "permanent": said == "hard",
        "bounce_type": said,
        "code": code,
        "reason": reason,
    }
    return [Said(type=EventType.EMAIL_BOUNCED, properties=properties)]


def _sms(kind: str) -> Callable[[Heard], list[Said]]:
    def read(heard: Heard) -> list[Said]:
        sms = heard.block("sms")
        reply = text(sms.get("reply"))
        phone = text(sms.get("phone")) or text(sms.get("recipient"))
        properties = {"text": reply, "recipient": phone, "method": METHODS.get(heard.origin, "")}
        if kind == EventType.SMS_DELIVERED and text(sms.get("successful")).lower() in _NO:
            failed = {**properties, "permanent": False, "reason": text(sms.get("comment")) or "not sent"}
            return [Said(type=EventType.SMS_BOUNCED, properties=failed)]
        if kind == EventType.SMS_REPLIED and reply.strip(" .!").upper() in _STOP:
            return [Said(type=EventType.SMS_UNSUBSCRIBED, properties={**properties, "method": "reply"})]
        return [Said(type=kind, properties=properties)]

    return read


_STOP = frozenset(("STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT"))
_NO = frozenset(("0", "false", "no"))


# --- tags, notes, tasks


def _tag(kind: str, change: str) -> Callable[[Heard], list[Said]]:
    def read(heard: Heard) -> list[Said]:
        tag = heard.text("tag")
        if not tag:
            return [Said(type=EventType.UNKNOWN, properties={"body": dict(heard.document)})]
        return [Said(type=kind, properties={"tag": tag}, key=tag_key(heard.person, tag, change, heard.at))]

    return read


def _note(heard: Heard) -> list[Said]:
    inner = heard.block("note")
    note = heard.text("note") or text(inner.get("text")) or text(inner.get("note"))
    return [Said(type=f"{CUSTOM}note_added", properties={"note": note, "deal": _deal_id(heard)})]


def _task_added(heard: Heard) -> list[Said]:
    """A rep's task: they have something to do with this person. One that software makes is no conversation."""
    if text(heard.block("task").get("donedate_iso")):
        return _task_completed(heard)
    kind = EventType.UNKNOWN if heard.origin == "api" else EventType.CONVERSATION_STARTED
    return [Said(type=kind, properties=_task(heard))]


def _task_completed(heard: Heard) -> list[Said]:
    return [Said(type=EventType.TASK_COMPLETED, properties=_task(heard))]


def _task(heard: Heard) -> dict[str, Any]:
    task = heard.block("task")
    number = text(task.get("id"))
    until = next((text(task[name]) for name in _UNTIL if text(task.get(name))), "")
    due = instant(until, heard.request)
    return {
        "kind": "task",
        "thread": number,
        "task": number,
        "title": text(task.get("title")),
        "task_type": text(task.get("type_title")),
        "note": text(task.get("note")),
        "until": due.isoformat() if due else "",
        "deal": _deal_id(heard),
    }


_UNTIL = ("edate_iso", "duedate_iso", "edate", "duedate", "dueDate")


# --- deals and accounts


def named(value: Any) -> dict[str, Any]:
    """Custom fields by their names, which stand beside the values or are what they are numbered by."""
    if isinstance(value, dict) and not any(isinstance(one, dict) for one in value.values()):
        return _filled({name: options(one) for name, one in value.items()})
    return _filled({text(one.get("key")): options(one.get("value")) for one in each(value) if isinstance(one, dict)})


def _changed(heard: Heard) -> list[str]:
    """The names of what was changed, numbered or as names of their own."""
    found = heard.document.get("updated_fields")
    if isinstance(found, dict):
        return [text(value) if name.isdigit() else name for name, value in found.items()]
    return [said for one in each(found) if (said := text(one))]


def _deal_id(heard: Heard) -> str:
    return text(heard.block("deal").get("id"))


def _deal(kind: str) -> Callable[[Heard], list[Said]]:
    def read(heard: Heard) -> list[Said]:
        said = _of_deal(heard)
        number, created = said["deal"], kind == EventType.DEAL_CREATED
        status = text(heard.block("deal").get("status"))
        changed = deal_change_key(number, said["stage_id"], status, said["value"], heard.at)
        key = deal_key(number) if created else changed
        return [Said(type=kind, properties=said, key=key if number else "")]

    return read


def _of_deal(heard: Heard) -> dict[str, Any]:
    deal = heard.block("deal")
    outcome = OUTCOMES.get(text(deal.get("status")), "")
    owner = " ".join(filter(None, (text(deal.get("owner_firstname")), text(deal.get("owner_lastname")))))
    return {
        "deal": text(deal.get("id")),
        "title": text(deal.get("title")),
        "stage": text(deal.get("stage_title")) or text(deal.get("stageid")),
        "stage_id": text(deal.get("stageid")),
        "pipeline": text(deal.get("pipeline_title")),
        "pipeline_id": text(deal.get("pipelineid")),
        # The text for people has thousands' separators; the API's amounts are in cents, these are not
        "value": _amount(deal.get("value_raw")) if text(deal.get("value_raw")) else _amount(deal.get("value")),
        "currency": text(deal.get("currency")).upper(),
        "owner": owner,
        "owner_id": text(deal.get("owner")),
        "outcome": outcome,
        "closed": bool(outcome),
        "deal_fields": named(deal.get("fields")),
        "changed": _changed(heard),
    }


def _amount(value: Any) -> int | float | None:
    try:
        return to_number(text(value)) if text(value) else None
    except CannotTransform:
        return None


def _account(kind: str) -> Callable[[Heard], list[Said]]:
    def read(heard: Heard) -> list[Said]:
        account = heard.block("account")
        properties = {
            "account": text(account.get("id")) or heard.text("customer_acct_id"),
            "name": text(account.get("name")) or heard.text("customer_acct_name"),
            "url": text(account.get("account_url")) or text(account.get("accountUrl")),
            "job_title": text(heard.block("accountContact").get("job_title")),
            "account_fields": named(account.get("fields")),
            "changed": _changed(heard),
        }
        return [Said(type=f"{CUSTOM}{kind}", properties=properties)]

    return read


_READERS: dict[str, Callable[[Heard], list[Said]]] = {
    "subscribe": _subscribed,
    "unsubscribe": _unsubscribed,
    "update": lambda heard: [Said(type=EventType.CONTACT_UPDATED)],
    "subscriber_note": _note,
    "contact_tag_added": _tag(EventType.TAG_ADDED, "added"),
    "contact_tag_removed": _tag(EventType.TAG_REMOVED, "removed"),
    "contact_task_add": _task_added,
    "sent": _message(EventType.EMAIL_DELIVERED),
    "open": _message(EventType.EMAIL_OPENED),
    "click": _message(EventType.EMAIL_CLICKED),
    "reply": _message(EventType.EMAIL_REPLIED),
    "forward": _message(f"{CUSTOM}email_forwarded"),
    "share": _message(f"{CUSTOM}email_shared"),
    "bounce": _bounced,
    "sms_sent": _sms(EventType.SMS_DELIVERED),
    "sms_reply": _sms(EventType.SMS_REPLIED),
    "sms_unsub": _sms(EventType.SMS_UNSUBSCRIBED),
    "deal_add": _deal(EventType.DEAL_CREATED),
    "deal_update": _deal(EventType.DEAL_STAGE_CHANGED),
    "deal_note_add": _note,
    "deal_task_add": _task_added,
    "deal_task_complete": _task_completed,
    "account_add": _account("account_added"),
    "account_update": _account("account_updated"),
    "account_contact_add": _account("account_joined"),
    "account_contact_update": _account("account_place_changed"),
}
