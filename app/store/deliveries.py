"""Deliveries: actions bound for a vendor. Planned by ingest, sent by their connection's lane."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.contacts.action import Alert, AnyAction, kind_of
from app.store.engine import Conflict, Database, Upsert
from app.store.kept import kept
from app.store.many import Adder, Row
from app.store.tables import attempts, deliveries

PENDING, SENDING, SENT, WITHHELD, UNKNOWN, DEAD = "pending", "sending", "sent", "withheld", "unknown", "dead"
OPEN = (PENDING, SENDING, UNKNOWN)
LEFT = (SENDING, SENT, UNKNOWN, DEAD)
HAVE_LEFT = (SENDING, SENT, UNKNOWN)  # see also _may_have_left
REPLACED = "replaced by a newer one"

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(AnyAction).decode


class Planned(Struct, kw_only=True):
    """A delivery to store. A new one in a ``slot`` replaces the one that still waits there."""

    key: str
    contact_id: int
    connection_id: int
    kind: str
    urgency: int
    action: AnyAction
    status: str = PENDING
    reason: str | None = None
    slot: str | None = None
    wait_seconds: float = 0
    decision_key: str | None = None
    handoff_key: str | None = None


class Existing(Struct, frozen=True, kw_only=True):
    """A planned delivery as it stands, for comparing with what a late event makes of it."""

    id: int
    key: str
    status: str
    kind: str
    attempts: int
    decision_key: str | None
    handoff_key: str | None
    created_at: datetime
    updated_at: datetime
    action: AnyAction


_COLUMNS = (
    "key", "contact_id", "connection_id", "kind", "urgency", "action", "status", "reason", "slot", "decision_key",
    "handoff_key", "not_before", "created_at", "updated_at",
)  # fmt: skip
_PLAN = Adder(deliveries, *_COLUMNS)
# The place in the queue is kept: a contact that changes all the time must not wait for ever
_TAKE_SLOT = Upsert(
    deliveries,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[deliveries.c.connection_id, deliveries.c.contact_id, deliveries.c.slot],
        index_where=text("status = 'pending' AND slot IS NOT NULL"),
        set_={
            "action": fresh.excluded.action,
            "kind": fresh.excluded.kind,
            "urgency": case(
                (fresh.excluded.urgency < deliveries.c.urgency, fresh.excluded.urgency),
                else_=deliveries.c.urgency,
            ),
            # A ticket is for what waited here before
            "result": case((fresh.excluded.action == deliveries.c.action, deliveries.c.result), else_=None),
            "updated_at": fresh.excluded.updated_at,
        },
    ),
)
_IN_SLOTS = select(deliveries.c.contact_id, deliveries.c.connection_id, deliveries.c.slot, deliveries.c.id).where(
    deliveries.c.contact_id.in_(bindparam("contacts", expanding=True)),
    deliveries.c.status == PENDING,
    deliveries.c.slot.is_not(None),
    deliveries.c.attempts == 0,
)
_DECIDED = select(
    deliveries.c.contact_id,
    *(deliveries.c[name] for name in Existing.__struct_fields__ if name != "action"),
    deliveries.c.action,
).where(deliveries.c.contact_id.in_(bindparam("contacts", expanding=True)), deliveries.c.decision_key.is_not(None))


def plan(conn: Connection, database: Database, planned: Sequence[Planned], now: datetime) -> None:
    """Store deliveries; those with a slot take the place of what waits in it."""
    _PLAN.add(conn, [_row(one, now) for one in planned if one.slot is None or one.status != PENDING])
    slotted = [_row(one, now) for one in planned if one.slot is not None and one.status == PENDING]
    if slotted:
        conn.execute(_TAKE_SLOT.on(database), [dict(zip(_COLUMNS, row, strict=True)) for row in slotted])


def _row(one: Planned, now: datetime) -> Row:
    return (
        one.key,
        one.contact_id,
        one.connection_id,
        one.kind,
        one.urgency,
        encode(one.action).decode(),
        one.status,
        one.reason,
        one.slot,
        one.decision_key,
        one.handoff_key,
        now + timedelta(seconds=one.wait_seconds),
        now,
        now,
    )


def in_slots(conn: Connection, contact_ids: Collection[int]) -> dict[tuple[int, int], dict[str, int]]:
    """(contact, connection) → slot → the delivery that waits in it and was never tried."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    if contact_ids:
        rows = conn.execute(_IN_SLOTS, {"contacts": list(contact_ids)})
        for contact_id, connection_id, slot, delivery_id in rows:
            found.setdefault((contact_id, connection_id), {})[slot] = delivery_id
    return found


def drop(conn: Connection, ids: Collection[int]) -> None:
    """Drop deliveries that wait: the tool already holds what they would write."""
    if ids:
        conn.execute(
            delete(deliveries).where(
                deliveries.c.id.in_(ids), deliveries.c.status == PENDING, deliveries.c.attempts == 0
            )
        )


