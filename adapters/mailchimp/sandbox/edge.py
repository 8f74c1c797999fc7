"""How a simulated Mailchimp meets the world: its settings, problems, key, and webhooks as forms."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Writer
from adapters.signing import basic_of

RESULTS = "/batch-results/{batch}.tar.gz"
PROBLEM = "application/problem+json; charset=utf-8"
TITLES = {
    400: "Invalid Resource",
    401: "API Key Invalid",
    403: "Forbidden",
    404: "Resource Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty key accepts any; ``batch_seconds`` is how long a batch takes; ``merge_fields``
    are the tags that the audiences have."""

    api_key: str = ""
    calls_per_second: int = 10
    batch_seconds: float = 0.0
    merge_fields: tuple[str, ...] = ("FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY")


class Edge(Vendor):
    """The outside of an account; what it holds is in :mod:`adapters.mailchimp.sandbox.account`."""

    name = "mailchimp"
    title = "Mailchimp"
    bundle = 1
    settings = Settings()

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        title = more.pop("title", TITLES.get(status, TITLES[500]))
        body = {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": title,
            "status": status,
            "detail": message or title,
            "instance": self.new_uuid(),
            **more,
        }
        return Answer(status=status, body=body, content_type=PROBLEM)

    def refuse(self, status: int, message: str = "", **more: Any) -> Refusal:
        """The exception that ends a call with this problem."""
        return Refusal(self.error(status, message, **more))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        if route.path == RESULTS:
            return {}
        given = request.headers.get("authorization", "")
        _, key = basic_of(given) or ("", given.removeprefix("Bearer ") if given.startswith("Bearer ") else "")
        if not key or self.settings.api_key not in ("", key):
            raise self.refuse(401, "Your API key may be invalid, or you've attempted to access the wrong datacenter.")
        if self.windows.take("calls", [(self.settings.calls_per_second, 1.0)]):
            raise self.refuse(429, "You have exceeded the limit of 10 simultaneous connections.")
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            (event, _), *_rest = bundle
            body = urlencode(list(pairs(event))).encode()
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "MailChimp",
            }
            if hook.secret:
                moment = str(int(self.clock()))
                headers["X-Mailchimp-Signature"] = f"t={moment},v1={signature(hook.secret, moment, body)}"
            return hook.url, body, headers

        return write


def signature(secret: str, moment: str, body: bytes) -> str:
    """What a webhook with a signing secret is signed with."""
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def pairs(event: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """An event as the pairs of its form: ``data[merges][FNAME]``."""
    for name, value in event.items():
        key = f"{before}[{name}]" if before else name
        if isinstance(value, Mapping):
            yield from pairs(value, key)
        elif isinstance(value, list):
            yield from ((key, str(one)) for one in value)
        else:
            yield key, str(value)


def stamp(moment: float) -> str:
    """A moment as webhooks say it: UTC, whole seconds, no zone."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
