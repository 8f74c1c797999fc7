"""Rehearsals: what was asked, how far each has come, and what would have been otherwise, decision by decision."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select, update

from app.rules.decision import Outcome
from app.rules.difference import Change, Made, Tally, effect_of, reason_of
from app.store.decided import read_gates
from app.store.lists import Page, keyset
from app.store.many import Adder
from app.store.tables import contact_segments, contacts, decisions, rehearsal_changes, rehearsal_events, rehearsals

WAITING, RUNNING, DONE, CANCELED, FAILED = "waiting", "running", "done", "canceled", "failed"
OPEN = (WAITING, RUNNING)
KEPT = 20_000  # differences that are kept singly; counted are all
_table, _changes = rehearsals.c, rehearsal_changes.c


class Named(Struct, frozen=True):
    """A policy whose text is not in force; ``label`` says where that is from."""

    kind: str
    name: str
    label: str


class Written(Named, frozen=True):
    """... and its text."""

    body: str


class Outline(Struct, frozen=True, kw_only=True):
    """A rehearsal without its texts. ``rules`` are the versions it is held against, as kind → number; ``beside`` are
    policies that come into force together with its own."""

    id: int
    kind: str
    name: str
    label: str
    since: datetime
    until: datetime
    segment: str
    every: int
    rules: dict[str, int]
    status: str
    reason: str
    asked_by: str
    created_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    attempts: int
    total: int
    seen: int
    last: int
    seconds: float
    tally: Tally
    kept: int
    beside: Sequence[Named]
    payloads: int
    payloads_read: int
    last_request: int
    last_event: int

    @property
    def policies(self) -> list[Named]:
        """All that is rehearsed, by name."""
        return [Named(self.kind, self.name, self.label), *self.beside]

    @property
    def is_open(self) -> bool:
        """Whether it is still to be worked on."""
        return self.status in OPEN


class Rehearsal(Outline, frozen=True, kw_only=True):
    """One rehearsal, with its texts."""

    body: str
    beside: Sequence[Written]

    @property
    def texts(self) -> list[Written]:
        """All that is rehearsed."""
        return [Written(self.kind, self.name, self.label, self.body), *self.beside]


_OUTLINE = [column for column in rehearsals.c if column.name != "body"]  # a text can have megabytes


def _known(row: Any, beside: type[Named]) -> dict[str, Any]:
    known = dict(row._mapping)
    known["rules"] = msgspec.json.decode(known["rules"], type=dict[str, int])
    known["tally"] = msgspec.json.decode(known["tally"], type=Tally)
    known["beside"] = msgspec.json.decode(known["beside"], type=list[beside])  # type: ignore[valid-type]
    return known


# --- asking


def add(
    conn: Connection,
    texts: Sequence[Written],
    *,
    since: datetime,
    until: datetime,
    segment: str,
    every: int,
    rules: Mapping[str, int],
    asked_by: str,
    now: datetime,
) -> int:
    """Have policies rehearsed, as if they came into force together; the rehearsal's id."""
    first, *others = texts
    said = insert(rehearsals).values(
        kind=first.kind,
        name=first.name,
        label=first.label,
        body=first.body,
        beside=msgspec.json.encode(others).decode(),
        since=since,
        until=until,
        segment=segment,
        every=every,
        rules=msgspec.json.encode(dict(rules)).decode(),
        status=WAITING,
        asked_by=asked_by,
        created_at=now,
    )
    return int(conn.execute(said.returning(_table.id)).scalar_one())


def find(conn: Connection, rehearsal_id: int) -> Rehearsal | None:
    """One rehearsal, or None."""
    row = conn.execute(select(rehearsals).where(_table.id == rehearsal_id)).first()
    return None if row is None else Rehearsal(**_known(row, Written))


def page(conn: Connection, limit: int, before: int | None) -> Page:
    """Rehearsals without their texts, newest first."""
    return keyset(conn, select(*_OUTLINE), _table.id, limit, before, read=lambda row: Outline(**_known(row, Named)))


def open_ones(conn: Connection) -> list[int]:
    """Those that are to be worked on, the oldest first."""
    return list(conn.execute(select(_table.id).where(_is_open()).order_by(_table.id)).scalars())


def cancel(conn: Connection, rehearsal_id: int, now: datetime) -> bool:
    """Stop it; whether it was open."""
    return end(conn, rehearsal_id, CANCELED, now)


def end(conn: Connection, rehearsal_id: int, status: str, now: datetime, reason: str = "") -> bool:
    """Let it be over; whether it was open."""
    statement = update(rehearsals).where(_table.id == rehearsal_id, _is_open())
    return conn.execute(statement.values(status=status, ended_at=now, reason=reason)).rowcount > 0


def drop(conn: Connection, rehearsal_id: int) -> bool:
    """Forget it and what it found; whether it was there."""
    for table in (rehearsal_changes, rehearsal_events):
        conn.execute(delete(table).where(table.c.rehearsal_id == rehearsal_id))
    return conn.execute(delete(rehearsals).where(_table.id == rehearsal_id)).rowcount > 0


