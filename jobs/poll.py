"""Reading vendors' streams beside their webhooks: one reader per stream, page by page, each kept with its place.

A round reads a window that ends now, never later, and begins an overlap before the end of the last one. What is read
goes into the inbox like what is pushed, in one transaction with the place at which to go on: a reader that is killed
loses nothing and repeats one call. Where the vendor's limits are used up, what Baton sends goes first.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from adapters.contract import (
    BatchRefused,
    ConnectionRefused,
    Item,
    Page,
    RateLimit,
    Refused,
    RetryLater,
    Stream,
    Window,
)
from adapters.http import reading_pages
from adapters.outcomes import outcome_of
from app.runtime import Runtime
from app.store import breakers, budgets, connections, inbox, lanes, notes, polls
from app.store.connections import Connection
from app.store.engine import Conflict
from app.store.inbox import Arrival
from app.store.lanes import Lease
from app.store.polls import POLL, Polling
from jobs.context import stopping
from jobs.delays import growing
from jobs.queue import INGEST
from mappings.listening import Listening

log = structlog.get_logger("baton.poll")

FIRST = timedelta(days=1)  # so far back the first round reads, at most: what lies before it is for an import
READERS = 4  # of one process at once
LEASE_SECONDS = 60  # longer than a page takes: its calls, and the wait for a place among the vendor's limits
PATIENCE_SECONDS = 20.0  # so long a page waits for what is sent to leave room; then it takes a place in the queue
LOOK_SECONDS = 0.25
# A row of the inbox is read at once, and what a transaction settles is bounded: a page may become several rows
MAX_ITEMS, MAX_BYTES = 100, 256 * 1024
FIRST_DELAY, MAX_DELAY = 30.0, 3600.0
REFUSED_SECONDS = 6 * 3600.0  # where a scope is missing, others still work; somebody may add it

_readers: set[threading.Thread] = set()


class NotNow(Exception):
    """Reading has to wait, for so many seconds where that is known; ``reason`` is for people. ``again`` where the
    vendor does not know the page any more at which to go on, so that the window has to be read from its beginning."""

    def __init__(self, reason: str, seconds: float | None = None, again: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.seconds, self.again = reason, seconds, again


def look(runtime: Runtime, wake: Callable[..., None]) -> None:
    """Begin to read, in threads of their own, the streams whose turn it is and that nobody reads."""
    _readers.difference_update([thread for thread in _readers if not thread.is_alive()])
    for connection, stream in due(runtime):
        if len(_readers) >= READERS or stopping.is_set():
            return
        lease = lanes.take(runtime.database, _lane(connection, stream), lanes.me(), LEASE_SECONDS)
        if lease is not None:
            arguments = runtime, connection, stream, lease, wake
            thread = threading.Thread(target=_read, args=arguments, name=_lane(connection, stream), daemon=True)
            _readers.add(thread)
            thread.start()


def drain(runtime: Runtime) -> int:
    """Read all streams whose turn it is, one after the other; how many items were news."""
    total = 0
    for connection, stream in due(runtime):
        lease = lanes.take(runtime.database, _lane(connection, stream), lanes.me(), LEASE_SECONDS)
        if lease is not None:
            total += _read(runtime, connection, stream, lease, lambda *queues: None)
    return total


def due(runtime: Runtime) -> list[tuple[Connection, Stream]]:
    """The streams whose turn it is, those that wait longest first."""
    found = [(one, stream) for one in runtime.connections().values() if one.sends for stream in streams(runtime, one)]
    if not found:
        return []
    now = runtime.clock()
    with runtime.database.read() as conn:
        known, marks = polls.load(conn), notes.read_marks(conn)
    turns = [
        (state.due_at if (state := known.get((one.id, stream.name))) is not None else one.created_at, one, stream)
        for one, stream in found
        if not breakers.resting(marks, one.id, now)
    ]
    return [(one, stream) for at, one, stream in sorted(turns, key=lambda turn: turn[0]) if at <= now]


def streams(runtime: Runtime, connection: Connection) -> list[Stream]:
    """The streams that can be read with a connection's settings."""
    adapter = runtime.adapter(connection)
    if not adapter.streams or runtime.client(connection) is None:
        return []
    return adapter.streams_of(connection.settings)


