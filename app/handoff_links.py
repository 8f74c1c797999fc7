"""Links with which a rep answers a handoff from wherever the alert reached them. Whoever holds the link may answer."""

from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.settings import Settings

MAX_AGE_SECONDS = 90 * 86_400


def _serializer(settings: Settings) -> URLSafeTimedSerializer:
    # All keys that still open secrets also open links; the newest signs
    return URLSafeTimedSerializer(list(reversed(settings.keys)), salt="handoff")


def link(settings: Settings, handoff_key: str) -> str:
    """The address of a handoff's page."""
    return f"{settings.public_url}/h/{_serializer(settings).dumps(handoff_key)}"


def handoff_key(settings: Settings, token: str) -> str | None:
    """The handoff that a link's token stands for; None when it was not made here or is too old."""
    try:
        return str(_serializer(settings).loads(token, max_age=MAX_AGE_SECONDS))
    except BadSignature:
        return None
