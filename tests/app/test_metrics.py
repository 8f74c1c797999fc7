"""Each metric moves when its thing happens, and none names a person (catalogue Q1)."""

import time
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from app.metrics import metrics
from app.runtime import Runtime
from app.store import breakers, connections, notes, tables
from jobs import sweep
from tests.app.doors import client
from tests.conftest import NOW, Clock
from tests.feeding import arrive, drain, form, hubspot, minutes, notice


def measured(runtime: Runtime) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics(runtime).decode())
        for sample in family.samples
    }


def delivery(number: int, status: str, connection_id: int) -> dict[str, Any]:
    return {
        "key": f"{number:032x}", "contact_id": number, "connection_id": connection_id, "kind": "Note", "urgency": 1,
        "action": "{}", "status": status, "not_before": NOW, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip


def handoff(number: int, status: str, due_in: float) -> dict[str, Any]:
    return {
        "key": f"{number:032x}", "contact_id": number, "rule": "ready", "opened_at": NOW, "status": status,
        "due_at": NOW + minutes(due_in), "score": 70.0, "reason": "ready",
    }  # fmt: skip


def test_a_new_installation_waits_for_nothing(runtime: Runtime) -> None:
    found = measured(runtime)
    assert found["baton_inbox_rows", "pending"] == found["baton_inbox_rows", "parked"] == 0
    assert found["baton_inbox_oldest_seconds",] == found["baton_events_total",] == 0
    assert found["baton_handoffs_open",] == found["baton_handoffs_overdue",] == 0
    assert found["baton_sweep_age_seconds",] == -1
    assert found["baton_connection_active", "forms", "forms"] == 1


def test_the_inbox_shows_what_waits_and_for_how_long(runtime: Runtime, clock: Clock) -> None:
    form(runtime, email="ann@example.com")
    form(runtime, email="bob@example.com")
    clock.advance(seconds=90)
    found = measured(runtime)
    assert found["baton_inbox_rows", "pending"] == 2
    assert found["baton_inbox_oldest_seconds",] == 90
    arrive(runtime, "forms", b"{", kind="form")
    drain(runtime)
    found = measured(runtime)
    assert found["baton_inbox_rows", "pending"] == 0
    assert found["baton_inbox_rows", "parked"] == 1
    assert found["baton_inbox_oldest_seconds",] == 0


def test_events_are_counted(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(3):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="Ann")])
        drain(runtime)
        assert measured(runtime)["baton_events_total",] == number + 1


def test_deliveries_are_shown_by_connection_and_state(runtime: Runtime, clock: Clock) -> None:
    one = hubspot(runtime)
    with runtime.database.write() as conn:
        for number, status in enumerate(("pending", "pending", "sending", "unknown", "dead", "dead", "dead", "sent")):
            conn.execute(insert(tables.deliveries).values(**delivery(number, status, one.id)))
    clock.advance(seconds=45)
    found = measured(runtime)
    counts = {status: found.get(("baton_deliveries", "hubspot", status)) for status in ("pending", "sending", "dead")}
    assert counts == {"pending": 2, "sending": 1, "dead": 3}
    assert found["baton_deliveries", "hubspot", "unknown"] == 1
    assert found["baton_deliveries_oldest_due_seconds", "hubspot"] == 45
    assert ("baton_deliveries", "hubspot", "sent") not in found, "what is over grows for ever"


def test_a_connection_shows_whether_it_works(runtime: Runtime) -> None:
    one = hubspot(runtime)
    assert measured(runtime)["baton_connection_active", "hubspot", "hubspot"] == 1
    for status in (connections.PAUSED, connections.BROKEN):
        with runtime.database.write() as conn:
            connections.set_status(conn, one.id, status, "why", NOW)
        runtime.forget()
        assert measured(runtime)["baton_connection_active", "hubspot", "hubspot"] == 0


def test_a_failing_vendor_shows(runtime: Runtime) -> None:
    one = hubspot(runtime)
    assert measured(runtime)["baton_breaker_open", "hubspot"] == 0
    with runtime.database.write() as conn:
        breakers.save(conn, runtime.database, one.id, breakers.Failing(99, NOW + minutes(1)), NOW)
    assert measured(runtime)["baton_breaker_open", "hubspot"] == 1


def test_refused_requests_are_counted(runtime: Runtime) -> None:
    hubspot(runtime)
    web = client(runtime)
    for _ in range(3):
        assert web.post("/webhooks/hubspot", data=b"x").status_code == 401
    assert measured(runtime)["baton_requests_refused_total", "hubspot"] == 3


def test_the_sweep_shows_when_it_last_looked_around(runtime: Runtime, clock: Clock) -> None:
    sweep.ring(runtime)
    clock.advance(seconds=7)
    assert measured(runtime)["baton_sweep_age_seconds",] == 7


def test_handoffs_show_how_many_are_late(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        for number, (status, due_in) in enumerate((("open", 30), ("open", -1), ("claimed", -1), ("closed", -9))):
            conn.execute(insert(tables.handoffs).values(**handoff(number, status, due_in)))
    found = measured(runtime)
    assert (found["baton_handoffs_open",], found["baton_handoffs_overdue",]) == (2, 1)


def test_a_connection_of_any_name_and_nobody_by_name(runtime: Runtime) -> None:
    hubspot(runtime)
    form(runtime, email="canary@example.com", first_name="Canary")
    arrive(runtime, "hubspot", [notice(NOW, 1, name="email", value="canary@example.com")])
    drain(runtime)
    with runtime.database.write() as conn:
        conn.execute(insert(tables.deliveries).values(**delivery(1, "dead", 999)))  # its connection was removed
        notes.mark(conn, runtime.database, "odd", "x" * 100, NOW)
    said = metrics(runtime).decode()
    assert "canary" not in said.lower()
    assert 'connection="999"' in said


def test_a_database_that_is_away_is_a_503(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    web = client(runtime)
    assert web.get("/metrics").status_code == web.get("/readyz").status_code == 200

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT secret_statement", {}, Exception("away"))

    monkeypatch.setattr(runtime.database, "read", away)
    for path in ("/metrics", "/readyz"):
        answer = web.get(path)
        assert answer.status_code == 503
        assert "secret_statement" not in answer.text
    assert web.get("/healthz").status_code == 200


def test_a_large_inbox_is_measured_quickly(sqlite_runtime: Runtime) -> None:
    row = {"connection_id": 1, "kind": "form", "received_at": NOW - timedelta(days=1), "body": b"x"}
    with sqlite_runtime.database.write() as conn:
        conn.execute(insert(tables.inbox), [row] * 50_000)
        conn.execute(update(tables.inbox).where(tables.inbox.c.id > 100).values(status="done"))
    began = time.process_time()
    assert measured(sqlite_runtime)["baton_inbox_rows", "pending"] == 100
    assert time.process_time() - began < 0.25
