"""What each tool lists of its contacts' fields, as it was last read."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from app.store.engine import Database
from app.store.tables import schemas
from mappings.schema import Listed

_decode = msgspec.json.Decoder(dict[str, Listed]).decode


class Schema(Struct, frozen=True, kw_only=True):
    """A tool's list of fields. ``read_at`` is when it was last read, None where it never was; ``problem`` why it could
    not be read at ``tried_at``."""

    connection_id: int
    fields: dict[str, Listed]
    read_at: datetime | None
    tried_at: datetime
    problem: str = ""


def load(conn: Connection, connection_ids: Collection[int]) -> dict[int, Schema]:
    """The lists of these connections, as far as there are any."""
    rows = conn.execute(select(schemas).where(schemas.c.connection_id.in_(connection_ids)))
    return {row.connection_id: Schema(**{**row._mapping, "fields": _decode(row.fields)}) for row in rows}


def tried(conn: Connection) -> dict[int, datetime]:
    """connection → when its list was last asked for."""
    return dict(conn.execute(select(schemas.c.connection_id, schemas.c.tried_at)).all())


def save(conn: Connection, database: Database, schema: Schema) -> None:
    """Keep a list."""
    values = {**msgspec.structs.asdict(schema), "fields": msgspec.json.encode(schema.fields).decode()}
    statement = database.insert(schemas).values(**values)
    changed = {name: value for name, value in values.items() if name != "connection_id"}
    conn.execute(statement.on_conflict_do_update(index_elements=[schemas.c.connection_id], set_=changed))
