"""Sequences as programs see them: counts, results, why or why not, pause and resume, moves, and reviews.

Catalogue: H1 (moves with a preview), H6, H7 (reviews), H10, N1.
"""

from datetime import timedelta

import pytest

from app.rules.policy import read_document
from app.runtime import Runtime
from app.store import enrolments, pauses, policies
from jobs import sweep
from jobs.resume import wake_parked
from tests.app.doors import Api
from tests.conftest import NOW, Clock
from tests.feeding import drain, form, klaviyo, rows

START = NOW + timedelta(days=1)
POLICY = """
kind: sequences
sequences:
  - id: s
    label: Start
    entry: {on: form.submitted, when: {field: event.form, value: newsletter}}
    goal: {on: form.submitted, where: {field: event.form, value: demo}}
    max_days: 10
    steps:
      - id: test
        split:
          - {id: soon, steps: [{wait: {days: 1}, id: w}]}
          - {id: late, steps: [{wait: {days: 2}, id: w2}]}
      - send: {name: Two}
        id: two
      - wait: {for: {on: order.placed, at_most_days: 30}}
        id: last
  - id: other
    label: Other
    entry: {on: order.placed}
    max_days: 5
    steps: [{send: {name: Other}}]
"""


def publish(runtime: Runtime, text: str = POLICY) -> None:
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


@pytest.fixture
def api(runtime: Runtime, clock: Clock) -> Api:
    klaviyo(runtime, api_key="k")
    publish(runtime)
    clock.now = START
    return Api(runtime)


def join(runtime: Runtime, *names: str, **more: str) -> None:
    for name in names:
        number = f"{name} {runtime.clock()}"  # what somebody is drawn for hangs on it
        form(runtime, "newsletter", email=f"{name}@acme.example", newsletter="yes", submission_id=number, **more)
    drain(runtime)


def later(runtime: Runtime, clock: Clock, **by: float) -> None:
    clock.now += timedelta(**by)
    for _ in range(2):
        sweep.ring(runtime)
        drain(runtime)


def ann(api: Api) -> int:
    return api.get("/contacts?email=ann@acme.example")["items"][0]["id"]


def sent(runtime: Runtime) -> int:
    return len([row for row in rows(runtime, "deliveries", "kind") if row.kind == "send_message"])


