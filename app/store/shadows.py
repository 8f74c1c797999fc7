"""What we know that a tool holds: a vendor's objects as last read, and what we wrote to them since."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from app.contacts.contact import Contact
from app.contacts.event import Identity, Ref
from app.contacts.times import to_us
from app.contacts.tool_ids import current_id
from app.store import people
from app.store.engine import Database, Upsert
from app.store.tables import shadows

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, tuple[Any, int]]).decode
_decode_contacts = msgspec.json.Decoder(list[Identity]).decode


class Shadow(Struct):
    """One object in one tool. ``properties`` has each property's value and since when, in epoch microseconds."""

    connection_id: int
    ref: str
    contact_id: int | None = None
    properties: dict[str, tuple[Any, int]] = {}
    contacts: list[Identity] = []
    read_at: datetime | None = None
    written_at: datetime | None = None

    def learn(self, properties: Mapping[str, Any], at: datetime) -> bool:
        """Take over what the tool holds as of an instant; an older word never replaces a newer one.
        Whether anything was news."""
        since, news = to_us(at), False
        for name, value in properties.items():
            known = self.properties.get(name)
            if known is None or since >= known[1]:
                news |= known is None or known[0] != value
                self.properties[name] = (value, since)
        return news

    def value(self, name: str) -> Any:
        """What the tool holds in a property, as far as we know, or None."""
        known = self.properties.get(name)
        return None if known is None else known[0]


def ref_of(kind: str, value: str) -> str:
    """How an object is named here: ``contact:123``, ``deal:55``, ``email:ann@example.com``."""
    return f"{kind}:{value}"


_LOAD = select(shadows).where(
    shadows.c.connection_id == bindparam("connection"), shadows.c.ref.in_(bindparam("refs", expanding=True))
)
_OF_CONTACTS = select(shadows).where(shadows.c.contact_id.in_(bindparam("contacts", expanding=True)))


_ANSWERED = (
    select(shadows.c.contact_id, shadows.c.ref)
    .where(
        shadows.c.contact_id.in_(bindparam("contacts", expanding=True)),
        shadows.c.connection_id == bindparam("connection"),
        shadows.c.ref.startswith(ref_of("contact", "")),
    )
    .order_by(shadows.c.written_at.is_not(None), shadows.c.written_at, shadows.c.ref)
)


def load(conn: Connection, connection_id: int, refs: Collection[str]) -> dict[str, Shadow]:
    """What we know of these objects of one tool."""
    if not refs:
        return {}
    rows = conn.execute(_LOAD, {"connection": connection_id, "refs": list(refs)})
    return {row.ref: _read(row) for row in rows}


def of_contacts(conn: Connection, contact_ids: Collection[int]) -> dict[int, list[Shadow]]:
    """contact → what we know that the tools hold of them."""
    found: dict[int, list[Shadow]] = {}
    if contact_ids:
        for row in conn.execute(_OF_CONTACTS, {"contacts": list(contact_ids)}):
            found.setdefault(row.contact_id, []).append(_read(row))
    return found


def ids_in(conn: Connection, connection_id: int, states: Mapping[int, Contact]) -> dict[int, str]:
    """contact → its id in one tool, where it is known: as an alias, or from the tool's last answer, the event about
    which may not have been worked off yet."""
    known = people.vendor_ids(conn, states)
    found = {key: current_id(states[key], connection_id, ids.get(connection_id, ())) for key, ids in known.items()}
    found |= _answered(conn, connection_id, [key for key in states if not found.get(key)])
    return {key: value for key, value in found.items() if value}


def _answered(conn: Connection, connection_id: int, contact_ids: Collection[int]) -> dict[int, str]:
    if not contact_ids:
        return {}
    rows = conn.execute(_ANSWERED, {"connection": connection_id, "contacts": list(contact_ids)})
    return {contact_id: ref.partition(":")[2] for contact_id, ref in rows}


def _read(row: Any) -> Shadow:
    return Shadow(
        row.connection_id,
        row.ref,
        row.contact_id,
        _decode(row.properties),
        _decode_contacts(row.contacts),
        row.read_at,
        row.written_at,
    )


_CHANGED = ("contact_id", "properties", "contacts", "read_at", "written_at")
_SAVE = Upsert(
    shadows,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[shadows.c.connection_id, shadows.c.ref],
        set_={name: fresh.excluded[name] for name in _CHANGED},
    ),
)


def save(conn: Connection, database: Database, changed: Sequence[Shadow]) -> None:
    """Write back what was learned."""
    if not changed:
        return
    rows = [
        {
            "connection_id": shadow.connection_id,
            "ref": shadow.ref,
            "contact_id": shadow.contact_id,
            "properties": _encode(shadow.properties).decode(),
            "contacts": _encode(shadow.contacts).decode(),
            "read_at": shadow.read_at,
            "written_at": shadow.written_at,
        }
        for shadow in sorted(changed, key=lambda shadow: (shadow.connection_id, shadow.ref))
    ]
    conn.execute(_SAVE.on(database), rows)


def fresh_refs(
    conn: Connection, connection_id: int, refs: Collection[Ref], since: datetime
) -> dict[Ref, list[Identity]]:
    """Objects that were read lately enough, with the contacts that they are about."""
    by_name = {ref_of(*ref): ref for ref in refs}
    known = load(conn, connection_id, list(by_name))
    return {
        by_name[name]: shadow.contacts
        for name, shadow in known.items()
        if shadow.read_at is not None and shadow.read_at >= since
    }
