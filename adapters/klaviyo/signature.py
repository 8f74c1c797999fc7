"""Does Klaviyo say so? Signed system webhooks, and flow webhooks with a shared secret in a header."""

import re
from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import MAX_AGE_SECONDS, hex_digests, is_among, secrets_of
from app.contacts.times import parse_time

FLOW_HEADER = "x-baton-secret"
# An HTTP date from its weekday on, or an ISO one from its year. Body and date are signed without a mark between them: a
# date that could begin elsewhere would let a piece of one pass for a piece of the other.
_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} |[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]")


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless one of the connection's secrets vouches for the request.

    A request with a Klaviyo-Signature is a system webhook and judged by that alone; without one it is a flow's.
    """
    if request.header("klaviyo-signature"):
        _system(request, settings, now)
    else:
        _flow(request, settings)


def _system(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    secrets = secrets_of(settings, "webhook_secret")
    stamp = request.header("klaviyo-timestamp")
    try:
        if not _DATE.match(stamp):
            raise ValueError(stamp)
        age = (now - parse_time(stamp)).total_seconds()
    except ValueError:
        raise InvalidSignature("Klaviyo-Timestamp is missing or not a date") from None
    # Klaviyo names no window; a retry may carry its first date, so an admin can widen this
    allowed = _seconds(settings)
    if abs(age) > allowed:
        late = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
        raise InvalidSignature(f"Klaviyo-Timestamp is {late}; {allowed} s are allowed")
    message = request.body + stamp.encode("utf-8", "surrogatepass")
    given = request.header("klaviyo-signature")
    if not is_among([given], hex_digests(secrets, message)):
        raise InvalidSignature("Klaviyo-Signature does not fit this body, date and secret")


def _flow(request: WebhookRequest, settings: Mapping[str, str]) -> None:
    secrets = secrets_of(settings, "flow_secret")
    given = request.header(FLOW_HEADER)
    if not given:
        raise InvalidSignature("there is neither a Klaviyo-Signature nor an X-Baton-Secret header")
    if not is_among([given], secrets):
        raise InvalidSignature("X-Baton-Secret is not this connection's flow_secret")


def _seconds(settings: Mapping[str, str]) -> int:
    text = settings.get("max_age_seconds", "")
    return int(text) if text.isdecimal() and int(text) > 0 else MAX_AGE_SECONDS
