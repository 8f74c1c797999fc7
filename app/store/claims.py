"""The lane's side of deliveries: what could leave now, what is on its way, and how it ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, literal_column, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.contacts.action import AnyAction, SendMessage, kind_of
from app.store.deliveries import OPEN, PENDING, REPLACED, SENDING, UNKNOWN, WITHHELD, decode, encode
from app.store.engine import db_in, db_in_param, db_now
from app.store.tables import connections, deliveries

ORPHANS_AT_ONCE = 500
RESTING_SECONDS = 600  # what a vendor's limits put off for a moment keeps its place in the queue


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
    result: str | None

    @property
    def ticket(self) -> str:
        """What the vendor gave for this action, where it works it off."""
        return str(msgspec.json.decode(self.result).get("ticket", "")) if self.result else ""

    @property
    def place(self) -> str:
        """The key under which a message has its place in the contact's ledger: its decision's."""
        return self.decision_key or self.key


def kept_ticket(ticket: str) -> str:
    """A vendor's ticket as it is kept for the next claim, in a delivery's result."""
    return msgspec.json.encode({"ticket": ticket}).decode()


def _due(by: ColumnElement[Any] | None = None) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.status == PENDING, deliveries.c.not_before <= (db_now() if by is None else by)


def _left_behind(*sending: ColumnElement[bool]) -> ColumnElement[bool]:
    """What is on its way, or such of it, and lost calls that the vendor can be asked about; those with a reason wait
    for a person instead."""
    lost = and_(deliveries.c.status == UNKNOWN, deliveries.c.reason.is_(None), deliveries.c.not_before <= db_now())
    # In the words of the index over these few: without them all that was ever sent is looked through
    few = deliveries.c.status.in_([literal_column(f"'{status}'") for status in (SENDING, UNKNOWN)])
    return and_(few, or_(and_(deliveries.c.status == SENDING, *sending), lost))


def _due_connections() -> Select[int]:
    mine = deliveries.c.connection_id == connections.c.id
    due = exists().where(mine, *_due(db_in_param("microseconds")))
    # Asked of each connection, so that a long queue costs no more than a short one
    return select(connections.c.id).where(due | exists().where(mine, _left_behind()))


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
        # What is in one slot is written in order however urgent: the older would undo the newer
        or_(earlier.c.urgency == deliveries.c.urgency, earlier.c.slot == deliveries.c.slot),
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
_ORPHANS = (
    select(*_CLAIMED)
    .where(
        deliveries.c.connection_id == bindparam("connection"), _left_behind(deliveries.c.fence != bindparam("number"))
    )
    .order_by(deliveries.c.id)
    .limit(ORPHANS_AT_ONCE)
)
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
    if actions:
        final = [{"b_id": delivery_id, "b_action": encode(action).decode()} for delivery_id, action in actions.items()]
        conn.execute(_REWRITE, final)


class End(Struct, frozen=True, kw_only=True):
    """How a call left a delivery: at its end, or to wait so many seconds for the next try."""

    id: int
    status: str
    reason: str | None = None
    result: str | None = None
    wait_seconds: float | None = None


_REWRITE = update(deliveries).where(deliveries.c.id == bindparam("b_id")).values(action=bindparam("b_action"))
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
            finish(conn, end.id, None, status=end.status, reason=end.reason, result=end.result, not_before=wait)


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


def take_over(conn: Connection, delivery_id: int, fence: int) -> None:
    """Let a delivery that an earlier holder of the lane was sending be on its way under this lease's number."""
    change = update(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.status.in_((SENDING, UNKNOWN)))
    conn.execute(change.values(status=SENDING, fence=fence, updated_at=db_now()))


def orphans(conn: Connection, connection_id: int, fence: int) -> list[Claimed]:
    """What an earlier holder of the lane was sending when it died: nobody knows whether it arrived."""
    asked = {"connection": connection_id, "number": fence}
    return [_claimed(row) for row in conn.execute(_ORPHANS, asked)]
