"""Sequences end to end, on both databases: rows follow the states, timers ring through the sweep, late events mend.

Catalogue: H1, H5, H6, H10, A4.
"""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.contacts.event import Event, EventType, Identity
from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import inbox, policies
from jobs import deliver, sweep
from tests.app.screens import change_delivery
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import contact, drain, form, rows, visit

START = NOW + timedelta(days=1)
MAIL = "ann@acme.example"
POLICY = """
kind: sequences
sequences:
  - id: s
    label: Start
    entry: {on: form.submitted, when: {field: event.form, value: newsletter}}
    goal: {on: form.submitted, where: {field: event.form, value: demo}}
    max_days: 20
    steps:
      - send: {name: One}
        id: one
      - wait: {days: 3}
      - send: {name: Two}
        id: two
      - wait: {days: 4}
"""


def publish(runtime: Runtime, text: str = POLICY) -> None:
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    runtime = make_runtime(request, request.param, tmp_path, clock)
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, "http://127.0.0.1:9")
    publish(runtime)
    clock.now = START
    yield runtime
    runtime.close()


def join(runtime: Runtime, email: str = MAIL, **more: Any) -> None:
    form(runtime, "newsletter", email=email, newsletter="yes", visitor_id=email[:3].ljust(16, "x"), **more)


def later(runtime: Runtime, clock: Clock, **by: float) -> None:
    clock.now += timedelta(**by)
    for _ in range(2):
        sweep.ring(runtime)
        drain(runtime)


def roll(runtime: Runtime) -> list[tuple[str, str | None, int]]:
    return [(row.step, row.exit, row.sent) for row in rows(runtime, "enrolments")]


def messages(runtime: Runtime) -> list[tuple[str, str]]:
    made = rows(runtime, "deliveries", "kind", "status", "action")
    return [
        (row.action.partition('"message":"')[2].partition('"')[0], row.status)
        for row in made
        if row.kind == "send_message"
    ]


