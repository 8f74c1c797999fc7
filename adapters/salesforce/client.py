"""Calling Salesforce's REST API, by plain calls: queries, and collections of up to 200 records.

Tokens come by the client credentials flow and end when Salesforce says so; it does not say when. Its refusals are told
apart here: one status stands for many things there.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from threading import Lock
from typing import Any

import msgspec
from msgspec import Struct

from adapters.contract import Account, ConnectionRefused, Outcome
from adapters.http import BadAnswer, Http, HttpError, reading_pages
from adapters.outcomes import outcome_of
from adapters.salesforce.names import full_id
from adapters.salesforce.soql import among, quoted, select
from adapters.values import object_of, objects_of

VERSION = "v62.0"
COLLECTION = 200  # records in one call
NAMED = 150  # ids or addresses in one query: an address may not be longer than 16,000 characters
DESCRIBED_SECONDS = 900.0  # how long the list of an object's fields is believed
FULL_SECONDS, BUSY_SECONDS = 900, 15  # until it is asked again: a day's calls are used up; too many at once
# Salesforce's code → the status that says what it means: wait, or never
_MEANS = {
    "REQUEST_LIMIT_EXCEEDED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNABLE_TO_LOCK_ROW": HTTPStatus.LOCKED,
    "QUERY_TIMEOUT": HTTPStatus.REQUEST_TIMEOUT,
}
# 403s that are about all that this user does, not about one record
_NO_ACCESS = frozenset(("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "INVALID_SESSION_ID", "INVALID_LOGIN"))
_TOKEN_BUSY = frozenset(("rate_limit_exceeded", "server_busy", "temporarily_unavailable", "unknown_error"))

# The address in the browser is another one than the API's
_LIGHTNING = re.compile(r"\.lightning\.force\.com(?:/.*)?$")
_OWN_FIELD = re.compile(r"[A-Za-z]\w{0,79}__c")

Records = Sequence[Mapping[str, Any]]
Headers = Mapping[str, str] | None


class Saved(Struct, frozen=True, kw_only=True):
    """What became of one record of a collection: its id, or why not, with Salesforce's code and the fields at fault."""

    id: str = ""
    code: str = ""
    message: str = ""
    fields: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()  # ids that a duplicate rule found

    @property
    def reason(self) -> str:
        """Why it was not saved, in Salesforce's words."""
        return f"{self.code}: {self.message}"[:500]


class Field(Struct, frozen=True, kw_only=True):
    """A field as the user of the connection sees it."""

    name: str
    label: str = ""
    type: str = "string"
    creatable: bool = True
    updatable: bool = True
    options: tuple[str, ...] = ()


