"""Calling Marketo Engage's REST API, by plain calls. It answers 200 whatever became of a call: the body says it."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from adapters.contract import Account, Outcome
from adapters.http import BadAnswer, Http, HttpError
from adapters.outcomes import outcome_of
from adapters.values import objects_of

LEADS = 300  # in one call
EARLY_SECONDS = 60  # before its end a token is not used any more
_RATE_SECONDS, _BUSY_SECONDS = 20, 5
_DAYS_END_IN = ZoneInfo("America/Chicago")  # where the day ends for which calls are counted
_TOKEN_ENDED = ("601", "602")
# Marketo's code → the status that says what it means. Codes from 600 to 699 were not carried out at all
_MEANS = {
    **dict.fromkeys(("600", "601", "602", "603", "616"), 401),
    "604": 503,  # timed out: it may have been done
    **dict.fromkeys(("606", "607", "615"), 429),
    **dict.fromkeys(("608", "713"), 423),
    "610": 404,
    "611": 503,
}


class Marketo:
    """One subscription, with the token that it has at the moment."""

    def __init__(self, account: Account) -> None:
        self.settings = account.settings
        self._root = account.base_url.rstrip("/").removesuffix("/rest").removesuffix("/identity")
        self._http: Http = account.http
        self._lock = Lock()
        self._token, self._ends = "", 0.0

    def session(self, instead_of: str | None = None) -> str:
        """An access token: the one at hand, or a new one where it has ended. Raises HttpError."""
        with self._lock:
            if not self._token or self._token == instead_of or time.monotonic() > self._ends:
                asked = {
                    "grant_type": "client_credentials",
                    "client_id": self.settings.get("client_id", ""),
                    "client_secret": self.settings.get("client_secret", ""),
                }
                made = self._http.call("GET", f"{self._root}/identity/oauth/token", {}, query=asked, private=True)
                if not isinstance(made, dict) or not made.get("access_token"):
                    raise BadAnswer("answered without an access token")
                self._token = str(made["access_token"])
                self._ends = time.monotonic() + float(made.get("expires_in") or 0) - EARLY_SECONDS
            return self._token

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a call that was carried out. Raises HttpError for one that was not, also where it says 200,
        with a status that says what it means."""
        token = self.session()
        answer = self._ask(token, method, path, body, query)
        if answer.get("success") is not True and reason_of(answer.get("errors"))[0] in _TOKEN_ENDED:
            answer = self._ask(self.session(instead_of=token), method, path, body, query)
        if answer.get("success") is not True:
            raise _refusal(*reason_of(answer.get("errors")))
        return answer

    def _ask(self, token: str, method: str, path: str, body: Any, query: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        answer = self._http.call(method, f"{self._root}/rest/v1{path}", headers, body, query)
        if not isinstance(answer, dict) or "success" not in answer:
            raise BadAnswer("answered without saying whether it was done")
        return answer

    def change(self, method: str, path: str, records: Sequence[Any], **how: str) -> list[Mapping[str, Any]]:
        """What became of each record of a call for several, which is not made for none."""
        if not records:
            return []
        found = objects_of(self.call(method, path, {**how, "input": records}).get("result"))
        if len(found) != len(records):
            raise BadAnswer(f"answered for {len(found)} of {len(records)} records")
        return found

    def update(self, records: Sequence[Any]) -> list[Mapping[str, Any]]:
        """What became of leads that are changed by id."""
        return self.change("POST", "/leads.json", records, action="updateOnly", lookupField="id")

    def leads(self, by: str, values: Iterable[str], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """The leads of which a field has one of these values."""
        rest = iter(dict.fromkeys(values))
        while some := list(islice(rest, LEADS // 3)):  # an address may have 8 KB
            query = {"filterType": by, "filterValues": ",".join(some), "fields": ",".join(fields)}
            found = objects_of(self.call("GET", "/leads.json", query=query).get("result"))
            yield from (one for one in found if one.get("id"))

    def outcome(self, error: Exception, items: int = 1) -> Outcome:
        """What an error of a call means. Raises as :func:`adapters.outcomes.outcome_of` does."""
        return outcome_of(error, items)


def connect(account: Account) -> Marketo:
    """A client for one connection."""
    return Marketo(account)


def reason_of(listed: Any) -> tuple[str, str]:
    """The code and message of the first of some reasons why a call, or what it asked of a record, was not done."""
    first = next(iter(objects_of(listed)), {})
    return str(first.get("code") or ""), str(first.get("message") or "no reason given")[:400]


def _refusal(code: str, message: str) -> HttpError:
    """Why a call was not carried out, as the error that it is."""
    waits = {"606": _RATE_SECONDS, "615": _BUSY_SECONDS, "607": until_midnight(datetime.now(_DAYS_END_IN))}
    headers = {"Retry-After": str(waits[code])} if code in waits else {}
    return HttpError(_MEANS.get(code, 400), msgspec.json.encode({"message": f"{code}: {message}"}).decode(), headers)


def until_midnight(now: datetime) -> int:
    """The seconds until the day is over for which Marketo counts calls, and a minute."""
    local = now.astimezone(_DAYS_END_IN)
    midnight = datetime(local.year, local.month, local.day, tzinfo=_DAYS_END_IN) + timedelta(days=1)
    return int(midnight.timestamp() - now.timestamp()) + 60  # not by the clock on the wall, which may be changed
