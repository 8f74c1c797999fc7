"""HubSpot's webhooks journal is read by its own places, beside everything else: what webhooks lost is found in it.

Only the journal is polled here, so that nothing else can have found what is found. Catalogue: A5, M1.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.hubspot import ADAPTER as HUBSPOT
from adapters.hubspot.journal import JOURNAL
from adapters.hubspot.sandbox import HubSpot
from adapters.hubspot.sandbox.journal import kept
from adapters.sandbox.server import Server, serve
from adapters.sandbox.webhooks import Hook
from app.runtime import Runtime
from app.setup import add_connection
from app.store import connections, lanes, polls, tables
from jobs import poll
from tests.conftest import Clock
from tests.feeding import arrive, contact, drain, rows

SETTINGS = {"access_token": "t", "client_secret": "s", "client_id": "app", "journal": "yes", "portal_id": "4242"}
STAGES = ("qualifiedtobuy", "contractsent", "closedwon")


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    with serve(clock=lambda: clock().timestamp()) as server:
        server.hubspot.configure(search_lag=0, searches_per_second=0, calls_per_window=0, journal=True)
        yield server


@pytest.fixture(autouse=True)
def nothing_but_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = poll.streams
    monkeypatch.setattr(poll, "streams", lambda *given: [one for one in everything(*given) if one.name == "journal"])


def connect(runtime: Runtime, tools: Server, **settings: str) -> HubSpot:
    add_connection(runtime, "hubspot", "hubspot", {**SETTINGS, **settings}, f"{tools.url}/hubspot")
    return tools.hubspot


def listen(hubspot: HubSpot) -> list[dict[str, Any]]:
    """The simulator's webhooks, kept instead of sent."""
    heard: list[dict[str, Any]] = []

    class Sink:
        hook = Hook(url="http://x")

        def add(self, told: list[dict[str, Any]]) -> None:
            heard.extend({**one, "attemptNumber": 0} for one in told)

        def stop(self) -> None: ...

    hubspot.hooks["test"] = Sink()  # type: ignore[assignment]
    return heard


def look(runtime: Runtime) -> int:
    news = poll.drain(runtime)
    drain(runtime)
    return news


def state(runtime: Runtime) -> polls.Polling:
    with runtime.database.read() as conn:
        return next(one for (_, name), one in polls.load(conn).items() if name == "journal")


def events(runtime: Runtime) -> Counter[str]:
    return Counter(row.type for row in rows(runtime, "events", "type"))


def parked(runtime: Runtime) -> list[str]:
    return [row.reason for row in rows(runtime, "inbox", "reason", "status") if row.status == "parked"]


