"""Connections: one account at one vendor, with its secrets, its state of health and its address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn
from sqlalchemy import insert, select, update

from app.store.tables import connections
from app.store.vault import Vault

ACTIVE, PAUSED, BROKEN = "active", "paused", "broken"


class Connection(Struct, frozen=True, kw_only=True):
    """A connection as the rest of the code uses it. ``settings`` are in the clear: never log or show them.

    ``paused`` by a person or ``broken`` because its credentials are refused, nothing goes out; what comes in is
    stored all the same.
    """

    id: int
    name: str
    kind: str
    base_url: str
    settings: Mapping[str, str]
    status: str
    status_reason: str
    status_at: datetime
    created_at: datetime
    checks: list[dict[str, Any]]
    checked_at: datetime | None
    version: int

    @property
    def sends(self) -> bool:
        """Whether anything may go out to the vendor."""
        return self.status == ACTIVE

    def __repr__(self) -> str:
        return f"<Connection {self.name}>"


def load_all(conn: Conn, vault: Vault) -> list[Connection]:
    """Every connection, by name."""
    return [_read(row, vault) for row in conn.execute(select(connections).order_by(connections.c.name))]


def kinds(conn: Conn) -> dict[str, str]:
    """Every connection's kind, by name."""
    return {row.name: row.kind for row in conn.execute(select(connections.c.name, connections.c.kind))}


def load_by_name(conn: Conn, vault: Vault, name: str) -> Connection | None:
    """The connection of this name, or None."""
    row = conn.execute(select(connections).where(connections.c.name == name)).first()
    return None if row is None else _read(row, vault)


def _read(row: Any, vault: Vault) -> Connection:
    values = row._mapping
    return Connection(
        **{name: values[name] for name in Connection.__struct_fields__ if name not in ("settings", "checks")},
        settings=vault.open(values["settings"]),
        checks=msgspec.json.decode(values["checks"]),
    )


def add(conn: Conn, vault: Vault, name: str, kind: str, settings: dict[str, str], base_url: str, now: datetime) -> int:
    """Store a new connection and return its id."""
    statement = insert(connections).values(
        name=name,
        kind=kind,
        base_url=base_url.rstrip("/"),
        settings=vault.seal(settings),
        status_at=now,
        created_at=now,
    )
    return int(conn.execute(statement.returning(connections.c.id)).scalar_one())


def change_settings(conn: Conn, vault: Vault, connection_id: int, settings: dict[str, str]) -> None:
    """Replace a connection's settings."""
    _change(conn, connection_id, settings=vault.seal(settings))


def set_status(conn: Conn, connection_id: int, status: str, reason: str, now: datetime) -> None:
    """Pause a connection, mark it broken, or make it active again."""
    _change(conn, connection_id, status=status, status_reason=reason, status_at=now)


def set_checks(conn: Conn, connection_id: int, checks: list[dict[str, Any]], now: datetime) -> None:
    """Keep what a check of the credentials found."""
    _change(conn, connection_id, checks=msgspec.json.encode(checks).decode(), checked_at=now)


def _change(conn: Conn, connection_id: int, **values: Any) -> None:
    conn.execute(
        update(connections).where(connections.c.id == connection_id).values(**values, version=connections.c.version + 1)
    )
