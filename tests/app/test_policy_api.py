"""Policies by API and on the command line: the same as on the screens.

Catalogue: D9, N9.
"""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.rules.policy import default_documents
from app.runtime import Runtime
from app.store import access
from tests.app.doors import Api
from tests.conftest import KEY
from tests.feeding import rows

SCORING = default_documents()["scoring"].text
DOUBLED = SCORING.replace("points: 25\n", "points: 50\n")
HERE = "/policies/scoring/scoring"


@pytest.fixture
def api(sqlite_runtime: Runtime) -> Api:
    return Api(sqlite_runtime)


def test_a_policy_is_written_looked_through_compared_and_published(api: Api, runtime: Runtime) -> None:
    api = Api(runtime)
    assert {one["kind"] for one in api.get("/policies")["items"]} == {*default_documents(), "mapping"}
    found = api.get(HERE)
    assert (found["version"]["version"], found["draft"], found["text"]) == (1, None, SCORING)
    assert [one[:18] for one in found["warnings"]] == ["There are 19 rules"]
    wrong = api.post(f"{HERE}/draft", text=SCORING.replace("points: 25\n", "points: many\n"))
    assert wrong["draft"]["problems"] == [{"text": "scoring: rule 1, points has to be a number", "line": 20}]
    assert "rule 1, points has to be a number" in api.post(f"{HERE}/publish", 400, revision=1, note="x")["error"]
    api.post(f"{HERE}/draft", text=DOUBLED, revision=1)
    diff = api.get(f"{HERE}/diff?to=draft")
    assert (diff["words"], diff["added"], diff["removed"]) == (["Rule “demo_request”, points: 25 becomes 50"], 1, 1)
    assert {"sign": "+", "text": "    points: 50", "before": None, "after": 20} in diff["lines"]
    assert api.post(f"{HERE}/publish", revision=2, note="double")["version"]["version"] == 2
    versions = api.get(f"{HERE}/versions")["items"]
    assert [(one["version"], one["status"], one["author"]) for one in versions] == [
        (2, "published", "token tests"),
        (1, "retired", "Baton"),
    ]
    assert api.get(f"{HERE}/versions/2")["text"] == DOUBLED
    assert api.post(f"{HERE}/roll-back", version=1, note="no")["version"]["version"] == 3
    assert api.get(HERE)["text"] == SCORING


def test_connection_that_does_not_exist_is_a_problem_and_a_tool_that_is_not_connected_yet_a_warning(api: Api) -> None:
    here = "/policies/triggers/triggers"
    text = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, track: {name: Seen, through: %s}}]"
    (problem,) = api.post(f"{here}/draft", text=text % "erp")["draft"]["problems"]
    assert 'names the connection "erp", which does not exist' in problem["text"]
    found = api.post(f"{here}/draft", text=text % "make", revision=1)
    assert found["draft"]["problems"] == []
    (warning,) = found["warnings"]
    assert 'names the connection "make", which does not exist yet' in warning
    assert api.post(f"{here}/publish", revision=2, note="make comes tomorrow")["version"]["version"] == 2


def test_nobody_overwrites_what_they_have_not_seen(api: Api) -> None:
    api.post(f"{HERE}/draft", text=DOUBLED)
    assert "token tests has saved another draft" in api.post(f"{HERE}/draft", 409, text=SCORING)["error"]
    assert "saved another" in api.post(f"{HERE}/publish", 409, revision=7, note="x")["error"]
    assert "saved another" in api.post(f"{HERE}/draft/discard", 409, revision=7)["error"]
    api.post(f"{HERE}/draft/discard", revision=1)
    assert api.get(HERE)["draft"] is None
    assert "version 1 is the one in force" in api.post(f"{HERE}/roll-back", 404, version=1, note="x")["error"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/policies/cooking/cooking/draft", {"text": "x"}, 404),
        (f"{HERE}/draft", {}, 400),
        (f"{HERE}/draft", {"text": "a\0b"}, 400),
        (f"{HERE}/draft", {"text": "x" * 300_000}, 400),
        (f"{HERE}/draft", {"text": "x", "revision": "1"}, 400),
        (f"{HERE}/draft", {"text": "x", "base": 9}, 409),
        (f"{HERE}/publish", {"revision": 1, "note": "x"}, 404),
        (f"{HERE}/publish", {"revision": 1}, 400),
        (f"{HERE}/roll-back", {"version": 9, "note": "x"}, 404),
        (f"{HERE}/roll-back", {"version": 2**40, "note": "x"}, 400),
        ("/policies/validate", {}, 400),
    ],
)
def test_what_cannot_be_is_refused(api: Api, path: str, body: dict[str, Any], status: int) -> None:
    assert api.post(path, status, **body)["error"]


def test_a_text_is_looked_through_without_being_kept(api: Api, sqlite_runtime: Runtime) -> None:
    assert api.post("/policies/validate", text=SCORING) == {"kind": "scoring", "name": "scoring", "problems": []}
    found = api.post("/policies/validate", text="kind: scoring\nrules: [{")
    assert [one["line"] for one in found["problems"]] == [2]
    found = api.post("/policies/validate", text="kind: segments\nsegments: []\n")
    assert any("silent" in one["text"] for one in found["problems"])
    assert rows(sqlite_runtime, "drafts", "id") == []


def test_only_a_token_that_manages_changes_rules(api: Api, sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.write() as conn:
        api.secret = access.create_token(conn, "reader", sqlite_runtime.clock(), (access.READ,))
    api.get(HERE)
    for path in ("draft", "draft/discard", "publish", "roll-back"):
        assert "scope 'manage'" in api.post(f"{HERE}/{path}", 403, text=SCORING)["error"]


def test_the_command_line_shows_versions_and_goes_back(sqlite_runtime: Runtime) -> None:
    api = Api(sqlite_runtime)
    api.post(f"{HERE}/draft", text=DOUBLED)
    said = run(sqlite_runtime, "diff", "scoring")
    assert "# Rule “demo_request”, points: 25 becomes 50" in said.output
    assert "\n+     points: 50\n" in said.output
    assert run(sqlite_runtime, "show", "scoring", "--draft").output == DOUBLED
    api.post(f"{HERE}/publish", revision=1, note="double")
    assert run(sqlite_runtime, "show", "scoring", "--version", "1").output == SCORING
    said = run(sqlite_runtime, "roll-back", "scoring", "--version", "1", "--note", "too many")
    assert said.output == "scoring scoring: version 3 is in force, with the text of version 1\n"
    listed = run(sqlite_runtime, "versions", "scoring").output.splitlines()
    assert [line.split()[1] for line in listed] == ["3", "2", "1"]
    assert listed[0].endswith("in force  command line: too many")
    for words in (("versions", "cooking"), ("show", "mapping"), ("show", "scoring", "--version", "9")):
        assert run(sqlite_runtime, *words).exit_code == 1


def run(runtime: Runtime, *words: str) -> Result:
    env = {
        "DATABASE_URL": runtime.settings.database_url,
        "BATON_HOME": str(runtime.settings.home),
        "BATON_SECRET_KEY": KEY,
    }
    return CliRunner().invoke(main, ["policy", *words], env=env)
