"""On SQLite everybody who wants to write comes to it, also beside one who writes all the time."""

import fcntl
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from app.store import engine, turnstile
from app.store.engine import Database, is_unavailable


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/baton.db")
    with made.write() as conn:
        conn.execute(text("CREATE TABLE words (word TEXT)"))
    return made


def write(database: Database, holds: float = 0.0) -> None:
    with database.write() as conn:
        conn.execute(text("INSERT INTO words VALUES ('x')"))
        time.sleep(holds)


def test_who_writes_all_the_time_lets_others_in(database: Database) -> None:
    """The other one takes the lock again within microseconds; left to SQLite, somebody who waits hardly ever meets it
    free (two hundred times it was taken for our ten)."""
    stop, busy = threading.Event(), [0]

    def write_on() -> None:
        while not stop.is_set():
            write(database, 0.02)
            busy[0] += 1

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        time.sleep(0.1)
        before = busy[0]
        for _ in range(10):
            write(database)
        between = busy[0] - before
    finally:
        stop.set()
        thread.join()
    assert between <= 25, "at most two of theirs for one of ours, and some to spare"


def test_a_turn_that_is_never_given_back_is_done_without(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder may be stopped, or on its way out of memory."""
    monkeypatch.setattr(turnstile, "PATIENCE_SECONDS", 0.05)
    with open(f"{tmp_path}/baton.db-turn", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(database)
    with database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM words")).scalar() == 1


def test_a_lock_that_is_never_given_back_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SQLITE_BUSY_MS", 100)
    with database.write(), pytest.raises(OperationalError) as met:
        write(database)
    assert is_unavailable(met.value)
    assert met.value.orig.sqlite_errorname == "SQLITE_BUSY"
    write(database)  # and nothing of it is left


def test_where_no_turn_can_be_taken_the_database_is_written_to_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more files may be open, for instance."""

    def refuse(path: str, *how: int) -> int:
        raise OSError(24, "Too many open files", path)

    monkeypatch.setattr(turnstile.os, "open", refuse)
    write(database)


def test_what_else_is_wrong_with_the_database_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "baton.db").write_bytes(b"no database at all, but long enough to look like one" * 20)
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="not a database"):
        write(Database(f"sqlite:///{tmp_path}/baton.db"))
    assert time.monotonic() - began < 5
