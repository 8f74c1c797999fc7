"""Whether an event costs more the more Baton knows: CPU of ingest with few contacts in the database and with many."""

import gc
import random
import time
from collections.abc import Iterator, Sequence

from app.runtime import Runtime
from app.store.connections import Connection
from bench import mass
from bench.arithmetic import median
from bench.report import Figure
from bench.setting import Bench
from jobs import ingest

EVENTS_EACH = 10
ROUNDS = 3
MOST_TIMES = 1.3
GAP = 10_000  # numbers between the few and the many that the events of the first measurement may use up
SECONDS = 600


def measure(bench: Bench) -> Iterator[Figure]:
    """The same events with few contacts and with many; ingest runs in this process, without any other."""
    few, many, events = (200, 2_000, 200) if bench.quick else (10_000, 1_000_000 if bench.full else 100_000, 2_000)
    with bench.hub() as hub:
        source = hub.connect("hubspot", "hubspot", client_secret="bench", portal_id="4242")  # noqa: S106
        mass.fill(hub.runtime, source, few, EVENTS_EACH)
        before = _ms_per_event(hub.runtime, source, range(1, few), events)
        yield Figure(f"{few:,} contacts, {few * EVENTS_EACH:,} events", before, "CPU ms per event")
        more = range(few + GAP, many + GAP)
        mass.copy(hub.runtime, more)
        after = _ms_per_event(hub.runtime, source, [*range(1, few), *more], events)
        yield Figure(f"{many:,} contacts, {many * EVENTS_EACH:,} events", after, "CPU ms per event")
        yield Figure("the second by the first", after / before, "times", bar=MOST_TIMES)


def _ms_per_event(runtime: Runtime, source: Connection, people: Sequence[int], events: int) -> float:
    """The median of some rounds, after one that only warms up."""
    return median([_round(runtime, source, people, events) for _ in range(1 + ROUNDS)][1:])


def _round(runtime: Runtime, source: Connection, people: Sequence[int], events: int) -> float:
    """CPU milliseconds per event of this process, while it takes in changes of people chosen at random."""
    chance, moment = random.Random(len(people)), time.time_ns()  # noqa: S311
    chosen = [chance.choice(people) for _ in range(events)]
    changes = [
        mass.notice(person, "city", f"City {number}", moment + number, moment // 1_000_000)
        for number, person in enumerate(chosen)
    ]
    mass.arrive(runtime, source, changes)
    gc.collect()
    began = time.process_time()
    new = ingest.drain(runtime, SECONDS)
    used = time.process_time() - began
    if new != events:
        raise RuntimeError(f"{new} of {events} events were taken in")
    return used * 1000 / events
