"""A simulated ZoomInfo: it gives out tokens that end, counts credits, and refuses fields that no contract has."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from adapters.sandbox.vendor import SHOWN, Answer, Columns, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Hook, Writer


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The account's settings. An empty secret accepts any; ``fields`` are those of the contract."""

    client_secret: str = ""
    token_seconds: int = 3_600
    fields: tuple[str, ...] = ("firstName", "lastName", "jobTitle", "managementLevel", "companyName", "city", "country")


class ZoomInfo(Vendor):
    """The simulated account."""

    name = "zoominfo"
    title = "ZoomInfo"
    bundle = 1
    settings = Settings()

    def clear(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, float] = {}
        self.credits: set[str] = set()

    def state(self) -> dict[str, Any]:
        return {"people": self.people, "credits": sorted(self.credits)}

    def overview(self) -> list[Columns]:
        rows = [[email, email in self.credits] for email in list(self.people)[-SHOWN:]]
        return [("People", ["address", "a credit was spent"], rows, len(self.people))]

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        said = {"status": str(status), "code": more.get("code", "error"), "detail": message or f"Error {status}"}
        return Answer(status=status, body={"errors": [said]})

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        if route.path == "/oauth/v1/token":
            secret = base64.b64decode(credentials).decode().partition(":")[2] if kind == "Basic" else ""
            if not secret or self.settings.client_secret not in ("", secret):
                raise Refusal(self.error(401, "invalid_client"))
        elif self.tokens.get(credentials, 0.0) < self.clock():
            raise Refusal(self.error(401, "The token is not valid"))
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        raise ValueError("this ZoomInfo sends no webhooks")

    def parse(self, request: Request, route: Route) -> Any:
        return None if route.path == "/oauth/v1/token" else super().parse(request, route)

    def make_token(self, request: Request) -> Answer:
        token = f"token-{self.numbers.getrandbits(64):016x}"
        self.tokens[token] = self.clock() + self.settings.token_seconds
        return Answer(body={"access_token": token, "expires_in": self.settings.token_seconds, "token_type": "Bearer"})

    def enrich(self, request: Request) -> Answer:
        asked = request.body["data"]["attributes"]
        if request.headers.get("content-type") != "application/vnd.api+json":
            return self.error(415, "Content-Type has to be application/vnd.api+json")
        strange = [name for name in asked["outputFields"] if name not in self.settings.fields]
        if strange:
            return self.error(400, f"Invalid output fields: {', '.join(strange)}", code="PFAPI0009")
        return Answer(body={"data": [self._found(one, asked["outputFields"]) for one in asked["matchPersonInput"]]})

    def _found(self, named: Mapping[str, Any], fields: list[str]) -> dict[str, Any]:
        email = str(named.get("emailAddress")).lower()
        known = self.people.get(email)
        meta = {"input": dict(named), "matchStatus": "NO_MATCH" if known is None else "FULL_MATCH"}
        if known is None:
            return {"type": "Contact", "meta": meta}
        self.credits.add(email)
        return {"type": "Contact", "meta": meta, "attributes": {name: known.get(name) for name in fields}}

    def know(self, email: str, **said: str) -> str:
        """ZoomInfo learns of somebody."""
        self.people[email.lower()] = dict(said)
        return email.lower()

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {"know": know}
    routes = (
        Route("POST", "/oauth/v1/token", make_token),
        Route("POST", "/data/v1/contacts/enrich", enrich, dict[str, Any]),
    )


VENDOR = ZoomInfo
