"""The door to all screens: who is it, may they, and does the request come from a page of ours."""

from typing import Any

from flask import Blueprint, Response, abort, g, redirect, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from app.admin import masking, roles

admin = Blueprint("admin", __name__, url_prefix="/admin", template_folder="templates")
csrf = CSRFProtect()

MAX_FORM = 64 * 1024
# Whole documents are written on these
MAX_DOCUMENT = 3 * 1024 * 1024
MAX_FILE = 512 * 1024 * 1024
_DOCUMENTS = frozenset(("policy_save", "policies_upload", "policies_kept"))
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def here() -> str:
    """The route's name as the table of roles has it."""
    return (request.endpoint or "").removeprefix("admin.")


def role() -> str | None:
    """The role of whom the guard has let in, or None. Asks no database, so that error pages can ask it too."""
    known: str | None = g.get("role")
    return known


def may(route: str) -> bool:
    """Whether who is signed in may use a route; pages leave out what they may not."""
    return roles.may(role(), route)


@admin.before_request
def guard() -> AnyResponse | None:
    """Let a request in, or not. Deny is the default: a route has to be in the table of roles."""
    if here() == "asset":
        return None
    request.max_content_length = MAX_DOCUMENT if here() in _DOCUMENTS else MAX_FORM
    request.max_form_memory_size = request.max_content_length
    if here() == "import_upload":  # the file goes to the disk while it comes in
        request.max_content_length = MAX_FILE
    if here() not in roles.OPEN:
        if not current_user.is_authenticated:
            asked = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("admin.login", next=asked if asked != url_for("admin.home") else None))
        g.role = current_user.role
        if not may(here()):
            abort(403)
    if "\0" in request.path:  # PostgreSQL takes no such text, so nothing goes by that name
        abort(404)
    if request.method not in _SAFE:
        # The token is what counts; the browser's own word is a second lock in case one is ever learned
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            abort(400, "the form was sent by another site")
        csrf.protect()
    return None


@admin.after_request
def mask(response: Response) -> Response:
    """Take addresses out of pages for people who may not see them."""
    if role() is not None and role() not in roles.SEES_ADDRESSES and response.mimetype == "text/html":
        response.set_data(masking.mask_addresses(response.get_data(as_text=True)))
    return response


@admin.context_processor
def shared() -> dict[str, Any]:
    """What every page of the screens has at hand."""
    return {
        "may": may,
        "role": role,
        "here": here(),
        "current_user": current_user,
        "sees_bodies": lambda: role() in roles.SEES_BODIES,
    }
