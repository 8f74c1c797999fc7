"""Calling HubSpot's webhooks journal: a token of its own, where the next file lies, and what is in it.

The journal belongs to the app, not to an account, hence client credentials in place of the account's token. A file lies
on another host, at a signed address that ends soon: it is fetched without any token.
"""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from adapters.contract import Account
from adapters.guard import ForbiddenTarget
from adapters.http import BadAnswer, BrokenJson, Http, HttpError

SCOPE = "developer.webhooks_journal.read"
NEEDS = ("journal", "client_id", "client_secret", "portal_id")  # settings without which it is not read
# Of one account: the other kind of journal tells of all that have the app, whose contacts' ids mean others here
ROOT = "/webhooks-journal/journal-local/2026-03"
# The dated one first; not each of them gives client credentials tokens to every app
TOKENS = ("/oauth/2026-03/token", "/oauth/v1/token")
EARLY_SECONDS = 60.0  # before its end, a token is replaced
SHORT_SECONDS = 300.0  # so long one is used that does not say when it ends
# HubSpot keeps three days, and does not say with what it refuses an older place
_NO_PLACE = frozenset((HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE))
_REFUSED = frozenset((HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND))


class Expired(Exception):
    """HubSpot does not know the place any more after which to go on."""


class BrokenFile(Exception):
    """A file that is no JSON, or not the journal's, also when it is fetched again."""


class JournalRefused(HttpError):
    """The app may not read the journal, whatever else its account's token may; ``advice`` says what to do."""

    def __init__(self, error: HttpError, advice: str) -> None:
        # Of this stream alone: what goes by the account's token still works
        super().__init__(HTTPStatus.FORBIDDEN, error.body, error.headers)
        self.advice = advice


class Found(Struct, rename="camel"):
    """Where a file of the journal lies, and its place."""

    url: str
    current_offset: str


class _File(Struct, rename="camel"):
    journal_events: list[msgspec.Raw]


class Journal:
    """The journal of one app, as far as it tells of the account that ``portal_id`` names."""

    def __init__(self, account: Account) -> None:
        self._settings, self._base = account.settings, account.base_url
        self._http: Http = account.http
        self._lock = Lock()
        self._token, self._ends = "", 0.0

    # --- tokens

    def _session(self, instead_of: str = "") -> str:
        """An access token: the one at hand, or a new one in place of one that has ended. Raises JournalRefused."""
        with self._lock:
            if not self._token or self._token == instead_of or time.monotonic() >= self._ends:
                made = self._log_in()
                lasts = made.get("expires_in")
                seconds = float(lasts) - EARLY_SECONDS if isinstance(lasts, int | float) else SHORT_SECONDS
                self._token, self._ends = str(made["access_token"]), time.monotonic() + seconds
            return self._token

    def _log_in(self) -> Mapping[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.get("client_id", ""),
            "client_secret": self._settings.get("client_secret", ""),
            "scope": SCOPE,
        }
        refused: HttpError | None = None
        for path in TOKENS:
            try:
                made = self._http.post_form(self._base + path, form, private=True)
            except HttpError as error:
                if error.status not in (*_REFUSED, HTTPStatus.METHOD_NOT_ALLOWED):
                    raise
                refused = error
                continue
            if not isinstance(made, dict) or not made.get("access_token"):
                raise BadAnswer("answered without an access token")
            return made
        assert refused is not None
        advice = f"HubSpot gives no token for client_id and client_secret: are they the app's, and has it {SCOPE}?"
        raise JournalRefused(refused, advice) from refused

    # --- files

    def latest(self) -> Found | None:
        """Where the newest file lies, or None where there is none. Raises HttpError."""
        return self._ask("/latest")

    def after(self, place: str) -> Found | None:
        """Where the file after this place lies, the earliest one without a place; None where there is none yet. Raises
        Expired, and HttpError."""
        if not place:
            return self._ask("/earliest")
        try:
            return self._ask(f"/offset/{quote(place, safe='')}/next")
        except HttpError as error:
            if error.status in _NO_PLACE:
                raise Expired(place) from error
            raise

    def _ask(self, path: str) -> Found | None:
        query, url = {"installPortalId": self._settings["portal_id"]}, self._base + ROOT + path
        token = self._session()
        try:
            answer = self._get(url, query, token)
        except HttpError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise _of_journal(error) from error
            try:  # it has ended before its time
                answer = self._get(url, query, self._session(instead_of=token))
            except HttpError as again:
                raise _of_journal(again) from again
        try:
            return None if answer is None else msgspec.convert(answer, Found)
        except msgspec.ValidationError:
            raise BadAnswer("answered without the place of a file") from None

    def _get(self, url: str, query: Mapping[str, Any] | None, token: str) -> Any:
        # Not to be kept: who has the file's address can read it
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return self._http.call("GET", url, headers, query=query, private=True)

    def entries(self, place: str, found: Found) -> Sequence[msgspec.Raw]:
        """What is in the file that was found after a place. One that cannot be read is asked for once more, for an
        answer may be spoilt on its way. Raises BrokenFile then, BadAnswer where it cannot be had."""
        try:
            return self._fetch(found)
        except BrokenFile:
            try:
                again = self.after(place)
            except Expired:
                again = None
            if again is None or again.current_offset != found.current_offset:
                raise BadAnswer("answered another file when asked again") from None
            return self._fetch(again)

    def _fetch(self, found: Found) -> Sequence[msgspec.Raw]:
        try:
            data = self._http.fetch(found.url)
            return msgspec.json.decode(data, type=_File).journal_events
        except (BrokenJson, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrokenFile(str(error)[:200]) from None
        except HttpError as error:
            # Of the place where files lie: its address may have ended, which says nothing of what we may do
            raise BadAnswer(f"the file cannot be had: {error.status}") from None
        except ForbiddenTarget as error:
            raise BadAnswer(f"the file lies where Baton does not go: {error}") from None


def _of_journal(error: HttpError) -> HttpError:
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return JournalRefused(error, f"give the app the scope {SCOPE}, and subscribe to what is to be read")
    return error
