"""Deliveries: actions bound for a vendor. Planned by ingest, sent by their connection's lane."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from app.contacts.action import Alert, AnyAction, SendMessage, kind_of
from app.store.engine import Conflict, Database, db_in, db_in_param, db_now
from app.store.tables import attempts, connections, deliveries

PENDING, SENDING, SENT, WITHHELD, UNKNOWN, DEAD = "pending", "sending", "sent", "withheld", "unknown", "dead"
OPEN = (PENDING, SENDING, UNKNOWN)
LEFT = (SENDING, SENT, UNKNOWN, DEAD)
HAVE_LEFT = (SENDING, SENT, UNKNOWN)  # see also _may_have_left
REPLACED = "replaced by a newer one"
RESTING_SECONDS = 600  # what a vendor's limits put off for a moment keeps its place in the queue

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


class Claimed(Struct, frozen=True, kw_only=True):
    """A delivery that a lane has taken to send."""

    id: int
    key: str
    contact_id: int
    kind: str
    action: AnyAction
    attempts: int
    decision_key: str | None
    handoff_key: str | None
    created_at: datetime
    status: str

    @property
    def place(self) -> str:
        """The key under which a message has its place in the contact's ledger: its decision's."""
        return self.decision_key or self.key


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


_PLAN = insert(deliveries)
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
    fresh = [_columns(one, now) for one in planned if one.slot is None or one.status != PENDING]
    if fresh:
        conn.execute(_PLAN, fresh)
    slotted = [_columns(one, now) for one in planned if one.slot is not None and one.status == PENDING]
    if slotted:
        statement = database.insert(deliveries)
        # The place in the queue is kept: a contact that changes all the time must not wait for ever
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=[deliveries.c.connection_id, deliveries.c.contact_id, deliveries.c.slot],
                index_where=text("status = 'pending' AND slot IS NOT NULL"),
                set_={"action": statement.excluded.action, "kind": statement.excluded.kind, "updated_at": now},
            ),
            slotted,
        )


def _columns(one: Planned, now: datetime) -> dict[str, Any]:
    return {
        "key": one.key,
        "contact_id": one.contact_id,
        "connection_id": one.connection_id,
        "kind": one.kind,
        "urgency": one.urgency,
        "action": encode(one.action).decode(),
        "status": one.status,
        "reason": one.reason,
        "slot": one.slot,
        "decision_key": one.decision_key,
        "handoff_key": one.handoff_key,
        "not_before": now + timedelta(seconds=one.wait_seconds),
        "created_at": now,
        "updated_at": now,
    }


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


# --- the lane's side


def _due(by: ColumnElement[Any] | None = None) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.status == PENDING, deliveries.c.not_before <= (db_now() if by is None else by)


def _to_look_up() -> ColumnElement[bool]:
    """Lost calls that the vendor can be asked about; those with a reason wait for a person instead."""
    return and_(deliveries.c.status == UNKNOWN, deliveries.c.reason.is_(None), deliveries.c.not_before <= db_now())


def _due_connections() -> Select[int]:
    mine = deliveries.c.connection_id == connections.c.id
    left = exists().where(mine, deliveries.c.status == SENDING) | exists().where(mine, _to_look_up())
    # Asked of each connection, so that a long queue costs no more than a short one
    return select(connections.c.id).where(exists().where(mine, *_due(db_in_param("microseconds"))) | left)


def _ready() -> Select[Any]:
    earlier = deliveries.alias("earlier")
    # A message that was never tried and waits for the morning holds nobody up
    resting = and_(
        earlier.c.kind == kind_of(SendMessage),
        earlier.c.status == PENDING,
        earlier.c.attempts == 0,
        earlier.c.not_before > db_in(RESTING_SECONDS),
    )
    first = ~exists().where(
        earlier.c.contact_id == deliveries.c.contact_id,
        earlier.c.connection_id == deliveries.c.connection_id,
        earlier.c.status.in_(OPEN),
        earlier.c.urgency == deliveries.c.urgency,
        earlier.c.id < deliveries.c.id,
        ~resting,
    )
    mine = deliveries.c.connection_id == bindparam("connection")
    return (
        select(*_CLAIMED)
        .where(mine, *_due(), first)
        .order_by(deliveries.c.urgency, deliveries.c.id)
        .limit(bindparam("rows"))
    )


# Statements of the hot path are built once: building one costs more than running it
_CLAIMED = [deliveries.c[name] for name in Claimed.__struct_fields__]
_DUE_CONNECTIONS = _due_connections()
_IS_DUE = select(deliveries.c.id).where(deliveries.c.connection_id == bindparam("connection"), *_due()).limit(1)
_READY = _ready()
_READY_WITHOUT = _READY.where(deliveries.c.kind.not_in(bindparam("kinds", expanding=True)))
_AS_NOW = (
    select(*_CLAIMED)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.status == PENDING)
    .order_by(deliveries.c.id)
    .with_for_update()
)
_START = (
    update(deliveries)
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)), deliveries.c.status == PENDING)
    .values(status=SENDING, fence=bindparam("number"), attempts=deliveries.c.attempts + 1, updated_at=db_now())
)


def due_connections(conn: Connection, waited: float = 0.0) -> list[int]:
    """Connections for which something could leave now and has waited so many seconds, or where something is on its way
    that may have been left behind (whoever takes the lane finds out)."""
    return list(conn.execute(_DUE_CONNECTIONS, {"microseconds": int(-waited * 1_000_000)}).scalars())


def is_due(conn: Connection, connection_id: int) -> bool:
    """Whether something could leave now through a connection."""
    return conn.execute(_IS_DUE, {"connection": connection_id}).first() is not None


def ready(conn: Connection, connection_id: int, limit: int, without: Collection[str] = ()) -> list[Claimed]:
    """What could leave now, most urgent first, oldest first; for each contact only the first of an urgency that is
    still open, so that a later write never overtakes an earlier one; messages that rest hold up nobody. Kinds in
    ``without`` are left out."""
    asked = {"connection": connection_id, "rows": limit}
    rows = conn.execute(_READY_WITHOUT, asked | {"kinds": list(without)}) if without else conn.execute(_READY, asked)
    return [_claimed(row) for row in rows]


def as_now(conn: Connection, found: Sequence[Claimed]) -> list[Claimed]:
    """Those of these that still wait, as they are now: locked, so that they stay so until the claim is committed."""
    return [_claimed(row) for row in conn.execute(_AS_NOW, {"ids": [one.id for one in found]})]


def _claimed(row: Any) -> Claimed:
    values = dict(zip(Claimed.__struct_fields__, row, strict=True))
    values["action"] = decode(values["action"])
    return Claimed(**values)


def start(conn: Connection, taken: Sequence[Claimed], fence: int) -> None:
    """Mark deliveries as on their way, under the number of the lane's lease."""
    if taken:
        conn.execute(_START, {"ids": [one.id for one in taken], "number": fence})


