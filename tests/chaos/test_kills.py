"""Whatever is killed, and whenever: nothing lost, nothing twice, nothing out of order. R1, R2, R3, R17."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from app.store.inbox import Arrival
from tests.chaos.conftest import MakeTown
from tests.chaos.forks import BRIEF, HASTY
from tests.chaos.town import Town
from tests.feeding import rows
from tests.process.hub import until
from tests.servers import ValkeyServer

pytestmark = pytest.mark.process


LONG: dict[str, Any] = {}  # leases as they are shipped
# Short ones, but of which a batch and a call take a small part, as they do of those
FREQUENT = {**BRIEF, "jobs.landing.FIRST_DELAY": 0.1, "app.store.inbox.CLAIM_SECONDS": 3}


def crowd(town: Town, webhooks: int) -> list[list[Arrival]]:
    """So many requests, in the groups of forty in which they arrive: some people write and look around all the time,
    others get ready for sales."""
    writers = [f"w{number}@acme.example" for number in range(20)]
    town.arrive(town.sign_up(*writers))
    groups = []
    for number in range((webhooks - len(writers)) // 40):
        group = [town.write(one) for one in random.sample(writers, 8)]
        group += [town.look_around(one) for one in random.choices(writers, k=27)]
        group += town.get_ready(f"r{number}@acme.example")
        random.shuffle(group)
        groups.append(group)
    return groups


def kill_workers(
    town: Town, groups: list[list[Arrival]], kills: int, patch: dict[str, Any], longest: float = 0.3, aimed: int = 0
) -> int:
    """Let requests arrive while workers are killed, each at a random moment of its life, and replaced at once. So many
    of the kills are ``aimed`` at a call that the tool has carried out and of which nothing is noted here yet: left to
    chance they seldom meet one. How many of these did."""
    workers = {queue: town.forks.start("work", patch, queue=queue) for queue in ("ingest", "deliver")}
    met = 0
    for number in range(max(kills, len(groups))):
        if number < len(groups):
            town.arrive(groups[number])
        time.sleep(random.uniform(0.02, longest))
        if number < kills:
            queue = random.choice(["ingest", "deliver", "deliver"])
            if (number + 1) * aimed // kills > number * aimed // kills:
                queue = "deliver"
                met += is_being_told(town, 5.0)
            town.forks.kill(workers[queue])
            workers[queue] = town.forks.start("work", patch, queue=queue)
    return met


def is_being_told(town: Town, seconds: float) -> bool:
    """Wait for the next task or note that HubSpot has taken and not answered yet; whether there was one."""
    end, since = time.monotonic() + seconds, max((call.n for call in town.vendors.recorded()[-1:]), default=0)
    while time.monotonic() < end:
        calls = town.vendors.called("hubspot", method="POST", since=since)
        if any(call.path.endswith(("objects/tasks", "objects/notes")) for call in calls):
            return True
        time.sleep(0.005)
    return False


@pytest.mark.parametrize("database", [pytest.param("sqlite", marks=pytest.mark.chaos), "postgresql"])
def test_r1_fifty_kills_of_workers_lose_repeat_and_reorder_nothing(
    make_town: MakeTown, valkey: ValkeyServer, database: str
) -> None:
    """R1: 2,000 webhooks, kill -9 at 50 random points, of which 10 between what a tool did and its answer: 0 lost,
    0 effects twice, 0 out of order; drained in 60 s."""
    town = make_town(database, valkey.url)
    slow: dict[str, Any] = {"method": "POST", "share": 1.0, "times": 100_000}
    town.vendors.hubspot.fault("slow", path="objects/tasks/batch/read", **slow, seconds=0.0)  # a look is quick
    for path in ("objects/tasks", "objects/notes"):  # done at once and answered late: time for deaths in between
        town.vendors.hubspot.fault("done_then_slow", path=path, **slow, seconds=0.3)
    met = kill_workers(town, crowd(town, 2_000), 50, FREQUENT, 0.6, aimed=10)
    town.drained(60)
    town.check()
    assert met >= 3, "or what was lost with a worker was never looked up"


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_r1_two_hundred_kills_with_leases_as_shipped(make_town: MakeTown, valkey: ValkeyServer, database: str) -> None:
    """R1, nightly: the same with 200 kills and the leases that Baton is shipped with."""
    town = make_town(database, valkey.url)
    kill_workers(town, crowd(town, 8_000), 200, LONG)
    town.drained(120)
    town.check()


# --- R2: at each place by name


def told(town: Town, number: int = 0) -> None:
    """A story that comes to every place: somebody writes, somebody gets ready for sales."""
    ann, ben = f"ann{number}@acme.example", f"ben{number}@acme.example"
    town.arrive([*town.sign_up(ann), town.write(ann), *town.get_ready(ben)])


def finish(town: Town, seconds: float = 30.0) -> None:
    """Let a healthy worker do what is left."""
    pid = town.forks.start("drain", HASTY, seconds=seconds, until_empty=False)
    try:
        town.drained(seconds)
    finally:
        town.forks.kill(pid)


def places_of(town: Town, file: Path) -> list[str]:
    """All the places that the story comes to."""
    told(town)
    town.forks.wait(town.forks.start("doomed", HASTY, place="", listed=str(file)))
    finish(town)
    town.check()
    places = sorted(set(file.read_text().splitlines()))
    assert len(places) >= 25, places
    return places


def die(town: Town, place: str) -> bool:
    """Let a worker die at a place; whether it came there. What it leaves is one of the states that may be left."""
    met = town.forks.wait(town.forks.start("doomed", BRIEF, place=place, seconds=6)) == -signal.SIGKILL
    states = {row.status for row in rows(town.runtime, "deliveries", "status")}
    assert states <= {"pending", "sending", "sent", "withheld"}, place
    assert {row.status for row in rows(town.runtime, "inbox", "status")} <= {"pending", "done"}, place
    return met


def is_finished(town: Town, place: str) -> None:
    """The next worker does all that the dead one left, and nothing twice."""
    try:
        finish(town)
        town.check()
    except AssertionError as error:
        raise AssertionError(f"after a death at {place!r}: {error}") from error


def test_r2_workers_that_die_at_named_places_one_after_the_other_lose_and_repeat_nothing(
    make_town: MakeTown, tmp_path: Path
) -> None:
    """R2: killed before and after commits and calls, at every third of at least 25 places (nightly: at each): what is
    left are legal states, and the next worker makes of them 0 lost, 0 twice, 0 out of order, looked at after each."""
    town = make_town("sqlite")
    chosen = places_of(town, tmp_path / "places")[1::3]
    met = 0
    for number, place in enumerate(chosen, start=1):
        told(town, number)
        met += die(town, place)
        is_finished(town, place)
    assert met >= len(chosen) * 3 // 4


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_r2_a_worker_that_dies_at_any_named_place_leaves_what_the_next_one_finishes(
    make_town: MakeTown, tmp_path: Path, database: str
) -> None:
    """R2, nightly: each place by itself, from a fresh start, on both databases."""
    town = make_town(database)
    for place in places_of(town, tmp_path / "places"):
        town.begin_anew()
        told(town)
        die(town, place)
        is_finished(town, place)


# --- R3, R17: those who were presumed dead


@pytest.mark.parametrize(
    "place",
    [
        "POST hubspot/crm/v3/objects/tasks before call",
        "POST hubspot/crm/v3/objects/tasks after call",
        "lane.claim after commit",
        "inbox.claim after commit",
    ],
)
def test_r17_a_worker_that_slept_past_its_lease_writes_and_sends_nothing(make_town: MakeTown, place: str) -> None:
    """R3, R17: SIGSTOP until another has taken over and finished, then SIGCONT: it writes nothing, 0 effects twice.

    On PostgreSQL only: with SQLite all workers are on one machine, and one that is stopped while it writes stops all.
    """
    town = make_town("postgresql")
    told(town)
    sleeper = town.forks.start("doomed", HASTY, place=place, how=signal.SIGSTOP)
    until(lambda: stopped(sleeper), 20, f"stop at {place}")
    finish(town)
    before = written(town)
    os.kill(sleeper, signal.SIGCONT)
    assert town.forks.wait(sleeper, 40) is not None  # by itself, or because the database had hung up on it
    assert written(town) == before
    town.check()


def written(town: Town) -> list[Any]:
    """All that a worker leaves when it brings requests and deliveries to their end, and when it did."""
    inbox = rows(town.runtime, "inbox", "id", "status", "attempts", "done_at")
    return [*inbox, *rows(town.runtime, "deliveries", "id", "status", "attempts", "fence", "updated_at")]


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.chaos
def test_r17_ninety_seconds_with_leases_as_shipped(make_town: MakeTown) -> None:
    """R17, nightly: SIGSTOP for 90 s right before a task is created."""
    town = make_town("postgresql")
    told(town)
    place = "POST hubspot/crm/v3/objects/tasks before call"
    sleeper = town.forks.start("doomed", LONG, place=place, how=signal.SIGSTOP)
    until(lambda: stopped(sleeper), 30, f"stop at {place}")
    other = town.forks.start("drain", LONG, seconds=120, until_empty=False)
    time.sleep(90)
    os.kill(sleeper, signal.SIGCONT)
    assert town.forks.wait(sleeper, 60) == 0
    town.drained(60)
    town.forks.kill(other)
    town.check()


BATCH, LANE = "settle.settle before commit", "lane.claim before commit"


@pytest.mark.parametrize(
    ("place", "idle_ms", "transaction_ms"),
    [
        pytest.param(BATCH, 1_000, 600_000, id="a batch, by its silence"),
        pytest.param(BATCH, 600_000, 2_000, id="a batch, by its length"),
        pytest.param(LANE, 1_000, 2_000, id="a claim"),  # other threads may have been stopped within a statement
    ],
)
def test_r17_a_worker_that_sleeps_within_a_transaction_does_not_stop_the_others(
    make_town: MakeTown, place: str, idle_ms: int, transaction_ms: int
) -> None:
    """R17: PostgreSQL ends the transaction of a worker that says nothing any more, and with it its locks; from 17 on
    also one that takes too long. Each of the two does by itself."""
    town = make_town("postgresql")
    with town.runtime.database.read() as conn:
        version = conn.dialect.server_version_info or (0,)
    if version < (17,) and idle_ms > transaction_ms:
        pytest.skip("PostgreSQL limits the length of transactions from 17 on")
    told(town)
    limits = {"app.store.engine.IDLE_MS": idle_ms, "app.store.engine.TRANSACTION_MS": transaction_ms}
    sleeper = town.forks.start("doomed", {**HASTY, **limits}, place=place, how=signal.SIGSTOP)
    until(lambda: stopped(sleeper), 20, f"stop at {place}")
    finish(town)
    os.kill(sleeper, signal.SIGCONT)
    town.forks.wait(sleeper, 40)
    assert not town.left()
    town.check()
