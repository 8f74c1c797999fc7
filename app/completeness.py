"""How complete what a connection's webhooks bring is: what they brought, what polling refilled, and how far it is."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection as Conn

from app.contacts.times import EPOCH
from app.runtime import Runtime
from app.store import polls
from app.store.connections import Connection
from app.store.imports import IMPORT
from jobs import poll

DAYS = 30
WEBHOOK = "webhook"


def of_all(runtime: Runtime, conn: Conn) -> list[dict[str, Any]]:
    """Of each connection that sends webhooks or is polled."""
    since = runtime.clock() - timedelta(days=DAYS - 1)
    states, came = polls.load(conn), polls.came(conn, since)
    found = []
    for connection in sorted(runtime.connections().values(), key=lambda one: one.name):
        mine = [one for one in came if one.connection_id == connection.id]
        if runtime.adapter(connection).streams or mine:
            found.append(_of(runtime, connection, mine, states))
    return found


def of_connection(runtime: Runtime, conn: Conn, connection: Connection) -> dict[str, Any]:
    """Of one connection."""
    since = runtime.clock() - timedelta(days=DAYS - 1)
    mine = [one for one in polls.came(conn, since) if one.connection_id == connection.id]
    return _of(runtime, connection, mine, polls.load(conn, [connection.id]))


def _of(
    runtime: Runtime, connection: Connection, came: list[polls.Came], states: dict[tuple[int, str], polls.Polling]
) -> dict[str, Any]:
    days: dict[int, dict[str, int]] = {}
    for one in came:
        days.setdefault(one.day, {}).setdefault(one.way, 0)
        days[one.day][one.way] += one.count
    received = sum(ways.get(WEBHOOK, 0) for ways in days.values())
    refilled = sum(ways.get(polls.POLL, 0) for ways in days.values())
    streams = []
    for stream in poll.streams(runtime, connection):
        state = states.get((connection.id, stream.name))
        streams.append(
            {
                "name": stream.name,
                "title": stream.title,
                "complete": stream.complete,
                "upto": state.upto if state is not None else None,
                "due_at": state.due_at if state is not None else None,
                "problem": state.problem if state is not None else "",
            }
        )
    return {
        "connection": connection.name,
        "received": received,
        "refilled": refilled,
        "share": round(received / (received + refilled), 4) if received + refilled else None,
        "imported": sum(ways.get(IMPORT, 0) for ways in days.values()),
        "days": [
            {
                "day": _date(day).isoformat(),
                "received": ways.get(WEBHOOK, 0),
                "refilled": ways.get(polls.POLL, 0),
                "imported": ways.get(IMPORT, 0),
            }
            for day, ways in sorted(days.items())
        ],
        "streams": streams,
    }


def _date(day: int) -> date:
    return EPOCH.date() + timedelta(days=day)
