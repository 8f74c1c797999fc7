"""Calling Kit's API v4, by plain calls. Its Python client has not been renewed since 2024."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from adapters.contract import Account, Check, Delivery, Outcome, Refused
from adapters.http import BadAnswer, Http, HttpError
from adapters.outcomes import outcome_of, see_done
from mappings.schema import Property

NO_ADDRESS = Refused(reason="Kit knows people by their e-mail address, and none is known")
PAGE, MAX_PAGES = 1_000, 100
CANCELLED = "cancelled"


class Kit:
    """One account."""

    def __init__(self, account: Account) -> None:
        self._root = f"{account.base_url.rstrip('/')}/v4"
        self._headers = {"X-Kit-Api-Key": account.settings.get("api_key", ""), "Accept": "application/json"}
        self._http: Http = account.http
        self.settings = account.settings
        self._tags: dict[str, str] = {}  # by name in lower case, as Kit compares them

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of the answer, or None for an empty one. Raises HttpError for any other status than 2xx."""
        answer = self._http.call(method, f"{self._root}{path}", self._headers, body, query)
        see_done(answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None, *, holds: str, **query: str) -> Any:
        """What an answer holds under a name. Raises BadAnswer where it is not there."""
        answer = self.call(method, path, body, **query)
        if not isinstance(answer, dict) or not isinstance(answer.get(holds), dict | list):
            raise BadAnswer(f"answered without {holds}")
        return answer[holds]

    def pages(self, path: str, holds: str) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        after: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            answer = self.call("GET", path, per_page=str(PAGE), **after)
            if not isinstance(answer, dict) or not isinstance(answer.get(holds), list):
                raise BadAnswer(f"answered without {holds}")
            yield from (one for one in answer[holds] if isinstance(one, dict))
            place = answer.get("pagination") or {}
            if not place.get("has_next_page") or not place.get("end_cursor"):
                return
            after = {"after": str(place["end_cursor"])}
        raise BadAnswer(f"{path} does not end after {MAX_PAGES} pages")

    # --- people

    def by_address(self, email: str) -> dict[str, Any]:
        """The subscriber with this address, in whatever state; an empty one where there is none."""
        found = self.ask("GET", "/subscribers", holds="subscribers", email_address=email, status="all")
        return next((one for one in found if str(one.get("email_address")).lower() == email.lower()), {})

    def by_id(self, number: str) -> dict[str, Any]:
        """The subscriber of this number; an empty one where there is none."""
        try:
            return dict(self.ask("GET", f"/subscribers/{number}", holds="subscriber"))
        except HttpError as error:
            if not is_missing(error):
                raise
        return {}

    def left_at(self, email: str) -> Any:
        """When a subscriber who has left did so, as Kit says it; None where it does not."""
        query = {"email_address": email, "status": CANCELLED, "include": "canceled_at"}
        found = self.ask("GET", "/subscribers", holds="subscribers", **query)
        return found[0].get("canceled_at") if found else None

    def all_of(self, delivery: Delivery) -> list[dict[str, Any]]:
        """All subscribers that a person may be: by number, and by the address of today."""
        number = number_of(delivery)
        found = [self.by_id(number)] if number else []
        email = delivery.to.email.lower()
        if email and email not in [str(one.get("email_address")).lower() for one in found]:
            found.append(self.by_address(email))
        return list({str(one["id"]): one for one in found if one.get("id")}.values())

    # --- tags

    def tag(self, name: str, make: bool) -> str:
        """The number of a tag. Kit makes one only where there is none of this name; empty where none is to be made."""
        known = name.lower()
        if known not in self._tags and make:
            self._tags[known] = str(self.ask("POST", "/tags", {"name": name}, holds="tag")["id"])
        elif known not in self._tags:
            self._tags |= {str(one.get("name")).lower(): str(one.get("id")) for one in self.pages("/tags", "tags")}
        return self._tags.get(known, "")

    def forget_tag(self, name: str) -> None:
        """Look a tag up anew the next time: somebody may have deleted it in Kit."""
        self._tags.pop(name.lower(), None)


def connect(account: Account) -> Kit:
    """A client for one connection."""
    return Kit(account)


def number_of(delivery: Delivery) -> str:
    """The subscriber's number, where Kit has told one."""
    number = delivery.to.vendor_id
    return number if number.isascii() and number.isdecimal() else ""


def is_missing(error: HttpError) -> bool:
    """Whether Kit itself says that there is no such thing."""
    return error.status == HTTPStatus.NOT_FOUND and error.body.lstrip().startswith("{")


def outcome(error: Exception) -> Outcome:
    """What an error means, in Kit's own words where it has some."""
    found = outcome_of(error)
    words = said_by(error) if isinstance(error, HttpError) else ""
    return Refused(reason=f"{error.status}: {words}") if words and isinstance(found, Refused) else found  # type: ignore[attr-defined]


def said_by(error: HttpError) -> str:
    """What was wrong: Kit lists it as texts."""
    try:
        body = msgspec.json.decode(error.body)
    except msgspec.DecodeError:
        return ""
    said = body.get("errors") if isinstance(body, Mapping) else None
    return "; ".join(str(one) for one in said)[:500] if isinstance(said, list) else ""


def check(client: Kit) -> list[Check]:
    """Whether the key reaches the account, and whether the form that a yes goes through is there."""
    found = [_try("Account", lambda: client.call("GET", "/account"))]
    form = client.settings.get("form", "")
    if form and found[0].works:
        known = any(str(one.get("id")) == form for one in client.pages("/forms", "forms"))
        found.append(Check("Form", known, "" if known else f"the account has no form {form}"))
    return found


def _try(capability: str, call: Any) -> Check:
    try:
        call()
    except HttpError as error:
        advice = "Kit refuses the API key: make a new one (v4) and set it" if error.status in (401, 403) else str(error)
        return Check(capability, False, advice[:200])
    except Exception as error:
        return Check(capability, False, f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)


def schema(client: Kit) -> list[Property]:
    """The fields of subscribers: two that all have, and the account's own, which are texts."""
    own = [
        Property(name=f"fields.{one['key']}", label=str(one.get("label") or ""))
        for one in client.pages("/custom_fields", "custom_fields")
        if one.get("key")
    ]
    return [Property(name="email_address", label="Email"), Property(name="first_name", label="First name"), *own]
