"""How Baton is doing: credentials, freshness, backlog; and the repairs that a person makes from outside."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import func, select

from adapters.contract import Check
from adapters.registry import adapters
from app.runtime import Runtime
from app.setup import InvalidConnection, check_settings
from app.store import breakers, connections, deliveries, inbox, notes, schema
from app.store.connections import BROKEN, Connection
from app.store.tables import deliveries as deliveries_table
from app.store.tables import inbox as inbox_table

LATE = timedelta(seconds=60)
SWEEP_SILENT = timedelta(seconds=60)


class Finding(Struct, frozen=True):
    """One part's state: fine or not, what there is to say, and what to do about it."""

    part: str
    fine: bool
    says: str
    advice: str = ""


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
    return checks


def rotate_settings(runtime: Runtime, connection: Connection, fresh: dict[str, str]) -> list[str]:
    """Change settings; the names of secrets whose old value stays valid. Raises InvalidConnection."""
    check_settings(connection.kind, fresh)
    known = {setting.name for setting in adapters()[connection.kind].settings} | {"path_secret_previous"}
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
        notes.write_audit(conn, "command line", "connection.rotate", connection.name, now, ", ".join(sorted(fresh)))
    runtime.forget()
    return kept


def replay_inbox(runtime: Runtime, ids: Sequence[int], parked: bool, connection_id: int | None) -> int:
    """Have requests read again; how many."""
    with runtime.database.write() as conn:
        chosen = list(ids)
        if parked:
            query = select(inbox_table.c.id).where(inbox_table.c.status == inbox.PARKED)
            if connection_id is not None:
                query = query.where(inbox_table.c.connection_id == connection_id)
            chosen += conn.execute(query).scalars().all()
        return sum(inbox.replay(conn, chosen[start : start + 500]) for start in range(0, len(chosen), 500))


def examine(runtime: Runtime) -> list[Finding]:
    """Look at every part."""
    try:
        if not schema.is_current(runtime.database):
            advice = "start Baton, or run any command that changes something: they bring the schema up to date"
            return [Finding("database", False, "its schema is not the one of this version", advice)]
    except Exception as error:
        says = f"cannot be reached ({type(error).__name__})"
        return [Finding("database", False, says, "check DATABASE_URL, and that the server runs")]
    findings = [Finding("database", True, "reachable, schema up to date")]
    findings += [_redis(runtime), _sweep(runtime), _inbox(runtime)]
    findings += [_connection(runtime, one) for one in runtime.connections().values()]
    findings.append(_outbox(runtime))
    return findings


def _redis(runtime: Runtime) -> Finding:
    from redis.exceptions import RedisError

    from jobs.queue import connect

    url = runtime.settings.redis_url
    if not url:
        return Finding(
            "queue", True, "no REDIS_URL here: `baton run` brings its own; without one work is found every 5 s"
        )
    try:
        connect(url).ping()
    except (RedisError, OSError) as error:
        advice = "work goes on, found every 5 s instead of at once; start Redis or Valkey again"
        return Finding("queue", False, f"Redis does not answer ({type(error).__name__})", advice)
    return Finding("queue", True, "Redis answers")


def _sweep(runtime: Runtime) -> Finding:
    with runtime.database.read() as conn:
        last = notes.read_marks(conn).get("swept")
    if last is None or runtime.clock() - last[1] > SWEEP_SILENT:
        since = f"since {last[1]:%Y-%m-%d %H:%M:%S} UTC" if last else "ever"
        return Finding("workers", False, f"no worker has looked around {since}", "start `baton run`, or `baton worker`")
    return Finding("workers", True, f"looked around at {last[1]:%H:%M:%S} UTC")


def _inbox(runtime: Runtime) -> Finding:
    with runtime.database.read() as conn:
        oldest = inbox.oldest_pending(conn)
        parked = conn.execute(
            select(func.count()).select_from(inbox_table).where(inbox_table.c.status == inbox.PARKED)
        ).scalar()
    if oldest is not None and runtime.clock() - oldest > LATE:
        advice = "look at the worker's log; rows that wait for a vendor say so in the inbox"
        return Finding("inbox", False, f"something waits since {oldest:%Y-%m-%d %H:%M:%S} UTC", advice)
    return Finding("inbox", True, f"nothing waits long; {parked} parked for a person")


def _connection(runtime: Runtime, connection: Connection) -> Finding:
    part = f"connection {connection.name}"
    if connection.status != connections.ACTIVE:
        advice = (
            f"baton connection check {connection.name}"
            if connection.status == BROKEN
            else f"baton connection resume {connection.name}"
        )
        since = f"{connection.status} since {connection.status_at:%Y-%m-%d %H:%M} UTC"
        return Finding(part, False, f"{since}: {connection.status_reason}", advice)
    failing = [check for check in connection.checks if not check.get("works")]
    if failing:
        return Finding(part, False, f"cannot: {failing[0].get('capability')}", str(failing[0].get("advice")))
    with runtime.database.read() as conn:
        refused = notes.refusals_by_connection(conn).get(connection.id)
        rests_until = breakers.failing(notes.read_marks(conn), connection.id).until
    if rests_until is not None:
        says = f"fails again and again, tried once a minute (next {rests_until:%H:%M:%S} UTC)"
        return Finding(part, False, says, "see its latest failures under Deliveries; is the vendor down?")
    if refused is not None and runtime.clock() - refused[1] < timedelta(hours=1):
        advice = f"compare secret and address with the vendor's; then baton connection rotate {connection.name} --set …"
        return Finding(
            part, False, f"{refused[0]} requests refused, last at {refused[1]:%H:%M} UTC: {refused[2]}", advice
        )
    return Finding(part, True, "active")


def _outbox(runtime: Runtime) -> Finding:
    with runtime.database.read() as conn:
        waiting = sum(count for count, _ in deliveries.backlog(conn).values())
        counts: dict[str, int] = dict(
            conn.execute(
                select(deliveries_table.c.status, func.count())
                .where(deliveries_table.c.status.in_((deliveries.DEAD, deliveries.UNKNOWN)))
                .group_by(deliveries_table.c.status)
            ).all()
        )
    dead, unknown = counts.get(deliveries.DEAD, 0), counts.get(deliveries.UNKNOWN, 0)
    says = f"{waiting} wait, {dead} dead, {unknown} of unknown outcome"
    advice = "look at them under Deliveries, mend the cause, retry" if dead or unknown else ""
    return Finding("deliveries", not (dead or unknown), says, advice)
