"""How the simulated organisation meets the world: tokens, the day's calls, errors, and what it sends."""

from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import msgspec

from adapters.salesforce.names import object_of_id
from adapters.salesforce.sandbox.shapes import Problem, Settings
from adapters.sandbox.vendor import Answer, Refusal, Request, Route, Vendor
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Writer

TOKEN = "/services/oauth2/token"  # noqa: S105  the address
API = "/services/data/v62.0"
ORGANIZATION = "00D5g0000012345EAA"
_DAY = 86_400.0


class Edge(Vendor):
    """The outside of an organisation."""

    name = "salesforce"
    title = "Salesforce"
    bundle = 100
    settings = Settings()
    tokens: set[str]
    user: str

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        codes = {401: "INVALID_SESSION_ID", 404: "NOT_FOUND", 429: "REQUEST_LIMIT_EXCEEDED", 503: "SERVER_UNAVAILABLE"}
        code = more.get("code") or codes.get(status, "UNKNOWN_EXCEPTION")
        return Answer(status=status, body=[{"message": message or f"Error {status}", "errorCode": code}])

    def refuse(self, problem: Problem) -> Refusal:
        """The exception that ends a call."""
        return Refusal(Answer(status=problem.status, body=problem.of_call()))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        if route.path == TOKEN:
            return {}
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if token not in self.tokens:
            raise self.refuse(Problem("INVALID_SESSION_ID", "Session expired or invalid", status=401))
        most = self.settings.calls_per_day
        if self.windows.take("calls", [(most, _DAY)]):
            raise self.refuse(Problem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403))
        return {"Sforce-Limit-Info": f"api-usage={most - self._left()}/{most}"}

    def _left(self) -> int:
        return int(self.windows.left("calls", [(self.settings.calls_per_day, _DAY)])[0][0])

    def parse(self, request: Request, route: Route) -> Any:
        return None if route.path == TOKEN else super().parse(request, route)

    def log_in(self, request: Request) -> Answer:
        """A token by the client credentials flow."""
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        if form.get("grant_type") != "client_credentials" or not form.get("client_id"):
            said = {"error": "invalid_request", "error_description": "missing client id"}
            return Answer(status=400, body=said)
        if self.settings.client_secret not in ("", form.get("client_secret")):
            return Answer(
                status=400, body={"error": "invalid_client", "error_description": "invalid client credentials"}
            )
        token = f"{ORGANIZATION[:15]}!{self.numbers.getrandbits(128):032x}"
        self.tokens.add(token)
        identity = f"https://login.salesforce.com/id/{ORGANIZATION}/{self.user}"
        return Answer(
            body={"access_token": token, "instance_url": request.base, "id": identity, "token_type": "Bearer"}
        )

    def limits(self, request: Request) -> Answer:
        """How many of the day's calls are left."""
        daily = {"Max": self.settings.calls_per_day, "Remaining": self._left()}
        return Answer(body={"DailyApiRequests": daily})

    def writer(self, hook: Hook, name: str) -> Writer:
        """With a secret as a flow's callout sends records, else as outbound messages."""

        def write(bundle: Bundle) -> Outgoing:
            records = [record for (_, record), _ in bundle]
            if hook.secret:
                headers = {"Content-Type": "application/json", "X-Baton-Secret": hook.secret}
                return hook.url, msgspec.json.encode({"records": records}), headers
            notifications = "".join(_notification(number, record) for (number, record), _ in bundle)
            headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
            return hook.url, _ENVELOPE.format(ORGANIZATION, notifications).encode(), headers

        return write


_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    '<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{}</OrganizationId>'
    '<ActionId>04k5g0000000001AAA</ActionId><SessionId xsi:nil="true"/>{}</notifications>'
    "</soapenv:Body></soapenv:Envelope>"
)


def _notification(number: str, record: dict[str, Any]) -> str:
    fields = "".join(
        f"<sf:{name}>{escape(_said(value))}</sf:{name}>" for name, value in record.items() if value is not None
    )
    kind = object_of_id(record["Id"])
    return (
        f'<Notification><Id>{number}</Id><sObject xsi:type="sf:{kind}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>'
    )


def _said(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
