"""The simulated HubSpot and Klaviyo as tools of an installation: connected, and with work waiting for them."""

from collections.abc import Sequence
from uuid import uuid4

from adapters.sandbox.server import Server
from app.contacts.action import AnyAction, kind_of
from app.runtime import Runtime
from app.store import deliveries
from app.store.connections import Connection
from app.store.deliveries import Planned
from bench import mass
from bench.hub import Hub

CHUNK = 5_000


def connect(hub: Hub, tools: Server) -> None:
    """Connect the simulated HubSpot and Klaviyo."""
    secrets = {"client_secret": "bench", "portal_id": "4242"}
    hub.connect("hubspot", "hubspot", f"{tools.url}/hubspot", access_token="sandbox", **secrets)  # noqa: S106
    hub.connect("klaviyo", "klaviyo", f"{tools.url}/klaviyo", api_key="pk_sandbox")


def queue(runtime: Runtime, target: Connection, actions: Sequence[AnyAction], slot: str | None = None) -> None:
    """Have one of these actions wait for each contact, the first contacts first."""
    ids = mass.contact_ids(runtime)[: len(actions)]
    planned = [
        Planned(
            key=uuid4().hex,
            contact_id=contact_id,
            connection_id=target.id,
            kind=kind_of(action),
            urgency=int(action.urgency),
            action=action,
            slot=slot,
        )
        for contact_id, action in zip(ids, actions, strict=True)
    ]
    for start in range(0, len(planned), CHUNK):
        with runtime.database.write() as conn:
            deliveries.plan(conn, runtime.database, planned[start : start + CHUNK], runtime.clock())
