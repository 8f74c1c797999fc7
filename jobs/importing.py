"""Imports: a file's rows or a vendor's streams from the beginning, fed into the inbox a little at a time.

They go the same way as everything that comes in, as events that are quiet: nothing starts because of them. What is fed
and the place to go on at are one transaction, so that a worker that is killed loses and repeats nothing. Only a few
requests of an import wait at any time, so that what comes in meanwhile hardly waits for it.
"""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

import msgspec
import structlog

from adapters.contract import Stream, Window
from app.imports.table import Layout, Unusable, rows_of
from app.runtime import Runtime
from app.store import imports, inbox, lanes
from app.store.connections import Connection
from app.store.engine import Conflict
from app.store.imports import DONE, FAILED, IMPORT, RUNNING, Import, Skip
from app.store.inbox import Arrival
from app.store.lanes import Lease
from jobs import poll
from jobs.context import stopping
from jobs.queue import INGEST
from jobs.skipping import ITEMS, ORIGIN

log = structlog.get_logger("baton.import")

ROWS = 250  # of a file in one request
MAX_PENDING = 6  # requests of an import that wait in the inbox
WAIT_SECONDS = 0.05
LEASE_SECONDS = 60
PATIENCE_SECONDS = 60.0  # the longest wait between two tries of a vendor
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # no tool that is read has anything older
CSV = "csv"

_feeders: dict[int, threading.Thread] = {}


class _Place(msgspec.Struct):
    """Where reading a vendor goes on: in which of its streams, and at which page."""

    stream: int = 0
    page: str = ""


def look(runtime: Runtime, wake: Callable[..., None]) -> None:
    """Go on with imports that nobody works on, each in a thread of its own."""
    for import_id in [one for one, thread in _feeders.items() if not thread.is_alive()]:
        del _feeders[import_id]
    with runtime.database.read() as conn:
        waiting = imports.open_ones(conn)
    for one in waiting:
        if one.id in _feeders or stopping.is_set():
            continue
        lease = take(runtime, one)
        if lease is not None:
            thread = threading.Thread(
                target=work, args=(runtime, one, lease, wake), name=f"import-{one.id}", daemon=True
            )
            _feeders[one.id] = thread
            thread.start()


def take(runtime: Runtime, one: Import) -> Lease | None:
    """The lease of an import, or None while somebody else works on it."""
    return lanes.take(runtime.database, f"import:{one.id}", lanes.me(), LEASE_SECONDS)


def work(runtime: Runtime, one: Import, lease: Lease, wake: Callable[..., None]) -> None:
    """Feed an import until it is done, stopped, or this process is to stop."""
    feeder = Feeder(runtime, one, lease)
    try:
        while not stopping.is_set() and feeder.step():
            wake(INGEST)
    except Conflict:
        log.warning("import_taken_over", number=one.id)
    finally:
        lanes.give_back(runtime.database, lease)


