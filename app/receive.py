"""What all three doors (webhooks, forms, page views) have in common: bodies read with care, answers that say little."""

from collections.abc import Iterable, Mapping

import msgspec
from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from app.accept import Acceptor, Unavailable
from app.runtime import Runtime
from app.store.inbox import Arrival
from jobs.queue import Waker

MAX_BODY = 1024 * 1024
_ACCEPTED = b'{"status":"accepted"}\n'

# What is worth keeping of a request's headers; never cookies, authorisation or a shared secret
KEPT_HEADERS = (
    "content-type",
    "user-agent",
    "accept-language",
    "dnt",
    "sec-gpc",
    "origin",
    "referer",
    "klaviyo-webhook-id",
    "klaviyo-timestamp",
    "webhook-id",
    "x-hubspot-request-timestamp",
    "x-hubspot-signature-version",
)


class Refused(HTTPException):
    """A request that is not taken, with the reason for its sender."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.code, self.more = status, headers or {}

    def get_response(self, environ: object = None, scope: object = None) -> Response:
        """The reason as JSON."""
        refusal = answer({"error": str(self.description)}, self.code or 400)
        refusal.headers.update(self.more)
        return refusal


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body) + b"\n", status, content_type="application/json")


def accepted() -> Response:
    """202: stored, not yet looked at."""
    return Response(_ACCEPTED, 202, content_type="application/json")


def read_body(limit: int = MAX_BODY, chunked: bool = False) -> bytes:
    """The request's bytes, all of them and no more than the limit.

    Compressed bodies are refused, and so are chunked ones unless a signature will show that they are whole: a chunked
    body that breaks off reaches us as if it were complete.
    """
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise Refused(415, "compressed bodies are not taken")
    promised = request.content_length
    if promised is None and not chunked:
        raise Refused(411, "a Content-Length is needed")
    if promised is not None and promised > limit:
        raise Refused(413, f"bodies may be {limit // 1024} KiB at most")
    try:
        body = request.environ["wsgi.input"].read(limit + 1 if promised is None else promised)
    except OSError:
        raise Refused(400, "the body broke off") from None
    if len(body) > limit:
        raise Refused(413, f"bodies may be {limit // 1024} KiB at most")
    if promised is not None and len(body) != promised:
        raise Refused(400, f"the body has {len(body)} bytes; {promised} were announced")
    return bytes(body)


def all_headers() -> dict[str, str]:
    """The request's headers, by lower-case name."""
    return {name.lower(): value for name, value in request.headers}


def kept_headers(headers: Mapping[str, str] | None = None, names: Iterable[str] = KEPT_HEADERS) -> dict[str, str]:
    """The headers worth keeping, by lower-case name."""
    given = all_headers() if headers is None else headers
    return {name: given[name][:1_000] for name in names if given.get(name)}


def public_url(runtime: Runtime, path: str | None = None) -> str:
    """The URL as the sender called it: the configured public base, never the Host header or a forwarded one."""
    query = request.environ.get("QUERY_STRING", "")
    return runtime.settings.public_url + (path or request.path) + (f"?{query}" if query else "")


def store(arrival: Arrival) -> None:
    """Store an arrival; 503 where the database cannot take it."""
    acceptor: Acceptor = current_app.extensions["acceptor"]
    try:
        acceptor.store(arrival)
    except Unavailable:
        raise Refused(503, "cannot be stored now; try again", {"Retry-After": "5"}) from None


def this_runtime() -> Runtime:
    """The runtime of this web process."""
    runtime: Runtime = current_app.extensions["runtime"]
    return runtime


def this_waker() -> Waker:
    """This web process's line to the workers."""
    waker: Waker = current_app.extensions["waker"]
    return waker
