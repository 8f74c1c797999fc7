"""What makes the same content the same, for vendors that give what they send no id."""

from hashlib import blake2b
from typing import Any

import msgspec

LONG = 16  # bytes, for what strangers may make up


def digest_of(content: Any, size: int = 12) -> str:
    """The same for the same content, however its bytes were written and its names were ordered. An adapter stays with
    the ``size`` that it began with, in bytes: with another one, whatever comes again is taken for new."""
    return blake2b(msgspec.json.encode(content, order="deterministic"), digest_size=size).hexdigest()
