"""Calling Drip's API v2, by plain calls. Its SDK has not been renewed since 2019."""

import base64
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from adapters.contract import Account, Check, Delivery, Refused
from adapters.http import BadAnswer, Http, HttpError
from adapters.outcomes import see_done

NO_ADDRESS = Refused(reason="Drip knows people by their e-mail address, and none is known")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
ADDED = "baton_added_at"  # the custom field that says when Baton first wrote to somebody


def wrong_key(key: str) -> str:
    """What is wrong with an API token, in words; empty where nothing is."""
    return "" if not key or _KEY.fullmatch(key) else "an API token is letters and digits only, without blanks"


class Drip:
    """One account."""

    def __init__(self, account: Account) -> None:
        self._root = f"{account.base_url.rstrip('/')}/v2/{quote(account.settings.get('account_id', ''))}"
        credentials = base64.b64encode(f"{account.settings.get('api_key', '')}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}", "User-Agent": "Baton"}
        self._http: Http = account.http

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer, or None for an empty one. Raises HttpError for any other status than 2xx, and
        BadAnswer for an error that says 200."""
        answer = self._http.call(method, f"{self._root}{path}", self._headers, body)
        see_done(answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The subscriber whom a call was about, as it answers. Raises BadAnswer for a success without one."""
        if not (found := first_in(self.call(method, path, body))):
            raise BadAnswer("answered without the subscriber")
        return found


def connect(account: Account) -> Drip:
    """A client for one connection."""
    return Drip(account)


# --- people


def is_known(delivery: Delivery) -> bool:
    """Whether Drip can be told who is meant."""
    return bool(delivery.to.vendor_id or delivery.to.email)


def named(delivery: Delivery) -> dict[str, Any]:
    """Who is written. Whom Drip has an id for is written by it, and gets the address of today: by that address alone,
    once it has changed, Drip would make a second subscriber beside the one of before."""
    to = delivery.to
    if not to.vendor_id:
        return {"email": to.email}
    return {"id": to.vendor_id, "new_email": to.email} if to.email else {"id": to.vendor_id}


def subscribers_of(client: Drip, delivery: Delivery) -> list[dict[str, Any]]:
    """All subscribers that the person may be, by id and by the address of today. Raises HttpError."""
    found: list[dict[str, Any]] = []
    for name in filter(None, (delivery.to.vendor_id, delivery.to.email)):
        if any(name.lower() in (str(one.get("id")), str(one.get("email")).lower()) for one in found):
            continue
        try:
            found.append(first_in(client.call("GET", f"/subscribers/{part(name)}")))
        except HttpError as error:
            if not is_missing(error):
                raise
    return found


def first_in(answer: Any) -> dict[str, Any]:
    """The subscriber in an answer; an empty one where it has none."""
    held = answer.get("subscribers") if isinstance(answer, dict) else None
    return held[0] if isinstance(held, list) and held and isinstance(held[0], dict) else {}


def is_missing(error: HttpError) -> bool:
    """Whether Drip itself says that there is no such thing."""
    return error.status == HTTPStatus.NOT_FOUND and error.body.lstrip().startswith("{")


def part(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def check(client: Drip) -> list[Check]:
    """Whether the token reaches the account."""
    try:
        client.call("GET", "/tags")
    except HttpError as error:
        advice = {401: "Drip refuses the token", 403: "the token has no access to this account", 404: "no such account"}
        return [Check("Account", False, advice.get(error.status, str(error)[:200]))]
    except Exception as error:
        return [Check("Account", False, f"{type(error).__name__}: {str(error)[:200]}")]
    return [Check("Account", True)]
