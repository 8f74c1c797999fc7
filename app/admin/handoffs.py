"""Handoffs: who waits for sales, since when and until when; claiming one and saying how it went."""

from flask import abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app import handoffs as looked
from app.admin import asked, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.rules.handoff import VERDICTS
from app.store import counts, turns
from app.store import handoffs as stored

_ALL = "all"


@admin.get("/handoffs")
def handoffs() -> str:
    """Handoffs by state and by whose they are; those that nobody has judged in the order in which they are due."""
    runtime = this_runtime()
    status = asked.one_of("status", (*words.HANDOFFS, _ALL)) or "open"
    with runtime.database.read() as conn:
        owners = stored.owners(conn)
        owner = asked.one_of("owner", {*owners, current_user.email})
        turn = turns.handoffs(
            conn,
            asked.PAGE,
            *asked.turning(),
            status=None if status == _ALL else status,
            owner=owner,
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
        owner=owner,
        owners=[(one, "Mine" if one == current_user.email else one) for one in owners],
        counts=waiting,
        most=counts.COUNT_UP_TO,
        links=asked.pages(turn, status=status, owner=owner),
        cut=turn.cut,
        now=runtime.clock(),
    )


@admin.get(f"/handoffs/<{asked.ROW}:handoff_id>")
def handoff(handoff_id: int) -> str:
    """One handoff: its clock, who has it, what sales should know, and all that happened to it."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = stored.one(conn, handoff_id)
        if row is None:
            abort(404)
        packet = looked.packet(runtime, conn, row["contact_id"])
        history = looked.history(runtime, conn, row)
        people = views.glances(runtime, conn, {row["contact_id"]})
    return render_template(
        "admin/handoff.html",
        row=views.handoff(runtime, row),
        person=people.get(row["contact_id"]),
        packet=packet,
        clock=looked.clock(runtime, row),
        history=history,
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