def decided(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, Existing]]:
    """The deliveries that decisions about these contacts led to, by key."""
    found: dict[int, dict[str, Existing]] = {contact_id: {} for contact_id in contact_ids}
    if found:
        names = [name for name in Existing.__struct_fields__ if name != "action"]
        for contact_id, *values, action in conn.execute(_DECIDED, {"contacts": list(found)}):
            row = Existing(**dict(zip(names, values, strict=True)), action=decode(action))
            found[contact_id][row.key] = row
    return found


def _may_have_left() -> ColumnElement[bool]:
    """What is on its way or arrived, and what was tried with an answer that was lost, whatever became of it since."""
    tries = attempts.c.delivery_id == deliveries.c.id
    answered = select(func.count()).select_from(attempts).where(tries).scalar_subquery()
    lost = or_(exists().where(tries, attempts.c.outcome == UNKNOWN), deliveries.c.attempts > answered)
    return or_(deliveries.c.status.in_(HAVE_LEFT), and_(deliveries.c.attempts > 0, lost))


_LEFT_OF = select(deliveries.c.decision_key).where(
    deliveries.c.contact_id == bindparam("contact"),
    deliveries.c.decision_key.in_(bindparam("decisions", expanding=True)),
    _may_have_left(),
)
_MAY_HAVE_LEFT = select(deliveries.c.id).where(deliveries.c.id.in_(bindparam("ids", expanding=True)), _may_have_left())


def left_of(conn: Connection, contact_id: int, decision_keys: Collection[str]) -> set[str]:
    """Those of a contact's decisions whose delivery has left, or may have."""
    return set(conn.execute(_LEFT_OF, {"contact": contact_id, "decisions": list(decision_keys)}).scalars())


def may_have_left(conn: Connection, ids: Collection[int]) -> set[int]:
    """Those of these that have left, or may have."""
    return set(conn.execute(_MAY_HAVE_LEFT, {"ids": list(ids)}).scalars()) if ids else set()


def has_alerted(conn: Connection, contact_id: int, handoff_key: str) -> bool:
    """Whether an alert about a contact's handoff has reached people."""
    query = select(deliveries.c.id).where(
        deliveries.c.contact_id == contact_id,
        deliveries.c.handoff_key == handoff_key,
        deliveries.c.kind == kind_of(Alert),
        deliveries.c.status == SENT,
    )
    return conn.execute(query.limit(1)).first() is not None


def ids_of(conn: Connection, keys: Collection[str]) -> dict[str, int]:
    """The ids of deliveries, by their keys."""
    query = select(deliveries.c.key, deliveries.c.id).where(deliveries.c.key.in_(keys))
    return {row.key: row.id for row in conn.execute(query)}


def replan(conn: Connection, changes: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    """Change deliveries that have not left: id → columns. Raises Conflict where one has left by now."""
    for delivery_id, values in changes.items():
        changed = conn.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.status.in_((PENDING, WITHHELD)))
            .values(**values, updated_at=now)
        )
        if changed.rowcount == 0:
            raise Conflict("a delivery that was to be changed has left in the meantime")


def retry(conn: Connection, ids: Collection[int], now: datetime) -> int:
    """Have dead or unknown deliveries tried again because a person says so; how many there were. Of those that belong
    in one slot the newest is tried; one that a newer has followed there would put older values back."""
    again = update(deliveries).where(deliveries.c.status.in_((DEAD, UNKNOWN)))
    later = deliveries.alias()
    followed = exists().where(
        later.c.contact_id == deliveries.c.contact_id,
        later.c.connection_id == deliveries.c.connection_id,
        later.c.slot == deliveries.c.slot,
        later.c.id > deliveries.c.id,
        later.c.status == SENT,
    )
    pending = {"status": PENDING, "attempts": 0, "not_before": now, "fence": None, "result": None}
    count = 0
    for delivery_id in sorted(ids, reverse=True):
        change = again.where(deliveries.c.id == delivery_id)
        try:
            with conn.begin_nested():
                count += conn.execute(change.where(~followed).values(**pending, reason=None, updated_at=now)).rowcount
        except IntegrityError:  # another one waits there
            pass
        count += conn.execute(change.values(status=WITHHELD, reason=REPLACED, updated_at=now)).rowcount
    return count


def backlog(conn: Connection) -> dict[int, tuple[int, datetime | None]]:
    """connection → how many deliveries wait, and since when the first of them."""
    query = (
        select(deliveries.c.connection_id, func.count(), func.min(deliveries.c.not_before))
        .where(deliveries.c.status == PENDING)
        .group_by(deliveries.c.connection_id)
    )
    found = kept(conn, "backlog", lambda: conn.execute(query).all())
    return {connection_id: (count, since) for connection_id, count, since in found}
