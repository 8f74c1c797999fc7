"""The messages of the content: what could be better about them, and what one says to a person."""

from flask import abort, render_template
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import finding, views
from app import messages as looked
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.rules.rendering import not_ready

NOBODY = "nobody"


@admin.get("/messages")
def messages() -> str:
    """All messages, with what could be better."""
    policies = this_runtime().rulebook().policies
    return render_template(
        "admin/messages.html",
        messages=looked.listed(policies),
        elsewhere=looked.elsewhere(policies),
        not_ready=not_ready(policies.content),
    )


@admin.get("/messages/<message_id>")
def message(message_id: str) -> Response | str:
    """One message, as somebody would get it: a contact by address, or one of whom little or nothing is known."""
    runtime = this_runtime()
    policies = runtime.rulebook().policies
    found = policies.content.messages.get(message_id)
    if found is None:
        abort(404)
    text = asked.text("contact")
    channel = asked.one_of("channel", found.document.channels) or ""
    with runtime.database.read() as conn:
        contact_id = _whom(conn, text)
        if contact_id is None:
            made = looked.tried_on_nobody(runtime, found, channel)
        else:
            made = looked.tried_on(runtime, conn, found, contact_id, channel)
        people = views.glances(runtime, conn, [contact_id] if contact_id is not None else [])
    return render_template(
        "admin/message.html",
        message=looked.shown(policies, found),
        made=made,
        person=people.get(contact_id) if contact_id is not None else None,
        contact=text,
        channel=channel,
        missed=bool(text) and text != NOBODY and contact_id is None,
    )


def _whom(conn: Conn, text: str) -> int | None:
    """The contact that a text names; without one, the one of whom the least is known."""
    if text == NOBODY:
        return None
    if not text:
        return looked.emptiest(conn)
    return finding.first(this_runtime(), conn, text)
