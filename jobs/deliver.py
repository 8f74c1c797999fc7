"""The deliver job: a lane for each connection that has something due, all at once. A lane has one holder."""

import threading
import time
from collections.abc import Callable, Collection

import structlog

from app.runtime import Runtime
from app.store import breakers, claims, lanes, notes
from jobs import watch
from jobs.context import current, stopping
from jobs.lane import Lane
from jobs.queue import DELIVER, INGEST

log = structlog.get_logger("baton.deliver")

DRAIN_SECONDS = 20.0
LOOK_SECONDS = 0.05
# A lane that is opened anew because of a wake-up through RQ costs some fifteen milliseconds of processor time, and more
# by the clock: about as much as a second of looking whether more comes
LINGER_SECONDS = 1.0


def deliver() -> None:
    """Send what is due, for at most twenty seconds; a wake-up may come as often as it likes."""
    context = current()
    context.woken(DELIVER)
    if not drain(context.runtime, DRAIN_SECONDS, context.wake, LINGER_SECONDS):
        context.wake(DELIVER)  # the time is up, not the work


def drain(
    runtime: Runtime, seconds: float, wake: Callable[..., None] = lambda *queues: None, linger: float = 0.0
) -> bool:
    """Send what is due on every connection, and what comes due there within ``linger`` seconds of the last; whether
    nothing was left when the time was up."""
    with watch.limited():
        return _drain(runtime, seconds, wake, linger)


def _drain(runtime: Runtime, seconds: float, wake: Callable[..., None], linger: float) -> bool:
    until = time.monotonic() + seconds
    running: dict[int, threading.Thread] = {}
    closed = threading.Event()
    resting: set[int] = set()  # nothing could leave there, though something is due
    while True:
        running = {connection_id: thread for connection_id, thread in running.items() if thread.is_alive()}
        over = time.monotonic() >= until or stopping.is_set()
        due = [] if over else _due(runtime, {*running, *resting})
        started = False
        for connection_id in due:
            thread = _open_lane(runtime, connection_id, until, linger, wake, resting, closed)
            if thread is not None:
                running[connection_id], started = thread, True
        if not running and not started:
            return not over or not _due(runtime)
        closed.wait(LOOK_SECONDS)
        closed.clear()


def _due(runtime: Runtime, without: Collection[int] = ()) -> list[int]:
    """Connections for which something could leave now, ``without`` these."""
    known = {number: one for number, one in runtime.connections().items() if one.sends and number not in without}
    if not known:
        return []
    with runtime.database.read() as conn:
        found = claims.due_connections(conn)
        if not found:
            return []
        marks = notes.read_marks(conn)
    if notes.PAUSED in marks:
        return []
    now = runtime.clock()
    return [
        one
        for one in found
        if one in known and not breakers.resting(marks, one, now) and runtime.client(known[one]) is not None
    ]


def _open_lane(
    runtime: Runtime,
    connection_id: int,
    until: float,
    linger: float,
    wake: Callable[..., None],
    resting: set[int],
    closed: threading.Event,
) -> threading.Thread | None:
    connection = runtime.connections()[connection_id]
    lease = lanes.take(runtime.database, f"deliver:{connection_id}", lanes.me())
    if lease is None:
        return None

    def work() -> None:
        try:
            if not Lane(runtime, connection, lease, lambda: wake(INGEST)).run(until, linger):
                resting.add(connection_id)
        except Exception:
            log.exception("lane_failed", connection=connection.name)
        finally:
            lanes.give_back(runtime.database, lease)
            closed.set()

    thread = threading.Thread(target=work, name=f"lane-{connection.name}", daemon=True)
    thread.start()
    return thread
