"""How often a password may be tried for one account, from wherever.

Addresses are cheap, so tries count for the account too. But then a stranger could keep somebody out by trying for them:
so whoever has signed in leaves their browser a sign of it, and a browser with that sign has a count of its own. A
stranger uses up what is left to strangers, and nothing else.
"""

import hashlib
import secrets

from flask import request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import parse
from werkzeug.wrappers import Response

from app.limits import limiter
from app.settings import Settings

TRIES = "10 per 15 minutes"
_REMEMBERED_SECONDS = 180 * 86_400
_tries = parse(TRIES)


def too_many(settings: Settings, email: str) -> bool:
    """Count a try for an account, there or not; whether there were too many lately by those who cannot be told apart
    from this one."""
    account = _account(email)
    return not limiter.limiter.hit(_tries, "sign in", account, _sign(settings, account) or "strangers")


def remember(response: Response, settings: Settings, email: str) -> None:
    """Leave the browser a sign that the account's owner has signed in with it."""
    account = _account(email)
    if _sign(settings, account):
        return
    sign = _signer(settings).dumps([account, secrets.token_urlsafe(12)])
    response.set_cookie(
        _cookie(settings), sign, max_age=_REMEMBERED_SECONDS, secure=settings.https, httponly=True, samesite="Strict"
    )


def _account(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]


def _sign(settings: Settings, account: str) -> str:
    """The sign that the account's owner left in this browser, or nothing."""
    try:
        whose, sign = _signer(settings).loads(request.cookies.get(_cookie(settings), ""), max_age=_REMEMBERED_SECONDS)
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(sign) if whose == account else ""


def _cookie(settings: Settings) -> str:
    # A browser takes a cookie of this name only over https and only for this very host
    return "__Host-baton-known" if settings.https else "baton-known"


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(settings.keys)), salt="known browser")
