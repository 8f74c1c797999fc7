"""Did it come from Segment? A webhook destination signs; an SDK that sends to Baton itself knows the write key."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.contract import InvalidSignature, Unreadable, WebhookRequest
from adapters.signing import basic_of, check, check_token, hex_digests, secrets_of
from adapters.strict_json import loads

HEADER = "X-Signature"
MAX_NODES = 200_000
CALLS = ("identify", "track", "page", "screen", "group", "alias", "batch")
# Where SDKs post below the address that they are given; some abbreviate
PATHS = {f"{version}{name}": call for call in CALLS for name in (call, call[0]) for version in ("v1/", "")} | {
    "v1/import": "batch"
}


def verify(request: WebhookRequest, settings: Mapping[str, str], now: datetime) -> None:
    """Raise InvalidSignature unless the destination's shared secret signed the body, or it comes with the write key.

    Neither says when: what is sent again is known by its messageId. Of a batch Segment signs the first event only.
    """
    if given := request.header(HEADER.lower()):
        secrets = secrets_of(settings, "shared_secret")
        digests = [digest for text in _signed(request.body) for digest in hex_digests(secrets, text, "sha1")]
        check([given.strip().lower().removeprefix("sha1=")], digests, HEADER)
    elif settings.get("write_key") or request.route:
        check_token(_write_key(request), secrets_of(settings, "write_key"), "the write key")
    else:
        raise InvalidSignature(f"there is no {HEADER}: set the shared secret in Segment's webhook destination too")


def _signed(body: bytes) -> list[bytes]:
    """What may have been signed: the body; of a list its first event, as it is there or as JavaScript has it."""
    start = body.lstrip()
    if not start.startswith(b"["):
        return [body]
    try:
        text = start[1:].decode().lstrip()
        first, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return [body]
    compact = json.dumps(first, separators=(",", ":"), ensure_ascii=False)
    return [body, text[:end].encode(), compact.encode("utf-8", "surrogatepass")]


def _write_key(request: WebhookRequest) -> str:
    """The user name of Basic authentication; browsers put it into the body."""
    header = request.header("authorization")
    if header.lower().startswith("basic "):
        if (credentials := basic_of(header)) is None:
            raise InvalidSignature("the Authorization header is not of the form Basic …")
        return credentials[0]
    try:
        document: Any = loads(request.body, max_nodes=MAX_NODES)
    except Unreadable as error:
        raise InvalidSignature(f"there is no write key: {error}") from None
    said = document.get("writeKey") if isinstance(document, dict) else None
    if not isinstance(said, str) or not said:
        raise InvalidSignature("there is no write key, neither as Basic authentication nor in the body")
    return said
