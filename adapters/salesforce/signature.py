"""Is it our organisation? A flow's callout or Apex sends the secret in a header, which a named credential keeps."""

from collections.abc import Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import basic_of, check_token, secrets_of

HEADER = "X-Baton-Secret"


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the secret stands in ``X-Baton-Secret``, as a bearer token, or as the password that
    a named credential sends by itself."""
    known = secrets_of(settings, "webhook_secret")
    given = request.header(HEADER.lower()) or _credential(request.header("authorization"))
    if not given:
        raise InvalidSignature(f"there is neither an {HEADER} nor an Authorization header with the secret")
    check_token(given, known, HEADER)


def _credential(header: str) -> str:
    kind, _, value = header.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    credentials = basic_of(header)
    return credentials[1] if credentials else ""
