"""How fast a draft is tried on the past, and what that takes from what comes in meanwhile: both in one run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from app import rehearsal
from app.store import rehearsals
from bench import w1
from bench.hub import Hub
from bench.parts.webhooks import no_faults
from bench.report import Figure
from bench.setting import Bench

BATCH = 100
AT_LEAST = 0.5  # times the rate at which events are taken in
BESIDE_AT_LEAST = 0.9  # of what is taken in without it
AGO = timedelta(days=1)
SECONDS = 600.0
_IN_FORCE, _DRAFTED = "threshold: 50", "threshold: 70"


@dataclass(frozen=True)
class Seen:
    """How many events had been gone through at a moment."""

    events: int
    seconds: float  # of work so far
    at: float
    is_over: bool


def measure(bench: Bench) -> Iterator[Figure]:
    """A history, then webhooks alone, with a rehearsal beside them, and alone again."""
    stored, each = (2_000, 1_000) if bench.quick else (100_000, 20_000)
    everything = w1.make_notices(stored + 3 * each, bench.people)
    history, first, second, third = (
        everything[:stored],
        *(everything[stored + turn * each : stored + (turn + 1) * each] for turn in range(3)),
    )
    with w1.Vendor() as vendor, bench.hub() as hub:
        w1.set_up(hub, vendor)
        hub.started()
        _ingest(hub, history)
        before = _ingest(hub, first)
        number = _ask(hub)
        began = _until(hub, number, lambda seen: seen.events > 0 or seen.is_over)
        beside = _ingest(hub, second)
        ended = _seen(hub, number)
        done = _until(hub, number, lambda seen: seen.is_over)
        after = _ingest(hub, third)
        faults = w1.faults(hub, vendor, everything)
    alone, rate = (before + after) / 2, done.events / done.seconds
    yield Figure("events taken in, without a rehearsal", alone, "events/s")
    yield Figure("  with one beside", beside, "events/s")
    yield Figure("  of what is taken in without it", beside / alone, "times", bar=BESIDE_AT_LEAST, at_least=True)
    yield Figure("events rehearsed", done.events)
    yield Figure("  a second, over all", rate, "events/s")
    yield Figure("  times what is taken in", rate / alone, "times", bar=AT_LEAST, at_least=True)
    if not began.is_over:
        yield Figure("  a second, while events came in", _rate(began, ended), "events/s")
    if done.events > ended.events:
        yield Figure("  a second, while none did", _rate(ended, done), "events/s")
    yield from no_faults(faults, "with a rehearsal beside")


def _ingest(hub: Hub, notices: list[w1.Notice]) -> float:
    """Send these, and wait until all is done that follows; events a second."""
    sent = w1.send(hub, w1.requests_of(notices, BATCH))
    return len(notices) / (hub.rest(w1.PATIENCE_SECONDS) - sent.began)


def _ask(hub: Hub) -> int:
    """Have another threshold tried on all that came in; the rehearsal's number. The sweep sees to it."""
    scoring = hub.policy("scoring")
    assert _IN_FORCE in scoring
    text = scoring.replace(_IN_FORCE, _DRAFTED)
    return rehearsal.ask(hub.runtime, "bench", [("scoring", text)], hub.runtime.clock() - AGO)


def _seen(hub: Hub, number: int) -> Seen:
    """How far it has come. Raises RuntimeError where it failed."""
    with hub.database.read() as conn:
        found = rehearsals.find(conn, number)
    assert found is not None
    if found.status == rehearsals.FAILED:
        raise RuntimeError(f"the rehearsal failed: {found.reason}")
    return Seen(found.tally.events, found.seconds, time.monotonic(), not found.is_open)


def _until(hub: Hub, number: int, holds: Callable[[Seen], bool]) -> Seen:
    """Wait until it has come so far. Raises TimeoutError."""
    hub.until(lambda: holds(_seen(hub, number)), SECONDS, "the rehearsal")
    return _seen(hub, number)


def _rate(first: Seen, last: Seen) -> float:
    """Events a second between two moments."""
    return (last.events - first.events) / (last.at - first.at)
