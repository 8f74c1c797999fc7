"""Three tools that people edit at the same time, with webhooks that come late, twice or never: they come to rest in one
agreed state, with few calls. Through the real SDKs against the simulators. Catalogue: C6, C8, C9; A5 (gaps).
"""

import os
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from jobs import deliver, poll
from tests.conftest import Clock
from tests.feeding import arrive, contact, drain, rows, without_sequences
from tests.jobs.test_poll import listen

PEOPLE = ("ann@acme.example", "ben@acme.example", "cleo@globex.example")
FORM = {"content-type": "application/x-www-form-urlencoded"}
TOOLS = ("hubspot", "klaviyo", "activecampaign")
# A field, and what each tool calls it
FIELDS = {
    "first_name": {"hubspot": "firstname", "klaviyo": "first_name", "activecampaign": "first_name"},
    "last_name": {"hubspot": "lastname", "klaviyo": "last_name", "activecampaign": "last_name"},
    "company": {"hubspot": "company", "klaviyo": "organization"},
}
WRITES = ("POST", "PUT", "PATCH", "DELETE")
READS = ("/search", "/batch/read")
ROUNDS = 14  # of looking at everything, until nobody has anything more to say


class Town:
    """Three simulated tools with the same people, and their webhooks, kept until a test lets them arrive."""

    def __init__(self, runtime: Runtime, server: Server, clock: Clock) -> None:
        self.runtime, self.server, self.clock = runtime, server, clock
        self.untold: list[tuple[str, Any]] = []
        settings = {
            "hubspot": {"access_token": "t", "client_secret": "s", "portal_id": "4242"},
            "klaviyo": {"api_key": "pk_1", "webhook_secret": "klaviyo-secret-16"},
            "activecampaign": {"api_key": "k"},
        }
        for name in TOOLS:
            add_connection(runtime, name, name, settings[name], f"{server.url}/{name}")
        self._listen()

    def _listen(self) -> None:
        heard = self.untold

        class Kept(list[dict[str, Any]]):
            def extend(self, told: Any) -> None:
                heard.extend(("hubspot", one) for one in told)

        listen(self.server.hubspot, Kept())
        ac = self.server.activecampaign
        ac.tell = lambda kind, origin, pairs: heard.append(  # type: ignore[method-assign]
            ("activecampaign", {"type": kind, "date_time": ac.stamp(), "initiated_from": origin, "list": "0", **pairs})
        )

    def edit(self, tool: str, who: str, field: str, value: str) -> None:
        """Somebody types something into a tool."""
        self.clock.advance(seconds=1)
        name = FIELDS[field][tool]
        match tool:
            case "hubspot":
                self.server.hubspot.act("set_property", contact=who, name=name, value=value)
            case "klaviyo":
                self.server.klaviyo.act("update_profile", profile=who, **{name: value})
            case _:
                self.server.activecampaign.act("update_contact", contact=who, **{name: value})
        self.clock.advance(seconds=1)

    def tell(self, some: list[tuple[str, Any]]) -> None:
        for tool, said in some:
            if tool == "hubspot":
                arrive(self.runtime, tool, [said])
            else:
                arrive(self.runtime, tool, urlencode(said).encode(), headers=FORM)

    def work(self) -> None:
        """What has arrived is taken in, and what follows leaves."""
        self.clock.advance(seconds=1)
        drain(self.runtime)
        deliver.drain(self.runtime, 5)

    def rest(self, share: float, dice: random.Random) -> int:
        """Until nobody has anything to say any more: after how many rounds. Of the webhooks so many arrive."""
        for number in range(ROUNDS):
            written = self.writes()
            told, self.untold[:] = list(self.untold), []
            self.tell([one for one in told if dice.random() < share])
            self.work()
            self.clock.advance(minutes=31)
            news = poll.drain(self.runtime)
            self.work()
            left = {row.status for row in rows(self.runtime, "deliveries", "status")}
            waiting = left & {"pending", "unknown"}
            if not (self.untold or news or waiting) and self.writes() == written:
                return number
        raise AssertionError("they are still arguing")

    def writes(self) -> int:
        """How many calls have changed something in a tool."""
        calls = [one for tool in TOOLS for one in self.server.called(tool)]
        return sum(one.method in WRITES and not one.path.endswith(READS) for one in calls)

    def held(self, who: str, field: str) -> dict[str, str | None]:
        """What each tool holds in somebody's field."""
        names = FIELDS[field]
        found: dict[str, str | None] = {}
        record = self.server.hubspot.find("contacts", who, "email")
        profile = next(one for one in self.server.klaviyo.profiles.values() if one.attributes.get("email") == who)
        other = self.server.activecampaign.contact(who)
        assert record is not None
        assert other is not None
        found["hubspot"] = record.properties.get(names["hubspot"])
        found["klaviyo"] = profile.attributes.get(names["klaviyo"])
        if "activecampaign" in names:
            found["activecampaign"] = getattr(other, names["activecampaign"])
        return found


@pytest.fixture
def town(sqlite_runtime: Runtime, clock: Clock, unpaced: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    without_sequences(sqlite_runtime)
    with serve(clock=lambda: clock().timestamp()) as server:
        server.klaviyo.configure(rate_limits=False, job_seconds=0)
        server.hubspot.configure(search_lag=0, searches_per_second=0, calls_per_window=0)
        server.activecampaign.configure(rate_limits=False)
        made = Town(sqlite_runtime, server, clock)
        for who in PEOPLE:
            server.hubspot.act("create_contact", email=who, firstname="Kim")
            server.klaviyo.act("create_profile", email=who, first_name="Kim")
            server.activecampaign.act("create_contact", email=who, first_name="Kim")
            clock.advance(seconds=1)
        made.rest(1.0, random.Random(1))
        yield made


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0], ids=["all arrive", "half arrive", "none arrives"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("BATON_AGREEMENT_SEEDS", "2"))))
def test_random_edits_in_three_tools_come_to_rest_in_one_state(town: Town, seed: int, share: float) -> None:
    """Every edit costs at most one call to each of the other tools, and a rest stays one."""
    dice = random.Random(seed)
    edits, before = 0, town.writes()
    for _ in range(24):
        match dice.randrange(3):
            case 0:
                field = dice.choice(list(FIELDS))
                tool, value = dice.choice(list(FIELDS[field])), f"{field} {dice.choice('abcd')}"
                town.edit(tool, dice.choice(PEOPLE), field, value)
                edits += 1
                town.clock.advance(minutes=dice.choice((0, 0, 1, 40)))
            case 1 if town.untold and share:
                some = dice.sample(town.untold, dice.randint(1, len(town.untold)))
                town.untold[:] = [one for one in town.untold if one not in some]
                arriving = [one for one in some if dice.random() < share]
                town.tell([*arriving, *arriving[:1]])
            case _:
                town.work()
    town.rest(share, dice)
    agreed = 0
    for who in PEOPLE:
        known = contact(town.runtime, email=who)
        for field in FIELDS:
            held = town.held(who, field)
            if field in known["disputes"]:
                continue
            agreed += 1
            assert {value or None for value in held.values()} == {known["fields"].get(field)}, f"{who}: {field} {held}"
    assert agreed >= len(PEOPLE) * len(FIELDS) - 1
    assert town.writes() - before <= 2 * edits + 2
    calm = town.writes()
    town.rest(share, dice)
    assert town.writes() == calm, "whoever is at rest stays there"
