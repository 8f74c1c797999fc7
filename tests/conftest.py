"""What tests share: a runtime on SQLite and on PostgreSQL, with a clock that stands still, and what to feed it."""

import base64
import gc
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings

from adapters.contract import RateLimit
from app.runtime import Runtime
from app.settings import Settings
from app.setup import prepare
from app.store import access, kept
from tests import once
from tests.servers import Postgres, shared

# How long an example takes says something about the machine, not about Baton: bench/ is for that
hypothesis_settings.register_profile("baton", deadline=None)
hypothesis_settings.load_profile("baton")

# Passwords are to be slow to guess, not tests
access._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

# Nothing is too long to be counted each time, however busy the machine is
kept.FREE_SECONDS = 3_600.0

once.install()


IN_MEMORY, ROOM = Path("/dev/shm"), 4 << 30

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = base64.urlsafe_b64encode(b"a key for tests, always the same").decode()


def pytest_configure() -> None:
    """Keep databases in memory where there is room. What a commit on a disk costs says something about the disk; that
    processes are killed takes nothing from a file in memory."""
    if "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None  # it had been looked up before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left with it when the others are done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Look through what is there now, which stays there, no more, and not so often through what tests leave: to look
    for cycles in everything that was imported took a third of the time of all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors take calls as fast as they are made: for tests of what leaves, not when."""
    limits = RateLimit.of
    plenty = 10**12  # no microsecond between two, for there are clocks that stand still
    monkeypatch.setattr(RateLimit, "of", lambda limit, of: replace(limits(limit, of), calls=plenty))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[Postgres]:
    """The run's PostgreSQL, with a migrated database to copy from. The last process to leave stops it."""
    server = Postgres()
    with shared(run_folder, "postgres") as state:
        if not state:
            server.make()
            server.start()
            assert server.process is not None
            _make_template(server)
            state.update(port=server.port, pid=server.process.pid, folder=str(server.folder), users=0)
        server.port = int(str(state["port"]))
        state["users"] = int(str(state["users"])) + 1
    yield server
    with shared(run_folder, "postgres") as state:
        state["users"] = int(str(state["users"])) - 1
        if not state["users"]:
            os.kill(int(str(state["pid"])), signal.SIGINT)
            shutil.rmtree(str(state["folder"]), ignore_errors=True)
            state.clear()


def _make_template(server: Postgres) -> None:
    server.administer("CREATE DATABASE template_baton")
    runtime = Runtime(settings(server.url("template_baton"), Path("/nonexistent")), Clock(), pool_size=2)
    prepare(runtime)
    runtime.close()


@pytest.fixture(scope="session")
def sqlite_template(run_folder: Path) -> Path:
    """A migrated SQLite file to copy from."""
    file = run_folder / "template.db"
    with shared(run_folder, "sqlite") as state:
        if not state:
            runtime = Runtime(settings(f"sqlite:///{file}", run_folder), Clock(), pool_size=2)
            prepare(runtime)
            with runtime.database.engine.connect() as conn:
                conn.exec_driver_sql("ROLLBACK")
                conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            runtime.close()
            state["made"] = True
    return file


def settings(url: str, home: Path, **more: str) -> Settings:
    """Settings as a test wants them; private targets are allowed, for simulators are on this machine."""
    env = {
        "BATON_HOME": str(home),
        "DATABASE_URL": url.replace("+psycopg", ""),
        "BATON_SECRET_KEY": KEY,
        "BATON_PUBLIC_URL": "https://hub.example.com",
        "BATON_ALLOW_PRIVATE_TARGETS": "1",
        **more,
    }
    return Settings.from_environment(env)


COPIED = "STRATEGY FILE_COPY"  # by way of the log, which is the default, it takes ten times as much computing
_count = 0


@pytest.fixture(params=["sqlite", "postgresql"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    """A fresh installation, on each database."""
    made = make_runtime(request, request.param, tmp_path, clock)
    yield made
    close(made)


@pytest.fixture
def sqlite_runtime(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    """A fresh installation on SQLite, for what has nothing to do with the database."""
    made = make_runtime(request, "sqlite", tmp_path, clock)
    yield made
    close(made)


def close(runtime: Runtime) -> None:
    """Close a runtime once the readers of streams are done that a tick has left behind, which need its database."""
    for thread in threading.enumerate():
        if thread.name.startswith("poll:"):
            thread.join(10)
    runtime.close()


def make_runtime(
    request: pytest.FixtureRequest, kind: str, folder: Path, clock: Callable[[], datetime], **more: str
) -> Runtime:
    """A fresh installation on a database of a kind."""
    return Runtime(settings(new_database(request, kind, folder), folder, **more), clock)


def new_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """The address of a fresh, migrated database, which is there for as long as what asks for it."""
    global _count
    _count += 1
    if kind == "sqlite":
        file = folder / f"baton{_count}.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    server: Postgres = request.getfixturevalue("postgres")
    return _made(request, server, f"t{os.getpid()}_{_count}", f"TEMPLATE template_baton {COPIED}")


def _made(request: pytest.FixtureRequest, server: Postgres, name: str, how: str) -> str:
    server.administer(f"CREATE DATABASE {name} {how}")
    request.addfinalizer(lambda: server.administer(f"DROP DATABASE {name} WITH (FORCE)"))
    return server.url(name)


Fresh = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Makes databases with nothing in them, of each kind; what comes back is the address."""

    def make() -> str:
        global _count
        _count += 1
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path / f'empty{_count}'}.db"
        server: Postgres = request.getfixturevalue("postgres")
        return _made(request, server, f"empty{os.getpid()}_{_count}", COPIED)

    return make