def test_who_is_where(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann", "ben", "cleo", "dora")
    later(runtime, clock, days=3)
    form(runtime, "demo", email="ann@acme.example")
    drain(runtime)
    s, other = api.get("/sequences")["items"]
    assert (s["id"], s["contacts"], other["contacts"]) == ("s", 3, 0)
    detail = api.get("/sequences/s")
    assert detail["at"] == [{"version": "sequences@2", "step": "last", "waiting": "event", "contacts": 3}]
    assert detail["exits"] == {"goal": 1}
    assert {"step": "two", "does": "message “Two” by email"} in detail["steps"]
    assert len(api.walk("/sequences/s/enrolments", 2)) == 4
    assert len(api.walk("/sequences/s/enrolments?status=running&step=last", 2)) == 3
    (gone,) = api.get("/sequences/s/enrolments?exit=goal")["items"]
    assert (gone["contact_id"], gone["sent"]) == (ann(api), 1)
    assert "there are other, s" in api.get("/sequences/nothing", 404)["error"]


def test_results_of_a_split(api: Api, runtime: Runtime, clock: Clock) -> None:
    names = [f"p{number}" for number in range(12)]
    join(runtime, *names)
    clock.now += timedelta(minutes=1)
    for name in names[:4]:
        form(runtime, "demo", email=f"{name}@acme.example")
    drain(runtime)
    assert api.get("/sequences/other/results") == {"sequence": "other", "splits": []}
    ((split),) = api.get("/sequences/s/results")["splits"]
    late, soon = split["variants"]
    assert (split["split"], late["variant"], soon["variant"]) == ("test", "late", "soon")
    assert late["exposed"] + soon["exposed"] == 12
    assert late["reached"] + soon["reached"] == 4
    assert soon["interval"]["low"] <= soon["share"] <= soon["interval"]["high"]


def test_the_last_thirty_days(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann", "ben", "cleo", "dora")
    clock.now += timedelta(minutes=1)
    form(runtime, "demo", email="ann@acme.example")
    drain(runtime)
    s, other = api.get("/sequences")["items"]
    lately = s["last_30_days"]
    assert (lately["entered"], lately["ended"], lately["reached"], lately["share"]) == (4, 1, 1, 1.0)
    assert 0.2 < lately["interval"]["low"] < 0.21
    assert (other["last_30_days"]["entered"], other["last_30_days"]["share"]) == (0, None)
    clock.now += timedelta(days=29)
    assert api.get("/sequences/s")["last_30_days"]["entered"] == 4
    clock.now += timedelta(days=2)
    assert api.get("/sequences/s")["last_30_days"]["entered"] == 0


def test_what_happened_lately_is_looked_for_among_the_newest(
    api: Api, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(runtime, "ann", "ben", "cleo")
    assert not api.get("/sequences/s")["last_30_days"]["cut"]
    monkeypatch.setattr(enrolments, "LOOK", 2)
    lately = api.get("/sequences/s")["last_30_days"]
    assert (lately["entered"], lately["cut"]) == (2, True)


def why(api: Api, sequence: str = "s") -> tuple[str, list[str]]:
    told = api.get(f"/contacts/{ann(api)}/why?sequence={sequence}")
    return told["standing"], [one["words"] for one in told["because"]]


def test_why_or_why_not(api: Api, runtime: Runtime, clock: Clock) -> None:
    form(runtime, "contact", email="ann@acme.example")
    drain(runtime)
    assert why(api)[0] == "Was never in it: what lets people in has not happened: filled in a form."
    form(runtime, "newsletter", email="ann@acme.example")
    drain(runtime)
    standing, because = why(api)
    assert standing == f"Was not let in on {clock.now:%Y-%m-%d %H:%M} UTC: no consent for email marketing is on record."
    assert because == ["Not entered “Start”: no consent for email marketing is on record"]
    clock.now += timedelta(hours=1)
    join(runtime, "ann")
    standing, because = why(api)
    assert standing.startswith(f"Is in it since {clock.now:%Y-%m-%d %H:%M} UTC (sequences@2), at step w")
    assert because[0].startswith("“Start”, split test: drawn for “")
    clock.now += timedelta(hours=1)
    form(runtime, "demo", email="ann@acme.example")
    drain(runtime)
    standing, because = why(api)
    assert standing.endswith("got 0 messages, and left: reached its goal. Nobody comes in twice.")
    assert because[0] == "Left “Start”: reached its goal (filled in a form)"
    assert "name the sequence" in api.get(f"/contacts/{ann(api)}/why", 400)["error"]


def test_one_person_is_let_in_and_out(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann")
    clock.advance(minutes=1)
    api.post(f"/contacts/{ann(api)}/sequences/s/stop", 202)
    drain(runtime)
    clock.advance(minutes=1)
    assert "left: stopped by hand" in why(api)[0]
    assert "they are not in it" in api.post(f"/contacts/{ann(api)}/sequences/s/stop", 409)["error"]
    api.post(f"/contacts/{ann(api)}/sequences/other/enter", 202)
    drain(runtime)
    clock.advance(minutes=1)
    assert "Was in it" in why(api, "other")[0]
    assert why(api, "other")[1][-1] == "Entered “Other”: let in by token tests"
    api.post(f"/contacts/{ann(api)}/sequences/s/enter", 202)
    drain(runtime)
    assert "Is in it since" in why(api)[0], "also whom its entry would not let in again"
    assert "they are in “Start” already" in api.post(f"/contacts/{ann(api)}/sequences/s/enter", 409)["error"]
    assert "there is no such sequence" in api.post(f"/contacts/{ann(api)}/sequences/x/enter", 404)["error"]
    assert "there is no such contact" in api.post("/contacts/999/sequences/s/enter", 404)["error"]
    form(runtime, "contact", email="ben@acme.example")
    drain(runtime)
    clock.advance(minutes=1)
    ben = api.get("/contacts?email=ben@acme.example")["items"][0]["id"]
    api.post(f"/contacts/{ben}/sequences/s/enter", 202)
    drain(runtime)
    assert api.get(f"/contacts/{ben}")["enrolments"] == []
    said = api.get(f"/contacts/{ben}/why?sequence=s")
    assert said["standing"].startswith("Was not let in on 2026-11-23 12:")
    assert said["because"][0]["words"] == "Not entered “Start”: no consent for email marketing is on record"


def test_pause_and_resume_lose_nobody(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann", "ben")
    later(runtime, clock, hours=1)
    assert api.post("/sequences/s/pause", reason="Typo")["paused"] is True
    assert "is paused already" in api.post("/sequences/s/pause", 409)["error"]
    join(runtime, "cleo")
    later(runtime, clock, days=4)
    assert sent(runtime) == 0
    assert api.get("/sequences")["items"][0]["paused"]["reason"] == "Typo"
    assert "it is paused and goes on afterwards" in why(api)[0]
    assert wake_parked(runtime) == 0
    api.post("/sequences/s/resume")
    drain(runtime)
    assert sent(runtime) == 2, "what was due in it"
    later(runtime, clock, days=2)
    assert sent(runtime) == 3, "who came in while it was paused"
    assert not any(row.paused for row in rows(runtime, "enrolments"))
    assert "is not paused" in api.post("/sequences/s/resume", 409)["error"]


def test_all_are_paused_at_once_and_one_of_them_by_itself(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann", "ben")
    later(runtime, clock, hours=1)
    assert api.post("/sequences/pause", reason="Holidays") == {"paused": True, "still_paused": []}
    assert "all sequences are paused already" in api.post("/sequences/pause", 409)["error"]
    s, other = api.get("/sequences")["items"]
    assert s["paused"] == other["paused"] == {**s["paused"], "reason": "Holidays", "every": True}
    form(runtime, "newsletter", email="ann@acme.example", newsletter="yes", submission_id="again")
    later(runtime, clock, days=4)
    assert sent(runtime) == 0
    assert "it is paused and goes on afterwards" in why(api)[0]
    assert "only all sequences together are" in api.post("/sequences/s/resume", 409)["error"]
    api.post("/sequences/s/pause", reason="Typo")
    assert api.get("/sequences/s")["paused"]["reason"] == "Typo"
    assert api.post("/sequences/s/resume") == {"sequence": "s", "paused": True}
    assert wake_parked(runtime) == 0, "all are paused still"
    api.post("/sequences/s/pause", reason="Typo")
    assert api.post("/sequences/resume") == {"paused": False, "still_paused": ["s"]}
    assert "not all sequences are paused" in api.post("/sequences/resume", 409)["error"]
    drain(runtime)
    assert sent(runtime) == 0, "it is paused by itself"
    api.post("/sequences/s/resume")
    drain(runtime)
    assert sent(runtime) == 2
    assert not any(row.paused for row in rows(runtime, "enrolments"))


def test_what_is_published_while_all_are_paused_is_paused_too(api: Api, runtime: Runtime, clock: Clock) -> None:
    api.post("/sequences/pause")
    publish(runtime, POLICY.replace("id: s\n", "id: new\n"))
    join(runtime, "ann")
    later(runtime, clock, days=4)
    assert sent(runtime) == 0
    api.post("/sequences/resume")
    drain(runtime)
    later(runtime, clock, days=4)
    assert sent(runtime) == 1


def test_who_is_parked_by_a_worker_that_has_not_heard_is_found_by_the_sweep(
    api: Api, runtime: Runtime, clock: Clock
) -> None:
    join(runtime, "ann")
    api.post("/sequences/s/pause")
    later(runtime, clock, days=4)
    with runtime.database.write() as conn:
        pauses.end(conn, "s", "test", clock.now)  # nobody told anybody
    runtime.forget()
    clock.now += timedelta(minutes=1)
    assert wake_parked(runtime) == 1
    assert wake_parked(runtime) == 0, "once a minute is enough"
    drain(runtime)
    assert sent(runtime) == 1


def test_moving_shows_first_what_it_would_do(api: Api, runtime: Runtime, clock: Clock) -> None:
    join(runtime, "ann", "ben", "cleo", "dora", "emil", "fred")
    clock.now += timedelta(hours=1)
    publish(runtime, POLICY.replace("id: w2}", "id: w3}").replace("name: Two", "name: New"))
    preview = api.post("/sequences/s/move")
    assert (preview["contacts"], preview["moved"], preview["version"]) == (6, 0, "sequences@3")
    by_step = {place["step"]: place for place in preview["places"]}
    assert by_step["w"]["becomes"] == "goes on there"
    assert by_step["w2"]["becomes"].startswith("stays in its version")
    assert (by_step["w"]["stays"], by_step["w2"]["stays"]) == (False, True)
    assert {row.version for row in rows(runtime, "enrolments")} == {"sequences@2"}
    assert api.post("/sequences/s/move", confirm=True)["moved"] == 6
    drain(runtime)
    versions = [row.version for row in rows(runtime, "enrolments")]
    assert versions.count("sequences@3") == by_step["w"]["contacts"] > 0
    assert api.post("/sequences/s/move", to="other", confirm=True)["moved"] == 6
    drain(runtime)
    assert {row.exit for row in rows(runtime, "enrolments") if row.sequence == "s"} == {"moved"}
    assert "there is no such sequence" in api.post("/sequences/s/move", 404, to="nowhere")["error"]


@pytest.fixture
def review(api: Api, runtime: Runtime, clock: Clock) -> int:
    """Ann's time was over."""
    join(runtime, "ann")
    later(runtime, clock, days=11)
    (found,) = api.get("/reviews?status=open")["items"]
    assert [one["open_reviews"] for one in api.get("/sequences")["items"]] == [1, 0]
    assert (found["reason"], found["worst"], found["sequence"]) == ("over_time", "two", "s")
    assert "new_subscribers" in found["segments"]
    return int(found["id"])


def test_a_review_is_extended(api: Api, runtime: Runtime, clock: Clock, review: int) -> None:
    assert "days is a number" in api.post(f"/reviews/{review}/extend", 400)["error"]
    assert "up to the sequence's own 10" in api.post(f"/reviews/{review}/extend", 400, days=11)["error"]
    assert api.post(f"/reviews/{review}/extend", days=5)["resolution"] == "extended"
    drain(runtime)
    assert "at step last" in why(api)[0]
    assert "it is resolved: extended" in api.post(f"/reviews/{review}/suppress", 409)["error"]
    later(runtime, clock, days=6)
    assert len(api.get("/reviews?status=open")["items"]) == 1


def test_a_review_moves_somebody(api: Api, runtime: Runtime, review: int) -> None:
    assert "there is no such sequence" in api.post(f"/reviews/{review}/move", 404, sequence="x")["error"]
    assert api.post(f"/reviews/{review}/move", sequence="other")["resolution"] == "moved"
    drain(runtime)
    assert why(api, "other")[0].startswith("Was in it")
    assert sent(runtime) == 2


def test_a_review_suppresses_somebody(api: Api, runtime: Runtime, review: int) -> None:
    assert api.post(f"/reviews/{review}/suppress", reason="Silent")["status"] == "resolved"
    drain(runtime)
    reasons = [one["reason"] for one in api.get(f"/contacts/{ann(api)}")["suppressions"]]
    assert reasons == ["manual"]


def test_a_review_hands_somebody_over(api: Api, runtime: Runtime, review: int) -> None:
    api.post(f"/reviews/{review}/hand_over")
    drain(runtime)
    (handoff,) = api.get("/handoffs")["items"]
    assert handoff["rule"] == "by_hand"
    assert handoff["reason"] == "token tests hands the person over: looked at after s"
