"""Caps and quiet hours where messages leave: places given up and taken again, the last look, the ledger and the facts.
Through real lanes against the simulator, on both databases. Catalogue: I3, H8."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import update

from adapters.sandbox.server import Server, serve
from app.contacts.contact import Contact, Send
from app.contacts.event import Event, Identity
from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import deliveries, inbox, policies, tables
from jobs import deliver, ingest, landing, places
from tests.conftest import Clock, make_runtime
from tests.feeding import contact, form, rows, without_sequences

MAIL = "ann@acme.example"
BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime(2026, 11, 20, 15, 0, tzinfo=BERLIN).astimezone(UTC)
NIGHT = datetime(2026, 11, 20, 22, 30, tzinfo=BERLIN).astimezone(UTC)
TRIGGERS = """
kind: triggers
triggers:
  - {id: asked, label: Asked, on: "custom:asked", once_in_days: 0, too_old_hours: 300, message: {name: Answer}}
  - {id: lost, label: Lost, on: "custom:lost", once_in_days: 0, message: {name: Lost, through: pager}}
  - {id: order, label: Ordered, on: "custom:ordered", once_in_days: 0, message: {name: Order, purpose: transactional}}
"""
_numbers = itertools.count()


@pytest.fixture
def clock() -> Clock:
    return Clock(DAY)


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, vendors: Server, monkeypatch: pytest.MonkeyPatch,
    unpaced: None,
) -> Iterator[Runtime]:  # fmt: skip
    """Ann has agreed to be written to; at most one message a week, as long as a test says nothing else."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)
    runtime = make_runtime(request, request.param, tmp_path, clock)
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, f"{vendors.url}/klaviyo")
    add_connection(runtime, "alerts", "pager", {"urls": "json://127.0.0.1/nowhere"})  # it sends no e-mail
    publish(runtime, TRIGGERS)
    without_sequences(runtime)
    cap(runtime, 1)
    form(runtime, "newsletter", email=MAIL, newsletter="yes", at=clock() - timedelta(days=1))
    ingest.drain(runtime, 5)
    yield runtime
    runtime.close()


def publish(runtime: Runtime, text: str) -> None:
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


def cap(runtime: Runtime, most: int, days: int = 7, quiet: str = "{channels: []}") -> None:
    rung = f"{{caps: [{{max: {most}, days: {days}}}]}}"
    publish(runtime, f"kind: frequency\nladder: {{new: {rung}, active: {rung}}}\nquiet: {quiet}")


def happens(runtime: Runtime, kind: str, at: datetime | None = None) -> None:
    """Something happens to Ann, and Baton takes it in."""
    event = Event(
        type=f"custom:{kind}",
        occurred_at=at or runtime.clock(),
        source_key=f"test {next(_numbers)}",
        identities=(Identity("email", MAIL),),
    )
    with runtime.database.write() as conn:
        inbox.note(conn, [event], runtime.clock())
    ingest.drain(runtime, 5)


def settle(runtime: Runtime) -> None:
    for _ in range(2):
        deliver.drain(runtime, 5)
        ingest.drain(runtime, 5)


def messages(runtime: Runtime) -> list[str]:
    """What became of messages, in the order of their deliveries."""
    return [row.status for row in rows(runtime, "deliveries", "status", kind="send_message")]


def reasons(runtime: Runtime) -> list[str]:
    return [row.reason or "" for row in rows(runtime, "deliveries", "reason", kind="send_message")]


def ledger(runtime: Runtime) -> list[Send]:
    (row,) = rows(runtime, "contacts", "state")
    return msgspec.json.decode(row.state, type=Contact).sends


def refuse(vendors: Server) -> None:
    """The tool refuses the next message."""
    vendors.klaviyo.fault("400", path="/api/events", times=1)


def left(vendors: Server) -> int:
    return len(vendors.klaviyo.happened("Baton: Answer"))


# --- places


def test_a_message_has_one_place_from_its_decision_to_its_delivery(hub: Runtime, clock: Clock) -> None:
    happens(hub, "asked")
    (place,) = ledger(hub)
    assert (place.reserved, place.at) == (True, DAY)
    clock.advance(minutes=5)
    settle(hub)
    (place,) = ledger(hub)
    assert (place.reserved, place.at, place.rule) == (False, clock(), "asked")


def test_a_place_that_came_to_nothing_goes_to_the_next(hub: Runtime, clock: Clock, vendors: Server) -> None:
    refuse(vendors)
    for _ in range(3):
        happens(hub, "asked")
        settle(hub)
        clock.advance(hours=1)
    assert messages(hub) == ["dead", "sent", "withheld"]
    assert reasons(hub)[2].endswith("1 message in the last 7 days; 1 is allowed, the next from 2026-11-27 15:00 UTC")


