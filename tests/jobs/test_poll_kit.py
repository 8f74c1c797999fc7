"""Kit without a single webhook: its subscribers end here as they are there, and nothing is told twice.

Catalogue: A5 (gaps), I2, M5, N3.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime
from app.setup import add_connection
from jobs import poll
from tests.conftest import Clock
from tests.feeding import contact, drain, rows

ANN, BEN = "ann@acme.example", "ben@acme.example"


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    """Simulated vendors that go by the test's clock."""
    with serve(clock=lambda: clock().timestamp()) as server:
        server.vendors["kit"].configure(calls_per_minute=10_000)
        yield server


@pytest.fixture
def kit(runtime: Runtime, tools: Server) -> Any:
    add_connection(runtime, "kit", "kit", {"api_key": "k", "signing_secret": "s"}, f"{tools.url}/kit")
    return tools.vendors["kit"]


def look(runtime: Runtime, clock: Clock, **later: int) -> int:
    clock.advance(**(later or {"minutes": 11}))
    news = poll.drain(runtime)
    drain(runtime)
    return news


def consent(runtime: Runtime, email: str) -> str:
    return str(contact(runtime, email=email)["consent"]["email"]["marketing"]["state"])


@pytest.mark.usefixtures("unpaced")
def test_what_no_webhook_told_is_known_all_the_same(runtime: Runtime, kit: Any, clock: Clock) -> None:
    kit.act("sign_up", email=ANN, form=56, first_name="Ann")
    kit.act("sign_up", email=BEN, form=56, first_name="Ben")
    assert look(runtime, clock) == 2
    assert [contact(runtime, email=one)["fields"]["first_name"] for one in (ANN, BEN)] == ["Ann", "Ben"]
    assert (consent(runtime, ANN), consent(runtime, BEN)) == ("granted", "granted")
    assert look(runtime, clock) == 0, "what was read is not read again"
    kit.act("unsubscribe", email=ANN)
    kit.act("change", email=BEN, first_name="Benno")
    left_at = clock()
    look(runtime, clock)
    assert consent(runtime, ANN) == "withdrawn"
    assert contact(runtime, email=BEN)["fields"]["first_name"] == "Benno"
    times = [row.occurred_at for row in rows(runtime, "events", "occurred_at", type="consent.changed")]
    assert max(times) == left_at, "a no counts from when it was said"


@pytest.mark.usefixtures("unpaced")
def test_who_changes_and_changes_back_is_read_the_next_day(runtime: Runtime, kit: Any, clock: Clock) -> None:
    kit.act("sign_up", email=ANN, form=56, first_name="Ann")
    look(runtime, clock)
    for name in ("Anna", "Ann"):
        kit.act("change", email=ANN, first_name=name)
        look(runtime, clock)
    look(runtime, clock, hours=24)
    assert contact(runtime, email=ANN)["fields"]["first_name"] == "Ann"
    kinds = [row.type for row in rows(runtime, "events", "type")]
    assert kinds.count("consent.changed") == 1, "what is read again and says nothing new is no event"
