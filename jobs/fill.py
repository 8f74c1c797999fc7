"""Newly published segments get their members: contacts are looked at once, in the background, while nothing else waits.

Whom it moves gets an event of Baton's own, so that entering has its time and reason in the log like everything else.
Nothing is sent because of it: that a segment was published is nothing that a person did.
"""

import time
from datetime import datetime

from sqlalchemy import Connection

from app.contacts.event import Event, EventType, Identity
from app.rules.score import ScoringRules
from app.rules.segments import FILL, Segments, is_moved
from app.runtime import Runtime
from app.store import inbox, notes, people
from app.store.people import Stored

MARK = "segments filled"  # its value: the version, and up to which contact; without a contact all were looked at
AT_ONCE = 500
FILL_SECONDS = 1.0


def fill(runtime: Runtime) -> int:
    """Look at some of the contacts that the segments now in force have not been asked about; how many were moved."""
    policies = runtime.rulebook().policies
    over, moved = time.monotonic() + FILL_SECONDS, 0
    while True:
        more, some = _fill_some(runtime, policies.segments, policies.scoring.read)
        moved += some
        if not more or time.monotonic() >= over:
            return moved


def is_filled(conn: Connection, version: str, now: datetime) -> bool:
    """Whether all contacts were looked at for this version of the segments."""
    found, _, last = notes.read_marks(conn).get(MARK, ("", now))[0].partition("|")
    return found == version and not last


def _fill_some(runtime: Runtime, segments: Segments, scoring: ScoringRules) -> tuple[bool, int]:
    """Whether there may be more, and how many were moved."""
    now = runtime.clock()
    with runtime.database.read() as conn:
        version, _, last = notes.read_marks(conn).get(MARK, ("", now))[0].partition("|")
        if version == segments.version and not last:
            return False, 0
        found = people.after(conn, int(last) if version == segments.version else 0, AT_ONCE)
    asked = [one for one in found if one.state.segmented != segments.version]
    moved = [_event(one, segments.version, now) for one in asked if is_moved(one.state, now, segments, scoring)]
    upto = str(found[-1].id) if len(found) == AT_ONCE else ""
    with runtime.database.write() as conn:
        if moved:
            inbox.note(conn, moved, now)
        notes.mark(conn, runtime.database, MARK, f"{segments.version}|{upto}", now)
    return bool(upto), len(moved)


def _event(one: Stored, version: str, now: datetime) -> Event:
    return Event(
        type=EventType.TIMER_DUE,
        occurred_at=now,
        source_key=f"fill|{one.id}|{version}",
        identities=(Identity("contact", str(one.id)),),
        properties={"timer": FILL},
    )
