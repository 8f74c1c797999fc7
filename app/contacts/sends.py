"""The ledger of the messages that reach a person: how each gets its place in it, and how it loses it. Pure.

A message is ``reserved`` when it is decided, so that the next decision knows of it; when it left (``message.sent``) the
same place is confirmed; when it did not leave after all the place is free again. What a tool sent by itself is noticed
by its delivery. Whether there is room for one more is a policy's matter (rules/frequency.py).

The ledger is bounded: nothing is kept longer than ``KEPT``, and of more than ``MAX_SENDS`` the newest are kept. As no
cap is higher than half of that (``MAX_CAP``), whoever gets more than the ledger holds is over each of them anyway.
"""

from datetime import datetime, timedelta

from app.contacts.consent import TRANSACTIONAL
from app.contacts.contact import Contact, Send
from app.contacts.event import Event

MAX_SENDS = 50
MAX_CAP, MAX_CAP_DAYS = 25, 31
KEPT = timedelta(days=MAX_CAP_DAYS + 10)  # a place may be reserved for as long ahead as a message may be put off
# So long after a message left, word of a delivery on its channel is taken for its own
HEARD_WITHIN = timedelta(hours=48)


def place_of(contact: Contact, key: str) -> Send | None:
    """The place of the message that a decision led to, or None."""
    return next((send for send in contact.sends if send.key == key), None) if key else None


def reserve(contact: Contact, key: str, rule: str, channel: str, at: datetime) -> None:
    """Give a message its place as of the moment at which it is to leave; one that has left keeps its own."""
    place = place_of(contact, key)
    if place is None:
        _add(contact, Send(at, rule, channel, key=key, reserved=True))
    elif place.reserved:
        place.at = at
        _sort(contact)


def confirm(contact: Contact, event: Event) -> None:
    """A message of ours left: its place counts from now on."""
    said = event.properties
    connection = number if type(number := said.get("connection")) is int else 0
    key = str(said.get("decision") or "")
    place = place_of(contact, key)
    if place is not None:
        place.at, place.connection_id, place.reserved = event.occurred_at, connection, False
        _sort(contact)
        return
    exempt = said.get("purpose") == TRANSACTIONAL
    rule, channel = str(said.get("rule", "")), str(said.get("channel", "email"))
    _add(contact, Send(event.occurred_at, rule, channel, connection, key, exempt=exempt))


def release(contact: Contact, key: str) -> None:
    """Give up the place of a message that did not leave."""
    contact.sends = [send for send in contact.sends if send.key != key or not send.reserved]


def notice(contact: Contact, event: Event) -> None:
    """A tool delivered a message: one of ours that we wait to hear of, else one that it sent by itself."""
    if event.machine is not None:
        return
    channel, at, tool = event.type.split(".", 1)[0], event.occurred_at, event.connection_id
    waited = [
        send
        for send in contact.sends
        if send.rule and not send.heard and send.channel == channel and at - HEARD_WITHIN <= send.at <= at
    ]
    if waited:
        ours = min(waited, key=lambda send: (send.connection_id not in (0, tool), send.at))
        ours.heard = True
    else:
        exempt = event.properties.get("purpose") == TRANSACTIONAL
        _add(contact, Send(at, channel=channel, connection_id=tool, heard=True, exempt=exempt))


def _add(contact: Contact, place: Send) -> None:
    oldest = place.at - KEPT
    contact.sends = [send for send in contact.sends if send.at > oldest]
    contact.sends.append(place)
    _sort(contact)
    while len(contact.sends) > MAX_SENDS:
        # What does not count goes first
        contact.sends.remove(next((send for send in contact.sends if send.exempt), contact.sends[0]))


def _sort(contact: Contact) -> None:
    contact.sends.sort(key=lambda send: (send.at, send.key, send.channel, send.connection_id))
