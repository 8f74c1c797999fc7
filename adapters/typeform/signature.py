"""Does Typeform say so? ``Typeform-Signature: sha256=<base64 of the HMAC of the body>``."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import base64_digests, check, secrets_of

HEADER, MARK = "Typeform-Signature", "sha256="


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the webhook's secret signed this body. Nothing says when it did: a repeat is known
    by the response's token instead."""
    secrets = secrets_of(settings, "webhook_secret")
    given = request.header(HEADER.lower())
    if not given.startswith(MARK):
        raise InvalidSignature(f"{HEADER} is missing or does not begin with {MARK}")
    check([given.removeprefix(MARK)], base64_digests(secrets, request.body), HEADER)
