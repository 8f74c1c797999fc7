"""Merges: which contacts became one, how they would be parted, and parting them."""

from flask import render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import merges as made
from app import views
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import turns


@admin.get("/merges")
def merges() -> str:
    """Contacts that became one, newest first."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        turn = turns.merges(conn, asked.PAGE, *asked.turning())
        found = made.shown(runtime, conn, turn.rows)
        people = views.glances(runtime, conn, {one.contact_id for one in found} | {one.loser_id for one in found})
    return render_template("admin/merges.html", rows=found, people=people, links=asked.pages(turn))


@admin.get(f"/merges/<{asked.ROW}:merge_id>")
def merge(merge_id: int) -> str:
    """One merge: who has what once they are parted, and the button."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = made.shown(runtime, conn, [made.one(conn, merge_id)])[0]
        sides, cannot = made.would(runtime, conn, merge_id) if found.state == "merged" else ([], "")
        people = views.glances(runtime, conn, {found.contact_id, found.loser_id})
    return render_template("admin/merge.html", merge=found, sides=sides, cannot=cannot, people=people)


@admin.post(f"/merges/<{asked.ROW}:merge_id>/undo")
def merge_undo(merge_id: int) -> Response:
    """Make two contacts of one again."""
    with asked.telling("They are two again. Nothing that they share makes them one, until you say so here."):
        made.undo(current_user.email, merge_id, asked.text("reason", 200))
    return asked.back(url_for("admin.merge", merge_id=merge_id))


@admin.post(f"/merges/<{asked.ROW}:merge_id>/rejoin")
def merge_rejoin(merge_id: int) -> Response:
    """Let two contacts that were parted be one after all."""
    with asked.telling("They become one again in a moment, as a new merge that you can undo as well."):
        made.rejoin(current_user.email, merge_id, asked.text("reason", 200))
    return asked.back(url_for("admin.merge", merge_id=merge_id))
