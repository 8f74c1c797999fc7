"""Reviews: who came to the end of a sequence without its goal, and deciding what is next for them."""

from collections.abc import Callable
from typing import Any

from flask import abort, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import reviews as looked
from app import steering, views
from app.admin import asked, steps, words
from app.admin.blueprint import admin
from app.receive import Refused, this_runtime
from app.store import counts, turns
from app.store import reviews as stored

_ALL = "all"


@admin.get("/reviews")
def reviews() -> str:
    """Reviews by state, with what the open ones have in common."""
    runtime = this_runtime()
    known = runtime.rulebook().policies.sequences.newest.by_id
    status = asked.one_of("status", (*stored.STATUSES, _ALL)) or stored.OPEN
    sequence = asked.one_of("sequence", known)
    with runtime.database.read() as conn:
        wanted = None if status == _ALL else status
        turn = turns.reviews(conn, asked.PAGE, *asked.turning(), status=wanted, sequence=sequence)
        return render_template(
            "admin/reviews.html",
            rows=looked.with_runs(runtime, conn, turn.rows),
            people=views.glances(runtime, conn, {row["contact_id"] for row in turn.rows}),
            common=looked.in_common(runtime, conn) if status == stored.OPEN else [],
            status=status,
            sequence=sequence,
            sequences=[(one.id, one.label) for one in known.values()],
            open=counts.up_to(conn, {"open": counts.waiting()["reviews.open"]})["open"],
            most=counts.COUNT_UP_TO,
            links=asked.pages(turn, status=status, sequence=sequence),
            cut=turn.cut,
        )


@admin.get(f"/reviews/<{asked.ROW}:review_id>")
def review(review_id: int) -> str:
    """One review: what happened, and the four answers; of a closed one what was decided."""
    return _page(review_id)


@admin.post(f"/reviews/<{asked.ROW}:review_id>")
def review_answer(review_id: int) -> Response | tuple[str, int]:
    """Decide what is next for the person."""
    decide = _ANSWERS.get(asked.text("answer"))
    if decide is None:
        abort(400)
    try:
        decide(review_id)
    except Refused as refusal:
        return _page(review_id, str(refusal.description)), 409 if refusal.code == 404 else refusal.code or 400
    asked.say(words.REVIEW_DONE[asked.text("answer")])
    return asked.back(url_for("admin.review", review_id=review_id))


def _extend(review_id: int) -> Any:
    return steering.extend(current_user.email, review_id, _days(asked.text("days")))


def _days(given: str) -> float:
    try:
        return float(given.replace(",", "."))
    except ValueError:
        raise Refused(400, "say for how many days, as a number such as 7") from None


def _move(review_id: int) -> Any:
    to = asked.text("sequence")
    if not to:
        raise Refused(400, "choose the sequence that they are to get")
    return steering.send_elsewhere(current_user.email, review_id, to)


def _suppress(review_id: int) -> Any:
    return steering.suppress(current_user.email, review_id, asked.text("reason"))


def _hand_over(review_id: int) -> Any:
    return steering.hand_over(current_user.email, review_id, asked.text("reason"))


_ANSWERS: dict[str, Callable[[int], Any]] = {
    "extend": _extend,
    "move": _move,
    "suppress": _suppress,
    "hand_over": _hand_over,
}


def _page(review_id: int, problem: str = "") -> str:
    """The page; after an answer that was not taken with the reason, and with what was filled in."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = stored.one(conn, review_id)
        if row is None:
            abort(404)
        found = looked.detail(runtime, conn, row)
        people = views.glances(runtime, conn, {found["contact_id"]})
    if problem and row["status"] != stored.OPEN:
        problem = "somebody has decided it already, as you see below"
    flow = runtime.rulebook().policies.sequences.pinned(row["version"], row["sequence"])
    run = found["run"]
    return render_template(
        "admin/review.html",
        review=found,
        person=people.get(found["contact_id"]),
        stood=steps.names_of(flow).get(run.step, f"Step {run.step}") if run else None,
        happened=[views.decision(runtime, one) for one in found["happened"]],
        led_to=[views.decision(runtime, one) for one in found["led_to"]],
        goal=steps.goal_words(flow),
        published=row["sequence"] in runtime.rulebook().policies.sequences.newest.by_id,
        problem=problem,
        given=request.form,
        **looked.answers(runtime, row),
    )
