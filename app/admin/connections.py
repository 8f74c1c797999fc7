"""Connections: how each tool is doing, where it sends its webhooks, and the switch that stops it."""

from typing import Any

import msgspec
from flask import abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, completeness, health
from app import connections as looked
from app.admin import asked, roles, show, troubles, words
from app.admin.blueprint import admin, role
from app.receive import this_runtime
from app.runtime import Runtime, is_on_this_machine, is_practice
from app.setup import address, connectable
from app.store import counts, notes, rows
from app.store.connections import Connection

_REFUSED_SHOWN = 10


@admin.get("/connections")
def connections() -> str:
    """All connections with their state."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        known = looked.look(runtime, conn, runtime.connections().values())
        refused = notes.refusals_by_connection(conn)
        marks = notes.read_marks(conn)
    now = runtime.clock()
    return render_template(
        "admin/connections.html",
        rows=[(one, health.of_connection(one.connection, marks, refused.get(one.connection.id), now)) for one in known],
        paused=health.paused(marks),
        most=counts.COUNT_UP_TO,
    )


@admin.get("/connections/<name>")
def connection(name: str) -> str:
    """One connection. Of its settings only the names are shown, never a value."""
    runtime = this_runtime()
    one = _named(runtime, name)
    adapter = runtime.adapter(one)
    with runtime.database.read() as conn:
        (standing,) = looked.look(runtime, conn, [one])
        oldest = counts.waiting_since(conn, one.id) if standing.waits else None
        refused = notes.refusals_by_connection(conn).get(one.id)
        refusals = rows.refused_page(conn, one.id, _REFUSED_SHOWN) if refused else []
        complete = completeness.of_connection(runtime, conn, one)
        marks = notes.read_marks(conn)
    declared = {setting.name for setting in adapter.settings}
    settings = [(setting.name, setting.help, bool(one.settings.get(setting.name))) for setting in adapter.settings]
    settings += [
        (extra, "part of the webhook address", True)
        for extra in (adapter.path_secret, f"{adapter.path_secret}_previous")
        if one.settings.get(extra) and extra not in declared
    ]
    return render_template(
        "admin/connection.html",
        one=one,
        standing=standing,
        days=looked.COUNTED_DAYS,
        address=_address(runtime, one),
        settings=settings,
        only_here=is_on_this_machine(runtime.settings.public_url) and not is_practice(one),
        changeable=one.kind in connectable(),
        most=counts.COUNT_UP_TO,
        oldest=oldest,
        refused=refused,
        refusals=[_refusal(row) for row in refusals],
        troubles=troubles.of_all(health.of_connection(one, marks, refused, runtime.clock())),
        paused=health.paused(marks),
        complete=complete,
    )


def _address(runtime: Runtime, one: Connection) -> str:
    """Where the tool sends to. For a tool that signs nothing the address itself is the secret: only admins see it."""
    full = address(runtime, one)
    secret = one.settings.get(runtime.adapter(one).path_secret, "")
    return full.replace(secret, "…") if secret and role() not in roles.SEES_PATH_SECRETS else full


def _refusal(row: Any) -> dict[str, Any]:
    # Addresses are kept as they were called, so they may hold a secret that was nearly right
    return {**row, "headers": msgspec.json.decode(row["headers"])}


def _named(runtime: Runtime, name: str) -> Connection:
    found = runtime.connection(name)
    if found is None:
        abort(404)
    return found


@admin.get(f"/connections/<name>/refused/<{asked.ROW}:row_id>")
def refused(name: str, row_id: int) -> str:
    """One refused request with its body."""
    runtime = this_runtime()
    one = _named(runtime, name)
    with runtime.database.read() as conn:
        row = rows.refused_row(conn, row_id)
    if row is None or row["connection_id"] != one.id:
        abort(404)
    shown = _refusal(row)
    body = show.body(bytes(row["body"]), str(shown["headers"].get("content-type", "")))
    return render_template("admin/refused.html", one=one, row=shown, body=body, size=len(row["body"]))


@admin.post("/connections/<name>/check")
def check(name: str) -> Response:
    """Try what the credentials can do."""
    checks = actions.check_connection(current_user.email, name)
    failing = [one.capability for one in checks if not one.works]
    if not checks:
        asked.say("There is nothing to check: this connection calls nobody.")
    elif failing:
        asked.say(f"Checked: {words.listed(failing)} did not work. See below what to do.", wrong=True)
    else:
        asked.say("Checked: everything works.")
    return asked.back(url_for("admin.connection", name=name))


@admin.post("/connections/<name>/pause")
def pause(name: str) -> Response:
    """Let nothing leave through it."""
    with asked.telling(f"{name} is paused. Nothing leaves through it; what comes in is kept and read."):
        actions.pause_connection(current_user.email, name, asked.text("reason") or "paused by hand")
    return asked.back(url_for("admin.connection", name=name))


@admin.post("/connections/<name>/resume")
def resume(name: str) -> Response:
    """Let things leave again."""
    with asked.telling(f"{name} works again. What has waited leaves now."):
        actions.resume_connection(current_user.email, name)
    return asked.back(url_for("admin.connection", name=name))
