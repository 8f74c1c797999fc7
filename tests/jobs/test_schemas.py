"""A tool's own list of fields is read once a day, and what changed in it is flagged on the mapping's rows.

Catalogue: D7 (drift from the schema), D4 (options without a place).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from adapters.sandbox.vendor import Answer
from app.mapping import desk
from app.mapping.desk import RowState
from app.runtime import Runtime
from app.setup import add_connection
from app.store import budgets
from app.store.connections import Connection
from app.store.schemas import Schema, load
from jobs import schemas
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import Clock
from tests.feeding import klaviyo


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def hub(runtime: Runtime, vendors: Server) -> Connection:
    settings = {"access_token": "t", "client_secret": "s"}
    return add_connection(runtime, "hubspot", "hubspot", settings, f"{vendors.url}/hubspot")


def known(runtime: Runtime, connection: Connection) -> Schema:
    with runtime.database.read() as conn:
        return load(conn, [connection.id])[connection.id]


def states(runtime: Runtime, connection: Connection) -> dict[str, RowState]:
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        return {one.contact: one for one in desk.row_states(about, desk.traffic(runtime, conn, about, connection))}


def change(vendors: Server, name: str, **to: Any) -> None:
    for what, value in to.items():
        setattr(vendors.hubspot.properties["contacts"][name], what, value)


def test_list_is_read_once_a_day_and_says_what_kind_each_field_is(
    runtime: Runtime, hub: Connection, clock: Clock
) -> None:
    klaviyo(runtime, api_key="pk")
    assert [one.name for one in schemas.due(runtime)] == ["hubspot"], "Klaviyo has no list to ask for"
    assert schemas.read(runtime, hub) == ""
    listed = known(runtime, hub).fields
    assert (listed["city"].kind, list(listed["lifecyclestage"].options)[:2]) == ("text", ["subscriber", "lead"])
    assert schemas.due(runtime) == []
    clock.advance(hours=24)
    assert schemas.due(runtime) == [runtime.connection("hubspot")]


def test_what_is_gone_retyped_or_newly_to_choose_is_flagged_on_its_row(
    runtime: Runtime, hub: Connection, vendors: Server, clock: Clock
) -> None:
    schemas.read(runtime, hub)
    before = states(runtime, hub)
    assert {one.contact for one in before.values() if one.state == "bad"} == set()
    assert before["lifecycle_stage"].without_place == ["other"]
    clock.advance(days=1)
    del vendors.hubspot.properties["contacts"]["jobtitle"]
    change(vendors, "city", type="number")
    options = vendors.hubspot.properties["contacts"]["hs_lead_status"].options
    options.append({**options[0], "label": "In review", "value": "IN_REVIEW"})
    schemas.read(runtime, hub)
    after = states(runtime, hub)
    assert after["job_title"].says == ["“jobtitle” is in HubSpot’s list of fields no more since 23 November"]
    assert after["city"].says == ["“city” became a number in HubSpot on 23 November; it was text"]
    assert "a new option without a place in its table: IN_REVIEW" in str(states_of_verdict(runtime, hub).says)
    assert {one.state for one in (after["job_title"], after["city"])} == {"bad"}


def states_of_verdict(runtime: Runtime, connection: Connection) -> RowState:
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        rows = desk.row_states(about, desk.traffic(runtime, conn, about, connection))
    return next(one for one in rows if one.sources == ["hs_lead_status"])


def test_screens_and_api_show_it(sqlite_runtime: Runtime, vendors: Server, clock: Clock) -> None:
    settings = {"access_token": "t", "client_secret": "s"}
    hub = add_connection(sqlite_runtime, "hubspot", "hubspot", settings, f"{vendors.url}/hubspot")
    browser = Browser(new_app(sqlite_runtime), "admin")
    assert "it has not been yet" in browser.read("/admin/mappings/hubspot/")
    browser.post("/admin/connections/hubspot/check", {}, on="/admin/connections/hubspot")
    assert "own list of fields" in browser.read("/admin/mappings/hubspot/")
    assert "could be asked for: what changes there" in browser.read("/admin/mappings/forms/")
    page = browser.read("/admin/mappings/hubspot/row?row=16")
    assert "HubSpot lists options that have no line yet" in page
    assert 'value="place:other"' in page
    assert "HubSpot lists it, it has not come in" in browser.read("/admin/mappings/hubspot/row")
    clock.advance(days=1)
    del vendors.hubspot.properties["contacts"]["jobtitle"]
    schemas.read(sqlite_runtime, hub)
    browser = Browser(new_app(sqlite_runtime), "marketer")  # a day later one has to sign in again
    assert "in HubSpot’s list of fields no more" in browser.read("/admin/mappings/")
    rows = {one["contact"]: one for one in Api(sqlite_runtime).get("/mappings/hubspot")["rows"]}
    assert (rows["job_title"]["drift"]["what"], rows["job_title"]["health"]) == ("gone", "bad")
    assert rows["lifecycle_stage"]["without_place"] == ["other"]


def test_list_waits_for_its_turn_under_the_tools_limits(sqlite_runtime: Runtime, vendors: Server, clock: Clock) -> None:
    settings = {"access_token": "t", "client_secret": "s"}
    hub = add_connection(sqlite_runtime, "hubspot", "hubspot", settings, f"{vendors.url}/hubspot")
    limits = sqlite_runtime.adapter(hub).read_limits
    budgets.hold_back(sqlite_runtime.database, hub.id, limits, 60.0)
    assert "as many calls as it takes" in schemas.read(sqlite_runtime, hub)
    assert vendors.called("hubspot") == []
    assert [one.name for one in schemas.due(sqlite_runtime)] == ["hubspot"], "it is asked for again"


def test_list_that_cannot_be_read_changes_nothing_and_says_why(
    runtime: Runtime, hub: Connection, vendors: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas.read(runtime, hub)
    fields = known(runtime, hub).fields
    monkeypatch.setattr(vendors.hubspot, "properties", {"contacts": {}})
    assert schemas.read(runtime, hub) == ""
    assert known(runtime, hub).fields == fields, "an empty list is none"
    clock.advance(days=1)
    monkeypatch.setattr(
        vendors.hubspot, "answer", lambda request: (Answer(status=403, body={"category": "MISSING_SCOPES"}), False)
    )
    schemas.read(runtime, hub)
    kept = known(runtime, hub)
    assert kept.fields == fields
    assert kept.problem == "HubSpot does not let this token read its list of fields"
    assert kept.read_at is not None
    assert kept.tried_at - kept.read_at == timedelta(days=1)
