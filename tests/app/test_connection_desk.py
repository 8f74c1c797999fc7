"""How a connection stands, on its page and through the API: freshness, what waits, limits in use, what came how.

Catalogue: N6 (with N3 and what polling found).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app import connections
from app.runtime import Runtime
from app.setup import add_connection
from app.store import budgets, calls, imports, notes, polls
from app.store.calls import Call
from tests.app.doors import Api
from tests.app.screens import Browser, change_delivery, new_app
from tests.conftest import Clock
from tests.feeding import arrive, drain, form, hubspot, klaviyo, minutes, rows


@dataclass(frozen=True)
class Limit:
    name: str
    calls: int
    seconds: float
    even: bool


@pytest.fixture
def hub(runtime: Runtime) -> Runtime:
    """HubSpot and Klaviyo, and somebody new for both."""
    hubspot(runtime, access_token="a-key-of-ours")
    klaviyo(runtime, api_key="a-key-of-ours")
    form(runtime, "newsletter", at=runtime.clock() - minutes(9), email="ann@acme.example", consent="yes")
    drain(runtime)
    return runtime


def standing(runtime: Runtime, name: str) -> connections.Standing:
    known = runtime.connection(name)
    assert known is not None
    with runtime.database.read() as conn:
        return connections.look(runtime, conn, [known])[0]


def test_last_arrival_and_last_success_are_told_apart(hub: Runtime, clock: Clock) -> None:
    forms, vendor = standing(hub, "forms"), standing(hub, "hubspot")
    assert forms.last_arrival_at == clock() - minutes(9)
    assert (vendor.last_arrival_at, vendor.last_success_at) == (None, None)
    arrive(hub, "hubspot", [], at=clock() - minutes(2))
    first = rows(hub, "deliveries", "id", connection_id=vendor.connection.id)[0].id
    change_delivery(hub, first, status="sent", updated_at=clock() - minutes(1))
    vendor = standing(hub, "hubspot")
    assert (vendor.last_arrival_at, vendor.last_success_at) == (clock() - minutes(2), clock() - minutes(1))


def test_what_waits_is_counted_by_urgency(hub: Runtime) -> None:
    known = standing(hub, "hubspot")
    waiting = [row.urgency for row in rows(hub, "deliveries", "urgency", connection_id=known.connection.id)]
    assert known.waits == len(waiting) > 0
    assert known.backlog["profile"] == waiting.count(3)
    page = Browser(new_app(hub), "viewer").read("/admin/connections/hubspot")
    assert "Changes of profiles" in page
    assert "Handoffs to sales" not in page  # nothing of these waits


def test_calls_of_an_even_limit_are_those_that_were_made(hub: Runtime, clock: Clock) -> None:
    connection = standing(hub, "hubspot").connection
    made = [
        Call(at=clock() - timedelta(seconds=ago), seconds=0.1, method="GET", url="u", request="", status=200, answer="")
        for ago in (1, 5, 11)
    ]
    with hub.database.write() as conn:
        calls.keep_calls(conn, connection.id, made)
    limit = next(one for one in standing(hub, "hubspot").limits if one.name == "default")
    assert (limit.used, limit.calls, limit.seconds) == (2, 186, 10)
    assert "<b>2</b> of 186 in 10 seconds" in Browser(new_app(hub), "viewer").read("/admin/connections/hubspot")


def test_places_of_a_windowed_limit_are_counted_over_all_workers(hub: Runtime) -> None:
    connection = standing(hub, "klaviyo").connection
    minute, second = Limit("events_minute", 3500, 60, even=False), Limit("events", 330, 1, even=True)
    with hub.database.write() as conn:
        for _ in range(2):
            budgets.reserve(conn, hub.database, connection.id, [minute, second], calls=40)
    by_name = {limit.name: limit for limit in standing(hub, "klaviyo").limits}
    assert by_name["events_minute"].used == 80
    assert by_name["profiles_minute"].used == 0
    assert by_name["events"].used is None  # an even one keeps a place in time, no count


def test_a_tool_that_asked_to_wait_is_shown_to(hub: Runtime) -> None:
    connection = standing(hub, "hubspot").connection
    budgets.hold_back(hub.database, connection.id, ["default"], 90)
    limit = next(one for one in standing(hub, "hubspot").limits if one.name == "default")
    assert 80 < limit.wait <= 90
    assert "nobody may call for" in Browser(new_app(hub), "viewer").read("/admin/connections/hubspot")


def test_what_was_found_only_by_reading_is_said(hub: Runtime, clock: Clock) -> None:
    connection = standing(hub, "klaviyo").connection
    upto = clock() - minutes(4)
    stream = hub.adapter(connection).streams[0].name
    with hub.database.write() as conn:
        polls.count(conn, hub.database, {(connection.id, "webhook"): 12, (connection.id, polls.POLL): 3}, clock())
        polls.count(conn, hub.database, {(connection.id, "webhook"): 99}, clock() - timedelta(days=8))
        state = polls.Polling(
            connection_id=connection.id, stream=stream, upto=upto, due_at=clock(), problem="the scope is missing"
        )
        polls.save(conn, hub.database, state)
    known = standing(hub, "klaviyo")
    assert (known.pushed, known.polled) == (12, 3)
    assert known.last_success_at == upto
    page = Browser(new_app(hub), "viewer").read("/admin/connections/klaviyo")
    for words in ("12 events were sent to us, 3 we found only by reading", "The scope is missing", "read up to"):
        assert words in page, words


def test_what_is_imported_was_not_sent_to_us(hub: Runtime, clock: Clock) -> None:
    before = standing(hub, "klaviyo").last_arrival_at
    csv = add_connection(hub, "csv", "csv", {})
    arrive(hub, "klaviyo", [], kind=imports.IMPORT, at=clock() + minutes(5))
    arrive(hub, "csv", [], kind=imports.IMPORT, at=clock())
    klaviyo = standing(hub, "klaviyo").connection
    with hub.database.write() as conn:
        polls.count(conn, hub.database, {(one.id, imports.IMPORT): 500 for one in (klaviyo, csv)}, clock())
    assert standing(hub, "klaviyo").last_arrival_at == before
    assert (standing(hub, "klaviyo").pushed, standing(hub, "klaviyo").polled) == (0, 0)
    page = Browser(new_app(hub), "viewer").read("/admin/connections/csv")
    assert "Last came in" not in page
    assert "sent to us" not in page
    assert "Nothing comes in through it but what is" in page


def test_the_api_shows_the_same(hub: Runtime, clock: Clock) -> None:
    api = Api(hub)
    shown: dict[str, Any] = {one["name"]: one for one in api.get("/connections")["items"]}
    assert set(shown) == {"forms", "hubspot", "klaviyo", "site"}
    assert shown["hubspot"]["sending"] is True
    assert shown["hubspot"]["waiting"]["profile"] > 0
    assert [limit["name"] for limit in shown["hubspot"]["limits"]] == ["default", "search", "journal"]
    assert "journal" not in [stream["name"] for stream in shown["hubspot"]["streams"]], "nobody asked for it"
    assert shown["klaviyo"]["came"] == {"days": 7, "pushed": 0, "polled": 0}
    assert shown["klaviyo"]["streams"][0]["upto"] is None
    known = standing(hub, "hubspot").connection
    with hub.database.write() as conn:
        notes.refuse(conn, hub.database, known.id, "it lies", "u", {}, b"", clock())
    assert shown["hubspot"]["problems"] == []
    assert [one["title"] for one in api.get("/connections/hubspot")["problems"]] == ["hubspot: 1 request was refused"]
    assert "a-key-of-ours" not in api.call("GET", "/connections").text
    api.get("/connections/none", status=404)


def test_paused_is_said_in_plain_words_wherever_one_looks(hub: Runtime) -> None:
    api, admin = Api(hub), Browser(new_app(hub), "admin")
    page = admin.read("/admin/connections")
    assert "No message leaves, but no alert to sales and no opt-out either" in page
    assert "Everything is paused" in admin.says(
        admin.post("/admin/pause", {"reason": "wrong prices", "back": "/admin/connections"})
    )
    for path in ("/admin/connections", "/admin/connections/hubspot", "/admin/"):
        page = admin.read(path)
        assert "no alert to sales, no opt-out, no change of a profile" in page, path
        assert "Reason: wrong prices" in page, path
    assert {one["sending"] for one in api.get("/connections")["items"]} == {False}
    assert api.get("/connections/hubspot")["status"] == "active"
    admin.says(admin.post("/admin/resume"))
    admin.says(admin.post("/admin/connections/hubspot/pause", {"reason": "tidying"}))
    assert {one["name"]: one["sending"] for one in api.get("/connections")["items"]} == {
        "forms": True, "hubspot": False, "klaviyo": True, "site": True,
    }  # fmt: skip


def test_a_way_to_tell_people_is_not_said_to_be_silent(hub: Runtime) -> None:
    add_connection(hub, "alerts", "slack", {"urls": "json://127.0.0.1:9/"})
    page = Browser(new_app(hub), "viewer").read("/admin/connections/slack")
    assert "Last came in" not in page
    assert "never: it was not asked for anything yet" in page
