"""Who is, and was, in which sequence: rows that say what the contacts' states say, to list and to count by."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from app.contacts.contact import Enrolment
from app.store.engine import Database, Upsert
from app.store.kept import kept
from app.store.tables import enrolments, exposures

LOOK = 10_000  # so many of a sequence's enrolments are looked at for what happened lately
_table = enrolments.c


class Row(Struct, frozen=True, kw_only=True):
    """One person's way through one sequence."""

    key: str
    contact_id: int
    sequence: str
    version: str
    entered_at: datetime
    step: str
    waiting: str
    paused: bool
    sent: int
    ignored: str
    ended_at: datetime | None
    exit: str | None


def row_of(contact_id: int, run: Enrolment) -> Row:
    """The row of an enrolment."""
    return Row(
        key=run.key,
        contact_id=contact_id,
        sequence=run.sequence,
        version=run.version,
        entered_at=run.entered_at,
        step=run.step,
        waiting=run.waiting,
        paused=run.paused,
        sent=run.sent,
        ignored=run.ignored,
        ended_at=run.ended_at,
        exit=run.exit or None,
    )


def of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[str, Row]]:
    """contact → key → row."""
    found: dict[int, dict[str, Row]] = {contact_id: {} for contact_id in contact_ids}
    if found:
        columns = [_table[name] for name in Row.__struct_fields__]
        for row in conn.execute(select(*columns).where(_table.contact_id.in_(list(found)))):
            found[row.contact_id][row.key] = Row(**row._mapping)
    return found


_CHANGED = [name for name in Row.__struct_fields__ if name != "key"]
_SAVE = Upsert(
    enrolments,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[_table.key], set_={"told_at": None} | {name: fresh.excluded[name] for name in _CHANGED}
    ),
)


def save(conn: Connection, database: Database, runs: Sequence[tuple[int, Enrolment]]) -> None:
    """Write these enrolments, as (contact, enrolment): new ones, and those that are somewhere else by now."""
    if not runs:
        return
    rows = [
        {name: getattr(row, name) for name in Row.__struct_fields__}
        for row in sorted((row_of(contact_id, run) for contact_id, run in runs), key=lambda row: row.key)
    ]
    conn.execute(_SAVE.on(database), rows)
    shown = [(run.key, run.sequence, split, variant) for _, run in runs for split, variant in run.exposed.items()]
    if shown:
        conn.execute(delete(exposures).where(exposures.c.key.in_({key for key, *_ in shown})))
        names = ("key", "sequence", "split", "variant")
        conn.execute(insert(exposures), [dict(zip(names, one, strict=True)) for one in sorted(shown)])


def forget(conn: Connection, keys: Collection[str]) -> None:
    """Drop enrolments that a late event shows not to have been."""
    if keys:
        conn.execute(delete(exposures).where(exposures.c.key.in_(keys)))
        conn.execute(delete(enrolments).where(_table.key.in_(keys)))


# --- counted


def running(conn: Connection) -> dict[str, int]:
    """sequence → how many are in it."""
    query = select(_table.sequence, func.count()).where(_table.exit.is_(None)).group_by(_table.sequence)
    return kept(conn, "enrolled", lambda: {name: int(count) for name, count in conn.execute(query)})


def by_step(conn: Connection, sequence: str) -> list[Mapping[str, Any]]:
    """How many are at each step of each version, and what they wait for."""
    columns = (_table.version, _table.step, _table.waiting)
    query = select(*columns, func.count().label("contacts")).where(_table.sequence == sequence, _table.exit.is_(None))
    return [dict(row._mapping) for row in conn.execute(query.group_by(*columns).order_by(*columns))]


def by_exit(conn: Connection, sequence: str) -> dict[str, int]:
    """exit reason → how many left for it."""
    query = select(_table.exit, func.count()).where(_table.sequence == sequence, _table.exit.is_not(None))
    query = query.group_by(_table.exit).order_by(_table.exit)
    return kept(conn, f"exits {sequence}", lambda: {reason: int(count) for reason, count in conn.execute(query)})


