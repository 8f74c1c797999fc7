"""Does Kit say so? ``X-Kit-Signature: t=<seconds>,v1=<hex of the HMAC of seconds, dot, body>``, with one ``v1`` for
each secret while Kit rotates it. Webhooks of the older kind are not signed; they have a secret in their address."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import WebhookRequest
from adapters.signing import check_stamped, secrets_of

HEADER = "X-Kit-Signature"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the endpoint's secret signed this body within the last five minutes."""
    secrets = secrets_of(settings, "signing_secret")
    check_stamped(request.header(HEADER.lower()), HEADER, request.body, secrets, now)
