"""How long decisions take is measured where it matters, shown, and alarmed. Catalogue: E4, N10."""

from collections.abc import Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from app import health
from app.metrics import metrics
from app.runtime import Runtime
from app.store import latency, notes, tables
from app.store.latency import Latency
from tests.app.screens import Browser, new_app
from tests.conftest import NOW
from tests.feeding import minutes


def came(
    runtime: Runtime, waited: Sequence[float], kind: str = "webhook", ago: float = 5, status: str = "done"
) -> None:
    """Requests that came so many minutes ago and were done after so many seconds."""
    at = NOW - minutes(ago)
    rows = [
        {
            "connection_id": 1, "kind": kind, "received_at": at, "body": b"{}", "status": status,
            "done_at": at + minutes(seconds / 60),
        }
        for seconds in waited
    ]  # fmt: skip
    with runtime.database.write() as conn:
        conn.execute(insert(tables.inbox), rows)


def lately(runtime: Runtime) -> Latency | None:
    with runtime.database.read() as conn:
        return latency.lately(conn, NOW)


def test_half_of_them_most_of_them_and_the_slowest(runtime: Runtime) -> None:
    assert lately(runtime) is None
    came(runtime, [1.0] * 60 + [2.0] * 34 + [3.0] * 5 + [7.5])
    assert lately(runtime) == Latency(100, 1.0, 3.0, 7.5)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"ago": 61}, id="replayed after long"),
        pytest.param({"kind": "import"}, id="imported"),
        pytest.param({"kind": "baton"}, id="Baton's own notes"),
        pytest.param({"status": "parked"}, id="parked"),
    ],
)
def test_what_nobody_waits_for_says_nothing(sqlite_runtime: Runtime, other: dict) -> None:
    came(sqlite_runtime, [0.5])
    came(sqlite_runtime, [3_000.0] * 9, **other)
    assert lately(sqlite_runtime) == Latency(1, 0.5, 0.5, 0.5)


def test_it_is_a_metric_and_the_doctor_says_it(sqlite_runtime: Runtime) -> None:
    came(sqlite_runtime, [0.25] * 19 + [4.0])
    with sqlite_runtime.database.write() as conn:
        notes.mark(conn, sqlite_runtime.database, "swept", "", NOW)
    told = {
        sample.labels["quantile"]: sample.value
        for family in text_string_to_metric_families(metrics(sqlite_runtime).decode())
        for sample in family.samples
        if sample.name == "baton_decided_after_seconds"
    }
    assert told == {"0.5": 0.25, "0.95": 4.0, "1": 4.0}
    (found,) = (one for one in health.examine(sqlite_runtime) if one.part == health.INBOX)
    assert found.fine
    assert found.title.endswith("within 4.0 s")
    assert "decided on within 4.0 s." in Browser(new_app(sqlite_runtime), "admin").get("/admin/").text


def test_late_decisions_are_a_finding(sqlite_runtime: Runtime) -> None:
    came(sqlite_runtime, [0.2] * 90 + [45.0] * 10)
    (found,) = (one for one in health.examine(sqlite_runtime) if one.part == health.INBOX)
    assert (found.fine, found.grave, found.title) == (False, False, "Decisions come late")
    assert "45 s" in found.says
