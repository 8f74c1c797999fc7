"""What the sweep takes on itself, and what it leaves to those whose work it is."""

from datetime import timedelta

import pytest

from app.runtime import Runtime
from app.store import inbox
from jobs import sweep
from tests.conftest import Clock
from tests.feeding import form, rows


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "HEAD_START_SECONDS", 0.01)


def tick(runtime: Runtime) -> list[str]:
    """One look; who was woken."""
    woken: list[str] = []
    sweep.tick(runtime, lambda *queues: woken.extend(queues), "t")
    return woken


def waiting(runtime: Runtime) -> int:
    return len(rows(runtime, "inbox", "id", status="pending"))


def test_what_nobody_works_on_is_done_on_the_spot(runtime: Runtime, clock: Clock) -> None:
    form(runtime, email="ann@acme.example")
    clock.advance(seconds=5)
    assert "ingest" in tick(runtime)
    assert waiting(runtime) == 0


def test_what_waits_behind_a_worker_who_is_busy_is_left_to_them(runtime: Runtime, clock: Clock) -> None:
    form(runtime, email="ann@acme.example")
    form(runtime, email="ben@acme.example")
    inbox.claim(runtime.database, 1)
    clock.advance(seconds=5)
    assert "ingest" in tick(runtime)
    assert waiting(runtime) == 2


def test_a_worker_who_has_not_come_back_for_a_while_is_not_waited_for(
    runtime: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    form(runtime, email="ann@acme.example")
    form(runtime, email="ben@acme.example")
    monkeypatch.setattr(inbox, "CLAIM_SECONDS", 49)  # claimed 11 seconds ago, by the database's clock
    inbox.claim(runtime.database, 1)
    monkeypatch.setattr(inbox, "CLAIM_SECONDS", 60)
    clock.advance(seconds=5)
    tick(runtime)
    assert waiting(runtime) == 1
    assert timedelta(seconds=inbox.WORKING_SECONDS) + sweep.OVERDUE < timedelta(seconds=30)
