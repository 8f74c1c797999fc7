"""A database that was put back from a backup: nothing is sent until a person has looked."""

import shutil
from pathlib import Path

import pytest

from app import health
from app.runtime import Runtime
from app.setup import prepare
from app.store import notes
from jobs import deliver, restored, sweep
from tests.conftest import Clock, new_database, settings


def swept(runtime: Runtime, times: int) -> None:
    for _ in range(times):
        sweep.ring(runtime)
    restored.look(runtime)


def pause_of(runtime: Runtime) -> health.Pause | None:
    with runtime.database.read() as conn:
        return health.paused(notes.read_marks(conn))


@pytest.fixture
def restarted(sqlite_runtime: Runtime) -> Runtime:
    """An installation that has been running for a while, with a backup from before that."""
    prepare(sqlite_runtime)
    file = Path(sqlite_runtime.database.url.removeprefix("sqlite:///"))
    sqlite_runtime.close()
    shutil.copy(file, f"{file}.backup")
    swept(sqlite_runtime, restored.TOLERATED + 1)
    return sqlite_runtime


def test_a_restored_database_starts_paused_and_says_why(restarted: Runtime) -> None:
    file = Path(restarted.database.url.removeprefix("sqlite:///"))
    restarted.close()
    for old in file.parent.glob(f"{file.name}-*"):
        old.unlink()
    shutil.copy(f"{file}.backup", file)
    prepare(restarted)
    pause = pause_of(restarted)
    assert pause is not None
    assert "restored from a backup" in pause.reason
    assert deliver._due(restarted) == []
    with restarted.database.write() as conn:
        notes.clear_mark(conn, notes.PAUSED)
    prepare(restarted)
    assert pause_of(restarted) is None, "whoever resumes is believed"


def test_a_restart_a_clock_that_jumps_back_and_a_new_database_pause_nothing(
    restarted: Runtime, clock: Clock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    clock.advance(hours=-1)
    swept(restarted, 2)
    prepare(restarted)
    assert pause_of(restarted) is None
    other = Runtime(settings(new_database(request, "sqlite", tmp_path), restarted.settings.home), clock)
    with other.database.write() as conn:
        notes.clear_mark(conn, restored.INSTALLATION)
    prepare(other)
    assert pause_of(other) is None
    other.close()
