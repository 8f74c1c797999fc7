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
    connection_filter,
    cursor,
    existing,
    limit,
    number,
    operation,
    page_of,
)
from app.receive import this_runtime
from app.store import lists

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
        summary="One request with its body",
        answer="InboxRow",
        statuses=(200, 404),
    ),
)
def inbox_row(row_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return views.inbox(runtime, existing(lists.inbox_row(conn, row_id), "request"))


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