def _lane(connection: Connection, stream: Stream) -> str:
    return f"poll:{connection.id}:{stream.name}"


def _read(runtime: Runtime, connection: Connection, stream: Stream, lease: Lease, wake: Callable[..., None]) -> int:
    """One stream's round, from where it stands to its end; how many items were news."""
    reader = Reader(runtime, connection, stream, lease)
    try:
        return reader.run(lambda: wake(INGEST))
    except Conflict:
        log.warning("poll_taken_over", connection=connection.name, stream=stream.name)
    except Exception:
        log.exception("poll_failed", connection=connection.name, stream=stream.name)
        reader.put_off(NotNow("Baton stumbled over what was answered; please report it"))
    finally:
        lanes.give_back(runtime.database, lease)
    return 0


class Reader:
    """Reads one stream of one connection while it holds the lease."""

    def __init__(self, runtime: Runtime, connection: Connection, stream: Stream, lease: Lease) -> None:
        self.runtime, self.connection, self.stream, self.lease = runtime, connection, stream, lease
        self.database = runtime.database

    def run(self, note: Callable[[], None]) -> int:
        """Read until the round is over, the stream's turn is, something stands in the way, or this process is to stop;
        how many items were news. ``note`` is called when something was put in the inbox. Raises Conflict when the
        lease is lost."""
        state, total = self._begin(), 0
        for _ in range(self.stream.pages):
            if state.until is None or stopping.is_set():
                return total
            if not lanes.renew(self.database, self.lease, LEASE_SECONDS):
                raise Conflict("the lease is over")
            try:
                page = fetch(self.runtime, self.connection, self.stream, _window(state))
                if page.next and page.next == state.page:
                    raise NotNow("it answers the same page again and again", again=True)
            except NotNow as trouble:
                self.put_off(trouble)
                return total
            state, news = self._store(state, page)
            total += news
            if news:
                note()
        if state.until is not None:  # others have their turn first
            self._keep(replace(state, due_at=self.runtime.clock()))
        return total

    def _begin(self) -> Polling:
        """Where the round that is under way stands, or a new one that ends now."""
        now = self.runtime.clock()
        with self.database.read() as conn:
            state = polls.load(conn, [self.connection.id]).get((self.connection.id, self.stream.name))
        if state is None:
            start = max(self.connection.created_at, now - FIRST)
            state = Polling(connection_id=self.connection.id, stream=self.stream.name, upto=start, due_at=now)
        if state.until is not None:
            return state
        # A clock that was set back must not lead to a window that ends before it begins
        since = min(state.upto, now) - self.stream.overlap
        return self._keep(replace(state, since=since, until=now, page=""))

    def _store(self, state: Polling, page: Page) -> tuple[Polling, int]:
        """Keep what is new on a page, and where to go on; how many items that were."""
        now = self.runtime.clock()
        assert state.until is not None
        place = state.place if page.place is None else page.place
        if page.next:
            after = replace(state, page=page.next, place=place, failures=0, problem="")
        else:
            after = replace(
                state, upto=state.until, since=None, until=None, page="", place=place, failures=0, problem="",
                due_at=now + self.stream.every,
            )  # fmt: skip
        by_key = {item.key: item for item in page.items}
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            fresh = polls.news(conn, self.connection.id, self.stream.name, list(by_key), now)
            news = [item for key, item in by_key.items() if key in fresh]
            inbox.accept(conn, list(_arrivals(self.connection, self.stream, news, now)))
            polls.save(conn, self.database, after)
            if not page.next:
                # What the next window does not reach any more
                oldest = state.until - self.stream.overlap
                polls.forget_read_before(conn, self.connection.id, self.stream.name, oldest)
        return after, len(news)

    def _keep(self, state: Polling) -> Polling:
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            polls.save(conn, self.database, state)
        return state

    def put_off(self, trouble: NotNow) -> None:
        """Let the stream wait, and say why."""
        with self.database.read() as conn:
            state = polls.load(conn, [self.connection.id]).get((self.connection.id, self.stream.name))
        if state is None:
            return
        failures = state.failures + 1
        seconds = backoff(failures) if trouble.seconds is None else trouble.seconds
        due_at = self.runtime.clock() + timedelta(seconds=seconds)
        page = "" if trouble.again else state.page
        self._keep(replace(state, failures=failures, problem=trouble.reason, due_at=due_at, page=page))