def test_the_way_of_one_person_and_the_rows_that_say_so(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    assert roll(hub) == [("2", None, 1)]
    (shown,) = contact(hub, email=MAIL)["enrolments"]
    assert (shown["label"], shown["at"], shown["exit"]) == ("Start", "step 2: wait: 3 days", None)
    assert shown["next"] == f"goes on at {START + timedelta(days=3):%Y-%m-%d %H:%M} UTC"
    later(hub, clock, days=2.9)
    assert messages(hub) == [("One", "pending")]
    later(hub, clock, days=0.2)
    assert messages(hub) == [("One", "pending"), ("Two", "pending")]
    later(hub, clock, days=5)
    assert roll(hub) == [("4", "completed", 2)]
    (review,) = rows(hub, "reviews")
    assert (review.reason, review.worst, review.status) == ("completed", "two", "open")


def test_a_goal_ends_it_and_what_waits_to_leave_stays(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    later(hub, clock, days=1)
    form(hub, "demo", email=MAIL)
    drain(hub)
    later(hub, clock, days=9)
    assert roll(hub) == [("2", "goal", 1)]
    assert [name for name, _ in messages(hub)] == ["One"]
    assert rows(hub, "reviews") == []


def test_what_is_begun_anew_is_sent_anew_also_where_it_is_told_late(hub: Runtime, clock: Clock) -> None:
    """A late event has the history folded again, and what has left is not repeated: but this is another time."""
    entry = "entry: {on: form.submitted, when: {field: event.form, %s}}"
    again = "\n    restart: {on: form.submitted, where: {field: event.form, value: again}}"
    anew = POLICY.replace(entry % "value: newsletter", entry % "op: in, value: [newsletter, again]" + again)
    publish(hub, anew.replace("days: 3", "hours: 1").replace("days: 4", "hours: 1"))
    join(hub)
    drain(hub)
    for row in rows(hub, "deliveries", "id"):
        change_delivery(hub, row.id, status="sent")
    later(hub, clock, hours=3)
    clock.now += timedelta(hours=60)
    visit(hub, "ann", "/docs", clock.now)
    drain(hub)
    form(hub, "again", email=MAIL, submitted_at=(clock.now - timedelta(hours=20)).isoformat())
    drain(hub)
    assert [row.exit for row in rows(hub, "enrolments")] == ["completed", "completed"]
    assert [status for name, status in messages(hub) if name == "One"] == ["sent", "pending"]


def test_what_arrives_late_takes_back_message_end_and_review(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    later(hub, clock, days=9)
    assert roll(hub) == [("4", "completed", 2)]
    form(hub, "demo", email=MAIL, submitted_at=(START + timedelta(days=2)).isoformat())
    drain(hub)
    assert roll(hub) == [("2", "goal", 1)]
    assert messages(hub) == [("One", "pending"), ("Two", "withheld")]
    assert [row.status for row in rows(hub, "reviews")] == ["withdrawn"]
    later(hub, clock, days=9)
    assert roll(hub) == [("2", "goal", 1)]


def test_an_earlier_beginning_sends_nothing_twice(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    with hub.database.write() as conn:
        conn.exec_driver_sql("UPDATE deliveries SET status = 'sent' WHERE kind = 'send_message'")
    clock.now += timedelta(hours=1)
    join(hub, submitted_at=(START - timedelta(hours=2)).isoformat())
    drain(hub)
    assert sorted(messages(hub)) == [("One", "sent"), ("One", "withheld")]
    assert [row.entered_at for row in rows(hub, "enrolments")] == [START - timedelta(hours=2)]


def test_publishing_leaves_those_inside_as_they_are(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    clock.now += timedelta(days=1)
    publish(hub, POLICY.replace("name: Two", "name: New"))
    join(hub, "ben@acme.example")
    drain(hub)
    later(hub, clock, days=4)
    assert sorted({name for name, _ in messages(hub)}) == ["New", "One", "Two"]
    assert [row.version for row in rows(hub, "enrolments")] == ["sequences@2", "sequences@3"]


BUSY = """
kind: sequences
sequences:
  - id: high
    label: High
    priority: 5
    entry: {on: order.placed}
    conversion: []
    reentry: {after_days: 4}
    max_days: 6
    steps: [{wait: {days: 1}}, {send: {name: H1}}, {wait: {days: 2}}, {send: {name: H2}}]
  - id: low
    label: Low
    entry: {on: form.submitted}
    reentry: {after_days: 3}
    conversion: []
    goal: {on: meeting.booked}
    max_days: 9
    steps:
      - send: {name: L1}
      - wait: {hours: 30}
      - send: {name: L2}
      - wait: {days: 6}
"""


def history(email: str) -> list[Event]:
    """What happens to somebody in a month, as (days, type)."""
    told = [
        (0, "consent.changed"), (0.1, "form.submitted"), (0.5, "order.placed"), (2, "email.opened"),
        (5, "form.submitted"), (6, "order.placed"), (9, "meeting.booked"), (14, "form.submitted"),
        (16, "email.replied"), (20, "order.placed"), (28, "page.viewed"),
    ]  # fmt: skip
    said: dict[str, Any] = {"state": "granted", "channel": "email", "by_person": True, "form": "x", "meeting": "1"}
    return [
        Event(
            type=kind,
            occurred_at=START + timedelta(days=days),
            source_key=f"{email} {number}",
            identities=(Identity("email", email),),
            properties=said,
        )
        for number, (days, kind) in enumerate(told)
    ]


def came_to(runtime: Runtime, email: str) -> tuple[Any, ...]:
    """Enrolments, decisions that stand, and messages, of one person."""
    home = contact(runtime, email=email)["id"]
    rolls = [
        (row.sequence, row.entered_at, row.ended_at, row.exit, row.step, row.sent)
        for row in rows(runtime, "enrolments", contact_id=home)
    ]
    decided = [
        (row.rule, row.what, row.outcome, row.summary, row.at)
        for row in rows(runtime, "decisions", contact_id=home)
        if row.rule.startswith("sequence:") and row.outcome != "superseded"
    ]
    going = [
        row.action
        for row in rows(runtime, "deliveries", contact_id=home, kind="send_message")
        if row.status == "pending"
    ]
    said = [msgspec.json.decode(action) for action in going]
    return sorted(rolls), sorted(decided), sorted((one["message"], one["occurred_at"]) for one in said)


def test_any_order_of_arrival_and_repeats_come_to_the_same(hub: Runtime, clock: Clock) -> None:
    publish(hub, BUSY)
    clock.now = START + timedelta(days=30)
    feeds = {"order": history("order@acme.example")}
    for seed in range(3):
        events = history(f"chaos{seed}@acme.example")
        events += random.Random(seed).sample(events, 4)
        random.Random(seed).shuffle(events)
        feeds[f"chaos{seed}"] = events
    for events in feeds.values():
        for event in events:
            event.received_at = event.occurred_at
            with hub.database.write() as conn:
                inbox.note(conn, [event], event.occurred_at)
            drain(hub)
            sweep.ring(hub)
    drain(hub)
    expected = came_to(hub, "order@acme.example")
    assert [(name, exit) for name, _, _, exit, *_ in expected[0]] == [
        ("high", "completed"), ("high", "completed"), ("low", "goal"), ("low", "replied"),
    ]  # fmt: skip
    for name in list(feeds)[1:]:
        assert came_to(hub, f"{name}@acme.example") == expected
    again = came_to(hub, "chaos0@acme.example")
    with hub.database.write() as conn:
        inbox.note(conn, history("chaos0@acme.example"), clock.now)
    drain(hub)
    assert came_to(hub, "chaos0@acme.example") == again


def test_erasing_somebody_ends_everything(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    clock.now += timedelta(hours=1)
    erased = Event(
        type=EventType.CONTACT_ERASED,
        occurred_at=clock.now,
        source_key="erase",
        identities=(Identity("contact", str(contact(hub, email=MAIL)["id"])),),
    )
    with hub.database.write() as conn:
        inbox.note(conn, [erased], clock.now)
    drain(hub)
    assert [exit for _, exit, _ in roll(hub)] == ["opted_out"]


def leave(runtime: Runtime) -> None:
    """Let everything leave now, whatever the database's own clock says."""
    with runtime.database.write() as conn:
        conn.exec_driver_sql("UPDATE deliveries SET not_before = 0")
    deliver.drain(runtime, 5)


def test_what_waits_to_leave_stays_once_the_person_has_left(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    clock.now += timedelta(minutes=5)
    form(hub, "demo", email=MAIL)
    drain(hub)
    leave(hub)
    (row,) = rows(hub, "deliveries", kind="send_message")
    assert (row.status, row.reason) == ("withheld", "the person has left the sequence: goal")


def test_what_could_not_leave_in_time_stays(hub: Runtime, clock: Clock) -> None:
    join(hub)
    drain(hub)
    clock.now += timedelta(hours=25)
    leave(hub)
    (row,) = rows(hub, "deliveries", kind="send_message")
    assert row.status == "withheld"
    assert row.reason == f"too late: it had to leave by {START + timedelta(days=1):%Y-%m-%d %H:%M} UTC"


def test_two_contacts_who_turn_out_to_be_one_are_in_it_once(hub: Runtime, clock: Clock) -> None:
    for hours, email in ((0, "ann@acme.example"), (1, "ann@home.example")):
        clock.now = START + timedelta(hours=hours)
        join(hub, email)
    drain(hub)
    assert roll(hub) == [("2", None, 1), ("2", None, 1)]
    clock.now += timedelta(hours=1)
    known = (Identity("email", "ann@acme.example"), Identity("external", "x1"))
    also = (Identity("email", "ann@home.example"), Identity("external", "x1"))
    events = [
        Event(
            type="page.viewed", occurred_at=clock.now, source_key=f"met {n}", identities=who, properties={"path": "/a"}
        )
        for n, who in enumerate((known, also))
    ]
    with hub.database.write() as conn:
        inbox.note(conn, events, clock.now)
    drain(hub)
    (row,) = rows(hub, "enrolments")
    assert (row.entered_at, row.exit) == (START, None)
    assert [status for _, status in messages(hub)].count("pending") == 1
    later(hub, clock, days=8)
    assert [(exit, sent) for _, exit, sent in roll(hub)] == [("completed", 2)]
    assert len(rows(hub, "reviews")) == 1
