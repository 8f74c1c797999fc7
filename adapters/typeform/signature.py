"""Does Typeform say so? It signs like this also where a form of it posts to the forms' own address."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import WebhookRequest
from adapters.signing import secrets_of
from adapters.submissions.builders.typeform import check_signature


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the webhook's secret signed this body."""
    check_signature(request, secrets_of(settings, "webhook_secret"))
