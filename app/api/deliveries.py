"""What went out, waits, or was withheld."""

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
from app.store import deliveries as stored_deliveries
from app.store import left, lists

DELIVERY_STATUSES = (
    stored_deliveries.PENDING,
    stored_deliveries.SENDING,
    stored_deliveries.SENT,
    stored_deliveries.WITHHELD,
    stored_deliveries.UNKNOWN,
    stored_deliveries.DEAD,
)


@operation(
    api,
    Operation(
        method="GET",
        path="/deliveries",
        summary="What went out, waits, or was withheld",
        query=(STATUS, CONNECTION, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Delivery",
        many=True,
    ),
)
def deliveries() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.deliveries_page(
            conn,
            limit(),
            cursor(),
            status=choice("status", DELIVERY_STATUSES),
            connection_id=connection_filter(),
            contact_id=number("contact"),
            kind=request.args.get("type") or None,
        )
        return page_of(page, views.delivery)


@operation(
    api,
    Operation(
        method="GET",
        path="/deliveries/{delivery_id}",
        summary="One delivery with each try; its request and answer take the scope `work`",
        answer="Delivery",
        statuses=(200, 404),
    ),
)
def delivery(delivery_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = views.delivery(runtime, existing(lists.delivery_row(conn, delivery_id), "delivery"))
    if not sees_bodies():
        found["tries"] = [{**one, "request": None, "answer": None} for one in found["tries"]]
    return found


@operation(
    api,
    Operation(
        method="POST",
        path="/deliveries/{delivery_id}/retry",
        summary="Have a dead delivery, or one of unknown outcome, tried again",
        answer="Done",
        statuses=(200, 404, 409),
    ),
)
def delivery_retry(delivery_id: int) -> Any:
    return actions.retry_delivery(caller(), delivery_id)


@operation(
    api,
    Operation(
        method="POST",
        path="/deliveries/retry",
        summary="Have all deliveries that were given up tried again, of a connection, a kind and for a reason; only "
        "how many unless confirmed",
        body={
            "type": "object",
            "properties": {
                "connection": TEXT,
                "type": TEXT,
                "reason": TEXT,
                "confirm": FLAG,
            },
        },
        answer="Several",
        statuses=(200, 404),
    ),
)
def delivery_retry_several() -> Any:
    body = json_body()
    connection_id, kind = connection_of(body), text_of(body, "type") or None
    reason = text_of(body, "reason", 2_000) or None
    matching = actions.matching(left.dead(connection_id, kind, reason))
    if not confirmed(body):
        return {**matching, "done": 0, "more": matching["matching"] > 0}
    done, more = actions.retry_dead(caller(), connection_id, kind, reason)
    return {**matching, "done": done, "more": more}
