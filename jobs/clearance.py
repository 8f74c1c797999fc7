"""The last look before something leaves: is it still right, may it still go, and what exactly is to be said.

Everything here happens inside the transaction that claims the deliveries, on the contact as it is now, not as it was
when the delivery was planned. Whatever made an action, this is the one gate on its way out.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection as Conn
from sqlalchemy import select, update

from adapters.contract import Delivery, Recipient
from app.contacts.action import (
    Alert,
    AnyAction,
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    SendMessage,
    Suppress,
    Unsubscribe,
)
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.identity import EMAIL, EXTERNAL, PHONE
from app.handoff_links import link
from app.rules.handoff import PersonDocument
from app.rules.packet import Packet, packet
from app.rules.route import mark_of, outward
from app.rules.score import read_score
from app.rules.suppression import gates, may_lift
from app.runtime import Rulebook, Runtime
from app.store import decided, people
from app.store.connections import Connection
from app.store.decided import HandoffRow
from app.store.deliveries import Claimed
from app.store.tables import events as events_table
from app.store.tables import handoffs as handoffs_table
from app.store.tables import rotations

_EVENTS_IN_PACKET = 25


class Cleared(Struct):
    """What a claim comes to: what is sent, what is kept back and why, and what turned out to be done already."""

    ready: list[tuple[Claimed, Delivery]] = field(default_factory=list)
    withheld: dict[int, str] = field(default_factory=dict)
    done: dict[int, str] = field(default_factory=dict)
    rewritten: dict[int, AnyAction] = field(default_factory=dict)


class Clearance:
    """Clears the deliveries of one connection, within one transaction."""

    def __init__(self, runtime: Runtime, rulebook: Rulebook, connection: Connection, conn: Conn, now: datetime) -> None:
        self.runtime, self.rulebook, self.connection, self.conn, self.now = runtime, rulebook, connection, conn, now
        self.policies = rulebook.policies
        self.states: dict[int, Contact] = {}
        self.ids: dict[int, dict[int, str]] = {}
        self.names: dict[int, dict[str, str]] = {}
        self.handoffs: dict[str, HandoffRow] = {}

    def clear(self, claimed: Sequence[Claimed]) -> Cleared:
        """Look at each delivery once more."""
        cleared = Cleared()
        self._load(claimed)
        for one in claimed:
            state = self.states.get(one.contact_id)
            if state is None:
                cleared.withheld[one.id] = "the contact no longer exists"
                continue
            reason = self._keep_back(one, state)
            if reason:
                cleared.withheld[one.id] = reason
                continue
            action, done = self._complete(one, state)
            if done:
                cleared.done[one.id] = done
                continue
            if action is not one.action:
                cleared.rewritten[one.id] = action
            delivery = Delivery(
                id=one.id,
                key=one.key,
                action=action,
                to=self._recipient(one.contact_id, state),
                attempt=one.attempts + 1,
            )
            cleared.ready.append((one, delivery))
        return cleared

    def _load(self, claimed: Sequence[Claimed]) -> None:
        ids = {one.contact_id for one in claimed}
        # Locked: a suppression that commits after this finds the send already on its way, one before stops it
        self.states = {
            key: stored.state for key, stored in people.load(self.conn, self.runtime.database, ids, True).items()
        }
        self.ids = people.vendor_ids(self.conn, ids)
        for contact_id, known in people.known_by(self.conn, ids).items():
            self.names[contact_id] = {identity.kind: identity.value for identity, _ in reversed(known)}
        keys = {one.handoff_key for one in claimed if one.handoff_key}
        if keys:
            rows = decided.load_handoffs(self.conn, handoffs_table.c.key.in_(keys))
            self.handoffs = {row.key: self._assigned(row) for row in rows}

    # --- may it go?

    def _keep_back(self, one: Claimed, state: Contact) -> str:
        """Why a delivery must not leave, or an empty text."""
        action = one.action
        if state.erased_at is not None and not isinstance(action, Unsubscribe | Suppress):
            return "the person was erased"
        if action.lifts and may_lift(state, action) is None:
            return "it would lift an opt-out, and there is no later consent of the person's own on record"
        if isinstance(action, SendMessage):
            return self._keep_message(action, state)
        if one.handoff_key:
            row = self.handoffs.get(one.handoff_key)
            if row is None or row.status not in ("open", "claimed"):
                return f"the handoff is {row.status if row else 'gone'}"
        return ""

    def _keep_message(self, action: SendMessage, state: Contact) -> str:
        trigger = self.policies.triggers.by_id.get(action.rule)
        if trigger is not None and self.now - action.occurred_at > timedelta(hours=trigger.too_old_hours):
            return f"too late: what it answers happened on {action.occurred_at:%Y-%m-%d %H:%M} UTC"
        blocked = next(
            (gate for gate in gates(state, action, self.policies.suppression, self.now) if not gate.passed), None
        )
        return blocked.detail if blocked else ""

    # --- what exactly?

    def _complete(self, one: Claimed, state: Contact) -> tuple[AnyAction, str]:
        """The action with what only now is known, or why there is nothing to do."""
        action = one.action
        row = self.handoffs.get(one.handoff_key or "")
        if row is None:
            return action, ""
        if isinstance(action, EnsureContact):
            if self._vendor_id(one.contact_id):
                return action, "the tool knows the contact"
            mapping = self.rulebook.mapping_for(self.connection)
            return EnsureContact(properties=mapping.outbound(outward(state, self.policies, self.now))), ""
        if isinstance(action, AssignOwner):
            if not (row.owner_id or row.owner_email):
                return action, "nobody is named to own it"
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
                owner = f" for {row.owner_name or row.owner_email}" if row.owner_email or row.owner_name else ""
                return Alert(handoff=row.id, title=f"Handoff{owner}: {said.subject}", body=said.text), ""
        return action, ""

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
        return packet(state, row.reason, row.due_at, score, recent, address, mark_of(row.key))

    # --- to whom?

    def _recipient(self, contact_id: int, state: Contact) -> Recipient:
        names = self.names.get(contact_id, {})
        return Recipient(
            contact_id=contact_id,
            vendor_id=self._vendor_id(contact_id),
            email=state.email or names.get(EMAIL, ""),
            phone=str(state.get("phone") or names.get(PHONE, "")),
            external_id=names.get(EXTERNAL, ""),
        )

    def _vendor_id(self, contact_id: int) -> str:
        return self.ids.get(contact_id, {}).get(self.connection.id, "")

    def _assigned(self, row: HandoffRow) -> HandoffRow:
        """The handoff with an owner: who owns the contact already, else whose turn it is."""
        if row.assigned_at is not None:
            return row
        state = self.states[row.contact_id]
        owner = self._owner(state)
        values: dict[str, Any] = {**owner, "assigned_at": self.now}
        self.conn.execute(update(handoffs_table).where(handoffs_table.c.id == row.id).values(**values))
        return msgspec.structs.replace(row, **{k: v for k, v in values.items() if k in HandoffRow.__struct_fields__})

    def _owner(self, state: Contact) -> Mapping[str, str]:
        document = self.policies.handoff.document
        owner_id, owner_email = str(state.get("owner_id") or ""), str(state.get("owner_email") or "")
        present = [person for person in document.people if is_present(person, self.now.date())]
        if owner_id or owner_email:
            named = next(
                (p for p in document.people if (owner_id and p.hubspot_owner_id == owner_id) or p.email == owner_email),
                None,
            )
            if named is None or named in present:
                return {
                    "owner_id": owner_id or (named.hubspot_owner_id if named else ""),
                    "owner_email": owner_email or (str(named.email) if named else ""),
                    "owner_name": named.name if named else "",
                    "assigned_why": "owns the contact",
                }
        if not present:
            return {"assigned_why": "nobody is named in the handoff policy, or all are away"}
        turn = self._turn()
        person = present[turn % len(present)]
        return {
            "owner_id": person.hubspot_owner_id,
            "owner_email": str(person.email),
            "owner_name": person.name,
            "assigned_why": "round robin",
        }

    def _turn(self) -> int:
        """The next turn, under a lock: two handoffs never get the same."""
        insert = self.runtime.database.insert(rotations).values(name="handoff", turn=0)
        self.conn.execute(insert.on_conflict_do_nothing())
        statement = update(rotations).where(rotations.c.name == "handoff").values(turn=rotations.c.turn + 1)
        return int(self.conn.execute(statement.returning(rotations.c.turn)).scalar_one()) - 1


def is_present(person: PersonDocument, today: date) -> bool:
    """Whether someone takes handoffs today."""
    return person.active and (person.absent_until is None or person.absent_until <= today)
