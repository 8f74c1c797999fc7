"""What was decided, and why."""

from typing import Any

from flask import request

from app import views
from app.api.blueprint import api
from app.api.operation import (
    CONTACT,
    CURSOR,
    LIMIT,
    STATUS,
    TYPE,
    Operation,
    choice,
    cursor,
    limit,
    number,
    operation,
    page_of,
)
from app.receive import this_runtime
from app.store import lists

OUTCOMES = ("taken", "withheld", "superseded")


@operation(
    api,
    Operation(
        method="GET",
        path="/decisions",
        summary="Decisions with the gates that were passed or not",
        query=(STATUS, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Decision",
        many=True,
    ),
)
def decisions() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.decisions_page(
            conn,
            limit(),
            cursor(),
            outcome=choice("status", OUTCOMES),
            contact_id=number("contact"),
            what=request.args.get("type") or None,
        )
        return page_of(page, views.decision)
