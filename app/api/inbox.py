"""What came in: requests as they arrived, and the events that were read from them."""

from typing import Any

from flask import request

from app import actions, views
from app.api.blueprint import api
from app.api.operation import (
    CONNECTION,
    CONTACT,
    CURSOR,
    LIMIT,
    STATUS,
    TYPE,
    Operation,
    caller,
    choice,
    confirmed,
    connection_filter,
    connection_of,
    cursor,
    existing,
    json_body,
    limit,
    number,
    operation,
    page_of,
    sees_bodies,
    text_of,
)
from app.api.shapes import FLAG, TEXT
from app.receive import this_runtime
from app.store import left, lists

INBOX_STATUSES = ("pending", "done", "parked")


@operation(
    api,
    Operation(
        method="GET",
        path="/events",
        summary="Events, newest first",
        query=(CONNECTION, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Event",
        many=True,
    ),
)
def events() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.events_page(
            conn,
            limit(),
            cursor(),
            contact_id=number("contact"),
            connection_id=connection_filter(),
            type=request.args.get("type") or None,
        )
        return page_of(page, views.event)


@operation(
    api,
    Operation(
        method="GET",
        path="/inbox",
        summary="Requests as they arrived",
        query=(STATUS, CONNECTION, LIMIT, CURSOR),
        answer="InboxRow",
        many=True,
    ),
)
def inbox() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.inbox_page(
            conn, limit(), cursor(), status=choice("status", INBOX_STATUSES), connection_id=connection_filter()
        )
        return page_of(page, views.inbox)


@operation(
    api,
    Operation(
        method="GET",
        path="/inbox/{row_id}",
        summary="One request; its body takes the scope `work`",
        answer="InboxRow",
        statuses=(200, 404),
    ),
)
def inbox_row(row_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = views.inbox(runtime, existing(lists.inbox_row(conn, row_id), "request"))
    return found if sees_bodies() else {**found, "body": None}


@operation(
    api,
    Operation(
        method="POST",
        path="/inbox/{row_id}/replay",
        summary="Have a request read again",
        answer="Done",
        statuses=(200, 404, 409),
    ),
)
def inbox_replay(row_id: int) -> Any:
    return actions.replay_inbox(caller(), row_id)


@operation(
    api,
    Operation(
        method="POST",
        path="/inbox/replay",
        summary="Have all parked requests read again, of a connection and for a reason; only how many unless confirmed",
        body={
            "type": "object",
            "properties": {
                "connection": TEXT,
                "reason": TEXT,
                "confirm": FLAG,
            },
        },
        answer="Several",
        statuses=(200, 404),
    ),
)
def inbox_replay_several() -> Any:
    body = json_body()
    connection_id, reason = connection_of(body), text_of(body, "reason", 2_000) or None
    matching = actions.matching(left.parked(connection_id, reason))
    if not confirmed(body):
        return {**matching, "done": 0, "more": matching["matching"] > 0}
    done, more = actions.replay_parked(caller(), connection_id, reason)
    return {**matching, "done": done, "more": more}
