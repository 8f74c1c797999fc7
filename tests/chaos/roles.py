"""What the forked processes of tests do: real workers, and parts of them that die at a place that was agreed on."""

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from app.logs import set_up_logs
from app.runtime import Runtime
from app.settings import Settings
from jobs import deliver, ingest, worker


def work(queue: str, batch_takes: float = 0.0) -> None:
    """``baton worker --queue …``; on a machine where a batch takes so long."""
    set_up_logs()
    settle = ingest.settle

    def slowly(runtime: Any, claim: int, readings: Any) -> int:
        time.sleep(batch_takes)
        return settle(runtime, claim, readings)

    ingest.settle = slowly
    worker.work(Settings.from_environment(), queue)


def drain(seconds: float, until_empty: bool = True) -> None:
    """Take in and send for so long, without Redis."""
    set_up_logs()
    runtime = Runtime(Settings.from_environment(), pool_size=8)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        taken = ingest.drain(runtime, max(0.1, end - time.monotonic()))
        sent = deliver.drain(runtime, max(0.1, end - time.monotonic()))
        if until_empty and not taken and sent:
            return
        time.sleep(0.02)


def doomed(place: str, listed: str = "", how: int = signal.SIGKILL, seconds: float = 30.0) -> int:
    """Take in and send; be killed (or stopped) on coming to a place, or write down all the places that there are."""
    Points(place, listed, how).install()
    drain(seconds, until_empty=bool(listed) or how == signal.SIGSTOP)
    return 0


def hammer(number: int) -> int:
    """Store and take in without pause; the exit code says whether the database was ever too busy."""
    from app.store import inbox
    from app.store.inbox import Arrival

    runtime = Runtime(Settings.from_environment(), pool_size=4)
    forms = runtime.connection("forms")
    assert forms is not None
    for count in range(1_000_000):
        body = b'{"email": "p%d@acme.example", "submission_id": "%d-%d-%d"}' % (number, number, os.getpid(), count)
        arrival = Arrival(
            connection_id=forms.id, kind="form", route="contact", received_at=runtime.clock(), body=body,
            headers={"content-type": "application/json"},
        )  # fmt: skip
        try:
            with runtime.database.write() as conn:
                inbox.accept(conn, [arrival])
            if count % 10 == 0:
                ingest.drain(runtime, 1)
        except Exception as error:
            print("TROUBLE", type(error).__name__, error, flush=True)
            return 3
    return 0


def poisoned(how: str) -> None:
    """A worker in whose way something stands: events that name ``poison`` raise, kill the process, or hang it."""
    settle = ingest.settle

    def stumble(runtime: Any, claim: int, readings: Any) -> int:
        if any(b"poison" in reading.row.body for reading in readings):
            if how == "raises":
                raise ZeroDivisionError("poison")
            os._exit(9)
        return settle(runtime, claim, readings)

    ingest.settle = stumble  # type: ignore[assignment]
    drain(60, until_empty=False)


def hanging(how: str, queue: str, overdue: float) -> None:
    """``baton worker --queue …`` that hangs for ever over events that name ``poison``."""
    from jobs import sweep

    sweep.OVERDUE = timedelta(seconds=overdue)
    settle = ingest.settle

    def stumble(runtime: Any, claim: int, readings: Any) -> int:
        if any(b"poison" in reading.row.body for reading in readings):
            print("HANGS", os.getpid(), flush=True)
            HANGS[how]()
        return settle(runtime, claim, readings)

    ingest.settle = stumble  # type: ignore[assignment]
    work(queue)


def _in_python() -> None:
    while True:
        time.sleep(0.01)


def _at_a_socket() -> None:
    one, _other = socket.socketpair()
    one.recv(1)


def _in_c() -> None:
    """As a library that loops without ever letting another thread run: not even a signal is looked at."""
    ctypes.PyDLL(None).sleep(3_600)


HANGS = {"in Python": _in_python, "at a socket": _at_a_socket, "in C": _in_c}


class Points:
    """Before and after each commit and each call: places named by whose commit or what call it is."""

    def __init__(self, place: str, listed: str, how: int) -> None:
        self._place, self._listed, self._how = place, listed, how

    def reach(self, name: str) -> None:
        if self._listed:
            with open(self._listed, "a") as file:
                file.write(name + "\n")
        if name == self._place:
            self._place = ""
            os.kill(os.getpid(), self._how)
            time.sleep(0.2)  # another thread may take the signal: this one must not get past the place meanwhile

    def install(self) -> None:
        from adapters.http import VendorPool
        from app.store.engine import Database

        database_write, urlopen = Database.write, VendorPool.urlopen
        reach = self.reach

        @contextmanager
        def write(database: Any, **how: Any) -> Any:
            name = _caller()
            with database_write(database, **how) as conn:
                yield conn
                reach(f"{name} before commit")
            reach(f"{name} after commit")

        def call(pool: Any, method: str, url: str, *args: Any, **kw: Any) -> Any:
            name = f"{method} {_shape(url)}"
            reach(f"{name} before call")
            answer = urlopen(pool, method, url, *args, **kw)
            reach(f"{name} after call")
            return answer

        Database.write = write  # type: ignore[method-assign, assignment]
        VendorPool.urlopen = call  # type: ignore[method-assign]
        _on_unit_commit(reach)


def _on_unit_commit(reach: Callable[[str], None]) -> None:
    """On PostgreSQL a unit of work is one transaction of its own."""
    from app.store.engine import Database

    database_unit = Database.unit

    @contextmanager
    def unit(database: Any) -> Any:
        with database_unit(database) as made:
            yield made
            if not database.is_sqlite:
                reach("settle.settle before commit")
        if not database.is_sqlite:
            reach("settle.settle after commit")

    Database.unit = unit  # type: ignore[method-assign, assignment]


def _caller() -> str:
    """Whose transaction this is: the first function up the stack that is Baton's and not the database's."""
    import sys

    frame: Any = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if "/tests/" not in path and not path.endswith(("contextlib.py", "engine.py")):
            return f"{os.path.basename(path).removesuffix('.py')}.{frame.f_code.co_name.strip('_')}"
        frame = frame.f_back
    return "?"


def _shape(url: str) -> str:
    """A call's address without what differs from run to run."""
    path = url.split("?")[0].split("/", 3)[-1]
    return "/".join("…" if any(c.isdigit() for c in part) and len(part) > 2 else part for part in path.split("/"))
