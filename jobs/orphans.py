"""What a dead worker left on its way: looked up, sent again where the vendor takes it once, or left to a person."""

from collections.abc import Sequence
from typing import Any

import structlog

from adapters.contract import Again, Delivery, Push, Recipient
from adapters.outcomes import outcome_of
from app.runtime import Runtime
from app.store import claims, deliveries, lanes, people, shadows
from app.store.claims import Claimed
from app.store.connections import Connection
from app.store.engine import Conflict, db_in
from app.store.lanes import Lease
from jobs.landing import Landing, Work

log = structlog.get_logger("baton.deliver")

LOOK_LATER = 60.0  # seconds after a look that failed


def resolve_orphans(runtime: Runtime, connection: Connection, lease: Lease, landing: Landing) -> bool:
    """Find out what became of calls whose answer nobody has; whether there were any."""
    found = False
    while left := _left(runtime, connection, lease):
        found = True
        try:
            _resolve(runtime, connection, lease, landing, left)
        except Conflict:  # the lease is over: whoever has the lane now does this
            break
        if len(left) < claims.ORPHANS_AT_ONCE:
            break
    return found


def _left(runtime: Runtime, connection: Connection, lease: Lease) -> list[Claimed]:
    with runtime.database.read() as conn:
        return claims.orphans(conn, connection.id, lease.fence)


def _resolve(runtime: Runtime, connection: Connection, lease: Lease, landing: Landing, left: Sequence[Claimed]) -> None:
    ends: list[tuple[Claimed, str, str]] = []
    for one in left:
        push = runtime.adapter(connection).pushes.get(type(one.action))
        if push is None:
            ends.append((one, deliveries.DEAD, "the tool can no longer do this"))
        elif push.again is Again.SAFE:
            ends.append((one, deliveries.PENDING, "sent again: the vendor takes it only once"))
        elif push.again is Again.LOOK and push.find is not None:
            _look_up(runtime, connection, lease, landing, one, push)
        else:
            reason = "the worker died while sending, and nobody can tell whether it was done"
            ends.append((one, deliveries.UNKNOWN, reason))
    if ends:
        with runtime.database.write() as conn:
            lanes.hold(conn, lease)
            for one, status, reason in ends:
                claims.finish(conn, one.id, None, status=status, reason=reason)


def _look_up(
    runtime: Runtime, connection: Connection, lease: Lease, landing: Landing, one: Claimed, push: Push
) -> None:
    assert push.find is not None
    with runtime.database.read() as conn:
        states = {key: stored.state for key, stored in people.load(conn, [one.contact_id]).items()}
        vendor_id = shadows.ids_in(conn, connection.id, states).get(one.contact_id)
    if vendor_id is None:
        reason = "the answer was lost, and the tool cannot be asked: its id for the contact is not known"
        _settle(runtime, lease, one, status=deliveries.UNKNOWN, reason=reason)
        return
    to = Recipient(contact_id=one.contact_id, vendor_id=vendor_id)
    delivery = Delivery(id=one.id, key=one.key, action=one.action, to=to, attempt=one.attempts)
    try:
        found = push.find(runtime.client(connection), delivery)
    except Exception as error:
        try:
            reason = str(outcome_of(error))
        except Exception as refusal:  # credentials or a bug: look again later, never send blindly
            reason = f"{type(refusal).__name__}: {str(refusal)[:200]}"
        log.warning("look_up_failed", connection=connection.name, delivery=one.id, reason=reason)
        _settle(runtime, lease, one, status=deliveries.UNKNOWN, reason=None, not_before=db_in(LOOK_LATER))
        return
    if found is None:
        reason = "looked up: it was not done, so it is tried again"
        _settle(runtime, lease, one, status=deliveries.PENDING, reason=reason)
    else:
        _record(runtime, lease, landing, Work(push, [(one, delivery)], outcomes=[found]))


def _record(runtime: Runtime, lease: Lease, landing: Landing, work: Work) -> None:
    """Write down what was found as if it had just been answered: what follows from it, too."""
    with runtime.database.write() as conn:
        lanes.hold(conn, lease)
        for delivery_id in work.ids:
            claims.take_over(conn, delivery_id, lease.fence)
    landing.record([work])


def _settle(runtime: Runtime, lease: Lease, one: Claimed, **end: Any) -> None:
    with runtime.database.write() as conn:
        lanes.hold(conn, lease)
        claims.finish(conn, one.id, None, **end)
