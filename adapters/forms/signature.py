"""Did the form's builder send it? Asked only where a form's connection has a ``webhook_secret``: the address of a form
on a page is public, and what a browser posts proves nothing.

Builders that sign are known by their header. The others can send the secret itself, in a header of their webhook.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from adapters.contract import InvalidSignature, WebhookRequest
from adapters.signing import base64_digests, check, check_age, check_stamped, check_token, hex_digests, secrets_of
from adapters.submissions.builders import typeform

SECRET_HEADER = "X-Baton-Secret"  # noqa: S105  the header's name

Proof = Callable[[WebhookRequest, list[str], datetime], None]


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the connection's secret vouches for the request, in its builder's way."""
    secrets = secrets_of(settings, "webhook_secret")
    for header, proof in PROOFS.items():
        if request.header(header.lower()):
            proof(request, secrets, now)
            return
    given = request.header(SECRET_HEADER.lower())
    if not given:
        raise InvalidSignature(f"there is no builder's signature and no {SECRET_HEADER} header")
    check_token(given, secrets, SECRET_HEADER)


def _typeform(request: WebhookRequest, secrets: list[str], now: datetime) -> None:
    typeform.check_signature(request, secrets)


def _tally(request: WebhookRequest, secrets: list[str], now: datetime) -> None:
    check([request.header("tally-signature")], base64_digests(secrets, request.body), "Tally-Signature")


def _webflow(request: WebhookRequest, secrets: list[str], now: datetime) -> None:
    """Milliseconds, a colon and the body; hooks that were made in the dashboard are not signed at all."""
    moment = request.header("x-webflow-timestamp")
    check_age(moment, now, "x-webflow-timestamp")
    message = moment.encode() + b":" + request.body
    check([request.header("x-webflow-signature")], hex_digests(secrets, message), "x-webflow-signature")


def _wpforms(request: WebhookRequest, secrets: list[str], now: datetime) -> None:
    """Of JSON the bytes are signed, of a form a JSON that nobody sees: let the webhook send JSON."""
    name = "X-WPForms-Webhook-Signature"
    check_stamped(request.header(name.lower()), name, request.body, secrets, now, mark="v")


PROOFS: dict[str, Proof] = {
    typeform.HEADER: _typeform,
    "Tally-Signature": _tally,
    "x-webflow-signature": _webflow,
    "X-WPForms-Webhook-Signature": _wpforms,
}
