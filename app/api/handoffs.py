"""Handoffs to sales."""

from typing import Any

from msgspec.structs import asdict

from app import actions, views
from app import handoffs as looked
from app.api.blueprint import api
from app.api.operation import (
    CONTACT,
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
    number,
    operation,
    page_of,
    text_of,
)
from app.receive import Refused, this_runtime
from app.rules.handoff import VERDICTS
from app.store import handoffs as stored
from app.store import lists

HANDOFF_STATUSES = ("open", "claimed", "closed", "withdrawn")


@operation(
    api,
    Operation(
        method="GET",
        path="/handoffs",
        summary="Handoffs to sales",
        query=(STATUS, CONTACT, LIMIT, CURSOR),
        answer="Handoff",
        many=True,
    ),
)
def handoffs() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.handoffs_page(
            conn, limit(), cursor(), status=choice("status", HANDOFF_STATUSES), contact_id=number("contact")
        )
        return page_of(page, views.handoff)


@operation(
    api,
    Operation(
        method="GET",
        path="/handoffs/{handoff_id}",
        summary="One handoff, with its clock and all that happened to it",
        answer="HandoffDetail",
        statuses=(200, 404),
    ),
)
def handoff(handoff_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = existing(stored.one(conn, handoff_id), "handoff")
        history = looked.history(runtime, conn, row)
    clock = asdict(looked.clock(runtime, row))
    return {**views.handoff(runtime, row), "clock": clock, "history": [asdict(step) for step in history]}


@operation(
    api,
    Operation(
        method="POST",
        path="/handoffs/{handoff_id}/claim",
        summary="Say that somebody takes care of a handoff",
        body={"type": "object", "properties": {"by": {"type": "string", "maxLength": 200}}},
        answer="Handoff",
        statuses=(200, 400, 404, 409),
    ),
)
def handoff_claim(handoff_id: int) -> Any:
    return actions.claim_handoff(handoff_id, caller(), text_of(json_body(), "by"))


@operation(
    api,
    Operation(
        method="POST",
        path="/handoffs/{handoff_id}/verdict",
        summary="Say how a handoff ended",
        body={
            "type": "object",
            "required": ["verdict"],
            "properties": {
                "verdict": {"type": "string", "enum": list(VERDICTS)},
                "by": {"type": "string", "maxLength": 200},
                "note": {"type": "string", "maxLength": 2000},
            },
        },
        answer="Handoff",
        statuses=(200, 400, 404, 409),
    ),
)
def handoff_verdict(handoff_id: int) -> Any:
    body = json_body()
    verdict = text_of(body, "verdict")
    if verdict not in VERDICTS:
        raise Refused(400, f"verdict is one of {', '.join(VERDICTS)}")
    return actions.judge_handoff(handoff_id, verdict, caller(), text_of(body, "note", 2000), text_of(body, "by"))
