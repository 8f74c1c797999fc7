"""Sequences: who is in them, what they come to, and what people decide."""

from typing import Any

from flask import request

from app import reviews, sequences, steering
from app.actions import DONE
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
    Operation,
    caller,
    choice,
    cursor,
    json_body,
    limit,
    number,
    operation,
    text_of,
    to_cursor,
)
from app.receive import Refused, this_runtime
from app.rules.sequences.policy import ExitReason
from app.store import lists
from app.store.reviews import STATUSES

_TEXT = {"type": "string", "maxLength": 200}


@operation(
    api,
    Operation(
        method="GET", path="/sequences", summary="Sequences, and how many are in each", answer="Sequence", many=True
    ),
)
def all_sequences() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return {"items": sequences.listed(runtime, conn), "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/sequences/{name}",
        summary="One sequence: its steps, how many are at each, and how those ended who are out",
        answer="Sequence",
        statuses=(200, 404),
    ),
)
def one_sequence(name: str) -> Any:
    runtime = this_runtime()
    steering.flow_named(name)
    with runtime.database.read() as conn:
        return sequences.detail(runtime, conn, name)


@operation(
    api,
    Operation(
        method="GET",
        path="/sequences/{name}/results",
        summary="What each split came to: shares with 95 % intervals, each variant held against the first",
        answer="SequenceResults",
        statuses=(200, 404),
    ),
)
def sequence_results(name: str) -> Any:
    runtime = this_runtime()
    steering.flow_named(name)
    with runtime.database.read() as conn:
        return sequences.results(runtime, conn, name)


@operation(
    api,
    Operation(
        method="GET",
        path="/sequences/{name}/enrolments",
        summary="Who is, or was, in a sequence, the newest first",
        query=(
            {"name": "status", "schema": {"type": "string", "enum": ["running", "ended"]}},
            {"name": "step", "schema": {"type": "string"}},
            {"name": "exit", "schema": {"type": "string", "enum": [*ExitReason]}},
            LIMIT,
            CURSOR,
        ),
        answer="Enrolment",
        many=True,
        statuses=(200, 404),
    ),
)
def sequence_enrolments(name: str) -> Any:
    size, before = limit(), cursor()
    status = choice("status", ("running", "ended"))
    steering.flow_named(name)
    with this_runtime().database.read() as conn:
        page = lists.enrolments_page(
            conn,
            size,
            before,
            running=None if status is None else status == "running",
            sequence=name,
            step=request.args.get("step") or None,
            exit=choice("exit", tuple(ExitReason)),
        )
    hidden = ("key", "told_at")
    items = [{key: value for key, value in row.items() if key not in hidden} for row in page.rows]
    return {"items": items, "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="POST",
        path="/sequences/pause",
        summary="Let all sequences stand still for everybody, also those published later; nobody is lost",
        body={"type": "object", "properties": {"reason": _TEXT}},
        answer="SequencesPaused",
        statuses=(200, 409),
    ),
)
def sequences_pause() -> Any:
    steering.pause_every(caller(), text_of(json_body(), "reason"))
    return {"paused": True, "still_paused": []}


@operation(
    api,
    Operation(
        method="POST",
        path="/sequences/resume",
        summary="Let all sequences go on, but for those that are paused by themselves: what was due is done now",
        answer="SequencesPaused",
        statuses=(200, 409),
    ),
)
def sequences_resume() -> Any:
    return {"paused": False, "still_paused": steering.resume_every(caller())}


@operation(
    api,
    Operation(
        method="POST",
        path="/sequences/{name}/pause",
        summary="Let a sequence stand still for everybody; nobody is lost",
        body={"type": "object", "properties": {"reason": _TEXT}},
        answer="SequencePaused",
        statuses=(200, 404, 409),
    ),
)
def sequence_pause(name: str) -> Any:
    return steering.pause(caller(), name, text_of(json_body(), "reason"))


@operation(
    api,
    Operation(
        method="POST",
        path="/sequences/{name}/resume",
        summary="Let a sequence go on: what was due meanwhile is done now",
        answer="SequencePaused",
        statuses=(200, 404, 409),
    ),
)
def sequence_resume(name: str) -> Any:
    return steering.resume(caller(), name)


