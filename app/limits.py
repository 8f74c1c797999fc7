"""How often one address may post forms and page views. Counted in this process's memory: no other service is asked."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

FORM_PER_ADDRESS = "60 per minute"
TRACK_PER_ADDRESS = "600 per minute"

limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="fixed-window", headers_enabled=False)


def _local() -> bool:
    """Whether we cannot tell senders apart: a proxy on this machine that we were not told of, or a developer."""
    return get_remote_address() in ("127.0.0.1", "::1")


limit_forms = limiter.limit(FORM_PER_ADDRESS, exempt_when=_local)
limit_tracking = limiter.limit(TRACK_PER_ADDRESS, exempt_when=_local)
limit_login = limiter.limit("10 per minute;40 per hour")
