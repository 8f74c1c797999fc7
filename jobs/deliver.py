"""The deliver job: a lane for each connection that has something due, all at once. A lane has one holder."""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from queue import Empty, SimpleQueue

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
    running: set[int] = set()
    closed: SimpleQueue[int] = SimpleQueue()  # lanes say themselves that they are: their threads live on for a moment
    resting: set[int] = set()  # nothing could leave there, though something is due
    while True:
        over = time.monotonic() >= until or stopping.is_set()
        for connection_id in [] if over else _due(runtime, running | resting):
            if _open_lane(runtime, connection_id, until, linger, wake, resting, closed):
                running.add(connection_id)
        if not running:
            return not over or not _due(runtime)
        with suppress(Empty):
            running.remove(closed.get(timeout=LOOK_SECONDS))


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
    closed: SimpleQueue[int],
) -> bool:
    """Work a lane in a thread of its own, which says when it is ``closed``; False while another worker holds it."""
    connection = runtime.connections()[connection_id]
    lease = lanes.take(runtime.database, f"deliver:{connection_id}", lanes.me())
    if lease is None:
        return False

    def work() -> None:
        try:
            if not Lane(runtime, connection, lease, lambda: wake(INGEST)).run(until, linger):
                resting.add(connection_id)
        except Exception:
            log.exception("lane_failed", connection=connection.name)
        finally:
            try:
                lanes.give_back(runtime.database, lease)
            finally:
                closed.put(connection_id)

    threading.Thread(target=work, name=f"lane-{connection.name}", daemon=True).start()
    return True
