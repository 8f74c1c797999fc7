"""Pages for when something goes wrong on a screen, in words that say what to do next."""

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from app.receive import Refused
from app.store.engine import is_unavailable

_SCREENS = ("/admin", "/h/")

_WORDS = {
    400: ("This form cannot be taken", "It was open for too long, or it came from somewhere else. Go back, reload "
          "the page, and send it again."),
    403: ("This is not for your role", "An admin can give you another role, or do it for you."),
    404: ("There is nothing here", "The address may be mistyped, or what was here is gone."),
    405: ("This address takes no visits", "It only takes what a button of ours sends. Go back and use the button."),
    413: ("This is too large", "Send less at once."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong on our side", "It has been noted. Try again; if it stays, tell an admin the time and "
          "the address of this page."),
    503: ("The database does not answer", "Nothing is lost: what vendors send, they send again. Try again in a "
          "minute; if it stays, an admin should look at the server."),
}  # fmt: skip
_NO_QUESTION = (
    "This address asks for nothing that Baton knows",
    "It may be cut off or mistyped. Go back, and choose on the page what you want to see.",
)
_LINK_GONE = (
    "This link does not open a handoff",
    "It may be cut off, or more than 90 days old. Open it once more from the message it came in, or ask your "
    "marketing team for the contact.",
)


def is_screen(path: str) -> bool:
    """Whether people look at this address, not programs."""
    return path.startswith(_SCREENS)


def http_error_page(error: HTTPException) -> Response:
    """The page for an error with a status."""
    code = error.code or 500
    details = str(error.description) if isinstance(error, Refused) else ""
    return _page(code, details)


def our_error_page(error: Exception) -> Response:
    """The page for a bug of ours, or for a database that is away."""
    return _page(503 if is_unavailable(error) else 500)


def _page(code: int, details: str = "") -> Response:
    title, advice = _WORDS.get(code, _WORDS[500] if code >= 500 else _WORDS[400])
    if code == 400 and request.method == "GET":
        title, advice = _NO_QUESTION
    link = request.path.startswith("/h/")
    if link and code == 404:
        title, advice = _LINK_GONE
    page = render_template("admin/error.html", title=title, advice=advice, details=details, code=code, link=link)
    return make_response(page, code)
