"""The test's end of the line to a zygote: workers started, frozen and killed within milliseconds."""

import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# Leases and claims of seconds instead of half a minute, so that a test need not wait for them; the long runs do
SHORT = {
    "app.store.lanes.take()": 3,
    "app.store.lanes.renew()": 3,
    "jobs.lane.RENEW_SECONDS": 0.5,
    "jobs.lane.CALL_SECONDS": 2,
    "app.store.inbox.CLAIM_SECONDS": 3,
    "app.rules.route.GATHER_SECONDS": 0.1,
    "jobs.landing.FIRST_DELAY": 0.1,
    "jobs.orphans.LOOK_LATER": 1.0,
}

# Still shorter, for a single story that is told many times
HASTY = {
    **SHORT,
    "app.store.lanes.take()": 2,
    "app.store.lanes.renew()": 2,
    "jobs.lane.RENEW_SECONDS": 0.1,
    "jobs.lane.CALL_SECONDS": 1.5,
    "app.store.inbox.CLAIM_SECONDS": 0.8,
    "app.store.engine.IDLE_MS": 1_000,
    "app.store.engine.TRANSACTION_MS": 2_000,
    "app.rules.route.GATHER_SECONDS": 0.0,
}

# For deaths one after the other, each of which the next one has to wait for
BRIEF = {
    **HASTY,
    "app.store.lanes.take()": 0.5,
    "app.store.lanes.renew()": 0.5,
    "jobs.lane.CALL_SECONDS": 0.4,
    "app.store.inbox.CLAIM_SECONDS": 0.5,
}


class Zygote:
    """A zygote that runs the code at ``root``, until it is ended or this process is."""

    def __init__(self, root: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            cwd=root, env={**kept, "PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, **order: Any) -> Any:
        """What it answers to an order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the zygote has died")
        return json.loads(line)

    def end(self) -> None:
        """Let it end, and with it all that it has forked."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@cache
def shared_zygote() -> Zygote:
    """The zygote of this code. To import Baton takes longer than many a test, and what is imported stays as it is: what
    a test changes, it changes in what was forked for it."""
    return Zygote(ROOT)


class Forks:
    """Forks children that play roles of tests/chaos/roles.py, with the code that is at ``root``."""

    def __init__(self, folder: Path, env: dict[str, str], root: Path = ROOT) -> None:
        self.env, self.log, self.root = env, folder / "workers.log", root
        self.alive: set[int] = set()
        self._own: Zygote | None = None

    @property
    def _zygote(self) -> Zygote:
        """Started when it is first needed; other code than this has one of its own."""
        if self.root == ROOT:
            return shared_zygote()
        self._own = self._own or Zygote(self.root)
        return self._own

    def start(self, role: str, patch: dict[str, Any] | None = None, **how: Any) -> int:
        """Start a child; its process id."""
        order = {
            "role": role, "env": self.env, "patch": SHORT if patch is None else patch, "log": str(self.log), "how": how,
        }  # fmt: skip
        pid = int(self._zygote.ask(fork=order))
        self.alive.add(pid)
        return pid

    def wait(self, pid: int, seconds: float = 30.0) -> int | None:
        """How a child ended: exit code or minus the signal; None when it still runs."""
        ended = self._zygote.ask(wait={"pid": pid, "seconds": seconds})
        if ended is not None:
            self.alive.discard(pid)
        return None if ended is None else int(ended)

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a child a signal and wait for its end."""
        os.kill(pid, how)
        return self.wait(pid)

    def running(self) -> set[int]:
        """Those that nobody has killed and that have not ended by themselves either."""
        return {pid for pid in list(self.alive) if self.wait(pid, 0) is None}

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in list(self.alive):
            os.kill(pid, signal.SIGKILL)  # also one that is stopped
            self.wait(pid)
        if self._own is not None:
            self._own.end()

    def said(self) -> str:
        """What the children have printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""
