"""Fields on which tools disagree, and settling them."""

from typing import Any

from app import conflicts
from app.api.blueprint import api
from app.api.operation import (
    CONTACT,
    CURSOR,
    LIMIT,
    Operation,
    caller,
    cursor,
    json_body,
    limit,
    number,
    operation,
    text_of,
    to_cursor,
)
from app.api.shapes import TEXT
from app.receive import this_runtime
from app.store import lists


@operation(
    api,
    Operation(
        method="GET",
        path="/conflicts",
        summary="Fields that tools disagree on and a person has to settle, newest first",
        query=(CONTACT, LIMIT, CURSOR),
        answer="Conflict",
        many=True,
    ),
)
def all_conflicts() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        page = lists.conflicts_page(conn, limit(), cursor(), contact_id=number("contact"))
        return {"items": conflicts.shown(runtime, conn, page.rows), "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="POST",
        path="/conflicts/{conflict_id}/settle",
        summary="Let a field be what one connection says, or another value; every tool is told what differs",
        body={
            "type": "object",
            "properties": {"connection": TEXT, "value": {"type": "string", "maxLength": 2_000}},
        },
        answer="Conflict",
        statuses=(200, 404),
    ),
)
def conflict_settle(conflict_id: int) -> Any:
    body = json_body()
    value = text_of(body, "value", 2_000) if "value" in body else None
    return conflicts.settle(caller(), conflict_id, text_of(body, "connection"), value)
