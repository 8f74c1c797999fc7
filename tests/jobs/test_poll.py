"""Vendors' streams are read beside their webhooks: what one way missed the other brings, and what both bring is one.

Through the real SDKs against the simulators, on both databases. Catalogue: A5 (gaps), M1, M2 (polling), N1.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.contract import Page, Window
from adapters.hubspot import ADAPTER as HUBSPOT
from adapters.hubspot.sandbox import HubSpot
from adapters.klaviyo.sandbox import Klaviyo
from adapters.klaviyo.sandbox.records import payload
from adapters.sandbox.server import Server, serve
from adapters.sandbox.webhooks import Hook
from app.runtime import Runtime
from app.setup import add_connection
from app.store import connections, lanes, polls, tables
from app.store.engine import Conflict
from jobs import poll
from tests.conftest import Clock
from tests.feeding import arrive, contact, drain, form, rows


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    """Simulated vendors that go by the test's clock."""
    with serve(clock=lambda: clock().timestamp()) as server:
        server.klaviyo.configure(rate_limits=False, job_seconds=0)
        yield server


def connect_klaviyo(runtime: Runtime, tools: Server) -> Klaviyo:
    settings = {"api_key": "pk_1", "webhook_secret": "klaviyo-secret-16"}
    add_connection(runtime, "klaviyo", "klaviyo", settings, f"{tools.url}/klaviyo")
    return tools.klaviyo


def connect_hubspot(runtime: Runtime, tools: Server) -> HubSpot:
    settings = {"access_token": "t", "client_secret": "s", "portal_id": "4242"}
    add_connection(runtime, "hubspot", "hubspot", settings, f"{tools.url}/hubspot")
    tools.hubspot.configure(search_lag=0, searches_per_second=0, calls_per_window=0)
    return tools.hubspot


def webhook(klaviyo: Klaviyo, event: Any) -> dict[str, Any]:
    """A system webhook with one event."""
    item = {"external_id": event.id, "topic": klaviyo.topic(event.metric), "payload": {"data": payload(event)}}
    return {"data": [item], "meta": {"version": 1}}


def events(runtime: Runtime) -> Counter[str]:
    """How many events there are of each type, without what was read of contacts."""
    return Counter(row.type for row in rows(runtime, "events", "type") if row.type != "contact.updated")


def came(runtime: Runtime) -> Counter[str]:
    """How many events came on which way."""
    with runtime.database.read() as conn:
        return Counter({one.way: one.count for one in polls.came(conn, runtime.clock() - timedelta(days=9))})


def look(runtime: Runtime) -> int:
    """Read everything whose turn it is, and work it off."""
    news = poll.drain(runtime)
    drain(runtime)
    return news


def state(runtime: Runtime, stream: str) -> polls.Polling:
    with runtime.database.read() as conn:
        (found,) = [one for (_, name), one in polls.load(conn).items() if name == stream]
    return found


@pytest.mark.usefixtures("unpaced")
def test_what_webhooks_missed_of_klaviyo_is_found_once(runtime: Runtime, tools: Server, clock: Clock) -> None:
    klaviyo, dice = connect_klaviyo(runtime, tools), random.Random(5)
    people = [klaviyo.act("create_profile", email=f"p{number}@acme.example") for number in range(9)]
    for number in range(240):
        clock.advance(seconds=3)
        act = dice.choice(("receive", "open", "click", "machine_open"))
        klaviyo.act(act, profile=dice.choice(people), campaign=f"C{number % 7}")
    clock.advance(seconds=3)
    true = Counter(klaviyo.metrics[event.metric]["name"] for event in klaviyo.events)
    arrived = [event for event in klaviyo.events if dice.random() < 0.5]
    for event in arrived:
        arrive(runtime, "klaviyo", webhook(klaviyo, event))
    drain(runtime)
    assert look(runtime) > 0
    found = events(runtime)
    assert found["email.delivered"] == true["Received Email"]
    assert found["email.opened"] == true["Opened Email"]
    assert found["email.clicked"] == true["Clicked Email"]
    assert came(runtime)["webhook"] >= len(arrived)
    assert came(runtime)["poll"] >= len(klaviyo.events) - len(arrived)
    for event in klaviyo.events:  # the webhooks that were late
        arrive(runtime, "klaviyo", webhook(klaviyo, event))
    clock.advance(minutes=11)
    assert look(runtime) == 0, "what was read is not read again"
    assert events(runtime) == found