def test_what_is_withheld_at_the_last_look_gives_its_place_up(hub: Runtime, clock: Clock) -> None:
    happens(hub, "asked")
    happens(hub, "suppressed", clock.advance(minutes=1))
    settle(hub)
    assert messages(hub) == ["withheld"]
    assert ledger(hub) == []
    happens(hub, "released", clock.advance(minutes=1))
    happens(hub, "asked", clock.advance(minutes=1))
    settle(hub)
    assert messages(hub) == ["withheld", "sent"]


def test_what_no_tool_can_send_takes_nobodys_place(hub: Runtime, clock: Clock) -> None:
    happens(hub, "lost")
    (decision,) = rows(hub, "decisions", "outcome", "summary", rule="lost")
    assert decision.summary == "“Lost” by email: the connection pager that sends email is missing"
    happens(hub, "asked", clock.advance(minutes=1))
    settle(hub)
    assert messages(hub) == ["sent"]


def test_a_retry_takes_its_place_again(hub: Runtime, clock: Clock, vendors: Server) -> None:
    refuse(vendors)
    happens(hub, "asked")
    settle(hub)
    assert ledger(hub) == []
    retry(hub)
    deliver.drain(hub, 5)
    assert [one.reserved for one in ledger(hub)] == [True], "before word of it has come back"
    settle(hub)
    happens(hub, "asked", clock.advance(minutes=1))
    settle(hub)
    assert messages(hub) == ["sent", "withheld"]


def test_a_retry_finds_its_place_taken(hub: Runtime, clock: Clock, vendors: Server) -> None:
    refuse(vendors)
    happens(hub, "asked")
    settle(hub)
    happens(hub, "asked", clock.advance(minutes=1))
    settle(hub)
    retry(hub)
    settle(hub)
    assert messages(hub) == ["withheld", "sent"]
    assert left(vendors) == 1


