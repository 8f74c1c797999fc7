"""How a simulated Kit meets the world: its settings, errors, key and limit, and webhooks in signed envelopes."""

import hashlib
import hmac
from typing import Any

import msgspec

from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Writer

ERRORS = {
    401: "The access token is invalid",
    404: "Not Found",
    429: "Too many requests",
    500: "Internal Server Error",
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty key accepts any. Forms and sequences are given by their numbers; the forms in
    ``asking`` have double opt-in. ``fields`` are the keys of the account's own fields."""

    api_key: str = ""
    calls_per_minute: int = 120
    forms: tuple[int, ...] = (55, 56)
    asking: tuple[int, ...] = (55,)
    sequences: tuple[int, ...] = (12, 15)
    fields: tuple[str, ...] = ("last_name", "company")


class Edge(Vendor):
    """The outside of an account; what it holds is in :mod:`adapters.kit.sandbox.account`."""

    name = "kit"
    title = "Kit"
    bundle = 100
    credentials = frozenset(("x-kit-api-key",))
    settings = Settings()

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        return Answer(status=status, body={"errors": [message or ERRORS.get(status, f"Error {status}")]})

    def refuse(self, status: int, message: str = "") -> Refusal:
        """The exception that ends a call with this error."""
        return Refusal(self.error(status, message))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        key = request.headers.get("x-kit-api-key", "")
        if not key or self.settings.api_key not in ("", key):
            raise self.refuse(401, "The API key is invalid")
        if self.windows.take("calls", [(self.settings.calls_per_minute, 60.0)]):
            raise self.refuse(429)
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            delivery = self.numbers.randrange(10**9)
            body = msgspec.json.encode({"delivery_id": delivery, "events": [event for event, _ in bundle]})
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Kit-Webhooks/2.0",
                "X-Kit-Delivery": str(delivery),
            }
            if hook.secret:
                moment = str(int(self.clock()))
                headers["X-Kit-Signature"] = f"t={moment},v1={signature(hook.secret, moment, body)}"
            return hook.url, body, headers

        return write


def signature(secret: str, moment: str, body: bytes) -> str:
    """What a delivery is signed with."""
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
