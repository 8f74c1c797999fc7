"""Does Mailchimp say so? ``X-Mailchimp-Signature: t=<seconds>,v1=<hex of the HMAC of seconds, dot, body>``, since 2026
and only of webhooks that were made with signing; the others have a secret in their address."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import WebhookRequest
from adapters.signing import check_stamped, secrets_of

HEADER = "X-Mailchimp-Signature"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the webhook's secret signed this body within the last five minutes."""
    secrets = secrets_of(settings, "signing_secret")
    check_stamped(request.header(HEADER.lower()), HEADER, request.body, secrets, now)
