"""Databases that crash, fill up or are shared by many: what was acknowledged is there. R6, R20, R26."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.accept import Acceptor, Unavailable
from app.factory import create_app
from app.runtime import Runtime, now_utc
from app.setup import prepare
from jobs.queue import Waker
from tests.chaos.conftest import MakeTown
from tests.chaos.forks import SHORT, Forks
from tests.chaos.town import Town
from tests.conftest import KEY, settings
from tests.feeding import rows
from tests.process.hub import until
from tests.servers import Postgres

pytestmark = pytest.mark.process

ANN = "ann@acme.example"


# --- R26


def eight_processes(town: Town, kills: int) -> None:
    workers = {number: town.forks.start("hammer", number=number) for number in range(8)}
    for _ in range(kills):
        time.sleep(random.uniform(0.02, 0.15))
        number = random.randrange(8)
        assert town.forks.kill(workers[number]) == -signal.SIGKILL, town.said()
        workers[number] = town.forks.start("hammer", number=number)
    time.sleep(1)
    for pid in workers.values():
        assert town.forks.kill(pid) == -signal.SIGKILL, town.said()
    assert "TROUBLE" not in town.forks.said()
    with town.runtime.database.read() as conn:
        assert conn.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_r26_eight_processes_share_one_sqlite_file_and_are_killed(make_town: MakeTown) -> None:
    """R26: 8 processes write one SQLite file, kill -9 10 times (nightly 100): never "locked", and the file is whole."""
    eight_processes(make_town("sqlite"), 10)


@pytest.mark.chaos
def test_r26_a_hundred_kills(make_town: MakeTown) -> None:
    """R26 at full size."""
    eight_processes(make_town("sqlite"), 100)


# --- R20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB; only root may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "baton-test", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_r20_a_full_disk_is_answered_503_and_breaks_nothing(small_disk: Path) -> None:
    """R20: the disk is full: Unavailable (503) and no partial row; with space again it goes on, the file is whole."""
    runtime = Runtime(settings(f"sqlite:///{small_disk / 'baton.db'}", small_disk), now_utc, pool_size=4)
    prepare(runtime)
    acceptor = Acceptor(runtime, Waker(""))
    filler = small_disk / "filler"
    taken = 0
    acceptor.store(arrival(runtime, b"first"))
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            pass
    refused = False
    while not refused and taken < 400:
        try:
            acceptor.store(arrival(runtime, bytes(60_000)))
            taken += 1
        except Unavailable:
            refused = True
    assert refused
    filler.unlink()
    acceptor.store(arrival(runtime, b"last"))
    bodies = [row.body for row in rows(runtime, "inbox", "body")]
    assert (bodies[0], bodies[-1], len(bodies)) == (b"first", b"last", taken + 2)
    with runtime.database.read() as conn:
        assert conn.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    runtime.close()


def arrival(runtime: Runtime, body: bytes) -> Any:
    from app.store.inbox import Arrival

    forms = runtime.connection("forms")
    assert forms is not None
    return Arrival(connection_id=forms.id, kind="form", received_at=runtime.clock(), body=body, route="x")


# --- R6


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, that it may crash."""
    import shutil

    server = Postgres()
    server.make()
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def crash_postgres(folder: Path, vendors: Any, server: Postgres, outages: list[float]) -> None:
    server.administer("CREATE DATABASE baton")
    url = server.url("baton")
    runtime = Runtime(settings(url, folder), now_utc, pool_size=4)
    prepare(runtime)
    env = {
        "BATON_HOME": str(folder), "DATABASE_URL": url.replace("+psycopg", ""), "REDIS_URL": "",
        "BATON_SECRET_KEY": KEY, "BATON_PUBLIC_URL": "https://hub.example.com", "BATON_ALLOW_PRIVATE_TARGETS": "1",
    }  # fmt: skip
    forks = Forks(folder, env)
    try:
        town = Town(runtime, vendors, forks)
        town.arrive(town.sign_up(ANN))
        acceptor = Acceptor(runtime, Waker(""))
        for queue in ("ingest", "deliver"):
            forks.start("work", {**SHORT, "jobs.sweep.TICK_SECONDS": 1.0}, queue=queue)
        door = create_app(runtime).test_client()
        fresh = create_app(Runtime(runtime.settings, now_utc, pool_size=2)).test_client()  # it has seen nothing
        assert door.post("/forms/contact", data={"email": "visitor@acme.example"}).status_code == 202
        refused = 0
        for outage in outages:
            for _ in range(10):
                acceptor.store(town.write(ANN))
            server.stop(signal.SIGQUIT)  # as a crash: nothing is written down in good order
            end = time.monotonic() + outage
            while time.monotonic() < end:
                lost = town.write(ANN)
                town.written[ANN].pop()
                with pytest.raises(Unavailable):
                    acceptor.store(lost)
                for client in (door, fresh):
                    assert client.post("/forms/contact", data={"email": "lost@acme.example"}).status_code == 503
                refused += 1
                time.sleep(0.1)
            server.start()
            until(lambda: acceptor.store(town.write(ANN)) is None, 30, "place for a request")
        assert refused
        town.drained(40)
        town.check()
        assert len(forks.running()) == 2, "no worker has ended"
    finally:
        forks.end()
        runtime.close()


def test_r6_postgres_crashes_and_what_was_acknowledged_is_there(
    tmp_path: Path, vendors: Any, own_postgres: Postgres
) -> None:
    """R6: PostgreSQL crashes: while it is away 503; 0 acknowledged requests lost; going on within 30 s."""
    crash_postgres(tmp_path, vendors, own_postgres, [1.0])


@pytest.mark.chaos
def test_r6_two_crashes_and_ten_seconds_away(tmp_path: Path, vendors: Any, own_postgres: Postgres) -> None:
    """R6 at full size: two crashes and an outage of 10 s."""
    crash_postgres(tmp_path, vendors, own_postgres, [0.5, 0.5, 10.0])
