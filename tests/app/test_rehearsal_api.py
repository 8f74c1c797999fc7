"""Rehearsals by API: asked for, watched, read and stopped.

Catalogue: N2.
"""

from typing import Any

import pytest
from sqlalchemy import event

from app import drafts as acts
from app import rehearsal
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.store import access
from jobs import rehearse
from mappings.mapping import shipped_text
from tests.app.doors import Api
from tests.app.test_api import described
from tests.conftest import Clock
from tests.feeding import rows
from tests.rehearsal_story import BEGAN, look_back

SINCE = BEGAN.isoformat()
HANDOFF = (DEFAULTS / "handoff.yaml").read_text(encoding="utf-8")
EASIER = HANDOFF.replace("field: score, op: at_least, value: 50", "field: score, op: at_least, value: 5")


@pytest.fixture
def lived(sqlite_runtime: Runtime, clock: Clock) -> Runtime:
    """Three weeks in which the shipped rules were in force."""
    look_back(sqlite_runtime, clock)
    return sqlite_runtime


@pytest.fixture
def api(lived: Runtime) -> Api:
    return Api(lived)


def test_a_text_is_tried_on_the_past_and_what_differs_is_read(api: Api, lived: Runtime) -> None:
    asked = api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)
    assert (asked["status"], asked["seen"], asked["effects"]) == ("waiting", 0, {})
    rehearse.work(lived, "test")
    here = f"/rehearsals/{asked['id']}"
    found = api.get(here)
    assert (found["status"], found["seen"], found["total"], found["differing"]) == ("done", 5, 5, 4)
    handed = found["effects"]["handoff"]
    assert {name: handed[name] for name in ("really", "now", "draft", "more", "less")} == {
        "really": 2, "now": 2, "draft": 4, "more": 2, "less": 0
    }  # fmt: skip
    assert handed["rules"]["pricing_and_score"]["draft"] == 4
    assert found["effects"]["message withheld"]["checks"]["conversation"] == {"really": 0, "now": 0, "draft": 14}
    new = api.walk(f"{here}/changes?effect=handoff&side=more", 1)
    assert [(one["now"], one["draft"]["summary"].partition(":")[0]) for one in new] == [(None, "Handed to sales")] * 3
    assert len(api.walk(f"{here}/changes", 7)) == found["kept"]
    assert [one["id"] for one in api.walk("/rehearsals", 1)] == [asked["id"]]


def test_the_list_reads_no_texts(api: Api, lived: Runtime) -> None:
    api.post("/rehearsals", 202, texts=[EASIER, (DEFAULTS / "scoring.yaml").read_text(encoding="utf-8")], since=SINCE)
    asked: list[str] = []

    def note(*said: Any) -> None:
        asked.append(said[2])

    event.listen(lived.database.engine, "before_cursor_execute", note)
    (listed,) = api.get("/rehearsals")["items"]
    event.remove(lived.database.engine, "before_cursor_execute", note)
    assert [one["kind"] for one in listed["policies"]] == ["handoff", "scoring"]
    assert any("rehearsals.beside" in statement for statement in asked)
    assert not any("rehearsals.body" in statement for statement in asked)


def test_a_draft_is_taken_as_it_was_saved_last(api: Api, lived: Runtime) -> None:
    acts.save(lived, "ann", "handoff", "handoff", EASIER, 0)
    asked = api.post("/rehearsals", 202, drafts=[{"kind": "handoff", "name": "handoff"}], since=SINCE, every=2)
    assert asked["policies"] == [{"kind": "handoff", "name": "handoff", "label": "Handoffs to sales, draft 1"}]
    assert asked["every"] == 2


def test_it_can_be_stopped_once(api: Api, lived: Runtime) -> None:
    asked = api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)
    assert api.post(f"/rehearsals/{asked['id']}/cancel")["status"] == "canceled"
    api.post(f"/rehearsals/{asked['id']}/cancel", 409)
    said = [(row.who, row.what, row.on) for row in rows(lived, "audit", "who", "what", "on")]
    number = str(asked["id"])
    assert said[-2:] == [("token tests", "rehearsal.ask", number), ("token tests", "rehearsal.cancel", number)]


