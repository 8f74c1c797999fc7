"""Deliveries: what goes out to the tools, each with its tries, and trying again."""

from flask import abort, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, show, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import counts, left, lists, rows, tables, turns
from app.store import deliveries as stored


@admin.get("/deliveries")
def deliveries() -> str:
    """Deliveries, by state, connection and kind."""
    runtime = this_runtime()
    status, kind = asked.one_of("status", tuple(words.DELIVERIES)), asked.one_of("kind", tuple(words.ACTIONS))
    connection, reason = asked.connection(), asked.reason()
    with runtime.database.read() as conn:
        turn = turns.deliveries(
            conn,
            asked.PAGE,
            *asked.turning(),
            status=status,
            connection_id=connection.id if connection else None,
            kind=kind,
            reason=reason,
        )
        dead = status == stored.DEAD
        causes = left.causes(conn, tables.deliveries, stored.DEAD) if dead else []
        wanted = left.dead(connection.id if connection else None, kind, reason)
        all_of = counts.up_to(conn, {"": wanted})[""] if dead else 0
        people = views.glances(runtime, conn, {row["contact_id"] for row in turn.rows})
    name = connection.name if connection else None
    return render_template(
        "admin/deliveries.html",
        rows=[{**row, "connection": views.connection_name(runtime, row["connection_id"])} for row in turn.rows],
        people=people,
        status=status,
        kind=kind,
        connection=name,
        connections=sorted(one.name for one in runtime.connections().values() if runtime.adapter(one).pushes),
        reason=reason,
        causes=[(one, views.connection_name(runtime, one.connection_id)) for one in causes],
        all_of=all_of,
        most=counts.COUNT_UP_TO,
        links=asked.pages(turn, status=status, kind=kind, connection=name, reason=reason),
        cut=turn.cut,
    )


@admin.get(f"/deliveries/<{asked.ROW}:delivery_id>")
def delivery(delivery_id: int) -> str:
    """One delivery: what is to be done, why, and each try with request and answer."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        row = lists.delivery_row(conn, delivery_id)
        if row is None:
            abort(404)
        people = views.glances(runtime, conn, {row["contact_id"]})
        decision = rows.decision_of(conn, row["decision_key"]) if row["decision_key"] else None
    shown = views.delivery(runtime, row)
    tries = [
        {**one, "request": show.body(one["request"] or ""), "answer": show.body(one["answer"] or "")}
        for one in shown["tries"]
    ]
    return render_template(
        "admin/delivery.html",
        row=shown,
        tries=tries,
        person=people.get(row["contact_id"]),
        decision=views.decision(runtime, decision) if decision else None,
    )


@admin.post(f"/deliveries/<{asked.ROW}:delivery_id>/retry")
def retry(delivery_id: int) -> Response:
    """Have it tried again."""
    with asked.telling("It will be tried again at once."):
        actions.retry_delivery(current_user.email, delivery_id)
    return asked.back(url_for("admin.delivery", delivery_id=delivery_id))


@admin.post("/deliveries/retry")
def retry_several() -> Response:
    """Have the ticked deliveries tried again, or all that were given up of a connection, of a kind and for a reason."""
    if request.form.get("all"):
        connection = asked.connection()
        kind = asked.text("kind") or None
        count, more = actions.retry_dead(
            current_user.email, connection.id if connection else None, kind, asked.reason()
        )
        rest = " There are more: press the button again." if more else ""
        asked.say(f"{words.plural(count, 'delivery', 'deliveries')} will be tried again.{rest}")
    elif ids := asked.numbers("id"):
        count = actions.retry_several(current_user.email, ids)
        asked.say(f"{words.plural(count, 'delivery', 'deliveries')} will be tried again at once.")
    else:
        asked.say("Tick the deliveries first that are to be tried again.", wrong=True)
    return asked.back(url_for("admin.deliveries", status=stored.DEAD))
