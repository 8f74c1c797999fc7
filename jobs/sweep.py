"""The ticker: looks every few seconds at what is due, by its state, and works without Redis.

Wake-ups can be lost (a flushed Redis, a killed worker); what is in the database cannot. So every worker looks for
itself, wakes whoever is needed, and where nobody comes does the work on the spot.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection as Conn

from app.contacts.event import Event, EventType, Identity
from app.runtime import Runtime
from app.store import calls, claims, counted, echoes, imports, inbox, lanes, notes, polls, rehearsals, timers
from app.store.engine import Database
from jobs import (
    deliver,
    fill,
    forgetting,
    importing,
    ingest,
    noticing,
    poll,
    rehearse,
    reread,
    rescore,
    restored,
    schemas,
)
from jobs.queue import DELIVER, INGEST
from jobs.resume import wake_parked

log = structlog.get_logger("baton.sweep")

TICK_SECONDS = 5.0
OVERDUE = timedelta(seconds=4)  # what has waited this long was not woken for
TIDY_EVERY = timedelta(hours=1)
REFUSALS_KEPT = timedelta(hours=72)
CALLS_KEPT = timedelta(days=30)
FILES_KEPT = timedelta(days=7)  # to import, which nobody did
REHEARSALS_KEPT = timedelta(days=14)
HEAD_START_SECONDS = 0.5
RINGS_AT_ONCE = 500  # timers in one transaction; others wait that long for the write lock
RING_SECONDS = TICK_SECONDS  # what is still due after this long rings with the next tick
LANE = "sweep"
TIDIED = "tidied"


class Ticker:
    """Sweeps until it is stopped; a thread of each worker."""

    def __init__(self, runtime: Runtime, wake: Callable[..., None], holder: str) -> None:
        self._runtime, self._wake, self._holder = runtime, wake, holder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current tick."""
        self._stop.set()
        self._thread.join(timeout=25)

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                tick(self._runtime, self._wake, self._holder)
            except Exception as error:  # the database is away: the next tick will tell
                log.error("sweep_failed", error=f"{type(error).__name__}: {str(error)[:200]}")


def tick(runtime: Runtime, wake: Callable[..., None], holder: str) -> None:
    """One look at everything that waits."""
    lease = lanes.take(runtime.database, LANE, holder, TICK_SECONDS * 2)
    if lease is not None:
        try:
            ring(runtime)
            wake_parked(runtime)
            tidy(runtime)
            _fill(runtime)
            forgetting.look(runtime)
            rehearse.look(runtime)
            rescore.look(runtime)
            schemas.look(runtime)
        finally:
            lanes.give_back(runtime.database, lease)
    restored.look(runtime)
    poll.look(runtime, wake)
    importing.look(runtime, wake)
    noticing.write_counts(runtime)
    now = runtime.clock()
    with runtime.database.read() as conn:
        oldest = inbox.oldest_ready(conn)
        due = bool(claims.due_connections(conn))
        overdue = due and bool(claims.due_connections(conn, OVERDUE.total_seconds()))
    if oldest is not None:
        wake(INGEST)
        if now - oldest > OVERDUE and _is_left_lying(runtime):
            ingest.drain(runtime, ingest.DRAIN_SECONDS, wake)
    if due:
        wake(DELIVER)
    if overdue:
        time.sleep(HEAD_START_SECONDS)  # whoever was woken takes the lanes; what is left nobody came for
        if not deliver.drain(runtime, TICK_SECONDS, wake):
            wake(DELIVER)


def _fill(runtime: Runtime) -> None:
    """Go on asking contacts about new segments and reading payloads again, unless the inbox is behind."""
    with runtime.database.read() as conn:
        oldest = inbox.oldest_ready(conn)
    if oldest is None or runtime.clock() - oldest < OVERDUE:
        fill.fill(runtime)
        reread.go_on(runtime)


def _is_left_lying(runtime: Runtime) -> bool:
    """Whether nobody works on the inbox. A worker who is behind needs no second one, who would change the same
    contacts and have to begin again."""
    with runtime.database.read() as conn:
        worked_on = inbox.is_worked_on(conn)
    if worked_on:
        return False
    time.sleep(HEAD_START_SECONDS)  # between two batches nothing is claimed either
    with runtime.database.read() as conn:
        return not inbox.is_worked_on(conn)


def ring(runtime: Runtime) -> int:
    """Turn due timers into events, in the inbox like everything else, until none is due or a tick's time is over; how
    many."""
    now, over = runtime.clock(), time.monotonic() + RING_SECONDS
    with runtime.database.write() as conn:
        rung = latest = _ring_some(conn, now)
        _count(conn, runtime.database, now)
    while latest == RINGS_AT_ONCE and time.monotonic() < over:
        with runtime.database.write() as conn:
            latest = _ring_some(conn, now)
        rung += latest
    return rung


def _ring_some(conn: Conn, now: datetime) -> int:
    due = timers.take_due(conn, now, RINGS_AT_ONCE)
    if due:
        inbox.note(conn, [_event(timer) for timer in due], now)
    return len(due)


def _count(conn: Conn, database: Database, now: datetime) -> None:
    """Count that the sweep went round, for :mod:`jobs.restored`."""
    count = restored.count_of(notes.read_marks(conn)) + 1
    notes.mark(conn, database, restored.SWEPT, str(count), now)


def _event(timer: timers.Timer) -> Event:
    return Event(
        type=EventType.TIMER_DUE,
        occurred_at=timer.due_at,
        source_key=f"timer|{timer.contact_id}|{timer.key}|{timer.due_at.isoformat()}",
        identities=(Identity("contact", str(timer.contact_id)),),
        properties={"timer": timer.key},
    )


def tidy(runtime: Runtime) -> None:
    """Once an hour: let go of what is kept long enough."""
    now = runtime.clock()
    with runtime.database.read() as conn:
        last = notes.read_marks(conn).get(TIDIED)
    if last is not None and now - last[1] < TIDY_EVERY:
        return
    with runtime.database.write() as conn:
        inbox.forget_before(conn, now - inbox.RETENTION)
        notes.forget_refusals(conn, now - REFUSALS_KEPT)
        calls.forget_calls(conn, now - CALLS_KEPT)
        counted.forget_before(conn, counted.day_of(now - counted.KEPT))
        echoes.forget_before(conn, now - echoes.KEPT)
        rehearsals.forget_before(conn, now - REHEARSALS_KEPT)
        polls.forget_counts(conn, now - polls.KEPT)
        imports.forget_before(conn, now - FILES_KEPT, now - inbox.RETENTION)
        notes.mark(conn, runtime.database, TIDIED, "", now)
