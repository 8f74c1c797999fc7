"""``POST /webhooks/<connection>``: verify the raw bytes, store the whole request, answer 202. Nothing else."""

import hmac
import threading
import time

import structlog
from flask import Blueprint, Response, current_app, request

from adapters.contract import Adapter, InvalidSignature, WebhookRequest
from app.receive import Refused, accepted, all_headers, answer, kept_headers, public_url, read_body, store, this_runtime
from app.runtime import Runtime
from app.store import notes
from app.store.connections import Connection
from app.store.inbox import Arrival

log = structlog.get_logger("baton.webhooks")
webhooks = Blueprint("webhooks", __name__)

REFUSALS_PER_SECOND = 10


@webhooks.get("/webhooks/<name>", provide_automatic_options=False)
@webhooks.get("/webhooks/<name>/<secret>", provide_automatic_options=False)
def greet(name: str, secret: str = "") -> Response:
    """Say that somebody is here, to vendors who look before they send. Nothing is stored."""
    connection, adapter = _addressed(this_runtime(), name)
    if not adapter.looks:
        raise Refused(405, "webhooks are posted", {"Allow": "POST"})
    if secret:
        try:
            _check_path(adapter, connection, secret)
        except InvalidSignature as refusal:
            raise Refused(401, str(refusal)) from None
    return answer({"status": "ready"})


@webhooks.post("/webhooks/<name>", provide_automatic_options=False)
@webhooks.post("/webhooks/<name>/<path:rest>", provide_automatic_options=False)
def receive(name: str, rest: str = "") -> Response:
    """Take a vendor's webhook. ``rest`` is a secret, one of the adapter's own paths, or both."""
    runtime = this_runtime()
    connection, adapter = _addressed(runtime, name)
    secret, path = _parted(adapter, rest)
    # A secret in the path proves who sends, but only a signature shows that a body is whole
    body = read_body(adapter.max_body, chunked=adapter.signed and not secret)
    now = runtime.clock()
    asked = WebhookRequest(
        method=request.method,
        url=public_url(runtime, "/".join(filter(None, (f"/webhooks/{name}/…", path))) if secret else None),
        headers=all_headers(),
        body=body,
        received_at=now,
        connection_id=connection.id,
        route=path,
        settings=connection.settings,
    )
    try:
        _prove(adapter, connection, asked, secret)
    except InvalidSignature as refusal:
        note_refusal(runtime, connection, asked, str(refusal))
        raise Refused(401, str(refusal)) from None
    store(
        Arrival(
            connection_id=connection.id,
            kind="webhook",
            route=path,
            received_at=now,
            url=asked.url,
            headers=kept_headers(asked.headers),
            body=body,
        )
    )
    return _reply(adapter, asked)


@webhooks.route("/webhooks/<name>/<path:rest>", methods=["OPTIONS"])
def allow(name: str, rest: str) -> Response:
    """Tell a browser that pages of any site may post here: it asks before it does, because of the headers."""
    _, adapter = _addressed(this_runtime(), name)
    if not _parted(adapter, rest)[1]:
        raise Refused(405, "webhooks are posted by servers", {"Allow": "POST"})
    return Response(status=204, headers={**_ANY_SITE, "Access-Control-Max-Age": "86400"})


_ANY_SITE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, AnonymousId",
}


def _parted(adapter: Adapter, rest: str) -> tuple[str, str]:
    """The secret and the adapter's own path in what follows a connection's address."""
    for path in sorted(adapter.paths, key=len, reverse=True):  # v1/track is one, and so is track
        if rest == path or rest.endswith(f"/{path}"):
            return rest.removesuffix(path).rstrip("/"), path
    if "/" in rest:
        raise Refused(404, "there is nothing at this address")
    return rest, ""


def _reply(adapter: Adapter, asked: WebhookRequest) -> Response:
    """What the vendor wants to hear; to a browser also that its page may read it."""
    said = adapter.reply(asked) if callable(adapter.reply) else adapter.reply
    answered = accepted() if said is None else Response(said.body, said.status, content_type=said.content_type)
    if asked.route:
        answered.headers.extend(_ANY_SITE)
    return answered


def _addressed(runtime: Runtime, name: str) -> tuple[Connection, Adapter]:
    """The connection of this name, if it takes webhooks."""
    connection = runtime.connection(name)
    if connection is None or (adapter := runtime.adapter(connection)).parse is None or not adapter.receives:
        raise Refused(404, f"there is no connection {name[:60]!r} that takes webhooks")
    return connection, adapter


def _prove(adapter: Adapter, connection: Connection, asked: WebhookRequest, secret: str) -> None:
    """Raise InvalidSignature unless the vendor's signature, or the secret in the path, vouches for the request."""
    if adapter.verify is not None and not secret:
        adapter.verify(asked, connection.settings, asked.received_at)
    else:
        _check_path(adapter, connection, secret)


def _check_path(adapter: Adapter, connection: Connection, secret: str) -> None:
    known = [connection.settings.get(name, "") for name in (adapter.path_secret, f"{adapter.path_secret}_previous")]
    given = secret.encode()
    if not given or not any([one and hmac.compare_digest(given, one.encode()) for one in known]):  # noqa: C419
        raise InvalidSignature("the secret in the address is not this connection's")


class _Throttle:
    """At most so many a second, so that a flood of forged requests does not become a flood of writes."""

    def __init__(self, per_second: int) -> None:
        self._per_second, self._second, self._count = per_second, 0, 0
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Whether one more may pass in this second."""
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            return self._count <= self._per_second


def _throttle(connection: Connection) -> _Throttle:
    """The connection's own: a flood at one address must not hide what is wrong with another."""
    known: dict[int, _Throttle] = current_app.extensions.setdefault("refusal_throttles", {})
    return known.setdefault(connection.id, _Throttle(REFUSALS_PER_SECOND))


def note_refusal(runtime: Runtime, connection: Connection, asked: WebhookRequest, reason: str) -> None:
    """Count and keep a refused request, so that nobody has to guess why nothing arrives."""
    log.warning("refused", connection=connection.name, reason=reason)
    if not _throttle(connection).admits():
        return
    proofs = {name: value for name, value in asked.headers.items() if "signature" in name or "timestamp" in name}
    try:
        with runtime.database.write() as conn:
            notes.refuse(
                conn,
                runtime.database,
                connection.id,
                reason,
                asked.url,
                {**kept_headers(asked.headers), **proofs},
                asked.body,
                asked.received_at,
            )
    except Exception as error:  # the refusal stands; that it could not be noted must not turn it into a 500
        log.error("refusal_not_noted", error=type(error).__name__)
