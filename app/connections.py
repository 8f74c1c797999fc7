"""A connection as people look at it: how fresh it is, what waits, how much of its limits is in use, what came how."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace
from sqlalchemy import Connection as Conn

from adapters.contract import RateLimit, Stream
from app import health
from app.contacts.action import Urgency
from app.runtime import Runtime, can_call
from app.setup import address
from app.store import budgets, counts, fresh, polls
from app.store.budgets import Use
from app.store.connections import Connection
from app.store.imports import IMPORT

COUNTED_DAYS = 7  # the days over which is counted how events came
WAITING = {urgency: urgency.name.lower() for urgency in Urgency}


class Reading(Struct, frozen=True, kw_only=True):
    """A stream that is read beside the webhooks: all before ``upto`` was; ``problem`` says why it waits."""

    name: str
    title: str
    complete: str
    upto: datetime | None
    due_at: datetime | None
    problem: str


class Standing(Struct, frozen=True, kw_only=True):
    """How a connection stands.

    ``backlog`` counts what waits to leave, by urgency. ``last_success_at`` is when the tool last did what it was asked
    to. ``pushed`` and ``polled`` are new events of the last days that the tool sent by itself, and that were found only
    by reading its streams.
    """

    connection: Connection
    title: str
    receives: bool
    sends: bool
    calls: bool
    last_arrival_at: datetime | None
    last_success_at: datetime | None
    backlog: Mapping[str, int]
    limits: Sequence[Use]
    pushed: int
    polled: int
    streams: Sequence[Reading]

    @property
    def waits(self) -> int:
        """How much waits to leave, as far as was counted."""
        return sum(self.backlog.values())


def look(runtime: Runtime, conn: Conn, known: Collection[Connection]) -> list[Standing]:
    """How these connections stand, by name."""
    ids = [one.id for one in known]
    waits = counts.up_to(conn, counts.backlogs_by_urgency(ids))
    arrived, done = fresh.last_arrivals(conn, ids), fresh.last_successes(conn, ids)
    reading = polls.load(conn, ids)
    came = _came(conn, runtime.clock() - timedelta(days=COUNTED_DAYS - 1))
    return [
        _standing(runtime, conn, one, waits, arrived.get(one.id), done.get(one.id), reading, came)
        for one in sorted(known, key=lambda one: one.name)
    ]


def _standing(
    runtime: Runtime,
    conn: Conn,
    one: Connection,
    waits: Mapping[str, int],
    arrived: datetime | None,
    done: datetime | None,
    reading: Mapping[tuple[int, str], polls.Polling],
    came: Mapping[tuple[int, bool], int],
) -> Standing:
    adapter = runtime.adapter(one)
    calls = can_call(adapter, one)
    asked = adapter.streams_of(one.settings) if calls else []
    streams = [_reading(stream, reading.get((one.id, stream.name))) for stream in asked]
    read = [stream.upto for stream in streams if stream.upto is not None]
    checked = [one.checked_at] if one.checked_at and one.checks and all(it.get("works") for it in one.checks) else []
    successes = [moment for moment in (done, *read, *checked) if moment is not None]
    limits = [limit.of(one.settings) for limit in adapter.limits]
    return Standing(
        connection=one,
        title=adapter.title,
        receives=bool(address(runtime, one)),
        sends=bool(adapter.pushes),
        calls=calls and adapter.check is not None,
        last_arrival_at=arrived,
        last_success_at=max(successes, default=None),
        backlog={name: waits[f"{one.id} {urgency}"] for urgency, name in WAITING.items()},
        limits=_limits(runtime, conn, one.id, limits) if calls and limits else (),
        pushed=came.get((one.id, False), 0),
        polled=came.get((one.id, True), 0),
        streams=streams,
    )


def _limits(runtime: Runtime, conn: Conn, connection_id: int, limits: Sequence[RateLimit]) -> list[Use]:
    """How much of the limits is in use. Of even ones only a place in time is kept; of the one for all calls, the
    calls themselves are counted."""
    uses = budgets.usage(conn, connection_id, limits)
    even = [use for use in uses if use.even]
    even = even if len(even) == 1 else [use for use in even if use.name == "default"]
    if not even:
        return uses
    since = runtime.clock() - timedelta(seconds=even[0].seconds)
    made = counts.up_to(conn, {"": fresh.calls_since(connection_id, since)}, even[0].calls)[""]
    return [replace(use, used=min(made, use.calls)) if use is even[0] else use for use in uses]


def _reading(stream: Stream, state: polls.Polling | None) -> Reading:
    return Reading(
        name=stream.name,
        title=stream.title,
        complete=stream.complete,
        upto=state.upto if state else None,
        due_at=state.due_at if state else None,
        problem=state.problem if state else "",
    )


def _came(conn: Conn, since: datetime) -> dict[tuple[int, bool], int]:
    """(connection, found only by reading) → new events since a day, without those of imports."""
    found: dict[tuple[int, bool], int] = {}
    for one in polls.came(conn, since):
        if one.way == IMPORT:
            continue
        key = one.connection_id, one.way == polls.POLL
        found[key] = found.get(key, 0) + one.count
    return found


def plain(
    runtime: Runtime, standing: Standing, marks: health.Marks, refused: tuple[int, datetime, str] | None
) -> dict[str, Any]:
    """A connection as the API shows it; ``refused`` as :func:`app.health.of_connection` takes it."""
    one = standing.connection
    return {
        "name": one.name,
        "kind": one.kind,
        "status": one.status,
        "status_reason": one.status_reason,
        "since": one.status_at,
        "sending": one.sends and health.paused(marks) is None,
        "checks": one.checks,
        "checked_at": one.checked_at,
        "last_arrival_at": standing.last_arrival_at,
        "last_success_at": standing.last_success_at,
        "waiting": standing.backlog,
        "limits": [asdict(limit) for limit in standing.limits],
        "came": {"days": COUNTED_DAYS, "pushed": standing.pushed, "polled": standing.polled},
        "streams": [asdict(stream) for stream in standing.streams],
        "problems": [
            {"title": found.title, "says": found.says, "advice": found.advice}
            for found in health.of_connection(one, marks, refused, runtime.clock())
        ],
    }
