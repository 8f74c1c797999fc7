"""Drafts of policies: at most one of each, shared by all who edit it, never in force, and never overwritten unseen."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.store import policies
from app.store.policies import Version
from app.store.tables import drafts

_table = drafts.c


class Draft(Struct, frozen=True, kw_only=True):
    """What is being written of one policy; the text may be invalid."""

    id: int
    kind: str
    name: str
    body: str
    base: int | None  # the published version that it began from
    revision: int
    author: str  # who saved last
    created_at: datetime
    updated_at: datetime


class Overtaken(Exception):
    """Somebody else saved, published or threw the draft away in the meantime.

    ``theirs`` is what stands there now: their draft, else the version in force, else None.
    """

    def __init__(self, theirs: Draft | Version | None) -> None:
        self.theirs = theirs
        match theirs:
            case Draft():
                said = f"{theirs.author} has saved another draft in the meantime"
            case Version():
                said = f"{theirs.author} has put version {theirs.version} in force in the meantime"
            case _:
                said = "the draft was thrown away in the meantime"
        super().__init__(said)


def find(conn: Connection, kind: str, name: str) -> Draft | None:
    """The draft of a policy, or None."""
    found = _load(conn, _table.kind == kind, _table.name == name)
    return found[0] if found else None


def listed(conn: Connection) -> list[Draft]:
    """All drafts, by kind and name."""
    return _load(conn)


def _load(conn: Connection, *conditions: object) -> list[Draft]:
    columns = [_table[name] for name in Draft.__struct_fields__]
    query = select(*columns).where(_table.body.is_not(None), *conditions).order_by(_table.kind, _table.name)  # type: ignore[arg-type]
    return [Draft(**row._mapping) for row in conn.execute(query)]


def save(
    conn: Connection,
    kind: str,
    name: str,
    body: str,
    author: str,
    now: datetime,
    revision: int,
    base: int | UnsetType | None = UNSET,
) -> Draft:
    """Keep a text as the draft of a policy; the draft as it is now.

    ``revision`` is the one that the author started from, 0 where there was no draft. ``base`` is the published version
    that the text takes into account: left out, it stays what it was, and is the one in force for a new draft. Raises
    Overtaken where either is not what stands there, with what does.
    """
    in_force = policies.in_force(conn, kind, name)
    number = in_force.version if in_force else None
    if base is not UNSET and base != number:
        raise Overtaken(find(conn, kind, name) or in_force)
    values = {"body": body, "author": author, "updated_at": now}
    if revision:
        if base is not UNSET:
            values["base"] = base
        if not _change(conn, kind, name, revision, **values):
            raise Overtaken(find(conn, kind, name) or in_force)
    else:
        values |= {"base": number, "created_at": now}
        if not (_begin_again(conn, kind, name, values) or _begin(conn, kind, name, values)):
            raise Overtaken(find(conn, kind, name) or in_force)
    draft = find(conn, kind, name)
    assert draft is not None
    return draft


def discard(conn: Connection, kind: str, name: str, revision: int) -> None:
    """Throw a draft away. Raises Overtaken where it is not this revision any more."""
    if not _change(conn, kind, name, revision, body=None):
        raise Overtaken(find(conn, kind, name) or policies.in_force(conn, kind, name))


def _change(conn: Connection, kind: str, name: str, revision: int, **values: object) -> bool:
    statement = update(drafts).where(
        _table.kind == kind, _table.name == name, _table.revision == revision, _table.body.is_not(None)
    )
    return conn.execute(statement.values(revision=revision + 1, **values)).rowcount > 0


def _begin_again(conn: Connection, kind: str, name: str, values: dict[str, object]) -> bool:
    """Begin in the row of one that was thrown away or published; whether there is such a row."""
    statement = update(drafts).where(_table.kind == kind, _table.name == name, _table.body.is_(None))
    return conn.execute(statement.values(revision=_table.revision + 1, **values)).rowcount > 0


def _begin(conn: Connection, kind: str, name: str, values: dict[str, object]) -> bool:
    try:
        with conn.begin_nested():
            conn.execute(insert(drafts).values(kind=kind, name=name, revision=1, **values))
    except IntegrityError:  # somebody else's is there
        return False
    return True
