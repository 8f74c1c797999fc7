"""Conflicts: fields on which tools disagree, and settling them."""

from flask import render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import conflicts as found
from app import views
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import turns


@admin.get("/conflicts")
def conflicts() -> str:
    """Fields that wait for a person, newest first."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        turn = turns.conflicts(conn, asked.PAGE, *asked.turning())
        shown = found.shown(runtime, conn, turn.rows)
        people = views.glances(runtime, conn, {one.contact_id for one in shown})
    return render_template("admin/conflicts.html", rows=shown, people=people, links=asked.pages(turn))


@admin.post(f"/conflicts/<{asked.ROW}:conflict_id>/settle")
def conflict_settle(conflict_id: int) -> Response:
    """Say what a field is."""
    value = asked.text("value", 2_000)
    with asked.telling("Settled. Tools that say otherwise are told in a moment."):
        found.settle(current_user.email, conflict_id, "" if value else asked.text("connection"), value or None)
    return asked.back(url_for("admin.conflicts"))
