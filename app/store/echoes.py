"""What we wrote to tools and may hear back from them: each is swallowed once.

By connection, record, property and a hash of the value. An entry goes when it is heard, when the tool tells of another
value that came after it, or after a day.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from app.store.engine import Database, Upsert
from app.store.many import Among
from app.store.tables import echoes

KEPT = timedelta(days=1)


class Place(NamedTuple):
    """A property of a record in a tool; the record as shadows name it: ``contact:123`` or ``email:ann@example.com``."""

    connection_id: int
    ref: str
    property: str


_AWAITED = Among(
    select(echoes.c.connection_id, echoes.c.ref, echoes.c.property, echoes.c.value, echoes.c.at), echoes.c.ref
)


def hash_of(value: Any) -> str:
    """Stands for a value as tools keep it: as a text, whether it was written as a number, a yes or a text."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    else:
        text = "" if value is None else str(value).strip()
    return blake2b(text.encode(), digest_size=12).hexdigest()


_EXPECT = Upsert(
    echoes,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=[echoes.c.ref, echoes.c.connection_id, echoes.c.property, echoes.c.value],
        set_={"at": fresh.excluded.at},
    ),
)


def expect(conn: Connection, database: Database, written: Sequence[tuple[Place, Any]], now: datetime) -> None:
    """Remember what was written just now."""
    rows = {(*place, hash_of(value)) for place, value in written}
    if not rows:
        return
    conn.execute(
        _EXPECT.on(database),
        [
            {"connection_id": connection_id, "ref": ref, "property": name, "value": value, "at": now}
            for connection_id, ref, name, value in sorted(rows)
        ],
    )


def awaited(conn: Connection, refs: Collection[str]) -> dict[Place, dict[str, datetime]]:
    """What was written to these records and not heard back: property → hash → when it was written."""
    found: dict[Place, dict[str, datetime]] = {}
    for connection_id, ref, name, value, at in _AWAITED.all(conn, refs):
        found.setdefault(Place(connection_id, ref, name), {})[value] = at
    return found


def forget(conn: Connection, heard: Mapping[Place, Collection[str]]) -> None:
    """Let go of what was heard or has been overtaken."""
    for place, values in sorted(heard.items()):
        conn.execute(
            delete(echoes).where(
                echoes.c.ref == place.ref,
                echoes.c.connection_id == place.connection_id,
                echoes.c.property == place.property,
                echoes.c.value.in_(sorted(values)),
            )
        )


def forget_before(conn: Connection, before: datetime) -> None:
    """Let go of what nobody has told us back."""
    conn.execute(delete(echoes).where(echoes.c.at < before))
