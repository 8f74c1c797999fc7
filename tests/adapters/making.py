"""What tests of adapters share: requests as they arrive, clients of the real SDKs, and deliveries."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.contract import Account, Adapter, Delivery, Outcome, Recipient, WebhookRequest
from adapters.http import Http
from adapters.sandbox.server import Server
from app.contacts.action import AnyAction

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
_ids = itertools.count(1)


def arrived(
    body: bytes,
    url: str = "https://hub.example.com/webhooks/x",
    method: str = "POST",
    at: datetime = NOW,
    settings: dict[str, str] | None = None,
    **headers: str,
) -> WebhookRequest:
    """A request; ``x_baton_secret`` is the header x-baton-secret."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return WebhookRequest(method=method, url=url, headers=named, body=body, received_at=at, settings=settings or {})


def client_of(adapter: Adapter, sandbox: Server, **settings: str) -> Any:
    """A client of the vendor's own SDK that calls the sandbox through Baton's edge."""
    assert adapter.connect is not None
    settings = {"access_token": "pat-x", "api_key": "pk_x", **settings}
    return adapter.connect(Account(settings, f"{sandbox.url}/{adapter.name}", Http(allow_private=True)))


def delivery(action: AnyAction, **to: Any) -> Delivery:
    """One action for one person."""
    number = next(_ids)
    return Delivery(id=number, key=f"key{number}", action=action, to=Recipient(contact_id=number, **to))


def push(adapter: Adapter, client: Any, *deliveries: Delivery) -> Sequence[Outcome]:
    """What comes of deliveries that leave in one call."""
    assert len({adapter.pushes[type(one.action)].group(one) for one in deliveries}) == 1, "these leave in two calls"
    return adapter.pushes[type(deliveries[0].action)].send(client, deliveries)
