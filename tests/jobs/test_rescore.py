"""After new rules for scores everybody has the points that their history earns under them, and nobody is told.

Catalogue: F6.
"""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.contacts.contact import Contact
from app.rules.policy import read_document
from app.rules.score import total
from app.runtime import Runtime
from app.setup import add_connection
from app.store import checkpoints, lanes, people, policies, recounts
from jobs import rescore, sweep
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import drain, form, klaviyo, minutes, rows, visit, without_sequences


def scoring(points: int, threshold: int = 50, rearm: int = 40) -> str:
    return f"""
kind: scoring
threshold: {threshold}
rearm_below: {rearm}
groups: {{all: {{half_life_days: 30, cap: 500}}}}
rules:
  - {{id: visit, label: Visit, group: all, points: {points}, on: [page.viewed]}}
  - {{id: form, label: Form, group: all, points: 15, on: [form.submitted], cap: {{points: 30, days: 7}}}}
  - id: third
    label: Third visit in a week
    group: all
    points: 7
    on: [page.viewed]
    when: {{count: {{on: page.viewed, within_days: 7, at_least: {max(2, 8 - points)}}}}}
  - {{id: stage, label: Known to sales, group: all, points: -4, on: [page.viewed], when: {{field: stage, value: mql}}}}
"""


SEGMENTS = """
kind: segments
segments:
  - {id: warm, label: Warm, when: {field: score, op: at_least, value: 40}}
"""


def publish(runtime: Runtime, *texts: str) -> None:
    with runtime.database.write() as conn:
        for text in texts:
            policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


@pytest.fixture
def ready(runtime: Runtime) -> Runtime:
    without_sequences(runtime)
    add_connection(runtime, "alerts", "alerts", {"urls": "json://127.0.0.1:9/"})
    publish(runtime, scoring(5), SEGMENTS)
    return runtime


def counted(runtime: Runtime) -> int:
    """Score everybody anew, and take in what comes of it; how many got another score."""
    changed = rescore.work(runtime, "test")
    drain(runtime)
    return changed


def states(runtime: Runtime) -> dict[str, Contact]:
    with runtime.database.read() as conn:
        return {str(one.state.email): one.state for one in people.after(conn, 0, 1_000)}


def recount(runtime: Runtime) -> recounts.Recount:
    with runtime.database.read() as conn:
        found = recounts.read(conn)
    assert found is not None
    return found


def visits(runtime: Runtime, name: str, count: int, days: int = 1) -> None:
    at = runtime.clock()
    form(runtime, email=f"{name}@acme.example", anonymous_id=name.ljust(16, "x"), at=at - minutes(1440 * days + 1))
    for number in range(count):
        visit(runtime, name, f"/p{number}", at - minutes(1440 * days - number))
    drain(runtime)


# --- the same as from the beginning


def live_through(runtime: Runtime, seed: int) -> None:
    """Some weeks of some people, in an order that is not always that in which it happened."""
    chance = random.Random(seed)
    names = [f"p{number}" for number in range(8)]
    happened = [(name, "form", NOW - minutes(60 * 24 * 40)) for name in names]
    for name in names:
        for _ in range(chance.randrange(14)):
            at = NOW - minutes(chance.randrange(60, 60 * 24 * 30))
            happened.append((name, chance.choice(("visit", "visit", "visit", "form")), at))
    late = chance.sample(happened[len(names) :], 6)
    for name, kind, at in [*sorted((one for one in happened if one not in late), key=lambda one: one[2]), *late]:
        if kind == "visit":
            visit(runtime, name, "/pricing", at)
        else:
            form(runtime, email=f"{name}@acme.example", anonymous_id=name.ljust(16, "x"), at=at)
        if chance.random() < 0.2:
            drain(runtime)
    pass_time(runtime)


def pass_time(runtime: Runtime) -> None:
    """Take in what has come, and what is due by now."""
    drain(runtime)
    while sweep.ring(runtime):
        drain(runtime)


def what_counts(runtime: Runtime) -> dict[str, Any]:
    """What of everybody goes by scores alone. Ids of events differ between two installations, and segments' times."""
    policy = runtime.rulebook().policies.scoring.read
    listed = {row.email: row.score for row in rows(runtime, "contacts", "email", "score")}
    return {
        email: (
            total(state.score, policy, NOW),
            listed[email],
            {name: (one.sum, one.sum_at, one.last_at, len(one.recent)) for name, one in state.score.rules.items()},
            state.seen,
            sorted(state.segments),
            state.scored_by.partition("@")[0],
        )
        for email, state in states(runtime).items()
    }


