"""A year of people at random: what must never happen does not, everything that began has one end, and the same year on
another database comes to the same.

The world keeps its own account of who agreed, who is in conversation and what arrived; Baton is judged by that.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.sandbox.server import serve
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.store import policies
from mappings.document import load_yaml
from tests.conftest import Clock, make_runtime
from tests.year.account import summary, wrongs
from tests.year.world import START, World

SEED = 7


@pytest.fixture
def live(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lives through a year on a database of a kind, with so many people."""
    monkeypatch.setattr("jobs.lane.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("jobs.ingest.LINGER_SECONDS", 0.0)
    made: list[Runtime] = []
    with serve("127.0.0.1", 0) as vendors:

        def live(kind: str, people: int) -> World:
            vendors.reset()
            clock, folder = Clock(START), tmp_path / kind
            folder.mkdir()
            made.append(make_runtime(request, kind, folder, clock))
            world = World(made[-1], vendors, clock, SEED, people)
            _let_nobody_be_woken(made[-1])
            world.run()
            return world

        yield live
    for runtime in made:
        runtime.close()


def _let_nobody_be_woken(runtime: Runtime) -> None:
    """As shipped, quiet hours are for SMS and push; here e-mail keeps them too."""
    document = load_yaml(default_documents()["frequency"].text, "frequency")
    document["quiet"]["channels"] = ["email", "sms", "push"]
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(yaml.safe_dump(document, sort_keys=False)), "test", "", START)
    runtime.forget()


@pytest.mark.parametrize("people", [pytest.param(15, id="15"), pytest.param(5_000, id="5000", marks=pytest.mark.chaos)])
def test_a_year_ends_well_and_the_same_everywhere(live: Any, people: int) -> None:
    there, here = live("sqlite", people), live("postgresql", people)
    assert wrongs(there) == []
    assert wrongs(here) == []
    assert summary(there) == summary(here)
    names = Counter(message.name for person in there.people for message in person.got)
    assert len(names) >= 4, "a year in which nothing is sent proves little"
    outcomes = {outcome for _, _, _, outcome, _ in summary(there)["decisions"]}
    assert outcomes == {"taken", "withheld"}