def _window(state: Polling) -> Window:
    assert state.since is not None
    assert state.until is not None
    return Window(since=state.since, until=state.until, page=state.page, place=state.place)


def fetch(runtime: Runtime, connection: Connection, stream: Stream, window: Window) -> Page:
    """One page of a stream. Raises NotNow where the vendor cannot be asked at the moment."""
    adapter = runtime.adapter(connection)
    limits = [limit.of(connection.settings) for limit in adapter.limits if limit.name in stream.limits]
    _wait_for_room(runtime, connection, limits, stream.calls)
    listening = Listening(runtime.rulebook().mapping_for(connection))
    try:
        with reading_pages():
            return stream.fetch(runtime.client(connection), window, listening)
    except Exception as error:
        raise _trouble(runtime, connection, stream, window, error) from error


def _wait_for_room(runtime: Runtime, connection: Connection, limits: Sequence[RateLimit], calls: int) -> None:
    """Take places under the vendor's limits when what is sent has left one, in the end without waiting for that."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        last = time.monotonic() >= until or stopping.is_set()
        with runtime.database.write(lasting=False) as conn:
            patience = PATIENCE_SECONDS if last else 0.0
            wait = budgets.reserve(conn, runtime.database, connection.id, limits, calls, patience)
        if wait <= patience:
            time.sleep(wait)
            return
        if last:
            raise NotNow("the vendor's limits are used up", wait)
        stopping.wait(min(wait, LOOK_SECONDS))


def _trouble(runtime: Runtime, connection: Connection, stream: Stream, window: Window, error: Exception) -> NotNow:
    """What an error of a call means for the reader. Raises the error where it is none of the vendor's making."""
    title = runtime.adapter(connection).title
    try:
        outcome = outcome_of(error)
    except BatchRefused as refusal:
        outcome = Refused(reason=str(refusal))
    except ConnectionRefused as refusal:
        if getattr(error, "status", None) == 403:
            advice = f"; it needs {stream.scope}" if stream.scope else ""
            return NotNow(f"{title} does not let us read this{advice}", REFUSED_SECONDS)
        reason = f"{title} refuses our credentials: {refusal}"
        with runtime.database.write() as conn:
            connections.set_status(conn, connection.id, connections.BROKEN, reason, runtime.clock())
        runtime.forget()
        log.error("connection_broken", connection=connection.name, stream=stream.name)
        return NotNow(reason, 0.0)
    status = getattr(error, "status", None)
    log.warning("poll_refused", connection=connection.name, stream=stream.name, status=status)
    after = outcome.after if isinstance(outcome, RetryLater) else None
    if after is not None:
        budgets.hold_back(runtime.database, connection.id, stream.limits, after)
    reason = f"{title} answered {status}" if status else f"{title} did not answer as it should"
    return NotNow(reason, after, again=isinstance(outcome, Refused) and bool(window.page))


def _arrivals(connection: Connection, stream: Stream, items: Sequence[Item], now: datetime) -> Iterator[Arrival]:
    """Items as requests for the inbox."""
    for body, _ in bundles(items):
        yield Arrival(connection_id=connection.id, kind=POLL, route=stream.name, received_at=now, body=body)


def bundles(items: Sequence[Item]) -> Iterator[tuple[bytes, int]]:
    """Items as lists in JSON that can be read at once, each with how many it holds."""
    for bodies in _bundles(items):
        yield b"[" + b",".join(bodies) + b"]", len(bodies)


def _bundles(items: Sequence[Item]) -> Iterator[list[bytes]]:
    bundle: list[bytes] = []
    size = 0
    for item in items:
        if bundle and (len(bundle) >= MAX_ITEMS or size + len(item.body) > MAX_BYTES):
            yield bundle
            bundle, size = [], 0
        bundle.append(item.body)
        size += len(item.body)
    if bundle:
        yield bundle


def backoff(failures: int) -> float:
    """Seconds before the next try: about half a minute, one, two, … up to an hour."""
    return growing(failures, FIRST_DELAY, 2.0, MAX_DELAY)
