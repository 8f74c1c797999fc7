"""How often people are written to while many are at work, news come late and tools refuse. R14."""

import itertools
import random
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.contacts.event import Event, Identity
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from app.store import claims, deliveries, inbox, tables
from jobs import deliver, ingest, landing
from tests.chaos.conftest import MakeTown
from tests.chaos.test_together import in_threads
from tests.chaos.town import Town
from tests.feeding import rows
from tests.stopwatch import Stopwatch

MOST, DAYS = 3, 7
TOOLS = ("klaviyo", "second")


class Storm:
    """Candidates for messages through two tools, each with a lane of its own, of which some are refused."""

    def __init__(self, town: Town, people: int) -> None:
        self.town, self.people = town, [f"p{number}@acme.example" for number in range(people)]
        self.over: list[tuple[int, int]] = []
        self._numbers, self._lock = itertools.count(), threading.Lock()
        key = {"api_key": "a-key-of-klaviyo", "webhook_secret": "s"}
        add_connection(town.runtime, "klaviyo", "second", key, f"{town.vendors.url}/klaviyo")
        town.publish("triggers", triggers=[self._trigger(tool) for tool in TOOLS])
        town.cap((MOST, DAYS))
        for start in range(0, people, 5):
            town.arrive(town.sign_up(*self.people[start : start + 5]))
        ingest.drain(town.runtime, 20)

    def _trigger(self, tool: str) -> dict[str, Any]:
        return {
            "id": f"by_{tool}", "label": "Asked", "on": [f"custom:asked_{tool}"], "once_in_days": 0,
            "too_old_hours": 24, "message": {"name": f"Answer {tool}", "through": tool},
        }  # fmt: skip

    def candidate(self, runtime: Runtime, dice: random.Random, who: str = "", hours: float = 6) -> None:
        """Something happens to somebody that is answered with a message; it may be told late."""
        with self._lock:
            number = next(self._numbers)
        asked = Event(
            type=f"custom:asked_{dice.choice(TOOLS)}",
            occurred_at=now_utc() - timedelta(hours=dice.choice((0, dice.random())) * hours),
            source_key=f"asked {number}",
            identities=(Identity("email", who or dice.choice(self.people)),),
        )
        with runtime.database.write() as conn:
            inbox.note(conn, [asked], now_utc())

    def watched(self, start: Any) -> Any:
        """Lets deliveries go and, within the same transaction, counts what has left for these people."""

        def watching(conn: Any, taken: Any, fence: int) -> None:
            start(conn, taken, fence)
            mine = {one.contact_id for one in taken if one.kind == "send_message"}
            table = tables.deliveries.c
            query = (
                select(table.contact_id, func.count())
                .where(table.contact_id.in_(mine), table.kind == "send_message")
                .where(table.status.in_(deliveries.HAVE_LEFT))
                .group_by(table.contact_id)
            )
            counts = [(contact_id, count) for contact_id, count in conn.execute(query)]
            self.over += [(contact_id, count) for contact_id, count in counts if count > MOST]

        return watching

    def blow(self, workers: int, candidates: int) -> None:
        """Let so many workers take in, send and make candidates, in any order."""

        def work(number: int) -> None:
            runtime, dice = Runtime(self.town.runtime.settings, now_utc, pool_size=4), random.Random(number)
            try:
                left = candidates // workers
                while left:
                    turn = dice.random()
                    if turn < 0.6:
                        self.candidate(runtime, dice)
                        left -= 1
                    elif turn < 0.8:
                        ingest.drain(runtime, 0.2)
                    else:
                        deliver.drain(runtime, 0.2)
            finally:
                runtime.close()

        in_threads(workers, work)

    def calm_down(self) -> None:
        """Do what is left to do, and what waits for its next try: an answer lost four times waits for some seconds."""
        watch = Stopwatch()
        while True:
            ingest.drain(self.town.runtime, 20)
            deliver.drain(self.town.runtime, 20)
            left = {name: count for name, count in self.town.left().items() if name != "deliveries dead"}
            if not left:
                return
            watch.within(60, f"There is still {left}")
            time.sleep(0.05)

    def sent(self) -> Counter[str]:
        """How many messages the tools have sent to each."""
        klaviyo = self.town.vendors.klaviyo
        happened = [event for tool in TOOLS for event in klaviyo.happened(f"Baton: Answer {tool}")]
        return Counter(klaviyo.profiles[event.profile].attributes["email"] for event in happened)


def cap_in_a_storm(town: Town, monkeypatch: pytest.MonkeyPatch, workers: int, candidates: int, people: int) -> None:
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)
    storm = Storm(town, people)
    monkeypatch.setattr(claims, "start", storm.watched(claims.start))
    town.vendors.klaviyo.fault("400", path="/api/events", share=0.2, times=people * 2)
    town.vendors.klaviyo.fault("done_then_drop", path="/api/events", share=0.2, times=people)
    storm.blow(workers, candidates)
    storm.calm_down()
    town.vendors.klaviyo.faults.clear()
    assert not storm.over
    assert len(rows(town.runtime, "deliveries", "id", kind="send_message", status="dead")) > 0, "some were refused"
    for _ in range(MOST):  # whoever has got fewer yet has room for them
        for who in storm.people:
            storm.candidate(town.runtime, random.Random(0), who, hours=0)
        storm.calm_down()
    assert not storm.over
    assert storm.sent() == dict.fromkeys(storm.people, MOST)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_r14_never_more_than_the_cap_and_never_fewer(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """R14: 16 workers, 3 messages in 7 days, candidates that are told in any order, two tools, refusals and lost
    answers: never a fourth leaves, and nobody gets fewer where there was a candidate for the place."""
    cap_in_a_storm(make_town(database), monkeypatch, 16, 320, 10)


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_r14_five_thousand_candidates(make_town: MakeTown, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    """R14 at full size: 5,000 candidates."""
    cap_in_a_storm(make_town(database), monkeypatch, 16, 5_000, 50)
