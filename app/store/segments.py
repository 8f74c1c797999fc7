"""Who is in which segment: rows that say what the contacts' states say, to list and to count by."""

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import combinations

from sqlalchemy import Connection, delete, func, insert, select

from app.store.kept import kept
from app.store.tables import contact_segments

SAMPLE, PARTS = 20_000, 40  # contacts that pairs of segments are compared by, in so many runs of their ids

_table = contact_segments.c


def replace(conn: Connection, wanted: Mapping[int, Collection[str]]) -> None:
    """Let these contacts be in exactly these segments."""
    if not wanted:
        return
    conn.execute(delete(contact_segments).where(_table.contact_id.in_(sorted(wanted))))
    rows = [
        {"contact_id": contact_id, "segment": name}
        for contact_id, names in sorted(wanted.items())
        for name in sorted(names)
    ]
    if rows:
        conn.execute(insert(contact_segments), rows)


def counts(conn: Connection) -> dict[str, int]:
    """segment → how many contacts are in it; empty ones are left out. Of millions it is a few minutes old."""
    query = select(_table.segment, func.count()).group_by(_table.segment)
    return kept(conn, "segments", lambda: {name: int(count) for name, count in conn.execute(query)})


def shares(conn: Connection) -> dict[tuple[str, str], float]:
    """Two segments → which part of all who are in either is in both; the first one is first in the alphabet. Where
    there are many contacts it is that of about ``SAMPLE`` of them, from all over."""
    return kept(conn, "shares", lambda: _shares(conn))


def _shares(conn: Connection) -> dict[tuple[str, str], float]:
    newest = conn.execute(select(func.max(_table.contact_id))).scalar() or 0
    chosen: dict[int, list[str]] = {}
    step = max(1, newest // PARTS)
    wide = step if newest <= SAMPLE else SAMPLE // PARTS
    for first in range(0, newest + 1, step):
        some = select(_table.contact_id, _table.segment).where(_table.contact_id.between(first, first + wide - 1))
        for contact_id, name in conn.execute(some):
            chosen.setdefault(contact_id, []).append(name)
    alone: Counter[str] = Counter(name for names in chosen.values() for name in names)
    both: Counter[tuple[str, str]] = Counter(
        pair for names in chosen.values() for pair in combinations(sorted(names), 2)
    )
    return {(a, b): count / (alone[a] + alone[b] - count) for (a, b), count in both.items()}
