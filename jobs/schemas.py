"""Each tool's own list of its fields is read once a day: what changes there is noticed before it comes in wrong.

A call to a tool may take its time, so it is made in a thread of its own, by whoever has the lane.
"""

import math
import threading
import time
from datetime import timedelta

import structlog

from adapters.outcomes import outcome_of
from app.contacts.times import EPOCH
from app.runtime import Runtime
from app.store import budgets, lanes, schemas
from app.store.connections import Connection
from app.store.lanes import Lease
from app.store.schemas import Schema
from mappings.schema import merged

log = structlog.get_logger("baton.schemas")

EVERY = timedelta(days=1)
LANE = "schemas"
LEASE_SECONDS = 120
PATIENCE_SECONDS = 10.0  # for a place under the tool's limits

_reader: threading.Thread | None = None


def look(runtime: Runtime) -> None:
    """Have the lists read whose day it is, unless somebody does."""
    global _reader  # one in this process
    if (_reader is not None and _reader.is_alive()) or not due(runtime):
        return
    lease = lanes.take(runtime.database, LANE, lanes.me(), LEASE_SECONDS)
    if lease is not None:
        _reader = threading.Thread(target=_read_all, args=(runtime, lease), name=LANE, daemon=True)
        _reader.start()


def due(runtime: Runtime) -> list[Connection]:
    """The connections whose tool's list was not asked for within a day."""
    mine = [one for one in runtime.connections().values() if one.sends and has_schema(runtime, one)]
    if not mine:
        return []
    with runtime.database.read() as conn:
        tried = schemas.tried(conn)
    before = runtime.clock() - EVERY
    return [one for one in mine if tried.get(one.id, EPOCH) <= before]


def has_schema(runtime: Runtime, connection: Connection) -> bool:
    """Whether a connection's tool can be asked for its fields."""
    return runtime.adapter(connection).schema is not None and runtime.client(connection) is not None


def _read_all(runtime: Runtime, lease: Lease) -> None:
    try:
        for connection in due(runtime):
            read(runtime, connection)
    except Exception:
        log.exception("schemas_failed")
    finally:
        lanes.give_back(runtime.database, lease)


def read(runtime: Runtime, connection: Connection) -> str:
    """Read one tool's list and keep what changed in it; why that was not possible, or an empty text."""
    adapter, now, problem = runtime.adapter(connection), runtime.clock(), ""
    assert adapter.schema is not None
    limits = [limit.of(connection.settings) for limit in adapter.limits if limit.name in adapter.read_limits]
    with runtime.database.write() as conn:
        wait = budgets.reserve(conn, runtime.database, connection.id, limits, calls=1, patience=PATIENCE_SECONDS)
        known = schemas.load(conn, [connection.id]).get(connection.id)
    if wait > PATIENCE_SECONDS:  # with the next look
        return f"{adapter.title} has had as many calls as it takes; again in {math.ceil(wait)} s"
    time.sleep(wait)
    fields, read_at = (known.fields, known.read_at) if known else ({}, None)
    try:
        found = adapter.schema(runtime.client(connection))
    except Exception as error:
        log.warning("schema_unread", connection=connection.name, error=type(error).__name__)
        problem = _in_words(error, adapter.title)
    else:
        # An empty list is no schema: every field would be taken for gone
        if found:
            fields, read_at = merged(fields, found, now.date()), now
    with runtime.database.write() as conn:
        schemas.save(
            conn,
            runtime.database,
            Schema(connection_id=connection.id, fields=fields, read_at=read_at, tried_at=now, problem=problem),
        )
    return problem


def _in_words(error: Exception, title: str) -> str:
    """Why a list could not be read, without the tool's words: they may repeat what they were told."""
    status = getattr(error, "status", None)
    if status in (401, 403):
        return f"{title} does not let this token read its list of fields"
    try:
        outcome_of(error)
    except Exception as refusal:
        return f"{title} refuses: {type(refusal).__name__}"
    return f"{title} answered {status}" if status else f"{title} did not answer as it should"
