"""What people do in the simulated HubSpot's own screens, and what happens there by itself."""

from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.hubspot.sandbox.links import link
from adapters.hubspot.sandbox.mail import create_email
from adapters.hubspot.sandbox.schema import SUBSCRIPTIONS, iso_ms, moment_ms, object_type
from adapters.hubspot.sandbox.state import Account, Record
from adapters.hubspot.sandbox.told import mail_event, submit_form
from adapters.sandbox.vendor import iso


def _record(hub: Account, kind: str, key: Any) -> Record:
    """The record with this id or, for a contact, this e-mail. Raises ValueError."""
    found = hub.find(kind, str(key)) or (hub.find(kind, str(key), "email") if kind == "contacts" else None)
    if found is None:
        raise ValueError(f"HubSpot has no {kind[:-1]} {key}")
    return found


def create_contact(hub: Account, properties: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Somebody enters a contact."""
    return hub.shown(hub.create("contacts", {**(properties or {}), **more}, hub.person))


def set_property(
    hub: Account,
    contact: Any = "",
    name: str = "",
    value: Any = "",
    properties: Mapping[str, Any] | None = None,
    object: str = "contacts",
    id: Any = "",
) -> dict[str, Any]:
    """Somebody edits a contact, or with ``object`` and ``id`` another record: a task that is done, for example.

    Unlike the API, the screens let people go back to an earlier lifecycle stage.
    """
    kind = object_type(object)
    if kind is None:
        raise ValueError(f"HubSpot has no objects called {object}")
    record = _record(hub, kind, contact or id)
    values = hub.check(kind, dict(properties) if properties else {name: value}, record)
    hub.set(record, values, hub.person)
    return hub.shown(record)


def verdict(hub: Account, contact: Any, value: str) -> dict[str, Any]:
    """A rep gives a verdict on a handed-over contact, in the lead status.

    An option that the property lacks is added first, as the account's admin would have done.
    """
    known = hub.properties["contacts"]["hs_lead_status"].options
    if value and value not in [option["value"] for option in known]:
        known.append({"label": value, "value": value, "displayOrder": len(known), "hidden": False})
    return set_property(hub, contact, "hs_lead_status", value)


def delete_contact(hub: Account, contact: Any = "", contacts: list[Any] | None = None) -> list[str]:
    """Somebody deletes a contact, or several at once: then their events share one id."""
    records = [_record(hub, "contacts", key) for key in (contacts or [contact])]
    event_id = hub.random.randrange(10**9)
    for record in records:
        hub.delete(record, hub.person, event_id)
    return [record.id for record in records]


def privacy_delete(hub: Account, contact: Any) -> str:
    """Somebody erases a contact because the law says so."""
    record = _record(hub, "contacts", contact)
    hub.purge(record, hub.person)
    return record.id


def merge_contacts(hub: Account, primary: Any, other: Any) -> dict[str, Any]:
    """Somebody merges two contacts."""
    return hub.shown(hub.merge(_record(hub, "contacts", primary), _record(hub, "contacts", other), hub.person))


def add_secondary_email(hub: Account, contact: Any, email: str) -> list[str]:
    """Somebody gives a contact one more address."""
    holder = hub.find("contacts", email, "email")
    record = _record(hub, "contacts", contact)
    if holder and holder is not record:
        raise ValueError(f"{email} belongs to contact {holder.id}")
    hub.add_email(record, email)
    return hub.emails(record)


def create_deal(
    hub: Account, contacts: list[Any] | None = None, properties: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Somebody opens a deal with these contacts."""
    usual = {"dealname": "Deal", "pipeline": "default", "dealstage": "appointmentscheduled"}
    deal = hub.create("deals", {**usual, **(properties or {}), **more}, hub.person)
    for key in contacts or []:
        link(hub, hub.person, ("deals", deal.id), ("contacts", _record(hub, "contacts", key).id))
    return hub.shown(deal)


def move_deal(hub: Account, deal: Any, stage: str) -> dict[str, Any]:
    """Somebody moves a deal to another stage."""
    return set_property(hub, name="dealstage", value=stage, object="deals", id=deal)


def new_message(
    hub: Account,
    contact: Any = "",
    thread: Any = "",
    text: str = "Hello",
    direction: str = "INCOMING",
    type: str = "MESSAGE",
) -> dict[str, Any]:
    """A contact writes (or a rep answers, with ``direction`` OUTGOING), in a thread or in a new one.

    ``type`` COMMENT is an internal note among colleagues.
    """
    moment = iso(hub.clock())
    held = hub.threads.get(str(thread))
    if held is None:
        held = {
            "id": hub.new_id(),
            "associatedContactId": _record(hub, "contacts", contact).id,
            "status": "OPEN",
            "createdAt": moment,
            "inboxId": "1",
            "originalChannelId": "1002",
            "originalChannelAccountId": "1",
            "spam": False,
            "archived": False,
            "messages": [],
        }
        hub.threads[held["id"]] = held
        hub.fire("conversation", "creation", hub.person, objectId=int(held["id"]), changeFlag="CREATED")
    message = {"id": hub.new_uuid(), "type": type, "direction": direction, "text": text, "createdAt": moment}
    held["messages"].append(message)
    held["latestMessageTimestamp"] = moment
    if type == "MESSAGE":
        held["latestMessageReceivedTimestamp" if direction == "INCOMING" else "latestMessageSentTimestamp"] = moment
        held["status"] = "OPEN"
    hub.fire(
        "conversation",
        "newMessage",
        hub.person,
        objectId=int(held["id"]),
        messageId=message["id"],
        messageType=type,
        changeFlag="NEW_MESSAGE",
    )
    return {"thread": held["id"], "message": message["id"]}


def close_thread(hub: Account, thread: Any) -> str:
    """A rep closes a conversation."""
    held = hub.threads.get(str(thread))
    if held is None:
        raise ValueError(f"HubSpot has no thread {thread}")
    held["status"], held["closedAt"] = "CLOSED", iso(hub.clock())
    change: dict[str, Any] = {"objectId": int(held["id"]), "propertyName": "status", "propertyValue": "CLOSED"}
    hub.fire("conversation", "propertyChange", hub.person, **change)
    return str(held["id"])


def book_meeting(hub: Account, contact: Any, at: str = "", title: str = "Meeting") -> dict[str, Any]:
    """A contact books a meeting, for ``at`` or a day from now."""
    record = _record(hub, "contacts", contact)
    ms = moment_ms(at) if at else round(hub.clock() * 1000) + 86_400_000
    if ms is None:
        raise ValueError(f"{at} is no date")
    start = iso_ms(ms)
    values = {"hs_meeting_title": title, "hs_timestamp": start, "hs_meeting_start_time": start}
    meeting = hub.create("meetings", {**values, "hs_meeting_outcome": "SCHEDULED"}, hub.person)
    link(hub, hub.person, ("meetings", meeting.id), ("contacts", record.id))
    hub.set(record, {"engagements_last_meeting_booked": iso(hub.clock())}, hub.person)
    return hub.shown(meeting)


def reply(hub: Account, contact: Any) -> str:
    """A contact answers a rep's e-mail."""
    record = _record(hub, "contacts", contact)
    hub.set(record, {"hs_sales_email_last_replied": iso(hub.clock())}, hub.person)
    return record.id


def opt_out(hub: Account, contact: Any, subscription: int = 0) -> str:
    """A contact wants nothing more, or nothing more of one kind."""
    record = _record(hub, "contacts", contact)
    if subscription and subscription not in SUBSCRIPTIONS:
        raise ValueError(f"HubSpot has no subscription {subscription}")
    email = record.properties.get("email", "")
    if subscription:
        hub.set_status(email, subscription, "UNSUBSCRIBED", hub.person)
    else:
        hub.opt_out(email, hub.person)
    return record.id


def workflow_webhook(
    hub: Account, contact: Any, properties: list[str] | None = None, url: str = "", **more: Any
) -> dict[str, Any]:
    """A workflow posts a contact: whole, in the old shape, or the ``properties`` that its author picked.

    It goes to where the other webhooks go, or to ``url``; further arguments are added to what is posted.
    """
    record = _record(hub, "contacts", contact)
    body = (
        {"hs_object_id": record.id, **{name: record.properties.get(name) for name in properties}}
        if properties
        else _old_shape(hub, record)
    )
    for sender in hub.hooks.values():
        sent = hub.workflow(sender.hook, url or sender.hook.url, msgspec.json.encode({**body, **more}))
        sender.post(sent, gives_up=True)
    return body


def _old_shape(hub: Account, record: Record) -> dict[str, Any]:
    """A contact as version 1 of the API showed it, and workflows still do."""
    number, made = int(record.id), round(record.created * 1000)
    emails = [{"type": "EMAIL", "value": email, "timestamp": made} for email in hub.emails(record)]
    if emails:
        emails[0]["is-primary"] = True
    profile = {"vid": number, "saved-at-timestamp": made, "deleted-changed-timestamp": 0, "identities": emails}
    merged = [int(old) for old, new in hub.merged.items() if new == record.id]
    held = {name: hub.told("contacts", name, value) for name, value in sorted(record.properties.items())}
    return {
        "vid": number,
        "canonical-vid": number,
        "merged-vids": merged,
        "portal-id": hub.settings.portal_id,
        "is-contact": True,
        "profile-token": "",
        "form-submissions": [],
        "merge-audits": [],
        "identity-profiles": [profile],
        "properties": {name: {"value": value} for name, value in held.items()},
    }


ACTS = {
    act.__name__: act
    for act in (
        create_contact,
        set_property,
        verdict,
        delete_contact,
        privacy_delete,
        merge_contacts,
        add_secondary_email,
        create_deal,
        move_deal,
        new_message,
        close_thread,
        book_meeting,
        reply,
        opt_out,
        workflow_webhook,
        create_email,
        submit_form,
        mail_event,
    )
}
