"""Contacts and the identities they are known by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, insert, literal_column, null, select, union_all, update

from app.contacts.contact import Contact
from app.contacts.event import Identity
from app.contacts.identity import CONTACT
from app.contacts.resolve import Sighting
from app.store.engine import Conflict, Database
from app.store.many import Adder, Among, Many, Row
from app.store.tables import aliases, contacts, shared_aliases

_OURS = f"{CONTACT}:"
_decode = msgspec.json.Decoder(Contact).decode
_encode = msgspec.json.Encoder().encode


class Stored(Struct):
    """A contact as loaded: its id, the version that a save must still find, and its state, also as it is stored; and
    when another one was last parted from it."""

    id: int
    version: int
    state: Contact
    body: str
    parted_at: datetime | None = None

    def as_stored(self) -> Contact:
        """The state once more, as it was loaded."""
        return _decode(self.body)


class Person(Struct, frozen=True, kw_only=True):
    """A contact to save, with what lists and searches go by."""

    id: int
    version: int
    state: Contact
    score: float


# Statements of the hot path are built once: building one costs more than running it
_OWNERS = Among(select(aliases.c.key, aliases.c.contact_id), aliases.c.key)
_SIGHTINGS = Among(
    select(
        shared_aliases.c.key, shared_aliases.c.contact_id, shared_aliases.c.first_at, shared_aliases.c.last_at
    ).order_by(shared_aliases.c.key, shared_aliases.c.contact_id),
    shared_aliases.c.key,
)
_BY_ID = select(
    contacts.c.id, contacts.c.version, contacts.c.state, contacts.c.merged_into, contacts.c.parted_at
).order_by(contacts.c.id)
_LOAD = Among(_BY_ID, contacts.c.id)
_LOCK = Among(_BY_ID.with_for_update(), contacts.c.id)
_LIVING = Among(
    select(contacts.c.id).where(contacts.c.merged_into.is_(None)).order_by(contacts.c.id).with_for_update(),
    contacts.c.id,
)
_VERSIONS = Among(
    select(contacts.c.id, contacts.c.version)
    .where(contacts.c.merged_into.is_(None))
    .order_by(contacts.c.id)
    .with_for_update(),
    contacts.c.id,
)
_MERGED = Among(select(contacts.c.id, contacts.c.merged_into).where(contacts.c.merged_into.is_not(None)), contacts.c.id)
_CREATE = insert(contacts).returning(contacts.c.id, sort_by_parameter_order=True)
_LISTED = ("state", "email", "name", "stage", "score")
_SAVE = Many(
    update(contacts)
    .where(contacts.c.id == bindparam("b_id"), contacts.c.version == bindparam("b_version"))
    .values(version=contacts.c.version + literal_column("1")),
    *_LISTED, "updated_at", "b_id", "b_version",
)  # fmt: skip
_ALIAS = ("key", "kind", "value", "connection_id", "contact_id", "created_at")
_NAME = Adder(aliases, *_ALIAS)
_KNOWN_BY = union_all(
    select(aliases.c.contact_id, aliases.c.kind, aliases.c.value, aliases.c.connection_id, aliases.c.key).where(
        aliases.c.contact_id.in_(bindparam("contacts", expanding=True))
    ),
    select(
        shared_aliases.c.contact_id, shared_aliases.c.kind, shared_aliases.c.value, null(), shared_aliases.c.key
    ).where(shared_aliases.c.contact_id.in_(bindparam("contacts", expanding=True))),
).order_by("key")
_VENDOR_IDS = Among(
    select(aliases.c.contact_id, aliases.c.connection_id, aliases.c.value)
    .where(aliases.c.connection_id.is_not(None))
    .order_by(aliases.c.created_at, aliases.c.key),
    aliases.c.contact_id,
)


def owners(conn: Connection, keys: Collection[str]) -> dict[str, int]:
    """Which contact each of these identities belongs to; unknown ones are left out."""
    ours = {key: int(key.removeprefix(_OURS)) for key in keys if key.startswith(_OURS)}
    homes = survivors(conn, ours.values()) if ours else {}
    found = {key: homes[contact_id] for key, contact_id in ours.items()}
    others = [key for key in keys if key not in ours]
    found.update(_OWNERS.all(conn, others))
    return found


def sightings(conn: Connection, keys: Collection[str]) -> dict[str, list[Sighting]]:
    """Who was seen in each of these browsers or with each of these phones."""
    found: dict[str, list[Sighting]] = {}
    for key, contact_id, first_at, last_at in _SIGHTINGS.all(conn, keys):
        found.setdefault(key, []).append(Sighting(contact_id, first_at, last_at))
    return found


def load(conn: Connection, ids: Iterable[int], lock: bool = False) -> dict[int, Stored]:
    """Contacts by id, locked in the order of their ids so that workers cannot lock each other out.

    Raises Conflict where one of them was merged away in the meantime.
    """
    found = {}
    for contact_id, version, state, merged_into, parted_at in (_LOCK if lock else _LOAD).all(conn, sorted(ids)):
        if merged_into is not None:
            raise Conflict(f"contact {contact_id} was merged into {merged_into}")
        found[contact_id] = Stored(contact_id, version, _decode(state), state, parted_at)
    return found


_AFTER = (
    select(contacts.c.id, contacts.c.version, contacts.c.state)
    .where(contacts.c.id > bindparam("last"), contacts.c.merged_into.is_(None))
    .order_by(contacts.c.id)
    .limit(bindparam("limit"))
)


def after(conn: Connection, last: int, limit: int) -> list[Stored]:
    """The next so many contacts by id, as they are now and not locked: to look at everybody once, a few at a time."""
    found = conn.execute(_AFTER, {"last": last, "limit": limit})
    return [Stored(contact_id, version, _decode(state), state) for contact_id, version, state in found]


def versions(conn: Connection, ids: Iterable[int]) -> dict[int, int]:
    """The version that each of these contacts has now and, on PostgreSQL, until the transaction ends; those that were
    merged away are left out."""
    return dict(_VERSIONS.all(conn, sorted(ids)))


def create(conn: Connection, people: Sequence[Person], now: datetime) -> list[int]:
    """Store new contacts; their ids, in the same order."""
    if not people:
        return []
    times = {"created_at": now, "updated_at": now}
    rows = [{**dict(zip(_LISTED, _listed(person), strict=True)), **times} for person in people]
    return [int(contact_id) for contact_id in conn.execute(_CREATE, rows).scalars()]


def save(conn: Connection, people: Sequence[Person], now: datetime) -> None:
    """Write contacts back. Raises Conflict where one was changed by somebody else since it was loaded."""
    if not people:
        return
    in_order = sorted(people, key=lambda person: person.id)
    rows = [(*_listed(person), now, person.id, person.version) for person in in_order]
    if _SAVE.run(conn, rows) != len(rows):
        raise Conflict("a contact was changed in the meantime")


def _listed(person: Person) -> Row:
    state = person.state
    return (
        _encode(state).decode(),
        state.email,
        state.name.lower()[:200] or None,
        None if state.stage is None else str(state.stage.name),
        person.score,
    )


def add_aliases(conn: Connection, found: Mapping[str, tuple[Identity, int | None, int]], now: datetime) -> None:
    """Store new identities, as key → (identity, connection, contact). Raises IntegrityError where one is taken."""
    _NAME.add(conn, _named(found, now))


def _named(found: Mapping[str, tuple[Identity, int | None, int]], now: datetime) -> list[Row]:
    return [
        (key, identity.kind, identity.value, connection_id, contact_id, now)
        for key, (identity, connection_id, contact_id) in sorted(found.items())
    ]


def set_sightings(
    conn: Connection, rows: Mapping[str, Sequence[tuple[Identity, Sighting]]], read: Mapping[str, Sequence[Sighting]]
) -> None:
    """Change who was seen in these browsers or with these phones from what was ``read``. Raises Conflict where it is
    something else by now. Only what differs is written: a row that another worker adds just now stays."""
    if not rows:
        return
    if sightings(conn, rows.keys()) != {key: list(read[key]) for key in rows if key in read}:
        raise Conflict("somebody else was seen in the same browser in the meantime")
    known = {(key, sighting.person): sighting for key in rows for sighting in read.get(key, ())}
    wanted = {(key, sighting.person): (identity, sighting) for key in rows for identity, sighting in rows[key]}
    gone = [place for place, sighting in known.items() if wanted.get(place, (None, None))[1] != sighting]
    if gone:
        place = shared_aliases.c.key == bindparam("b_key"), shared_aliases.c.contact_id == bindparam("b_contact")
        conn.execute(
            delete(shared_aliases).where(*place),
            [{"b_key": key, "b_contact": person} for key, person in sorted(gone)],
        )
    fresh = [
        {
            "key": key,
            "contact_id": person,
            "kind": identity.kind,
            "value": identity.value,
            "first_at": sighting.first_at,
            "last_at": sighting.last_at,
        }
        for (key, person), (identity, sighting) in sorted(wanted.items())
        if known.get((key, person)) != sighting
    ]
    if fresh:
        conn.execute(insert(shared_aliases), fresh)


def living(conn: Connection, ids: Collection[int]) -> set[int]:
    """Which of these contacts have not been merged away, and will not be until the transaction ends."""
    return {contact_id for (contact_id,) in _LIVING.all(conn, sorted(ids))}


def adopt(
    conn: Connection, database: Database, found: Mapping[str, tuple[Identity, int | None, int]], now: datetime
) -> dict[str, int]:
    """Store identities, as key → (identity, connection, contact), unless they belong to somebody; whose each is now."""
    if not found:
        return {}
    rows = [dict(zip(_ALIAS, row, strict=True)) for row in _named(found, now)]
    conn.execute(database.insert(aliases).on_conflict_do_nothing(), rows)
    return owners(conn, found.keys())


def known_by(conn: Connection, contact_ids: Collection[int]) -> dict[int, list[tuple[Identity, int | None]]]:
    """Every identity of these contacts, each with the connection that uses it."""
    found: dict[int, list[tuple[Identity, int | None]]] = {contact_id: [] for contact_id in contact_ids}
    for contact_id, kind, value, connection_id, _ in conn.execute(_KNOWN_BY, {"contacts": list(contact_ids)}):
        found[contact_id].append((Identity(kind, value), connection_id))
    return found


def vendor_ids(conn: Connection, contact_ids: Collection[int]) -> dict[int, dict[int, list[str]]]:
    """contact → connection → the contact's ids there, in the order in which they were learned. Which of them the tool
    knows the contact by now, :func:`app.contacts.tool_ids.current_id` says."""
    found: dict[int, dict[int, list[str]]] = {}
    for contact_id, connection_id, value in _VENDOR_IDS.all(conn, contact_ids):
        found.setdefault(contact_id, {}).setdefault(connection_id, []).append(value)
    return found


def exists(conn: Connection, contact_id: int) -> bool:
    """Whether there is, or was, a contact with this id."""
    return conn.execute(select(contacts.c.id).where(contacts.c.id == contact_id)).first() is not None


def all_aliases(conn: Connection) -> Iterable[tuple[str, int]]:
    """Every identity's key with the contact that it belongs to, read a few at a time."""
    for table in (aliases, shared_aliases):
        found = conn.execute(select(table.c.key, table.c.contact_id), execution_options={"yield_per": 5_000})
        yield from ((row.key, row.contact_id) for row in found)


def survivor(conn: Connection, contact_id: int) -> int:
    """The contact that this id stands for today, after merges."""
    return survivors(conn, (contact_id,))[contact_id]


def survivors(conn: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Which contact each of these ids stands for today, after merges: one query for each link of the longest chain."""
    homes = {contact_id: contact_id for contact_id in ids}
    into: dict[int, int] = {}
    new = set(homes)
    while new:
        links: dict[int, int] = dict(_MERGED.all(conn, sorted(new)))
        into.update(links)
        new = {one for one in links.values() if one not in into and one not in new}
    for _ in range(len(into)):
        homes = {contact_id: into.get(home, home) for contact_id, home in homes.items()}
    return homes
