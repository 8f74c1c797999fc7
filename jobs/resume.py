"""After a pause: who stands still in a sequence goes on. Looked for by state with every sweep, so that nobody is lost.

A worker that had not heard of the end yet may park somebody just after it; the next sweep finds them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.contacts.event import Event, Identity
from app.contacts.own_events import SEQUENCE_RESUMED
from app.rules.sequences.pauses import EVERY
from app.runtime import Runtime
from app.store import enrolments, inbox, pauses

TOGETHER = 500
AGAIN = timedelta(minutes=1)  # who still stands then is told once more


def wake_parked(runtime: Runtime) -> int:
    """Put word in the inbox for all who may go on; how many."""
    count = 0
    while found := _some(runtime):
        count += found
    return count


def _some(runtime: Runtime) -> int:
    now = runtime.clock()
    with runtime.database.write() as conn:
        paused, ended = pauses.running(conn), pauses.last_ended(conn)
        if EVERY in paused:
            return 0
        rows = enrolments.take_parked(conn, paused.keys(), now, AGAIN, TOGETHER)
        if rows:
            told = [_event(key, contact_id, name, _end(ended, name, now), now) for key, contact_id, name in rows]
            inbox.note(conn, told, now)
    return len(rows)


def _end(ended: Mapping[str, datetime], sequence: str, now: datetime) -> datetime:
    """When a sequence stood still no more: with the end of its own pause, or of one of all, whichever was later."""
    return max((ended[name] for name in (sequence, EVERY) if name in ended), default=now)


def _event(key: str, contact_id: int, sequence: str, at: datetime, now: datetime) -> Event:
    return Event(
        type=SEQUENCE_RESUMED,
        occurred_at=at,
        source_key=f"resumed|{key}|{now.isoformat()}",
        identities=(Identity("contact", str(contact_id)),),
        properties={"sequence": sequence},
    )
