"""What all streams that are polled have in common: requests to parse are lists of items, and each is read by itself."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from adapters.contract import BadItem, Item, Parsed, Unreadable, WebhookRequest
from adapters.strict_json import loads
from app.contacts.event import Event

MAX_NODES = 400_000  # of what Baton itself asked for, some hundred records of some thousand values


def each(request: WebhookRequest, read: Callable[[Any], Iterable[Event]]) -> Parsed:
    """The events of all items of a request, which are objects. One that is none, or that ``read`` finds Unreadable, is
    parked alone."""
    items = loads(request.body, max_nodes=MAX_NODES)
    if not isinstance(items, list):
        raise Unreadable("what was polled is a list of items")
    for item in items:
        try:
            if not isinstance(item, dict):
                raise Unreadable("what was polled is no object")
            yield from read(item)
        except Unreadable as error:
            if len(items) == 1:
                raise
            yield BadItem(msgspec.json.encode([item]), str(error))


def item(key: str, record: Any) -> Item:
    """A record as an item of a page."""
    return Item(key, msgspec.json.encode(record))
