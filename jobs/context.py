"""What a job finds in its process: the runtime, and how to wake others. Set once when a worker starts."""

import threading
from collections.abc import Callable

from app.runtime import Runtime
from jobs.queue import INGEST


class JobContext:
    """The runtime of this worker, and its line to the queues."""

    def __init__(
        self,
        runtime: Runtime,
        wake: Callable[..., None] = lambda *queues: None,
        took: Callable[[str], None] = lambda queue: None,
    ) -> None:
        self.runtime, self.wake, self.took = runtime, wake, took

    def woken(self, queue: str = INGEST) -> None:
        """A wake-up was taken: from now on the next one is let through."""
        self.took(queue)


stopping = threading.Event()  # set when this process was asked to stop: begin nothing new
_current: JobContext | None = None


def enter(context: JobContext) -> None:
    """Set what this process's jobs find."""
    global _current  # RQ gives jobs no other way to find it
    _current = context


def current() -> JobContext:
    """What this process's jobs find. Raises RuntimeError outside a worker."""
    if _current is None:
        raise RuntimeError("this is not a worker: start one with `baton worker`")
    return _current
