"""A late event costs what lies behind it, not the whole history; and what comes of it is the same."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from app.runtime import Runtime
from app.store import checkpoints, log
from tests.conftest import NOW
from tests.feeding import arrive, contact, drain, form, hubspot, minutes, notice, rows

BEGIN = NOW - timedelta(hours=8)


def said(number: int) -> dict[str, Any]:
    """The contact's event number so many: one in a minute, each with a value of its own."""
    at = BEGIN + minutes(number)
    return notice(at, 7, name="jobtitle", value=f"Title {number}", eventId=1_000 + number)


def bring(runtime: Runtime, *numbers: int) -> None:
    arrive(runtime, "hubspot", [said(number) for number in numbers])
    drain(runtime)


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events were read from the log to be folded again, time after time."""
    counts: list[int] = []
    histories, since = log.histories, checkpoints.since

    def count(read: Any) -> Any:
        def counted(*args: Any) -> Any:
            found = read(*args)
            counts.append(sum(map(len, found.values())))
            return found

        return counted

    monkeypatch.setattr(log, "histories", count(histories))
    monkeypatch.setattr(checkpoints, "since", count(since))
    return counts


def test_a_late_event_is_folded_from_the_checkpoint_on(runtime: Runtime, folded: list[int]) -> None:
    hubspot(runtime)
    late = 197
    for number in range(200):
        if number != late:
            bring(runtime, number)
    folded.clear()
    bring(runtime, late)
    assert sum(folded) <= 8
    assert contact(runtime, hubspot="7")["fields"]["job_title"] == "Title 199"


def test_events_that_come_late_to_the_same_place_find_a_checkpoint_there(runtime: Runtime, folded: list[int]) -> None:
    """A tool that sends last week's events again, from the first one on."""
    hubspot(runtime)
    for number in range(0, 100, 2):
        bring(runtime, number)
    bring(runtime, 41)
    folded.clear()
    for number in (43, 45, 47):
        bring(runtime, number)
    behind = 50 - 43 // 2
    assert max(folded) <= behind + 4


def test_any_order_over_many_checkpoints_ends_the_same(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(60):
        bring(runtime, number)
    wanted = _folded(rows(runtime, "contacts", "state")[0].state)
    shuffle = random.Random(7)
    for person in range(20, 26):
        numbers = list(range(60))
        for place in range(0, 60, 15):  # mostly in order, as it is; now and then far behind
            part = numbers[place : place + 15]
            shuffle.shuffle(part)
            numbers[place : place + 15] = part
        first = numbers.pop(shuffle.randrange(60))
        numbers.insert(shuffle.randrange(60), first)
        while numbers:
            some = [numbers.pop(0) for _ in range(min(len(numbers), shuffle.choice((1, 1, 2, 5))))]
            arrive(runtime, "hubspot", [{**said(number), "objectId": person} for number in some])
            drain(runtime)
    found = [_folded(row.state) for row in rows(runtime, "contacts", "state")]
    assert len(found) == 7
    assert all(state == wanted for state in found)


def _folded(state: str) -> dict[str, Any]:
    """A state without what differs between two people: the ids of their events."""
    known: dict[str, Any] = json.loads(state)
    known["newest"] = known["newest"][:2]
    for look in known.get("looks", {}).values():
        look.pop("event")
    known.pop("wanted", None)
    return known


def test_an_event_from_before_the_checkpoint_leaves_none_that_lacks_it(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(1, 20):
        bring(runtime, number)
    assert rows(runtime, "checkpoints")
    arrive(runtime, "hubspot", [notice(BEGIN, 7, name="company", value="Acme", eventId=1)])
    drain(runtime)
    assert not rows(runtime, "checkpoints")
    for number in range(20, 30):
        bring(runtime, number)
    (kept,) = rows(runtime, "checkpoints", "state")
    assert json.loads(kept.state)["fields"]["company"]["value"] == "Acme"


def test_who_is_merged_away_leaves_no_checkpoint(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(20):
        bring(runtime, number)
        arrive(runtime, "hubspot", [{**said(number), "objectId": 8}])
        drain(runtime)
    assert len(rows(runtime, "checkpoints")) == 2
    arrive(runtime, "hubspot", [notice(NOW, 7, "merge", primaryObjectId=7, mergedObjectIds=[8])])
    drain(runtime)
    (living,) = rows(runtime, "contacts", "id", merged_into=None)
    assert {row.contact_id for row in rows(runtime, "checkpoints")} <= {living.id}
    bring(runtime, 50, 49)
    assert contact(runtime, hubspot="8")["fields"]["job_title"] == "Title 50"


def test_nothing_of_an_erased_person_stays_in_a_checkpoint(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(20):
        bring(runtime, number)
    assert rows(runtime, "checkpoints")
    arrive(runtime, "hubspot", [notice(NOW, 7, "privacyDeletion")])
    drain(runtime)
    assert not rows(runtime, "checkpoints")


def test_who_is_with_sales_is_folded_from_the_beginning(runtime: Runtime, folded: list[int]) -> None:
    """What sales was told stands beside the log, so no state in between is the whole truth."""
    hubspot(runtime)
    for number in range(20):
        form(runtime, "news", email="ann@acme.example", at=BEGIN + minutes(number))
        drain(runtime)
    form(runtime, "demo", email="ann@acme.example", at=BEGIN + minutes(30))
    drain(runtime)
    assert contact(runtime, email="ann@acme.example")["handoffs"]
    folded.clear()
    form(runtime, "news", email="ann@acme.example", at=BEGIN + minutes(25))
    drain(runtime)
    assert max(folded) == 21
