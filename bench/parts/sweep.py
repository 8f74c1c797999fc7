"""What the look at all that waits costs: it has to depend on what is due, not on how many contacts there are."""

import random
import time
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import bindparam, insert, select, text, update

from app.runtime import Runtime
from app.store.tables import contacts, timers
from bench import mass
from bench.arithmetic import median
from bench.parts.growth import GAP
from bench.report import Figure
from bench.setting import Bench
from jobs import ingest, sweep

EVENTS_EACH, ROUNDS = 1, 5
MOST_TIMES = 1.3
MONTH = timedelta(days=30)
CHUNK = 20_000
SECONDS = 600


def measure(bench: Bench) -> Iterator[Figure]:
    """The same ticks with few contacts and with many, each of whom has a timer; in this process, without any other."""
    few, many, due = (200, 2_000, 100) if bench.quick else (10_000, 1_000_000 if bench.full else 100_000, 2_000)
    with bench.hub() as hub:
        source = hub.connect("hubspot", "hubspot", client_secret="bench", portal_id="4242")  # noqa: S106
        mass.fill(hub.runtime, source, few, EVENTS_EACH)
        idle, busy = _look(hub.runtime, due)
        yield Figure(f"{few:,} timers, none due", idle, "CPU ms per look")
        yield Figure(f"{few:,} timers, {due:,} due", busy / due, "CPU ms per timer")
        mass.copy(hub.runtime, range(few + GAP, many + GAP))
        more_idle, more_busy = _look(hub.runtime, due)
        yield Figure(f"{many:,} timers, none due", more_idle, "CPU ms per look")
        yield Figure(f"{many:,} timers, {due:,} due", more_busy / due, "CPU ms per timer")
        yield Figure("the second by the first, none due", more_idle / idle, "times", bar=MOST_TIMES)
        yield Figure(f"the second by the first, {due:,} due", more_busy / busy, "times", bar=MOST_TIMES)


def _look(runtime: Runtime, due: int) -> tuple[float, float]:
    """CPU milliseconds of a tick that finds nothing, and of one that finds so many timers due."""
    people = mass.contact_ids(runtime)
    _set_all(runtime)
    idle = median([_tick(runtime) for _ in range(1 + ROUNDS)][1:])
    busy = []
    for number in range(1 + ROUNDS):
        _make_due(runtime, random.Random(number).sample(people, due))  # noqa: S311
        busy.append(_tick(runtime))
        ingest.drain(runtime, SECONDS)
        _set_all(runtime)
    return idle, median(busy[1:])


def _set_all(runtime: Runtime) -> None:
    """Let each contact wait for one moment, a month ahead and more."""
    later = runtime.clock() + MONTH
    with runtime.database.write() as conn:
        have = select(timers.c.contact_id)
        missing = list(conn.execute(select(contacts.c.id).where(contacts.c.id.not_in(have))).scalars())
        for start in range(0, len(missing), CHUNK):
            rows = [
                {"contact_id": one, "key": "waiting", "due_at": later + timedelta(seconds=one % 86_400)}
                for one in missing[start : start + CHUNK]
            ]
            conn.execute(insert(timers), rows)
        if not runtime.database.is_sqlite:
            conn.execute(text("ANALYZE timers"))


def _make_due(runtime: Runtime, people: list[int]) -> None:
    statement = update(timers).where(timers.c.contact_id == bindparam("b_contact"))
    past = runtime.clock() - timedelta(seconds=1)
    with runtime.database.write() as conn:
        conn.execute(statement, [{"b_contact": one, "due_at": past} for one in people])


def _tick(runtime: Runtime) -> float:
    began = time.process_time()
    sweep.tick(runtime, lambda *_: None, "bench")
    return (time.process_time() - began) * 1000
