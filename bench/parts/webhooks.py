"""How many webhooks Baton takes and works off, what each costs, and whether all of it is right: see bench/w1.py."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import requests

from bench import w1
from bench.generator import signature
from bench.hub import START_SECONDS, Hub
from bench.machine import MEASURES, NOT_MEASURED, Watch, memory_mb
from bench.report import Figure
from bench.setting import Bench

BATCHES = {1: "1 event a request", 100: "100 a request"}
MOST_MS = {1: 1.1, 100: 0.25}  # CPU per event: bars
MOST_MB = 300.0
CALM_SECONDS = 2.0  # after a start, before idle memory is looked at


@dataclass(frozen=True)
class Trial:
    """One run: rates per second, seconds of CPU by role, all processes of it and the busiest one; megabytes."""

    events: int
    start_seconds: float
    idle_mb: float
    peak_mb: float
    accepted: float
    done: float
    seconds: float
    cpu: dict[str, float]
    busiest: dict[str, float]
    faults: w1.Faults

    def ms_per_event(self, role: str = "") -> float:
        """CPU milliseconds per event, of one role or of all; the same as seconds per 1,000 events."""
        used = self.cpu.get(role, 0.0) if role else sum(self.cpu.values())
        return used * 1000 / self.events


def measure(bench: Bench) -> Iterator[Figure]:
    """Both sizes of requests, each on a fresh installation."""
    for batch, title in BATCHES.items():
        trial = run(bench, batch, events_for(bench, batch))
        bench.done_rates[batch] = trial.done
        yield Figure(f"{title}: accepted", trial.accepted, "requests/s")
        yield Figure(f"{title}: done", trial.done, "events/s")
        yield from _cost(trial, title, MOST_MS[batch])
        yield from no_faults(trial.faults, title)
        yield Figure(f"{title}: start to first answer", trial.start_seconds, "s")
        yield Figure(f"{title}: idle memory (PSS)", trial.idle_mb or NOT_MEASURED, "MB")
        yield Figure(f"{title}: peak memory (PSS)", trial.peak_mb or NOT_MEASURED, "MB", bar=MOST_MB)


def events_for(bench: Bench, batch: int) -> int:
    """How many events to send."""
    if bench.quick:
        return 300 if batch == 1 else 1_000
    return 10_000 if batch == 1 else 20_000


def _cost(trial: Trial, title: str, most: float) -> Iterator[Figure]:
    unit = "CPU s per 1,000 events"
    yield Figure(f"{title}: all processes", trial.ms_per_event() if MEASURES else NOT_MEASURED, unit, bar=most)
    for role in sorted(trial.cpu):
        yield Figure(f"{title}:   {role}", trial.ms_per_event(role), unit)


def no_faults(found: w1.Faults, title: str) -> Iterator[Figure]:
    """What must be 0."""
    yield Figure(f"{title}: lost", found.lost, bar=0, promise=True)
    yield Figure(f"{title}: wrong", found.wrong, bar=0, promise=True)
    yield Figure(f"{title}: doubled", found.doubled, bar=0, promise=True)


def run(bench: Bench, batch: int, count: int, workers: int = 2) -> Trial:
    """Start Baton, send it everything, wait until all of it is done, and look whether it is right."""
    notices = w1.make_notices(count, bench.people)
    first, *others = w1.requests_of(notices, batch)
    with w1.Vendor() as vendor, bench.hub(workers) as hub:
        w1.set_up(hub, vendor)
        start_seconds = _start(hub, first)
        hub.rest(START_SECONDS)
        time.sleep(CALM_SECONDS)
        idle_mb = memory_mb(hub.pid) if MEASURES else 0.0
        with Watch(hub.pid, postgres=bool(bench.database)) as watch:
            sent = w1.send(hub, others)
            done = hub.rest(w1.PATIENCE_SECONDS)
        return Trial(
            events=count - batch,
            start_seconds=start_seconds,
            idle_mb=idle_mb,
            peak_mb=watch.peak_mb,
            accepted=len(others) / (sent.ended - sent.began),
            done=(count - batch) / (done - sent.began),
            seconds=watch.ended - watch.began,
            cpu=watch.cpu(),
            busiest=watch.busiest(),
            faults=w1.faults(hub, vendor, notices),
        )


def _start(hub: Hub, first: str) -> float:
    """Start Baton and send it a request until it is taken; the seconds that took. A repeat changes nothing."""
    url, body = f"{hub.url}/webhooks/hubspot", first.encode()
    began = time.monotonic()
    hub.start()
    hub.until(
        lambda: requests.post(url, body, headers=signature(w1.SECRET, url, body), timeout=2).ok,
        START_SECONDS,
        "the first answer",
        pause=0.01,
    )
    return time.monotonic() - began
