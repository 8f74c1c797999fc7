"""A real Baton: ``baton run`` in a process group of its own, with its database and home in a folder of the test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from tests.servers import free_port
from tests.stopwatch import Stopwatch, TooSlow

BATON = Path(sys.executable).parent / "baton"


def until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """What holds within this time. Fails with what was waited for."""
    watch = Stopwatch()
    while watch.seconds < seconds:
        try:
            if held := holds():
                return held
        except (OSError, requests.RequestException):
            pass
        time.sleep(0.05)
    raise TooSlow(f"after {seconds:g} s there was still no {what}")


class Hub:
    """Starts, talks to, hurts and stops one Baton."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Nothing of the developer's own settings, but where Python finds things
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        self.env = {
            **kept, "BATON_HOME": str(home), "BATON_PORT": str(self.port), "BATON_PUBLIC_URL": self.url,
            "PYTHONUNBUFFERED": "1", **env,
        }  # fmt: skip
        self.log = home / "output.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "Hub":
        """``baton run``, answering."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            command = [str(BATON), "run", *arguments]
            self.process = subprocess.Popen(command, env=self.env, stdout=output, stderr=output, start_new_session=True)
        until(lambda: requests.get(f"{self.url}/readyz", timeout=2).status_code == 200, 30, "answer from /readyz")
        return self

    def stop(self) -> None:
        """Ask it to stop, as systemd or Ctrl-C would: it does within 30 s."""
        assert self.process is not None
        watch = Stopwatch()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0, self.said()
        self.process = None
        watch.within(30)

    def end(self) -> None:
        """Leave nothing behind, however the test went."""
        if self.process is not None:
            left = descendants(self.process.pid)
            self.process.kill()
            self.process.wait(20)
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process = None

    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    def command(self, *arguments: str) -> str:
        """What another ``baton`` command prints, beside the one that runs."""
        done = subprocess.run([str(BATON), *arguments], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def api(self, path: str, **query: str) -> Any:
        """The answer of the API."""
        if not hasattr(self, "_token"):
            self._token = self.command("token", "create", "test").split()[-1]
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = requests.get(f"{self.url}/api/v1{path}", params=query, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def children(self, line: str) -> list[int]:
        """The processes that this Baton started whose command line holds a text."""
        assert self.process is not None
        return sorted(one for one, parent, said in _processes() if parent == self.process.pid and line in said)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Every process: its id, its parent's, and its command line."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            yield int(folder.name), parent, line


def descendants(pid: int) -> list[int]:
    """The processes that one has started, and those that they have."""
    below = [one for one, parent, _ in _processes() if parent == pid]
    return [*below, *(one for child in below for one in descendants(child))]
