"""Why did, or didn't, somebody get this: a question about one contact and one message, sequence, trigger or segment."""

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import views
from app import why as asked_why
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import Refused, this_runtime
from app.runtime import Runtime
from app.store import people

KINDS = ("message", "sequence", "trigger", "segment")


@admin.get(f"/contacts/<{asked.ROW}:contact_id>/why")
def why(contact_id: int) -> Response | str:
    """Choose what to ask about; with ``about=kind:id`` the answer."""
    runtime = this_runtime()
    about = request.args.get("about", "")
    kind, name = _asked(about)
    with runtime.database.read() as conn:
        home = people.survivor(conn, contact_id)
        if home != contact_id:
            return redirect(url_for("admin.why", contact_id=home, about=about or None))
        person = views.glances(runtime, conn, [contact_id]).get(contact_id)
        if person is None:
            abort(404)
        answer = _answer(runtime, conn, contact_id, kind, name) if kind else None
    return render_template(
        "admin/why.html",
        person=person,
        about=about,
        answer=answer,
        choices=asked_why.choices(runtime.rulebook().policies),
    )


def _asked(about: str) -> tuple[str, str]:
    if not about:
        return "", ""
    kind, _, name = about.partition(":")
    if kind not in KINDS or not name:
        raise Refused(400, f"“about” is one of {', '.join(KINDS)}, a colon and its id, for instance message:welcome")
    return kind, name


def _answer(runtime: Runtime, conn: Conn, contact_id: int, kind: str, name: str) -> dict[str, Any] | None:
    try:
        return asked_why.of(runtime, conn, contact_id, kind, name)
    except KeyError:
        raise Refused(404, f"There is no {kind} “{name[:100]}”.") from None
