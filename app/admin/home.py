"""The first screen: is anything wrong, what came in, what went out, what did not and why, what waits for whom."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from flask import redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, health, views
from app.admin import asked, roles, troubles, words
from app.admin.blueprint import admin, role
from app.admin.reasons import reason_group
from app.receive import this_runtime
from app.store import counts, notes, turns
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
        waiting = counts.up_to(conn, counts.waiting())
        found = troubles.of_all(health.look(runtime, conn, waiting))
        paused = health.paused(notes.read_marks(conn))
        first = counts.first_since(conn, inbox, inbox.c.received_at, since)
        came = counts.up_to(conn, counts.came_in([one.id for one in known], first), _CAME_IN_UP_TO)
        sent_from = counts.first_since(conn, deliveries, deliveries.c.created_at, since)
        decided_from = counts.first_since(conn, decisions, decisions.c.decided_at, since)
        sent = counts.sent_by_kind(conn, sent_from)
        kept_back = [
            (what, reason) for what, reason in counts.withheld_since(conn, decided_from, sent_from) if what != "alert"
        ]
        turn = turns.handoffs(conn, _HANDOFFS_SHOWN, None, None, "open", by_due=True)
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
    return render_template(
        "admin/home.html",
        summary=_summary(sum(came.values()), dict(sent), len(kept_back)),
        troubles=found,
        paused=paused,
        counts=waiting,
        most=counts.COUNT_UP_TO,
        came=[(one, came[str(one.id)]) for one in known if came[str(one.id)]],
        came_most=_CAME_IN_UP_TO,
        connections=known,
        sent=sent,
        kept_back=Counter(reason_group(reason) for _, reason in kept_back).most_common(8),
        handoffs=turn.rows,
        more_handoffs=turn.older is not None,
        people=people,
        now=runtime.clock(),
    )


def _summary(came: int, sent: Mapping[str, int], kept_back: int) -> str:
    """The day in a sentence."""
    named = [(sent.get(kind, 0), one) for kind, one in (("send_message", "message"), ("alert", "alert"))]
    other = sum(sent.values()) - sum(count for count, _ in named)
    parts = [words.plural(count, one) for count, one in named if count]
    parts += [words.plural(other, "other change")] if other else []
    out = words.listed(parts) or "nothing"
    held = f"{words.plural(kept_back, 'thing')} {'was' if kept_back == 1 else 'were'} held back" if kept_back else ""
    said = [f"{words.plural(came, 'request')} came in", f"{out} went out", *([held] if held else [])]
    return f"In the last 24 hours {words.listed(said)}."


@admin.post("/pause")
def pause_all() -> Response:
    """Let nothing leave through any connection."""
    reason = asked.text("reason") or "paused by hand"
    with asked.telling("Paused. Nothing leaves Baton until you resume; what comes in is kept and read."):
        actions.pause_all(current_user.email, reason)
    return asked.back(url_for("admin.home"))


@admin.post("/resume")
def resume_all() -> Response:
    """Let things leave again."""
    with asked.telling("Resumed. What has waited leaves now."):
        actions.resume_all(current_user.email)
    return asked.back(url_for("admin.home"))
