"""``baton run``: starts the parts, restarts what dies, stops everything cleanly."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

import structlog
from setproctitle import setproctitle

log = structlog.get_logger("baton.run")

STOP_SECONDS = 25.0
FIRST_PAUSE, MAX_PAUSE = 0.5, 15.0
STEADY_SECONDS = 30.0

# A fork shares what this process has imported: a part is there at once, and its memory is hardly its own. Where
# system libraries do not survive a fork (macOS) parts start from nothing
STARTING = multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context("spawn")

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel send SIGTERM should whoever started this process die without having stopped it. Runs between fork
    and exec: nothing but the one call."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child(Protocol):
    """A process that was started; ``subprocess.Popen`` is one."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def terminate(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class _Fork:
    """A process of our own code."""

    def __init__(self, title: str, env: Mapping[str, str], work: Callable[[], None]) -> None:
        self._process = STARTING.Process(target=_begin, args=(title, env, work))
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code


def _begin(title: str, env: Mapping[str, str], work: Callable[[], None]) -> None:
    """What a part does first: nothing of the supervisor's is left to it but what was imported."""
    os.setsid()
    end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    setproctitle(title)
    os.environ.update(env)
    work()


class Part:
    """One child process that is to be there as long as Baton runs."""

    def __init__(self, name: str, start: Callable[[], Child]) -> None:
        self.name, self._start = name, start
        self.process: Child | None = None
        self.started_at = 0.0
        self.pause = FIRST_PAUSE
        self.due = 0.0

    @classmethod
    def program(cls, name: str, command: Sequence[str]) -> "Part":
        """A part that is another program."""
        return cls(name, partial(subprocess.Popen, list(command), start_new_session=True, preexec_fn=end_with_parent))

    @classmethod
    def forked(cls, name: str, title: str, env: Mapping[str, str], work: Callable[[], None]) -> "Part":
        """A part that is our own code, with this title among the machine's processes."""
        return cls(name, partial(_Fork, title, dict(env), work))

    def keep(self) -> None:
        """Start it if it does not run; after a death with a pause that grows while it keeps dying."""
        now = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                if now - self.started_at > STEADY_SECONDS:
                    self.pause = FIRST_PAUSE
                return
            log.warning("died", part=self.name, code=code, restart_in=self.pause)
            self._end_group()  # a server that was killed leaves its workers behind
            self.process, self.due = None, now + self.pause
            self.pause = min(MAX_PAUSE, self.pause * 2)
        if now >= self.due:
            self.process = self._start()
            self.started_at = now

    def _end_group(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self, until: float) -> None:
        """Wait for it, and end it should it not have ended by then."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("killed", part=self.name)
            self._end_group()
            self.process.wait()


def supervise(parts: Sequence[Part], ready: Callable[[], None] = lambda: None) -> None:
    """Keep the parts running until SIGTERM or SIGINT. The first part is stopped last: the others need it."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for part in parts:
        part.keep()
    ready()
    while not stopping:
        for part in parts:
            part.keep()
        time.sleep(0.2)
    log.info("stopping")
    until = time.monotonic() + STOP_SECONDS
    for part in parts[1:]:
        part.ask_to_stop()
    for part in parts[1:]:
        part.stop(until)
    for part in parts[:1]:
        part.ask_to_stop()
        part.stop(until + 3)
