"""How long what came in lately waited until it was decided what follows from it, by the newest requests."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, select

from app.store.tables import inbox

LATELY = timedelta(hours=1)
NEWEST = 1_000
SKEW = timedelta(minutes=1)  # by which the database's clock, which says when a request was done, may be ahead
_LIVE = ("webhook", "form", "track")  # for what is read again or imported nobody waits


class Latency(Struct, frozen=True):
    """Seconds from the arrival of a request to its decisions: of half of them, of 19 in 20, and of the slowest."""

    requests: int
    half: float
    most: float
    slowest: float


def lately(conn: Connection, now: datetime) -> Latency | None:
    """Of what came in within the last hour, the newest so many; None where nothing did."""
    newest = (
        select(inbox.c.kind, inbox.c.received_at, inbox.c.done_at)
        .where(inbox.c.status == "done")
        .order_by(inbox.c.id.desc())
        .limit(NEWEST)
    )
    waited = sorted(
        max(0.0, (row.done_at - row.received_at).total_seconds())
        for row in conn.execute(newest)
        # What is replayed has come long ago; it says nothing about how things go now
        if row.kind in _LIVE and row.received_at >= now - LATELY and row.done_at and row.done_at <= now + SKEW
    )
    return Latency(len(waited), _at(waited, 0.5), _at(waited, 0.95), waited[-1]) if waited else None


def _at(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so many are no larger than."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
