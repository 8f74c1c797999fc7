"""Segments as programs and admins see them: members, counts, audit, on both databases, after merges and outages too.

Catalogue: C10 (segments, audit of weak and overlapping ones).
"""

import re
from datetime import timedelta

from click.testing import CliRunner

from app.cli import main
from app.rules.policy import read_document
from app.runtime import Runtime
from app.store import policies
from jobs import fill, sweep
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import NOW, Clock
from tests.feeding import drain, form, minutes, rows, visit, without_sequences

POLICY = """
kind: segments
weak_below: 2
segments:
  - {id: asked, label: Asked, when: {field: count.form.submitted, op: at_least, value: 1}}
  - {id: known, label: Known, when: {field: contact.email, op: known}}
  - {id: lately, label: Here lately, when: {count: {on: page.viewed, within_days: 2, at_least: 1}}}
  - {id: nobody, label: Nobody, when: {field: contact.country, value: Atlantis}}
"""


def publish(runtime: Runtime, text: str = POLICY) -> None:
    without_sequences(runtime)  # one of those shipped is for a segment that is shipped
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


def members(api: Api, segment: str) -> list[str]:
    return sorted(one["email"] or "?" for one in api.walk(f"/contacts?segment={segment}", 2))


def people(runtime: Runtime) -> Api:
    publish(runtime)
    for name in ("ann", "ben", "cleo"):
        form(runtime, email=f"{name}@example.com", visitor_id=name.ljust(16, "x"), at=NOW - minutes(30))
    visit(runtime, "ann", "/a", NOW - minutes(20))
    drain(runtime)
    return Api(runtime)


def test_members_counts_and_the_contact(runtime: Runtime) -> None:
    api = people(runtime)
    assert [(one["id"], one["contacts"]) for one in api.get("/segments")["items"]] == [
        ("asked", 3), ("known", 3), ("lately", 1), ("nobody", 0),
    ]  # fmt: skip
    assert members(api, "lately") == ["ann@example.com"]
    assert members(api, "asked") == ["ann@example.com", "ben@example.com", "cleo@example.com"]
    (ann,) = api.get("/contacts?email=ann@example.com")["items"]
    assert [one["id"] for one in ann["segments"]] == ["asked", "known", "lately"]
    assert ann["segments"][2]["label"] == "Here lately"
    assert "there is no" not in str(api.get("/contacts?segment=asked"))
    assert "segment is one of" in api.get("/contacts?segment=other", 400)["error"]
    decided = [
        one["summary"] for one in api.get(f"/contacts/{ann['id']}/decisions")["items"] if one["what"] == "segment"
    ]
    assert "Entered the segment “Here lately”" in decided


def test_audit_names_what_is_weak_empty_or_the_same(runtime: Runtime) -> None:
    api = people(runtime)
    found = api.get("/segments/audit")
    assert [one["id"] for one in found["empty"]] == ["nobody"]
    assert [one["id"] for one in found["weak"]] == ["lately"]
    assert found["overlapping"] == [{"segments": ["asked", "known"], "share": 1.0, "contacts": 3}]
    form(runtime, email="dora@example.com")
    drain(runtime)
    assert api.get("/segments/audit")["overlapping"][0]["contacts"] == 4


def test_time_alone_moves_people_and_once_after_an_outage(runtime: Runtime, clock: Clock) -> None:
    api = people(runtime)
    clock.now = NOW + timedelta(days=2, hours=10)  # ten hours too late
    for _ in range(2):  # a moment far ahead has a coarse timer first, then an exact one
        sweep.ring(runtime)
        drain(runtime)
    assert members(api, "lately") == []
    (left,) = [row for row in rows(runtime, "decisions", "rule", "summary", "at") if "Left" in row.summary]
    assert left.at - (NOW - minutes(20) + timedelta(days=2)) == timedelta(microseconds=1)
    for _ in range(3):
        sweep.ring(runtime)
        drain(runtime)
    assert len([row for row in rows(runtime, "decisions", "summary") if "Left" in row.summary]) == 1
    assert rows(runtime, "timers") == []


def test_merged_contacts_count_once(runtime: Runtime) -> None:
    publish(runtime)
    visit(runtime, "ann", "/a", NOW - minutes(20))
    form(runtime, email="ann@example.com", at=NOW - minutes(15))
    drain(runtime)
    assert len(rows(runtime, "contact_segments", segment="lately")) == 1
    form(runtime, email="ann@example.com", visitor_id="ann".ljust(16, "x"), at=NOW - minutes(10))
    drain(runtime)
    found = {(row.contact_id, row.segment) for row in rows(runtime, "contact_segments")}
    (ann,) = Api(runtime).get("/contacts?email=ann@example.com")["items"]
    assert found == {(ann["id"], one["id"]) for one in ann["segments"]}
    assert {one["id"] for one in ann["segments"]} == {"asked", "known", "lately"}