def retry(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        ids = [row.id for row in rows(runtime, "deliveries", "id", status="dead")]
        assert deliveries.retry(conn, ids, runtime.clock()) == 1


# --- the ledger and the facts


def test_news_that_come_late_never_make_it_more_than_the_cap(hub: Runtime, clock: Clock, vendors: Server) -> None:
    cap(hub, 2)
    for hours in (3, 2):
        happens(hub, "asked", clock() - timedelta(hours=hours))
        settle(hub)
    happens(hub, "asked", clock() - timedelta(hours=5))
    settle(hub)
    assert messages(hub) == ["sent", "sent", "withheld"]
    assert reasons(hub)[2].startswith("2 messages in the last 7 days; 2 are allowed")
    assert left(vendors) == len(ledger(hub)) == 2


def test_who_comes_first_has_the_place_where_more_were_meant_to_leave(
    hub: Runtime, clock: Clock, vendors: Server
) -> None:
    cap(hub, 3)
    for _ in range(3):
        happens(hub, "asked", clock.advance(minutes=1))
    cap(hub, 1)
    clock.advance(minutes=1)
    settle(hub)
    assert messages(hub) == ["sent", "withheld", "withheld"]
    assert left(vendors) == 1


def test_what_may_have_left_keeps_its_place_when_history_is_folded_again(hub: Runtime, clock: Clock) -> None:
    happens(hub, "asked", clock() - timedelta(hours=2))
    leave(hub)
    happens(hub, "asked", clock() - timedelta(hours=5))
    assert len(ledger(hub)) == 2, "by the rules the earlier one has the place; the later one has left"
    settle(hub)
    assert messages(hub) == ["sent", "withheld"]


def leave(runtime: Runtime) -> None:
    """The message that waits leaves, and word of it is still on its way."""
    change = update(tables.deliveries).where(tables.deliveries.c.kind == "send_message")
    with runtime.database.write() as conn:
        conn.execute(change.values(status="sent", attempts=1, updated_at=runtime.clock()))


def test_a_message_that_leaves_while_history_is_folded_again_keeps_its_place(
    hub: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hub.database.is_sqlite:
        pytest.skip("there the contact is locked meanwhile")
    happens(hub, "asked", clock() - timedelta(hours=2))
    look, looked = places.Places.look, []

    def and_it_leaves(self: places.Places, *about: Any) -> None:
        look(self, *about)
        looked.append(self)
        if len(looked) == 1:
            leave(hub)

    monkeypatch.setattr(places.Places, "look", and_it_leaves)
    happens(hub, "asked", clock() - timedelta(hours=5))
    assert len(looked) == 2, "it was done again"
    assert len(ledger(hub)) == 2


def test_a_place_is_not_given_up_by_old_news_of_a_message_that_was_tried_again(hub: Runtime, vendors: Server) -> None:
    refuse(vendors)
    happens(hub, "asked")
    deliver.drain(hub, 5)  # the note that it was refused waits in the inbox
    retry(hub)
    leave(hub)
    ingest.drain(hub, 5)
    assert len(ledger(hub)) == 1


@pytest.mark.parametrize("lost", [True, False])
def test_a_message_whose_answer_was_lost_keeps_its_place_though_it_is_withheld_then(
    hub: Runtime, clock: Clock, vendors: Server, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    monkeypatch.setattr(landing, "FIRST_DELAY", 600.0)
    fault = {"kind": "done_then_drop"} if lost else {"kind": "429", "retry_after": 600}
    vendors.klaviyo.fault(**fault, path="/api/events", times=1)
    happens(hub, "asked")
    settle(hub)
    happens(hub, "suppressed", clock.advance(minutes=1))
    wake(hub)
    settle(hub)
    assert messages(hub) == ["withheld"]
    assert len(ledger(hub)) == left(vendors) == (1 if lost else 0)
    happens(hub, "custom", clock() - timedelta(days=1))  # and when history is folded again
    assert len(ledger(hub)) == left(vendors)


def test_a_message_that_leaves_much_later_has_its_place_then(hub: Runtime, clock: Clock) -> None:
    happens(hub, "asked")
    clock.advance(days=8)
    deliver.drain(hub, 5)
    assert [(one.at, one.reserved) for one in ledger(hub)] == [(clock(), True)]
    happens(hub, "asked", clock.advance(minutes=1))
    settle(hub)
    assert messages(hub) == ["sent", "withheld"]


def test_while_there_is_room_nobody_asks_what_has_left(hub: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "left_of", None)
    happens(hub, "asked")
    settle(hub)
    assert messages(hub) == ["sent"]


# --- quiet hours

QUIET = "{channels: [email], timezone: Europe/Berlin}"


def test_at_night_a_message_waits_for_the_morning(hub: Runtime, clock: Clock, vendors: Server) -> None:
    cap(hub, 1, quiet=QUIET)
    clock.now = NIGHT
    happens(hub, "asked")
    (decision,) = rows(hub, "decisions", "outcome", "summary", rule="asked")
    assert decision == ("taken", "“Answer” by email: Asked; leaves at 08:00 in Berlin: quiet hours")
    (row,) = rows(hub, "deliveries", "not_before", kind="send_message")
    assert row.not_before == datetime(2026, 11, 21, 8, 0, tzinfo=BERLIN)


def test_what_is_due_at_night_is_put_back_and_leaves_in_the_morning(
    hub: Runtime, clock: Clock, vendors: Server
) -> None:
    """It waited for something else until the evening. The wait is no attempt, and does not make it too old."""
    publish(hub, TRIGGERS.replace("too_old_hours: 300", "too_old_hours: 8"))
    cap(hub, 1, quiet=QUIET)
    happens(hub, "asked")
    clock.now = NIGHT
    settle(hub)
    (row,) = rows(hub, "deliveries", "status", "attempts", "not_before", "updated_at", kind="send_message")
    assert (row.status, row.attempts) == ("pending", 0)
    assert row.not_before - row.updated_at == pytest.approx(timedelta(hours=9.5), abs=timedelta(seconds=5))
    clock.now = datetime(2026, 11, 21, 8, 1, tzinfo=BERLIN).astimezone(UTC)
    wake(hub)
    settle(hub)
    assert messages(hub) == ["sent"]


def wake(runtime: Runtime) -> None:
    """The morning has come, by the database's clock, and the tool has told nobody to wait."""
    with runtime.database.write() as conn:
        conn.execute(tables.budgets.delete())
        conn.execute(update(tables.deliveries).values(not_before=DAY))


def test_transactional_messages_pass_what_waits_and_the_cap(hub: Runtime, clock: Clock, vendors: Server) -> None:
    cap(hub, 1, quiet=QUIET)
    clock.now = NIGHT
    happens(hub, "asked")
    settle(hub)
    for _ in range(3):
        happens(hub, "ordered")
    settle(hub)
    assert messages(hub) == ["pending", "sent", "sent", "sent"], reasons(hub)
    assert len(vendors.klaviyo.happened("Baton: Order")) == 3
    wake(hub)
    clock.advance(hours=12)
    settle(hub)
    assert messages(hub)[0] == "sent", "and they do not count"


# --- as the API shows it


def test_contact_shows_what_counts_and_when_there_is_room(hub: Runtime, clock: Clock) -> None:
    happens(hub, "asked")
    shown = contact(hub, email=MAIL)
    again = clock() + timedelta(days=7)
    assert shown["frequency"]["caps"] == [{"max": 1, "days": 7, "count": 1, "free_at": again}]
    assert (shown["frequency"]["free_from"], shown["frequency"]["wakes_only"]) == (again, False)
    (place,) = shown["sends"]
    assert (place["rule"], place["status"], place["counts"], place["connection"]) == ("asked", "reserved", True, None)
    settle(hub)
    (place,) = contact(hub, email=MAIL)["sends"]
    assert (place["status"], place["connection"]) == ("sent", "klaviyo")
