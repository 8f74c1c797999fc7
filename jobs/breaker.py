"""A vendor that only fails is left alone for a while, then tried with one call a minute until it answers again."""

from datetime import timedelta

from app.runtime import Runtime
from app.store import breakers, notes
from app.store.breakers import Failing

FAILURES = 5
PAUSE_SECONDS = 60.0
CAUTIOUS = 5  # calls at once before the first that went well, so that few meet a vendor that is down
ANY = 1_000_000


class Breaker:
    """Counts a connection's failures in a row. The count outlives the lane: the next one goes on with it."""

    def __init__(self, runtime: Runtime, connection_id: int) -> None:
        self._runtime, self._connection_id = runtime, connection_id
        with runtime.database.read() as conn:
            self._state = breakers.failing(notes.read_marks(conn), connection_id)
        # After a pause one call tries whether the vendor is well again
        self._allowed = 1 if self._state.until else CAUTIOUS

    def allowed(self) -> int:
        """How many calls may be under way."""
        return self._allowed

    def heard(self, fine: bool) -> None:
        """Take note of how a call went."""
        if fine:
            self._allowed = ANY
            if self._state.failures:
                self._save(Failing())
            return
        self._allowed = min(self._allowed, CAUTIOUS)
        state = Failing(self._state.failures + 1, self._state.until)
        if state.failures >= FAILURES:
            self._allowed, state.until = 0, self._runtime.clock() + timedelta(seconds=PAUSE_SECONDS)
        self._save(state)

    def _save(self, state: Failing) -> None:
        self._state = state
        with self._runtime.database.write() as conn:
            breakers.save(conn, self._runtime.database, self._connection_id, state, self._runtime.clock())