@pytest.mark.parametrize("seed", [2, 3])
def test_everybody_is_as_if_the_new_rules_had_always_been_in_force(
    ready: Runtime, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, seed: int
) -> None:
    live_through(ready, seed)
    publish(ready, scoring(6 + seed))
    assert counted(ready) > 4
    always = make_runtime(request, "sqlite", tmp_path, clock)
    without_sequences(always)
    publish(always, scoring(6 + seed), SEGMENTS)
    live_through(always, seed)
    assert what_counts(ready) == what_counts(always)
    before = what_counts(ready)
    visit(ready, "p3", "/late", NOW - minutes(60 * 24 * 12 + 7))  # and so it stays when histories are folded again
    visit(always, "p3", "/late", NOW - minutes(60 * 24 * 12 + 7))
    pass_time(ready)
    pass_time(always)
    assert what_counts(ready) == what_counts(always) != before
    always.close()


# --- quietly


def test_who_comes_over_the_threshold_by_new_rules_alone_is_listed_and_told_to_nobody(ready: Runtime) -> None:
    visits(ready, "ann", 4)
    visits(ready, "ben", 1)
    publish(ready, scoring(20))
    assert counted(ready) == 2
    assert recount(ready).rose == 1
    said = rows(ready, "decisions", "contact_id", "what", "outcome", "summary", policy="scoring@3")
    assert [(one.what, one.outcome) for one in said] == [("rescore", "withheld")]
    assert "by new rules alone, over 50" in said[0].summary
    assert rows(ready, "deliveries") == [] == rows(ready, "handoffs")
    assert all(state.stage is None or state.stage.name != "mql" for state in states(ready).values())
    visit(ready, "ann", "/again")
    drain(ready)
    assert rows(ready, "deliveries") == [], "what raises it next is no news"


def test_segments_that_go_by_the_score_follow_and_start_nothing(ready: Runtime) -> None:
    visits(ready, "ann", 3)
    publish(
        ready,
        "kind: triggers\ntriggers:\n  - {id: hello, label: Hi, on: segment.entered, once_in_days: 0, "
        "message: {name: Hi, channel: email}}",
        scoring(12),
    )
    assert list(states(ready)["ann@acme.example"].segments) == []
    counted(ready)
    assert list(states(ready)["ann@acme.example"].segments) == ["warm"]
    (said,) = rows(ready, "decisions", "summary", rule="warm")
    assert said.summary == "Entered the segment “Warm”, as scores are counted by new rules"
    assert not rows(ready, "decisions", "id", rule="hello")


def test_tools_hear_of_another_score_after_everything_else(ready: Runtime) -> None:
    klaviyo(ready, api_key="k")
    form(ready, name="newsletter", email="ann@acme.example", newsletter="yes", at=NOW - minutes(3_000))
    visits(ready, "ann", 2)
    with ready.database.write() as conn:
        conn.exec_driver_sql("UPDATE deliveries SET status = 'sent'")
    before = {row.id for row in rows(ready, "deliveries", "id")}
    publish(ready, scoring(9))
    counted(ready)
    (told,) = (row for row in rows(ready, "deliveries", kind="upsert_contact") if row.id not in before)
    assert told.urgency == 4
    visit(ready, "ann", "/now")
    drain(ready)
    (told,) = (row for row in rows(ready, "deliveries", kind="upsert_contact") if row.id not in before)
    assert told.urgency == 3, "what the person does then does not wait so long"


def test_tools_that_are_only_told_of_events_concern_nobody(ready: Runtime) -> None:
    add_connection(ready, "make", "make", {"webhook_url": "http://127.0.0.1:9/"})
    add_connection(ready, "ga4", "ga4", {"measurement_id": "G-1234567", "api_secret": "s"})
    visits(ready, "ann", 2)
    before = len(rows(ready, "events", "id"))
    publish(ready, scoring(9))
    assert counted(ready) == 1
    assert len(rows(ready, "events", "id")) == before, "who has other points is nothing to write there"
    assert states(ready)["ann@acme.example"].wanted == {}


