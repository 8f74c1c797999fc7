"""Work behind everything else: one process does it, whoever sees first that something waits."""

from unittest.mock import Mock

import pytest

from app.runtime import Runtime
from jobs import aside


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Mock:
    popen = Mock(return_value=Mock(poll=Mock(return_value=None)))
    monkeypatch.setattr(aside.subprocess, "Popen", popen)
    monkeypatch.setattr(aside, "_started", {})
    return popen


def test_a_worker_starts_no_second_process(sqlite_runtime: Runtime, made: Mock) -> None:
    aside.start(sqlite_runtime.database, "scores")
    aside.start(sqlite_runtime.database, "scores")
    assert made.call_count == 1
    aside.start(sqlite_runtime.database, "rehearsals")
    assert made.call_count == 2


def test_another_worker_starts_none_either_until_the_first_had_time_to_begin(
    sqlite_runtime: Runtime, made: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside.start(sqlite_runtime.database, "scores")
    monkeypatch.setattr(aside, "_started", {})
    aside.start(sqlite_runtime.database, "scores")
    assert made.call_count == 1
    monkeypatch.setattr(aside, "START_SECONDS", -1.0)
    aside.start(sqlite_runtime.database, "others")
    monkeypatch.setattr(aside, "_started", {})
    aside.start(sqlite_runtime.database, "others")
    assert made.call_count == 3, "the first of them is over"
