"""Handoffs: who was handed over, to whom, by when, and what became of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, func, insert, literal, or_, select, update

from app.contacts.action import Alert, CreateNote, CreateTask, kind_of
from app.rules.assignment import Owner
from app.rules.clock import REMIND
from app.rules.decision import HandoffPlan
from app.store.deliveries import HAVE_LEFT
from app.store.engine import Database
from app.store.tables import deliveries, handoffs, rotations


class HandoffRow(Struct, frozen=True, kw_only=True):
    """A handoff with its owner, clock and verdict."""

    id: int
    key: str
    contact_id: int
    event_id: str
    rule: str
    opened_at: datetime
    due_at: datetime
    status: str
    score: float
    reason: str
    owner_id: str
    owner_email: str
    owner_name: str
    assigned_at: datetime | None
    alerted_at: datetime | None
    remind_at: datetime | None
    reminded_at: datetime | None
    escalated_at: datetime | None
    claimed_at: datetime | None
    claimed_by: str | None


def add(conn: Connection, made: Sequence[tuple[int, str, HandoffPlan]]) -> None:
    """Add handoffs, as (contact, event, plan)."""
    if made:
        conn.execute(
            insert(handoffs),
            [
                {
                    "key": plan.key,
                    "contact_id": contact_id,
                    "event_id": event_id,
                    "rule": plan.rule,
                    "opened_at": plan.opened_at,
                    "remind_at": plan.remind_at,
                    "due_at": plan.due_at,
                    "status": "open",
                    "score": plan.score,
                    "reason": plan.reason,
                }
                for contact_id, event_id, plan in made
            ],
        )


def judged(conn: Connection, most: int) -> list[tuple[int, float, str]]:
    """The newest handoffs of which sales has said how they went, as (contact, score when it was opened, verdict)."""
    columns = (handoffs.c.contact_id, handoffs.c.score, handoffs.c.verdict)
    query = select(*columns).where(handoffs.c.status == "closed", handoffs.c.verdict.is_not(None))
    return [tuple(row) for row in conn.execute(query.order_by(handoffs.c.id.desc()).limit(most))]


def of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, HandoffRow]]:
    """The handoffs of these contacts, by key."""
    found: dict[int, dict[str, HandoffRow]] = {contact_id: {} for contact_id in contact_ids}
    for row in load(conn, handoffs.c.contact_id.in_(list(found))) if found else ():
        found[row.contact_id][row.key] = row
    return found


def known_to_sales(conn: Connection, contact_ids: Collection[int]) -> list[HandoffRow]:
    """The handoffs of these contacts that sales knows of, or will in a moment, oldest first: people were told of them
    or have taken them, or what tells them is on its way and cannot be called back."""
    ids = list(contact_ids)
    tells = select(deliveries.c.id).where(
        deliveries.c.contact_id.in_(ids),
        deliveries.c.handoff_key == handoffs.c.key,
        deliveries.c.kind.in_([kind_of(kind) for kind in (Alert, CreateTask, CreateNote)]),
        deliveries.c.status.in_(HAVE_LEFT),
    )
    knows = or_(handoffs.c.alerted_at.is_not(None), handoffs.c.claimed_at.is_not(None), tells.exists())
    stands = handoffs.c.status.in_(("open", "claimed", "closed"))
    return load(conn, handoffs.c.contact_id.in_(ids) & stands & knows) if ids else []


def load(conn: Connection, condition: Any) -> list[HandoffRow]:
    """Handoffs that meet a condition, oldest first."""
    columns = [handoffs.c[name] for name in HandoffRow.__struct_fields__]
    query = select(*columns).where(condition).order_by(handoffs.c.opened_at, handoffs.c.id)
    return [HandoffRow(**row._mapping) for row in conn.execute(query)]


def change(conn: Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Change handoffs, by key."""
    for key, values in changes.items():
        conn.execute(update(handoffs).where(handoffs.c.key == key).values(**values))


def told(conn: Connection, key: str, now: datetime, step: str = "", to: str = "") -> None:
    """Note that people were told of a handoff: first of all, or by a step of its clock."""
    values: dict[str, Any] = {"alerted_at": now}
    if step:
        values = {"alerted_at": func.coalesce(handoffs.c.alerted_at, literal(now, handoffs.c.alerted_at.type))}
        values |= {"reminded_at": now} if step == REMIND else {"escalated_at": now, "escalated_to": to}
    conn.execute(update(handoffs).where(handoffs.c.key == key).values(**values))


def told_by(conn: Connection, contact_id: int, key: str, limit: int) -> list[Mapping[str, Any]]:
    """By which deliveries people were told of a contact's handoff, or are to be, oldest first."""
    names = ("id", "connection_id", "kind", "status", "reason", "action", "updated_at")
    query = select(*(deliveries.c[name] for name in names)).where(
        deliveries.c.contact_id == contact_id, deliveries.c.handoff_key == key
    )
    return [dict(row._mapping) for row in conn.execute(query.order_by(deliveries.c.id).limit(limit))]


def one(conn: Connection, handoff_id: int) -> Mapping[str, Any] | None:
    """A handoff with all that is kept of it, or None."""
    row = conn.execute(select(handoffs).where(handoffs.c.id == handoff_id)).first()
    return None if row is None else dict(row._mapping)


def owners(conn: Connection) -> list[str]:
    """The addresses of all who have a handoff that nobody has judged yet. Reads what is open, not what has been."""
    query = select(handoffs.c.owner_email).where(
        handoffs.c.status.in_(("open", "claimed")), handoffs.c.owner_email != ""
    )
    return sorted(conn.execute(query.distinct()).scalars())


def is_untold(conn: Connection, contact_id: int, key: str) -> bool:
    """Whether nobody has taken a contact's handoff, and no alert about it has reached people."""
    told = select(deliveries.c.id).where(
        deliveries.c.contact_id == contact_id,
        deliveries.c.handoff_key == key,
        deliveries.c.kind == kind_of(Alert),
        deliveries.c.status == "sent",
    )
    query = select(handoffs.c.id).where(handoffs.c.key == key, handoffs.c.status == "open", ~told.exists())
    return conn.execute(query).first() is not None


def assign(conn: Connection, row: HandoffRow, owner: Owner, now: datetime) -> HandoffRow:
    """Give a handoff its owner."""
    conn.execute(update(handoffs).where(handoffs.c.id == row.id).values(assigned_why=owner.why, **_owned(owner, now)))
    return replace(row, **_owned(owner, now))


def _owned(owner: Owner, now: datetime) -> dict[str, Any]:
    return {"owner_id": owner.id, "owner_email": owner.email, "owner_name": owner.name, "assigned_at": now}


def next_turn(conn: Connection, database: Database, rotation: str) -> int:
    """The next turn of a rotation, from 0, under a lock: two handoffs never get the same."""
    conn.execute(database.insert(rotations).values(name=rotation, turn=0).on_conflict_do_nothing())
    statement = update(rotations).where(rotations.c.name == rotation).values(turn=rotations.c.turn + 1)
    return int(conn.execute(statement.returning(rotations.c.turn)).scalar_one()) - 1


def open_by_owner(conn: Connection, addresses: Sequence[str]) -> dict[str, int]:
    """How many handoffs each of these has that nobody has judged yet. Reads what is open, not what has been."""
    query = (
        select(handoffs.c.owner_email, func.count())
        .where(handoffs.c.status.in_(("open", "claimed")), handoffs.c.owner_email.in_(list(addresses)))
        .group_by(handoffs.c.owner_email)
    )
    return {str(address): int(count) for address, count in conn.execute(query)}
