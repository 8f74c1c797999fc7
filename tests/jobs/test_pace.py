"""Calls keep apart in the moment in which they are made."""

import threading
import time

import pytest

from adapters.contract import RateLimit
from jobs.pace import SLACK, Pace


def test_calls_of_many_threads_never_pass_the_limit() -> None:
    """Threads that are all late at once are spaced out; what they missed is not made up for in a burst."""
    pace, starts, lock = Pace(RateLimit("x", 100, 1)), [], threading.Lock()

    def call() -> None:
        pace.wait()
        with lock:
            starts.append(time.monotonic())

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(starts) - min(starts) >= 49 / 100 - SLACK - 0.05  # the first may have been late itself


def test_a_pause_is_made_up_for_by_no_more_than_the_slack() -> None:
    pace = Pace(RateLimit("x", 100, 1))
    pace.wait()
    time.sleep(0.2)
    began = time.monotonic()
    for _ in range(10):
        pace.wait()
    assert time.monotonic() - began >= 9 / 100 - SLACK - 0.001


def test_calls_on_time_are_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    pace = Pace(RateLimit("x", 100, 1))
    monkeypatch.setattr("jobs.pace.time.sleep", waits.append)
    monkeypatch.setattr("jobs.pace.time.monotonic", iter([1.0, 1.02, 1.05]).__next__)
    for _ in range(3):
        pace.wait()
    assert waits == [0.0, 0.0, 0.0]
