"""Erased people: what is left to be done, what each tool has said, and who is kept out since."""

from collections.abc import Callable

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, erasure, views
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import Refused, this_runtime
from app.store import erasures as stored


@admin.get("/erasures")
def erasures() -> str:
    """The newest first; and the form that erases whoever goes by an address."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        page = stored.page(conn, asked.PAGE, asked.number("before"))
        receipts = stored.receipts(conn, [one.id for one in page.rows])
    return render_template(
        "admin/erasures.html",
        erasures=[erasure.shown(runtime, one, receipts[one.id]) for one in page.rows],
        links=asked.onward(page.next),
    )


@admin.get(f"/erasures/<{asked.ROW}:erasure_id>")
def one_erasure(erasure_id: int) -> str:
    """One erasure, tool by tool."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = stored.load(conn, erasure_id)
        if found is None:
            abort(404)
        receipts = stored.receipts(conn, [erasure_id])[erasure_id]
    return render_template("admin/erasure.html", erasure=erasure.shown(runtime, found, receipts))


@admin.post("/erasures")
def erase_named() -> Response:
    """Erase whoever goes by an address or an alias, also where only tools may know them."""
    who = asked.text("who")
    if not request.form.get("sure"):
        asked.say("Nothing was done: tick that you are sure. It cannot be undone.", wrong=True)
        return redirect(url_for("admin.erasures"), 303)
    return _erased(lambda: actions.erase_by_name(current_user.email, who), url_for("admin.erasures"))


@admin.post(f"/contacts/<{asked.ROW}:contact_id>/erase")
def erase_contact(contact_id: int) -> Response:
    """Erase one person, whose name was typed to say so."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        known = views.contact(runtime, conn, contact_id)
    if known is None:
        abort(404)
    wanted = known["email"] or str(known["id"])
    if asked.text("typed").lower() != wanted.lower():
        asked.say(f"Nothing was done: what you typed is not “{wanted}”.", wrong=True)
        return redirect(url_for("admin.contact", contact_id=contact_id), 303)
    page = url_for("admin.contact", contact_id=contact_id)
    return _erased(lambda: actions.erase(current_user.email, known["id"]), page)


def _erased(erase: Callable[[], int], otherwise: str) -> Response:
    """To what came of it, or back to where it was asked for."""
    try:
        number = erase()
    except Refused as refusal:
        asked.say(f"Not done: {refusal.description}.", wrong=True)
        return redirect(otherwise, 303)
    asked.say("Forgotten here. Every tool that can be asked has been asked.")
    return redirect(url_for("admin.one_erasure", erasure_id=number), 303)


@admin.post(f"/erasures/<{asked.ROW}:erasure_id>/by-hand")
def erased_by_hand(erasure_id: int) -> Response:
    """Say that somebody was deleted by hand in a tool."""
    connection = asked.connection()
    if connection is None:
        abort(404)
    with asked.telling(f"Noted: they are deleted in {connection.name}."):
        actions.erased_by_hand(current_user.email, erasure_id, connection.id)
    return redirect(url_for("admin.one_erasure", erasure_id=erasure_id), 303)


@admin.post("/erasures/let-in")
def let_in() -> Response:
    """Keep somebody out no more."""
    with asked.telling("They are let in again. What they do from now on is taken in; what was erased stays erased."):
        actions.let_in(current_user.email, asked.text("who"))
    return redirect(url_for("admin.erasures"), 303)
