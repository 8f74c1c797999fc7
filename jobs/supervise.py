"""``baton run``: starts the parts, restarts what dies, stops everything cleanly."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger("baton.run")

STOP_SECONDS = 25.0
FIRST_PAUSE, MAX_PAUSE = 0.5, 15.0
STEADY_SECONDS = 30.0


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM should the supervisor die without having stopped its parts. Runs between fork and
    exec: nothing but the one call."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Part:
    """One child process that is to be there as long as Baton runs."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.name, self.command, self.env = name, list(command), dict(env)
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.pause = FIRST_PAUSE
        self.due = 0.0

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
            self.process = subprocess.Popen(  # noqa: S603
                self.command, env={**os.environ, **self.env}, start_new_session=True, preexec_fn=_end_with_parent
            )
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


def baton(*arguments: str) -> list[str]:
    """The command line of another baton command, in this very environment."""
    return [sys.executable, "-m", "app.cli", *arguments]


def web_command(host: str, port: int, workers: int, threads: int) -> list[str]:
    """The command line of the web server."""
    granian = Path(sys.executable).parent / "granian"
    return [
        str(granian),
        "--interface", "wsgi",
        "--host", host,
        "--port", str(port),
        "--workers", str(workers),
        "--blocking-threads", str(threads),
        "--backlog", "1024",
        "--no-ws",
        "--respawn-failed-workers",
        "--workers-kill-timeout", "10",
        "--log-level", "error",  # below that it only remarks on the number of threads
        "--working-dir", str(Path(__file__).resolve().parents[1]),
        "wsgi:app",
    ]  # fmt: skip