def test_no_more_than_so_many_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MOST_OPEN", 2)
    first = api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)
    api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)
    assert "2 rehearsals wait already" in api.post("/rehearsals", 400, texts=[EASIER], since=SINCE)["error"]
    api.post(f"/rehearsals/{first['id']}/cancel")
    api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "say which policy"),
        ({"texts": [EASIER], "since": None}, "since is"),
        ({"texts": [EASIER], "since": "soon"}, "since is a time"),
        ({"texts": [EASIER], "since": "2036-01-01T00:00:00Z"}, "begins in the future"),
        ({"texts": [EASIER], "every": 0}, "every is a whole number"),
        ({"texts": [EASIER], "segment": "nobody"}, "no segment"),
        ({"texts": [EASIER, EASIER]}, "two texts of one policy: Handoffs to sales"),
        ({"texts": "x"}, "texts is a list"),
        ({"texts": ["kind: scoring"]}, "groups is missing"),
        ({"texts": ["\0"]}, "NUL"),
        ({"drafts": [{"kind": "scoring", "name": "scoring"}]}, "no draft of scoring"),
        ({"drafts": ["scoring"]}, "drafts is a list"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_with_the_reason(
    api: Api, lived: Runtime, body: dict[str, Any], said: str
) -> None:
    sent = {name: value for name, value in {"since": SINCE, **body}.items() if value is not None}
    assert said in api.post("/rehearsals", 400, **sent)["error"]
    assert rows(lived, "rehearsals") == []


def test_what_is_not_there_is_not_found(api: Api) -> None:
    for path in ("/rehearsals/7", "/rehearsals/7/changes"):
        api.get(path, 404)
    api.post("/rehearsals/7/cancel", 404)
    api.get("/rehearsals/7/changes?side=left", 400)


def test_only_a_token_that_works_asks_and_stops(api: Api, lived: Runtime) -> None:
    with lived.database.write() as conn:
        api.secret = access.create_token(conn, "reader", lived.clock(), (access.READ,))
    api.post("/rehearsals", 403, texts=[EASIER], since=SINCE)
    api.post("/rehearsals/1/cancel", 403)
    assert api.get("/rehearsals")["items"] == []


def test_answers_are_shaped_as_the_document_says(api: Api, lived: Runtime) -> None:
    api.post("/rehearsals", 202, texts=[EASIER], since=SINCE)
    rehearse.work(lived, "test")
    schema = described(api)
    for path, template in (("", ""), ("/1", "/{rehearsal_id}"), ("/1/changes", "/{rehearsal_id}/changes")):
        answer = api.call("GET", f"/rehearsals{path}")
        schema[f"/api/v1/rehearsals{template}"]["GET"].validate_response(answer)


def test_a_mapping_is_tried_on_the_past_as_a_text_or_as_a_draft(api: Api, lived: Runtime) -> None:
    text = shipped_text("forms").replace("  - {contact: job_title, vendor: job_title}\n", "")
    acts.save(lived, "ann", "mapping", "forms", text, 0)
    asked = [
        api.post("/rehearsals", 202, texts=[text, EASIER], since=SINCE),
        api.post("/rehearsals", 202, drafts=[{"kind": "mapping", "name": "forms"}], since=SINCE),
    ]
    rehearse.work(lived, "test")
    both, alone = (api.get(f"/rehearsals/{one['id']}") for one in asked)
    for found in (both, alone):
        assert (found["status"], found["payloads"], found["payloads_read"]) == ("done", 7, 7)
        assert found["reading"]["otherwise"] == 5
        assert found["fields"]["job_title"] == {"now": 5, "draft": 0, "more": 0, "less": 5, "other": 0}
    assert both["effects"]["handoff"]["draft"] != alone["effects"]["handoff"]["draft"]
    changes = api.walk(f"/rehearsals/{alone['id']}/changes?effect=field&rule=job_title", 2)
    assert {(one["side"], one["draft"]) for one in changes} == {("less", None)}
    assert changes[0]["now"]["summary"] == "Head of Sales"
    api.post("/rehearsals", 400, texts=[shipped_text("mailchimp")], since=SINCE)
