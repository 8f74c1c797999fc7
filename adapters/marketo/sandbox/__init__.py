"""A simulated Marketo subscription: leads, lists, campaigns and activities, with its answers of 200 for everything."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from adapters.sandbox.vendor import SHOWN, Answer, Columns, Refusal, Request, Route, Vendor, iso
from adapters.sandbox.webhooks import Bundle, Hook, Outgoing, Writer

MOST = 300
TOKEN = "/identity/oauth/token"  # noqa: S105  the address
FIELDS = (
    *("email", "firstName", "lastName", "salutation", "phone", "title", "company", "website", "address", "postalCode"),
    *("city", "state", "country", "industry", "numberOfEmployees", "unsubscribed", "unsubscribedReason"),
    *("emailInvalid", "emailInvalidCause", "blackListed"),
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_NUMBERS = {"401": "601", "429": "606", "503": "611"}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The subscription's settings. An empty secret accepts any; campaigns and lists are given by their numbers."""

    client_secret: str = ""
    calls_per_20_seconds: int = 100
    calls_per_day: int = 50_000
    token_seconds: int = 3_600
    page: int = 300
    campaigns: tuple[int, ...] = (1012,)
    lists: tuple[int, ...] = (7,)


class Marketo(Vendor):
    """The simulated subscription."""

    name = "marketo"
    title = "Marketo"
    bundle = 1
    settings = Settings()

    def clear(self) -> None:
        self.leads: dict[int, dict[str, Any]] = {}
        self.activities: list[dict[str, Any]] = []
        self.members: dict[int, set[int]] = {}
        self.runs: list[dict[str, Any]] = []
        self.tokens: dict[str, float] = {}
        self.made = self.numbers.randrange(1, 10**6)

    def state(self) -> dict[str, Any]:
        return {"leads": list(self.leads.values()), "activities": self.activities, "runs": self.runs}

    def overview(self) -> list[Columns]:
        rows = [[one["id"], one.get("email"), one.get("unsubscribed")] for one in list(self.leads.values())[-SHOWN:]]
        runs = [[one["campaign"], one["lead"]] for one in self.runs[-SHOWN:][::-1]]
        return [
            ("Leads", ["id", "address", "unsubscribed"], rows, len(self.leads)),
            ("Campaign runs", ["campaign", "lead"], runs, len(self.runs)),
        ]

    # --- at the door

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        if status >= 500 or status == 404:
            return Answer(status=status, body={"message": message or f"Error {status}"})
        return self._refusal(more.get("code") or _NUMBERS.get(str(status), "609"), message or f"Error {status}")

    def _refusal(self, code: str, message: str) -> Answer:
        body = {"requestId": "e42b#1", "success": False, "errors": [{"code": code, "message": message}]}
        return Answer(status=200, body=body)

    def refuse(self, code: str, message: str) -> Refusal:
        """The exception that ends a call, with a 200."""
        return Refusal(self._refusal(code, message))

    def enter(self, request: Request, route: Route) -> dict[str, str]:
        if route.path == TOKEN:
            return {}
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise self.refuse("601", "Access token invalid")
        if self.tokens[token] < self.clock():
            raise self.refuse("602", "Access token expired")
        if self.windows.take("rate", [(self.settings.calls_per_20_seconds, 20.0)]):
            raise self.refuse("606", "Max rate limit '100' exceeded with in '20' secs")
        if self.windows.take("day", [(self.settings.calls_per_day, 86_400.0)]):
            raise self.refuse("607", "Daily API Request Limit Reached")
        return {}

    def writer(self, hook: Hook, name: str) -> Writer:
        def write(bundle: Bundle) -> Outgoing:
            headers = {"Content-Type": "application/json", "X-Baton-Secret": hook.secret}
            return hook.url, msgspec.json.encode(bundle[0][0]), headers

        return write

    def log_in(self, request: Request) -> Answer:
        if self.settings.client_secret not in ("", request.param("client_secret")):
            said = {"error": "unauthorized", "error_description": "Bad client credentials"}
            return Answer(status=401, body=said)
        token = f"{self.numbers.getrandbits(128):032x}:ab"
        self.tokens[token] = self.clock() + self.settings.token_seconds
        return Answer(body={"access_token": token, "token_type": "bearer", "expires_in": self.settings.token_seconds})

    def _done(self, result: Any = (), **more: Any) -> Answer:
        return Answer(body={"requestId": "e42b#1", "success": True, "result": list(result), **more})

    # --- leads

    def get_leads(self, request: Request) -> Answer:
        by, values = request.param("filterType"), [one.lower() for one in request.params("filterValues")]
        if by not in ("id", "email") or not values or len(values) > MOST:
            raise self.refuse("1003", "Invalid filterType or filterValues")
        self._see_fields(request.params("fields"))
        shown = ("id", *request.params("fields"))
        found = [one for one in self.leads.values() if str(one.get(by) or "").lower() in values]
        return self._done({name: one.get(name) for name in shown} for one in found)

    def sync(self, request: Request) -> Answer:
        records, by, action = self._input(request), request.body.get("lookupField"), request.body.get("action")
        if by not in ("id", "email") or action not in ("createOrUpdate", "updateOnly"):
            raise self.refuse("1003", "Invalid action or lookupField")
        return self._done(self._sync(one, by, action) for one in records)

    def _input(self, request: Request) -> list[dict[str, Any]]:
        records = request.body.get("input") or []
        if not 0 < len(records) <= MOST:
            raise self.refuse("1003", "At most 300 records")
        return [dict(one) for one in records]

    def _see_fields(self, names: Any) -> None:
        for name in names:
            if name not in (*FIELDS, "id", "updatedAt", "createdAt"):
                raise self.refuse("1006", f"Field '{name}' not found")

    def _sync(self, one: dict[str, Any], by: str, action: str) -> dict[str, Any]:
        if strange := [name for name in one if name not in (*FIELDS, "id")]:
            return _skipped("1006", f"Field '{strange[0]}' not found")
        email = str(one.get("email") or "")
        if email and not _ADDRESS.fullmatch(email):
            return _skipped("1003", "Invalid email")
        same = [held for held in self.leads.values() if str(held.get(by) or "").lower() == str(one.get(by)).lower()]
        if len(same) > 1:
            return _skipped("1007", "Multiple lead match lookup criteria")
        if same:
            return {"id": self.write(same[0], one)["id"], "status": "updated"}
        if action == "updateOnly" or by == "id":
            return _skipped("1004", "Lead not found")
        return {"id": self.make(one)["id"], "status": "created"}

    def make(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A new lead."""
        self.made += 1
        held = {"id": self.made, "createdAt": iso(self.clock()), "unsubscribed": False, "emailInvalid": False}
        self.leads[self.made] = held
        return self.write(held, fields)

    def write(self, held: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """A lead with other values."""
        held |= {name: value for name, value in fields.items() if name != "id"}
        held["updatedAt"] = iso(self.clock())
        self.happened(held["id"], 13, fields=[{"name": name} for name in fields])
        return held

    def delete(self, request: Request) -> Answer:
        return self._done(self._delete(int(one["id"])) for one in self._input(request))

    def _delete(self, number: int) -> dict[str, Any]:
        if self.leads.pop(number, None) is None:
            return _skipped("1004", "Lead not found")
        self.happened(number, 37)
        return {"id": number, "status": "deleted"}

    def describe(self, request: Request) -> Answer:
        numbers = {"numberOfEmployees": "integer", "unsubscribed": "boolean", "emailInvalid": "boolean"}
        return self._done(
            {"id": number, "displayName": name, "dataType": numbers.get(name, "string"), "rest": {"name": name}}
            for number, name in enumerate(FIELDS)
        )

    # --- lists and campaigns

    def join(self, request: Request, number: str) -> Answer:
        return self._done(self._change(int(number), int(one["id"]), True) for one in self._input(request))

    def leave(self, request: Request, number: str) -> Answer:
        return self._done(self._change(int(number), int(one["id"]), False) for one in self._input(request))

    def _change(self, number: int, lead: int, joins: bool) -> dict[str, Any]:
        if number not in self.settings.lists:
            raise self.refuse("1013", f"List '{number}' not found")
        if lead not in self.leads:
            return _skipped("1004", "Lead not found")
        members = self.members.setdefault(number, set())
        (members.add if joins else members.discard)(lead)
        self.happened(lead, 24 if joins else 25, str(number), number)
        return {"id": lead, "status": "added" if joins else "removed"}

    def trigger(self, request: Request, number: str) -> Answer:
        if int(number) not in self.settings.campaigns:
            raise self.refuse("1013", f"Campaign '{number}' not found")
        said = request.body["input"]
        for lead in said["leads"]:
            self.runs.append({"campaign": int(number), "lead": lead["id"], "tokens": said.get("tokens") or []})
        return self._done([{"id": int(number)}])

    def listed(self, request: Request) -> Answer:
        return self._done()

    # --- activities

    def happened(self, lead: int, kind: int, what: str = "", number: int = 0, **more: Any) -> str:
        """An activity of a lead; its id."""
        name = str(len(self.activities) + 1)
        fields = {"id": int(name), "marketoGUID": name, "leadId": lead, "activityDate": iso(self.clock())}
        named = {"primaryAttributeValue": what, "primaryAttributeValueId": number} if what else {}
        self.activities.append({**fields, "activityTypeId": kind, **named, **more})
        return name

    def paging_token(self, request: Request) -> Answer:
        since = request.param("sinceDatetime")
        at = next((n for n, one in enumerate(self.activities) if one["activityDate"] >= since), len(self.activities))
        return Answer(body={"requestId": "e42b#1", "success": True, "nextPageToken": f"GIYD{at}"})

    def get_activities(self, request: Request) -> Answer:
        kinds = [int(one) for one in request.params("activityTypeIds")]
        if not 0 < len(kinds) <= 10:
            raise self.refuse("1003", "activityTypeIds: 1 to 10")
        return self._activities(request, kinds)

    def get_changes(self, request: Request) -> Answer:
        self._see_fields(request.params("fields"))
        return self._activities(request, [12, 13])

    def get_deleted(self, request: Request) -> Answer:
        return self._activities(request, [37])

    def _activities(self, request: Request, kinds: list[int]) -> Answer:
        token = request.param("nextPageToken")
        if not token.startswith("GIYD"):
            raise self.refuse("1003", "nextPageToken is missing or invalid")
        start = int(token.removeprefix("GIYD"))
        end = start + self.settings.page
        found = [one for one in self.activities[start:end] if one["activityTypeId"] in kinds]
        more = end < len(self.activities)
        return self._done(found, nextPageToken=f"GIYD{min(end, len(self.activities))}", moreResult=more)

    # --- what people do

    def add(self, email: str, **fields: Any) -> int:
        """Somebody comes into the database."""
        return int(self.make({"email": email, **fields})["id"])

    def unsubscribe(self, email: str) -> int:
        """Somebody uses the link in a mail."""
        lead = self._lead(email)
        self.happened(self.write(lead, {"unsubscribed": True})["id"], 9, "Newsletter", 55)
        return int(lead["id"])

    def click(self, email: str, link: str = "https://acme.example/pricing", bot: bool = False) -> str:
        """Somebody, or something, follows a link in a mail."""
        said = [{"name": "Link", "value": link}, {"name": "Is Bot Activity", "value": bot}]
        return self.happened(self._lead(email)["id"], 11, "Newsletter", 55, attributes=said)

    def merge(self, winner: str, loser: str) -> int:
        """A marketer merges two leads."""
        left, gone = self._lead(winner), self._lead(loser)
        del self.leads[gone["id"]]
        said = [{"name": "Merge IDs", "value": f"[{gone['id']}]"}]
        self.happened(left["id"], 32, email_of(left), left["id"], attributes=said)
        return int(left["id"])

    def tell(self, email: str, **more: Any) -> int:
        """A trigger campaign calls its webhook for somebody."""
        lead = self._lead(email)
        for sender in self.hooks.values():
            if sender.hook.wants("webhook"):
                sender.add([{"lead": dict(lead), "datetime": iso(self.clock()), **more}])
        return int(lead["id"])

    def end_tokens(self) -> None:
        """All tokens end."""
        self.tokens.clear()

    def _lead(self, email: str) -> dict[str, Any]:
        for lead in self.leads.values():
            if email_of(lead) == email.lower():
                return lead
        raise ValueError(f"Marketo has no {email}")

    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "add": add,
        "unsubscribe": unsubscribe,
        "click": click,
        "merge": merge,
        "tell": tell,
        "end_tokens": end_tokens,
    }
    routes = (
        Route("GET", TOKEN, log_in),
        Route("GET", "/rest/v1/leads.json", get_leads),
        Route("POST", "/rest/v1/leads.json", sync, dict[str, Any]),
        Route("POST", "/rest/v1/leads/delete.json", delete, dict[str, Any]),
        Route("GET", "/rest/v1/leads/describe.json", describe),
        Route("POST", "/rest/v1/lists/{number}/leads.json", join, dict[str, Any]),
        Route("DELETE", "/rest/v1/lists/{number}/leads.json", leave, dict[str, Any]),
        Route("GET", "/rest/v1/lists.json", listed),
        Route("POST", "/rest/v1/campaigns/{number}/trigger.json", trigger, dict[str, Any]),
        Route("GET", "/rest/v1/campaigns.json", listed),
        Route("GET", "/rest/v1/activities/types.json", listed),
        Route("GET", "/rest/v1/activities/pagingtoken.json", paging_token),
        Route("GET", "/rest/v1/activities.json", get_activities),
        Route("GET", "/rest/v1/activities/leadchanges.json", get_changes),
        Route("GET", "/rest/v1/activities/deletedleads.json", get_deleted),
    )


def email_of(lead: Mapping[str, Any]) -> str:
    """A lead's address in small letters."""
    return str(lead.get("email") or "").lower()


def _skipped(code: str, message: str) -> dict[str, Any]:
    return {"status": "skipped", "reasons": [{"code": code, "message": message}]}


VENDOR = Marketo
