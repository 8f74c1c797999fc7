"""Leases: who may work a lane now. A lease ends by itself, and its number grows each time it changes hands, so that a
worker that was presumed dead cannot write over its successor. All by the database's clock."""

import os
import socket
import threading
import time

from msgspec import Struct
from sqlalchemy import Connection, bindparam, or_, select, update

from app.store.engine import Conflict, Database, db_in_param, db_now
from app.store.tables import lanes

LEASE_SECONDS = 30
RENEW_SECONDS = 5.0


class Lease(Struct, frozen=True):
    """A lane held by this worker under a number. ``asked_at`` is by time.monotonic(), before it was granted."""

    lane: str
    holder: str
    fence: int
    asked_at: float


# Statements of the hot path are built once: building one costs more than running it
_NAMED, _MINE = lanes.c.name == bindparam("lane"), lanes.c.fence == bindparam("number")
_TAKE = (
    update(lanes)
    .where(_NAMED, or_(lanes.c.until.is_(None), lanes.c.until < db_now()))
    .values(holder=bindparam("by"), fence=lanes.c.fence + 1, until=db_in_param("microseconds"))
    .returning(lanes.c.fence)
)
_RENEW = update(lanes).where(_NAMED, _MINE, lanes.c.until >= db_now()).values(until=db_in_param("microseconds"))
_GIVE_BACK = update(lanes).where(_NAMED, _MINE).values(until=None, holder="")
_HELD = select(lanes.c.fence).where(_NAMED, lanes.c.until >= db_now()).with_for_update()


def take(database: Database, lane: str, holder: str, seconds: float = LEASE_SECONDS) -> Lease | None:
    """The lane's lease, or None while somebody else holds it."""
    asked_at = time.monotonic()
    asked = {"lane": lane, "by": holder, "microseconds": int(seconds * 1_000_000)}
    with database.write(lasting=False) as conn:
        row = conn.execute(_TAKE, asked).first()
        if row is None:
            conn.execute(database.insert(lanes).values(name=lane, fence=0).on_conflict_do_nothing())
            row = conn.execute(_TAKE, asked).first()
    return None if row is None else Lease(lane, holder, row.fence, asked_at)


def renew(database: Database, lease: Lease, seconds: float = LEASE_SECONDS) -> bool:
    """Hold the lane for longer; False when it has been lost."""
    with database.write(lasting=False) as conn:
        asked = {"lane": lease.lane, "number": lease.fence, "microseconds": int(seconds * 1_000_000)}
        return conn.execute(_RENEW, asked).rowcount == 1


class Kept:
    """A lease that is renewed while somebody works under it: a write that others wait for, so only now and then."""

    def __init__(self, database: Database, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        self.lease, self._database, self._seconds = lease, database, seconds
        self._renewed = lease.asked_at

    def keep(self) -> None:
        """To be called more often than every few seconds. Raises Conflict where the lease is over."""
        asked = time.monotonic()
        if asked - self._renewed < RENEW_SECONDS:
            return
        if not renew(self._database, self.lease, self._seconds):
            raise Conflict(f"the lease of {self.lease.lane} is over")
        self._renewed = asked


def me() -> str:
    """Who takes leases in this thread, as ``host:process:thread``."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"


def is_free(conn: Connection, lane: str) -> bool:
    """Whether nobody holds a lane."""
    query = select(lanes.c.fence).where(lanes.c.name == lane, lanes.c.until >= db_now())
    return conn.execute(query).first() is None


def hold(conn: Connection, lease: Lease) -> None:
    """Make sure, within a transaction, that the lease still holds. Raises Conflict where it does not."""
    if conn.execute(_HELD, {"lane": lease.lane}).scalar() != lease.fence:
        raise Conflict(f"the lease of {lease.lane} is over")


def give_back(database: Database, lease: Lease) -> None:
    """Let the next worker have the lane at once."""
    with database.write(lasting=False) as conn:
        conn.execute(_GIVE_BACK, {"lane": lease.lane, "number": lease.fence})