@pytest.mark.usefixtures("unpaced")
def test_what_webhooks_missed_of_hubspot_is_found(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot, dice = connect_hubspot(runtime, tools), random.Random(7)
    heard: list[dict[str, Any]] = []
    listen(hubspot, heard)
    made = [hubspot.act("create_contact", email=f"p{number}@acme.example")["id"] for number in range(12)]
    deals = [hubspot.act("create_deal", contacts=[one])["id"] for one in made[:6]]
    for number in range(80):
        clock.advance(seconds=2)
        if number % 4:
            hubspot.act("set_property", id=dice.choice(made), name="company", value=f"Company {number}")
        else:
            hubspot.act("move_deal", deal=dice.choice(deals), stage=dice.choice(STAGES))
    clock.advance(seconds=5)
    for told in heard:
        if dice.random() < 0.5:
            arrive(runtime, "hubspot", [told])
    drain(runtime)
    look(runtime)
    for one in made:
        truth = hubspot.contacts[one].properties
        fields = contact(runtime, email=truth["email"])["fields"]
        assert fields.get("company") == truth.get("company")
    moves = {
        (deal, entry["value"], entry["timestamp"])
        for deal in deals
        for entry in hubspot.deals[deal].history["dealstage"]
    }
    assert events(runtime)["deal.stage_changed"] == len(moves), "each once, however it was learned"
    before = rows(runtime, "events", "id")
    for told in heard:
        if told["subscriptionType"] != "contact.propertyChange":
            arrive(runtime, "hubspot", [told])
    drain(runtime)
    assert events(runtime)["deal.stage_changed"] == len(moves)
    clock.advance(minutes=11)
    assert look(runtime) == 0
    assert len(rows(runtime, "events", "id")) >= len(before)


STAGES = ("appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon")


def listen(hubspot: HubSpot, heard: list[dict[str, Any]]) -> None:
    """The simulator's webhooks, kept instead of sent."""

    class Sink:
        hook = Hook(url="http://x")

        def add(self, told: list[dict[str, Any]]) -> None:
            heard.extend({**one, "attemptNumber": 0} for one in told)

        def stop(self) -> None: ...

    hubspot.hooks["test"] = Sink()  # type: ignore[assignment]


@pytest.mark.usefixtures("unpaced")
def test_more_contacts_than_a_search_has_pages_for_are_all_found(
    sqlite_runtime: Runtime, tools: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.hubspot.poll.SEARCHED", 5)
    monkeypatch.setattr("adapters.hubspot.sandbox.search.END", 12)
    hubspot = connect_hubspot(sqlite_runtime, tools)
    for number in range(23):  # all changed in one moment, as by an import
        hubspot.act("create_contact", email=f"m{number}@acme.example")
    for number in range(17):
        clock.advance(seconds=1)
        hubspot.act("create_contact", email=f"n{number}@acme.example")
    clock.advance(seconds=5)
    assert look(sqlite_runtime) == 40
    assert len(rows(sqlite_runtime, "contacts", "id")) == 40


@pytest.mark.usefixtures("unpaced")
def test_forms_and_mail_of_hubspot_come_by_polling_alone(sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect_hubspot(sqlite_runtime, tools)
    for number in range(120):
        hubspot.act(
            "submit_form", form=("Demo", "Pricing")[number % 2], email=f"f{number}@acme.example", firstname="Ann"
        )
    for kind in ("DELIVERED", "OPEN", "CLICK", "SENT"):
        hubspot.act("mail_event", email="f1@acme.example", type=kind)
    hubspot.act("mail_event", email="f1@acme.example", userAgent="Mozilla via ggpht.com GoogleImageProxy")
    clock.advance(seconds=5)
    look(sqlite_runtime)
    found = events(sqlite_runtime)
    assert (found["form.submitted"], found["email.opened"], found["email.clicked"]) == (120, 2, 1)
    shown = contact(sqlite_runtime, email="f1@acme.example")
    assert shown["fields"]["first_name"] == "Ann"
    clock.advance(minutes=11)
    assert look(sqlite_runtime) == 0
    hubspot.act("submit_form", form="Demo", email="f1@acme.example")
    clock.advance(minutes=11)
    assert look(sqlite_runtime) == 1


@pytest.mark.usefixtures("unpaced")
class TestTrouble:
    def test_a_refused_key_stops_the_connection(self, sqlite_runtime: Runtime, tools: Server) -> None:
        connect_klaviyo(sqlite_runtime, tools).fault("401", times=1)
        look(sqlite_runtime)
        broken = sqlite_runtime.connection("klaviyo")
        assert broken is not None
        assert broken.status == connections.BROKEN
        assert poll.due(sqlite_runtime) == []

    def test_a_missing_scope_stops_its_stream_alone(self, sqlite_runtime: Runtime, tools: Server) -> None:
        connect_klaviyo(sqlite_runtime, tools).fault("403", times=1, path="/api/events")
        look(sqlite_runtime)
        assert "events:read" in state(sqlite_runtime, "events").problem
        assert state(sqlite_runtime, "profiles").problem == ""
        still = sqlite_runtime.connection("klaviyo")
        assert still is not None
        assert still.sends

    def test_retry_after_is_heeded(self, sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
        klaviyo = connect_klaviyo(sqlite_runtime, tools)
        klaviyo.fault("429", times=1, retry_after=90, path="/api/events")
        look(sqlite_runtime)
        waits = state(sqlite_runtime, "events")
        assert waits.due_at == clock() + timedelta(seconds=90)
        assert waits.problem == "Klaviyo answered 429"
        with sqlite_runtime.database.write() as conn:
            conn.execute(tables.budgets.delete())
        clock.advance(seconds=91)
        look(sqlite_runtime)
        assert state(sqlite_runtime, "events").problem == ""

    def test_a_reader_that_is_killed_goes_on_where_it_was(
        self, runtime: Runtime, tools: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.klaviyo.poll.EVENTS", 10)
        klaviyo = connect_klaviyo(runtime, tools)
        person = klaviyo.act("create_profile", email="ann@acme.example")
        for number in range(35):
            klaviyo.act("receive", profile=person, campaign=f"C{number}")
        clock.advance(seconds=3)
        (one,) = [found for found in poll.due(runtime) if found[1].name == "events"]
        lease = lanes.take(runtime.database, poll._lane(*one), "killed", 60)
        assert lease is not None
        pages = 0

        def killed() -> None:
            nonlocal pages
            pages += 1
            if pages == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            poll.Reader(runtime, *one, lease).run(killed)
        asked = len(tools.called("klaviyo", path="/api/events"))
        assert state(runtime, "events").page
        with runtime.database.write() as conn:
            conn.execute(tables.lanes.delete())  # the lease is over
        look(runtime)
        assert events(runtime)["email.delivered"] == 35
        assert len(tools.called("klaviyo", path="/api/events")) == asked + 2, "no page is asked for twice"

    def test_who_lost_the_lease_keeps_nothing(self, runtime: Runtime, tools: Server) -> None:
        connect_klaviyo(runtime, tools)
        one = poll.due(runtime)[0]
        lease = lanes.take(runtime.database, poll._lane(*one), "slow", 60)
        assert lease is not None
        with runtime.database.write() as conn:
            conn.execute(tables.lanes.delete())
        with pytest.raises(Conflict):
            poll.Reader(runtime, *one, lease).run(lambda: None)
        assert rows(runtime, "polls") == []

    def test_nothing_is_read_ahead_of_the_clock(self, sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
        klaviyo = connect_klaviyo(sqlite_runtime, tools)
        person = klaviyo.profiles[klaviyo.act("create_profile", email="ann@acme.example")]
        klaviyo.happen("Opened Email", person, {}, moment=clock().timestamp() + 7200)
        clock.advance(seconds=3)
        look(sqlite_runtime)
        assert state(sqlite_runtime, "events").upto == clock()
        assert events(sqlite_runtime)["email.opened"] == 0
        clock.advance(hours=3)
        look(sqlite_runtime)
        assert events(sqlite_runtime)["email.opened"] == 1


# --- what is read anew is news only where it has changed


@pytest.mark.usefixtures("unpaced")
def test_a_change_of_one_property_makes_no_news_of_the_others(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect_hubspot(runtime, tools)
    ann = hubspot.act("create_contact", email="ann@acme.example", company="Acme", jobtitle="CMO")["id"]
    clock.advance(minutes=1)
    look(runtime)
    assert contact(runtime, email="ann@acme.example")["fields"]["company"] == "Acme"
    clock.advance(minutes=1)
    form(runtime, "guide", email="ann@acme.example", company="Gamma")
    drain(runtime)
    clock.advance(minutes=11)
    hubspot.act("set_property", id=ann, name="city", value="Hamburg")
    clock.advance(seconds=5)

    look(runtime)

    fields = contact(runtime, email="ann@acme.example")["fields"]
    assert fields["city"] == "Hamburg"
    assert fields["company"] == "Gamma", "what HubSpot says of it is older than that"
    (waiting,) = [row for row in rows(runtime, "deliveries", "kind", "action") if row.kind == "upsert_contact"]
    assert '"company":"Gamma"' in waiting.action, "and HubSpot is told"


@pytest.mark.usefixtures("unpaced")
def test_a_change_of_what_is_only_read_is_news(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect_hubspot(runtime, tools)
    ann = hubspot.act("create_contact", email="ann@acme.example")["id"]
    clock.advance(seconds=5)
    look(runtime)
    clock.advance(minutes=11)
    hubspot.act("set_property", id=ann, name="industry", value="Logistics")
    clock.advance(seconds=5)
    look(runtime)
    assert contact(runtime, email="ann@acme.example")["fields"]["industry"] == "Logistics"
    clock.advance(minutes=11)
    assert look(runtime) == 0


def test_deletion_that_no_webhook_told_is_found_once(sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot, runtime = connect_hubspot(sqlite_runtime, tools), sqlite_runtime
    made = {name: hubspot.act("create_contact", email=f"{name}@acme.example")["id"] for name in ("ann", "ben", "cleo")}
    clock.advance(minutes=1)
    look(runtime)
    heard: list[dict[str, Any]] = []
    listen(hubspot, heard)
    stranger = hubspot.act("create_contact", email="eve@acme.example")["id"]
    for name in (made["ann"], made["ben"], stranger):
        hubspot.act("delete_contact", contact=name)
    for told in heard:
        if told["subscriptionType"] == "contact.deletion" and str(told["objectId"]) == made["ben"]:
            arrive(runtime, "hubspot", [told])
    clock.advance(hours=7)
    look(runtime)
    assert events(runtime)["contact.deleted"] == 2, "each once, and nobody is made up for it"
    states = [json.loads(row.state) for row in rows(runtime, "contacts", "state")]
    gone = {state["fields"]["email"]["value"]: bool(state.get("deleted_in")) for state in states}
    assert gone == {"ann@acme.example": True, "ben@acme.example": True, "cleo@acme.example": False}
    for told in heard:  # the webhooks that were late
        if told["subscriptionType"] == "contact.deletion" and str(told["objectId"]) != stranger:
            arrive(runtime, "hubspot", [told])
    clock.advance(hours=7)
    look(runtime)
    assert events(runtime)["contact.deleted"] == 2
    assert state(runtime, "deletions").failures == 0
    (deletions,) = [one for one in HUBSPOT.streams if one.name == "deletions"]
    assert not deletions.history, "an import begins with who is there"


def test_turn_ends_after_so_many_pages_and_the_next_one_goes_on(
    sqlite_runtime: Runtime, tools: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, asked = sqlite_runtime, list[str]()
    connect_hubspot(runtime, tools)
    pages = {"": "a", "a": "b", "b": "c", "c": ""}

    def fetch(runtime: Runtime, connection: Any, stream: Any, window: Window) -> Page:
        asked.append(window.page)
        return Page(next=pages[window.page])

    (stream,) = [one for one in HUBSPOT.streams if one.name == "mail"]
    monkeypatch.setattr(poll, "fetch", fetch)
    short = [replace(stream, pages=3)]
    monkeypatch.setattr(poll, "streams", lambda _, connection: short if connection.name == "hubspot" else [])
    clock.advance(minutes=1)
    poll.drain(runtime)
    assert asked == ["", "a", "b"]
    assert state(runtime, "mail").page == "c"
    poll.drain(runtime)
    assert asked == ["", "a", "b", "c"], "at once, and where it was"
    assert state(runtime, "mail").until is None
    pages["a"] = "a"
    clock.advance(minutes=11)
    poll.drain(runtime)
    assert state(runtime, "mail").problem == "it answers the same page again and again"
    assert asked[4:] == ["", "a"]
