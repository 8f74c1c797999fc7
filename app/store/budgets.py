"""Rate limits that all workers share.

An even limit is one number, the moment at which the next call may start: calls are spaced out, any window of the
vendor's length holds at most the allowed number (the generic cell rate algorithm). A limit that may be used up in a
burst is a count of calls per slice of its window. Both hand out places ahead of time, so that a worker asks once for
several calls.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, update

from app.contacts.times import to_us
from app.store.engine import Database, db_now
from app.store.tables import budgets

SLICES = 60


class Limit(Protocol):
    """At most ``calls`` in any ``seconds``; spaced out where ``even``."""

    @property
    def name(self) -> str: ...
    @property
    def calls(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def even(self) -> bool: ...


_decode = msgspec.json.Decoder(dict[str, int]).decode


_MINE = budgets.c.connection_id == bindparam("connection")
_LOAD = (
    select(budgets.c.name, budgets.c.next_us, budgets.c.used)
    .where(_MINE, budgets.c.name.in_(bindparam("names", expanding=True)))
    .order_by(budgets.c.name)
    .with_for_update()
)
_SAVE = (
    update(budgets)
    .where(_MINE, budgets.c.name == bindparam("limit"))
    .values(next_us=bindparam("next"), used=bindparam("counts"))
)
_NOW = select(db_now())
_HELD = select(budgets.c.name, budgets.c.next_us, db_now()).where(_MINE)


def reserve(
    conn: Connection,
    database: Database,
    connection_id: int,
    limits: Sequence[Limit],
    calls: int = 1,
    patience: float = math.inf,
) -> float:
    """Take places for so many calls under each limit; the seconds to wait before the first of them.

    The strictest limit decides. With an even limit the calls that follow start one spacing apart each. Where the wait
    would be longer than ``patience``, nothing is taken.
    """
    if not limits:
        return 0.0
    now, known = _load(conn, database, connection_id, [limit.name for limit in limits])
    wait, after = 0, {}
    for limit in limits:
        next_us, used = known[limit.name]
        start = max(next_us, now)
        if limit.even:
            next_us = start + int(calls * limit.seconds * 1_000_000 / limit.calls)
        else:
            start, used = _place(used, start, limit, calls)
        after[limit.name] = start, next_us, used
        wait = max(wait, start - now)
    if wait <= patience * 1_000_000:
        _save(conn, connection_id, {name: (next_us, used) for name, (_, next_us, used) in after.items()})
    else:  # those that have no room until then: see held_back()
        held = {name: (start, known[name][1]) for name, (start, _, _) in after.items() if start - now == wait}
        _save(conn, connection_id, held)
    return wait / 1_000_000


def held_back(conn: Connection, connection_id: int) -> dict[str, float]:
    """limit → the seconds until its next call may start, for those where that is not now."""
    rows = conn.execute(_HELD, {"connection": connection_id})
    waits = {name: (next_us - to_us(now)) / 1_000_000 for name, next_us, now in rows}
    return {name: wait for name, wait in waits.items() if wait > 0}


class Use(Struct, frozen=True, kw_only=True):
    """How much of a limit is in use, by all workers together: ``used`` of ``calls`` in the last ``seconds``, None for
    an even limit, whose calls are not counted here; ``wait`` is for how many seconds nobody may call."""

    name: str
    calls: int
    seconds: float
    even: bool
    used: int | None
    wait: float


_USED = select(budgets.c.name, budgets.c.next_us, budgets.c.used, db_now()).where(_MINE)


def usage(conn: Connection, connection_id: int, limits: Sequence[Limit]) -> list[Use]:
    """How much of these limits is in use now. Takes nothing, and waits for nobody."""
    known = {
        name: (next_us, _decode(used), now)
        for name, next_us, used, now in conn.execute(_USED, {"connection": connection_id})
    }
    found = []
    for limit in limits:
        next_us, counts, now = known.get(limit.name, (0, {}, None))
        now_us = to_us(now) if now is not None else 0
        taken = None if limit.even else _taken(counts, now_us, limit)
        wait = max(0.0, (next_us - now_us) / 1_000_000)
        found.append(
            Use(name=limit.name, calls=limit.calls, seconds=limit.seconds, even=limit.even, used=taken, wait=wait)
        )
    return found


def _taken(used: Mapping[str, int], now: int, limit: Limit) -> int:
    """How many places were taken in the window that ends now, and of what was handed out ahead."""
    index = now // int(limit.seconds * 1_000_000 / SLICES)
    return min(limit.calls, sum(count for at, count in used.items() if int(at) >= index - SLICES))


def _place(used: dict[str, int], start: int, limit: Limit, calls: int) -> tuple[int, dict[str, int]]:
    """The first moment from ``start`` on at which the window has room for these calls, and the counts with them."""
    width = int(limit.seconds * 1_000_000 / SLICES)
    counts = {int(index): count for index, count in used.items() if int(index) > start // width - 2 * SLICES}
    index = start // width
    # One slice more than the window: a call at the end of a slice still counts for one that starts it
    while sum(count for at, count in counts.items() if index - SLICES <= at <= index) + calls > max(limit.calls, calls):
        index += 1
    counts[index] = counts.get(index, 0) + calls
    return max(start, index * width), {str(at): count for at, count in counts.items()}


def hold_back(database: Database, connection_id: int, names: Sequence[str], seconds: float) -> None:
    """Let nobody call for so long, because the vendor said so."""
    with database.write(lasting=False) as conn:
        now, known = _load(conn, database, connection_id, names)
        until = now + int(seconds * 1_000_000)
        _save(conn, connection_id, {name: (max(known[name][0], until), known[name][1]) for name in names})


def _load(
    conn: Connection, database: Database, connection_id: int, names: Sequence[str]
) -> tuple[int, dict[str, tuple[int, dict[str, int]]]]:
    asked = {"connection": connection_id, "names": list(names)}
    rows = conn.execute(_LOAD, asked).all()
    if len(rows) < len(set(names)):
        # Made first and then locked: two workers may ask for a limit for the first time in the same moment
        fresh = [{"connection_id": connection_id, "name": name} for name in sorted(set(names))]
        conn.execute(database.insert(budgets).on_conflict_do_nothing(), fresh)
        rows = conn.execute(_LOAD, asked).all()
    known = {name: (next_us, _decode(used)) for name, next_us, used in rows}
    return to_us(conn.execute(_NOW).scalar_one()), known  # asked once the rows are ours: that may have taken a while


def _save(conn: Connection, connection_id: int, changed: Mapping[str, tuple[int, Mapping[str, int]]]) -> None:
    """Write limits down, as name → (when the next call may start, calls by slice)."""
    rows = [
        {"connection": connection_id, "limit": name, "next": start, "counts": msgspec.json.encode(used).decode()}
        for name, (start, used) in changed.items()
    ]
    if rows:
        conn.execute(_SAVE, rows)
