"""Decisions as they were made, with their gates; and the handoffs that followed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from app.rules.decision import Decision, Gate, HandoffPlan, Outcome
from app.store.tables import decisions, handoffs

_encode = msgspec.json.Encoder().encode


class Known(Struct, frozen=True):
    """A decision that stands in the database."""

    key: str
    at: datetime
    outcome: str
    summary: str


def standing(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, Known]]:
    """The decisions of these contacts, by key."""
    found: dict[int, dict[str, Known]] = {contact_id: {} for contact_id in contact_ids}
    if found:
        columns = decisions.c
        query = select(columns.contact_id, columns.key, columns.at, columns.outcome, columns.summary).where(
            columns.contact_id.in_(list(found))
        )
        for contact_id, key, at, outcome, summary in conn.execute(query):
            found[contact_id][key] = Known(key, at, outcome, summary)
    return found


def record(conn: Connection, made: Sequence[tuple[int, Decision]], now: datetime) -> None:
    """Add decisions, as (contact, decision)."""
    if made:
        conn.execute(insert(decisions), [_columns(contact_id, decision, now) for contact_id, decision in made])


def amend(conn: Connection, made: Sequence[tuple[int, Decision]], now: datetime) -> None:
    """Change decisions that came out differently once a late event was known."""
    for contact_id, decision in made:
        values = _columns(contact_id, decision, now)
        conn.execute(update(decisions).where(decisions.c.key == values.pop("key")).values(**values))


def supersede(conn: Connection, keys: Collection[str]) -> None:
    """Mark decisions that a late event has overtaken."""
    if keys:
        conn.execute(update(decisions).where(decisions.c.key.in_(keys)).values(outcome=str(Outcome.SUPERSEDED)))


def _columns(contact_id: int, decision: Decision, now: datetime) -> dict[str, Any]:
    return {
        "key": decision.key,
        "contact_id": contact_id,
        "event_id": decision.event_id,
        "at": decision.at,
        "decided_at": now,
        "rule": decision.rule,
        "policy": decision.policy,
        "what": decision.what,
        "outcome": str(decision.outcome),
        "summary": decision.summary,
        "gates": _encode(decision.gates).decode(),
    }


def read_gates(text: str) -> list[Gate]:
    """The gates of a stored decision."""
    return msgspec.json.decode(text, type=list[Gate])


class HandoffRow(Struct, frozen=True, kw_only=True):
    """A handoff with its owner, clock and verdict."""

    id: int
    key: str
    contact_id: int
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


def open_handoffs(conn: Connection, made: Sequence[tuple[int, str, HandoffPlan]]) -> None:
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
                    "due_at": plan.due_at,
                    "status": "open",
                    "score": plan.score,
                    "reason": plan.reason,
                }
                for contact_id, event_id, plan in made
            ],
        )


def handoffs_of(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, HandoffRow]]:
    """The handoffs of these contacts, by key."""
    found: dict[int, dict[str, HandoffRow]] = {contact_id: {} for contact_id in contact_ids}
    for row in load_handoffs(conn, handoffs.c.contact_id.in_(list(found))) if found else ():
        found[row.contact_id][row.key] = row
    return found


def load_handoffs(conn: Connection, condition: Any) -> list[HandoffRow]:
    """Handoffs that meet a condition, oldest first."""
    columns = [handoffs.c[name] for name in HandoffRow.__struct_fields__]
    query = select(*columns).where(condition).order_by(handoffs.c.opened_at, handoffs.c.id)
    return [HandoffRow(**row._mapping) for row in conn.execute(query)]


def set_handoffs(conn: Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Change handoffs, by key."""
    for key, values in changes.items():
        conn.execute(update(handoffs).where(handoffs.c.key == key).values(**values))
