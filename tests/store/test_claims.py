"""What is asked of deliveries every few moments: it costs what is due, not what was ever sent. On SQLite alone, which
counts its steps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert

from app.runtime import Runtime
from app.store import claims
from app.store.tables import deliveries
from tests.feeding import klaviyo

SENT = 2_000
QUESTIONS: dict[str, Callable[[Connection, int], object]] = {
    "whether any connection has something due": lambda conn, _: claims.due_connections(conn),
    "whether this one has": claims.is_due,
    "what could leave": lambda conn, connection: claims.ready(conn, connection, 10),
    "what was left behind": lambda conn, connection: claims.orphans(conn, connection, 1),
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_it_costs_no_more_when_much_was_sent(
    sqlite_runtime: Runtime, question: Callable[[Connection, int], object]
) -> None:
    connection = klaviyo(sqlite_runtime).id
    _keep(sqlite_runtime, connection, {"pending": 2, "unknown": 2, "sent": 2})
    before = _steps(sqlite_runtime, lambda conn: question(conn, connection))
    _keep(sqlite_runtime, connection, {"sent": SENT})
    after = _steps(sqlite_runtime, lambda conn: question(conn, connection))
    assert 0 < after < before + SENT / 10


def _keep(runtime: Runtime, connection: int, many: dict[str, int]) -> None:
    now = runtime.clock()
    with runtime.database.write() as conn:
        first = len(conn.execute(deliveries.select()).all())
        statuses = [status for status, count in many.items() for _ in range(count)]
        conn.execute(
            insert(deliveries),
            [
                {
                    "key": f"{number:032x}",
                    "contact_id": number,
                    "connection_id": connection,
                    "kind": "upsert_contact",
                    "urgency": 50,
                    "action": '{"type": "upsert_contact"}',
                    "status": status,
                    "not_before": now + timedelta(days=10_000),  # nothing is due, so that all is looked at
                    "created_at": now,
                    "updated_at": now,
                }
                for number, status in enumerate(statuses, first)
            ],
        )


def _steps(runtime: Runtime, ask: Callable[[Connection], object]) -> int:
    """How many steps the database takes to answer."""
    taken = 0

    def count() -> None:
        nonlocal taken
        taken += 1

    with runtime.database.read() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(count, 1)
        try:
            assert not ask(conn)
        finally:
            driver.set_progress_handler(None, 1)
    return taken
