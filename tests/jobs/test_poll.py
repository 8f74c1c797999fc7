"""Vendors' streams are read beside their webhooks: what one way missed the other brings, and what both bring is one.

Through the real SDKs against the simulators, on both databases. Catalogue: A5 (gaps), M1, M2 (polling), N1.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.klaviyo.sandbox import Klaviyo
from adapters.klaviyo.sandbox.records import payload
from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from app.store import polls
from jobs import poll
from tests.conftest import Clock
from tests.feeding import arrive, drain, rows


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
