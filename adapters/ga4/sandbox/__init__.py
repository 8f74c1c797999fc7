"""A simulated Google Analytics: it answers 204 to everything, counts what is right, and says what is wrong only where
it is asked to validate."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapters.sandbox.vendor import SHOWN, Answer, Columns, Request, Route, Vendor
from adapters.sandbox.webhooks import Hook, Writer

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PERSONAL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
HOURS_BACK = 72


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The stream's settings. An empty secret accepts any."""

    api_secret: str = ""
    measurement_id: str = ""


class Analytics(Vendor):
    """The simulated property."""

    name = "ga4"
    title = "Google Analytics 4"
    bundle = 1
    credentials = frozenset(("api_secret",))
    settings = Settings()

    def clear(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.users: dict[str, dict[str, Any]] = {}

    def state(self) -> dict[str, Any]:
        return {"events": self.events, "dropped": self.dropped, "users": self.users}

    def overview(self) -> list[Columns]:
        rows = [[one["client_id"], one["name"], one["params"]] for one in self.events[-SHOWN:][::-1]]
        lost = [[one["why"], one["body"]] for one in self.dropped[-SHOWN:][::-1]]
        return [
            ("Events", ["client", "event", "parameters"], rows, len(self.events)),
            ("Dropped without a word", ["why", "what"], lost, len(self.dropped)),
        ]

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        return Answer(status=status, raw=message.encode(), content_type="text/plain")

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        raise ValueError("Google Analytics sends no webhooks")

    def parse(self, request: Request, route: Route) -> Any:
        """The body, or nothing: Google refuses none."""
        try:
            return msgspec.json.decode(request.raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    # --- calls

    def collect(self, request: Request) -> Answer:
        body = request.body if isinstance(request.body, dict) else {}
        wrong = [*self._strange(request), *(description for _, description in self._faults(body))]
        if wrong:
            self.dropped.append({"why": "; ".join(wrong), "body": request.body})
            return Answer(status=204)
        for event in body["events"]:
            self.events.append({"client_id": body["client_id"], "params": {}, **event})
        told = {name: held["value"] for name, held in (body.get("user_properties") or {}).items()}
        self.users.setdefault(body["client_id"], {}).update(told)
        return Answer(status=204)

    def validate(self, request: Request) -> Answer:
        body = request.body if isinstance(request.body, dict) else {}
        found = [
            {"fieldPath": path, "description": description, "validationCode": "VALUE_INVALID"}
            for path, description in self._faults(body)
        ]
        return Answer(body={"validationMessages": found})

    def _strange(self, request: Request) -> Iterator[str]:
        """Whose stream it is: validation does not look at that."""
        for name in ("api_secret", "measurement_id"):
            if not request.param(name) or getattr(self.settings, name) not in ("", request.param(name)):
                yield f"another {name}"

    def _faults(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if not isinstance(body.get("client_id"), str) or not body["client_id"]:
            yield "client_id", "Measurement requires a client_id."
        events = body.get("events")
        if not isinstance(events, list) or not 0 < len(events) <= 25:
            yield "events", "Measurement requires 1 to 25 events."
            return
        for n, event in enumerate(events):
            yield from ((f"events[{n}].{path}", why) for path, why in self._of_event(event))
        for name, held in (body.get("user_properties") or {}).items():
            if len(name) > 24 or not isinstance(held, dict) or len(str(held.get("value"))) > 36:
                yield f"user_properties.{name}", "User property is too long or has no value."

    def _of_event(self, event: Any) -> Iterator[tuple[str, str]]:
        name = event.get("name") if isinstance(event, dict) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 40:
            yield "name", "Event name is invalid."
            return
        given = event.get("params") or {}
        if len(given) > 25:
            yield "params", "Event has more than 25 parameters."
        for key, value in given.items():
            if not _NAME.fullmatch(key) or len(key) > 40 or len(str(value)) > 100:
                yield f"params.{key}", "Parameter name or value is invalid."
            if _PERSONAL.search(str(value)):
                yield f"params.{key}", "Parameter holds personal data."
        at = event.get("timestamp_micros")
        if at is not None and self.clock() - at / 1e6 > HOURS_BACK * 3600:
            yield "timestamp_micros", "Event is older than 72 hours."

    routes = (Route("POST", "/mp/collect", collect), Route("POST", "/debug/mp/collect", validate))


VENDOR = Analytics
