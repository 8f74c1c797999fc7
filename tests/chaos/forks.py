"""The test's end of the line to a zygote: workers started, frozen and killed within milliseconds."""

import json
import os
import signal
import subprocess
import sys
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


class Forks:
    """Forks children that play roles of tests/chaos/roles.py, with the code that is at ``root``."""

    def __init__(self, folder: Path, env: dict[str, str], root: Path = ROOT) -> None:
        self.env, self.log = env, folder / "workers.log"
        self.alive: set[int] = set()
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            cwd=root, env={**kept, "PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, role: str, patch: dict[str, Any] | None = None, **how: Any) -> int:
        """Start a child; its process id."""
        order = {
            "role": role, "env": self.env, "patch": SHORT if patch is None else patch, "log": str(self.log), "how": how,
        }  # fmt: skip
        pid = int(self._ask(fork=order))
        self.alive.add(pid)
        return pid

    def wait(self, pid: int, seconds: float = 30.0) -> int | None:
        """How a child ended: exit code or minus the signal; None when it still runs."""
        ended = self._ask(wait={"pid": pid, "seconds": seconds})
        if ended is not None:
            self.alive.discard(pid)
        return None if ended is None else int(ended)

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a child a signal and wait for its end."""
        os.kill(pid, how)
        return self.wait(pid)

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in list(self.alive):
            os.kill(pid, signal.SIGKILL)  # also one that is stopped
            self.wait(pid)
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait(10)

    def said(self) -> str:
        """What the children have printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _ask(self, **order: Any) -> Any:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(order) + "\n")
        self._zygote.stdin.flush()
        line = self._zygote.stdout.readline()
        if not line:
            raise RuntimeError("the zygote has died")
        return json.loads(line)