def forget_before(conn: Connection, before: datetime) -> int:
    """Drop those that ended before; how many."""
    old = list(conn.execute(select(_table.id).where(_table.ended_at < before)).scalars())
    return sum(drop(conn, rehearsal_id) for rehearsal_id in old)


def _is_open() -> ColumnElement[bool]:
    return _table.status.in_(OPEN)


# --- working on it


def begin(conn: Connection, rehearsal: Rehearsal, now: datetime) -> bool:
    """Begin, or go on after whoever worked on it is gone; whether it is still open."""
    statement = update(rehearsals).where(_table.id == rehearsal.id, _is_open())
    values: dict[str, Any] = {"status": RUNNING, "attempts": _table.attempts + 1}
    if rehearsal.began_at is None:
        values |= {"began_at": now, "total": _total(conn, rehearsal)}
    return conn.execute(statement.values(**values)).rowcount > 0


def _total(conn: Connection, rehearsal: Rehearsal) -> int:
    query = _chosen(select(func.count()).select_from(contacts), rehearsal.segment, rehearsal.every)
    return int(conn.execute(query).scalar_one())


def next_contacts(conn: Connection, rehearsal: Rehearsal, last: int, limit: int) -> list[int]:
    """The next so many contacts that it is about, by id."""
    query = _chosen(select(contacts.c.id), rehearsal.segment, rehearsal.every).where(contacts.c.id > last)
    return list(conn.execute(query.order_by(contacts.c.id).limit(limit)).scalars())


def _chosen(query: Select[Any], segment: str, every: int) -> Select[Any]:
    query = query.where(contacts.c.merged_into.is_(None))
    if segment:
        inside = (contact_segments.c.contact_id == contacts.c.id) & (contact_segments.c.segment == segment)
        query = query.join(contact_segments, inside)
    return query.where(contacts.c.id % every == 0) if every > 1 else query


class Progress(Struct, frozen=True):
    """How far it has come: contacts looked at, the last one's id, seconds of work, differences kept; and before that,
    for mappings, payloads to read again, those that were, and the last request and event looked at."""

    seen: int
    last: int
    seconds: float
    kept: int
    payloads: int = 0
    payloads_read: int = 0
    last_request: int = 0
    last_event: int = 0


def save(
    conn: Connection, rehearsal_id: int, progress: Progress, tally: Tally, found: Sequence[tuple[int, Change]]
) -> bool:
    """Keep what a step found, as (contact, change); False where it is not to be worked on any more."""
    statement = update(rehearsals).where(_table.id == rehearsal_id, _table.status == RUNNING)
    values = {**msgspec.structs.asdict(progress), "attempts": 0, "tally": msgspec.json.encode(tally).decode()}
    if not conn.execute(statement.values(**values)).rowcount:
        return False
    rows = [
        (rehearsal_id, contact_id, change.effect, change.rule, change.side, msgspec.json.encode(change).decode())
        for contact_id, change in found
    ]
    if rows:
        _KEEP.add(conn, rows)
    return True


_KEEP = Adder(rehearsal_changes, "rehearsal_id", "contact_id", "effect", "rule", "side", "body")


# --- what it reads

_REALLY = select(
    decisions.c.contact_id,
    decisions.c.what,
    decisions.c.outcome,
    decisions.c.rule,
    decisions.c.summary,
    decisions.c.gates,
).where(
    decisions.c.contact_id.in_(bindparam("contacts", expanding=True)),
    decisions.c.at >= bindparam("since"),
    decisions.c.at < bindparam("until"),
)


def really(conn: Connection, contact_ids: Collection[int], since: datetime, until: datetime) -> dict[int, list[Made]]:
    """contact → what was really decided within the span."""
    found: dict[int, list[Made]] = {contact_id: [] for contact_id in contact_ids}
    asked = {"contacts": list(contact_ids), "since": since, "until": until}
    for contact_id, what, outcome, rule, summary, gates in conn.execute(_REALLY, asked):
        if (effect := effect_of(what, outcome, rule, summary)) is not None:
            why = reason_of(read_gates(gates)) if outcome == Outcome.WITHHELD else ""
            found[contact_id].append(Made(effect, why))
    return found


# --- looking at what it found


class Found(Struct, frozen=True):
    """A difference with its contact."""

    id: int
    contact_id: int
    change: Change


def changes_page(
    conn: Connection, rehearsal_id: int, limit: int, after: int | None = None, **filters: str | None
) -> tuple[list[Found], int | None]:
    """Differences by contact, oldest first within each, by ``effect``, ``rule`` and ``side``; and after which the next
    page begins."""
    query = select(_changes.id, _changes.contact_id, _changes.body).where(_changes.rehearsal_id == rehearsal_id)
    for name, value in filters.items():
        if value:
            query = query.where(rehearsal_changes.c[name] == value)
    if after is not None:
        query = query.where(_changes.id > after)
    rows = conn.execute(query.order_by(_changes.id).limit(limit + 1)).all()
    found = [Found(row.id, row.contact_id, msgspec.json.decode(row.body, type=Change)) for row in rows[:limit]]
    return found, found[-1].id if len(rows) > limit else None
