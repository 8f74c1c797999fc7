"""Is it one of our scenarios? Signed after Standard Webhooks, or with the connection's token in a header.

Make signs nothing by itself and sends what a scenario's author types in, so a token is the usual way; n8n, Zapier and
services of a team's own can sign.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import basic_of, check, check_age, check_token, secrets_of

MARK = "whsec_"
TOKEN_HEADER, HEADER = "X-Api-Key", "webhook-signature"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless a signature not older than five minutes, or the token, vouches for the request."""
    if request.header(HEADER):
        _signed(request, secrets_of(settings, "signing_secret"), now)
    elif given := request.header(TOKEN_HEADER.lower()) or _bearer(request.header("authorization")):
        check_token(given, secrets_of(settings, "source_token"), TOKEN_HEADER)
    else:
        raise InvalidSignature(f"there is neither a {HEADER} nor an {TOKEN_HEADER} header")


def key_of(secret: str) -> bytes:
    """A secret's bytes: Standard Webhooks writes them as ``whsec_`` and base64; any other text is taken as it is. Empty
    where nothing stands behind the mark."""
    if secret.startswith(MARK):
        try:
            return base64.b64decode(secret.removeprefix(MARK), validate=True)
        except ValueError:
            pass
    return secret.encode()


def wrong_secret(secret: str) -> str:
    """What is wrong with a signing secret, in words; empty where nothing is."""
    return "" if not secret or key_of(secret.strip()) else f"nothing stands behind {MARK}"


def _signed(request: WebhookRequest, secrets: list[str], now: datetime) -> None:
    name, moment = request.header("webhook-id"), request.header("webhook-timestamp")
    check_age(moment, now, "webhook-timestamp")
    message = f"{name}.{moment}.".encode("utf-8", "surrogatepass") + request.body
    keys = [key for secret in secrets if (key := key_of(secret))]  # with an empty one anybody can sign
    digests = [hmac.new(key, message, "sha256").digest() for key in keys]
    given = [one.removeprefix("v1,") for one in request.header(HEADER).split() if one.startswith("v1,")]
    check(given, [base64.b64encode(digest).decode() for digest in digests], HEADER)


def _bearer(header: str) -> str:
    """A token as ``Bearer …``, or as the password of Basic authentication, which Make's HTTP module has built in."""
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    credentials = basic_of(header)
    return credentials[1] if credentials else ""
