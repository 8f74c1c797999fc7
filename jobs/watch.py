"""Ends a worker that hangs, so that its supervisor starts it anew; what it was at has counted as an attempt already.

RQ's time-out is not enough: it is a signal, which reaches only the main thread, and that only while it runs Python. The
ticker is another thread, and where Redis is away it does all the work.
"""

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger("baton.worker")

LIMIT_SECONDS = 180.0  # for one batch, or one round of sending; RQ gives a job as long
LOOK_SECONDS = 5.0
GRACE_SECONDS = 40.0  # for the other threads to finish their calls
FROZEN_SECONDS = 120.0  # no thread came to run in all this time: C code that lets nobody else run

_begun: dict[object, float] = {}


@contextmanager
def limited() -> Iterator[None]:
    """Work that must not take longer than the limit, in a process that is watched."""
    ticket = object()
    _begun[ticket] = time.monotonic()
    try:
        yield
    finally:
        del _begun[ticket]


def start() -> None:
    """Watch this process from now on."""
    threading.Thread(target=_watch, name="watch", daemon=True).start()


def _watch() -> None:
    while all(time.monotonic() - begun < LIMIT_SECONDS for begun in list(_begun.values())):
        # Needs no Python to run: it prints where each thread is, and ends the process
        faulthandler.dump_traceback_later(FROZEN_SECONDS, exit=True)
        time.sleep(LOOK_SECONDS)
    log.error("hangs", seconds=LIMIT_SECONDS, pid=os.getpid())
    faulthandler.dump_traceback_later(GRACE_SECONDS, exit=True)
    os.kill(os.getpid(), signal.SIGTERM)