class Salesforce:
    """One organisation. What it has told of itself is kept for as long as the client lives."""

    def __init__(self, account: Account) -> None:
        self.settings = account.settings
        self._root = _LIGHTNING.sub(".my.salesforce.com", account.base_url.rstrip("/"))
        self._http: Http = account.http
        self._lock = Lock()
        self._token = self.user_id = ""
        self._described: dict[str, tuple[float, dict[str, Field]]] = {}
        self._users: dict[str, str] = {}

    # --- tokens

    def session(self, instead_of: str | None = None) -> str:
        """An access token: the one at hand, or a new one in place of one that has ended. Raises HttpError."""
        with self._lock:
            if not self._token or self._token == instead_of:
                self._token = self._log_in()
            return self._token

    def _log_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.get("client_id", ""),
            "client_secret": self.settings.get("client_secret", ""),
        }
        try:
            made = self._http.post_form(f"{self._root}/services/oauth2/token", form, private=True)
        except HttpError as error:
            raise _of_token(error) from error
        if not isinstance(made, dict) or not made.get("access_token"):
            raise BadAnswer("answered without an access token")
        self.user_id = full_id(str(made.get("id") or "").rpartition("/")[2])
        return str(made["access_token"])

    # --- calls

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Headers = None,
    ) -> Any:
        """The JSON of an answer, None for an empty one. Raises HttpError for a refusal, with a status that says what it
        means: 429 or 423 to wait, 422 for what this user may not do with this record."""
        token = self.session()
        try:
            return self._ask(token, method, path, body, query, headers)
        except HttpError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
        return self._ask(self.session(instead_of=token), method, path, body, query, headers)

    def _ask(
        self,
        token: str,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        headers: Headers,
    ) -> Any:
        sent = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(headers or {})}
        try:
            return self._http.call(method, f"{self._root}/services/data/{VERSION}{path}", sent, body, query)
        except HttpError as error:
            raise _told_apart(error) from error

    def page(self, soql: str, deleted: bool = False) -> tuple[list[dict[str, Any]], bool]:
        """The records that a query finds, those in the recycle bin too where asked for, and whether these are all: of
        long ones Salesforce answers fewer than were asked for. One call."""
        with reading_pages():
            answer = self.call("GET", "/queryAll" if deleted else "/query", query={"q": soql})
        records = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise BadAnswer("answered a query without records")
        return [one for one in records if isinstance(one, dict)], answer.get("done") is not False

    def query(self, soql: str, deleted: bool = False) -> list[dict[str, Any]]:
        """All records that a query finds, which have to have room in one answer."""
        records, whole = self.page(soql, deleted)
        if not whole:
            raise BadAnswer("found more records than one answer holds")
        return records

    def find(
        self, fields: Iterable[str], kind: str, column: str, values: Iterable[str], *where: str, **how: Any
    ) -> Iterator[dict[str, Any]]:
        """The records of a kind in which a column has one of these values; ``how`` as in :meth:`query`."""
        for some in chunks(dict.fromkeys(values), NAMED):
            yield from self.query(select(fields, kind, among(column, some), *where), **how)

    # --- collections

    def update(self, records: Records) -> list[Saved]:
        """Change records, each with ``attributes`` and ``id``, those of a kind together; what became of each."""
        return self._collect("PATCH", "/composite/sobjects", records)

    def create(self, records: Records, headers: Headers = None) -> list[Saved]:
        """Make records; what became of each."""
        return self._collect("POST", "/composite/sobjects", records, headers)

    def upsert(self, kind: str, field: str, records: Records, headers: Headers = None) -> list[Saved]:
        """Make or change records of a kind by an external id; what became of each."""
        return self._collect("PATCH", f"/composite/sobjects/{kind}/{field}", records, headers)

    def delete(self, names: Sequence[str]) -> list[Saved]:
        """Put records into the recycle bin; what became of those that are not in it by now."""
        found: list[Saved] = []
        for some in chunks(names, COLLECTION):
            query = {"ids": ",".join(some), "allOrNone": "false"}
            found += _saved(self.call("DELETE", "/composite/sobjects", query=query), len(some))
        return [one for one in found if not one.id and one.code != "ENTITY_IS_DELETED"]

    def _collect(self, method: str, path: str, records: Records, headers: Headers = None) -> list[Saved]:
        found: list[Saved] = []
        for some in chunks(records, COLLECTION):
            body = {"allOrNone": False, "records": some}
            found += _saved(self.call(method, path, body, headers=headers), len(some))
        return found

    # --- what there is

    def fields(self, kind: str) -> dict[str, Field]:
        """The fields of a kind of record that the connection's user can see, by name."""
        at, known = self._described.get(kind, (float("-inf"), {}))
        if time.monotonic() - at > DESCRIBED_SECONDS:
            with reading_pages():
                answer = self.call("GET", f"/sobjects/{kind}/describe")
            listed = object_of(answer).get("fields")
            if not isinstance(listed, list):
                raise BadAnswer(f"answered what a {kind} is without its fields")
            known = {one["name"]: _field(one) for one in objects_of(listed) if one.get("name")}
            self._described[kind] = time.monotonic(), known
        return known

    def user_by_email(self, email: str) -> str:
        """The id of the active user with an address; empty where nobody has it."""
        if email and email not in self._users:
            soql = select(["Id"], "User", f"Email = {quoted(email)}", "IsActive = true", order="Id", limit=1)
            found = next((full_id(one.get("Id")) for one in self.query(soql)), "")
            if not found:
                return ""  # asked again next time: an admin may have added them by then
            self._users[email] = found
        return self._users.get(email, "")

    def outcome(self, error: Exception, items: int = 1) -> Outcome:
        """What an error of a call means. Raises as :func:`adapters.outcomes.outcome_of` does."""
        body = str(getattr(error, "body", "") or "").lstrip()
        if getattr(error, "status", None) == HTTPStatus.NOT_FOUND and body[:1] not in ("{", "["):
            raise ConnectionRefused("404: this is not the My Domain address of a Salesforce organisation") from error
        return outcome_of(error, items)