class Feeder:
    """Feeds one import while it holds the lease. Each step is one small thing, or a short wait."""

    def __init__(self, runtime: Runtime, one: Import, lease: Lease) -> None:
        self.runtime, self.lease, self.id = runtime, lease, one.id
        self.database = runtime.database
        self._rows: Iterator[tuple[int, list[str], str]] | None = None
        self._failures = 0
        self._kept = lanes.Kept(runtime.database, lease, LEASE_SECONDS)

    def step(self) -> bool:
        """Feed a little, or wait a moment where enough waits in the inbox; False once there is nothing more to do.
        Raises Conflict when the lease is lost."""
        self._kept.keep()
        with self.database.read() as conn:
            one = imports.load(conn, self.id)
            waits = imports.pending(conn, one.connection_id) if one is not None else 0
        if one is None or not one.is_open:
            return False
        connection = self.runtime.connections().get(one.connection_id)
        if connection is None:
            return self._end(one, FAILED, "its connection was removed")
        if one.position == DONE:
            if not waits:  # what was parked on the way is left to a person, and holds nothing up
                return self._end(one, DONE)
            stopping.wait(WAIT_SECONDS)
        elif waits >= MAX_PENDING:
            stopping.wait(WAIT_SECONDS)
        else:
            try:
                (self._feed_rows if one.source == CSV else self._feed_stream)(one, connection)
            except Unusable as error:
                return self._end(one, FAILED, str(error))
        return True

    def _end(self, one: Import, status: str, reason: str = "") -> bool:
        now = self.runtime.clock()
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            imports.advance(conn, one.id, status=status, reason=reason, ended_at=now)
            imports.drop_parts(conn, one.id)
        log.info("import_over", number=one.id, status=status, settled=one.settled, skipped=one.skipped)
        return False

    # --- files

    def _feed_rows(self, one: Import, connection: Connection) -> None:
        if self._rows is None:
            layout = msgspec.convert(one.plan["layout"], Layout)
            self._rows = islice(rows_of(self._pieces(), layout), one.fed, None)
        rows = list(islice(self._rows, ROWS))
        good = [(number, cells) for number, cells, problem in rows if not problem]
        bad = [Skip(number, problem, ", ".join(cells)[:4000]) for number, cells, problem in rows if problem]
        now = self.runtime.clock()
        plan = {name: one.plan[name] for name in ("columns", "region", "consent") if one.plan.get(name)}
        plan |= {"import": one.id, "as_of": one.created_at, "headers": one.plan["layout"]["headers"]}
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            over = {} if len(rows) == ROWS else {"position": DONE, "total": one.fed + len(rows)}
            imports.advance(conn, one.id, status=RUNNING, reason="", fed=one.fed + len(rows), **over)
            for run in _runs(good):
                body = {**plan, "first": run[0][0], "rows": [cells for _, cells in run]}
                inbox.accept(conn, [_arrival(connection, one, CSV, msgspec.json.encode(body), len(run), now)])
            imports.skip(conn, one.id, bad)
            imports.settle(conn, one.id, len(bad), 0)

    def _pieces(self) -> Iterator[bytes]:
        number = 0
        while True:
            with self.database.read() as conn:
                piece = imports.part(conn, self.id, number)
            if piece is None:
                return
            yield piece
            number += 1

    # --- vendors

    def _feed_stream(self, one: Import, connection: Connection) -> None:
        streams = history(self.runtime, connection)
        place = msgspec.json.decode(one.position, type=_Place) if one.position else _Place()
        if place.stream >= len(streams):
            self._keep(one, position=DONE, total=one.fed)
            return
        stream = streams[place.stream]
        window = Window(since=BEGINNING, until=one.created_at, page=place.page)
        try:
            page = poll.fetch(self.runtime, connection, stream, window)
        except poll.NotNow as trouble:
            self._put_off(one, connection, stream, place, trouble)
            return
        self._failures = 0
        after = _Place(place.stream, page.next) if page.next else _Place(place.stream + 1)
        now = self.runtime.clock()
        values = {"fed": one.fed + len(page.items), "position": msgspec.json.encode(after).decode()}
        if page.total is not None and not place.page:
            values["total"] = (one.total or 0) + page.total
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            imports.advance(conn, one.id, status=RUNNING, reason="", **values)
            for body, count in poll.bundles(page.items):
                inbox.accept(conn, [_arrival(connection, one, stream.name, body, count, now)])

    def _put_off(
        self, one: Import, connection: Connection, stream: Stream, place: _Place, trouble: poll.NotNow
    ) -> None:
        """Wait a while, or leave out what may not be read; where the credentials are refused, that is the end."""
        now_so = self.runtime.connections().get(connection.id)
        if now_so is None or not now_so.sends:
            self._end(one, FAILED, trouble.reason)
        elif trouble.seconds is not None and trouble.seconds >= poll.REFUSED_SECONDS:
            with self.database.write() as conn:
                lanes.hold(conn, self.lease)
                imports.skip(conn, one.id, [Skip(0, trouble.reason, stream.title)])
                after = _Place(place.stream + 1)
                imports.advance(conn, one.id, position=msgspec.json.encode(after).decode())
        else:
            self._failures += 1
            page = "" if trouble.again else place.page
            position = msgspec.json.encode(_Place(place.stream, page)).decode()
            self._keep(one, reason=f"waits: {trouble.reason}", position=position)
            seconds = trouble.seconds if trouble.seconds is not None else 2.0**self._failures + random.random()  # noqa: S311
            stopping.wait(min(PATIENCE_SECONDS / 2, seconds))

    def _keep(self, one: Import, **values: object) -> None:
        with self.database.write() as conn:
            lanes.hold(conn, self.lease)
            imports.advance(conn, one.id, **values)


def history(runtime: Runtime, connection: Connection) -> list[Stream]:
    """The streams of a connection that an import reads, in their order."""
    return [stream for stream in poll.streams(runtime, connection) if stream.history]


def _arrival(connection: Connection, one: Import, route: str, body: bytes, items: int, now: datetime) -> Arrival:
    return Arrival(
        connection_id=connection.id,
        kind=IMPORT,
        route=route,
        received_at=now,
        body=body,
        url=f"{ORIGIN}{one.id}",
        headers={ITEMS: str(items)},
    )


def _runs(rows: list[tuple[int, list[str]]]) -> Iterator[list[tuple[int, list[str]]]]:
    """Rows whose numbers follow each other, and that are not too long for one request."""
    run: list[tuple[int, list[str]]] = []
    size = 0
    for row in rows:
        length = sum(map(len, row[1]))
        if run and (row[0] != run[-1][0] + 1 or size + length > poll.MAX_BYTES):
            yield run
            run, size = [], 0
        run.append(row)
        size += length
    if run:
        yield run