def put_off(conn: Connection, ids: Collection[int], seconds: float) -> None:
    """Let deliveries that are due wait for so long."""
    conn.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.status == PENDING)
        .values(not_before=db_in(seconds), updated_at=db_now())
    )


def rewrite(conn: Connection, actions: Mapping[int, AnyAction]) -> None:
    """Keep the final form of actions that were completed when they were claimed (a task's text, its owner)."""
    for delivery_id, action in actions.items():
        conn.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(action=encode(action).decode()))


class End(Struct, frozen=True, kw_only=True):
    """How a call left a delivery: at its end, or to wait so many seconds for the next try."""

    id: int
    status: str
    reason: str | None = None
    result: str | None = None
    wait_seconds: float | None = None


_STILL_OURS = (
    select(deliveries.c.id)
    .where(
        deliveries.c.id.in_(bindparam("ids", expanding=True)),
        deliveries.c.fence == bindparam("number"),
        deliveries.c.status == SENDING,
    )
    .order_by(deliveries.c.id)
    .with_for_update()
)
_CLOSE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("b_id"))
    .values(
        status=bindparam("b_status"), reason=bindparam("b_reason"), result=bindparam("b_result"), updated_at=db_now()
    )
)


def still_ours(conn: Connection, ids: Sequence[int], fence: int) -> set[int]:
    """Which of these are on their way under the number of this lane's lease, and stay so until the transaction ends."""
    return set(conn.execute(_STILL_OURS, {"ids": ids, "number": fence}).scalars()) if ids else set()


def close(conn: Connection, ends: Sequence[End]) -> None:
    """Record how deliveries ended or that they wait again."""
    closed = [
        {"b_id": end.id, "b_status": end.status, "b_reason": end.reason, "b_result": end.result}
        for end in ends
        if end.wait_seconds is None
    ]
    if closed:
        conn.execute(_CLOSE, closed)
    for end in ends:
        if end.wait_seconds is not None:
            wait = db_in(end.wait_seconds)
            finish(conn, end.id, None, status=end.status, reason=end.reason, not_before=wait)


def finish(conn: Connection, delivery_id: int, fence: int | None, **values: Any) -> bool:
    """Record how a delivery ended or that it waits again; False when this lane's lease was over.

    It cannot wait again where a newer one has taken its slot meanwhile: that one says all that this one would.
    """
    condition = [deliveries.c.id == delivery_id]
    if fence is not None:
        condition += [deliveries.c.fence == fence, deliveries.c.status == SENDING]
    change = update(deliveries).where(*condition)
    if values.get("status") == PENDING:
        try:
            with conn.begin_nested():
                return conn.execute(change.values(**values, updated_at=db_now())).rowcount == 1
        except IntegrityError:
            values = {"status": WITHHELD, "reason": REPLACED}
    return conn.execute(change.values(**values, updated_at=db_now())).rowcount == 1


def orphans(conn: Connection, connection_id: int, fence: int) -> list[Claimed]:
    """What an earlier holder of the lane was sending when it died: nobody knows whether it arrived."""
    query = select(*_CLAIMED).where(
        deliveries.c.connection_id == connection_id,
        or_(and_(deliveries.c.status == SENDING, deliveries.c.fence != fence), _to_look_up()),
    )
    return [_claimed(row) for row in conn.execute(query.order_by(deliveries.c.id).limit(500))]


def retry(conn: Connection, ids: Collection[int], now: datetime) -> int:
    """Have dead or unknown deliveries tried again because a person says so; how many there were. Of those that belong
    in one slot the newest is tried."""
    again = update(deliveries).where(deliveries.c.status.in_((DEAD, UNKNOWN)))
    pending = {"status": PENDING, "attempts": 0, "not_before": now, "fence": None}
    count = 0
    for delivery_id in sorted(ids, reverse=True):
        change = again.where(deliveries.c.id == delivery_id)
        try:
            with conn.begin_nested():
                count += conn.execute(change.values(**pending, reason=None, updated_at=now)).rowcount
        except IntegrityError:
            count += conn.execute(change.values(status=WITHHELD, reason=REPLACED, updated_at=now)).rowcount
    return count


def backlog(conn: Connection) -> dict[int, tuple[int, datetime | None]]:
    """connection → how many deliveries wait, and since when the first of them."""
    query = (
        select(deliveries.c.connection_id, func.count(), func.min(deliveries.c.not_before))
        .where(deliveries.c.status == PENDING)
        .group_by(deliveries.c.connection_id)
    )
    return {connection_id: (count, since) for connection_id, count, since in conn.execute(query)}
