"""What an answer or an error of a vendor's API means for what was asked of it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from adapters.contract import BatchRefused, ConnectionRefused, Outcome, Refused, RetryLater, Unknown
from adapters.guard import ForbiddenTarget
from adapters.http import BadAnswer
from app.contacts.times import parse_time


def see_done(answer: Any) -> None:
    """Raises BadAnswer where an answer with a status of success is an error by its body, or by that of whatever stands
    in front of the tool: what was asked for was not done."""
    if isinstance(answer, dict):
        said = next((answer[name] for name in ("errors", "error", "detail") if answer.get(name)), None)
        if said:
            raise BadAnswer(f"answered a success that is an error: {str(said)[:500]}")


_WAIT = frozenset((408, 423, 425, 429))


def outcome_of(error: Exception, items: int = 1) -> Outcome:
    """What an error of a call means for what was asked, whatever SDK raised it.

    Raises ConnectionRefused where the credentials are at fault, BatchRefused where a call for several items was
    refused as a whole, and the error itself when it is none of the vendor's making.
    """
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return _by_status(status, error, items)
    if isinstance(error, ForbiddenTarget):
        raise ConnectionRefused(str(error)) from error
    if isinstance(error, NewConnectionError | ConnectTimeoutError | NameResolutionError):
        return RetryLater(reason=_words(error))
    if isinstance(error, BadAnswer):
        return Unknown(reason=str(error))
    if isinstance(error, urllib3.exceptions.HTTPError | OSError):
        return Unknown(reason=f"the answer was lost: {_words(error)}")
    raise error


def _by_status(status: int, error: Exception, items: int) -> Outcome:
    reason = f"{status}: {_message(error)}"
    if status in (401, 403):
        raise ConnectionRefused(reason) from error
    if status in _WAIT:
        return RetryLater(reason=reason, after=retry_after(getattr(error, "headers", None)))
    if status >= 500:
        # It may have been done before something broke
        return Unknown(reason=reason)
    if items > 1:
        raise BatchRefused(reason) from error
    return Refused(reason=reason)


def retry_after(headers: Any, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, as number or as date; None where it says nothing usable."""
    text = str((headers or {}).get("Retry-After", "")).strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parse_time(text) - (now or datetime.now(UTC))).total_seconds()
        except ValueError:
            return None
    if seconds != seconds or seconds < 0:
        return None
    return min(seconds, 86_400.0)


def _message(error: Exception) -> str:
    """The vendor's own words, as far as it has any."""
    body = getattr(error, "body", None)
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    try:
        data = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, TypeError):
        data = None
    if isinstance(data, dict):
        found = data.get("message")
        errors = data.get("errors")
        if not found and isinstance(errors, list) and errors and isinstance(errors[0], dict):
            found = errors[0].get("detail") or errors[0].get("title") or errors[0].get("message")
        if found:
            return str(found)[:500]
    return str(getattr(error, "reason", "") or body or "no reason given")[:200]


def _words(error: Exception) -> str:
    return str(error).split("): ", 1)[-1][:300]
