"""How a simulated HubSpot account meets the world: its settings, errors, limits, and signed webhooks."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.hubspot.sandbox.schema import OBJECT_TYPES, SINGULAR
from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor, iso
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Rewriter, Writer

JSON = "application/json;charset=utf-8"
# Some event ids come up twice: HubSpot says that they are not unique, and receivers shall not rely on it.
EVENT_IDS = 3_816_270_000, 10_000
DECODED = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}  # in a signed URI, and nothing else
TOKENS = ("/oauth/2026-03/token", "/oauth/v1/token")
JOURNAL, FILES = "/webhooks-journal/", "/journal-files/{place}"
FIRED_FOR = ("contacts", "companies", "deals", "conversation")
NO_LIMIT = 1_000_000_000
DAY = 86_400.0
NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details "
    "at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
CATEGORIES = {
    400: "VALIDATION_ERROR",
    401: "INVALID_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
}
MESSAGES = {
    401: NO_CREDENTIALS,
    403: "This app hasn't been granted all required scopes to make this call.",
    404: "resource not found",
    409: "Contact already exists",
    500: "internal error",
    503: "Service temporarily unavailable",
}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. A limit of 0 is no limit; an empty token accepts any."""

    token: str = ""
    portal_id: int = 4242
    app_id: int = 1_160_452
    user_id: int = 9001
    calls_per_window: int = 190
    window_seconds: float = 10.0
    calls_per_day: int = 650_000
    searches_per_second: int = 5
    search_lag: float = 3.0
    new_contact_stage: str = "lead"
    merge_makes_new_id: bool = False
    single_send: bool = True
    journal: bool = False  # the app has the journal's scope, and is subscribed to everything in it
    journal_days: float = 3.0
    client_secret: str = ""


@dataclass(frozen=True)
class Source:
    """Who changes something, in the words of webhooks and histories."""

    kind: str
    id: str


