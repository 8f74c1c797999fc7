"""``POST /forms/<form>``: a site's own forms and form builders, as they post; and what a form should ask next."""

import re
from datetime import datetime

from flask import Blueprint, Response, redirect, request

from adapters.contract import InvalidSignature, WebhookRequest
from app import views
from app.contacts.contact import Contact
from app.contacts.event import Identity
from app.contacts.identity import ANONYMOUS
from app.limits import limit_forms, limit_tracking
from app.receive import (
    Refused,
    accepted,
    all_headers,
    answer,
    kept_headers,
    public_url,
    read_body,
    store,
    this_runtime,
)
from app.rules.policy import default_documents
from app.rules.profiling import questions_for
from app.runtime import Runtime
from app.store import lists
from app.store.connections import Connection
from app.store.inbox import Arrival
from app.webhooks import note_refusal
from mappings.fields import FIELDS, FieldType

forms = Blueprint("forms", __name__)

FORM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_VISITOR = 64  # characters of a browser's id
_SITE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?")
_THANKS = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Thank you</title>'
    '<meta name="viewport" content="width=device-width"></head>'
    "<body><p>Thank you, we have received your message.</p></body></html>"
)


@forms.post("/forms/<form>")
@limit_forms
def submit(form: str) -> Response:
    """Take a form. Any name will do: a form of its own settings is a connection of that name, all others share one."""
    if not FORM_NAME.fullmatch(form):
        raise Refused(404, "a form's name has letters, digits, dots and dashes, at most 64")
    runtime = this_runtime()
    own = runtime.connection(form)
    connection = own if own is not None and own.kind == "forms" else runtime.connection("forms")
    if connection is None:
        raise Refused(404, "forms are not taken here")
    body, now = read_body(), runtime.clock()
    _prove(runtime, connection, body, now)
    store(
        Arrival(
            connection_id=connection.id,
            kind="form",
            route=form,
            received_at=now,
            url=public_url(runtime),
            headers=kept_headers(),
            body=body,
        )
    )
    return _thank()


def _prove(runtime: Runtime, connection: Connection, body: bytes, now: datetime) -> None:
    """Refuse what a form's builder has not signed, where the form's connection has the secret to check it."""
    adapter = runtime.adapter(connection)
    if adapter.verify is None or not adapter.checks_signatures(connection.settings):
        return
    asked = WebhookRequest(method="POST", url=public_url(runtime), headers=all_headers(), body=body, received_at=now)
    try:
        adapter.verify(asked, connection.settings, now)
    except InvalidSignature as refusal:
        note_refusal(runtime, connection, asked, str(refusal))
        raise Refused(401, str(refusal)) from None


@forms.get("/forms/<form>/fields")
@limit_tracking
def fields(form: str) -> Response:
    """The questions that a form should ask this visitor: the most useful ones that are not answered yet. What is known
    is never told, only not asked; who wants not to be followed is asked like somebody new."""
    if not FORM_NAME.fullmatch(form):
        raise Refused(404, "a form's name has letters, digits, dots and dashes, at most 64")
    runtime = this_runtime()
    document = runtime.rulebook().documents.get("profiling") or default_documents()["profiling"].model
    shown = [
        {
            "name": one.field,
            "label": one.label,
            "type": "select" if one.options else str(FIELDS.get(one.field, FieldType.TEXT)),
            "options": one.options,
        }
        for one in questions_for(document, form, _visitor(runtime), runtime.clock())
    ]
    told = answer({"form": form, "fields": shown})
    told.headers["Cache-Control"] = "private, no-store"
    return told


def _visitor(runtime: Runtime) -> Contact | None:
    """Whose browser it is, where one person alone was seen in it."""
    visitor = request.args.get("visitor", "")
    if not visitor or "\0" in visitor or request.headers.get("DNT") == "1" or request.headers.get("Sec-GPC") == "1":
        return None
    with runtime.database.read() as conn:
        found = lists.find_contacts(conn, Identity(ANONYMOUS, visitor[:MAX_VISITOR]), [0])
        return views.state_of(conn, found[0]) if len(found) == 1 else None


def _thank() -> Response:
    """What the visitor's browser should see: the page that ``?next=`` names on their own site, or a word of thanks.
    Scripts and form builders get the plain 202."""
    target = request.args.get("next", "")
    if _is_own_page(target, request.headers.get("Origin", "")):
        return redirect(target, 303)  # type: ignore[return-value]
    best = request.accept_mimetypes.best_match(("application/json", "text/html"), "application/json")
    if best == "text/html" and request.headers.get("Sec-Fetch-Mode") == "navigate":
        return Response(_THANKS, 200)
    return accepted()


def _is_own_page(target: str, site: str) -> bool:
    """Whether a page is one of the site that the form was posted from; browsers name it, and nobody else can."""
    if not _SITE.fullmatch(site) or not target.startswith(f"{site}/"):
        return False
    return target.isprintable() and "\\" not in target


@forms.after_request
def _allow_any_site(response: Response) -> Response:
    """Forms are posted by scripts of other origins; nothing that a cookie protects is here."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response
