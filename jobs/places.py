"""Messages and their places under the caps: kept for what left, given up for what did not.

Invariant, at each commit: whatever left for a person, or may have, has its place in the ledger in the contact's state;
also a message whose answer was lost, and which is to be tried again or was given up. So a look at the ledger is enough
to let a message go; only where it is full has anybody to ask which of its places are mere intentions.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeGuard

from sqlalchemy import Connection as Conn

from app.contacts.action import AnyAction, SendMessage
from app.contacts.contact import Contact
from app.contacts.event import Event, Identity
from app.contacts.own_events import MESSAGE_NOT_SENT
from app.contacts.resolve import Person
from app.contacts.sends import place_of
from app.contacts.times import to_us
from app.rules.decision import Decision
from app.rules.frequency import counts
from app.rules.sending import reserve
from app.store import deliveries, inbox
from app.store.deliveries import LEFT, PENDING, Existing, Planned
from app.store.engine import Conflict, Database
from jobs.unit import Work

LAG = timedelta(hours=1)  # a message that leaves later than this after its time takes a new place


def needs_place(action: AnyAction) -> TypeGuard[SendMessage]:
    """Whether an action is a message that counts."""
    return isinstance(action, SendMessage) and counts(action)


def not_sent(key: str, contact_id: int, message: SendMessage, reason: str, now: datetime) -> Event:
    """The note that the message of a decision did not leave, which gives up its place. It comes after the decision,
    also where the clock by which that was dated is ahead of ours."""
    return Event(
        type=MESSAGE_NOT_SENT,
        occurred_at=max(now, message.occurred_at + timedelta(microseconds=1)),
        source_key=f"not sent|{key}|{to_us(now)}",
        identities=(Identity("contact", str(contact_id)),),
        properties={
            "decision": key,
            "message": message.message,
            "rule": message.rule,
            "channel": message.channel,
            "reason": reason,
        },
    )


def keep_places(state: Contact, left: Iterable[Existing]) -> None:
    """What has left keeps its place, whatever a history that was folded again makes of it."""
    for row in left:
        if needs_place(row.action) and row.decision_key:
            place = place_of(state, row.decision_key)
            if place is None or (place.reserved and place.at < row.updated_at):
                reserve(state, row.decision_key, row.action, row.updated_at)


class Places:
    """The places of a batch's contacts, as far as deliveries and not rules decide on them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._given_up: list[tuple[Person, str, SendMessage, str]] = []
        self._not_left: list[int] = []

    def look(
        self, conn: Conn, work: Mapping[Person, Work], folded_again: Mapping[Person, Mapping[str, Existing]]
    ) -> None:
        """Keep the places of what left for contacts whose ledger was made anew, or who were said to have given one up.
        ``folded_again`` holds the former with their deliveries."""
        told = {
            person
            for person, one in work.items()
            if person > 0 and person not in folded_again and any(event.type == MESSAGE_NOT_SENT for event in one.events)
        }
        for person, existing in {**folded_again, **deliveries.decided(conn, told)}.items():
            rows = [row for row in existing.values() if needs_place(row.action)]
            tried = deliveries.may_have_left(conn, [row.id for row in rows if row.attempts or row.status in LEFT])
            keep_places(work[person].state, [row for row in rows if row.id in tried])
            self._not_left += [row.id for row in rows if row.id not in tried]

    def give_up(self, person: Person, state: Contact, decision: Decision, planned: Iterable[Planned]) -> None:
        """Note that a message will not leave for which the rules have kept a place: no tool can send it, or one like it
        left before."""
        planned = list(planned)
        place = place_of(state, decision.key)
        if place is None or not place.reserved or not isinstance(decision.send, SendMessage):
            return
        if not any(one.status == PENDING for one in planned):
            reason = next((one.reason for one in planned if one.reason), decision.summary)
            self._given_up.append((person, decision.key, decision.send, reason))

    def write(self, conn: Conn, database: Database, at_home: Callable[[Person], int]) -> None:
        """Write the notes. Raises Conflict where a message left meanwhile whose place may have got lost."""
        # Elsewhere the contacts have been locked since they were read
        if database.is_sqlite and deliveries.may_have_left(conn, self._not_left):
            raise Conflict("a message left in the meantime")
        notes = [
            not_sent(key, at_home(person), message, reason, self.now) for person, key, message, reason in self._given_up
        ]
        if notes:
            inbox.note(conn, notes, self.now)


def take_place(state: Contact, key: str, message: SendMessage, now: datetime) -> bool:
    """Make sure that a message that leaves now has its place; whether the contact was changed."""
    place = place_of(state, key)
    if not counts(message) or (place is not None and (not place.reserved or place.at > now - LAG)):
        return False
    reserve(state, key, message, now)
    return True


def mere_intentions(conn: Conn, contact_id: int, state: Contact) -> Collection[str]:
    """The decisions that hold places for messages of which none has left."""
    reserved = {send.key for send in state.sends if send.reserved}
    return reserved - deliveries.left_of(conn, contact_id, reserved) if reserved else reserved
