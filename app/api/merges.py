"""Merges: which contacts became one, and making two of them again."""

from typing import Any

from app import merges
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
from app.receive import this_runtime
from app.store import lists

_BODY = {"type": "object", "properties": {"reason": {"type": "string", "maxLength": 200}}}


@operation(
    api,
    Operation(
        method="GET",
        path="/merges",
        summary="Contacts that became one, newest first",
        query=(CONTACT, LIMIT, CURSOR),
        answer="Merge",
        many=True,
    ),
)
def all_merges() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        page = lists.merges_page(conn, limit(), cursor(), number("contact"))
        return {"items": merges.shown(runtime, conn, page.rows), "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="GET",
        path="/merges/{merge_id}",
        summary="One merge, and how the two would be parted: who stays first, then who leaves",
        answer="MergeDetail",
        statuses=(200, 404),
    ),
)
def merge(merge_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = merges.shown(runtime, conn, [merges.one(conn, merge_id)])[0]
        sides, reason = merges.would(runtime, conn, merge_id)
    return {"merge": found, "would": sides, "cannot": reason or None}


@operation(
    api,
    Operation(
        method="POST",
        path="/merges/{merge_id}/undo",
        summary="Make two contacts of one again; they stay two, whatever they share",
        body=_BODY,
        answer="Merge",
        statuses=(200, 404, 409),
    ),
)
def merge_undo(merge_id: int) -> Any:
    return merges.undo(caller(), merge_id, text_of(json_body(), "reason"))


@operation(
    api,
    Operation(
        method="POST",
        path="/merges/{merge_id}/rejoin",
        summary="Let two contacts that were parted be one after all",
        body=_BODY,
        answer="Merge",
        statuses=(200, 404, 409),
    ),
)
def merge_rejoin(merge_id: int) -> Any:
    return merges.rejoin(caller(), merge_id, text_of(json_body(), "reason"))
