"""`baton bench` as it is run, at small sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_quick_run_loses_nothing_and_shows_it(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "webhooks", "--only", "coalescing", "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    for fault in ("lost", "wrong", "doubled"):
        verdicts = [line[-3:] for line in lines if fault in line]
        assert verdicts == [["0", "none", "ok"]] * 2, fault
    parts = json.loads((tmp_path / "figures.json").read_text())["parts"]
    assert [part["part"] for part in parts] == ["webhooks", "coalescing"]
    values = {figure["what"]: figure["value"] for part in parts for figure in part["figures"]}
    assert values["1 event a request: done"] > 0
    assert values["calls for 1,000 changes of 50 contacts, to both"] > 0


def test_a_quick_run_rehearses_beside_what_comes_in_and_changes_nothing(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "rehearsal", "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    (part,) = json.loads((tmp_path / "figures.json").read_text())["parts"]
    values = {figure["what"].strip(): figure["value"] for figure in part["figures"]}
    assert values["events rehearsed"] == 3_000
    assert values["times what is taken in"] > 0
    assert values["with a rehearsal beside: wrong"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--only", "webhook"), 'there is no part "webhook"; there are webhooks', id="misspelt"),
        pytest.param(("--only", "workers"), "workers needs PostgreSQL", id="needs another database"),
        pytest.param(("--database", "sqlite:///baton.db"), "--database is for PostgreSQL", id="a file of one's own"),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(arguments: tuple[str, ...], said: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
