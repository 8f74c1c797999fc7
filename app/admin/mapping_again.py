"""Payloads read again by the mapping that is in force, once it was mended: how many, what changes, how far it is."""

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked
from app.admin.blueprint import admin
from app.admin.mapping_pages import mapped_connection
from app.mapping import desk, rereading
from app.mapping import words as mapping_words
from app.receive import Refused, this_runtime
from app.store import rereads

SHOWN_CONTACTS = 12
_MAX_NAME = 100


@admin.get("/mappings/<name>/again")
def mapping_again(name: str) -> str:
    """What reading again would come to, and how far it has come."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        mapping = runtime.rulebook().mapping_for(connection)
        runs = rereads.of_mapping(conn, mapping.name)
        latest = runs[0] if runs else None
        ids = rereads.changed_contacts(conn, latest.id, SHOWN_CONTACTS) if latest and not latest.is_open else []
        people = views.glances(runtime, conn, set(ids))
    days, vendor = _days(), asked.text("vendor", _MAX_NAME)
    return render_template(
        "admin/mapping_again.html",
        about=about,
        connection=connection,
        version=mapping.version,
        days=days,
        spans=rereading.SPANS,
        vendor=vendor,
        preview=None if latest and latest.is_open else rereading.preview(runtime, mapping.name, days, vendor),
        runs=runs,
        latest=latest,
        people=[people[one] for one in ids if one in people],
        sources=sorted(mapping.sources),
        said=mapping_words,
    )


def _days() -> int:
    found = asked.number("days")
    return found if found in rereading.SPANS else rereading.USUAL


@admin.post("/mappings/<name>/again")
def mapping_again_begin(name: str) -> Response:
    """Begin to read again."""
    runtime = this_runtime()
    mapping = runtime.rulebook().mapping_for(mapped_connection(runtime, name))
    days, parked = asked.posted_number("days") or 0, request.form.get("parked") == "yes"
    try:
        actions.read_again(current_user.email, mapping.name, days, asked.text("vendor", _MAX_NAME), parked)
        asked.say("Begun. It goes on in the background, behind what comes in.")
    except Refused as refusal:
        asked.say(f"Not begun: {refusal.description}.", wrong=True)
    return redirect(url_for("admin.mapping_again", name=name), 303)


@admin.post("/mappings/<name>/again/stop")
def mapping_again_stop(name: str) -> Response:
    """Stop what is under way."""
    runtime = this_runtime()
    mapping = runtime.rulebook().mapping_for(mapped_connection(runtime, name))
    with runtime.database.read() as conn:
        reread = rereads.find(conn, asked.posted_number("reread") or 0)
    if reread is None or reread.name != mapping.name:
        abort(404)
    if rereading.stop(runtime, current_user.email, reread):
        asked.say("Stopped. What contacts got by it stays.")
    else:
        asked.say("Not done: it is over already.", wrong=True)
    return redirect(url_for("admin.mapping_again", name=name), 303)
