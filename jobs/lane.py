"""One connection's lane: who holds its lease sends what waits for that vendor, most urgent first, as fast as allowed.

A delivery is marked as on its way before the call and closed after it (jobs/landing.py), each in a transaction of its
own under the lease's number; no row is locked while a vendor answers.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from functools import partial
from itertools import groupby

import structlog
from sqlalchemy import Connection as Conn

from adapters.contract import (
    BatchRefused,
    ConnectionRefused,
    Delivery,
    Outcome,
    Push,
    RateLimit,
    Refused,
    RetryLater,
    Unknown,
)
from adapters.http import TOTAL_SECONDS, TooLate, recording
from app.contacts.action import kind_of
from app.runtime import Runtime
from app.store import budgets, claims, deliveries, echoes, inbox, lanes
from app.store.claims import Claimed
from app.store.connections import Connection
from app.store.echoes import Place
from app.store.engine import Conflict, is_unavailable
from app.store.lanes import Lease
from jobs.breaker import Breaker
from jobs.clearance import Clearance
from jobs.context import stopping
from jobs.echoing import record_of, written, written_by
from jobs.landing import Landing, Work
from jobs.orphans import resolve_orphans
from jobs.pace import Pace

log = structlog.get_logger("baton.deliver")

CHUNK_SECONDS = 0.1  # so far ahead calls are claimed, and as many at once: what is urgent waits twice this at most
MAX_IN_FLIGHT = 160  # with those that wait for their moment
MANY, GATHER_SECONDS = 8, 0.02  # while so many are under way, answers are gathered for so long to be recorded together
MAX_ROWS = 1_000
RENEW_SECONDS = 5.0
# Calls are begun no later than this after the lease was renewed: who takes it over must not meet one under way
CALL_SECONDS = lanes.LEASE_SECONDS - TOTAL_SECONDS
POLL_SECONDS, LESS_OFTEN = 0.005, 0.04  # the longer nothing has come, the less often it is looked for
FRUITLESS_SECONDS = 0.2  # between claims, where what is due cannot leave
PATIENT_SECONDS = 2.0  # a longer wait for the vendor's limits is spent in the database, where others can be sent
RECORD_SECONDS = 60.0


class Lane:
    """Works one connection's deliveries while it holds the lease."""

    def __init__(self, runtime: Runtime, connection: Connection, lease: Lease, note: Callable[[], None]) -> None:
        self.runtime, self.connection, self.lease = runtime, connection, lease
        self.database = runtime.database
        self.adapter = runtime.adapter(connection)
        self.client = runtime.client(connection)
        self.breaker = Breaker(runtime, connection.id)
        self.landing = Landing(runtime, connection, lease, self.breaker, note)
        self._note = note  # called when something was put in the inbox
        self._renewed = lease.asked_at
        self._pushes = {kind: push.of(connection.settings) for kind, push in self.adapter.pushes.items()}
        # Those of streams that are read are none of its business: it would hurry or wait for what it never asks for
        spent = {name for push in self.adapter.pushes.values() for name in push.limits}
        self._limits = {one.name: one.of(connection.settings) for one in self.adapter.limits if one.name in spent}
        self._paces = {name: Pace(limit) for name, limit in self._limits.items() if limit.even}
        self._fruitless_until = self._booked_until = 0.0
        self._closed: dict[str, float] = {}  # kind → until when the vendor's limits let none of it through

    def run(self, until: float, linger: float) -> bool:
        """Send until nothing has been due for ``linger`` seconds, the time is up, or the lease is lost; whether
        anything could be done at all."""
        busy = empty = False
        with ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix=f"lane-{self.connection.name}") as pool:
            flying: dict[Future[Work], Work] = {}
            try:
                busy = resolve_orphans(self.runtime, self.connection, self.lease, self.landing)
                with self.database.read() as conn:
                    self._close_kinds(conn)
                while time.monotonic() < until and not stopping.is_set() and self._still_mine():
                    room = min(MAX_IN_FLIGHT, self.breaker.allowed()) - len(flying)
                    started = self._start(pool, flying, room) if room > 0 and self._may_find_some() else 0
                    busy = busy or bool(flying)
                    if started or flying:
                        empty = False
                        self._land(flying, 0.0 if started else POLL_SECONDS)
                    elif empty or not self._more_comes(linger):
                        break  # also where something is due that cannot leave yet
                    else:
                        empty = True
            finally:
                while flying:
                    self._land(flying, 1.0)
        return busy

    def _more_comes(self, linger: float) -> bool:
        """Wait a little for more to send."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < linger and not stopping.is_set():
            time.sleep(max(POLL_SECONDS, waited * LESS_OFTEN))
            if self._is_due():
                return True
        return False

    def _is_due(self) -> bool:
        with self.database.read() as conn:
            return claims.is_due(conn, self.connection.id)

    def _may_find_some(self) -> bool:
        """Whether to claim: not while enough calls wait for their moment, nor while the last claim found nothing that
        could leave and no call has ended since."""
        now = time.monotonic()
        return now >= self._fruitless_until and self._booked_until - now < CHUNK_SECONDS and self._is_due()

    def _still_mine(self) -> bool:
        asked = time.monotonic()
        if asked - self._renewed > RENEW_SECONDS:
            if not lanes.renew(self.database, self.lease):
                return False
            self._renewed = asked
        current = self.runtime.connections().get(self.connection.id)
        return current is not None and current.sends and current.version == self.connection.version

    # --- taking off

    def _start(self, pool: ThreadPoolExecutor, flying: dict[Future[Work], Work], room: int) -> int:
        """Claim some calls and start them, each when the vendor's limits let it."""
        claimed = self._claim(min(room, self._chunk()))
        for work in sorted(claimed, key=lambda work: work.start_at):
            flying[pool.submit(self._call, work)] = work
            self._booked_until = work.start_at
        if not claimed:
            self._fruitless_until = time.monotonic() + FRUITLESS_SECONDS
        return len(claimed)

    def _place(self, conn: Conn, works: Sequence[Work]) -> list[Work]:
        """Find each call its place under the vendor's limits; those for which there is none soon are put off."""
        placed: list[Work] = []
        # Calls that spend from the same limits ask together
        for _, alike in groupby(works, key=lambda work: work.push.limits):
            group = list(alike)
            limits = self._limits_of(group[0].push)
            delay = budgets.reserve(conn, self.database, self.connection.id, limits, len(group), PATIENT_SECONDS)
            if delay > PATIENT_SECONDS:
                claims.put_off(conn, [one for work in group for one in work.ids], delay)
                self._close_kinds(conn)
                continue
            first = time.monotonic() + delay
            spacing = max((limit.seconds / limit.calls for limit in limits if limit.even), default=0.0)
            for number, work in enumerate(group):
                work.start_at = first + number * spacing
            placed += group
        return placed

    def _close_kinds(self, conn: Conn) -> None:
        """Find out for which kinds the vendor's limits leave no room for a while, be it that it told us to wait."""
        held = budgets.held_back(conn, self.connection.id)
        for action, push in self._pushes.items():
            wait = max((held.get(name, 0.0) for name in push.limits), default=0.0)
            if wait > PATIENT_SECONDS:
                self._closed[kind_of(action)] = time.monotonic() + wait

    def _chunk(self) -> int:
        """How many calls to claim at once: a tenth of a second's worth."""
        fastest = max((limit.calls / limit.seconds for limit in self._limits.values() if limit.even), default=50.0)
        return max(1, min(MAX_IN_FLIGHT, int(fastest * CHUNK_SECONDS)))

    def _claim(self, calls: int) -> list[Work]:
        """Take what may leave now, in the order of urgency, as up to so many calls."""
        now, rulebook = self.runtime.clock(), self.runtime.rulebook()
        try:
            with self.database.write() as conn:
                lanes.hold(conn, self.lease)
                closed = [kind for kind, end in self._closed.items() if end > time.monotonic()]
                found = claims.ready(conn, self.connection.id, calls, closed)
                largest = max((self._pushes[type(one.action)].batch for one in found), default=1)
                if largest > 1 and len(found) == calls:  # else there is no more
                    found = claims.ready(conn, self.connection.id, min(MAX_ROWS, calls * largest), closed)
                if not found:
                    return []
                clearance = Clearance(self.runtime, rulebook, self.connection, conn, now)
                cleared = clearance.clear(self._enough(found, calls))
                works = self._place(conn, self._group(cleared.ready, calls))
                taken = [one for work in works for one, _ in work.items]
                claims.start(conn, taken, self.lease.fence)
                self._expect_echoes(conn, works, now)
                ids = {one.id for one in taken}
                claims.rewrite(conn, {key: action for key, action in cleared.rewritten.items() if key in ids})
                for delivery_id, reason in cleared.withheld.items():
                    claims.finish(conn, delivery_id, None, status=deliveries.WITHHELD, reason=reason)
                for delivery_id, reason in cleared.done.items():
                    claims.finish(conn, delivery_id, None, status=deliveries.SENT, reason=reason)
                for delivery_id, seconds in cleared.later.items():
                    claims.put_off(conn, [delivery_id], seconds)
                if cleared.notes:
                    inbox.note(conn, cleared.notes, now)
        except Conflict as conflict:
            log.info("claim_again", connection=self.connection.name, reason=str(conflict)[:100])
            return []
        if cleared.notes:
            self._note()
        settled = cleared.withheld or cleared.done or cleared.later
        return works or self._claim(calls) if settled else works

    def _expect_echoes(self, conn: Conn, works: Sequence[Work], now: datetime) -> None:
        """Know beforehand what may come back: the tool can be read before its answer is recorded, and a worker that
        dies records none. Its own write would then be taken for a newer word than what was said meanwhile."""
        if not self.adapter.mapping:
            return
        reads = self.runtime.rulebook().mapping_for(self.connection).sources
        expected: list[tuple[Place, object]] = []
        for work in works:
            for _, delivery in work.items:
                expected += written(self.connection.id, record_of(delivery), written_by(delivery.action), reads)
        echoes.expect(conn, self.database, expected, now)

    def _enough(self, found: Sequence[Claimed], calls: int) -> list[Claimed]:
        """The first of these that make up so many calls, so that no more is looked at closely than can leave now."""
        enough: list[Claimed] = []
        room: dict[str, int] = {}
        for one in found:
            if room.get(one.kind, 0) == 0:
                if calls == 0:
                    continue
                calls -= 1
                room[one.kind] = self._pushes[type(one.action)].batch
            room[one.kind] -= 1
            enough.append(one)
        return enough

    def _group(self, ready: Iterable[tuple[Claimed, Delivery]], calls: int) -> list[Work]:
        works: list[Work] = []
        open_works: dict[tuple[str, str], Work] = {}
        for one, delivery in ready:
            push = self._pushes[type(delivery.action)]
            key = (one.kind, push.group(delivery))
            work = open_works.get(key)
            if work is None or len(work.items) >= push.batch:
                if len(works) >= calls:
                    continue
                work = open_works[key] = Work(push, [])
                works.append(work)
            work.items.append((one, delivery))
        return works

    # --- in the air

    def _before_call(self, work: Work) -> bool:
        """Wait for the place of an HTTP call under the limits; whether it may be made then. The place of the first one
        was found when the work was claimed."""
        if work.exchanges:
            with self.database.write(lasting=False) as conn:
                wait = budgets.reserve(conn, self.database, self.connection.id, self._limits_of(work.push))
            time.sleep(wait)
        for name in work.push.limits:
            if name in self._paces:
                self._paces[name].wait()
        return self._may_call()

    def _limits_of(self, push: Push) -> list[RateLimit]:
        return [self._limits[name] for name in push.limits if name in self._limits]

    def _may_call(self) -> bool:
        return time.monotonic() - self._renewed < CALL_SECONDS

    def _call(self, work: Work) -> Work:
        time.sleep(max(0.0, work.start_at - time.monotonic()))
        with recording(partial(self._before_call, work)) as work.exchanges:
            try:
                if not self._may_call():  # this process slept; another one may have taken over
                    raise TooLate("the lease ran out before it was sent")
                work.outcomes = self._send(work.push, [delivery for _, delivery in work.items])
            except TooLate as late:
                log.warning("too_late", connection=self.connection.name, deliveries=work.ids)
                work.late = True
                outcome = Unknown(reason=str(late)) if work.exchanges else RetryLater(reason=str(late))
                work.outcomes = [outcome] * len(work.items)
            except ConnectionRefused as refusal:
                work.refusal = str(refusal)
            except Exception as error:
                # A bug of ours or of an SDK: what it did is unknown
                log.exception("send_failed", connection=self.connection.name, deliveries=work.ids)
                work.outcomes = [Unknown(reason=f"{type(error).__name__}: {str(error)[:300]}")] * len(work.items)
        return work

    def _send(self, push: Push, items: Sequence[Delivery]) -> list[Outcome]:
        """One call; where it is refused as a whole because of some item, halves of it, until the bad one is alone."""
        try:
            outcomes = list(push.send(self.client, items))
        except BatchRefused as refusal:
            if len(items) == 1:
                return [Refused(reason=str(refusal))]
            middle = len(items) // 2
            return [outcome for half in (items[:middle], items[middle:]) for outcome in self._send(push, half)]
        if len(outcomes) != len(items):
            raise ValueError(f"{len(outcomes)} outcomes for {len(items)} deliveries")
        return outcomes

    # --- landing

    def _land(self, flying: dict[Future[Work], Work], seconds: float) -> None:
        """Record the calls that have been answered; wait so long for the first."""
        if not flying:
            return
        done, _ = wait(flying, timeout=seconds, return_when=FIRST_COMPLETED)
        if done and len(flying) > MANY:
            done, _ = wait(flying, timeout=GATHER_SECONDS)
        if done:
            self._fruitless_until = 0.0
            self._record([future.result() for future in done])
            for future in done:
                del flying[future]

    def _record(self, works: Sequence[Work]) -> None:
        """Write down what came of calls. While the database is away that is tried again: nobody else can know."""
        end = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                return self.landing.record(works)
            except Exception as error:
                if not is_unavailable(error) or time.monotonic() > end:
                    raise
                time.sleep(0.5)
