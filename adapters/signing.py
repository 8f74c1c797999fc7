"""What proofs of origin have in common: secrets that are being replaced, times that are too old, constant-time looks.

How each vendor signs is its adapter's business. Everything here raises InvalidSignature with a reason for an admin.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

from adapters.contract import InvalidSignature
from app.contacts.times import parse_time

MAX_AGE_SECONDS = 300


def secrets_of(settings: Mapping[str, str], name: str) -> list[str]:
    """The secret of this name and the one before the last rotation, as far as they are set; at least one. An empty one,
    with which anybody could sign, is none."""
    found = [secret for key in (name, f"{name}_previous") if (secret := settings.get(key, "")).strip()]
    if not found:
        raise InvalidSignature(f"this connection has no {name}, so this request cannot be checked")
    return found


def hex_digests(secrets: Iterable[str], message: bytes, algorithm: str = "sha256") -> list[str]:
    """The HMAC of a message with each secret, in lower-case hexadecimal digits."""
    return [hmac.new(secret.encode(), message, algorithm).hexdigest() for secret in secrets]


def base64_digests(secrets: Iterable[str], message: bytes, algorithm: str = "sha256") -> list[str]:
    """The HMAC of a message with each secret, in base64 with its padding."""
    return [base64.b64encode(hmac.new(secret.encode(), message, algorithm).digest()).decode() for secret in secrets]


def check(given: Iterable[str], expected: Iterable[str], header: str) -> None:
    """Raise InvalidSignature unless one of the given signatures is one of the expected."""
    if not is_among(given, expected):
        raise InvalidSignature(f"{header} does not fit this body and secret")


def check_token(given: str, expected: Iterable[str], name: str) -> None:
    """Raise InvalidSignature unless a shared secret that was sent along is one of the expected."""
    if not is_among([given], expected):
        raise InvalidSignature(f"{name} is not this connection's")


def is_among(given: Iterable[str], expected: Iterable[str]) -> bool:
    """Whether one of the given texts is one of the expected. No short cut: how long it takes says nothing."""
    known = [one.encode() for one in expected]
    pairs = [(one.encode("utf-8", "surrogatepass"), other) for one in given for other in known]
    return any([hmac.compare_digest(one, other) for one, other in pairs])  # noqa: C419  no short cut


def basic_of(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header; None for one that is not ``Basic`` with readable credentials."""
    kind, _, credentials = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, no UTF-8, or letters beyond ASCII: what a stranger sends may hold anything
        return None
    return user, password


def check_age(stamp: str, now: datetime, header: str, allowed: int = MAX_AGE_SECONDS) -> None:
    """Raise InvalidSignature unless a Unix time, in seconds or milliseconds, is near enough to now, on either side."""
    try:
        if not (stamp.isascii() and stamp.isdigit()):  # what else reads as a time is not what was signed
            raise ValueError(stamp)
        age = (now - parse_time(int(stamp))).total_seconds()
    except ValueError:
        raise InvalidSignature(f"the time in {header} is missing or no Unix time") from None
    if abs(age) > allowed:
        late = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
        raise InvalidSignature(f"the time in {header} is {late}; {allowed} s are allowed")


def parts_of(header: str) -> dict[str, list[str]]:
    """The parts of a header like ``t=1492774577,v1=5257…,v1=…``, by name. Of times only one can have been signed."""
    parts: dict[str, list[str]] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        parts.setdefault(name, []).append(value)
    return parts


def check_stamped(
    header: str, name: str, body: bytes, secrets: Iterable[str], now: datetime, *, mark: str = "v1"
) -> None:
    """Raise InvalidSignature unless a header ``t=<seconds>,<mark>=<hex>`` signs ``<seconds>.<body>`` with SHA-256, not
    longer ago than :data:`MAX_AGE_SECONDS`. ``name`` is what the header is called."""
    parts = parts_of(header)
    times, given = parts.get("t", []), parts.get(mark, [])
    if len(times) != 1 or not given:
        raise InvalidSignature(f"{name} is missing or not of the form t=…,{mark}=…")
    check_age(times[0], now, name)
    check(given, hex_digests(secrets, times[0].encode() + b"." + body), name)
