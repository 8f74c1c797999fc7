"""Rehearsals: what drafts, or texts that are no draft yet, would have done on the stored past. Nothing is sent."""

from datetime import datetime
from typing import Any

from flask import request

from app import actions
from app import rehearsal as acted
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
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
from app.api.shapes import TEXT, TIME
from app.contacts.times import parse_time
from app.drafts import storable
from app.receive import Refused, this_runtime
from app.rules.difference import LESS, MORE, MOVED, OTHER
from app.rules.policy import KINDS
from app.store import rehearsals
from app.store.rehearsals import Rehearsal
from mappings.document import MAX_BYTES, InvalidDocument

_MOST = len(KINDS)
_LARGE = 2 * _MOST * MAX_BYTES
_SIDES = (MORE, LESS, MOVED, OTHER)


@operation(
    api,
    Operation(
        method="GET",
        path="/rehearsals",
        summary="Rehearsals, the newest first",
        query=(LIMIT, CURSOR),
        answer="Rehearsal",
        many=True,
    ),
)
def all_rehearsals() -> Any:
    with this_runtime().database.read() as conn:
        page = rehearsals.page(conn, limit(), cursor())
    return {"items": [acted.shown(one) for one in page.rows], "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="POST",
        path="/rehearsals",
        summary="Have drafts or texts tried on the past, as if they had come into force together; nothing is sent",
        body={
            "type": "object",
            "required": ["since"],
            "properties": {
                "drafts": {
                    "type": "array",
                    "description": "Drafts as they were saved last",
                    "items": {
                        "type": "object",
                        "required": ["kind", "name"],
                        "properties": {"kind": TEXT, "name": TEXT},
                    },
                },
                "texts": {"type": "array", "description": "Policies in YAML, mappings among them", "items": TEXT},
                "since": {**TIME, "description": "Where the span begins"},
                "until": {**TIME, "description": "Where it ends; left out: now"},
                "segment": {**TEXT, "description": "Only who is in this segment today"},
                "every": {"type": "integer", "minimum": 1, "description": "Only each so-many-th contact"},
            },
        },
        answer="RehearsalDetail",
        statuses=(202,),
    ),
)
def rehearsal_ask() -> Any:
    runtime, body = this_runtime(), json_body(_LARGE)
    since = _moment(body, "since")
    if since is None:
        raise Refused(400, "since is where the span begins, as in 2027-03-31T00:00:00Z")
    until, segment, every = _moment(body, "until"), text_of(body, "segment"), _every(body)
    try:
        with runtime.database.read() as conn:
            texts = acted.drafts_named(conn, _drafts(body)) + _texts(body)
        number = acted.ask(runtime, caller(), texts, since, until, segment, every)
    except acted.NotRehearsed as refused:
        raise Refused(400, str(refused)) from None
    except InvalidDocument as invalid:
        raise Refused(400, "; ".join(invalid.problems)[:4_000]) from None
    actions.begin_rehearsing()
    return acted.shown_counts(_existing(number))


def _drafts(body: dict[str, Any]) -> list[tuple[str, str]]:
    found = body.get("drafts", [])
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, dict) for one in found):
        raise Refused(400, f"drafts is a list of at most {_MOST} drafts, each with kind and name")
    return [(text_of(one, "kind"), text_of(one, "name")) for one in found]


def _texts(body: dict[str, Any]) -> list[tuple[str, str]]:
    found = body.get("texts", [])
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, str) for one in found):
        raise Refused(400, f"texts is a list of at most {_MOST} policies in YAML")
    try:
        return [(f"text {number}", storable(text)) for number, text in enumerate(found, 1)]
    except UnicodeEncodeError:
        raise Refused(400, "texts: one of them holds half a character") from None


def _moment(body: dict[str, Any], name: str) -> datetime | None:
    text = text_of(body, name)
    try:
        return parse_time(text) if text else None
    except ValueError:
        raise Refused(400, f"{name} is a time, as in 2027-03-31T00:00:00Z") from None


def _every(body: dict[str, Any]) -> int:
    value = body.get("every", 1)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise Refused(400, "every is a whole number from 1 on")
    return value


@operation(
    api,
    Operation(
        method="GET",
        path="/rehearsals/{rehearsal_id}",
        summary="One rehearsal: how far it has come, and what it has counted",
        answer="RehearsalDetail",
        statuses=(200, 404),
    ),
)
def one_rehearsal(rehearsal_id: int) -> Any:
    return acted.shown_counts(_existing(rehearsal_id))


def _existing(rehearsal_id: int) -> Rehearsal:
    with this_runtime().database.read() as conn:
        found: Rehearsal = existing(rehearsals.find(conn, rehearsal_id), "rehearsal")
    return found


@operation(
    api,
    Operation(
        method="GET",
        path="/rehearsals/{rehearsal_id}/changes",
        summary="What would be otherwise, contact by contact: decided by the rules in force, and by the draft",
        query=(
            {
                "name": "effect",
                "schema": TEXT,
                "description": "One of the effects that were counted, or field or told",
            },
            {"name": "rule", "schema": TEXT},
            {"name": "side", "schema": {**TEXT, "enum": list(_SIDES)}, "description": "How it differs"},
            LIMIT,
            CURSOR,
        ),
        answer="RehearsalChange",
        many=True,
        statuses=(200, 404),
    ),
)
def rehearsal_changes(rehearsal_id: int) -> Any:
    wanted = {"effect": request.args.get("effect"), "rule": request.args.get("rule"), "side": choice("side", _SIDES)}
    _existing(rehearsal_id)
    with this_runtime().database.read() as conn:
        found, more = rehearsals.changes_page(conn, rehearsal_id, limit(), cursor(), **wanted)
    return {"items": [acted.shown_change(one) for one in found], "next": to_cursor(more)}


@operation(
    api,
    Operation(
        method="POST",
        path="/rehearsals/{rehearsal_id}/cancel",
        summary="Stop a rehearsal; what it has counted stays",
        answer="RehearsalDetail",
        statuses=(200, 404, 409),
    ),
)
def rehearsal_cancel(rehearsal_id: int) -> Any:
    _existing(rehearsal_id)
    if not acted.cancel(this_runtime(), caller(), rehearsal_id):
        raise Refused(409, "it is over already")
    return acted.shown_counts(_existing(rehearsal_id))
