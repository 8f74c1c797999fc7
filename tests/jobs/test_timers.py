"""Timers that are due become events in the inbox, each once, however many are due at the same time."""

from collections import Counter
from datetime import datetime, timedelta

import msgspec
import pytest

from app.contacts.event import Event
from app.runtime import Runtime
from app.store import notes, timers
from jobs import restored, sweep
from tests.conftest import NOW
from tests.feeding import rows

MANY = 1_200
DUE = {contact_id: {"score": NOW - timedelta(seconds=contact_id)} for contact_id in range(1, MANY + 1)}
LATER = {MANY + 1: {"score": NOW + timedelta(seconds=1)}}


@pytest.fixture
def waiting(runtime: Runtime) -> Runtime:
    """An installation where many timers are due, and one is not."""
    with runtime.database.write() as conn:
        timers.replace(conn, DUE | LATER)
    return runtime


def rung(runtime: Runtime) -> Counter[tuple[str, datetime]]:
    """Of which contact a timer rang, and since when it was due."""
    stored = [
        event for row in rows(runtime, "inbox", "body") for event in msgspec.json.decode(row.body, type=list[Event])
    ]
    return Counter((event.identities[0].value, event.occurred_at) for event in stored)


def swept(runtime: Runtime) -> int:
    with runtime.database.read() as conn:
        return restored.count_of(notes.read_marks(conn))


def test_all_timers_that_are_due_ring_in_one_tick_each_once(waiting: Runtime) -> None:
    assert sweep.ring(waiting) == MANY
    assert rung(waiting) == Counter((str(contact_id), of["score"]) for contact_id, of in DUE.items())
    assert [row.contact_id for row in rows(waiting, "timers", "contact_id")] == list(LATER)
    assert sweep.ring(waiting) == 0


def test_a_tick_counts_once_however_many_rang(waiting: Runtime) -> None:
    before = swept(waiting)
    sweep.ring(waiting)
    assert swept(waiting) == before + 1


def test_when_a_ticks_time_is_over_the_rest_ring_with_the_next_longest_due_first(
    waiting: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "RING_SECONDS", 0.0)
    assert [sweep.ring(waiting) for _ in range(3)] == [500, 500, 200]
    first = msgspec.json.decode(rows(waiting, "inbox", "id", "body")[0].body, type=list[Event])
    assert first[0].identities[0].value == str(MANY)
    assert rung(waiting) == Counter((str(contact_id), of["score"]) for contact_id, of in DUE.items())
