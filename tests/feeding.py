"""Short ways to put something into Baton and to see what came of it."""

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app import views
from app.runtime import Runtime
from app.setup import add_connection
from app.store import inbox, lists, tables
from app.store.connections import Connection
from app.store.inbox import Arrival
from jobs import ingest

PORTAL = "62515"
SECRET = "a-client-secret"
_ids = itertools.count(1)


def hubspot(runtime: Runtime, **settings: str) -> Connection:
    """A HubSpot connection that only sends to us, unless it gets a token."""
    return add_connection(runtime, "hubspot", "hubspot", {"client_secret": SECRET, "portal_id": PORTAL, **settings})


def klaviyo(runtime: Runtime, **settings: str) -> Connection:
    """A Klaviyo connection that only sends to us, unless it gets a key."""
    made = {"webhook_secret": "klaviyo-test-secret", "flow_secret": "flow-secret", **settings}
    return add_connection(runtime, "klaviyo", "klaviyo", made)


def notice(at: datetime, contact: int, change: str = "propertyChange", **more: Any) -> dict[str, Any]:
    """One event of HubSpot's app webhook."""
    if "name" in more:
        more["propertyName"], more["propertyValue"] = more.pop("name"), more.pop("value")
    return {
        "eventId": next(_ids),
        "subscriptionId": 1,
        "portalId": int(PORTAL),
        "appId": 7,
        "occurredAt": int(at.timestamp() * 1000),
        "subscriptionType": f"contact.{change}",
        "attemptNumber": 0,
        "objectId": contact,
        "changeSource": "CRM_UI",
        "sourceId": "userId:9",
        **more,
    }


def arrive(
    runtime: Runtime, connection: str, body: Any, kind: str = "webhook", route: str = "", at: datetime | None = None,
    headers: Mapping[str, str] | None = None, query: str = "",
) -> None:  # fmt: skip
    """Put a request in the inbox, as the web process would have."""
    found = runtime.connection(connection)
    assert found is not None, connection
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    arrival = Arrival(
        connection_id=found.id,
        kind=kind,
        route=route,
        received_at=at or runtime.clock(),
        body=raw,
        headers=headers or {"content-type": "application/json"},
        url=f"https://hub.example.com/webhooks/{connection}{query}",
    )
    with runtime.database.write() as conn:
        inbox.accept(conn, [arrival])


def form(runtime: Runtime, name: str = "contact", at: datetime | None = None, **answers: str) -> None:
    """Somebody fills in a form."""
    arrive(runtime, "forms", {"submission_id": f"s{next(_ids)}", **answers}, kind="form", route=name, at=at)


def visit(runtime: Runtime, visitor: str, path: str, at: datetime | None = None) -> None:
    """Somebody looks at a page."""
    moment = at or runtime.clock()
    body = {
        "anonymous_id": visitor.ljust(16, "x"),
        "url": f"https://www.example.com{path}",
        "sent_at": moment.isoformat(),
        "id": f"{next(_ids):032x}",
    }
    arrive(runtime, "site", body, kind="track", at=moment)


def drain(runtime: Runtime) -> int:
    """Work off the inbox."""
    return ingest.drain(runtime, 60)


def contact(runtime: Runtime, **by: str) -> dict[str, Any]:
    """The one contact that goes by an identity, as the API shows it."""
    found = contacts(runtime, **by)
    assert len(found) == 1, f"{len(found)} contacts by {by}"
    return found[0]


def contacts(runtime: Runtime, **by: str) -> list[dict[str, Any]]:
    """The contacts that go by an identity."""
    from app.contacts.event import Identity
    from app.contacts.identity import GLOBAL_KINDS

    ((kind, value),) = by.items()
    ids = [one.id for one in runtime.connections().values() if one.kind == kind]
    with runtime.database.read() as conn:
        found = lists.find_contacts(conn, Identity(kind, value), ids if kind not in GLOBAL_KINDS else (0,))
        return [shown for one in found if (shown := views.contact(runtime, conn, one)) is not None]


def without_sequences(runtime: Runtime) -> None:
    """As if none had been shipped, for tests of something else: whoever signs up is welcomed."""
    policies = tables.policies
    with runtime.database.write() as conn:
        mine = update(policies).where(policies.c.kind == "sequences")
        conn.execute(mine.values(body="kind: sequences\nsequences: []"))
    read_rules_again(runtime)


def read_rules_again(runtime: Runtime) -> None:
    """Have rules read that were changed where they stand, which never happens outside of tests: a rulebook looks for
    new versions only."""
    runtime._rulebook = None
    runtime.forget()


def rows(runtime: Runtime, table: str, *columns: str, **where: Any) -> list[Any]:
    """Rows of a table, by id."""
    found = tables.metadata.tables[table]
    query = select(*(found.c[name] for name in columns or [column.name for column in found.c]))
    for name, value in where.items():
        query = query.where(found.c[name] == value)
    with runtime.database.read() as conn:
        return list(conn.execute(query.order_by(*found.primary_key.columns)))


def hubspot_v3(body: bytes, url: str, at: datetime, secret: str = SECRET) -> dict[str, str]:
    """The headers with which HubSpot proves a request."""
    stamp = str(int(at.timestamp() * 1000))
    mac = hmac.new(secret.encode(), b"POST" + url.encode() + body + stamp.encode(), hashlib.sha256)
    return {
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": base64.b64encode(mac.digest()).decode(),
    }


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
