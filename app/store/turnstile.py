"""Whose turn it is to write, on SQLite.

SQLite lets those who wait for its write lock look for it ever more rarely, in the end ten times a second. Beside a
worker that takes the lock again as soon as it has given it back, they find it taken for seconds on end. So whoever
wants to write takes a turn first: a lock on a file beside the database, held only until the write lock is had. Who has
just written cannot have it before those who waited meanwhile.
"""

import fcntl
import os
import random
import time
from collections.abc import Callable

LOOK_SECONDS = 0.0005, 0.002  # a commit takes about as long
# A turn is a courtesy: where it cannot be had for so long (its holder is stopped) the lock is looked for without it
PATIENCE_SECONDS = 1.0


def take(database: str, begin: Callable[[], bool], seconds: float) -> None:
    """Call ``begin`` until it says that it need not be called again, in turn with others, for so many seconds at most.
    ``database`` is the path of the file."""
    end = time.monotonic() + seconds
    try:
        turn = os.open(f"{database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # the disk is full, or no more files may be open; the database will say what is wrong
        _until(begin, end)
        return
    try:
        _until(lambda: _has_turn(turn), min(end, time.monotonic() + PATIENCE_SECONDS))
        _until(begin, end)
    finally:
        os.close(turn)  # and with it the lock


def _until(done: Callable[[], bool], end: float) -> None:
    while not done() and time.monotonic() < end:
        time.sleep(random.uniform(*LOOK_SECONDS))  # noqa: S311  no secret


def _has_turn(turn: int) -> bool:
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
