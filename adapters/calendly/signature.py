"""Does Calendly say so? ``Calendly-Webhook-Signature: t=<seconds>,v1=<hex of the HMAC of seconds, dot, body>``."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import WebhookRequest
from adapters.signing import check_stamped, secrets_of

HEADER = "Calendly-Webhook-Signature"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the webhook's key signed this body within the last five minutes."""
    keys = secrets_of(settings, "signing_key")
    check_stamped(request.header(HEADER.lower()), HEADER, request.body, keys, now)
