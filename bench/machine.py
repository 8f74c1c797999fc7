"""The machine: what it is, what a tree of processes costs it, and how much of it other programs used meanwhile.

CPU and memory are read from Linux's /proc; elsewhere they are not measured, and the table says so.
"""

import os
import platform
import resource
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

PROC = Path("/proc")
MEASURES = (PROC / "self/smaps_rollup").exists() and (PROC / "stat").exists()
NOT_MEASURED = "not measured"

_TICK = os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)  # of /proc/stat: user, nice, system, irq, softirq, steal; what is left is waiting

_ROLES = {  # part of the command line or title → what the process does
    "baton: web": "web",
    "worker ingest": "ingest",
    "worker deliver": "deliver",
    "--queue ingest": "ingest",
    "--queue deliver": "deliver",
    "valkey-server": "valkey",
    "postgres:": "postgresql",
    "bin/postgres": "postgresql",
}


def cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(database: str) -> dict[str, str | int]:
    """What the figures were measured on."""
    system = f"{platform.system()} {platform.machine()}"
    return {"cpus": cpus(), "python": platform.python_version(), "system": system, "database": database}


class Noise:
    """How much of the machine other programs use, from when it is made. What this process started is not counted,
    provided that it has ended and was waited for."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def share(self) -> float | None:
        """The share of all CPU time so far, or None where it cannot be measured."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        others = busy - self._busy - (_own_seconds() - self._own)
        whole = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, others / whole))


def _busy_seconds() -> float | None:
    if not MEASURES:
        return None
    ticks = (PROC / "stat").read_text().splitlines()[0].split()[1:]
    return sum(int(ticks[index]) for index in _BUSY) / _TICK


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Process(NamedTuple):
    """One process: whose child it is, what it does, and the CPU seconds it has used."""

    parent: int
    role: str
    cpu: float


class Watch:
    """Looks at a running Baton several times a second: CPU by role, and the most memory it needed at once.

    With ``postgres`` all PostgreSQL servers of this machine are counted too, as a role of their own.
    """

    EVERY_SECONDS = 0.25

    def __init__(self, root: int, postgres: bool = False) -> None:
        self._root, self._postgres = root, postgres
        self._first: dict[int, float] = {}
        self._last: dict[int, Process] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.began = self.ended = time.monotonic()
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        if MEASURES:
            self._first = {pid: one.cpu for pid, one in self._processes().items()}
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if MEASURES:
            self._over.set()
            self._thread.join()
            self._look()
        self.ended = time.monotonic()

    def cpu(self) -> dict[str, float]:
        """Role → CPU seconds since the beginning; empty where it cannot be measured."""
        used: dict[str, float] = {}
        for role, seconds in self._used():
            used[role] = used.get(role, 0.0) + seconds
        return used

    def busiest(self) -> dict[str, float]:
        """Role → the CPU seconds of the one process with this role that used most of them."""
        most: dict[str, float] = {}
        for role, seconds in self._used():
            most[role] = max(most.get(role, 0.0), seconds)
        return most

    def _used(self) -> list[tuple[str, float]]:
        return [(one.role, one.cpu - self._first.get(pid, 0.0)) for pid, one in self._last.items()]

    def _run(self) -> None:
        while not self._over.wait(self.EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        self._last |= self._processes()
        self.peak_mb = max(self.peak_mb, memory_mb(self._root))

    def _processes(self) -> dict[int, Process]:
        found = processes()
        seen = {pid: found[pid] for pid in _tree(found, self._root)}
        if self._postgres:
            seen |= {pid: one for pid, one in found.items() if one.role == "postgresql"}
        return seen


def processes() -> dict[int, Process]:
    """All processes of this machine by their numbers."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended
                continue
            numbers = rest.split()
            cpu = (int(numbers[11]) + int(numbers[12])) / _TICK
            found[int(folder.name)] = Process(int(numbers[1]), _role(f"{name} {command}"), cpu)
    return found


def _role(command: str) -> str:
    """What a process of Baton's does, by its name and command line; empty where that does not say."""
    return next((role for part, role in _ROLES.items() if part in command), "")


def _tree(found: dict[int, Process], root: int) -> list[int]:
    """A process and all its descendants. Who has no role of its own has its parent's; the root is the supervisor."""
    children: dict[int, list[int]] = {}
    for pid, one in found.items():
        children.setdefault(one.parent, []).append(pid)
    tree = []
    waiting = [(root, "supervisor")] if root in found else []
    while waiting:
        pid, inherited = waiting.pop()
        role = found[pid].role or inherited
        found[pid] = found[pid]._replace(role=role)
        tree.append(pid)
        waiting += [(child, role) for child in children.get(pid, ())]
    return tree


def memory_mb(root: int) -> float:
    """The proportional set size of a process and its descendants: memory that several share is counted once."""
    total = 0
    for pid in _tree(processes(), root):
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024
