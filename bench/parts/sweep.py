"""What the look at all that waits costs: it has to depend on what is due, not on how many contacts there are."""

import gc
import random
import time
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, insert, literal, select, text, type_coerce, update

from app.contacts.times import to_us
from app.runtime import Runtime
from app.store.columns import UtcTime
from app.store.tables import contacts, timers
from bench import mass
from bench.arithmetic import median
from bench.report import Figure
from bench.setting import Bench
from jobs import ingest, sweep

EVENTS_EACH, ROUNDS = 1, 5
MOST_TIMES = 1.3
MONTH = timedelta(days=30)
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
        used = 2 * due * (1 + ROUNDS)  # numbers of events that the first measurement may use up
        mass.copy(hub.runtime, range(few + used, many + used))
        more_idle, more_busy = _look(hub.runtime, due)
        yield Figure(f"{many:,} timers, none due", more_idle, "CPU ms per look")
        yield Figure(f"{many:,} timers, {due:,} due", more_busy / due, "CPU ms per timer")
        yield Figure("the second by the first, none due", more_idle / idle, "times", bar=MOST_TIMES)
        yield Figure(f"the second by the first, {due:,} due", more_busy / busy, "times", bar=MOST_TIMES)


def _look(runtime: Runtime, due: int) -> tuple[float, float]:
    """CPU milliseconds of a tick that finds nothing, and of one that finds so many timers due."""
    _set_all(runtime)
    idle = median([_tick(runtime) for _ in range(1 + ROUNDS)][1:])
    busy = []
    for number in range(1 + ROUNDS):
        _make_due(runtime, due, random.Random(number))  # noqa: S311
        busy.append(_tick(runtime))
        ingest.drain(runtime, SECONDS)
        _set_all(runtime)
    return idle, median(busy[1:])


def _set_all(runtime: Runtime) -> None:
    """Let each contact wait for one moment, a month ahead and more."""
    later = to_us(runtime.clock() + MONTH)
    due_at = type_coerce(contacts.c.id % 86_400 * 1_000_000 + later, UtcTime)
    missing = select(contacts.c.id, literal("waiting"), due_at).where(contacts.c.id.not_in(select(timers.c.contact_id)))
    with runtime.database.write() as conn:
        conn.execute(insert(timers).from_select(["contact_id", "key", "due_at"], missing))
        if not runtime.database.is_sqlite:
            conn.execute(text("ANALYZE timers"))


def _make_due(runtime: Runtime, count: int, chance: random.Random) -> None:
    """Let so many contacts' moments have come, of contacts from all over."""
    past = runtime.clock() - timedelta(seconds=1)
    left = count
    with runtime.database.write() as conn:
        model, newest = conn.execute(select(func.min(contacts.c.id), func.max(contacts.c.id))).one()
        while left:
            # The model's rows are copied, and a batch of timers is one large row
            some = timers.c.contact_id.in_([chance.randint(model + 1, newest) for _ in range(left)])
            left -= conn.execute(update(timers).where(some, timers.c.due_at > past).values(due_at=past)).rowcount


def _tick(runtime: Runtime) -> float:
    gc.collect()
    began = time.process_time()
    sweep.tick(runtime, lambda *_: None, "bench")
    return (time.process_time() - began) * 1000
