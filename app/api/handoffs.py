"""Handoffs to sales."""

from typing import Any

from app import actions, views
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
    json_body,
    limit,
    number,
    operation,
    page_of,
    text_of,
)
from app.receive import Refused, this_runtime
from app.rules.handoff import VERDICTS
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
        method="POST",
        path="/handoffs/{handoff_id}/claim",
        summary="Say that somebody takes care of a handoff",
        body={"type": "object", "properties": {"by": {"type": "string", "maxLength": 200}}},
        answer="Handoff",
        statuses=(200, 400, 404, 409),
    ),
)
def handoff_claim(handoff_id: int) -> Any:
    return actions.claim_handoff(handoff_id, text_of(json_body(), "by") or caller())


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
    return actions.judge_handoff(handoff_id, verdict, text_of(body, "by") or caller(), text_of(body, "note", 2000))
