"""A vendor that only fails is left alone for a while, then tried with one call a minute until it answers again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from app.runtime import Runtime
from app.store import notes

FAILURES = 5
PAUSE_SECONDS = 60.0
NAME = "breaker:{}"
ANY = 1_000_000


class Breaker:
    """Counts a lane's failures in a row. What it has decided outlives the lane: the next one goes on with it."""

    def __init__(self, runtime: Runtime, connection_id: int) -> None:
        self._runtime, self._name = runtime, NAME.format(connection_id)
        with runtime.database.read() as conn:
            self._open = self._name in notes.read_marks(conn)
        self._failures = 0
        # After a pause one call tries whether the vendor is well again
        self._allowed = 1 if self._open else ANY

    def allowed(self) -> int:
        """How many calls may be under way."""
        return self._allowed

    def heard(self, fine: bool) -> None:
        """Take note of how a call went."""
        if fine:
            self._failures, self._allowed = 0, ANY
            if self._open:
                self._open = False
                with self._runtime.database.write() as conn:
                    notes.clear_mark(conn, self._name)
            return
        self._failures += 1
        if self._open or self._failures >= FAILURES:
            self._open, self._allowed = True, 0
            now = self._runtime.clock()
            value = {"failures": self._failures, "until": (now + timedelta(seconds=PAUSE_SECONDS)).isoformat()}
            with self._runtime.database.write() as conn:
                notes.mark(conn, self._runtime.database, self._name, msgspec.json.encode(value).decode(), now)


def resting(marks: Mapping[str, tuple[str, datetime]], connection_id: int, now: datetime) -> bool:
    """Whether a connection is being left alone at the moment."""
    known = marks.get(NAME.format(connection_id))
    return known is not None and now < datetime.fromisoformat(str(msgspec.json.decode(known[0])["until"]))
