"""Is it our subscription? Marketo signs nothing; a webhook can have a header of its own, which is the secret."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import check_token, secrets_of

HEADER = "X-Baton-Secret"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the secret stands in ``X-Baton-Secret``."""
    known = secrets_of(settings, "webhook_secret")
    if not (given := request.header(HEADER.lower())):
        raise InvalidSignature(f"there is no {HEADER} header")
    check_token(given, known, HEADER)
