"""The inbox: everything that came in, as it came; what could not be read, and having it read again."""

from typing import Any

from flask import abort, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, roles, show, words
from app.admin.blueprint import admin, role
from app.receive import this_runtime
from app.store import counts, left, lists, search, tables, turns
from app.store import inbox as stored


@admin.get("/inbox")
def inbox() -> str:
    """Requests, by state, by connection, and by what stands in them."""
    runtime = this_runtime()
    status, connection = asked.one_of("status", tuple(words.INBOX)), asked.connection()
    # Whoever may not see bodies may not guess at them either
    text = asked.text("q") if role() in roles.SEES_BODIES else ""
    name = connection.name if connection else None
    before, after = asked.turning()
    reason = asked.reason()
    chosen: dict[str, Any] = {
        "status": status,
        "connection_id": connection.id if connection else None,
        "reason": reason,
    }
    with runtime.database.snapshot() as conn:
        if text:
            turn = search.search_inbox(conn, text, asked.PAGE, before, **chosen)
        else:
            turn = turns.inbox(conn, asked.PAGE, before, after, **chosen)
        parked = status == stored.PARKED and not text
        causes = left.causes(conn, tables.inbox, stored.PARKED) if parked else []
        all_of = counts.up_to(conn, {"": left.parked(chosen["connection_id"], reason)})[""] if parked else 0
    kept: dict[str, Any] = {"status": status, "connection": name, "reason": reason, "q": text or None}
    links = asked.onward(turn.older, **kept) if text else asked.pages(turn, **kept)
    return render_template(
        "admin/inbox.html",
        rows=[views.inbox(runtime, row) for row in turn.rows],
        status=status,
        connection=name,
        connections=sorted(one.name for one in runtime.connections().values()),
        q=text,
        reason=reason,
        causes=[(one, views.connection_name(runtime, one.connection_id)) for one in causes],
        all_of=all_of,
        most=counts.COUNT_UP_TO,
        searched=search.SEARCHED_REQUESTS,
        links=links,
        cut=turn.cut,
    )


@admin.get(f"/inbox/<{asked.ROW}:row_id>")
def inbox_row(row_id: int) -> str:
    """One request with its headers and body."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = lists.inbox_row(conn, row_id)
    if row is None:
        abort(404)
    shown = views.inbox(runtime, row)
    size = len(row["body"])
    content_type = str(shown["headers"].get("content-type", ""))
    return render_template(
        "admin/inbox_row.html", row=shown, size=size, body=show.body(bytes(row["body"]), content_type)
    )


@admin.post(f"/inbox/<{asked.ROW}:row_id>/replay")
def replay(row_id: int) -> Response:
    """Have one request read again."""
    with asked.telling(f"Request {row_id} will be read again at once."):
        actions.replay_inbox(current_user.email, row_id)
    return asked.back(url_for("admin.inbox_row", row_id=row_id))


@admin.post("/inbox/replay")
def replay_several() -> Response:
    """Have the ticked requests read again, or all parked ones of a connection and for a reason."""
    if request.form.get("all"):
        connection = asked.connection()
        count, more = actions.replay_parked(current_user.email, connection.id if connection else None, asked.reason())
        rest = " There are more: press the button again." if more else ""
        asked.say(f"{words.plural(count, 'parked request')} will be read again.{rest}")
    elif ids := asked.numbers("id"):
        count = actions.replay_several(current_user.email, ids)
        asked.say(f"{words.plural(count, 'request')} will be read again at once.")
    else:
        asked.say("Tick the requests first that are to be read again.", wrong=True)
    return asked.back(url_for("admin.inbox"))
