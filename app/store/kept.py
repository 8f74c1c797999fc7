"""Numbers over whole tables. While they are counted in no time they are counted each time; what takes long is kept for
as long as makes counting it a small part of a process's time, so that a page does not wait for it again and again."""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

Counted = TypeVar("Counted")

FREE_SECONDS = 0.05  # what takes no longer is never kept
TIMES = 50  # kept for so many times as long as it took
MOST_SECONDS = 600.0

_kept: WeakKeyDictionary[Any, dict[str, tuple[Any, float]]] = WeakKeyDictionary()


def kept(conn: Connection, name: str, count: Callable[[], Counted]) -> Counted:
    """What ``count`` comes to, or came to a while ago where that took long. ``name`` says what is counted."""
    known = _kept.setdefault(conn.engine.pool, {})
    value, until = known.get(name, (None, 0.0))
    began = time.monotonic()
    if began < until:
        return value  # type: ignore[no-any-return]
    found = count()
    took = time.monotonic() - began
    if took > FREE_SECONDS:
        known[name] = found, began + took + min(MOST_SECONDS, took * TIMES)
    else:
        known.pop(name, None)
    return found
