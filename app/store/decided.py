"""Decisions as they were made, with their gates."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, update

from app.rules.decision import Decision, Gate, Outcome
from app.rules.rescore import WHAT as RESCORE
from app.store.many import Adder, Row
from app.store.tables import decisions

_encode = msgspec.json.Encoder().encode


class Known(Struct, frozen=True):
    """A decision that stands in the database."""

    key: str
    at: datetime
    outcome: str
    summary: str


_STANDING = select(
    decisions.c.contact_id, decisions.c.key, decisions.c.at, decisions.c.outcome, decisions.c.summary
).where(
    decisions.c.contact_id.in_(bindparam("contacts", expanding=True)),
    decisions.c.what != RESCORE,  # follows from a publication, and from no event
)
_COLUMNS = (
    "key",
    "contact_id",
    "event_id",
    "at",
    "decided_at",
    "rule",
    "policy",
    "what",
    "outcome",
    "summary",
    "gates",
)
_RECORD = Adder(decisions, *_COLUMNS)
_AMEND = update(decisions).where(decisions.c.key == bindparam("b_key"))


def standing(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, Known]]:
    """The decisions of these contacts, by key."""
    found: dict[int, dict[str, Known]] = {contact_id: {} for contact_id in contact_ids}
    if found:
        for contact_id, key, at, outcome, summary in conn.execute(_STANDING, {"contacts": list(found)}):
            found[contact_id][key] = Known(key, at, outcome, summary)
    return found


def record(conn: Connection, made: Sequence[tuple[int, Decision]], now: datetime) -> None:
    """Add decisions, as (contact, decision)."""
    _RECORD.add(conn, [_row(contact_id, decision, now) for contact_id, decision in made])


def amend(conn: Connection, made: Sequence[tuple[int, Decision]], now: datetime) -> None:
    """Change decisions that came out differently once a late event was known."""
    rows = [dict(zip(_COLUMNS, _row(contact_id, decision, now), strict=True)) for contact_id, decision in made]
    if rows:
        conn.execute(_AMEND, [{**row, "b_key": row.pop("key")} for row in rows])


def supersede(conn: Connection, keys: Collection[str]) -> None:
    """Mark decisions that a late event has overtaken."""
    if keys:
        conn.execute(update(decisions).where(decisions.c.key.in_(keys)).values(outcome=str(Outcome.SUPERSEDED)))


def _row(contact_id: int, decision: Decision, now: datetime) -> Row:
    return (
        decision.key,
        contact_id,
        decision.event_id,
        decision.at,
        now,
        decision.rule,
        decision.policy,
        decision.what,
        str(decision.outcome),
        decision.summary,
        _encode(decision.gates).decode(),
    )


def read_gates(text: str) -> list[Gate]:
    """The gates of a stored decision."""
    return msgspec.json.decode(text, type=list[Gate])
