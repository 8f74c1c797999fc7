"""``POST /track`` and the scripts that a site includes: first-party page views, and forms that ask only what is not
known. Who does not want to be followed is not."""

from pathlib import Path

from flask import Blueprint, Response, request, send_file

from app.limits import limit_tracking
from app.receive import accepted, kept_headers, public_url, read_body, store, this_runtime
from app.store.inbox import Arrival

tracking = Blueprint("tracking", __name__)

MAX_TRACK = 64 * 1024
STATIC = Path(__file__).parent / "static"


@tracking.post("/track")
@limit_tracking
def track() -> Response:
    """Take a page view, unless the browser says that its user wants none taken."""
    if request.headers.get("DNT") == "1" or request.headers.get("Sec-GPC") == "1":
        return Response(status=204)
    runtime = this_runtime()
    connection = runtime.connection("site")
    if connection is None:
        return Response(status=204)
    body = read_body(MAX_TRACK)
    store(
        Arrival(
            connection_id=connection.id,
            kind="track",
            received_at=runtime.clock(),
            url=public_url(runtime),
            headers=kept_headers(),
            body=body,
        )
    )
    return accepted()


@tracking.get("/baton.js")
def script() -> Response:
    """The script that tells of page views."""
    return _script("baton.js")


@tracking.get("/baton-ask.js")
def ask_script() -> Response:
    """The script that has forms ask only what is not known."""
    return _script("baton-ask.js")


def _script(name: str) -> Response:
    response = send_file(STATIC / name, mimetype="text/javascript", max_age=3600)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@tracking.after_request
def _allow_any_site(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response
