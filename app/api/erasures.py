"""Erasing people: asking for it, and what came of it here and in every tool."""

from typing import Any

from app import actions, erasure, views
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
    STATUS,
    Operation,
    caller,
    choice,
    cursor,
    existing,
    json_body,
    limit,
    operation,
    text_of,
    to_cursor,
)
from app.receive import Refused, this_runtime
from app.store import erasures as stored
from app.store.access import MANAGE


@operation(
    api,
    Operation(
        method="GET",
        path="/erasures",
        summary="People who were erased, and what each tool said; newest first",
        query=(STATUS, LIMIT, CURSOR),
        answer="Erasure",
        many=True,
        scope=MANAGE,
    ),
)
def erasures() -> Any:
    runtime = this_runtime()
    status = choice("status", (stored.CLEANING, stored.WAITING, stored.FINISHED))
    with runtime.database.read() as conn:
        page = stored.page(conn, limit(), cursor(), status)
        receipts = stored.receipts(conn, [one.id for one in page.rows])
    items = [erasure.shown(runtime, one, receipts[one.id]) for one in page.rows]
    return {"items": items, "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="GET",
        path="/erasures/{erasure_id}",
        summary="One erasure",
        answer="Erasure",
        statuses=(200, 404),
        scope=MANAGE,
    ),
)
def one_erasure(erasure_id: int) -> Any:
    return _shown(erasure_id)


@operation(
    api,
    Operation(
        method="POST",
        path="/contacts/{contact_id}/erase",
        summary="Erase a person here and in every tool. This cannot be undone",
        body={"type": "object", "required": ["confirm"], "properties": {"confirm": {"const": True}}},
        answer="Erasure",
        statuses=(202, 400, 404),
        scope=MANAGE,
    ),
)
def erase_contact(contact_id: int) -> Any:
    if json_body().get("confirm") is not True:
        raise Refused(400, 'this cannot be undone; send {"confirm": true}')
    runtime = this_runtime()
    with runtime.database.read() as conn:
        known = existing(views.contact(runtime, conn, contact_id), "contact")
    return _shown(actions.erase(caller(), known["id"]))


@operation(
    api,
    Operation(
        method="POST",
        path="/erasures",
        summary="Erase whoever goes by an address, a phone number or an alias, also where only tools may know them",
        body={
            "type": "object",
            "required": ["who", "confirm"],
            "properties": {
                "who": {"type": "string", "maxLength": 320, "description": "ann@example.com, +15005550006, hubspot:12"},
                "confirm": {"const": True},
            },
        },
        answer="Erasure",
        statuses=(202, 400, 409),
        scope=MANAGE,
    ),
)
def erase_by_name() -> Any:
    body = json_body()
    who = text_of(body, "who", 320)
    if body.get("confirm") is not True:
        raise Refused(400, 'this cannot be undone; send {"confirm": true}')
    return _shown(actions.erase_by_name(caller(), who))


@operation(
    api,
    Operation(
        method="POST",
        path="/erasures/let-in",
        summary="Keep somebody out no more who came back of their own will",
        body={"type": "object", "required": ["who"], "properties": {"who": {"type": "string", "maxLength": 320}}},
        answer="Done",
        statuses=(200, 400),
        scope=MANAGE,
    ),
)
def let_in() -> Any:
    actions.let_in(caller(), text_of(json_body(), "who", 320))
    return actions.DONE


@operation(
    api,
    Operation(
        method="POST",
        path="/erasures/{erasure_id}/by-hand",
        summary="Say that a person was deleted by hand in a tool that cannot be asked",
        body={
            "type": "object",
            "required": ["connection"],
            "properties": {"connection": {"type": "string", "maxLength": 200}},
        },
        answer="Erasure",
        statuses=(200, 400, 404, 409),
        scope=MANAGE,
    ),
)
def erased_by_hand(erasure_id: int) -> Any:
    runtime = this_runtime()
    name = text_of(json_body(), "connection")
    _shown(erasure_id)
    found = runtime.connection(name)
    if found is None:
        raise Refused(400, f"there is no connection {name[:40]!r}")
    actions.erased_by_hand(caller(), erasure_id, found.id)
    return _shown(erasure_id)


def _shown(erasure_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = existing(stored.load(conn, erasure_id), "erasure")
        receipts = stored.receipts(conn, [erasure_id])[erasure_id]
    return erasure.shown(runtime, found, receipts)
