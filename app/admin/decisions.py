"""Why something was done, and why not."""

from flask import abort, render_template
from werkzeug.wrappers import Response

from app import views
from app.admin import asked, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import rows, turns


@admin.get("/decisions")
def decisions() -> Response | str:
    """All decisions, by outcome and by what was decided."""
    runtime = this_runtime()
    outcome, what = asked.one_of("outcome", tuple(words.OUTCOMES)), asked.one_of("what", tuple(words.DECISIONS))
    with runtime.database.read() as conn:
        turn = turns.decisions(conn, asked.PAGE, *asked.turning(), outcome=outcome, what=what)
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
    return render_template(
        "admin/decisions.html",
        decisions=[views.decision(runtime, row) for row in turn.rows],
        people=people,
        outcome=outcome,
        what=what,
        links=asked.pages(turn, outcome=outcome, what=what),
        cut=turn.cut,
    )


@admin.get(f"/decisions/<{asked.ROW}:decision_id>")
def decision(decision_id: int) -> str:
    """One decision with its checks, what it followed from and what came of it."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = rows.decision_row(conn, decision_id)
        if row is None:
            abort(404)
        event = rows.event_row(conn, row["event_id"]) if row["event_id"] else None
        people = views.glances(runtime, conn, {row["contact_id"]})
        led_to = rows.deliveries_of(conn, row["contact_id"], [row["key"]])[row["key"]]
    return render_template(
        "admin/decision.html",
        decision=views.decision(runtime, row),
        person=people.get(row["contact_id"]),
        event=views.event(runtime, event) if event else None,
        deliveries=[{**one, "connection": views.connection_name(runtime, one["connection_id"])} for one in led_to],
    )
