"""What has to be asked of a tool before it is clear whom an event is about, where the tool cannot be asked just then.

Catalogue: A5 (nothing is lost), B2 (identities).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from tests.conftest import Clock
from tests.feeding import PORTAL, arrive, contact, drain, notice, rows

ANN = "ann@acme.example"


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    with serve(clock=lambda: clock().timestamp()) as server:
        server.hubspot.configure(search_lag=0, searches_per_second=0, calls_per_window=0)
        yield server


@pytest.fixture
def hub(sqlite_runtime: Runtime, tools: Server) -> Runtime:
    settings = {"access_token": "t", "client_secret": "s", "portal_id": PORTAL}
    add_connection(sqlite_runtime, "hubspot", "hubspot", settings, f"{tools.url}/hubspot")
    return sqlite_runtime


@pytest.mark.parametrize("fault", ["401", "403"])
def test_who_could_not_be_read_for_a_refused_token_is_read_with_the_next_event(
    hub: Runtime, tools: Server, clock: Clock, fault: str
) -> None:
    """They must not count as read, and as nobody that the tool knows, for weeks."""
    made = int(tools.hubspot.act("create_contact", email=ANN, firstname="Ann")["id"])
    tools.hubspot.fault(fault, path="/batch/read")
    arrive(hub, "hubspot", [notice(clock(), made, "creation")])
    drain(hub)
    assert [row.email for row in rows(hub, "contacts", "email")] == [None]
    clock.advance(minutes=1)
    arrive(hub, "hubspot", [notice(clock(), made, name="company", value="Acme")])
    drain(hub)
    assert contact(hub, email=ANN)["fields"]["first_name"] == "Ann"


@pytest.mark.parametrize("fault", ["403", "429"])
def test_deal_whose_contacts_could_not_be_read_is_not_taken_for_nobodys(
    hub: Runtime, tools: Server, clock: Clock, fault: str
) -> None:
    made = tools.hubspot.act("create_contact", email=ANN)["id"]
    deal = int(tools.hubspot.act("create_deal", contacts=[made])["id"])
    tools.hubspot.fault(fault, path="/associations/")
    move: dict[str, Any] = {"subscriptionType": "deal.propertyChange", "propertyName": "dealstage"}
    arrive(hub, "hubspot", [{**notice(clock(), deal), **move, "propertyValue": "qualifiedtobuy"}])
    drain(hub)
    clock.advance(minutes=1)
    arrive(hub, "hubspot", [{**notice(clock() + timedelta(seconds=1), deal), **move, "propertyValue": "contractsent"}])
    drain(hub)
    owner = contact(hub, email=ANN)["id"]
    moved = [row.contact_id for row in rows(hub, "events", "type", "contact_id") if row.type == "deal.stage_changed"]
    assert owner in moved
    assert moved.count(owner) == (2 if fault == "429" else 1)
