"""Deliveries: what goes out to the tools, each with its tries, and trying again."""

from flask import abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, show, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import lists, rows, turns


@admin.get("/deliveries")
def deliveries() -> str:
    """Deliveries, by state, connection and kind."""
    runtime = this_runtime()
    status, kind = asked.one_of("status", tuple(words.DELIVERIES)), asked.one_of("kind", tuple(words.ACTIONS))
    connection = asked.connection()
    with runtime.database.read() as conn:
        turn = turns.deliveries(
            conn,
            asked.PAGE,
            *asked.turning(),
            status=status,
            connection_id=connection.id if connection else None,
            kind=kind,
        )
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
        links=asked.pages(turn, status=status, kind=kind, connection=name),
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
