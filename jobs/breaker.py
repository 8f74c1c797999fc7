"""A vendor that only fails is left alone for a while, then tried with one call a minute until it answers again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from app.runtime import Runtime
from app.store import notes

FAILURES = 5
PAUSE_SECONDS = 60.0
NAME = "breaker:{}"


class Breaker:
    """Counts a lane's failures in a row. What it has decided outlives the worker: the next one goes on with it."""

    def __init__(self, runtime: Runtime, connection_id: int) -> None:
        self._runtime, self._name = runtime, NAME.format(connection_id)
        self._failures = 0
        self._opened = False
        with runtime.database.read() as conn:
            known = notes.read_marks(conn).get(self._name)
        if known is not None:
            self._opened, self._failures = True, FAILURES

    def allowed(self) -> int:
        """How many calls may be under way: any number while all is well, one to try whether it is well again."""
        return 1 if self._opened else 1_000_000

    def heard(self, fine: bool) -> None:
        """Take note of how a call went."""
        if fine:
            self._failures = 0
            if self._opened:
                self._opened = False
                with self._runtime.database.write() as conn:
                    notes.clear_mark(conn, self._name)
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._opened = True
            now = self._runtime.clock()
            value = {"failures": self._failures, "until": (now + timedelta(seconds=PAUSE_SECONDS)).isoformat()}
            with self._runtime.database.write() as conn:
                notes.mark(conn, self._runtime.database, self._name, msgspec.json.encode(value).decode(), now)


def resting(marks: Mapping[str, tuple[str, datetime]], connection_id: int, now: datetime) -> bool:
    """Whether a connection is being left alone at the moment."""
    known = marks.get(NAME.format(connection_id))
    return known is not None and now < datetime.fromisoformat(str(msgspec.json.decode(known[0])["until"]))
