"""Work that is behind everything else has a process of its own: it takes the CPU that nobody else wants.

Where its rows say that something waits and nobody works on it, a worker starts the process; it ends once nothing does.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from setproctitle import setproctitle

from app.runtime import Runtime
from app.settings import Settings
from app.store import lanes
from app.store.engine import Database
from jobs.supervise import end_with_parent

NICE = 15
START_SECONDS = 5.0  # until a process has begun to work: another worker starts none meanwhile
COMMAND = (sys.executable, "-m", "app.cli", "worker", "--queue")

Work = Callable[[Runtime, str, threading.Event], int]

_started: dict[str, subprocess.Popen[bytes]] = {}


def start(database: Database, queue: str) -> None:
    """Start the process that works on this, unless it runs or another worker has just started it."""
    running = _started.get(queue)
    if running is not None and running.poll() is None:
        return
    if lanes.take(database, f"start of {queue}", lanes.me(), START_SECONDS) is not None:
        _started[queue] = subprocess.Popen((*COMMAND, queue), stdin=subprocess.DEVNULL)  # noqa: S603  ours


def run(settings: Settings, title: str, work: Work) -> None:
    """Do such work in this process, behind all others, until nothing waits. ``work`` is given who works on it, and what
    is set when it is asked to stop."""
    end_with_parent()
    os.nice(NICE)
    setproctitle(f"baton: {title}")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    gc.freeze()
    gc.set_threshold(50_000, 25, 25)  # as in jobs/worker.py
    runtime = Runtime(settings, pool_size=2)
    try:
        work(runtime, lanes.me(), stopping)
    finally:
        runtime.close()
