"""Imports: where each is from, how far it is, what was skipped and why; and the files, until they were read."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy import Connection, delete, func, insert, select, update

from app.store.engine import Conflict
from app.store.lists import Page, keyset
from app.store.tables import import_parts, import_skips, imports
from app.store.tables import inbox as inbox_table

IMPORT = "import"  # the inbox's kind of what is imported
DRAFT = "draft"  # a file that was stored, and whose columns nobody has confirmed yet
WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
OPEN = (WAITING, RUNNING)
PART_BYTES = 1024 * 1024


class Import(Struct, kw_only=True):
    """One import. ``fed`` items are in the inbox, ``settled`` ones have been worked off; ``position`` is where reading
    goes on, in its source's own words. ``total`` is None until it is known."""

    id: int
    connection_id: int
    source: str
    name: str
    status: str
    reason: str
    plan: dict[str, Any] = field(default_factory=dict)
    position: str
    total: int | None
    fed: int
    settled: int
    skipped: int
    events: int
    asked_by: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is not over yet."""
        return self.status in OPEN

    @property
    def is_being_stored(self) -> bool:
        """Whether it is of a file that is not here as a whole yet."""
        return self.status == DRAFT and not self.plan

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1; None while nobody knows how much there is."""
        if self.status == DONE:
            return 1.0
        return None if not self.total else min(1.0, self.settled / self.total)


_COLUMNS = tuple(imports.c[name] for name in Import.__struct_fields__)


def _read(row: Any) -> Import:
    values = dict(row._mapping)
    values["plan"] = msgspec.json.decode(values["plan"])
    return Import(**values)


def add(
    conn: Connection,
    connection_id: int,
    source: str,
    name: str,
    plan: Mapping[str, Any],
    asked_by: str,
    now: datetime,
    total: int | None = None,
    status: str = WAITING,
) -> int:
    """Store a new import and return its id. Raises IntegrityError where it is a tool's that is being imported."""
    values = {
        "connection_id": connection_id,
        "source": source,
        "name": name[:200],
        "status": status,
        "plan": msgspec.json.encode(plan).decode(),
        "total": total,
        "asked_by": asked_by,
        "created_at": now,
    }
    return int(conn.execute(insert(imports).values(values).returning(imports.c.id)).scalar_one())


def load(conn: Connection, import_id: int) -> Import | None:
    """One import, or None."""
    row = conn.execute(select(*_COLUMNS).where(imports.c.id == import_id)).first()
    return None if row is None else _read(row)


def page(conn: Connection, limit: int, before: int | None) -> Page:
    """Imports, the newest first."""
    return keyset(conn, select(*_COLUMNS), imports.c.id, limit, before, read=_read)


def open_of(conn: Connection, connection_id: int) -> Import | None:
    """The import of a tool that is not over, or None."""
    query = select(*_COLUMNS).where(imports.c.status.in_(OPEN), imports.c.connection_id == connection_id)
    row = conn.execute(query).first()
    return None if row is None else _read(row)


def open_ones(conn: Connection) -> list[Import]:
    """Imports that are not over, the oldest first."""
    query = select(*_COLUMNS).where(imports.c.status.in_(OPEN)).order_by(imports.c.id)
    return [_read(row) for row in conn.execute(query)]


def move(conn: Connection, import_id: int, standing: Collection[str], **values: Any) -> None:
    """Change an import that stands at one of these. Raises Conflict where it stands elsewhere by now, so that whoever
    decided by what they saw undoes nothing that somebody else did since."""
    mine = update(imports).where(imports.c.id == import_id, imports.c.status.in_(standing))
    if not conn.execute(mine.values(**values)).rowcount:
        raise Conflict(f"import {import_id} is not {' or '.join(standing)} any more")


def advance(conn: Connection, import_id: int, **values: Any) -> None:
    """Go on with an import, or end it. Raises Conflict where somebody has stopped it meanwhile."""
    move(conn, import_id, OPEN, **values)


def settle(conn: Connection, import_id: int, items: int, events: int) -> None:
    """Count items that were worked off, and the new events that came of them."""
    counted = {"settled": imports.c.settled + items, "events": imports.c.events + events}
    conn.execute(update(imports).where(imports.c.id == import_id).values(**counted))


