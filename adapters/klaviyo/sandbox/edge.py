"""How a simulated Klaviyo account meets the world: its settings, errors, limits, jobs that take a moment, webhooks."""

import hashlib
import hmac
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import msgspec

from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Rewriter, Sender, Writer

JSON = "application/vnd.api+json"
REVISION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\w+)?")
CODES = {
    400: ("invalid", "Invalid input."),
    401: ("not_authenticated", "Authentication credentials were not provided."),
    403: ("permission_denied", "You do not have permission to perform this action."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    409: ("conflict", "Conflict."),
    410: ("gone", "This revision is no longer available."),
    413: ("payload_too_large", "The payload is too large."),
    415: ("unsupported_media_type", "Unsupported media type."),
    429: ("throttled", "Request was throttled."),
    500: ("error", "A server error occurred."),
    503: ("service_unavailable", "Service temporarily unavailable."),
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty key accepts any; ``limits`` replaces the [burst, steady] of a route, such as
    ``{"POST /api/events": [2, 10]}``; ``event_lag`` hides new events from GET for a while; without
    ``webhooks_allowed`` an API key may not make webhooks, which is so outside Advanced KDP accounts."""

    api_key: str = ""
    account_id: str = "SANDBX"
    oldest_revision: str = "2024-10-15"
    rate_limits: bool = True
    limits: dict[str, tuple[int, int]] = {}
    burst_seconds: float = 1.0
    steady_seconds: float = 60.0
    job_seconds: float = 0.3
    event_lag: float = 0.0
    double_opt_in: bool = False
    webhooks_allowed: bool = True


class Edge(Vendor):
    """The outside of an account; what it holds is in :mod:`adapters.klaviyo.sandbox.state`."""

    name = "klaviyo"
    title = "Klaviyo"
    bundle = 1000
    settings = Settings()

    def clear(self) -> None:
        self._later: list[tuple[float, Callable[[], None]]] = []

    # refusing and limiting

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        code, title = CODES.get(status, CODES[500])
        source = more.pop("source", {"pointer": "/data"})
        one = {
            "id": self.new_uuid(),
            "status": status,
            "code": code,
            "title": title,
            "detail": message or title,
            "source": source,
            "links": {},
            "meta": {},
            **more,
        }
        headers = {"Retry-After": "1"} if status == 429 else {}
        return Answer(status=status, body={"errors": [one]}, content_type=JSON, headers=headers)

    def refuse(
        self, status: int, message: str = "", pointer: str = "/data", *, parameter: str = "", **more: Any
    ) -> Refusal:
        """The exception that ends a call with this error, which points into the body or at a query parameter."""
        source = {"parameter": parameter} if parameter else {"pointer": pointer}
        return Refusal(self.error(status, message, source=source, **more))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        self.run_due()
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind not in ("Klaviyo-API-Key", "Bearer") or not key:
            raise self.refuse(401)
        if self.settings.api_key not in ("", key):
            raise self.refuse(401, "Incorrect authentication credentials.", code="authentication_failed")
        revision = request.headers.get("revision", "")
        if not REVISION.fullmatch(revision):
            raise self.refuse(400, "A valid revision header is required: YYYY-MM-DD", "/headers/revision")
        if revision < self.settings.oldest_revision:
            raise self.refuse(410)
        content = request.headers.get("content-type", "").partition(";")[0]
        if request.raw and content not in (JSON, "application/json"):
            raise self.refuse(415, f'Unsupported media type "{content}" in request.')
        return self._spend(request, route)

    def _spend(self, request: Request, route: Route) -> dict[str, str]:
        if not route.limits or not self.settings.rate_limits:
            return {}
        name = f"{route.method} {route.path}"
        burst, steady = self.settings.limits.get(name) or (route.limits[0][0], route.limits[1][0])
        windows = [(burst, self.settings.burst_seconds), (steady, self.settings.steady_seconds)]
        if wait := self.windows.take(name, windows):
            seconds = max(1, math.ceil(wait))
            refusal = self.refuse(429, f"Request was throttled. Expected available in {seconds} second(s).")
            refusal.answer.headers["Retry-After"] = str(seconds)
            raise refusal
        left, reset = min(self.windows.left(name, windows))
        return {
            "ratelimit-limit": f"{burst}, {burst};w=1, {steady};w=60",
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(math.ceil(reset)),
        }

    # time

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something after a moment, as Klaviyo's jobs do."""
        if seconds <= 0:
            return do()
        self._later.append((self.clock() + seconds, do))
        timer = threading.Timer(seconds + 0.01, self.run_due)
        timer.daemon = True
        return timer.start()

    def run_due(self) -> None:
        """Finish the jobs whose moment has come."""
        with self.lock:
            due = [do for moment, do in self._later if moment <= self.clock()]
            self._later = [(moment, do) for moment, do in self._later if moment > self.clock()]
            for do in due:
                do()

    def settle(self, seconds: float = 10.0) -> bool:
        end = time.monotonic() + seconds
        while self._later and time.monotonic() < end:
            time.sleep(0.01)
        return not self._later and super().settle(max(0.1, end - time.monotonic()))

    def now(self) -> str:
        """This moment as Klaviyo writes it."""
        return stamp(self.clock())

    # webhooks

    def hook(self, url: str = "", **options: Any) -> Sender:
        self.unhook()
        return self.add_hook(msgspec.convert({"url": url, **options}, Hook), f"{self.numbers.getrandbits(256):064x}")

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            meta = {
                "klaviyo_webhook_id": name,
                "klaviyo_account_id": self.settings.account_id,
                "timestamp": datetime.fromtimestamp(self.clock(), UTC).isoformat(),
                "version": "1.0",
            }
            body = msgspec.json.encode({"data": [event for event, _ in bundle], "meta": meta})
            date = formatdate(self.clock(), usegmt=True)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Klaviyo Webhooks (sandbox)",
                "Klaviyo-Signature": signature(hook.secret, body, date),
                "Klaviyo-Timestamp": date,
                "Klaviyo-Webhook-Id": name,
            }
            return hook.url, body, headers

        return write

    def flow(self, hook: Hook, body: Mapping[str, Any]) -> Rewriter:
        """A flow's webhook: unsigned, with the header that its author has set."""
        headers = {"Content-Type": "application/json", "User-Agent": "Klaviyo Flows (sandbox)"}
        if hook.flow_secret:
            headers["X-Baton-Secret"] = hook.flow_secret
        return lambda attempt: (hook.flow_url, msgspec.json.encode(body), headers)


def signature(secret: str, body: bytes, date: str) -> str:
    """What a system webhook is signed with."""
    return hmac.new(secret.encode(), body + date.encode(), hashlib.sha256).hexdigest()


def stamp(moment: float) -> str:
    """A moment as Klaviyo writes it: whole seconds, with an offset."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()