def by_variant(conn: Connection, sequence: str, reached: Collection[str]) -> list[tuple[str, str, int, int, int]]:
    """(split, variant, how many were drawn for it, how many of them are out, how many left for one of the reasons)."""
    joined = exposures.join(enrolments, _table.key == exposures.c.key)
    query = (
        select(
            exposures.c.split,
            exposures.c.variant,
            func.count(),
            func.count(_table.exit),
            func.count().filter(_table.exit.in_(list(reached))),
        )
        .select_from(joined)
        .where(exposures.c.sequence == sequence)
        .group_by(exposures.c.split, exposures.c.variant)
        .order_by(exposures.c.split, exposures.c.variant)
    )
    return kept(
        conn,
        f"variants {sequence}",
        lambda: [(split, variant, int(a), int(b), int(c)) for split, variant, a, b, c in conn.execute(query)],
    )


class Lately(Struct, frozen=True):
    """What happened in a sequence since a moment, as far as its newest enrolments tell; ``cut``: there may be more."""

    entered: int
    ended: int
    reached: int
    cut: bool


def lately(conn: Connection, sequence: str, since: datetime, reached: Collection[str]) -> Lately:
    """How many came in, left, and left for one of the reasons since a moment, among the newest ``LOOK``."""
    columns = (_table.entered_at, _table.ended_at, _table.exit)
    newest = select(*columns).where(_table.sequence == sequence).order_by(_table.id.desc()).limit(LOOK).subquery().c
    left = newest.ended_at >= since
    query = select(
        func.count(),
        func.count().filter(newest.entered_at >= since),
        func.count().filter(left),
        func.count().filter(left, newest.exit.in_(list(reached))),
    )
    looked, entered, ended, found = conn.execute(query).one()
    return Lately(int(entered), int(ended), int(found), int(looked) == LOOK)


def by_place(conn: Connection, sequence: str) -> dict[str, tuple[int, int]]:
    """step → how many are there, and how many have left from there."""
    query = select(_table.step, func.count() - func.count(_table.exit), func.count(_table.exit))
    query = query.where(_table.sequence == sequence).group_by(_table.step)
    return kept(
        conn,
        f"places {sequence}",
        lambda: {step: (int(here), int(left)) for step, here, left in conn.execute(query)},
    )


# --- moved and woken


def running_in(
    conn: Connection, sequence: str, versions: Collection[str], after: int, limit: int
) -> list[tuple[int, int]]:
    """(row, contact) of those who are in a sequence in one of these versions; the next so many after a row."""
    query = select(_table.id, _table.contact_id).where(
        _table.sequence == sequence, _table.exit.is_(None), _table.version.in_(list(versions)), _table.id > after
    )
    return [(row.id, row.contact_id) for row in conn.execute(query.order_by(_table.id).limit(limit))]


def versions_running(conn: Connection, sequence: str) -> list[str]:
    """The versions in which somebody is in a sequence."""
    query = select(_table.version).where(_table.sequence == sequence, _table.exit.is_(None)).distinct()
    return sorted(conn.execute(query).scalars())


def take_parked(
    conn: Connection, paused: Collection[str], now: datetime, again: timedelta, limit: int
) -> list[tuple[str, int, str]]:
    """(key, contact, sequence) of some who stand still although their sequence does not; each is given again only
    after a while. The caller puts word of it in the inbox in the same transaction."""
    query = (
        select(_table.id, _table.key, _table.contact_id, _table.sequence)
        .where(
            _table.paused.is_(True),
            _table.exit.is_(None),
            _table.sequence.not_in(list(paused)),
            or_(_table.told_at.is_(None), _table.told_at < now - again),
        )
        .order_by(_table.id)
        .limit(limit)
    )
    found = conn.execute(query.with_for_update(skip_locked=True)).all()
    if found:
        conn.execute(update(enrolments).where(_table.id.in_([row.id for row in found])).values(told_at=now))
    return [(row.key, row.contact_id, row.sequence) for row in found]