def pending(conn: Connection, connection_id: int) -> int:
    """How many rows of imports of a connection wait in the inbox."""
    mine = inbox_table.c.status == "pending", inbox_table.c.kind == IMPORT
    query = select(func.count()).where(*mine, inbox_table.c.connection_id == connection_id)
    return int(conn.execute(query).scalar_one())


# --- what was skipped


class Skip(Struct, frozen=True):
    """A row or record that was not taken: its number in the file (from 1, 0 where there is none), why, and what it
    held."""

    row: int
    reason: str
    held: str


def skip(conn: Connection, import_id: int, skips: Sequence[Skip]) -> None:
    """Note what was not taken."""
    if skips:
        rows = [{"import_id": import_id, "row": one.row, "reason": one.reason, "held": one.held} for one in skips]
        conn.execute(insert(import_skips), rows)
        conn.execute(update(imports).where(imports.c.id == import_id).values(skipped=imports.c.skipped + len(skips)))


def skips(conn: Connection, import_id: int, limit: int = 1000, after: int = 0) -> list[tuple[int, Skip]]:
    """What was not taken, with numbers to go on from."""
    query = select(import_skips.c.id, import_skips.c.row, import_skips.c.reason, import_skips.c.held)
    query = query.where(import_skips.c.import_id == import_id, import_skips.c.id > after)
    return [
        (row.id, Skip(row.row, row.reason, row.held))
        for row in conn.execute(query.order_by(import_skips.c.id).limit(limit))
    ]


def all_skips(conn: Connection, import_id: int) -> Iterator[Skip]:
    """Everything that was not taken, in the order in which it was met."""
    last = 0
    while page := skips(conn, import_id, after=last):
        last = page[-1][0]
        yield from (one for _, one in page)


def reasons(conn: Connection, import_id: int) -> list[tuple[str, int]]:
    """Why rows were not taken, and how many each; the most frequent first."""
    count = func.count().label("count")
    query = select(import_skips.c.reason, count).where(import_skips.c.import_id == import_id)
    found = conn.execute(query.group_by(import_skips.c.reason).order_by(count.desc()).limit(50))
    return [(row.reason, row[1]) for row in found]


# --- files


def add_part(conn: Connection, import_id: int, number: int, body: bytes) -> None:
    """Keep a piece of a draft's file. Raises Conflict where it was thrown away meanwhile."""
    move(conn, import_id, (DRAFT,), status=DRAFT)  # holds its row: nobody throws it away before this piece is there
    conn.execute(insert(import_parts).values(import_id=import_id, number=number, body=body))


def part(conn: Connection, import_id: int, number: int) -> bytes | None:
    """A piece of an import's file, or None where it has no more."""
    mine = (import_parts.c.import_id == import_id) & (import_parts.c.number == number)
    body = conn.execute(select(import_parts.c.body).where(mine)).scalar()
    return None if body is None else bytes(body)


def parts(conn: Connection, import_id: int) -> Iterator[bytes]:
    """The pieces of an import's file, one after the other."""
    number = 0
    while (body := part(conn, import_id, number)) is not None:
        yield body
        number += 1


def blank_skips(conn: Connection, about: Callable[[bytes], bool]) -> None:
    """Keep nothing of what rows held that were not taken, where something holds of it that is asked of each."""
    query = select(import_skips.c.id, import_skips.c.held).where(import_skips.c.held != "")
    found = conn.execute(query, execution_options={"yield_per": 5_000})
    gone = [row.id for row in found if about(row.held.encode())]
    if gone:
        conn.execute(update(import_skips).where(import_skips.c.id.in_(gone)).values(held=""))


def forget_before(conn: Connection, files: datetime, skips: datetime) -> None:
    """Let go of files that nobody has imported since a moment, and of what imports left out before another."""
    left = update(imports).where(imports.c.status == DRAFT, imports.c.created_at < files)
    ended = left.values(status=STOPPED, reason="not imported", ended_at=files).returning(imports.c.id)
    for import_id in list(conn.execute(ended).scalars()):
        drop_parts(conn, import_id)
    over = select(imports.c.id).where(imports.c.ended_at < skips)
    conn.execute(delete(import_skips).where(import_skips.c.import_id.in_(over)))


def drop_parts(conn: Connection, import_id: int) -> None:
    """Let go of an import's file."""
    conn.execute(delete(import_parts).where(import_parts.c.import_id == import_id))
