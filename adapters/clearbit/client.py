"""Calling Clearbit's combined look-up, by plain calls. Its SDK has not been renewed since 2017."""

import base64
from http import HTTPStatus
from typing import Any

from adapters.contract import Account, Check
from adapters.enrichment import flattened
from adapters.http import HttpError

NOT_READY_SECONDS = "60"


class Clearbit:
    """One account."""

    def __init__(self, account: Account) -> None:
        self._root = account.base_url.rstrip("/")
        credentials = base64.b64encode(f"{account.settings.get('api_key', '')}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}
        self._http = account.http

    def combined(self, email: str) -> Any:
        """What is known of a person and their company, by address. Raises HttpError."""
        return self._http.call("GET", f"{self._root}/v2/combined/find", self._headers, None, {"email": email})


def connect(account: Account) -> Clearbit:
    """A client for one connection."""
    return Clearbit(account)


def look_up(client: Clearbit, email: str) -> dict[str, Any] | None:
    """Facts under names with dots, or None where nothing is known. Raises HttpError, also (as 425) where Clearbit is
    still looking: it answers 202 then, and has it a minute later."""
    try:
        answer = client.combined(email)
    except HttpError as error:
        if error.status == HTTPStatus.NOT_FOUND and error.body.lstrip().startswith("{"):
            return None
        raise
    if not isinstance(answer, dict) or not ("person" in answer or "company" in answer):
        raise HttpError(HTTPStatus.TOO_EARLY, "still looking", {"Retry-After": NOT_READY_SECONDS})
    known = flattened({name: answer.get(name) for name in ("person", "company")})
    return {name: value for name, value in known.items() if not name.endswith(".id")} or None


def check(client: Clearbit) -> list[Check]:
    """Whether the key works. It looks up an address that belongs to nobody."""
    try:
        look_up(client, "nobody@example.com")
    except HttpError as error:
        if error.status != HTTPStatus.TOO_EARLY:
            wrong = error.status in (401, 402, 403)
            return [
                Check("Look-up", False, "Clearbit refuses the key, or it is used up" if wrong else str(error)[:200])
            ]
    except Exception as error:
        return [Check("Look-up", False, f"{type(error).__name__}: {str(error)[:200]}")]
    return [Check("Look-up", True)]
