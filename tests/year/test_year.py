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
from tests.year.account import limits, summary, wrongs
from tests.year.world import START, World

SEED = 3  # of those in whose year each limit is, for somebody, the only thing that keeps a message back
LIMITS = {
    "consent",
    "bounce",
    "conversation",
    "cap",
    "ladder",
    "sunset",
    "no sequence",
    "not meanwhile",
    "not sent lately",
}


@pytest.fixture
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Lives through a year on a database of a kind, with so many people; what they do follows from the seed."""
    made: list[Runtime] = []
    clocks = [Clock(START)]  # the vendors count calls by the hour that it is in their world
    with serve("127.0.0.1", 0, clock=lambda: clocks[-1]().timestamp()) as vendors:

        def live(kind: str, people: int, seed: int) -> World:
            vendors.reset()
            clock, folder = Clock(START), tmp_path / kind
            clocks.append(clock)
            folder.mkdir()
            made.append(make_runtime(request, kind, folder, clock))
            world = World(made[-1], vendors, clock, seed, people)
            _publish(made[-1])
            world.run()
            return world

        yield live
    for runtime in made:
        runtime.close()


def _publish(runtime: Runtime) -> None:
    """As shipped, but that e-mail keeps quiet hours too, and that more of it comes to its limits: the last note on a
    purchase is due around day 30, and who clicks nothing has no time for the second one on an interest."""
    frequency, sequences = (load_yaml(default_documents()[kind].text, kind) for kind in ("frequency", "sequences"))
    frequency["quiet"]["channels"] = ["email", "sms", "push"]
    by_id = {one["id"]: one for one in sequences["sequences"]}
    by_id["post_purchase"]["steps"][4]["wait"]["days"] = 21.5
    by_id["interest_nurture"]["max_days"] = 12
    with runtime.database.write() as conn:
        for document in (frequency, sequences):
            policies.publish(conn, read_document(yaml.safe_dump(document, sort_keys=False)), "test", "", START)
    runtime.forget()


@pytest.mark.parametrize(
    ("people", "seed"),
    [
        pytest.param(15, SEED, id="15", marks=pytest.mark.slow),
        # In all 5,000 people, in ten parts that can be lived through side by side
        *(pytest.param(500, part, id=f"500, part {part}", marks=pytest.mark.chaos) for part in range(100, 110)),
    ],
)
def test_a_year_ends_well_and_the_same_everywhere(live: Any, people: int, seed: int) -> None:
    there, here = live("sqlite", people, seed), live("postgresql", people, seed)
    assert wrongs(there) == []
    assert wrongs(here) == []
    assert summary(there) == summary(here)
    names = Counter(message.name for person in there.people for message in person.got)
    assert len(names) >= 4, "a year in which nothing is sent proves little"
    assert limits(there) >= LIMITS, "without one of them a message would have left that nobody was to get"
    outcomes = {outcome for _, _, _, outcome, _ in summary(there)["decisions"]}
    assert outcomes == {"taken", "withheld"}
