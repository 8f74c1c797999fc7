"""Storing what arrives, before it is answered. Requests that arrive while a commit is under way share the next one."""

import queue
import threading
from collections.abc import Sequence

import structlog

from app.runtime import Runtime
from app.store import inbox
from app.store.engine import is_unavailable
from app.store.inbox import Arrival
from jobs.queue import INGEST, Waker

log = structlog.get_logger("baton.accept")

MAX_TOGETHER = 200
PATIENCE_SECONDS = 10.0


class Unavailable(Exception):
    """It could not be stored; the sender has to try again."""


class _Place:
    """One request's place in a commit."""

    __slots__ = ("arrival", "done", "error")

    def __init__(self, arrival: Arrival) -> None:
        self.arrival, self.done = arrival, threading.Event()
        self.error: Exception | None = None


class Acceptor:
    """Stores arrivals from many threads with one writer; each caller returns after its own row is committed.

    One transaction per request would cost two to three times as much at the same durability.
    """

    def __init__(self, runtime: Runtime, waker: Waker) -> None:
        self._runtime, self._waker = runtime, waker
        self._places: queue.SimpleQueue[_Place] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def store(self, arrival: Arrival) -> None:
        """Return once the arrival is durable. Raises Unavailable where it is not."""
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():  # also after the server forked
                    self._thread = threading.Thread(target=self._run, name="acceptor", daemon=True)
                    self._thread.start()
        place = _Place(arrival)
        self._places.put(place)
        if not place.done.wait(PATIENCE_SECONDS):
            raise Unavailable("the database did not answer in time")
        if place.error is not None:
            raise Unavailable(type(place.error).__name__) from place.error

    def _run(self) -> None:
        while True:
            together = [self._places.get()]
            while len(together) < MAX_TOGETHER and not self._places.empty():
                together.append(self._places.get())
            self._store(together)
            self._waker.wake(INGEST)

    def _store(self, together: Sequence[_Place]) -> None:
        """Commit these, and let their requests go on."""
        try:
            with self._runtime.database.write() as conn:
                inbox.accept(conn, [place.arrival for place in together])
        except Exception as error:
            if len(together) > 1 and not is_unavailable(error):
                for place in together:  # one that cannot be stored must not take the others with it
                    self._store([place])
                return
            log.error("not_stored", requests=len(together), error=f"{type(error).__name__}: {str(error)[:200]}")
            for place in together:
                place.error = error
        for place in together:
            place.done.set()
