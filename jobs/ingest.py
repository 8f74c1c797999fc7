"""The ingest job: drain the inbox, many rows to a transaction. May run twice; what was done is left alone."""

import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from rq.timeouts import BaseTimeoutException
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from app.runtime import Runtime
from app.store import inbox
from app.store.engine import Collision, Conflict, in_words, is_unavailable
from jobs import watch
from jobs.context import current, stopping
from jobs.queue import DELIVER, INGEST
from jobs.reading import Reading, read_rows, wait_until
from jobs.settle import settle

log = structlog.get_logger("baton.ingest")

DRAIN_SECONDS = 20.0
# A wake-up through RQ takes some ten milliseconds of processor time, and longer by the clock: staying costs less
LINGER_SECONDS, POLL_SECONDS = 0.25, 0.005
WANTED_EVENTS = 2_000  # per transaction: enough to make its cost small, few enough to keep it short
MAX_ROWS = 500
TRIES = 8
STUMBLES = 3
_RETRYABLE = frozenset(("40001", "40P01", "55P03"))  # PostgreSQL: serialisation, deadlock, lock not available


def ingest() -> None:
    """Work off what has arrived, for at most twenty seconds; a wake-up may come as often as it likes."""
    context = current()
    context.woken(INGEST)
    drain(context.runtime, DRAIN_SECONDS, context.wake, LINGER_SECONDS)


def _is_some(runtime: Runtime, until: float, linger: float) -> bool:
    """Whether there is something to take in, or arrives within so many seconds. Looked at before it is claimed: to
    claim is to write, which on SQLite keeps all others from it."""
    patient = min(until, time.monotonic() + linger)
    while not stopping.is_set() and time.monotonic() < until:
        with runtime.database.read() as conn:
            if inbox.oldest_ready(conn) is not None:
                return True
        if time.monotonic() >= patient:
            break
        time.sleep(POLL_SECONDS)
    return False


def drain(
    runtime: Runtime, seconds: float, wake: Callable[..., None] = lambda *queues: None, linger: float = 0.0
) -> int:
    """Work off the inbox until it has been empty for ``linger`` seconds or the time is up; how many events were new."""
    until, rows, most, total = time.monotonic() + seconds, 50, MAX_ROWS, 0
    while _is_some(runtime, until, linger):
        claim, claimed = inbox.claim(runtime.database, rows)
        if not claimed:  # another worker was first, or what would have been was parked
            time.sleep(POLL_SECONDS)
            continue
        try:
            with watch.limited():
                events, new = run(runtime, claim, claimed)
        except inbox.ClaimLost:
            log.warning("claim_lost", rows=len(claimed))
            rows = most = max(1, len(claimed) // 2)  # it took too long, and would again
            continue
        total += new
        if new:
            wake(DELIVER)
        # As many rows as hold about the wanted number of events, going by the last batch
        rows = max(1, min(most, WANTED_EVENTS * len(claimed) // max(1, events), rows * 4))
    return total


def run(runtime: Runtime, claim: int, rows: list[inbox.InboxRow]) -> tuple[int, int]:
    """Bring claimed rows to their end; how many events they held and how many of them were new. Raises ClaimLost.

    Rows over which we stumble are parted from the others by halving.
    """
    try:
        return _bring_in(runtime, claim, rows)
    except Exception as error:
        if is_unavailable(error) or isinstance(error, BaseTimeoutException | inbox.ClaimLost):
            raise
        if len(rows) == 1:
            _stumble(runtime, claim, rows[0], error)
            return 0, 0
    half = len(rows) // 2
    first, second = run(runtime, claim, rows[:half]), run(runtime, claim, rows[half:])
    return first[0] + second[0], first[1] + second[1]


def _stumble(runtime: Runtime, claim: int, row: inbox.InboxRow, error: Exception) -> None:
    """Our bug, or a value that the database cannot hold: try a few times, then let its events go on one by one, and
    park what is still stumbled over to be mended and replayed."""
    name = type(error).__name__
    log.error("stumbled", inbox=row.id, attempt=row.attempts, error=name, exc_info=error)
    reading = _parts(runtime, row) if row.attempts >= STUMBLES else None
    with suppress(Conflict), runtime.database.write() as conn:  # it took so long that another worker has it by now
        if row.attempts < STUMBLES:
            inbox.retry(conn, claim, row.id, 2.0**row.attempts, f"Baton stumbled over this request ({name})")
        elif reading is None:
            reason = f"Baton stumbled over this request {row.attempts} times ({name}); please report it"
            inbox.settle(conn, claim, [inbox.Settled(row.id, parked=reason)])
        else:
            for item in reading.bad:
                inbox.park_item(conn, row, item.body, item.reason)
            inbox.part(conn, claim, row, reading.events)


def _parts(runtime: Runtime, row: inbox.InboxRow) -> Reading | None:
    """The row as it is read, where it holds several events; else None."""
    try:
        (reading,) = read_rows(runtime, [row])
    except Exception:  # then the reading itself is what we stumble over
        return None
    return None if reading.parked or reading.wait or len(reading.events) < 2 else reading


def _bring_in(runtime: Runtime, claim: int, rows: list[inbox.InboxRow]) -> tuple[int, int]:
    readings = read_rows(runtime, rows)
    ready = _set_aside(runtime, claim, readings)
    if not ready:
        return 0, 0
    try:
        for attempt in tries():
            if attempt.retry_state.attempt_number > 1:
                # Folding changes events and contacts: start from what was stored
                ready = [one for one in read_rows(runtime, [reading.row for reading in ready]) if not one.wait]
            with attempt:
                new = settle(runtime, claim, ready)
        return sum(len(reading.events) for reading in ready), new
    except RetryError as error:
        if isinstance(last := error.last_attempt.exception(), Collision):
            raise last from None  # for ever, it seems: whatever it is must not keep the others
        with runtime.database.write() as conn:
            inbox.release(conn, claim, [reading.row.id for reading in ready])
        return 0, 0


def tries() -> Retrying:
    """A few tries where another worker was first with a contact, a little apart and never in step with it."""
    return Retrying(
        retry=retry_if_exception(_met_another),
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=0.004, max=0.5),
        before_sleep=_note_met,
    )


def _met_another(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlstate", None) in _RETRYABLE
    return isinstance(error, Conflict) and not isinstance(error, inbox.ClaimLost)


def _note_met(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    reason = in_words(error) if isinstance(error, DBAPIError) else str(error)
    log.info("again", reason=reason[:200], attempt=state.attempt_number)


def _set_aside(runtime: Runtime, claim: int, readings: list[Reading]) -> list[Reading]:
    """Let rows wait whose vendor cannot be read now; the others go on."""
    now, ready = runtime.clock(), []
    for reading in readings:
        until = wait_until(reading, now) if reading.wait else None
        if until is None:
            ready.append(reading)
        else:
            with runtime.database.write() as conn:
                inbox.postpone(conn, claim, [reading.row.id], until, reading.wait)
    return ready
