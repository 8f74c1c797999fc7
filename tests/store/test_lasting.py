"""Which commits wait for the disk: those that somebody outside relies on, and no others."""

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text

from adapters.sandbox.server import serve
from app.accept import Acceptor
from app.runtime import Runtime
from app.setup import add_connection
from app.store.engine import Database
from app.store.inbox import Arrival
from jobs import deliver, ingest
from jobs.queue import Waker
from tests.feeding import rows

ASKED = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
WAITS = {"sqlite": 2, "postgresql": "on"}


def waits(conn: Connection) -> bool:
    """Whether the transaction's commit waits for the disk."""
    name = conn.dialect.name
    return bool(conn.execute(text(ASKED[name])).scalar() == WAITS[name])


def test_a_commit_waits_unless_it_need_not_last(runtime: Runtime) -> None:
    database = Database(runtime.database.url, pool_size=1)  # the same connection for all of them
    for lasting in (True, False, True, False, False, True):
        with database.write(lasting=lasting) as conn:
            assert waits(conn) is lasting
    with database.unit() as unit, unit.writer() as conn:
        assert not waits(conn)
    with database.write() as conn:
        assert waits(conn)
    database.close()


def test_what_somebody_relies_on_waits_for_the_disk(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stored request, the delivery that is on its way, what came of its call. Not what would be done again."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    seen: dict[str, set[bool]] = defaultdict(set)
    write = Database.write

    @contextmanager
    def watched(database: Database, **how: Any) -> Iterator[Connection]:
        frame = sys._getframe(2)
        name = f"{frame.f_globals['__name__'].rpartition('.')[2]}.{frame.f_code.co_name.strip('_')}"
        with write(database, **how) as conn:
            seen[name].add(waits(conn))
            yield conn

    with serve("127.0.0.1", 0) as vendors:
        key = {"api_key": "a-key-of-klaviyo", "webhook_secret": "s"}
        add_connection(runtime, "klaviyo", "klaviyo", key, f"{vendors.url}/klaviyo")
        monkeypatch.setattr(Database, "write", watched)
        forms = runtime.connection("forms")
        assert forms is not None
        body = b"email=ann@acme.example&newsletter=yes"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        now = runtime.clock()
        Acceptor(runtime, Waker("")).store(
            Arrival(connection_id=forms.id, kind="form", route="x", received_at=now, body=body, headers=kind)
        )
        ingest.drain(runtime, 5)
        deliver.drain(runtime, 5)
        assert vendors.called("klaviyo")
    assert "sent" in {row.status for row in rows(runtime, "deliveries", "status")}
    for name in ("accept.store", "lane.claim", "landing.record"):
        assert seen[name] == {True}, name
    assert seen["inbox.claim"] == seen["lanes.take"] == {False}
