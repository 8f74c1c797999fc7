"""The first screen: is anything wrong, what came in, what went out, what did not and why, what waits for whom."""

from collections import Counter
from datetime import timedelta

from flask import redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, roles, troubles, words
from app.admin.blueprint import admin, role
from app.receive import Refused, this_runtime
from app.store import lists, notes
from app.store.tables import decisions, deliveries, inbox

SPAN = timedelta(hours=24)
_CAME_IN_UP_TO = 100_000
_HANDOFFS_SHOWN = 8


@admin.get("/")
def home() -> Response | str:
    """What an admin or marketer wants to see first; sales is led to the handoffs."""
    if role() == roles.SALES:
        return redirect(url_for("admin.handoffs"))
    runtime = this_runtime()
    since = runtime.clock() - SPAN
    known = sorted(runtime.connections().values(), key=lambda one: one.name)
    with runtime.database.read() as conn:
        counts = lists.count_up_to(conn, lists.waiting())
        found = troubles.troubles(runtime, conn, counts)
        paused = troubles.paused(notes.read_marks(conn))
        first = lists.first_since(conn, inbox, inbox.c.received_at, since)
        came = lists.count_up_to(conn, lists.came_in([one.id for one in known], first), _CAME_IN_UP_TO)
        sent_from = lists.first_since(conn, deliveries, deliveries.c.created_at, since)
        decided_from = lists.first_since(conn, decisions, decisions.c.decided_at, since)
        sent = lists.sent_by_kind(conn, sent_from)
        kept_back = [
            (what, reason) for what, reason in lists.withheld_since(conn, decided_from, sent_from) if what != "alert"
        ]
        turn = lists.turn_handoffs(conn, _HANDOFFS_SHOWN, None, None, "open", oldest_first=True)
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
    return render_template(
        "admin/home.html",
        troubles=found,
        paused=paused,
        counts=counts,
        most=lists.COUNT_UP_TO,
        came=[(one, came[str(one.id)]) for one in known if came[str(one.id)]],
        came_most=_CAME_IN_UP_TO,
        connections=known,
        sent=sent,
        kept_back=Counter(words.reason_group(reason) for _, reason in kept_back).most_common(8),
        handoffs=turn.rows,
        more_handoffs=turn.older is not None,
        people=people,
        now=runtime.clock(),
    )


@admin.post("/pause")
def pause_all() -> Response:
    """Let nothing leave through any connection."""
    reason = asked.text("reason") or "paused by hand"
    try:
        actions.pause_all(current_user.email, reason)
        asked.say("Paused. Nothing leaves Baton until you resume; what comes in is kept and read.")
    except Refused as refusal:
        asked.refused(refusal)
    return asked.back(url_for("admin.home"))


@admin.post("/resume")
def resume_all() -> Response:
    """Let things leave again."""
    try:
        actions.resume_all(current_user.email)
        asked.say("Resumed. What has waited leaves now.")
    except Refused as refusal:
        asked.refused(refusal)
    return asked.back(url_for("admin.home"))
