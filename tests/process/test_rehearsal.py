"""A rehearsal whose process is killed is taken up again by the next one, and comes to the same. Catalogue: N2."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app import rehearsal
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.settings import Settings
from app.setup import add_connection, prepare
from app.store import rehearsals, tables
from app.store.rehearsals import DONE, RUNNING, Rehearsal
from bench import mass
from jobs import rehearse
from tests.feeding import rows
from tests.process.hub import Hub, descendants, until

pytestmark = pytest.mark.process

PEOPLE, EVENTS_EACH = 2_500, 12
RULE = "  - {id: changed, label: Changed, group: behaviour, on: [contact.updated], points: 5}\n"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path / "var")
    made.home.mkdir()
    yield made
    made.end()


@pytest.fixture
def runtime(hub: Hub) -> Iterator[Runtime]:
    """The hub's installation as this process sees it, full of contacts."""
    found = Runtime(Settings.from_environment(hub.env))
    prepare(found)
    source = add_connection(found, "hubspot", "hubspot", {"client_secret": "s", "portal_id": "4242"})
    mass.fill(found, source, PEOPLE, EVENTS_EACH)
    yield found
    found.close()


def ask(runtime: Runtime) -> int:
    """A scoring by which everybody comes over the threshold."""
    text = (DEFAULTS / "scoring.yaml").read_text(encoding="utf-8").rstrip("\n") + "\n" + RULE
    text = text.replace("threshold: 50", "threshold: 20").replace("rearm_below: 40", "rearm_below: 10")
    return rehearsal.ask(runtime, "test", [("scoring", text)], runtime.clock() - 2 * mass.AGE)


def found(runtime: Runtime, number: int) -> Rehearsal:
    with runtime.database.read() as conn:
        row = rehearsals.find(conn, number)
    assert row is not None
    return row


def rehearsing(hub: Hub) -> list[int]:
    """The processes that rehearse."""
    assert hub.process is not None
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in descendants(hub.process.pid)}
    return [pid for pid, line in lines.items() if line.exists() and b"baton: rehearsal" in line.read_bytes()]


def kept_of(runtime: Runtime, number: int) -> list[Any]:
    return [(row.contact_id, row.body) for row in rows(runtime, "rehearsal_changes", rehearsal_id=number)]


def test_a_rehearsal_that_was_killed_goes_on_and_comes_to_the_same(hub: Hub, runtime: Runtime) -> None:
    outward = {name: len(rows(runtime, name, "id")) for name in ("decisions", "deliveries", "handoffs")}
    number = ask(runtime)
    hub.start("--no-demo")
    until(lambda: found(runtime, number).seen, 60, "contact rehearsed")
    (victim,) = rehearsing(hub)
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in rehearsing(hub), 10, "end of it")
    half = found(runtime, number)
    assert half.status == RUNNING
    assert 0 < half.seen < half.total == PEOPLE
    table = tables.lanes  # its lease ends by itself within half a minute
    with runtime.database.write() as conn:
        conn.execute(update(table).where(table.c.name == rehearse.LANE).values(until=None))
    until(lambda: not found(runtime, number).is_open, 90, "end of the rehearsal")
    whole = found(runtime, number)
    assert (whole.status, whole.seen, whole.tally.contacts) == (DONE, PEOPLE, PEOPLE)
    hub.stop()
    again = ask(runtime)
    rehearse.work(runtime, "test")
    undisturbed = found(runtime, again)
    assert whole.tally == undisturbed.tally
    assert kept_of(runtime, number) == kept_of(runtime, again)
    assert len(kept_of(runtime, again)) >= PEOPLE
    assert {name: len(rows(runtime, name, "id")) for name in outward} == outward
