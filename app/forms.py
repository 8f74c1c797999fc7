"""``POST /forms/<form>``: a site's own forms and form builders, as they post."""

import re

from flask import Blueprint, Response, redirect, request

from app.limits import limit_forms
from app.receive import Refused, accepted, kept_headers, public_url, read_body, store, this_runtime
from app.store.inbox import Arrival

forms = Blueprint("forms", __name__)

FORM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
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
    body = read_body()
    store(
        Arrival(
            connection_id=connection.id,
            kind="form",
            route=form,
            received_at=runtime.clock(),
            url=public_url(runtime),
            headers=kept_headers(),
            body=body,
        )
    )
    return _thank()


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
