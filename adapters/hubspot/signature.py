"""Does HubSpot say so? Versions 1, 2 and 3 of its request signature, over the raw bytes."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import MAX_AGE_SECONDS, is_among, secrets_of
from app.contacts.times import EPOCH

# What HubSpot decodes in the URL before it signs version 3, and nothing else (its reference lists these)
_DECODED = {f"%{code:02X}": chr(code) for code in map(ord, ":/?@!$'()*,;")}


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the request was signed with one of the connection's client secrets.

    Where there is a version 3 signature it alone counts: the older ones hold no time and could be replayed.
    """
    secrets = secrets_of(settings, "client_secret")
    signature = request.header("x-hubspot-signature-v3")
    if signature:
        stamp = request.header("x-hubspot-request-timestamp")
        _check_age(stamp, now)
        expected = [_version_3(secret, request, stamp) for secret in secrets]
        what = "X-HubSpot-Signature-v3"
    else:
        signature = request.header("x-hubspot-signature")
        if not signature:
            raise InvalidSignature("there is no X-HubSpot-Signature-v3 header")
        if settings.get("require_v3", "").lower() in ("1", "true", "yes"):
            raise InvalidSignature("only version 3 signatures are accepted here (require_v3)")
        second = request.header("x-hubspot-signature-version").lower() == "v2"
        expected = [_older(secret, request, second) for secret in secrets]
        what = "X-HubSpot-Signature"
    if not is_among([signature], expected):
        raise InvalidSignature(f"{what} does not fit this body, URL and secret")


def _version_3(secret: str, request: WebhookRequest, stamp: str) -> str:
    url = request.url.split("#", 1)[0]
    for code, letter in _DECODED.items():
        url = url.replace(code, letter).replace(code.lower(), letter)
    message = request.method.encode() + _bytes(url) + request.body + _bytes(stamp)
    return b64encode(hmac.digest(secret.encode(), message, "sha256")).decode()


def _older(secret: str, request: WebhookRequest, second: bool) -> str:
    prefix = secret.encode()
    if second:
        prefix += request.method.encode() + _bytes(request.url)
    return hashlib.sha256(prefix + request.body).hexdigest()


def _bytes(text: str) -> bytes:
    # What a stranger sends may hold anything; it is refused for not fitting, not for being odd
    return text.encode("utf-8", "surrogatepass")


def _check_age(stamp: str, now: datetime) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise InvalidSignature("X-HubSpot-Request-Timestamp is not a time in milliseconds")
    age = (now - EPOCH).total_seconds() - int(stamp) / 1000
    if abs(age) > MAX_AGE_SECONDS:
        late = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
        raise InvalidSignature(f"X-HubSpot-Request-Timestamp is {late}; {MAX_AGE_SECONDS} s are allowed")
