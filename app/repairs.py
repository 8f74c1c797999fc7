"""Repairs that a person makes, from a screen or the command line: checking or changing credentials, reading again."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select
from sqlalchemy import Connection as Conn

from adapters.contract import Check
from adapters.registry import adapters
from app.runtime import Runtime
from app.setup import COMMAND_LINE, InvalidConnection, check_settings
from app.store import connections, deliveries, inbox, left, notes
from app.store.connections import BROKEN, Connection
from app.store.tables import deliveries as deliveries_table
from app.store.tables import inbox as inbox_table
from jobs import schemas

TOGETHER = 500


def check_connection(runtime: Runtime, connection: Connection) -> Sequence[Check]:
    """Try the connection's credentials, and keep what came of it. One that was broken and works again is active."""
    adapter, client = runtime.adapter(connection), runtime.client(connection)
    if adapter.check is None or client is None:
        return []
    checks = list(adapter.check(client))
    now = runtime.clock()
    kept = [{"capability": one.capability, "works": one.works, "advice": one.advice} for one in checks]
    with runtime.database.write() as conn:
        connections.set_checks(conn, connection.id, kept, now)
        if connection.status == BROKEN and all(one.works for one in checks):
            connections.set_status(conn, connection.id, connections.ACTIVE, "", now)
    runtime.forget()
    if schemas.has_schema(runtime, connection) and all(one.works for one in checks):
        schemas.read(runtime, connection)
    return checks


def rotate_settings(
    runtime: Runtime, connection: Connection, fresh: dict[str, str], who: str = COMMAND_LINE
) -> list[str]:
    """Change settings, and take out those whose value is empty; the names of secrets whose old value stays valid.
    Raises InvalidConnection."""
    check_settings(connection.kind, fresh)
    adapter = adapters()[connection.kind]
    for setting in adapter.settings:
        if setting.required and fresh.get(setting.name) == "":
            raise InvalidConnection(f"{connection.kind} needs {setting.name}", setting.name)
    known = {setting.name for setting in adapter.settings} | {f"{adapter.path_secret}_previous"}
    settings, kept = dict(connection.settings), []
    for name, value in fresh.items():
        previous = f"{name}_previous"
        if previous in known and settings.get(name) and settings[name] != value:
            settings[previous] = settings[name]
            kept.append(name)
        if value:
            settings[name] = value
        else:
            settings.pop(name, None)
    if not settings and connection.settings:
        raise InvalidConnection("a connection without any setting can do nothing; pause it instead")
    now = runtime.clock()
    with runtime.database.write() as conn:
        connections.change_settings(conn, runtime.vault, connection.id, settings)
        if connection.status == BROKEN:
            connections.set_status(conn, connection.id, connections.ACTIVE, "", now)
        notes.write_audit(conn, who, "connection.rotate", connection.name, now, ", ".join(sorted(fresh)))
    runtime.forget()
    return kept


def replay(runtime: Runtime, ids: Sequence[int]) -> int:
    """Have requests read again; how many there were that did not wait for it already."""
    count = 0
    for start in range(0, len(ids), TOGETHER):
        with runtime.database.write() as conn:
            count += inbox.replay(conn, ids[start : start + TOGETHER])
    return count


def replay_parked(
    runtime: Runtime, connection_id: int | None = None, most: int | None = None, reason: str | None = None
) -> tuple[int, bool]:
    """Have parked requests read again, oldest first, of one connection or of all, for one reason or any; how many, and
    whether some are left."""
    return _again(runtime, left.parked(connection_id, reason), inbox_table.c.id, inbox.replay, most)


def retry_dead(
    runtime: Runtime,
    connection_id: int | None = None,
    kind: str | None = None,
    reason: str | None = None,
    most: int | None = None,
) -> tuple[int, bool]:
    """Have deliveries tried again that were given up, oldest first; how many, and whether some are left."""

    def retry(conn: Conn, ids: Sequence[int]) -> int:
        return deliveries.retry(conn, ids, runtime.clock())

    return _again(runtime, left.dead(connection_id, kind, reason), deliveries_table.c.id, retry, most)


def _again(
    runtime: Runtime,
    found: Select[Any],
    key: ColumnElement[int],
    do: Callable[[Conn, Sequence[int]], int],
    most: int | None,
) -> tuple[int, bool]:
    """Do something for all that are found, in small transactions, so that what comes in can be stored meanwhile."""
    some = found.order_by(key).limit(TOGETHER)
    count, seen, last = 0, TOGETHER, 0
    while seen == TOGETHER and (most is None or count < most):
        with runtime.database.write() as conn:
            # From the last one on: a worker may have left some again meanwhile
            ids = conn.execute(some.where(key > last)).scalars().all()
            seen, last = len(ids), ids[-1] if ids else last
            count += do(conn, ids) if ids else 0
    return count, seen == TOGETHER
