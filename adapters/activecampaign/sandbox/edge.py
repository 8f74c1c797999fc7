"""How a simulated ActiveCampaign account meets the world: its settings, errors, limit and webhooks."""

import hmac
import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Sender, Writer

API = "/api/3"
GONE = 410


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty key accepts any; ``deals`` says whether the plan has them; ``offset_hours`` is
    the account's time zone; an import is done ``import_seconds`` after it was asked for."""

    api_key: str = ""
    event_key: str = ""
    rate_limits: bool = True
    calls_per_second: int = 5
    deals: bool = True
    offset_hours: int = -6
    import_seconds: float = 0.0
    sources: tuple[str, ...] = ("public", "admin", "system", "api")


class Edge(Vendor):
    """The outside of an account; what it holds is in :mod:`adapters.activecampaign.sandbox.state`."""

    name = "activecampaign"
    title = "ActiveCampaign"
    bundle = 1
    settings = Settings()

    # refusing and limiting

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        """Validation errors come as a list; what stands in front of the API answers with one message."""
        if status == 422:
            one = {"title": message, "detail": "", "code": more.get("code", "invalid"), "source": {}}
            return Answer(status=422, body={"errors": [one]})
        headers = {"Retry-After": "1"} if status == 429 else {}
        return Answer(status=status, body={"message": message or WORDS.get(status, "Error")}, headers=headers)

    def refuse(self, status: int, message: str = "", **more: Any) -> Refusal:
        """The exception that ends a call with this error."""
        return Refusal(self.error(status, message, **more))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        self.run_due()
        if not route.path.startswith(API):
            return {}  # event tracking has a key of its own
        key = request.headers.get("api-token", "")
        if not key or (self.settings.api_key and not hmac.compare_digest(key.encode(), self.settings.api_key.encode())):
            raise self.refuse(403, "You are not authorized to access this file")
        if not self.settings.rate_limits:
            return {}
        limits = [(self.settings.calls_per_second, 1.0)]
        if wait := self.windows.take("account", limits):
            refusal = self.refuse(429, "Too Many Requests")
            refusal.answer.headers["Retry-After"] = str(max(1, math.ceil(wait)))
            raise refusal
        ((left, _),) = self.windows.left("account", limits)
        return {"RateLimit-Limit": str(limits[0][0]), "RateLimit-Remaining": str(left)}

    def parse(self, request: Request, route: Route) -> Any:
        if route.path.startswith(API):
            return super().parse(request, route)
        return dict(parse_qsl(request.raw.decode("utf-8", "replace"), keep_blank_values=True))

    def run_due(self) -> None:
        """Finish what was to take a moment."""

    # time

    def stamp(self, moment: float | None = None) -> str:
        """A moment as ActiveCampaign writes it: whole seconds in the account's zone."""
        zone = timezone(timedelta(hours=self.settings.offset_hours))
        return datetime.fromtimestamp(int(self.clock() if moment is None else moment), zone).isoformat()

    # webhooks

    def add_hook(self, hook: Hook, name: str) -> Sender:
        hook.attempts = 1  # whatever becomes of it, it is not sent again
        return super().add_hook(hook, name)

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            (pairs, _), *_rest = bundle
            headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "ActiveCampaign (sandbox)"}
            return hook.url, urlencode(pairs).encode(), headers

        return write

    def tell(self, kind: str, origin: str, pairs: Mapping[str, Any]) -> None:
        """Send a webhook to all who want it. One whose address once answered 410 is switched off."""
        told = {"type": kind, "date_time": self.stamp(), "initiated_from": origin, "initiated_by": origin}
        body = list({**told, "list": "0", **pairs}.items())
        for sender in self.hooks.values():
            if any(one["status"] == GONE for one in sender.history()):
                sender.hook.enabled = False
            wanted = origin in self.settings.sources and (sender.hook.echo or origin != "api")
            if sender.hook.wants(kind) and wanted:
                sender.add([body])


WORDS = {
    400: "Bad Request",
    403: "You are not authorized to access this file",
    404: "No Result found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
