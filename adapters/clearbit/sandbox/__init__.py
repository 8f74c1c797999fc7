"""A simulated Clearbit: it knows whom it was taught, after a while where it is told to take its time."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from adapters.sandbox.vendor import SHOWN, Answer, Columns, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Hook, Writer


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty key accepts any; the first ``early`` look-ups of somebody find nothing yet."""

    api_key: str = ""
    early: int = 0


class Clearbit(Vendor):
    """The simulated account."""

    name = "clearbit"
    title = "Clearbit"
    bundle = 1
    settings = Settings()

    def clear(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, int] = {}

    def state(self) -> dict[str, Any]:
        return {"people": self.people, "asked": self.asked}

    def overview(self) -> list[Columns]:
        rows = [[email, times] for email, times in list(self.asked.items())[-SHOWN:]]
        return [("Asked for", ["address", "times"], rows, len(self.asked))]

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        return Answer(status=status, body={"error": {"type": more.get("type", "error"), "message": message}})

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        key = base64.b64decode(credentials).decode("utf-8", "replace").partition(":")[0] if kind == "Basic" else ""
        if not key or self.settings.api_key not in ("", key):
            raise Refusal(self.error(401, "Invalid API key", type="auth_invalid"))
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        raise ValueError("this Clearbit sends no webhooks")

    def find(self, request: Request) -> Answer:
        email = request.param("email").lower()
        if "@" not in email:
            return self.error(422, "Invalid email", type="email_invalid")
        self.asked[email] = self.asked.get(email, 0) + 1
        if self.asked[email] <= self.settings.early:
            return Answer(status=202, body={"error": {"type": "queued", "message": "Your request has been queued"}})
        if email not in self.people:
            return self.error(404, "Unknown record", type="unknown_record")
        return Answer(body=self.people[email])

    def know(self, email: str, title: str = "", company: str = "", industry: str = "", employees: int = 0) -> str:
        """Clearbit learns of somebody."""
        firm = {"id": "c1", "name": company, "category": {"industry": industry}, "metrics": {"employees": employees}}
        person = {"id": "p1", "email": email, "employment": {"title": title or None}}
        self.people[email.lower()] = {"person": person, "company": firm}
        return email.lower()

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {"know": know}
    routes = (Route("GET", "/v2/combined/find", find),)


VENDOR = Clearbit
