"""Time that a test sets, for Baton and for its database alike: what waits for days can be waited for in a moment."""

from datetime import datetime
from typing import Any

from sqlalchemy import event, text

from app.runtime import Runtime
from tests.conftest import Clock

_SET = text("UPDATE simulated.now SET at = :at")


class SimulatedTime:
    """Has the database's clock show what the runtime's shows."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.database, self.clock = runtime.database, clock
        self.database.engine.dispose()
        self._at_once = self.database.engine.execution_options(isolation_level="AUTOCOMMIT")
        if self.database.is_sqlite:

            def julian_day(_: str) -> float:
                return clock().timestamp() / 86_400 + 2_440_587.5

            event.listen(
                self.database.engine, "connect", lambda raw, _: raw.create_function("julianday", 1, julian_day)
            )
            return
        with self.database.write() as conn:
            conn.execute(text("CREATE SCHEMA simulated"))
            conn.execute(text("CREATE TABLE simulated.now (at timestamptz)"))
            conn.execute(text("INSERT INTO simulated.now VALUES (now())"))
            conn.execute(
                text(
                    "CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE "
                    "AS 'SELECT at FROM simulated.now'"
                )
            )
        self.database.engine.dispose()

        def look_there_first(raw: Any, _: Any) -> None:
            raw.execute("SET search_path TO simulated, public, pg_catalog")
            raw.commit()

        event.listen(self.database.engine, "connect", look_there_first)

    def set(self, at: datetime) -> None:
        """Let it be this moment."""
        self.clock.now = at
        if not self.database.is_sqlite:
            with self._at_once.connect() as conn:
                conn.execute(_SET, {"at": at})