@pytest.mark.usefixtures("unpaced")
def test_what_webhooks_lost_is_in_the_journal(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot, dice = connect(runtime, tools), random.Random(11)
    heard = listen(hubspot)
    made = [hubspot.act("create_contact", email=f"p{number}@acme.example")["id"] for number in range(12)]
    deals = [hubspot.act("create_deal", contacts=[one])["id"] for one in made[:6]]
    for number in range(60):
        clock.advance(seconds=20)
        if number % 4:
            hubspot.act("set_property", id=dice.choice(made), name="company", value=f"Company {number}")
        else:
            hubspot.act("move_deal", deal=dice.choice(deals), stage=dice.choice(STAGES))
        if number % 20 == 19:
            look(runtime)
        if number == 30:
            arrive(runtime, "hubspot", [one for one in heard if dice.random() < 0.5])
    for lost, how in (("delete_contact", made[0]), ("delete_contact", made[1]), ("privacy_delete", made[2])):
        hubspot.act(lost, contact=how)
    hubspot.act("merge_contacts", primary=made[3], other=made[4])
    for told in heard:
        if dice.random() < 0.4 and str(told.get("objectId")) != made[0]:
            arrive(runtime, "hubspot", [told])
    drain(runtime)
    clock.advance(minutes=2)
    look(runtime)
    for one in made[5:]:
        truth = hubspot.contacts[one].properties
        assert contact(runtime, email=truth["email"])["fields"].get("company") == truth.get("company")
    merged = contact(runtime, email="p4@acme.example")
    assert merged["id"] == contact(runtime, email="p3@acme.example")["id"]
    states = [json.loads(row.state) for row in rows(runtime, "contacts", "state")]
    gone = {one["fields"]["email"]["value"] for one in states if one.get("deleted_in") and "email" in one["fields"]}
    assert gone == {"p0@acme.example", "p1@acme.example"}
    assert "p2@acme.example" not in json.dumps(states)
    assert len([one for one in states if one.get("erased_at")]) == 1, "whoever told it, and however often"
    moves = {
        (deal, entry["value"], entry["timestamp"])
        for deal in deals
        for entry in hubspot.deals[deal].history["dealstage"]
    }
    assert events(runtime)["deal.stage_changed"] == len(moves), "each once, however it was learned"
    assert events(runtime)["contact.deleted"] >= 2
    clock.advance(minutes=20)
    assert look(runtime) == 0, "204: nothing new"
    assert state(runtime).problem == ""
    assert state(runtime).upto == clock()
    assert parked(runtime) == []
    (call, *_) = tools.called("hubspot", path="/webhooks-journal/")
    assert call.path == "/webhooks-journal/journal-local/2026-03/earliest"
    assert call.query == {"installPortalId": ["4242"]}


@pytest.mark.usefixtures("unpaced")
def test_reader_that_is_killed_loses_nothing(
    runtime: Runtime, tools: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.hubspot.journal.BATCH", 3)
    monkeypatch.setattr("adapters.hubspot.journal.READS", 1)
    monkeypatch.setattr("adapters.hubspot.sandbox.journal.LONGEST", 12)
    hubspot = connect(runtime, tools)
    for number in range(20):
        hubspot.act("create_contact", email=f"k{number}@acme.example")
    clock.advance(minutes=1)
    places = set()
    for kill in range(1, 40):
        stored = 0
        (one,) = poll.due(runtime)
        lease = lanes.take(runtime.database, poll._lane(*one), f"killed {kill}", 60)
        assert lease is not None
        reader = poll.Reader(runtime, *one, lease)
        store = reader._store

        def killed(*given: Any, store: Any = store, kill: int = kill) -> Any:
            nonlocal stored
            stored += 1
            if kill % 2 == 0:
                raise KeyboardInterrupt  # what was read is not kept yet
            store(*given)
            raise KeyboardInterrupt

        monkeypatch.setattr(reader, "_store", killed)
        with pytest.raises(KeyboardInterrupt):
            reader.run(lambda: None)
        assert stored == 1
        with runtime.database.write() as conn:
            conn.execute(tables.lanes.delete())
        now = state(runtime)
        if now.until is None:
            break
        places.add(now.place)
    assert len(places) > 2, "it went on file by file"
    drain(runtime)
    assert len(rows(runtime, "contacts", "id")) == 20
    clock.advance(minutes=2)
    assert look(runtime) == 0


@pytest.mark.usefixtures("unpaced")
def test_place_that_is_too_old_begins_again_and_says_so(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect(runtime, tools)
    hubspot.act("create_contact", email="ann@acme.example")
    clock.advance(minutes=1)
    look(runtime)
    before = state(runtime).place
    assert before
    clock.advance(days=4)
    hubspot.act("create_contact", email="ben@acme.example")
    look(runtime)
    assert {contact(runtime, email=f"{name}@acme.example")["id"] for name in ("ann", "ben")}
    assert state(runtime).place not in ("", before)
    (reason,) = parked(runtime)
    assert "does not reach back" in reason
    clock.advance(days=4)
    look(runtime)
    assert state(runtime).place == "", "with nothing in it, it begins with what comes"
    clock.advance(minutes=30)
    look(runtime)
    assert len(parked(runtime)) == 2, "once for each time"
    hubspot.act("create_contact", email="cleo@acme.example")
    clock.advance(minutes=2)
    look(runtime)
    assert contact(runtime, email="cleo@acme.example")["id"]


@pytest.mark.usefixtures("unpaced")
def test_file_that_is_no_json_is_parked_and_the_next_is_read(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect(runtime, tools)
    hubspot.act("create_contact", email="ann@acme.example")
    clock.advance(minutes=1)
    look(runtime)
    hubspot.act("create_contact", email="ben@acme.example")
    kept(hubspot)[-1].spoilt = b'{"journalEvents": [{"type": "crm'
    hubspot.act("create_contact", email="cleo@acme.example")
    clock.advance(minutes=2)
    look(runtime)
    assert contact(runtime, email="cleo@acme.example")["id"]
    (reason,) = parked(runtime)
    assert "cannot be read" in reason
    assert state(runtime).problem == ""
    assert state(runtime).place == kept(hubspot)[-1].place


@pytest.mark.usefixtures("unpaced")
def test_answer_that_is_spoilt_once_costs_nothing(sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect(sqlite_runtime, tools)
    hubspot.act("create_contact", email="ann@acme.example")
    hubspot.fault("garbage", times=1, path="/journal-files/")
    clock.advance(minutes=1)
    look(sqlite_runtime)
    assert contact(sqlite_runtime, email="ann@acme.example")["id"]
    assert parked(sqlite_runtime) == []
    hubspot.act("create_contact", email="ben@acme.example")
    hubspot.fault("403", times=1, path="/journal-files/")  # its signature has ended
    clock.advance(minutes=2)
    look(sqlite_runtime)
    assert state(sqlite_runtime).problem == "HubSpot did not answer as it should"
    clock.advance(minutes=2)
    look(sqlite_runtime)
    assert contact(sqlite_runtime, email="ben@acme.example")["id"]


@pytest.mark.usefixtures("unpaced")
def test_ten_thousand_entries_in_one_file(runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = connect(runtime, tools)
    made = [hubspot.act("create_contact", email=f"m{number}@acme.example")["id"] for number in range(700)]
    entry = dict(hubspot.entries[0])
    hubspot.entries = [{**entry, "action": "UPDATE", "objectId": int(made[n % 700])} for n in range(10_000)]
    clock.advance(minutes=1)
    assert look(runtime) == 700
    assert len(rows(runtime, "contacts", "id")) == 700
    asked = tools.called("hubspot", path="/contacts/batch/read")
    assert len(asked) == 7, "each contact once, a hundred in a call, and not again"
    assert len(tools.called("hubspot", path="/journal-files/")) == 1


@pytest.mark.usefixtures("unpaced")
class TestTrouble:
    def test_refused_app_stops_the_journal_alone(self, sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
        hubspot = connect(sqlite_runtime, tools)
        hubspot.configure(client_secret="another")
        look(sqlite_runtime)
        assert "developer.webhooks_journal.read" in state(sqlite_runtime).problem
        still = sqlite_runtime.connection("hubspot")
        assert still is not None
        assert still.status != connections.BROKEN
        hubspot.configure(client_secret="s")
        hubspot.act("create_contact", email="ann@acme.example")
        clock.advance(hours=7)
        assert look(sqlite_runtime) == 1

    def test_retry_after_is_heeded(self, sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
        connect(sqlite_runtime, tools).fault("429", times=1, retry_after=90, path="/webhooks-journal/")
        look(sqlite_runtime)
        assert state(sqlite_runtime).due_at == clock() + timedelta(seconds=90)

    @pytest.mark.parametrize("lacking", ["journal", "client_id"])
    def test_only_who_asks_for_it_has_it_read(self, sqlite_runtime: Runtime, tools: Server, lacking: str) -> None:
        connect(sqlite_runtime, tools, **{lacking: ""})
        assert poll.due(sqlite_runtime) == []
        assert JOURNAL in HUBSPOT.streams
        assert not JOURNAL.history, "an import begins with who is there"
