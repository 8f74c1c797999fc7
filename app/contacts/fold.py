"""``fold(contact, event)``: how each type of event changes what we know. Pure; no policy, no clock, no I/O.

Events are folded in the order of :func:`app.contacts.event.position`. When one arrives that is older than the newest
already folded, the caller folds the contact's history again from an empty contact, so any order of arrival ends in
the same state.
"""

from collections.abc import Callable
from typing import Any

from app.contacts import talks
from app.contacts.activity import count, count_at_hour
from app.contacts.consent import Consent, Grant, Withdrawal, consent_key
from app.contacts.contact import (
    Contact,
    Deliverability,
    Manual,
    Value,
)
from app.contacts.corrections import correct
from app.contacts.disputes import set_field, settle
from app.contacts.event import Event, EventType, channel_of, position
from app.contacts.identity import EMAIL
from app.contacts.interests import note_interest, topic_of
from app.contacts.own_events import (
    FIELD_SETTLED,
    MESSAGE_NOT_SENT,
    READ_AGAIN,
    RELEASED_BY_HAND,
    SUPPRESSED_BY_HAND,
)
from app.contacts.sends import confirm, notice, release
from app.contacts.times import time_or_none
from app.contacts.tool_ids import note_created, note_deleted, note_merged
from app.contacts.touches import note_touch

Step = Callable[[Contact, Event], None]


def fold(contact: Contact, event: Event) -> Contact:
    """The contact after the event. The contact is changed in place and returned; the caller owns it."""
    if contact.first_seen_at is None:
        contact.first_seen_at = event.occurred_at
    if contact.erased_at is None:
        if event.fields:
            _set_fields(contact, event)
        if "email" not in contact.fields and (address := event.identity(EMAIL)):
            contact.fields["email"] = Value(address, event.occurred_at, event.connection_id, event.mapping)
        step = _STEPS.get(event.type)
        if step is not None:
            step(contact, event)
    contact.newest = position(event)
    return contact


def _set_fields(contact: Contact, event: Event) -> None:
    if event.type == READ_AGAIN:
        correct(contact, event)
        return
    if event.type == FIELD_SETTLED:
        for name, value in event.fields.items():
            settle(contact, name, value, event.occurred_at, event.actor or "")
        return
    for name, value in event.fields.items():
        set_field(contact, name, value, event)


def _page_viewed(contact: Contact, event: Event) -> None:
    note_touch(contact, event, f"page {event.properties.get('path', '')}".strip())
    count_at_hour(contact, event)


def _form_submitted(contact: Contact, event: Event) -> None:
    note_touch(contact, event, f"form {event.properties.get('form', '')}".strip())
    count(contact, event)
    heard = event.properties.get("consent")
    for said in heard if isinstance(heard, list) else ():
        if isinstance(said, dict):
            _hear_consent(contact, event, said)


def _interested(contact: Contact, event: Event) -> None:
    count(contact, event)
    if (topic := topic_of(event)) and event.machine is None:
        note_interest(contact, topic, event.occurred_at)


def _bounced(contact: Contact, event: Event) -> None:
    reach = contact.deliverability.setdefault(channel_of(event), Deliverability())
    if event.properties.get("permanent"):
        reach.bounced_at = event.occurred_at
        reach.bounce = str(event.properties.get("reason") or "permanent bounce")
        reach.bounced_in = str(event.connection_id)
        reach.bounced_address = _address(contact, event)
    else:
        reach.soft_bounces += 1


def _address(contact: Contact, event: Event) -> str:
    """What a channel's message was sent to: as the event says, else what the contact had then."""
    known = contact.email if channel_of(event) == "email" else str(contact.get("phone") or "")
    return str(event.properties.get("recipient") or known or "").lower()


def _delivered(contact: Contact, event: Event) -> None:
    count(contact, event)
    notice(contact, event)
    reach = contact.deliverability.get(channel_of(event))
    if reach is not None:
        reach.soft_bounces = 0


def _complained(contact: Contact, event: Event) -> None:
    reach = contact.deliverability.setdefault(channel_of(event), Deliverability())
    reach.complained_at = event.occurred_at
    reach.complaint = str(event.properties.get("reason") or "marked as spam")
    _hear_consent(contact, event, {"channel": channel_of(event), "state": "withdrawn", "method": "complaint"})


def _unsubscribed(contact: Contact, event: Event) -> None:
    said = {**event.properties, "channel": channel_of(event), "state": "withdrawn"}
    _hear_consent(contact, event, said)


def _consent_changed(contact: Contact, event: Event) -> None:
    _hear_consent(contact, event, event.properties)


