"""Imports: contacts from files and tools, what a file's columns are, how far each is, and what it left out."""

from flask import Response as FlaskResponse
from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app.admin import asked, words
from app.admin.blueprint import admin
from app.imports import acts
from app.imports.acts import TARGETS, Consent, history
from app.imports.report import lines
from app.imports.table import Unusable
from app.receive import this_runtime
from app.store import imports
from app.store.imports import Import

MAX_NAME, MAX_PROOF = 200, 500


@admin.get("/import")
def import_list() -> str:
    """What can be imported, and what has been."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        page = imports.page(conn, asked.PAGE, asked.number("before"))
    sources = [
        (one, runtime.adapter(one).title, [stream.title for stream in history(runtime, one)])
        for one in runtime.connections().values()
        if history(runtime, one)
    ]
    return render_template(
        "admin/imports.html",
        found=page.rows,
        links=asked.onward(page.next),
        sources=sources,
        said=words.IMPORTS,
    )


@admin.post("/import/file")
def import_upload() -> Response:
    """Keep a file, and ask what its columns are."""
    file = request.files.get("file")
    if file is None or not file.filename:
        asked.say("Choose a file first.", wrong=True)
        return redirect(url_for("admin.import_list"), 303)
    pieces = iter(lambda: file.stream.read(1024 * 1024), b"")
    try:
        number, _ = acts.store_file(this_runtime(), file.filename[-MAX_NAME:], pieces, current_user.email)
    except Unusable as error:
        asked.say(f"Not taken: {error}.", wrong=True)
        return redirect(url_for("admin.import_list"), 303)
    return redirect(url_for("admin.import_one", number=number), 303)


@admin.post("/import/connection")
def import_connection() -> Response:
    """Begin to import a tool's contacts and history."""
    runtime = this_runtime()
    connection = runtime.connection(asked.text("connection", 40))
    if connection is None:
        abort(404)
    try:
        number = acts.begin_connection(runtime, connection, current_user.email)
    except Unusable as error:
        asked.say(f"Not begun: {error}.", wrong=True)
        return redirect(url_for("admin.import_list"), 303)
    asked.say("Begun. It goes on in the background.")
    return redirect(url_for("admin.import_one", number=number), 303)


@admin.get(f"/import/<{asked.ROW}:number>")
def import_one(number: int) -> str:
    """One import: its columns while it is a draft, then how far it is and what it left out."""
    runtime, one = this_runtime(), _existing(number)
    with runtime.database.read() as conn:
        reasons = imports.reasons(conn, one.id)
    return render_template(
        "admin/import.html",
        one=one,
        preview=acts.preview_of(runtime, one) if one.status == imports.DRAFT and not one.is_being_stored else None,
        targets=TARGETS,
        reasons=reasons,
        said=words.IMPORTS,
    )


@admin.post(f"/import/<{asked.ROW}:number>/begin")
def import_begin(number: int) -> Response:
    """Import a file with the columns as chosen."""
    one = _existing(number)
    headers = one.plan.get("layout", {}).get("headers", ())
    columns = {header: asked.text(f"column{place}", 60) for place, header in enumerate(headers)}
    proof, consent = asked.text("proof", MAX_PROOF), None
    if asked.text("consent") in ("all", "column"):
        column = asked.text("consent_column", MAX_NAME) if asked.text("consent") == "column" else ""
        consent = Consent(proof=proof, column=column)
    try:
        acts.begin_file(this_runtime(), one, columns, current_user.email, consent, asked.text("region", 2).upper())
    except Unusable as error:
        asked.say(f"Not begun: {error}.", wrong=True)
    else:
        asked.say("Begun. It goes on in the background.")
    return redirect(url_for("admin.import_one", number=number), 303)


@admin.post(f"/import/<{asked.ROW}:number>/stop")
def import_stop(number: int) -> Response:
    """Stop an import, or throw its file away."""
    if acts.stop(this_runtime(), _existing(number), current_user.email):
        asked.say("Stopped. What was taken in stays.")
    else:
        asked.say("Not done: it is over already.", wrong=True)
    return redirect(url_for("admin.import_one", number=number), 303)


@admin.get(f"/import/<{asked.ROW}:number>/skipped.csv")
def import_skipped(number: int) -> FlaskResponse:
    """What was left out, as a file."""
    runtime, one = this_runtime(), _existing(number)

    def report() -> "object":
        with runtime.database.snapshot() as conn:
            yield from lines(imports.all_skips(conn, one.id))

    name = f'attachment; filename="import-{one.id}-skipped.csv"'
    return FlaskResponse(report(), mimetype="text/csv", headers={"Content-Disposition": name})  # type: ignore[arg-type]


def _existing(number: int) -> Import:
    with this_runtime().database.read() as conn:
        found = imports.load(conn, number)
    if found is None:
        abort(404)
    return found
