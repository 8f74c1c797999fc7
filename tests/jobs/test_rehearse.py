"""A rehearsal says what a draft would have done, and does nothing: it is held against what really happened."""

import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.rules.difference import ALL, LESS, MORE, OTHER, Count
from app.rules.policy import DEFAULTS, read_document
from app.runtime import Runtime
from app.store import lanes, policies, rehearsals, tables
from app.store.rehearsals import CANCELED, DONE, FAILED, RUNNING, WAITING, Found, Rehearsal
from jobs import histories, rehearse, sweep
from tests.conftest import Clock
from tests.feeding import form, rows
from tests.rehearsal_story import BEGAN, ask, live_through, look_back


@pytest.fixture
def lived(sqlite_runtime: Runtime, clock: Clock) -> Runtime:
    """Three weeks in which the shipped rules were in force."""
    look_back(sqlite_runtime, clock)
    return sqlite_runtime


def in_force(kind: str) -> str:
    return (DEFAULTS / f"{kind}.yaml").read_text(encoding="utf-8")


def found(runtime: Runtime, rehearsal_id: int) -> Rehearsal:
    with runtime.database.read() as conn:
        rehearsal = rehearsals.find(conn, rehearsal_id)
    assert rehearsal is not None
    return rehearsal


def rehearsed(runtime: Runtime, rehearsal_id: int) -> Rehearsal:
    rehearse.work(runtime, "test")
    rehearsal = found(runtime, rehearsal_id)
    assert rehearsal.status == DONE, rehearsal.reason
    return rehearsal


def of(rehearsal: Rehearsal, effect: str, rule: str = ALL) -> Count:
    return rehearsal.tally.effects.get(effect, {}).get(rule, Count())


def changes(runtime: Runtime, rehearsal_id: int, **filters: str) -> list[Found]:
    with runtime.database.read() as conn:
        return rehearsals.changes_page(conn, rehearsal_id, 500, **filters)[0]


def assert_as_it_really_was(rehearsal: Rehearsal) -> None:
    counted = [
        (effect, rule, count) for effect, rules in rehearsal.tally.effects.items() for rule, count in rules.items()
    ]
    assert len(counted) > 20
    assert [one for one in counted if not one[2].now == one[2].draft == one[2].really] == []
    assert rehearsal.tally.differing == rehearsal.kept == 0


# --- is it true?


def test_what_is_in_force_is_what_really_happened(runtime: Runtime, clock: Clock) -> None:
    live_through(runtime)
    assert_as_it_really_was(rehearsed(runtime, ask(runtime, "triggers", in_force("triggers"))))


@pytest.mark.parametrize("kind", policies.SINGLE)
def test_what_is_in_force_differs_from_itself_in_nothing(lived: Runtime, kind: str) -> None:
    assert_as_it_really_was(rehearsed(lived, ask(lived, kind, in_force(kind))))


def test_a_draft_is_as_if_it_had_been_published_at_the_beginning_of_the_span(lived: Runtime) -> None:
    text = in_force("scoring").replace("threshold: 50", "threshold: 15").replace("rearm_below: 40", "rearm_below: 10")
    late = rehearsed(lived, ask(lived, "scoring", text, BEGAN + timedelta(days=10)))
    assert of(late, "rescore").draft == 2, "who was over the new threshold by then is listed, and not told"
    assert of(late, "threshold").draft < of(rehearsed(lived, ask(lived, "scoring", text)), "threshold").draft
    (said, *_) = changes(lived, late.id, effect="rescore")
    assert said.change.draft is not None
    assert "nobody is told" in said.change.draft.summary


def test_a_handoff_that_only_the_draft_opens_keeps_messages_back(lived: Runtime) -> None:
    text = in_force("handoff").replace("field: score, op: at_least, value: 50", "field: score, op: at_least, value: 5")
    rehearsal = rehearsed(lived, ask(lived, "handoff", text))
    handed = of(rehearsal, "handoff")
    assert (handed.really, handed.now) == (2, 2)
    assert handed.draft == handed.people_draft == 4
    assert (handed.more, handed.less) == (2, 0)
    assert of(rehearsal, "message withheld").draft > of(rehearsal, "message withheld").now
    new = changes(lived, rehearsal.id, effect="handoff", side=MORE)
    assert {one.change.draft.summary.partition(":")[0] for one in new if one.change.draft} == {"Handed to sales"}
    kept = changes(lived, rehearsal.id, effect="message withheld", side=OTHER)
    assert kept
    assert all(one.change.now and one.change.now.outcome == "taken" for one in kept)
    assert any("conversation" in one.change.draft.summary for one in kept if one.change.draft)