def test_nothing_is_written_of_those_for_whom_nothing_is_otherwise(ready: Runtime) -> None:
    form(ready, email="ann@acme.example", at=NOW - minutes(9))
    drain(ready)
    before = len(rows(ready, "events", "id"))
    publish(ready, scoring(6))
    assert counted(ready) == 0
    assert len(rows(ready, "events", "id")) == before
    assert states(ready)["ann@acme.example"].scored_by == "scoring@3 lifecycle@1"


# --- meanwhile


def test_who_does_something_before_their_turn_is_scored_anew_first(ready: Runtime) -> None:
    visits(ready, "ann", 4)
    publish(ready, scoring(20))
    visit(ready, "ann", "/now")
    drain(ready)
    (said,) = rows(ready, "decisions", "what", "outcome", policy="scoring@3")
    assert (said.what, said.outcome) == ("rescore", "withheld"), "not told by points of two kinds"
    assert rows(ready, "deliveries") == []
    state = states(ready)["ann@acme.example"]
    counted(ready)
    assert states(ready)["ann@acme.example"].score == state.score
    assert recount(ready).changed == 0


def test_a_contact_that_something_happens_to_while_it_is_scored_loses_nothing(
    ready: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ann", "ben", "cleo"):
        visits(ready, name, 2)
    publish(ready, scoring(9))
    once, save = iter([True]), rescore._Walk._save

    def overtaken(*args: Any) -> None:
        if next(once, False):
            visit(ready, "ben", "/meanwhile")
            drain(ready)
        save(*args)

    monkeypatch.setattr(rescore._Walk, "_save", overtaken)
    counted(ready)
    found = states(ready)
    assert {one.scored_by for one in found.values()} == {"scoring@3 lifecycle@1"}
    assert len(found["ben@acme.example"].score.rules["visit"].recent) == 3
    assert (recount(ready).seen, recount(ready).ended_at) == (3, NOW)


class Killed(BaseException):
    """The process is gone, in the middle of it."""


def test_whoever_is_killed_another_goes_on(ready: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescore, "AT_ONCE", 2)
    for number in range(5):
        visits(ready, f"p{number}", 2)
    publish(ready, scoring(9))
    save, count = rescore._Walk._save_people, iter(range(9))

    def killed(*args: Any) -> None:
        save(*args)
        if next(count) == 1:
            raise Killed

    monkeypatch.setattr(rescore._Walk, "_save_people", killed)
    with pytest.raises(Killed):
        rescore.work(ready, "first")
    assert (recount(ready).seen, recount(ready).changed) == (2, 2)
    monkeypatch.setattr(rescore._Walk, "_save_people", save)
    assert counted(ready) == 3
    assert (recount(ready).seen, recount(ready).changed, recount(ready).ended_at) == (5, 5, NOW)


def test_what_is_published_meanwhile_begins_anew(ready: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescore, "AT_ONCE", 2)
    for number in range(5):
        visits(ready, f"p{number}", 2)
    publish(ready, scoring(9))
    save = rescore._Walk._save

    def overtaken(*args: Any) -> None:
        save(*args)
        monkeypatch.setattr(rescore._Walk, "_save", save)
        publish(ready, scoring(10))

    monkeypatch.setattr(rescore._Walk, "_save", overtaken)
    assert counted(ready) == 2
    assert counted(ready) == 5
    assert {one.scored_by for one in states(ready).values()} == {"scoring@4 lifecycle@1"}
    assert recount(ready).by == "scoring@4 lifecycle@1"


def test_a_process_that_has_not_heard_of_new_rules_undoes_nothing(ready: Runtime) -> None:
    visits(ready, "ann", 2)
    old = ready.rulebook()
    publish(ready, scoring(9))
    counted(ready)
    state = states(ready)["ann@acme.example"]
    ready._rulebook, ready._rulebook_at = old, float("inf")
    visit(ready, "ann", "/by-the-old-rules")
    drain(ready)
    after = states(ready)["ann@acme.example"]
    assert after.scored_by == state.scored_by
    assert after.score.rules["visit"].recent[:2] == state.score.rules["visit"].recent


def test_over_whom_baton_stumbles_keeps_nobody_else_from_it(ready: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "ben", "cleo"):
        visits(ready, name, 2)
    publish(ready, scoring(9))
    count = rescore.Rescoring.count

    def stumbles(self: Any, contact_id: int, contact: Contact, *args: Any) -> Any:
        if contact.email == "ben@acme.example":
            raise ZeroDivisionError
        return count(self, contact_id, contact, *args)

    monkeypatch.setattr(rescore.Rescoring, "count", stumbles)
    assert counted(ready) == 2
    assert recount(ready).failed == 1
    assert states(ready)["ben@acme.example"].scored_by == "scoring@2 lifecycle@1"


# --- later events


def test_checkpoints_are_scored_anew_as_well(ready: Runtime) -> None:
    for number in range(9):
        visits(ready, "ann", 1, days=20 - number)
    assert rows(ready, "checkpoints")
    publish(ready, scoring(9))
    counted(ready)
    ((contact_id, state),) = _checkpoints(ready).items()
    assert state.scored_by == "scoring@3 lifecycle@1"
    assert {given.points for given in state.score.rules["visit"].recent} == {9}
    assert state.newest is not None
    assert state.newest < states(ready)["ann@acme.example"].newest  # type: ignore[operator]
    assert contact_id


def test_a_late_event_does_not_tell_of_who_was_kept_back(ready: Runtime) -> None:
    visits(ready, "ann", 4)
    publish(ready, scoring(20))
    counted(ready)
    ready.clock.advance(hours=2)  # type: ignore[attr-defined]
    visit(ready, "ann", "/now")
    drain(ready)
    visit(ready, "ann", "/late", NOW + minutes(30))
    drain(ready)
    assert rows(ready, "deliveries") == []
    (said,) = rows(ready, "decisions", "outcome", rule="rescore")
    assert said.outcome == "withheld", "and the decision that says so stands"


def _checkpoints(runtime: Runtime) -> dict[int, Contact]:
    with runtime.database.read() as conn:
        return checkpoints.load(conn, [row.contact_id for row in rows(runtime, "checkpoints", "contact_id")])


# --- who does it


def test_the_sweep_has_it_done_once_everybody_has_heard_of_the_rules(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(rescore, "start", lambda _: started.append(True))
    sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert not started, "a new installation has nobody to score"
    publish(sqlite_runtime, scoring(9))
    sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert not started
    assert recount(sqlite_runtime).ended_at is None
    sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert len(started) == 1
    lease = lanes.take(sqlite_runtime.database, rescore.LANE, "another")
    assert lease is not None
    assert rescore.work(sqlite_runtime, "test") == 0
    sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert len(started) == 1, "somebody does it"
    lanes.give_back(sqlite_runtime.database, lease)
    rescore.work(sqlite_runtime, "test")
    sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert len(started) == 1
    assert recount(sqlite_runtime).ended_at == NOW


def test_rules_published_while_there_is_nobody_need_nobody_scored_anew(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(rescore, "start", lambda _: started.append(True))
    publish(sqlite_runtime, scoring(9))
    rescore.prepare(sqlite_runtime)
    form(sqlite_runtime, email="ann@acme.example", at=NOW)
    drain(sqlite_runtime)
    for _ in range(3):
        sweep.tick(sqlite_runtime, lambda *_: None, "t")
    assert not started
    publish(sqlite_runtime, scoring(8))
    rescore.prepare(sqlite_runtime)
    assert recount(sqlite_runtime).by != sqlite_runtime.rulebook().policies.scored_by, "somebody is behind"


def test_what_comes_in_goes_first(sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    without_sequences(sqlite_runtime)
    publish(sqlite_runtime, scoring(5))
    visits(sqlite_runtime, "ann", 2)
    publish(sqlite_runtime, scoring(9))
    form(sqlite_runtime, email="late@acme.example", at=NOW - minutes(1))

    def drained(*_: float) -> bool:
        return bool(drain(sqlite_runtime)) and False

    waited = rescore.threading.Event()
    monkeypatch.setattr(waited, "wait", drained)
    rescore.work(sqlite_runtime, "test", waited)
    assert recount(sqlite_runtime).seen == 2


def test_a_state_written_before_this_was_known_is_scored_once(ready: Runtime) -> None:
    visits(ready, "ann", 2)
    with ready.database.write() as conn:
        (one,) = people.after(conn, 0, 1)
        one.state.scored_by = ""
        people.save(conn, [people.Person(id=one.id, version=one.version, state=one.state, score=0)], NOW)
        recounts.write(conn, ready.database, recounts.Recount("", NOW), NOW)
    assert "scored_by" not in msgspec.json.decode(rows(ready, "contacts", "state")[0].state)
    assert counted(ready) == 0
    assert rows(ready, "contacts", "score")[0].score == total(
        one.state.score, ready.rulebook().policies.scoring.read, NOW
    )
