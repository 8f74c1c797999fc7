"""A Baton to be hurt: its database, simulated vendors, workers that can be killed in dozens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime, now_utc
from tests.chaos.forks import Forks
from tests.chaos.town import Town
from tests.conftest import KEY, new_database, settings
from tests.servers import ValkeyServer


@pytest.fixture
def vendors() -> Iterator[Server]:
    """Simulated tools that keep what they are told."""
    with serve("127.0.0.1", 0) as server:
        server.hubspot.configure(new_contact_stage="lead")
        yield server


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A Valkey of the test's own, that it may kill."""
    server = ValkeyServer(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


MakeTown = Callable[..., Town]


@pytest.fixture
def make_town(request: pytest.FixtureRequest, tmp_path: Path, vendors: Server) -> Iterator[MakeTown]:
    """Makes a Town on a database of a kind; ``redis`` is where its workers are woken through."""
    made: list[Any] = []

    def make(kind: str, redis: str = "") -> Town:
        url = new_database(request, kind, tmp_path)
        runtime = Runtime(settings(url, tmp_path, REDIS_URL=redis), now_utc)
        env = {
            "BATON_HOME": str(tmp_path), "DATABASE_URL": url.replace("+psycopg", ""), "REDIS_URL": redis,
            "BATON_SECRET_KEY": KEY, "BATON_PUBLIC_URL": "https://hub.example.com", "BATON_ALLOW_PRIVATE_TARGETS": "1",
        }  # fmt: skip
        forks = Forks(tmp_path, env)
        made.append((runtime, forks))
        return Town(runtime, vendors, forks)

    yield make
    for runtime, forks in made:
        forks.end()
        runtime.close()