def test_a_trigger_that_is_taken_out_sends_nothing_more(lived: Runtime) -> None:
    rehearsal = rehearsed(lived, ask(lived, "triggers", "kind: triggers\ntriggers: []"))
    assert of(rehearsal, "message", "pricing_follow_up").draft == 0
    gone = changes(lived, rehearsal.id, effect="message", rule="pricing_follow_up")
    assert len(gone) == of(rehearsal, "message", "pricing_follow_up").now
    assert {one.change.side for one in gone} == {LESS}


def test_a_message_that_quiet_hours_put_off_leaves_only_if_it_still_may(lived: Runtime) -> None:
    text = in_force("frequency").replace("channels: [sms, push]", "channels: [email, sms, push]")
    assert text != in_force("frequency")
    text = text.replace('from: "21:00"', 'from: "08:00"')
    rehearsal = rehearsed(lived, ask(lived, "frequency", text))
    assert of(rehearsal, "message").now > 0
    assert rehearsal.tally.contacts == 5


def test_people_who_were_in_a_sequence_before_stay_in_what_they_came_into(lived: Runtime) -> None:
    text = in_force("sequences").replace("name: Welcome", "name: Hello")
    early = rehearsed(lived, ask(lived, "sequences", text))
    late = rehearsed(lived, ask(lived, "sequences", text, BEGAN + timedelta(days=3)))
    assert of(early, "message", "sequence:welcome").draft == of(early, "message", "sequence:welcome").now == 5
    assert of(late, "message", "sequence:welcome").draft == 0


def test_only_a_segment_or_a_sample_is_looked_at(lived: Runtime) -> None:
    inside = len(rows(lived, "contact_segments", "contact_id", segment="ready_for_sales"))
    assert 0 < inside < 5
    some = rehearsed(lived, ask(lived, "triggers", in_force("triggers"), segment="ready_for_sales"))
    assert some.tally.contacts == some.total == some.seen == inside
    sampled = rehearsed(lived, ask(lived, "triggers", in_force("triggers"), every=2))
    assert sampled.tally.contacts == sampled.total == 2


# --- it does nothing


def state_of(runtime: Runtime) -> dict[str, Any]:
    """Everything that Baton keeps, but for rehearsals and who works on them."""
    beside = ("rehearsals", "rehearsal_changes", "rehearsal_events", "lanes")
    return {name: rows(runtime, name) for name in tables.metadata.tables if name not in beside}


def test_it_sends_nothing_and_changes_nothing(lived: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a rehearsal speaks to nobody")

    text = in_force("handoff").replace("value: 50", "value: 1")
    asked = [ask(lived, "handoff", text), ask(lived, "scoring", in_force("scoring").replace("points: 5", "points: 30"))]
    before = state_of(lived)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert all(rehearsed(lived, one).tally.differing for one in asked)
    assert state_of(lived) == before
    assert before["deliveries"]
    assert before["handoffs"]
    assert before["decisions"]


# --- it can be stopped, and goes on


def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "AT_ONCE", 2)
    monkeypatch.setattr(rehearse, "STEP_SECONDS", 0.0)


