"""Two tools and one field: echoes are swallowed once, changes reach the other tool, and what tools fight over goes to a
person. Catalogue: C8, C9."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from adapters.contract import Delivery, Done, Push
from adapters.hubspot import ADAPTER
from app.contacts.action import UpsertContact
from app.runtime import Runtime
from app.setup import add_connection
from app.store import echoes
from app.store.echoes import Place
from jobs import deliver, reading
from tests.app.doors import Api
from tests.conftest import NOW, Clock
from tests.feeding import arrive, contact, drain, hubspot, minutes, notice, rows, without_sequences

ANN = "ann@acme.example"
RECORDS = {"hubspot": 7, "crm": 9}


class Tools:
    """Two CRMs that tell of each change, whoever made it, late and twice if a test likes, and that take our writes."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        self.holds: dict[str, dict[str, Any]] = {name: {} for name in RECORDS}
        self.untold: list[tuple[str, dict[str, Any]]] = []
        self.calls = 0

    def edit(self, tool: str, name: str, value: str) -> None:
        """Somebody, or we, change a property; the tool will tell of it."""
        self.clock.advance(seconds=1)
        self.holds[tool][name] = value
        self.untold.append((tool, notice(self.clock(), RECORDS[tool], name=name, value=value)))

    def take(self, client: object, deliveries: Sequence[Delivery]) -> list[Done]:
        (record,) = {one.to.vendor_id for one in deliveries}
        tool = next(name for name, number in RECORDS.items() if str(number) == record)
        self.calls += 1
        for one in deliveries:
            assert isinstance(one.action, UpsertContact)
            for name, value in one.action.properties.items():
                self.edit(tool, name, value)
        return [Done(vendor_id=str(RECORDS[tool]), told=one.action.properties) for one in deliveries]  # type: ignore[union-attr]

    def tell(self, which: Sequence[int] | None = None) -> None:
        """What the tools had to tell arrives: all of it, or some, in this order."""
        chosen = [self.untold[number] for number in which] if which is not None else list(self.untold)
        self.untold = [one for one in self.untold if one not in chosen]
        for tool, said in chosen:
            arrive(self.runtime, tool, [said])

    def work(self) -> None:
        self.clock.advance(seconds=1)
        drain(self.runtime)
        deliver.drain(self.runtime, 5)

    def rest(self) -> None:
        """Until nobody has anything to say any more; it does not take long."""
        for _ in range(12):
            self.tell()
            self.work()
            waiting = [row for row in rows(self.runtime, "deliveries", "status") if row.status == "pending"]
            if not self.untold and not waiting:
                return
        raise AssertionError(f"still arguing: {self.untold}")


@pytest.fixture
def tools(sqlite_runtime: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Tools:
    runtime = sqlite_runtime
    made = Tools(runtime, clock)
    without_sequences(runtime)
    for name in RECORDS:
        settings = {"client_secret": "s", "portal_id": "62515", "access_token": "t"}
        add_connection(runtime, "hubspot", name, settings, f"http://127.0.0.1:9/{name}")
    monkeypatch.setattr(reading, "_read_contacts", lambda *given: None)
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setitem(ADAPTER.pushes, UpsertContact, Push(made.take, batch=100))  # type: ignore[arg-type]
    for name in RECORDS:
        made.edit(name, "email", ANN)
    made.rest()
    return made


def test_a_change_reaches_the_other_tool_and_its_echo_nobody(tools: Tools) -> None:
    before = tools.calls
    tools.edit("hubspot", "city", "Bonn")
    tools.rest()
    assert tools.holds["crm"]["city"] == "Bonn"
    assert tools.calls == before + 1
    assert contact(tools.runtime, email=ANN)["provenance"]["city"]["connection"] == "hubspot"
    assert not rows(tools.runtime, "echoes")


def test_an_echo_does_not_undo_what_was_said_meanwhile(tools: Tools) -> None:
    tools.edit("hubspot", "city", "Bonn")
    tools.tell()
    tools.work()  # written to the other tool, whose word of it is under way
    echo = len(tools.untold) - 1
    assert tools.untold[echo][0] == "crm"
    tools.edit("hubspot", "city", "Köln")
    tools.tell([echo + 1])
    tools.clock.advance(minutes=1)
    late = tools.untold[echo][1]
    late["occurredAt"] = int(tools.clock().timestamp() * 1000)  # by its own clock it is the newest word
    tools.rest()
    assert [held["city"] for held in tools.holds.values()] == ["Köln", "Köln"]


def test_an_echo_is_swallowed_once(runtime: Runtime) -> None:
    without_sequences(runtime)
    connection = hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW - minutes(30), 7, name="city", value="Köln")])
    drain(runtime)
    with runtime.database.write() as conn:
        echoes.expect(conn, runtime.database, [(Place(connection.id, "contact:7", "city"), "Bonn")], NOW - minutes(20))
    arrive(runtime, "hubspot", [notice(NOW - minutes(10), 7, name="city", value="Bonn")])
    drain(runtime)
    assert contact(runtime, hubspot="7")["fields"]["city"] == "Köln"
    assert rows(runtime, "events", "body")[-1].body.count('"echo"') == 1
    arrive(runtime, "hubspot", [notice(NOW - minutes(9), 7, name="city", value="Bonn")])
    drain(runtime)
    assert contact(runtime, hubspot="7")["fields"]["city"] == "Bonn"


