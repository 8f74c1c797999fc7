"""ActiveCampaign sends a webhook once: whatever of them is lost, its contacts end as they are there, and nothing is
counted twice.

Catalogue: A3, A5 (gaps), M3 (polling), N3 (calls).
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.activecampaign.sandbox.state import ACTIVE
from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from jobs import poll
from tests.conftest import Clock
from tests.feeding import arrive, contact, drain, rows

FORM = {"content-type": "application/x-www-form-urlencoded"}
TAGS = ("VIP", "Webinar", "Pricing, asked")


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    """Simulated vendors that go by the test's clock."""
    with serve(clock=lambda: clock().timestamp()) as server:
        server.activecampaign.configure(rate_limits=False)
        yield server


def events(runtime: Runtime) -> Counter[str]:
    return Counter(row.type for row in rows(runtime, "events", "type") if row.type != "contact.updated")


def hear(runtime: Runtime, told: list[dict[str, Any]]) -> None:
    for said in told:
        arrive(runtime, "activecampaign", urlencode(said).encode(), headers=FORM)
    drain(runtime)


@pytest.mark.usefixtures("unpaced")
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["none arrives", "half arrive", "all arrive"])
def test_whatever_webhooks_arrive_contacts_end_as_they_are_there(
    runtime: Runtime, tools: Server, clock: Clock, share: float
) -> None:
    ac, dice, told = tools.activecampaign, random.Random(7), list[dict[str, Any]]()
    add_connection(runtime, "activecampaign", "activecampaign", {"api_key": "k"}, f"{tools.url}/activecampaign")
    ac.tell = lambda kind, origin, pairs: told.append(  # type: ignore[method-assign]
        {"type": kind, "date_time": ac.stamp(), "initiated_from": origin, "list": "0", **pairs}
    )
    people = [ac.act("create_contact", email=f"p{n}@acme.example", first_name=f"P{n}") for n in range(6)]
    for _ in range(60):
        clock.advance(seconds=4)
        number = dice.choice(people)
        match dice.choice(("subscribe", "unsubscribe", "add_tag", "name")):
            case "subscribe":
                ac.act("subscribe", contact=number, list=dice.choice(list(ac.lists.values())))
            case "unsubscribe":
                ac.act("unsubscribe", contact=number)
            case "add_tag":
                ac.act("add_tag", contact=number, tag=dice.choice(TAGS))
            case _:
                ac.act("update_contact", contact=number, first_name=dice.choice(("Ann", "Ben", "Cleo")))
    clock.advance(seconds=4)
    arrived = [said for said in told if dice.random() < share]
    hear(runtime, arrived)
    assert poll.drain(runtime) > 0
    drain(runtime)
    for number in people:
        there = ac.contact(number)
        assert there is not None
        here = contact(runtime, email=there.email)
        assert here["fields"]["first_name"] == there.first_name
        assert set(here["tags"]) == set(ac.tags_of(number))
        places = [place["status"] for place in there.lists.values()]
        if places:
            consent = here["consent"]["email"]["marketing"]["state"]
            # Where a no was heard and the yes after it was lost, polling cannot tell that the yes was the person's own
            wanted = {"granted"} if ACTIVE in places else {"withdrawn"}
            assert consent in (wanted | {"withdrawn"} if share == 0.5 else wanted)
    before = events(runtime)
    hear(runtime, told)  # the others were only late
    clock.advance(minutes=6)
    assert poll.drain(runtime) == 0, "what was read is not read again"
    hear(runtime, told)
    after = events(runtime)
    assert after["tag.added"] == len({(said["contact[id]"], said["tag"]) for said in told if "tag" in said})
    if share == 1.0:
        assert after["list.joined"] == before["list.joined"]
        assert after["tag.added"] == before["tag.added"]
