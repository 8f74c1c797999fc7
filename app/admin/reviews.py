"""Reviews: who came to the end of a sequence without its goal, and deciding what is next for them."""

from collections.abc import Callable
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import reviews as looked
from app import steering, views
from app.admin import asked, steps, words
from app.admin.blueprint import admin
from app.numbers import whole
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


@admin.get("/reviews/next")
def review_next() -> Response:
    """On to the next review that is open, the longest-waiting first; after the last one back to the list."""
    turn, after = _Round.asked() or _Round(), asked.number("after") or 0
    with this_runtime().database.read() as conn:
        found = stored.next_open(conn, after, turn.sequence or None)
    if found is not None:
        return redirect(url_for("admin.review", review_id=found, **turn.arguments()))
    left = f" {words.plural(turn.skipped, 'review')} you skipped." if turn.skipped else ""
    asked.say(f"That was the last one. You decided {words.plural(turn.done, 'review')}.{left}")
    return redirect(url_for("admin.reviews", sequence=turn.sequence or None))


class _Round(Struct, frozen=True):
    """Somebody works through the open reviews, maybe only those of a sequence: how many they decided and skipped so
    far. It stands in the addresses, so that reloading, going back and a second tab do no harm."""

    done: int = 0
    skipped: int = 0
    sequence: str = ""

    @classmethod
    def asked(cls) -> "_Round | None":
        """The round that the request belongs to, or None where a review is looked at by itself."""
        done, skipped = (whole(asked.text(name, 6)) for name in ("done", "skipped"))
        return None if done is None or skipped is None else cls(done, skipped, asked.text("of"))

    def arguments(self) -> dict[str, Any]:
        return {"done": self.done, "skipped": self.skipped, "of": self.sequence or None}

    def place(self, conn: Conn) -> dict[str, Any]:
        """Which one this is of how many, as it stands now: others may decide some, and new ones may come."""
        left = counts.up_to(conn, {"": stored.waiting(self.sequence or None)})[""]
        now = self.done + self.skipped + 1
        return {**self.arguments(), "now": now, "of_all": max(self.done + left, now), "many": left > counts.COUNT_UP_TO}


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
    turn = _Round.asked()
    if turn is None:
        asked.say(words.REVIEW_DONE[asked.text("answer")])
        return asked.back(url_for("admin.review", review_id=review_id))
    asked.say(f"{asked.text('name') or 'The last one'}: {words.REVIEW_DONE[asked.text('answer')]}")
    turn = replace(turn, done=turn.done + 1)
    return redirect(url_for("admin.review_next", after=review_id, **turn.arguments()), 303)


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
        turn = _Round.asked()
        place = turn.place(conn) if turn is not None else None
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
        place=place,
        **looked.answers(runtime, row),
    )
