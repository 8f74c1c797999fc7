"""Policies: immutable numbered versions, one of each published; nothing is ever overwritten."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, func, insert, select, update

from app.rules.policy import KINDS, SINGLE, TOGETHER, Document, check_together, default_documents, read_document
from app.store import connections as _connections
from app.store.tables import policies
from mappings.document import InvalidDocument

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"
MAPPING = "mapping"


class Version(Struct, frozen=True, kw_only=True):
    """One version of one policy."""

    id: int
    kind: str
    name: str
    version: int
    status: str
    body: str
    note: str
    author: str
    created_at: datetime
    published_at: datetime | None


class StaleDraft(Exception):
    """Somebody else published in the meantime; look at their version before publishing over it."""


def published(conn: Connection) -> list[Version]:
    """The version of each policy that is in force."""
    return _load(conn, policies.c.status == PUBLISHED)


def in_force(conn: Connection, kind: str, name: str) -> Version | None:
    """The published version of one policy, or None."""
    found = _load(conn, policies.c.status == PUBLISHED, policies.c.kind == kind, policies.c.name == name)
    return found[0] if found else None


def find(conn: Connection, kind: str, name: str, version: int) -> Version | None:
    """One version of a policy, or None."""
    found = _load(conn, policies.c.kind == kind, policies.c.name == name, policies.c.version == version)
    return found[0] if found else None


def versions(conn: Connection, kind: str | None = None, name: str | None = None) -> list[Version]:
    """All versions, newest last."""
    conditions = [policies.c.kind == kind] if kind else []
    conditions += [policies.c.name == name] if name else []
    return _load(conn, *conditions)


def _load(conn: Connection, *conditions: object) -> list[Version]:
    columns = [policies.c[name] for name in Version.__struct_fields__]
    query = select(*columns).where(*conditions).order_by(policies.c.kind, policies.c.name, policies.c.version)  # type: ignore[arg-type]
    return [Version(**row._mapping) for row in conn.execute(query)]


def newest(conn: Connection) -> int:
    """A number that grows with each publication, for noticing one cheaply."""
    return (
        conn.execute(select(func.count()).where(policies.c.published_at.is_not(None)).select_from(policies)).scalar()
        or 0
    )


def publish(
    conn: Connection,
    document: Document,
    author: str,
    note: str,
    now: datetime,
    expected: int | UnsetType | None = UNSET,
    beside: Sequence[Document] = (),
    tools: Collection[str] = (),
) -> int:
    """Make a document the published version of its policy; its number.

    ``expected`` is the version that the author started from, None where there was none; it is not asked about where it
    is left out. Raises StaleDraft when it is no longer the published one.
    ``beside`` are documents that are published in the same transaction. ``tools`` are kinds of connections that it may
    name before there is one. Raises InvalidDocument where it does not go with the policies and connections that it
    names, or with what names it.
    """
    if found := problems_together(conn, [*beside, document], tools):
        raise InvalidDocument(found)
    return _put_in_force(conn, document, author, note, now, expected)


def _put_in_force(
    conn: Connection,
    document: Document,
    author: str,
    note: str,
    now: datetime,
    expected: int | UnsetType | None = UNSET,
) -> int:
    mine = (policies.c.kind == document.kind) & (policies.c.name == document.name)
    conn.execute(select(policies.c.id).where(mine).with_for_update())  # one at a time; the next sees what this one did
    current = conn.execute(select(policies.c.version).where(mine, policies.c.status == PUBLISHED)).scalar()
    if expected is not UNSET and current != expected:
        raise StaleDraft(
            f"{document.kind} {document.name}: version {current} was published after "
            + ("this was begun" if expected is None else f"version {expected}, from which this was begun")
        )
    last = conn.execute(select(func.max(policies.c.version)).where(mine)).scalar() or 0
    conn.execute(update(policies).where(mine, policies.c.status == PUBLISHED).values(status=RETIRED))
    conn.execute(
        insert(policies).values(
            kind=document.kind,
            name=document.name,
            version=last + 1,
            status=PUBLISHED,
            body=document.text,
            note=note,
            author=author,
            created_at=now,
            published_at=now,
        )
    )
    return last + 1


def problems_together(conn: Connection, documents: Sequence[Document], tools: Collection[str] = ()) -> list[str]:
    """What is wrong in these documents beside those in force, or becomes wrong elsewhere by them. What was wrong
    elsewhere before keeps nothing from being published.
    """
    models = {document.kind: document.model for document in documents}
    if not models.keys() & TOGETHER:
        return []
    before: dict[str, Any] = {}
    for version in published(conn):
        if version.kind in TOGETHER:
            with suppress(InvalidDocument):  # one that is no longer valid keeps nothing from being mended
                before[version.kind] = _read(version.body, _place(version)).model
    connected = _connections.kinds(conn)
    problems = check_together(before | models, connected, tools)
    if all(one.partition(":")[0] in models for one in problems):
        return problems
    old = check_together(before, connected, tools)
    return [one for one in problems if one.partition(":")[0] in models or one not in old]


def ship_defaults(conn: Connection, now: datetime) -> None:
    """Publish the shipped policies where there are none yet."""
    have = {version.kind for version in published(conn)}
    for kind in SINGLE:
        if kind not in have:
            # What it names may be missing from policies of their own, which are older: `baton doctor` says so
            _put_in_force(conn, default_documents()[kind], "Baton", "shipped default", now)


def read_versions(found: Sequence[Version]) -> dict[tuple[str, str], tuple[Document, str]]:
    """Published versions, read; the key is (kind, name) and the text names kind and version: ``scoring@3``.

    A stored version was valid when it was published. One that no longer is (after an upgrade) is named in the error.
    Kinds that only a newer Baton knows, which is being upgraded to beside this one, are left to it.
    """
    read = {}
    for version in found:
        if version.kind not in KINDS:
            continue
        place = _place(version)
        try:
            document = _read(version.body, place)
        except InvalidDocument as error:
            raise InvalidDocument([*error.problems, f"{place}: publish a mended version"]) from None
        read[(version.kind, version.name)] = (document, f"{version.name}@{version.version}")
    return read


def _place(version: Version) -> str:
    return f"{version.kind} {version.name} version {version.version}"


@lru_cache(100)
def _read(body: str, place: str) -> Document:
    """A version's document, read once: what is published with one that is new has been read before."""
    return read_document(body, place)


def numbers(conn: Connection, mappings: Collection[str] = ()) -> dict[str, int]:
    """kind → the version in force, of the policies of which there is one of each kind; and of these mappings, as
    ``mapping NAME`` → version, 0 where none was published."""
    found = published(conn)
    versions_of = {one.name: one.version for one in found if one.kind == MAPPING}
    return {one.kind: one.version for one in found if one.kind in SINGLE} | {
        f"{MAPPING} {name}": versions_of.get(name, 0) for name in mappings
    }


def mappings_chosen(conn: Connection, wanted: Mapping[str, int]) -> dict[str, Version | None]:
    """name → the version of it, None where none was published then, of all mappings in what ``numbers`` gave."""
    found = {}
    for key, number in wanted.items():
        kind, _, name = key.partition(" ")
        if kind == MAPPING:
            found[name] = find(conn, MAPPING, name, number) if number else None
    return found


def chosen(conn: Connection, wanted: Mapping[str, int]) -> list[Version]:
    """These versions, given as kind → number."""
    return [one for one in versions(conn) if one.name == one.kind and wanted.get(one.kind) == one.version]
