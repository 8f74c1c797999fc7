"""What automations put around a webhook that they pass on whole: its body beside its headers and query."""

from typing import Any

from adapters.contract import Unreadable
from adapters.strict_json import loads

# Make's, n8n's and Pipedream's names for the parts of a request; n8n adds where and how it took it
_REQUEST = frozenset(
    ("body", "headers", "method", "path", "query", "url", "qs", "params", "webhookUrl", "executionMode", "client_ip")
)
_N8N_ITEM = frozenset(("json", "binary", "pairedItem"))  # how n8n keeps what goes from step to step
_DEEPEST = 3


def unwrapped(document: Any) -> Any:
    """The body of a request that was passed on whole, be it an object, a list or their JSON; any other document as it
    is."""
    for _ in range(_DEEPEST):
        inner = _inside(document)
        if inner is None:
            break
        document = inner
    return document


def _inside(document: Any) -> Any:
    if not isinstance(document, dict):
        return None
    if "body" in document and set(document) <= _REQUEST:
        found = document["body"]
        return _decoded(found) if isinstance(found, str) else found if isinstance(found, dict | list) else None
    if "json" in document and set(document) <= _N8N_ITEM:
        return document["json"] if isinstance(document["json"], dict) else None
    return None


def _decoded(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return None
    try:
        return loads(text.encode())
    except Unreadable:
        return None