def wrong_field(name: str) -> str:
    """What is wrong with the name of a field of the team's own; empty where nothing is."""
    return "" if not name or _OWN_FIELD.fullmatch(name) else "a field's API name, which ends in __c: Baton_Id__c"


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Some items, so many at a time."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def connect(account: Account) -> Salesforce:
    """A client for one connection."""
    return Salesforce(account)


# --- refusals


def _of_token(error: HttpError) -> HttpError:
    """A refusal of the token's address, as the one of credentials that it is, unless it is only busy."""
    try:
        said = msgspec.json.decode(error.body)
    except msgspec.DecodeError:
        return error
    code = str(said.get("error") or "") if isinstance(said, dict) else ""
    if not code or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return error
    message = f"{code}: {said.get('error_description') or 'the client id or secret is refused'}"
    status = HTTPStatus.TOO_MANY_REQUESTS if code in _TOKEN_BUSY else HTTPStatus.UNAUTHORIZED
    return HttpError(status, _worded(message), error.headers)


def _told_apart(error: HttpError) -> HttpError:
    """A refusal with a status that means one thing, and Salesforce's words where others look for them."""
    code, message = _problem(error.body)
    if not code:
        return error
    status, headers = int(error.status), dict(error.headers)
    if code in _MEANS:
        status = int(_MEANS[code])
    elif status == HTTPStatus.FORBIDDEN and code not in _NO_ACCESS:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    if status == HTTPStatus.TOO_MANY_REQUESTS and "retry-after" not in {name.lower() for name in headers}:
        headers["Retry-After"] = str(BUSY_SECONDS if "concurrent" in message.lower() else FULL_SECONDS)
    return HttpError(status, _worded(f"{code}: {message}"), headers)


def _problem(body: str) -> tuple[str, str]:
    """The code and message of a refusal, which is a list of them."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "", ""
    first = said[0] if isinstance(said, list) and said else said
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("errorCode") or ""), str(first.get("message") or "")


def _worded(message: str) -> str:
    return msgspec.json.encode({"message": message}).decode()


def code_of(error: HttpError) -> str:
    """Salesforce's code for a refusal."""
    try:
        message = msgspec.json.decode(error.body)["message"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return ""
    return str(message).partition(":")[0]


def _saved(answer: Any, size: int) -> list[Saved]:
    if not isinstance(answer, list) or len(answer) != size:
        raise BadAnswer(f"answered for {len(answer) if isinstance(answer, list) else 'none'} of {size} records")
    return [_one_saved(one) for one in answer]


def _one_saved(one: Any) -> Saved:
    if not isinstance(one, dict):
        raise BadAnswer("answered for a record without saying what became of it")
    if one.get("success") is True:
        return Saved(id=full_id(one.get("id")))
    errors = objects_of(one.get("errors"))
    first = next(iter(errors), {})
    return Saved(
        code=str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN_EXCEPTION"),
        message="; ".join(str(error.get("message") or "") for error in errors),
        fields=tuple(str(name) for error in errors for name in error.get("fields") or ()),
        duplicates=tuple(_duplicates(first)),
    )


def _duplicates(error: Mapping[str, Any]) -> Iterator[str]:
    result = object_of(error.get("duplicateResult") or error.get("duplicateResut"))  # sic: both are sent
    for match in objects_of(result.get("matchResults")):
        for found in objects_of(match.get("matchRecords")):
            if name := full_id(object_of(found.get("record")).get("Id")):
                yield name


def _field(listed: Mapping[str, Any]) -> Field:
    options = objects_of(listed.get("picklistValues"))
    return Field(
        name=str(listed["name"]),
        label=str(listed.get("label") or ""),
        type=str(listed.get("type") or "string"),
        creatable=listed.get("createable") is True,
        updatable=listed.get("updateable") is True,
        options=tuple(str(one["value"]) for one in options if one.get("active") is not False),
    )
