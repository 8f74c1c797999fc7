"""Policies as files: what is exported and imported elsewhere comes out byte for byte the same; all of it or nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.policy_files import as_files, in_force, put_in_force
from app.rules.policy import KINDS
from app.runtime import Runtime
from app.store import policies
from mappings.document import InvalidDocument
from mappings.mapping import SHIPPED, shipped_text
from tests.app.doors import Api
from tests.conftest import KEY
from tests.feeding import rows


def exported(runtime: Runtime) -> dict[str, str]:
    with runtime.database.read() as conn:
        return as_files(in_force(conn))


def test_everything_comes_back_byte_for_byte_in_an_empty_installation(
    runtime: Runtime, sqlite_runtime: Runtime
) -> None:
    sequences = exported(runtime)["sequences.yaml"] + "# a line of ours\n"
    assert sequences.count("- id: ") > 1, "several sequences in one policy"
    texts = {
        "a.yaml": shipped_text("hubspot").replace("name: hubspot", "name: hubspot.eu", 1),
        "b.yaml": shipped_text("klaviyo") + "# trailing  \n\n# Grüße, שלום, 👩‍👩‍👧‍👦\n",
        "c.yaml": sequences,
    }
    put_in_force(runtime, "ann", texts, "ours")
    files = exported(runtime)
    assert "mapping-hubspot.eu.yaml" in files
    assert len(files) == len(KINDS) - 1 + len(SHIPPED) + 1
    made = put_in_force(sqlite_runtime, "ann", files, "moved here")
    assert {(one.kind, one.name) for one in made} == {
        ("mapping", "hubspot.eu"), ("mapping", "klaviyo"), ("sequences", "sequences"),
    }  # fmt: skip
    assert exported(sqlite_runtime) == files
    assert put_in_force(sqlite_runtime, "ann", files, "again") == []


def test_nothing_is_changed_where_something_is_wrong_and_all_of_it_is_said(sqlite_runtime: Runtime) -> None:
    before = exported(sqlite_runtime)
    files = {
        "good.yaml": before["scoring.yaml"] + "# better\n",
        "odd.yaml": "kind: nonsense\n",
        "broken.yaml": "kind: [",
        "twice.yaml": before["scoring.yaml"],
    }
    with pytest.raises(InvalidDocument) as wrong:
        put_in_force(sqlite_runtime, "ann", files, "")
    said = "\n".join(wrong.value.problems)
    for words in ("odd.yaml: kind is", "broken.yaml", "twice.yaml: scoring is in good.yaml already"):
        assert words in said
    assert exported(sqlite_runtime) == before
    assert rows(sqlite_runtime, "audit") == []


def test_what_does_not_go_together_leaves_nothing_behind(runtime: Runtime) -> None:
    before = exported(runtime)
    files = {"a.yaml": before["scoring.yaml"] + "# better\n", "b.yaml": "kind: segments\nsegments: []\n"}
    with pytest.raises(InvalidDocument, match="segment"):
        put_in_force(runtime, "ann", files, "")
    assert exported(runtime) == before
    with runtime.database.read() as conn:
        assert len(policies.versions(conn, "scoring")) == 1


def test_the_command_line_exports_and_imports(tmp_path: Path) -> None:
    env = {"BATON_HOME": str(tmp_path / "home"), "BATON_SECRET_KEY": KEY, "DATABASE_URL": None}
    run = CliRunner()
    folder = tmp_path / "rules"
    assert run.invoke(main, ["policy", "export", str(folder)], env=env).exit_code == 0
    (folder / "odd.yaml").write_text("kind: nonsense\n")
    (folder / "worse.yaml").write_bytes(b"\xff\xfe")
    wrong = run.invoke(main, ["policy", "import", str(folder)], env=env)
    assert wrong.exit_code == 1
    for words in ("odd.yaml: kind is", "worse.yaml: not a text in UTF-8", "Nothing was changed."):
        assert words in wrong.output
    (folder / "odd.yaml").unlink()
    (folder / "worse.yaml").unlink()
    scoring = folder / "scoring.yaml"
    scoring.write_text(scoring.read_text() + "# ours\n")
    assert (
        "scoring scoring: version 2 is in force" in run.invoke(main, ["policy", "import", str(folder)], env=env).output
    )
    assert "Nothing differs" in run.invoke(main, ["policy", "import", str(folder)], env=env).output


def test_the_api_takes_all_of_it_away_shows_what_changes_and_puts_it_in_force(sqlite_runtime: Runtime) -> None:
    api = Api(sqlite_runtime)
    files = api.get("/policy-files")["files"]
    assert files == exported(sqlite_runtime)
    assert api.post("/policy-files", files=files) == {"items": [], "next": None}
    files["handoff.yaml"] = files["handoff.yaml"].replace("value: 50", "value: 61")
    (seen,) = api.post("/policy-files", files=files)["items"]
    assert (seen["kind"], seen["added"], seen["removed"], seen["version"]) == ("handoff", 1, 1, None)
    assert any("61" in line for line in seen["words"])
    assert exported(sqlite_runtime) != files, "looking changes nothing"
    assert "note" in api.post("/policy-files", 400, files=files, confirm=True)["error"]
    (done,) = api.post("/policy-files", files=files, confirm=True, note="stricter")["items"]
    assert done["version"] == 2
    assert exported(sqlite_runtime) == files
    assert ("token tests", "policy.publish", "handoff@2") in {
        (row.who, row.what, row.on) for row in rows(sqlite_runtime, "audit")
    }


@pytest.mark.parametrize("files", [None, {}, [], {"a": 1}, {"a": "kind: nonsense"}, {"a": "\0"}])
def test_the_api_says_what_is_wrong_with_files(sqlite_runtime: Runtime, files: object) -> None:
    assert Api(sqlite_runtime).post("/policy-files", 400, files=files)["error"]