def test_command_line_says_the_same(runtime: Runtime, monkeypatch) -> None:
    people(runtime)
    monkeypatch.setattr("app.cli.policies.opened", lambda: runtime)
    said = CliRunner().invoke(main, ["policy", "segments"])
    assert said.exit_code == 0, said.output
    assert "weak: fewer than 2" in said.output
    assert "asked and known are nearly the same: 100% are in both" in said.output


def test_one_segment_says_whom_it_is_for_and_what_uses_it(runtime: Runtime) -> None:
    api = people(runtime)
    (one, *_) = (each for each in api.get("/segments")["items"] if each["id"] == "lately")
    assert one["filling"], "nobody was asked about it yet"
    while fill.fill(runtime):
        drain(runtime)
    found = api.get("/segments/lately")
    assert (found["contacts"], found["filling"]) == (1, False)
    assert found["condition"] == {"text": "visited a page at least 1 time in the last 2 days", "parts": []}
    assert found["triggers"] == found["sequences"] == found["messages"] == []
    assert [each["kind"] for each in found["findings"]] == ["weak"]
    assert found["findings"][0]["says"] == "Only 1 person is in it, fewer than 2."
    (same,) = api.get("/segments/asked")["findings"]
    assert (same["kind"], same["other"]) == ("overlapping", "known")
    assert same["says"] == "It is exactly the same people as “Known”."
    assert api.get("/segments/none", 404)["error"] == "there is no such segment"


ASKING = [
    "kind: handoff\nrules: [{id: here, label: Is here again, when: {field: segment, value: lately}}]",
    "kind: lifecycle\n"
    "steps: [{to: lead, on: [segment.entered], when: {field: event.segment, value: lately}, because: came}]",
    "kind: scoring\ngroups: {fit: {}}\n"
    "rules: [{id: here, label: Points for being here, group: fit, points: 5, when: {field: segment, value: lately}}]",
]  # fmt: skip


def test_segment_that_a_handoff_a_stage_and_a_score_ask_for_is_used(sqlite_runtime: Runtime) -> None:
    publish(sqlite_runtime)
    for text in ASKING:
        with sqlite_runtime.database.write() as conn:
            policies.publish(conn, read_document(text), "test", "", NOW)
    sqlite_runtime.forget()
    found = Api(sqlite_runtime).get("/segments/lately")
    assert found["handoffs"] == [{"id": "here", "label": "Is here again"}]
    assert found["stages"] == [{"id": "lead", "label": "came"}]
    assert found["scores"] == [{"id": "here", "label": "Points for being here"}]
    page = Browser(new_app(sqlite_runtime), "viewer").read("/admin/segments/lately")
    for said in ("Is here again", "Lead: came", "Points for being here"):
        assert said in page
    assert "No rule and no message uses it yet." in Browser(new_app(sqlite_runtime), "viewer").read(
        "/admin/segments/asked"
    )


# --- screens


def test_screen_lists_segments_with_what_the_audit_says(sqlite_runtime: Runtime) -> None:
    people(sqlite_runtime)
    viewer = Browser(new_app(sqlite_runtime), "viewer")
    page = viewer.read("/admin/segments")
    assert "Baton is still looking through all contacts" in page
    for said in ("Here lately", "Only 1 person is in it, fewer than 2.", "Empty", "Same people as another"):
        assert said in page
    while fill.fill(sqlite_runtime):
        drain(sqlite_runtime)
    assert "still looking" not in viewer.read("/admin/segments")


def test_screen_without_segments_says_how_to_get_some(sqlite_runtime: Runtime) -> None:
    publish(sqlite_runtime, "kind: segments\nsegments: []")
    assert "No segments yet" in Browser(new_app(sqlite_runtime), "marketer").read("/admin/segments")


def test_screen_of_one_segment_pages_through_its_people(sqlite_runtime: Runtime) -> None:
    publish(sqlite_runtime)
    for number in range(27):
        form(sqlite_runtime, email=f"reader{number:02}@example.com", at=NOW - minutes(60 - number))
    drain(sqlite_runtime)
    marketer = Browser(new_app(sqlite_runtime), "marketer")
    first = marketer.read("/admin/segments/asked")
    assert "27 people are in it now." in first
    assert "Filled in a form at least 1 time" in first
    assert first.count("is in it</span></a>") == 25
    (more,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert marketer.read(more.replace("&amp;", "&")).count("is in it</span></a>") == 2
    assert marketer.get("/admin/segments/none").status_code == 404
    assert "Nobody yet." in marketer.read("/admin/segments/nobody")