def _hear_consent(contact: Contact, event: Event, said: dict[str, Any]) -> None:
    """A yes, a no or a pending yes. ``since`` is when it was said, where a snapshot is read later; a time after the
    event would be a yes that no later no can end."""
    key = consent_key(str(said.get("channel") or "email"), str(said.get("purpose") or "marketing"))
    consent = contact.consent.setdefault(key, Consent())
    at = min(time_or_none(said.get("since")) or event.occurred_at, event.occurred_at)
    source, method = str(event.connection_id), str(said.get("method") or "")
    match said.get("state"):
        case "granted":
            proof = said.get("proof")
            grant = Grant(
                at, source, said.get("by_person") is True, method, dict(proof) if isinstance(proof, dict) else {}
            )
            if consent.granted is None or grant.at >= consent.granted.at:
                consent.granted = grant
            if grant.by_person and (consent.by_person is None or grant.at >= consent.by_person.at):
                consent.by_person = grant
        case "withdrawn":
            known = consent.withdrawn.get(source)
            if known is None or at >= known.at:
                consent.withdrawn[source] = Withdrawal(at, source, method)
        case "pending":
            consent.pending_at = at


def _list_joined(contact: Contact, event: Event) -> None:
    contact.lists[_list_key(event)] = event.occurred_at


def _list_left(contact: Contact, event: Event) -> None:
    contact.lists.pop(_list_key(event), None)


def _list_key(event: Event) -> str:
    return f"{event.connection_id}:{event.properties.get('list', '')}"


def _tag_added(contact: Contact, event: Event) -> None:
    contact.tags[str(event.properties.get("tag", ""))] = event.occurred_at


def _tag_removed(contact: Contact, event: Event) -> None:
    contact.tags.pop(str(event.properties.get("tag", "")), None)


def _order_placed(contact: Contact, event: Event) -> None:
    count(contact, event)
    _earn(contact, event, 1)


def _order_refunded(contact: Contact, event: Event) -> None:
    _earn(contact, event, -1)


_MOST = 1e12  # an order for more is a mistake, and would make the sum useless


def _earn(contact: Contact, event: Event, sign: int) -> None:
    value = event.properties.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST:
        currency = str(event.properties.get("currency") or "")
        contact.revenue[currency] = round(contact.revenue.get(currency, 0.0) + sign * value, 2)


def _message_sent(contact: Contact, event: Event) -> None:
    contact.messages += 1
    confirm(contact, event)


def _message_not_sent(contact: Contact, event: Event) -> None:
    release(contact, str(event.properties.get("decision") or ""))


def _suppressed_by_hand(contact: Contact, event: Event) -> None:
    said = event.properties
    contact.manual = Manual(
        event.occurred_at, event.actor or "", time_or_none(said.get("until")), str(said.get("reason") or "")
    )


def _released_by_hand(contact: Contact, event: Event) -> None:
    contact.manual = None


def _erased(contact: Contact, event: Event) -> None:
    """Forget the person; what stays is that they must not be written to."""
    blank = Contact(first_seen_at=contact.first_seen_at, erased_at=event.occurred_at)
    for name in Contact.__struct_fields__:
        setattr(contact, name, getattr(blank, name))


_STEPS: dict[str, Step] = {
    EventType.CONTACT_CREATED: note_created,
    EventType.CONTACT_MERGED: note_merged,
    EventType.CONTACT_DELETED: note_deleted,
    EventType.CONTACT_ERASED: _erased,
    EventType.PAGE_VIEWED: _page_viewed,
    EventType.FORM_SUBMITTED: _form_submitted,
    EventType.ASSET_DOWNLOADED: _interested,
    EventType.PRODUCT_VIEWED: _interested,
    EventType.CONSENT_CHANGED: _consent_changed,
    EventType.LIST_JOINED: _list_joined,
    EventType.LIST_LEFT: _list_left,
    EventType.TAG_ADDED: _tag_added,
    EventType.TAG_REMOVED: _tag_removed,
    EventType.CHECKOUT_STARTED: count,
    EventType.ORDER_PLACED: _order_placed,
    EventType.ORDER_REFUNDED: _order_refunded,
    EventType.DEAL_CREATED: talks.deal,
    EventType.DEAL_STAGE_CHANGED: talks.deal,
    EventType.MEETING_BOOKED: talks.meeting_booked,
    EventType.MEETING_CANCELED: talks.meeting_canceled,
    EventType.CONVERSATION_STARTED: talks.conversation_started,
    EventType.CONVERSATION_CLOSED: talks.conversation_closed,
    EventType.TASK_COMPLETED: talks.task_completed,
    EventType.MESSAGE_SENT: _message_sent,
    MESSAGE_NOT_SENT: _message_not_sent,
    SUPPRESSED_BY_HAND: _suppressed_by_hand,
    RELEASED_BY_HAND: _released_by_hand,
}
for _name in ("email", "sms", "push"):
    _STEPS[f"{_name}.delivered"] = _delivered
    _STEPS[f"{_name}.opened"] = count_at_hour
    _STEPS[f"{_name}.clicked"] = count_at_hour
    _STEPS[f"{_name}.bounced"] = _bounced
    _STEPS[f"{_name}.complained"] = _complained
    _STEPS[f"{_name}.unsubscribed"] = _unsubscribed
    _STEPS[f"{_name}.replied"] = talks.replied