def test_what_was_overtaken_in_the_tool_is_awaited_no_more(runtime: Runtime) -> None:
    without_sequences(runtime)
    connection = hubspot(runtime)
    with runtime.database.write() as conn:
        echoes.expect(conn, runtime.database, [(Place(connection.id, "contact:7", "city"), "Bonn")], NOW - minutes(20))
    for minute, city in ((10, "Ulm"), (5, "Bonn")):  # the webhook about our own write was lost
        arrive(runtime, "hubspot", [notice(NOW - minutes(minute), 7, name="city", value=city)])
        drain(runtime)
    assert contact(runtime, hubspot="7")["fields"]["city"] == "Bonn"
    assert not rows(runtime, "echoes")


def test_a_field_that_two_tools_fight_over_is_frozen_until_somebody_settles_it(tools: Tools) -> None:
    tools.edit("hubspot", "city", "Bonn")
    tools.rest()
    for _ in range(6):  # an automation in each sets its own spelling whenever it sees the other's
        for tool, mine in (("crm", "BONN"), ("hubspot", "Bonn")):
            if tools.holds[tool]["city"] != mine:
                tools.edit(tool, "city", mine)
                tools.tell()
                tools.work()
    tools.rest()
    api = Api(tools.runtime)
    (conflict,) = api.get("/conflicts")["items"]
    assert (conflict["field"], conflict["reason"]) == ("city", "flip_flop")
    assert {one["connection"] for one in conflict["says"]} == {"hubspot", "crm"}
    calls = tools.calls
    tools.edit("crm", "city", "Bonn am Rhein")
    tools.rest()
    assert tools.calls == calls, "what is frozen is written nowhere"
    api.post(f"/conflicts/{conflict['id']}/settle", 400)
    api.post(f"/conflicts/{conflict['id']}/settle", 400, connection="nobody")
    api.post(f"/conflicts/{conflict['id']}/settle", value="Bonn")
    (entry,) = [row for row in rows(tools.runtime, "audit") if row.what == "contact.settled"]
    assert (entry.on, entry.after) == (str(conflict["contact_id"]), "another value")
    assert set(entry.before.split(", ")) == {"hubspot", "crm"}, "what is in the log outlives an erasure"
    tools.clock.advance(minutes=90)
    tools.rest()
    assert [held["city"] for held in tools.holds.values()] == ["Bonn", "Bonn"]
    assert api.get("/conflicts")["items"] == []
    found = contact(tools.runtime, email=ANN)
    assert found["provenance"]["city"]["by"] == "token tests"
    api.post(f"/conflicts/{conflict['id']}/settle", 404, value="Bonn")


@pytest.mark.parametrize("seed", range(12))
def test_random_edits_on_both_sides_come_to_rest_in_one_state(tools: Tools, seed: int) -> None:
    dice = random.Random(seed)
    edits, before = 0, tools.calls
    for _ in range(30):
        match dice.randrange(3):
            case 0:
                tools.edit(dice.choice(list(RECORDS)), dice.choice(("city", "company")), dice.choice("abc"))
                edits += 1
                tools.clock.advance(minutes=dice.choice((0, 1, 30)))
            case 1 if tools.untold:
                some = dice.sample(range(len(tools.untold)), dice.randint(1, len(tools.untold)))
                again = dice.choice(some)
                repeated = tools.untold[again]
                tools.tell(some)
                arrive(tools.runtime, repeated[0], [repeated[1]])
            case _:
                tools.work()
    tools.rest()
    found = contact(tools.runtime, email=ANN)
    for name in ("city", "company"):
        said = {held.get(name) for held in tools.holds.values()}
        if name in found["disputes"]:
            assert len(said) <= 2
        else:
            assert said == {found["fields"].get(name)}
    assert tools.calls - before <= 2 * edits + 2
    drift = tools.calls
    tools.clock.now += timedelta(hours=2)
    tools.rest()
    assert tools.calls == drift


def test_what_was_overtaken_by_our_own_next_write_is_no_echo_any_more(tools: Tools) -> None:
    """We write Acme and then Gamma; only Gamma comes back, and later somebody sets Acme again: that is news."""
    runtime, now = tools.runtime, tools.clock()
    hubspot_id = next(one.id for one in runtime.connections().values() if one.name == "hubspot")
    place = Place(hubspot_id, "contact:7", "company")
    with runtime.database.write() as conn:
        echoes.expect(conn, runtime.database, [(place, "Acme")], now - minutes(2))
        echoes.expect(conn, runtime.database, [(place, "Gamma")], now - minutes(1))
    tools.edit("hubspot", "company", "Gamma")
    tools.tell()
    drain(runtime)
    with runtime.database.read() as conn:
        assert echoes.awaited(conn, ["contact:7"]) == {}
    tools.clock.advance(minutes=5)
    tools.edit("hubspot", "company", "Acme")
    tools.tell()
    drain(runtime)
    assert contact(runtime, hubspot="7")["fields"]["company"] == "Acme"
