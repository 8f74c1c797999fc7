"""A process that has imported Baton and forks workers from itself in milliseconds, so that a test can kill dozens.

``python -m tests.chaos.zygote`` reads one JSON line per order and answers each with one. What it forks is a process of
its own, as real to the kernel, the database and Redis as one that was started by the supervisor.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from typing import Any

# Imported once, before any fork; Baton itself imports SDKs when it first needs them
import apprise  # noqa: F401
import hubspot.crm.contacts
import hubspot.crm.objects.notes
import hubspot.crm.objects.tasks  # noqa: F401
import klaviyo_api  # noqa: F401

import app.cli  # noqa: F401
import jobs.worker  # noqa: F401
import tests.chaos.roles  # noqa: F401

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Carry out orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        answer = fork(**order["fork"]) if "fork" in order else wait(**order["wait"])
        print(json.dumps(answer), flush=True)


def fork(role: str, env: dict[str, str], patch: dict[str, Any], log: str, how: dict[str, Any]) -> int:
    """Let a child play a role; its process id."""
    if pid := os.fork():
        return pid
    status = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a run that is broken off leaves nothing behind
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(env)
        for place, value in patch.items():
            change(place, value)
        status = getattr(sys.modules["tests.chaos.roles"], role)(**how) or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def change(place: str, value: Any) -> None:
    """Set ``module.NAME``; with ``module.function()`` the default of its last parameter."""
    module, _, name = place.rpartition(".")
    if name.endswith("()"):
        function = getattr(importlib.import_module(module), name[:-2])
        function.__defaults__ = (*function.__defaults__[:-1], value)
    else:
        setattr(importlib.import_module(module), name, value)


def wait(pid: int, seconds: float) -> int | None:
    """How a child ended: its exit code, or minus the signal; None when it still runs."""
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.005)


if __name__ == "__main__":
    main()
