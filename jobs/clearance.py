"""The last look before something leaves: is it still right, may it still go, and what exactly is to be said.

Everything here happens inside the transaction that claims the deliveries, on the contact as it is now, not as it was
when the delivery was planned. Whatever made an action, this is the one gate on its way out.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from sqlalchemy import Connection as Conn
from sqlalchemy import select

from adapters.contract import Delivery, Recipient
from app.contacts.action import (
    Alert,
    AnyAction,
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Suppress,
    Unsubscribe,
)
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.identity import EMAIL, EXTERNAL, PHONE
from app.contacts.sends import place_of
from app.handoff_links import link
from app.rules.assignment import choose, owner_of
from app.rules.composing import compose
from app.rules.condition import Facts
from app.rules.decision import Gate
from app.rules.frequency import CAP
from app.rules.messages import ended_since
from app.rules.packet import Packet, calling, packet
from app.rules.rendering import Withheld, not_ready
from app.rules.route import mark_of, outward
from app.rules.score import read_score, total
from app.rules.sending import checks, is_too_late, leaves_at, over
from app.rules.suppression import may_lift
from app.rules.triggers import Trigger
from app.runtime import Rulebook, Runtime, is_practice
from app.store import claims, deliveries, erasures, handoffs, people, shadows
from app.store import log as event_log
from app.store.claims import Claimed
from app.store.connections import Connection
from app.store.handoffs import HandoffRow
from app.store.people import Stored
from app.store.tables import events as events_table
from app.store.tables import handoffs as handoffs_table
from jobs.places import mere_intentions, not_sent, take_place

_EVENTS_IN_PACKET = 25
_ARRIVES_SECONDS = 2.0


class Cleared(Struct):
    """What a claim comes to: what is sent, what is kept back and why, what has to wait, and what turned out to be done
    already."""

    ready: list[tuple[Claimed, Delivery]] = field(default_factory=list)
    withheld: dict[int, str] = field(default_factory=dict)
    done: dict[int, str] = field(default_factory=dict)
    rewritten: dict[int, AnyAction] = field(default_factory=dict)
    later: dict[int, float] = field(default_factory=dict)  # those that may leave only in so many seconds
    notes: list[Event] = field(default_factory=list)  # what the contacts' histories have to know


class Clearance:
    """Clears the deliveries of one connection, within one transaction."""

    def __init__(self, runtime: Runtime, rulebook: Rulebook, connection: Connection, conn: Conn, now: datetime) -> None:
        self.runtime, self.rulebook, self.connection, self.conn, self.now = runtime, rulebook, connection, conn, now
        self.policies = rulebook.policies
        self.stored: dict[int, Stored] = {}
        self.states: dict[int, Contact] = {}
        self.placed: set[int] = set()  # contacts in whose ledger a message has got a place here
        self.ids: dict[int, str] = {}
        self.names: dict[int, dict[str, str]] = {}
        self.handoffs: dict[str, HandoffRow] = {}

    def clear(self, claimed: Sequence[Claimed]) -> Cleared:
        """Look at each delivery once more."""
        cleared = Cleared()
        self._load(claimed)
        if not self.runtime.database.is_sqlite:
            # Between finding them and locking their contacts somebody may have changed or withdrawn some
            claimed = [one for one in claims.as_now(self.conn, claimed) if one.contact_id in self.states]
        for one in claimed:
            state = self.states.get(one.contact_id)
            if state is None:
                cleared.withheld[one.id] = "the contact no longer exists"
                continue
            reason = self._keep_back(one, state)
            if reason:
                cleared.withheld[one.id] = reason
                cleared.notes += self._give_up(one, state, reason)
                continue
            if wait := self._wait(one, state):
                cleared.later[one.id] = wait
                continue
            if isinstance(one.action, SendMessage) and one.action.content:
                composed = self._compose(one.action, state)
                if isinstance(composed, Withheld):
                    cleared.withheld[one.id] = composed.reason
                    cleared.notes += self._give_up(one, state, composed.reason)
                    continue
                one = replace(one, action=composed)
                cleared.rewritten[one.id] = composed
            action, done = self._complete(one, state)
            if done:
                cleared.done[one.id] = done
                continue
            if isinstance(action, SendMessage) and take_place(state, one.place, action, self.now):
                self.placed.add(one.contact_id)
            if action is not one.action:
                cleared.rewritten[one.id] = action
            delivery = Delivery(
                id=one.id,
                key=one.key,
                action=action,
                to=self._recipient(one, state),
                attempt=one.attempts + 1,
                ticket=one.ticket if action is one.action else "",
            )
            cleared.ready.append((one, delivery))
        self._save_placed()
        return cleared

    def _load(self, claimed: Sequence[Claimed]) -> None:
        ids = {one.contact_id for one in claimed}
        # Locked: a suppression that commits after this finds the send already on its way, one before stops it
        self.stored = people.load(self.conn, ids, lock=True)
        self.states = {key: stored.state for key, stored in self.stored.items()}
        if self.runtime.adapter(self.connection).contact_ref:  # others have no names of their own for people
            self.ids = shadows.ids_in(self.conn, self.connection.id, self.states)
        for contact_id, known in people.known_by(self.conn, ids).items():
            self.names[contact_id] = {identity.kind: identity.value for identity, _ in reversed(known)}
        keys = {one.handoff_key for one in claimed if one.handoff_key}
        if keys:
            found = handoffs.load(self.conn, handoffs_table.c.key.in_(keys))
            self.handoffs = {row.key: self._assigned(row) for row in found}

    # --- may it go?

    def _keep_back(self, one: Claimed, state: Contact) -> str:
        """Why a delivery must not leave, or an empty text."""
        action = one.action
        if state.erased_at is not None and not one.ticket and not isinstance(action, Unsubscribe | Suppress | Erase):
            return "the person was erased"
        if action.lifts and may_lift(state, action) is None:
            return "it would lift an opt-out, and there is no later consent of the person's own on record"
        if isinstance(action, SendMessage | JoinList):
            return self._keep_message(one, action, state)
        if one.handoff_key:
            row = self.handoffs.get(one.handoff_key)
            if row is None or row.status not in ("open", "claimed"):
                return f"the handoff is {row.status if row else 'gone'}"
            if isinstance(action, Alert) and action.step and row.status == "claimed":
                return f"the handoff is claimed by {row.claimed_by}"
            if isinstance(action, AssignOwner) and not (row.owner_id or row.owner_email):
                return "nobody is named to own it"
        return ""

    def _keep_message(self, one: Claimed, action: SendMessage | JoinList, state: Contact) -> str:
        document = self.policies.triggers.by_id.get(action.rule)
        if document is not None and is_too_late(state, action, self.policies, document.too_old_hours, self.now):
            return f"too late: what it answers happened on {action.occurred_at:%Y-%m-%d %H:%M} UTC"
        trigger = self.policies.triggers.active.get(action.rule)
        if trigger is not None and trigger.ends and (why := self._ended(one, trigger, action, state)):
            return why
        if isinstance(action, SendMessage) and (why := over(state, action, self.now)):
            return why
        blocked = self._blocked(action, state, {one.place})
        if blocked is not None and blocked.name == CAP:
            # Others hold their places by intention or by fact; who comes first here has the place
            blocked = self._blocked(action, state, {one.place, *mere_intentions(self.conn, one.contact_id, state)})
        return blocked.detail if blocked else ""

    def _ended(self, one: Claimed, trigger: Trigger, action: SendMessage | JoinList, state: Contact) -> str:
        """What has ended since what a trigger would have waited for, had it waited longer."""
        if state.newest is None or state.newest.occurred_at < action.occurred_at:
            return ""
        kinds = {kind for end in trigger.ends for kind in end.types}
        happened = event_log.since(self.conn, one.contact_id, kinds, action.occurred_at)
        return ended_since(state, trigger, happened, self.policies)

    def _blocked(self, action: SendMessage | JoinList, state: Contact, without: Collection[str]) -> Gate | None:
        gates = checks(state, action, self.policies, self.now, without)
        return next((gate for gate in gates if not gate.passed), None)

    def _wait(self, one: Claimed, state: Contact) -> float:
        """For how many seconds a message still has to wait, or an erasure for what is on its way to be written."""
        action = one.action
        if isinstance(action, Erase):
            on_its_way = erasures.is_something_on_its_way(self.conn, one.contact_id, self.connection.id)
            return _ARRIVES_SECONDS if on_its_way else 0.0
        if not isinstance(action, SendMessage):
            return 0.0
        return (leaves_at(state, action, self.policies, self.now) - self.now).total_seconds()

    def _give_up(self, one: Claimed, state: Contact, reason: str) -> list[Event]:
        """The note that a message did not leave, where a place is kept for it."""
        action = one.action
        if not isinstance(action, SendMessage) or place_of(state, one.place) is None:
            return []
        if one.attempts and deliveries.may_have_left(self.conn, [one.id]):
            return []
        return [not_sent(one.place, one.contact_id, action, reason, self.now)]

    def _save_placed(self) -> None:
        scoring = self.policies.scoring.read
        changed = [
            people.Person(
                id=stored.id,
                version=stored.version,
                state=stored.state,
                score=total(stored.state.score, scoring, self.now),
            )
            for contact_id in sorted(self.placed)
            if (stored := self.stored.get(contact_id)) is not None
        ]
        people.save(self.conn, changed, self.now)

    # --- what exactly?

    def _compose(self, action: SendMessage, state: Contact) -> SendMessage | Withheld:
        """The message with its texts, for the person as they are now."""
        content = self.policies.content
        if not is_practice(self.connection) and (why := not_ready(content)):
            return Withheld(action.content, why)
        return compose(action, state, content, self.policies.scoring.read, self.now)

    def _complete(self, one: Claimed, state: Contact) -> tuple[AnyAction, str]:
        """The action with what only now is known, or why there is nothing to do."""
        action = one.action
        if isinstance(action, LeaveList) and not self._vendor_id(one.contact_id):
            return action, "the tool does not know the contact"
        row = self.handoffs.get(one.handoff_key or "")
        if row is None:
            return action, ""
        if isinstance(action, EnsureContact):
            if self._vendor_id(one.contact_id):
                return action, "the tool knows the contact"
            mapping = self.rulebook.mapping_for(self.connection)
            return EnsureContact(properties=mapping.outbound(outward(state, self.policies, self.now))), ""
        if isinstance(action, AssignOwner):
            if row.owner_id and str(state.get("owner_id") or "") == row.owner_id:
                return action, "the owner stays"
            return AssignOwner(handoff=row.id, owner_id=row.owner_id, email=row.owner_email), ""
        said = self._packet(row, state, one.contact_id)
        match action:
            case CreateTask():
                return (
                    CreateTask(
                        handoff=row.id,
                        subject=said.subject,
                        body=said.text,
                        due_at=row.due_at,
                        mark=action.mark,
                        owner_id=row.owner_id,
                        email=row.owner_email,
                    ),
                    "",
                )
            case CreateNote():
                return (
                    CreateNote(
                        handoff=row.id, body=said.html, at=row.opened_at, mark=action.mark, owner_id=row.owner_id
                    ),
                    "",
                )
            case Alert():
                return self._alert(action, row, said), ""
        return action, ""

    def _alert(self, action: Alert, row: HandoffRow, said: Packet) -> Alert:
        clock = self.policies.handoff.clock
        owner = row.owner_name or row.owner_email
        to = action.to
        if to and to == row.owner_email:  # the owner was not known when it was decided
            other = clock.second(self.now, row.owner_email)
            to = other.email if other else to
        due = f"It {'was' if row.due_at <= self.now else 'is'} due at {clock.words(row.due_at)}."
        title, first = calling(action.step, owner, clock.name_of(to), due)
        body = f"{first}\n\n{said.text}" if first else said.text
        return Alert(handoff=row.id, title=f"{title}: {said.subject}", body=body, step=action.step, to=to)

    def _packet(self, row: HandoffRow, state: Contact, contact_id: int) -> Packet:
        query = (
            select(events_table.c.body)
            .where(events_table.c.contact_id == contact_id)
            .order_by(events_table.c.occurred_at.desc())
            .limit(_EVENTS_IN_PACKET)
        )
        recent = [msgspec.json.decode(body, type=Event) for body in self.conn.execute(query).scalars()]
        score = read_score(state.score, self.policies.scoring.read, self.now)
        address = link(self.runtime.settings, row.key)
        due_at = row.due_at.astimezone(self.policies.handoff.clock.hours.zone)
        return packet(state, row.reason, due_at, score, recent, address, mark_of(row.key))

    # --- to whom?

    def _recipient(self, one: Claimed, state: Contact) -> Recipient:
        action, contact_id = one.action, one.contact_id
        if isinstance(action, Erase):  # by then nobody but the action itself knows who it is
            return Recipient(
                contact_id=contact_id,
                vendor_id=action.vendor_id,
                email=action.email,
                phone=action.phone,
                external_id=action.external_id,
            )
        names = self.names.get(contact_id, {})
        return Recipient(
            contact_id=contact_id,
            vendor_id=self._vendor_id(contact_id),
            email=state.email or names.get(EMAIL, ""),
            phone=str(state.get("phone") or names.get(PHONE, "")),
            external_id=names.get(EXTERNAL, ""),
        )

    def _vendor_id(self, contact_id: int) -> str:
        return self.ids.get(contact_id, "")

    def _assigned(self, row: HandoffRow) -> HandoffRow:
        """The handoff with an owner: who owns the contact already, else who is chosen now."""
        if row.assigned_at is not None:
            return row
        contact, document, today = self.states[row.contact_id], self.policies.handoff.document, self.now.date()
        owner = owner_of(contact, document, today)
        if owner is None:
            facts = Facts(contact, None, self.now, self.policies.scoring.read)
            turn = partial(handoffs.next_turn, self.conn, self.runtime.database)
            owner = choose(document, facts, today, turn, partial(handoffs.open_by_owner, self.conn))
        return handoffs.assign(self.conn, row, owner, self.now)