@operation(
    api,
    Operation(
        method="POST",
        path="/sequences/{name}/move",
        summary="Move those inside to the newest version, or to another sequence; a preview, unless it is confirmed",
        body={
            "type": "object",
            "properties": {"to": {**_TEXT, "description": "Another sequence's id"}, "confirm": {"type": "boolean"}},
        },
        answer="SequenceMove",
        statuses=(200, 404),
    ),
)
def sequence_move(name: str) -> Any:
    body = json_body()
    confirmed = body.get("confirm", False)
    if not isinstance(confirmed, bool):
        raise Refused(400, "confirm is true or false")
    steering.flow_named(name)
    return steering.move(caller(), name, text_of(body, "to"), confirmed)


# --- one person


@operation(
    api,
    Operation(
        method="POST",
        path="/contacts/{contact_id}/sequences/{name}/enter",
        summary="Let a person into a sequence, if its gates let them; the decision says whether they did",
        answer="Done",
        statuses=(202, 404, 409),
    ),
)
def contact_enters(contact_id: int, name: str) -> Any:
    steering.enter(caller(), contact_id, name)
    return DONE


@operation(
    api,
    Operation(
        method="POST",
        path="/contacts/{contact_id}/sequences/{name}/stop",
        summary="Let a person out of a sequence",
        answer="Done",
        statuses=(202, 404, 409),
    ),
)
def contact_stops(contact_id: int, name: str) -> Any:
    steering.stop(caller(), contact_id, name)
    return DONE


# --- reviews


@operation(
    api,
    Operation(
        method="GET",
        path="/reviews",
        summary="Who came to the end of a sequence without its goal",
        query=(
            {"name": "status", "schema": {"type": "string", "enum": [*STATUSES]}},
            {"name": "contact", "schema": {"type": "integer"}, "description": "A contact's id"},
            LIMIT,
            CURSOR,
        ),
        answer="Review",
        many=True,
    ),
)
def all_reviews() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.reviews_page(
            conn, limit(), cursor(), status=choice("status", STATUSES), contact_id=number("contact")
        )
    return {"items": [reviews.shown(row) for row in page.rows], "next": to_cursor(page.next)}


@operation(
    api,
    Operation(
        method="POST",
        path="/reviews/{review_id}/extend",
        summary="Let the person go on where they stood, for so many days",
        body={
            "type": "object",
            "required": ["days"],
            "properties": {"days": {"type": "number", "exclusiveMinimum": 0}},
        },
        answer="Review",
        statuses=(200, 404, 409),
    ),
)
def review_extend(review_id: int) -> Any:
    days = json_body().get("days")
    if not isinstance(days, int | float) or isinstance(days, bool):
        raise Refused(400, "days is a number")
    return reviews.shown(steering.extend(caller(), review_id, days))


@operation(
    api,
    Operation(
        method="POST",
        path="/reviews/{review_id}/move",
        summary="Let the person into another sequence",
        body={"type": "object", "required": ["sequence"], "properties": {"sequence": _TEXT}},
        answer="Review",
        statuses=(200, 404, 409),
    ),
)
def review_move(review_id: int) -> Any:
    return reviews.shown(steering.send_elsewhere(caller(), review_id, text_of(json_body(), "sequence")))


@operation(
    api,
    Operation(
        method="POST",
        path="/reviews/{review_id}/suppress",
        summary="Write to the person no more",
        body={"type": "object", "properties": {"reason": _TEXT}},
        answer="Review",
        statuses=(200, 404, 409),
    ),
)
def review_suppress(review_id: int) -> Any:
    return reviews.shown(steering.suppress(caller(), review_id, text_of(json_body(), "reason")))


@operation(
    api,
    Operation(
        method="POST",
        path="/reviews/{review_id}/hand_over",
        summary="Hand the person to sales",
        body={"type": "object", "properties": {"reason": _TEXT}},
        answer="Review",
        statuses=(200, 404, 409),
    ),
)
def review_hand_over(review_id: int) -> Any:
    return reviews.shown(steering.hand_over(caller(), review_id, text_of(json_body(), "reason")))
