"""Calling ZoomInfo's GTM API, by plain calls. Each new person that it finds costs a credit of the contract."""

import base64
import time
from http import HTTPStatus
from threading import Lock
from typing import Any

from adapters.contract import Account, Check
from adapters.enrichment import flattened
from adapters.http import BadAnswer, HttpError
from adapters.values import object_of

FIELDS = ("firstName", "lastName", "jobTitle", "managementLevel")
MEDIA = "application/vnd.api+json"
EARLY_SECONDS = 60  # before its end a token is not used any more
_NO_FACTS = ("id", "email", "contactAccuracyScore", "validDate", "lastUpdatedDate")


class ZoomInfo:
    """One account, with the token that it has at the moment."""

    def __init__(self, account: Account) -> None:
        self._root = account.base_url.rstrip("/")
        named = f"{account.settings.get('client_id', '')}:{account.settings.get('client_secret', '')}"
        self._basic = {"Authorization": f"Basic {base64.b64encode(named.encode()).decode()}"}
        asked = [name.strip() for name in account.settings.get("fields", "").split(",")]
        self._fields = [name for name in asked if name] or list(FIELDS)
        self._http = account.http
        self._token, self._ends, self._lock = "", 0.0, Lock()

    def token(self, renew: bool = False) -> str:
        """An access token, made where there is none that lasts. Raises HttpError."""
        with self._lock:
            if renew or not self._token or time.monotonic() > self._ends:
                form = {"grant_type": "client_credentials"}
                made = self._http.post_form(f"{self._root}/oauth/v1/token", form, self._basic, private=True)
                if not isinstance(made, dict) or not made.get("access_token"):
                    raise BadAnswer("answered without an access token")
                self._token = str(made["access_token"])
                self._ends = time.monotonic() + float(made.get("expires_in") or 0) - EARLY_SECONDS
            return self._token

    def enrich(self, email: str) -> Any:
        """The answer to one person by address. Raises HttpError."""
        wanted = {"matchPersonInput": [{"emailAddress": email}], "outputFields": self._fields}
        body = {"data": {"type": "ContactEnrich", "attributes": wanted}}
        token = self.token()
        try:
            return self._post(token, body)
        except HttpError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
        return self._post(self.token(renew=True), body)  # it was called back before its time

    def _post(self, token: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": MEDIA, "Accept": MEDIA}
        return self._http.call("POST", f"{self._root}/data/v1/contacts/enrich", headers, body)


def connect(account: Account) -> ZoomInfo:
    """A client for one connection."""
    return ZoomInfo(account)


def look_up(client: ZoomInfo, email: str) -> dict[str, Any] | None:
    """Facts under ZoomInfo's names, those of a company with ``company.`` before them; None where there is no match."""
    answer = client.enrich(email)
    found = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise BadAnswer("answered without data")
    first = found[0] if found and isinstance(found[0], dict) else {}
    meta = object_of(first.get("meta"))
    status = str(meta.get("matchStatus") or "")
    if status == "LIMIT_EXCEEDED":
        raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, "the contract's credits are used up", {"Retry-After": "86400"})
    if status == "NO_MATCH" or (status and not status.endswith("MATCH")):  # also who has objected to being found
        return None
    return {name: value for name, value in flattened(first.get("attributes")).items() if name not in _NO_FACTS} or None


def check(client: ZoomInfo) -> list[Check]:
    """Whether the credentials get a token. Nobody is looked up: that would cost a credit."""
    try:
        client.token(renew=True)
    except HttpError as error:
        wrong = error.status in (400, 401, 403)
        return [Check("Token", False, "ZoomInfo refuses the client id or secret" if wrong else str(error)[:200])]
    except Exception as error:
        return [Check("Token", False, f"{type(error).__name__}: {str(error)[:200]}")]
    return [Check("Token", True)]
