"""Handoffs: who waits for sales, since when and until when; claiming one and saying how it went."""

from flask import abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.rules.handoff import VERDICTS
from app.store import counts, turns

_ALL = "all"


@admin.get("/handoffs")
def handoffs() -> str:
    """Handoffs by state; those that nobody has judged in the order in which they are due."""
    runtime = this_runtime()
    status = asked.one_of("status", (*words.HANDOFFS, _ALL)) or "open"
    with runtime.database.read() as conn:
        turn = turns.handoffs(
            conn,
            asked.PAGE,
            *asked.turning(),
            status=None if status == _ALL else status,
            by_due=status in ("open", "claimed"),
        )
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
        waiting = counts.up_to(
            conn, {name: query for name, query in counts.waiting().items() if name.startswith("handoffs.")}
        )
    return render_template(
        "admin/handoffs.html",
        rows=[views.handoff(runtime, row) for row in turn.rows],
        people=people,
        status=status,
        counts=waiting,
        most=counts.COUNT_UP_TO,
        links=asked.pages(turn, status=status),
        cut=turn.cut,
        now=runtime.clock(),
    )


@admin.post(f"/handoffs/<{asked.ROW}:handoff_id>/claim")
def claim(handoff_id: int) -> Response:
    """Take care of one."""
    with asked.telling("It is yours. Say how it went when you know."):
        actions.claim_handoff(handoff_id, current_user.email)
    return asked.back(url_for("admin.handoffs"))


@admin.post(f"/handoffs/<{asked.ROW}:handoff_id>/verdict")
def judge(handoff_id: int) -> Response:
    """Say how one went."""
    verdict = asked.text("verdict")
    if verdict not in VERDICTS:
        abort(400)
    with asked.telling(f"Noted: {words.VERDICTS[verdict].lower()}. Thank you."):
        actions.judge_handoff(handoff_id, verdict, current_user.email, asked.text("note", 2_000))
    return asked.back(url_for("admin.handoffs"))
