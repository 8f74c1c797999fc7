"""Calling ActiveCampaign's API v3, through Baton's HTTP edge. There is no SDK that is kept.

Its addresses are the accounts' own; its answers wrap what they hold in its name, and a success may be none.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import urllib3

from adapters.contract import Account, ConnectionRefused, Outcome, Refused, RetryLater
from adapters.http import BadAnswer, Http, HttpError
from adapters.outcomes import outcome_of, retry_after

API = "/api/3"
PAGE = 100  # the most that a list answers with; 20 unless asked for more
MAX_PAGES = 200  # of one list
LISTED_AGAIN_SECONDS = 300.0  # how soon a name that was not found is looked for again
BLOCKED_SECONDS = 60.0  # how long to keep away from what stands in front of the API and lets nobody through
_LIMIT = re.compile(r"too many requests|rate.?limit", re.IGNORECASE)
_NOT_DONE = frozenset((0, False, "0", "false"))


class ActiveCampaign:
    """One account. What it calls things by number is kept for as long as the client lives."""

    def __init__(self, account: Account) -> None:
        self.settings = account.settings
        self._base = account.base_url.rstrip("/").removesuffix(API) + API
        self._headers = {"Api-Token": account.settings.get("api_key", ""), "Accept": "application/json"}
        self._http: Http = account.http
        self._tags: dict[str, str] = {}
        self._users: dict[str, str] = {}
        self._fields: dict[str, str] = {}  # number and personalisation tag in small letters → number
        self._field_names: dict[str, str] = {}
        self._fields_at = float("-inf")
        self._names_of_tags: dict[str, str] = {}
        self._tags_at = float("-inf")
        self._task_type = ""

    # --- calls

    def ask(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None, holds: str = ""
    ) -> dict[str, Any]:
        """The answer of a call, which has to hold what is asked for by name. Raises HttpError for a refusal, also for
        one that says 200, and BadAnswer for a success that shows nothing of it."""
        answer = self._call(method, path, body, query)
        if not isinstance(answer, dict):
            raise BadAnswer("answered without the data that belongs to it")
        _see_done(answer)
        if holds and holds not in answer:
            raise BadAnswer(f'answered without the "{holds}" that belongs to it')
        return answer

    def tell(self, method: str, path: str) -> None:
        """A call whose success says nothing. Raises HttpError for a refusal, also for one that says 200."""
        answer = self._call(method, path)
        if isinstance(answer, dict):
            _see_done(answer)
            if answer.get("message"):
                raise BadAnswer(f"answered a success that is an error: {str(answer['message'])[:500]}")
        elif answer:
            raise BadAnswer("answered with something that is none of its answers")

    def _call(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON of an answer. Raises HttpError, for a limit always one with the status 429."""
        try:
            return self._http.call(method, self._base + path, self._headers, body, query)
        except HttpError as error:
            if error.status == 403 and _is_of_the_limit(error):
                raise HttpError(429, error.body, error.headers) from error
            raise

    def pages(self, path: str, holds: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page; more than the first twenty have to be asked for."""
        seen = 0
        for _ in range(MAX_PAGES):
            answer = self.ask("GET", path, query={**(query or {}), "limit": PAGE, "offset": seen}, holds=holds)
            items = answer[holds] or []
            yield from items
            seen += len(items)
            if len(items) < PAGE or seen >= total_of(answer):
                return
        raise BadAnswer(f"{path} does not end after {MAX_PAGES} pages")

    def track(self, url: str, form: Mapping[str, str]) -> None:
        """A call to event tracking, which takes a form, is no part of the API, and says 200 whatever came of it."""
        data = self._http.post_form(url, form)
        if not isinstance(data, dict):
            raise BadAnswer("answered without the data that belongs to it")
        if data.get("success") in _NOT_DONE:
            raise HttpError(422, msgspec.json.encode(data).decode(), {})

    # --- outcomes

    def outcome(self, error: Exception, items: int = 1) -> Outcome:
        """What an error of a call means. A wrong key is answered 403, like what a plan or a user may not do: which of
        them it is shows in whether the key works otherwise. Raises as :func:`adapters.outcomes.outcome_of` does."""
        status = getattr(error, "status", None)
        body = str(getattr(error, "body", "") or "").lstrip()
        if status == 402:
            raise ConnectionRefused("402: the ActiveCampaign account is not active; look at its billing") from error
        if status == 404 and not body.startswith("{"):
            raise ConnectionRefused("404: this is not the address of an ActiveCampaign account's API") from error
        if status != 403:
            return outcome_of(error, items)
        try:
            if not self.key_works():
                return outcome_of(error, items)
        except (HttpError, BadAnswer, OSError, urllib3.exceptions.HTTPError) as trouble:
            after = retry_after(getattr(trouble, "headers", None))
            return RetryLater(reason="403, and whether the key works cannot be seen now", after=after)
        if not body.startswith("{"):
            return RetryLater(reason="403 from what stands in front of the API; the key works", after=BLOCKED_SECONDS)
        return Refused(reason="403: the key works, but its user or the plan may not do this")

    def key_works(self) -> bool:
        """Whether ActiveCampaign knows the key. Raises what keeps that from being seen, too many calls among it."""
        try:
            self.ask("GET", "/users/me", holds="user")
        except HttpError as error:
            if error.status not in (401, 403):
                raise
            return False
        return True

    # --- names and numbers

    def contact_id(self, vendor_id: str, email: str) -> str:
        """A contact's id: the one that is known, else by address; empty where ActiveCampaign does not know them."""
        if vendor_id or not email:
            return vendor_id
        found = self.ask("GET", "/contacts", query={"email": email, "limit": 1}, holds="contacts")["contacts"]
        return str(found[0]["id"]) if found else ""

    def field_id(self, name: str) -> str:
        """A custom field's number, by number or personalisation tag; empty for one that is not there."""
        if name not in self._fields and time.monotonic() - self._fields_at > LISTED_AGAIN_SECONDS:
            self._list_fields()
        return self._fields.get(name, "")

    def field_names(self) -> dict[str, str]:
        """Number → personalisation tag, in small letters."""
        if time.monotonic() - self._fields_at > LISTED_AGAIN_SECONDS:
            self._list_fields()
        return self._field_names

    def _list_fields(self) -> None:
        found = list(self.pages("/fields", "fields"))
        names = {str(one["id"]): str(one.get("perstag") or "").strip("%").lower() for one in found}
        self._field_names = {number: name for number, name in names.items() if name}
        self._fields = {**{number: number for number in names}, **{name: n for n, name in self._field_names.items()}}
        self._fields_at = time.monotonic()

    def tag_id(self, name: str, create: bool) -> str:
        """A contact tag's number, made where it is missing and wanted. Names count without regard to their case."""
        key = name.casefold()
        if key in self._tags:
            return self._tags[key]
        found = self._find_tag(name)
        if not found and create:
            try:
                made = self.ask("POST", "/tags", {"tag": {"tag": name, "tagType": "contact"}}, holds="tag")
                found = str(made["tag"]["id"])
            except HttpError as error:
                # Somebody else made it in the same moment
                if error.status not in (400, 409, 422) or not (found := self._find_tag(name)):
                    raise
        if found:
            self._tags[key] = found
        return found

    def _find_tag(self, name: str) -> str:
        for one in self.pages("/tags", "tags", {"search": name}):
            if str(one.get("tag", "")).casefold() == name.casefold() and one.get("tagType", "contact") == "contact":
                return str(one["id"])
        return ""

    def tag_names(self) -> dict[str, str]:
        """Number → name of every tag; asked for again after a while, since new ones come."""
        if time.monotonic() - self._tags_at > LISTED_AGAIN_SECONDS:
            found = self.pages("/tags", "tags")
            self._names_of_tags = {str(one["id"]): str(one.get("tag") or "") for one in found}
            self._tags_at = time.monotonic()
        return self._names_of_tags

    def forget_tag(self, name: str) -> None:
        """Look a tag up again at the next use: it is not there any more."""
        self._tags.pop(name.casefold(), None)

    def user_id(self, known: str, email: str) -> str:
        """A user's number, by address; empty where no user has it."""
        if known or not email:
            return known
        if email not in self._users:
            try:
                found = self.ask("GET", f"/users/email/{part(email)}", holds="user")["user"]
            except HttpError as error:
                if error.status == 404:
                    return ""  # asked again next time: an admin may have added them by then
                raise
            self._users[email] = str(found["id"])
        return self._users[email]

    def task_type(self) -> str:
        """The number of the type that tasks of ours have: to-do where there is one, else the first."""
        if not self._task_type:
            found = list(self.pages("/dealTasktypes", "dealTasktypes"))
            todo = [one for one in found if str(one.get("title", "")).lower().replace("-", "") in ("todo", "to do")]
            self._task_type = str((todo or found or [{"id": "1"}])[0]["id"])
        return self._task_type


def _see_done(answer: Mapping[str, Any]) -> None:
    """Raise HttpError where an answer that says 200 says besides that nothing was done."""
    said = [answer.get(name) for name in ("success", "Success", "succeeded")]
    if answer.get("errors") or any(one in _NOT_DONE for one in said if one is not None):
        raise HttpError(422, msgspec.json.encode(answer).decode(), {})


def _is_of_the_limit(error: HttpError) -> bool:
    """Whether a 403 is about too many calls: it says when to come again, or that none is left."""
    headers = {name.lower(): value.strip() for name, value in error.headers.items()}
    return "retry-after" in headers or headers.get("ratelimit-remaining") == "0" or bool(_LIMIT.search(error.body))


def total_of(answer: Mapping[str, Any]) -> int:
    """How many items a list has in all, which it says as a text; more than any list where it does not say."""
    meta = answer.get("meta")
    said = str(meta.get("total", "")) if isinstance(meta, Mapping) else ""
    return int(said) if said.isdecimal() else 2**31


def part(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def connect(account: Account) -> ActiveCampaign:
    """A client for one connection."""
    return ActiveCampaign(account)