class Edge(Vendor):
    """The outside of an account; what it holds is in :mod:`adapters.hubspot.sandbox.state`."""

    name = "hubspot"
    title = "HubSpot"
    settings = Settings()
    tokens: set[str]  # of the journal
    entries: list[dict[str, Any]]  # of the journal, those that are in none of its files yet

    def parse(self, request: Request, route: Route) -> Any:
        return None if route.path in TOKENS else super().parse(request, route)

    @property
    def api(self) -> Source:
        """The app whose token calls the API."""
        return Source("INTEGRATION", str(self.settings.app_id))

    @property
    def person(self) -> Source:
        """Somebody in HubSpot's own screens."""
        return Source("CRM_UI", f"userId:{self.settings.user_id}")

    # refusing and limiting

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        if status == 429:
            return self.too_many("TEN_SECONDLY_ROLLING")
        body = {
            "status": "error",
            "message": message or MESSAGES.get(status, "error"),
            "correlationId": self.new_uuid(),
            **({"category": CATEGORIES[status]} if status in CATEGORIES else {}),
            **more,
        }
        return Answer(status=status, body=body, content_type=JSON)

    def refuse(self, status: int, message: str = "", **more: Any) -> Refusal:
        """The exception that ends a call with this error."""
        return Refusal(self.error(status, message, **more))

    def too_many(self, policy: str) -> Answer:
        """The answer to a call over a limit."""
        group = "search" if policy == "SECONDLY" else "private_app-api-calls"
        body = {
            "status": "error",
            "message": f"You have reached your {policy.lower()} limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": self.new_uuid(),
            "policyName": policy,
            "groupName": f"publicapi:{group}-{policy.lower()}:{self.settings.app_id}:{self.settings.portal_id}",
        }
        return Answer(status=429, body=body, content_type=JSON)

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        if route.path in (*TOKENS, FILES):
            return {}
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        known = token in self.tokens if route.path.startswith(JOURNAL) else self.settings.token in ("", token)
        if kind.lower() != "bearer" or not token or not known:
            raise self.refuse(401)
        rules = self.settings
        if route.path.startswith(JOURNAL):  # exempt from the account's limits
            return {}
        if request.path.rstrip("/").endswith("/search"):  # its own limit, and no headers that say so
            if rules.searches_per_second and self.windows.take("search", [(rules.searches_per_second, 1.0)]):
                raise Refusal(self.too_many("SECONDLY"))
            return {}
        today = f"calls of day {int(self.clock() // DAY)}"  # of UTC; HubSpot's is that of the account's time zone
        day = [(rules.calls_per_day or NO_LIMIT, DAY)]
        window = [(rules.calls_per_window or NO_LIMIT, rules.window_seconds)]
        refused = None
        if self.windows.left(today, day)[0][0] <= 0:
            refused = self.too_many("DAILY")
        elif self.windows.take("calls", window):
            refused = self.too_many("TEN_SECONDLY_ROLLING")
        else:
            self.windows.take(today, day)
        headers = {
            "X-HubSpot-RateLimit-Daily": str(day[0][0]),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self.windows.left(today, day)[0][0]),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(rules.window_seconds * 1000)),
            "X-HubSpot-RateLimit-Max": str(window[0][0]),
            "X-HubSpot-RateLimit-Remaining": str(self.windows.left("calls", window)[0][0]),
        }
        if refused:
            refused.headers = headers
            raise Refusal(refused)
        return headers

    # webhooks

    def fire(self, kind: str, what: str, source: Source, event_id: int | None = None, **more: Any) -> None:
        """Tell the hooks of a change. ``kind`` is an object type, or "conversation"."""
        if self.settings.journal and (entry := journal_entry(kind, what, self.settings.portal_id, self.clock(), more)):
            self.entries.append(entry)
        if kind not in FIRED_FOR:
            return
        word = SINGULAR.get(kind, kind)
        event = {
            "eventId": event_id if event_id is not None else EVENT_IDS[0] + self.random.randrange(EVENT_IDS[1]),
            "subscriptionId": 25 + sum(f"{word}.{what}.{more.get('propertyName', '')}".encode()) % 5000,
            "portalId": self.settings.portal_id,
            "appId": self.settings.app_id,
            "occurredAt": round(self.clock() * 1000),
            "subscriptionType": f"{word}.{what}",
            "changeSource": source.kind,
            **({"sourceId": source.id} if source.id else {}),
            **more,
        }
        for sender in self.hooks.values():
            hook = sender.hook
            if (hook.echo or source != self.api) and hook.wants(event["subscriptionType"]):
                sender.add([_in_style(event, kind, hook.object_style)])

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            body = msgspec.json.encode([{**event, "attemptNumber": attempt} for event, attempt in bundle])
            old = {
                "X-HubSpot-Signature": hashlib.sha256(hook.secret.encode() + body).hexdigest(),
                "X-HubSpot-Signature-Version": "v1",
            }
            return hook.url, body, {**self._headers(hook, hook.url, body), **old}

        return write

    def workflow(self, hook: Hook, url: str, body: bytes) -> Rewriter:
        """A workflow's webhook: one object, signed with v2 and v3."""

        def write(attempt: int) -> Outgoing:
            told = hook.secret.encode() + b"POST" + (hook.signed_url or url).encode() + body
            old = {
                "X-HubSpot-Signature": hashlib.sha256(told).hexdigest(),
                "X-HubSpot-Signature-Version": "v2",
            }
            return url, body, {**self._headers(hook, url, body), **old}

        return write

    def _headers(self, hook: Hook, url: str, body: bytes) -> dict[str, str]:
        moment = str(round(self.clock() * 1000))
        told = b"POST" + signed_uri(hook.signed_url or url).encode() + body + moment.encode()
        return {
            "Content-Type": "application/json",
            "User-Agent": "HubSpot Webhooks (sandbox)",
            "X-HubSpot-Signature-v3": base64.b64encode(
                hmac.new(hook.secret.encode(), told, hashlib.sha256).digest()
            ).decode(),
            "X-HubSpot-Request-Timestamp": moment,
        }


ACTIONS = {
    "creation": "CREATE",
    "propertyChange": "UPDATE",
    "deletion": "DELETE",
    "merge": "MERGE",
    "privacyDeletion": "GDPR_DELETE",
}


def journal_entry(kind: str, what: str, portal: int, now: float, told: dict[str, Any]) -> dict[str, Any] | None:
    """What the journal says of a change, where it is one of those that it names."""
    if kind not in OBJECT_TYPES or what not in ACTIONS:
        return None
    entry = {
        "type": "crmObject",
        "portalId": portal,
        "occurredAt": iso(now),
        "action": ACTIONS[what],
        "objectTypeId": OBJECT_TYPES[kind],
        "objectId": told["objectId"],
    }
    return {**entry, "propertyChanges": {told["propertyName"]: {}}} if "propertyName" in told else entry


def signed_uri(url: str) -> str:
    """The address as HubSpot signs it in version 3: without a fragment, with some characters decoded."""
    uri = url.partition("#")[0]
    for code, character in DECODED.items():
        uri = uri.replace(code, character)
    return uri


def _in_style(event: dict[str, Any], kind: str, style: str) -> dict[str, Any]:
    """The event as old apps ("classic") or new projects ("object") get it."""
    what = event["subscriptionType"].partition(".")[2]
    if style != "object" or kind not in OBJECT_TYPES or what == "privacyDeletion":
        return event
    more = {"isSensitive": False} if what == "propertyChange" else {}
    return {**event, "subscriptionType": f"object.{what}", "objectTypeId": OBJECT_TYPES[kind], **more}
