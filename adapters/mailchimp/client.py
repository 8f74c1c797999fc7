"""Mailchimp's Marketing API: plain calls through Baton's HTTP edge. Its own SDK has not been renewed since 2022."""

import base64
import re
from http import HTTPStatus
from typing import Any

from adapters.contract import Account, BatchRefused, ConnectionRefused, Outcome, Refused, RetryLater
from adapters.http import BadAnswer, Http, HttpError, reading_pages
from adapters.outcomes import outcome_of, see_done

THROTTLED_SECONDS = 60.0
_KEY = re.compile(r"\S+-([a-z]{2,3}\d{1,3})")


def wrong_key(key: str) -> str:
    """What is wrong with an API key, in words; empty where nothing is."""
    return "" if not key or _KEY.fullmatch(key) else "an API key ends with its data centre: …-us6"


class Mailchimp:
    """One audience. ``base_url`` is the API's root, or the host that stands in for it."""

    def __init__(self, account: Account) -> None:
        key = account.settings.get("api_key", "")
        found = _KEY.fullmatch(key)
        host = account.base_url or f"https://{found[1] if found else 'us1'}.api.mailchimp.com"
        self._root = host.rstrip("/").removesuffix("/3.0") + "/3.0"
        self._headers = {"Authorization": "Basic " + base64.b64encode(f"baton:{key}".encode()).decode()}
        self._http: Http = account.http
        self._audience = account.settings.get("list", "")
        self.double_opt_in = account.settings.get("double_opt_in", "").lower() in ("yes", "true", "1", "on")

    @property
    def audience(self) -> str:
        """The audience's id: as it is set, else of the only one that the account has. Raises ConnectionRefused where it
        has several: nobody is written to one by guess."""
        if not self._audience:
            found = (self.call("GET", "/lists", count="2", fields="lists.id") or {}).get("lists") or []
            if len(found) != 1:
                raise ConnectionRefused(f"the account has {len(found) or 'no'} audiences: set list to one of them")
            self._audience = str(found[0]["id"])
        return self._audience

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The JSON of the answer. Raises HttpError for any other status than 2xx, and BadAnswer for a problem that says
        200."""
        answer = self._http.call(method, f"{self._root}{path}", self._headers, body, query)
        see_done(answer)
        return answer

    def write(self, method: str, member: str, body: Any, **query: str) -> str:
        """Write a member; what Mailchimp calls them. Raises BadAnswer for a success that does not show them."""
        made = self.call(method, self.member(member), body, **query)
        if not isinstance(made, dict) or not made.get("id"):
            raise BadAnswer("answered without the member")
        return str(made["id"])

    def file(self, url: str) -> bytes:
        """What lies at an address that an answer named, for some minutes and without the key. Raises HttpError."""
        with reading_pages():
            return self._http.fetch(url)

    def member(self, member: str, rest: str = "") -> str:
        """The path of a member of the audience."""
        return f"/lists/{self.audience}/members/{member}{rest}"


def connect(account: Account) -> Mailchimp:
    """A client for one connection."""
    return Mailchimp(account)


def outcome(error: Exception, items: int = 1) -> Outcome:
    """What an error means. A 403 without a reason is Mailchimp's last word to who calls far too often; and what it
    found wrong with a member stands in ``detail`` and ``errors``. Raises as :func:`~adapters.outcomes.outcome_of`."""
    if isinstance(error, HttpError) and error.status == 403 and not is_problem(error):
        return RetryLater(reason="403 without a reason: too many calls at once", after=THROTTLED_SECONDS)
    if isinstance(error, ConnectionRefused):
        raise error
    try:
        found = outcome_of(error, items)
    except BatchRefused as refused:
        raise BatchRefused(_words(error) or str(refused)) from error
    if isinstance(found, Refused) and isinstance(error, HttpError):
        return Refused(reason=_words(error))
    return found


def _words(error: Exception) -> str:
    return f"{error.status}: {said(error)}" if isinstance(error, HttpError) else ""


def is_problem(error: HttpError) -> bool:
    """Whether an answer says why, as the API does."""
    return error.body.lstrip().startswith("{") and '"title"' in error.body


def is_missing(error: HttpError) -> bool:
    """Whether Mailchimp itself says that there is no such thing; a wrong address answers 404 too, in other words."""
    return error.status == HTTPStatus.NOT_FOUND and is_problem(error)


def title(error: Exception) -> str:
    """The kind of problem, as Mailchimp names it: "Member In Compliance State"."""
    return str(_problem(error).get("title", "")) if isinstance(error, HttpError) else ""


def said(error: HttpError) -> str:
    """What was wrong, in Mailchimp's words."""
    problem = _problem(error)
    wrong = [
        f"{one.get('field')}: {one.get('message')}" for one in problem.get("errors") or () if isinstance(one, dict)
    ]
    told = [str(problem.get(name)) for name in ("title", "detail") if problem.get(name)]
    return "; ".join([*told, *wrong])[:500] or error.body[:200]


def _problem(error: HttpError) -> dict[str, Any]:
    import msgspec

    try:
        found = msgspec.json.decode(error.body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def advice(error: Exception) -> str:
    """What an admin should do about a failed check."""
    if isinstance(error, ConnectionRefused):
        return str(error)
    if getattr(error, "status", None) in (401, 403):
        return "Mailchimp refuses the API key: make a new one and set it"
    if getattr(error, "status", None) == 404:
        return "there is no such audience: look under Audience → Settings → Audience name and defaults"
    return f"{type(error).__name__}: {str(error)[:200]}"