class StopsAfter(threading.Event):
    """Says that it is time to stop once it was asked so often."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def is_set(self) -> bool:
        self.times -= 1
        return self.times < 0


def test_one_that_was_stopped_goes_on_where_it_was_and_comes_to_the_same(
    lived: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = in_force("handoff").replace("value: 50", "value: 5")
    whole = ask(lived, "handoff", text)
    expected = rehearsed(lived, whole)
    again = ask(lived, "handoff", text)
    small_steps(monkeypatch)
    rehearse.work(lived, "first", StopsAfter(2))
    half = found(lived, again)
    assert (half.status, half.seen, half.total) == (RUNNING, 2, 5)
    assert rehearsed(lived, again).tally == expected.tally
    bodies = [[row.body for row in rows(lived, "rehearsal_changes", "body", rehearsal_id=n)] for n in (whole, again)]
    assert bodies[0] == bodies[1] != []


def test_one_that_is_cancelled_stops(lived: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    small_steps(monkeypatch)
    asked = ask(lived, "triggers", in_force("triggers"))
    rehearse.work(lived, "first", StopsAfter(2))
    with lived.database.write() as conn:
        assert rehearsals.cancel(conn, asked, clock())
        assert not rehearsals.cancel(conn, asked, clock())
    assert rehearse.work(lived, "second") == 0
    assert (found(lived, asked).status, found(lived, asked).seen) == (CANCELED, 2)


def test_one_that_is_cancelled_or_deleted_under_way_writes_nothing_more(
    lived: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_steps(monkeypatch)
    asked = ask(lived, "handoff", in_force("handoff").replace("value: 50", "value: 5"))

    def delete(*_: object) -> None:
        with lived.database.write() as conn:
            rehearsals.drop(conn, asked)

    monkeypatch.setattr(rehearse.lanes.Kept, "keep", delete)
    rehearse.work(lived, "first")
    assert rows(lived, "rehearsals") == rows(lived, "rehearsal_changes") == []


def test_two_workers_do_not_work_on_the_same(lived: Runtime) -> None:
    asked = ask(lived, "triggers", in_force("triggers"))
    lease = lanes.take(lived.database, rehearse.LANE, "another")
    assert lease is not None
    assert rehearse.work(lived, "test") == 0
    assert found(lived, asked).status == WAITING
    lanes.give_back(lived.database, lease)
    rehearsed(lived, asked)


def test_one_that_ends_its_process_each_time_is_given_up(lived: Runtime) -> None:
    asked = ask(lived, "triggers", in_force("triggers"))
    with lived.database.write() as conn:
        for _ in range(rehearse.MAX_ATTEMPTS):
            rehearsals.begin(conn, found(lived, asked), lived.clock())
    rehearse.work(lived, "test")
    assert found(lived, asked).status == FAILED
    assert "process ended" in found(lived, asked).reason


def test_what_goes_wrong_stands_on_it_and_the_next_one_has_its_turn(
    lived: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(lived, "triggers", "kind: triggers\ntriggers: 7")
    after = ask(lived, "triggers", in_force("triggers"))
    rehearsed(lived, after)
    assert found(lived, asked).status == FAILED
    assert "triggers" in found(lived, asked).reason


def test_what_is_published_meanwhile_changes_nothing(lived: Runtime, clock: Clock) -> None:
    asked = ask(lived, "triggers", in_force("triggers"))
    with lived.database.write() as conn:
        policies.publish(conn, read_document(in_force("handoff").replace("value: 50", "value: 5")), "t", "", clock())
    lived.forget()
    assert_as_it_really_was(rehearsed(lived, asked))


def test_a_long_history_is_read_piece_by_piece(lived: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rehearsed(lived, ask(lived, "handoff", in_force("handoff").replace("value: 50", "value: 5")))
    monkeypatch.setattr(histories, "TOGETHER", 3)
    pieces = rehearsed(lived, ask(lived, "handoff", in_force("handoff").replace("value: 50", "value: 5")))
    assert pieces.tally == whole.tally


def test_no_more_than_so_many_differences_are_kept_and_all_are_counted(
    lived: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "KEPT", 3)
    rehearsal = rehearsed(lived, ask(lived, "triggers", "kind: triggers\ntriggers: []"))
    assert rehearsal.kept == 3 < of(rehearsal, "message withheld").now
    with lived.database.read() as conn:
        assert conn.execute(select(func.count()).select_from(tables.rehearsal_changes)).scalar() == 3


# --- while others work


def test_it_mostly_rests_while_something_waits_in_the_inbox(lived: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    stopping, draft = threading.Event(), in_force("triggers")
    monkeypatch.setattr(stopping, "wait", lambda seconds: rests.append(seconds))
    ask(lived, "triggers", draft)
    rehearse.work(lived, "test", stopping)
    assert rests == [], "nothing waits"
    form(lived, email="bob@acme.example")
    number = ask(lived, "triggers", draft)
    monkeypatch.setattr(rehearse, "AT_ONCE", 1)
    rehearse.work(lived, "test", stopping)
    assert found(lived, number).status == DONE
    assert len(rests) > found(lived, number).seen > 1, "after each batch, and before the first"
    assert all(0 < rest <= rehearse.REST_SECONDS for rest in rests)


# --- who does it, and for how long it is kept


def test_the_sweep_and_the_job_have_it_worked_on_where_nobody_does(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = sqlite_runtime
    started: list[bool] = []
    monkeypatch.setattr(rehearse, "start", lambda _: started.append(True))
    sweep.tick(lived, lambda *_: None, "t")
    assert not started
    ask(lived, "triggers", in_force("triggers"))
    sweep.tick(lived, lambda *_: None, "t")
    assert started == [True]
    lease = lanes.take(lived.database, rehearse.LANE, "another")
    assert lease is not None
    rehearse.look(lived)
    assert started == [True]


def test_it_is_forgotten_after_some_days(lived: Runtime, clock: Clock) -> None:
    asked = rehearsed(lived, ask(lived, "triggers", "kind: triggers\ntriggers: []"))
    clock.advance(days=13)
    sweep.tidy(lived)
    assert found(lived, asked.id)
    clock.advance(days=2)
    sweep.tidy(lived)
    assert rows(lived, "rehearsals") == rows(lived, "rehearsal_changes") == []
