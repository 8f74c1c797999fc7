"""Rehearsals are worked on in a process of their own, behind everything else: it takes the CPU that nobody else wants,
reads a little at a time, and writes once a second how far it has come. Where a mapping is rehearsed, stored payloads
are read by it first.

The row of a rehearsal is the truth. A wake-up, or the sweep, has the process started where a row waits and nobody
works on it; one that was killed leaves its lease to the next, which goes on after the last step that was written.
"""

import threading
import time

import msgspec
import structlog

from app.contacts.recast import Recast
from app.rules.difference import Change
from app.runtime import Runtime
from app.settings import Settings
from app.store import inbox, lanes, recasts, rehearsals
from app.store.engine import Conflict, is_unavailable
from app.store.lanes import Lease
from app.store.rehearsals import DONE, FAILED, KEPT, Progress, Rehearsal
from jobs import aside, recasting
from jobs.context import current
from jobs.queue import REHEARSE
from jobs.rehearsing import Stage, rehearse_contacts, set_up
from mappings.document import InvalidDocument

log = structlog.get_logger("baton.rehearse")

LANE = "rehearsals"
AT_ONCE = 200  # contacts that are asked for at once
STEP_SECONDS = 1.0
REST_SECONDS = 2.0  # at most, at once
MAX_ATTEMPTS = 3  # begun so often without getting anywhere


def rehearse() -> None:
    """The RQ job: have somebody work on what waits. May run twice."""
    current().woken(REHEARSE)
    look(current().runtime)


def look(runtime: Runtime) -> None:
    """Start the process that rehearses, where something waits and nobody works on it."""
    with runtime.database.read() as conn:
        waits = bool(rehearsals.open_ones(conn)) and lanes.is_free(conn, LANE)
    if waits:
        start(runtime)


def start(runtime: Runtime) -> None:
    """Start the process, unless it runs."""
    aside.start(runtime.database, REHEARSE)


def run(settings: Settings) -> None:
    """Work on what waits in this process, until nothing does."""
    aside.run(settings, "rehearsal", work)


def work(runtime: Runtime, holder: str, stopping: threading.Event | None = None) -> int:
    """Work on rehearsals, one after the other, until none waits; on how many. Only one worker does, wherever it is."""
    stopping, count = stopping or threading.Event(), 0
    lease = lanes.take(runtime.database, LANE, holder)
    if lease is None:
        return 0
    try:
        while not stopping.is_set():
            with runtime.database.read() as conn:
                waiting = rehearsals.open_ones(conn)
                rehearsal = rehearsals.find(conn, waiting[0]) if waiting else None
            if rehearsal is None:
                break
            _Run(runtime, rehearsal, lease, stopping).run()
            count += 1
    except Conflict:
        log.warning("lease_lost", lane=LANE)
    finally:
        lanes.give_back(runtime.database, lease)
    return count


class _Run:
    """One rehearsal, as far as this process gets with it."""

    def __init__(self, runtime: Runtime, rehearsal: Rehearsal, lease: Lease, stopping: threading.Event) -> None:
        self.runtime, self.database, self.lease, self.stopping = runtime, runtime.database, lease, stopping
        self.rehearsal, self.tally = rehearsal, rehearsal.tally
        self.progress = Progress(**{name: getattr(rehearsal, name) for name in Progress.__struct_fields__})
        self.found: list[tuple[int, Change]] = []
        self.recasts: list[tuple[str, int, Recast]] = []
        self.kept, self.began = lanes.Kept(runtime.database, lease), time.monotonic()
        self.rested = self.began

    def run(self) -> None:
        """Go through the contacts, and say how it ended. Raises Conflict where another process has taken over."""
        try:
            self._run()
        except Conflict:
            raise
        except InvalidDocument as error:
            self._end(FAILED, str(error)[:2_000])
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("rehearsal_failed", rehearsal=self.rehearsal.id)
            self._end(FAILED, f"{type(error).__name__}: {str(error)[:500]}")

    def _run(self) -> None:
        rehearsal = self.rehearsal
        if rehearsal.attempts >= MAX_ATTEMPTS:
            self._end(FAILED, f"it was begun {rehearsal.attempts} times, and each time its process ended over it")
            return
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            if not rehearsals.begin(conn, rehearsal, self.runtime.clock()):
                return
        with self.database.read() as conn:
            stage = set_up(self.runtime, conn, rehearsal)
        self.began = time.monotonic()
        if self._read_again(stage) and self._go_through(stage):
            self._end(DONE)

    def _read_again(self, stage: Stage) -> bool:
        """Read stored payloads by the mappings that are rehearsed; False where it was stopped before the last one."""
        self.progress = recasting.begin(self.runtime, stage.mapped, self.rehearsal, self.progress)
        while stage.mapped:
            self._give_way()
            found = recasting.step(self.runtime, stage.mapped, self.rehearsal, self.progress, self.tally.payloads)
            if found is None:
                break
            self.progress = found.progress
            self.recasts += found.recasts
            if time.monotonic() - self.began >= STEP_SECONDS and not self._save():
                return False
        return not stage.mapped or self._save()

    def _go_through(self, stage: Stage) -> bool:
        """Rehearse contact after contact; False where it was stopped before the last one."""
        while True:
            self._give_way()
            with self.database.read() as conn:
                some = rehearsals.next_contacts(conn, self.rehearsal, self.progress.last, AT_ONCE)
            if not some:
                return self._save()
            for contact_id, changes in rehearse_contacts(self.database, stage, some, self.tally, self.kept.keep):
                self._count(contact_id, changes)
                if time.monotonic() - self.began >= STEP_SECONDS and not self._save():
                    return False

    def _give_way(self) -> None:
        """While something waits in the inbox, work a quarter of the time: the last process to get a CPU still takes its
        share of caches and memory from those who take events in, and rehearses several times as fast as they do."""
        worked = time.monotonic() - self.rested
        with self.database.read() as conn:
            busy = inbox.oldest_ready(conn) is not None
        if busy:
            self.stopping.wait(min(worked * 3, REST_SECONDS))
        self.rested = time.monotonic()

    def _count(self, contact_id: int, changes: list[Change]) -> None:
        room = KEPT - self.progress.kept
        self.found += [(contact_id, change) for change in changes[:room]]
        self.progress = msgspec.structs.replace(
            self.progress,
            seen=self.progress.seen + 1,
            last=contact_id,
            kept=self.progress.kept + min(room, len(changes)),
        )

    def _save(self) -> bool:
        """Write how far it has come; whether to go on."""
        now = time.monotonic()
        seconds = self.progress.seconds + now - self.began
        self.progress, self.began = msgspec.structs.replace(self.progress, seconds=seconds), now
        self.kept.keep()
        with self.database.write(lasting=False) as conn:
            lanes.hold(conn, self.lease)
            more = rehearsals.save(conn, self.rehearsal.id, self.progress, self.tally, self.found)
            if more:
                recasts.keep(conn, self.database, self.rehearsal.id, self.recasts)
        self.found, self.recasts = [], []
        return more and not self.stopping.is_set()

    def _end(self, status: str, reason: str = "") -> None:
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            rehearsals.end(conn, self.rehearsal.id, status, self.runtime.clock(), reason)
        log.info("rehearsed", rehearsal=self.rehearsal.id, status=status, contacts=self.progress.seen)
