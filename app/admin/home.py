"""The first screen: is anything wrong, what came in, what went out, what did not and why, what waits for whom."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from flask import redirect, render_template, url_for
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from app import actions, health, views
from app.admin import asked, roles, troubles, words
from app.admin.blueprint import admin, role
from app.admin.reasons import reason_group
from app.receive import this_runtime
from app.store import counts, notes, turns
from app.store.kept import kept
from app.store.tables import decisions, deliveries, inbox

SPAN = timedelta(hours=24)
_CAME_IN_UP_TO = 100_000
_HANDOFFS_SHOWN = 8


class _Day(Struct, frozen=True):
    """What happened lately: how many requests of each connection came in, what left (kind, how many), and why each of
    what was held back did not."""

    came: dict[str, int]
    sent: list[tuple[str, int]]
    kept_back: list[str]


@admin.get("/")
def home() -> Response | str:
    """What an admin or marketer wants to see first; sales is led to the handoffs."""
    if role() == roles.SALES:
        return redirect(url_for("admin.handoffs"))
    runtime = this_runtime()
    known = sorted(runtime.connections().values(), key=lambda one: one.name)
    with runtime.database.read() as conn:
        waiting = counts.up_to(conn, counts.waiting())
        findings = health.look(runtime, conn, waiting)
        paused = health.paused(notes.read_marks(conn))
        day = kept(conn, "day", lambda: _day(conn, [one.id for one in known], runtime.clock() - SPAN))
        turn = turns.handoffs(conn, _HANDOFFS_SHOWN, None, None, "open", by_due=True)
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
    return render_template(
        "admin/home.html",
        summary=_summary(day),
        troubles=troubles.of_all(findings),
        flow=next((one.title for one in findings if one.part == health.INBOX and one.fine), ""),
        paused=paused,
        counts=waiting,
        most=counts.COUNT_UP_TO,
        came=[(one, count) for one in known if (count := day.came.get(str(one.id), 0))],
        came_most=_CAME_IN_UP_TO,
        connections=known,
        sent=day.sent,
        kept_back=Counter(day.kept_back).most_common(8),
        handoffs=turn.rows,
        more_handoffs=turn.older is not None,
        people=people,
        now=runtime.clock(),
    )


def _day(conn: Connection, connection_ids: Collection[int], since: datetime) -> _Day:
    first = counts.first_since(conn, inbox, inbox.c.received_at, since)
    sent_from = counts.first_since(conn, deliveries, deliveries.c.created_at, since)
    decided_from = counts.first_since(conn, decisions, decisions.c.decided_at, since)
    withheld = counts.withheld_since(conn, decided_from, sent_from)
    return _Day(
        came=counts.up_to(conn, counts.came_in(connection_ids, first), _CAME_IN_UP_TO),
        sent=counts.sent_by_kind(conn, sent_from),
        kept_back=[reason_group(reason) for what, reason in withheld if what != "alert"],
    )


def _summary(day: _Day) -> str:
    """The day in a sentence."""
    came, sent, kept_back = sum(day.came.values()), dict(day.sent), len(day.kept_back)
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
