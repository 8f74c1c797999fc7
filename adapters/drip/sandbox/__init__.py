"""A simulated Drip account: subscribers, tags and events, with the limit and the refusals that matter."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from adapters.sandbox.vendor import SHOWN, Answer, Columns, Refusal, Request, Route, Vendor, iso
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Writer
from adapters.signing import basic_of

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
MAX_BATCH = 1_000


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty token accepts any; the limits are those of an hour."""

    api_key: str = ""
    calls_per_hour: int = 3_600
    batches_per_hour: int = 50


class Drip(Vendor):
    """The simulated Drip."""

    name = "drip"
    title = "Drip"
    bundle = 1
    settings = Settings()

    def clear(self) -> None:
        self.subscribers: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []

    def state(self) -> dict[str, Any]:
        return {"subscribers": self.subscribers, "events": self.events}

    def overview(self) -> list[Columns]:
        rows = [[one["email"], one["status"], one["tags"]] for one in list(self.subscribers.values())[-SHOWN:]]
        events = [[one["email"], one["action"], one["properties"]] for one in self.events[-SHOWN:][::-1]]
        return [
            ("Subscribers", ["address", "status", "tags"], rows, len(self.subscribers)),
            ("Events", ["address", "action", "properties"], events, len(self.events)),
        ]

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        errors = [{"code": more.get("code", "error"), "message": message or f"Error {status}"}]
        return Answer(status=status, body={"errors": errors})

    def refuse(self, status: int, message: str) -> Refusal:
        """The exception that ends a call with this error."""
        return Refusal(self.error(status, message))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        key, _ = basic_of(request.headers.get("authorization", "")) or ("", "")
        if not key or self.settings.api_key not in ("", key):
            raise self.refuse(401, "Authentication failed, check your credentials")
        if "batches" in route.path and self.windows.take("batches", [(self.settings.batches_per_hour, 3_600.0)]):
            raise self.refuse(429, "API rate limit exceeded. Please try again in an hour.")
        if self.windows.take("calls", [(self.settings.calls_per_hour, 3_600.0)]):
            raise self.refuse(429, "API rate limit exceeded. Please try again in an hour.")
        return {"X-RateLimit-Limit": str(self.settings.calls_per_hour)}

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            headers = {"Content-Type": "application/json", "User-Agent": "Drip Webhooks (sandbox)"}
            return hook.url, msgspec.json.encode(bundle[0][0]), headers

        return write

    # --- calls

    def upsert(self, request: Request, account: str) -> Answer:
        return Answer(body={"subscribers": [self._write(one) for one in _list(request.body, "subscribers")]})

    def upsert_many(self, request: Request, account: str) -> Answer:
        for one in self._batch(request):
            self._write(one)
        return Answer(status=201, body={})

    def get_subscriber(self, request: Request, account: str, name: str) -> Answer:
        return Answer(body={"subscribers": [self._held(name)]})

    def unsubscribe_all(self, request: Request, account: str, name: str) -> Answer:
        held = self._held(name)
        self._stop(held)
        return Answer(body={"subscribers": [held]})

    def unsubscribe_many(self, request: Request, account: str) -> Answer:
        for one in self._batch(request):
            held = self.subscribers.get(str(one.get("email")).lower())
            if held is not None:
                self._stop(held)
        return Answer(status=204)

    def _stop(self, held: dict[str, Any]) -> None:
        if held["status"] != "unsubscribed":
            held["status"] = "unsubscribed"
            self.tell("unsubscribed_all", held)

    def tag(self, request: Request, account: str) -> Answer:
        for one in _list(request.body, "tags"):
            held = self.subscribers[self._write({"email": one.get("email")})["email"]]
            if one["tag"] not in held["tags"]:
                held["tags"].append(one["tag"])
                self.tell("applied_tag", held, tag=one["tag"])
        return Answer(status=201, body={})

    def untag(self, request: Request, account: str, email: str, tag: str) -> Answer:
        held = self.subscribers.get(email.lower())
        if held is None or tag not in held["tags"]:
            raise self.refuse(404, "The resource you requested was not found")
        held["tags"].remove(tag)
        self.tell("removed_tag", held, tag=tag)
        return Answer(status=204)

    def delete(self, request: Request, account: str, name: str) -> Answer:
        held = self._held(name)
        del self.subscribers[held["email"]]
        self.tell("deleted", held)
        return Answer(status=204)

    def record(self, request: Request, account: str) -> Answer:
        for one in _list(request.body, "events"):
            self._write({"email": one.get("email")})
            self.events.append(dict(one))
        return Answer(status=204)

    def get_tags(self, request: Request, account: str) -> Answer:
        return Answer(body={"tags": sorted({tag for one in self.subscribers.values() for tag in one["tags"]})})

    def _batch(self, request: Request) -> list[dict[str, Any]]:
        people = [one for batch in _list(request.body, "batches") for one in _list(batch, "subscribers")]
        if len(people) > MAX_BATCH:
            raise self.refuse(422, f"Batches may have {MAX_BATCH} records")
        return people

    def _held(self, name: str) -> dict[str, Any]:
        held = next((one for one in self.subscribers.values() if name.lower() in (one["id"], one["email"])), None)
        if held is None:
            raise self.refuse(404, "The resource you requested was not found")
        return held

    def _write(self, said: Mapping[str, Any]) -> dict[str, Any]:
        named = str(said.get("id") or said.get("email") or "").lower()
        held = next((one for one in self.subscribers.values() if named in (one["id"], one["email"])), None)
        email = str(said.get("new_email") or said.get("email") or (held or {}).get("email") or "").lower()
        if not _ADDRESS.fullmatch(email):
            raise self.refuse(422, "Email is invalid")
        if held is not None and held["email"] != email:
            if email in self.subscribers:
                raise self.refuse(422, "Email is already subscribed")
            self.subscribers[email] = self.subscribers.pop(held["email"])
            told = {"old_email_address": held["email"], "new_email_address": email}
            held["email"] = email
            self.tell("updated_email_address", held, **told)
        if held is None:
            held = {
                "id": f"{self.numbers.getrandbits(96):024x}",
                "email": email,
                "status": said.get("initial_status") or "active",
                "tags": [],
                "custom_fields": {},
                "eu_consent": "unknown",
                "created_at": iso(self.clock()),
            }
            self.subscribers[email] = held
            self.tell("created", held)
        held["custom_fields"].update(said.get("custom_fields") or {})
        held |= {
            name: value
            for name, value in said.items()
            if name not in ("id", "email", "new_email", "initial_status", "custom_fields")
        }
        return held

    def tell(self, name: str, held: Mapping[str, Any], **told: Any) -> None:
        """Send the webhook about a subscriber."""
        topic = f"subscriber.{name}"
        event = {
            "event": topic,
            "data": {"account_id": "9999999", "subscriber": msgspec.to_builtins(held), "properties": told},
            "occurred_at": iso(self.clock()),
        }
        for sender in self.hooks.values():
            if sender.hook.wants(topic):
                sender.add([event])

    # --- what people do

    def sign_up(self, email: str, **fields: str) -> str:
        """Somebody fills in a form of Drip's."""
        held = self._write({"email": email, **fields})
        held["status"] = "active"
        return str(held["id"])

    def unsubscribe(self, email: str) -> str:
        """Somebody uses the link in a mail."""
        held = self.subscribers.get(email.lower())
        if held is None:
            raise ValueError(f"Drip has no subscriber {email}")
        held["status"] = "unsubscribed"
        self.tell("unsubscribed_all", held)
        return str(held["id"])

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {"sign_up": sign_up, "unsubscribe": unsubscribe}
    routes = (
        Route("POST", "/v2/{account}/subscribers", upsert, dict[str, Any]),
        Route("POST", "/v2/{account}/subscribers/batches", upsert_many, dict[str, Any]),
        Route("GET", "/v2/{account}/subscribers/{name}", get_subscriber),
        Route("POST", "/v2/{account}/subscribers/{name}/unsubscribe_all", unsubscribe_all),
        Route("POST", "/v2/{account}/unsubscribes/batches", unsubscribe_many, dict[str, Any]),
        Route("POST", "/v2/{account}/tags", tag, dict[str, Any]),
        Route("GET", "/v2/{account}/tags", get_tags),
        Route("DELETE", "/v2/{account}/subscribers/{name}", delete),
        Route("DELETE", "/v2/{account}/subscribers/{email}/tags/{tag}", untag),
        Route("POST", "/v2/{account}/events", record, dict[str, Any]),
    )


def _list(body: Any, name: str) -> list[dict[str, Any]]:
    held = body.get(name) if isinstance(body, dict) else None
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


VENDOR = Drip
