"""Imports, and on which ways events came: how far each import is, and how complete each connection's webhooks are."""

from typing import Any

from app import completeness
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
    Operation,
    caller,
    cursor,
    existing,
    json_body,
    limit,
    operation,
    sees_bodies,
    text_of,
    to_cursor,
)
from app.imports import acts
from app.imports.table import Unusable
from app.receive import Refused, this_runtime
from app.store import imports

SKIPS_SHOWN = 200


@operation(
    api,
    Operation(
        method="GET",
        path="/imports",
        summary="Imports, newest first",
        query=(LIMIT, CURSOR),
        answer="Import",
        many=True,
    ),
)
def imports_list() -> Any:
    with this_runtime().database.read() as conn:
        page = imports.page(conn, limit(), cursor())
    return {"items": [acts.shown(one) for one in page.rows], "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="GET",
        path="/imports/{import_id}",
        summary="One import, with what it left out first and why; what the rows held takes the scope `work`",
        answer="ImportInFull",
        statuses=(200, 404),
    ),
)
def imports_one(import_id: int) -> Any:
    with this_runtime().database.read() as conn:
        one = existing(imports.load(conn, import_id), "import")
        reasons, skips = imports.reasons(conn, one.id), imports.skips(conn, one.id, SKIPS_SHOWN)
    return {
        **acts.shown(one),
        "reasons": [{"reason": reason, "count": count} for reason, count in reasons],
        "skips": [
            {"row": skip.row or None, "reason": skip.reason, "held": skip.held if sees_bodies() else None}
            for _, skip in skips
        ],
    }


@operation(
    api,
    Operation(
        method="POST",
        path="/imports",
        summary="Import a connected tool's contacts and history, quietly",
        body={
            "type": "object",
            "required": ["connection"],
            "properties": {"connection": {"type": "string", "description": "A connection's name"}},
        },
        answer="Import",
        statuses=(201, 404, 409),
    ),
)
def imports_begin() -> Any:
    runtime = this_runtime()
    name = text_of(json_body(), "connection")
    if not name:
        raise Refused(400, "connection is the name of the connection to import from")
    connection = existing(runtime.connection(name), "connection")
    try:
        number = acts.begin_connection(runtime, connection, caller())
    except Unusable as error:
        raise Refused(409, str(error)) from None
    with runtime.database.read() as conn:
        return acts.shown(existing(imports.load(conn, number), "import"))


@operation(
    api,
    Operation(
        method="POST",
        path="/imports/{import_id}/stop",
        summary="Stop an import; what was taken in stays",
        answer="Import",
        statuses=(200, 404, 409),
    ),
)
def imports_stop(import_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        one = existing(imports.load(conn, import_id), "import")
    if not acts.stop(runtime, one, caller()):
        raise Refused(409, "it is over already")
    with runtime.database.read() as conn:
        return acts.shown(existing(imports.load(conn, import_id), "import"))


@operation(
    api,
    Operation(
        method="GET",
        path="/completeness",
        summary="For each connection, how many events its webhooks brought in 30 days and how many polling refilled",
        answer="Completeness",
        many=True,
    ),
)
def completeness_list() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = completeness.of_all(runtime, conn)
    return {"items": found, "next": None}
