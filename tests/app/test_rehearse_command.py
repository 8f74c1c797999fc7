"""`baton policy rehearse`: a file held against what happened, told in words, with nothing done."""

import re
from pathlib import Path

import pytest

from app.admin import words
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.store import rehearsals
from mappings.mapping import shipped_text
from tests.app.test_setup import command
from tests.conftest import Clock
from tests.feeding import rows
from tests.rehearsal_story import BEGAN, look_back

FROM = f"{BEGAN:%Y-%m-%d}"


@pytest.fixture
def lived(sqlite_runtime: Runtime, clock: Clock) -> Runtime:
    look_back(sqlite_runtime, clock)
    return sqlite_runtime


def file(folder: Path, kind: str, old: str = "", new: str = "") -> str:
    text = (DEFAULTS / f"{kind}.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / f"{kind}.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return str(folder / f"{kind}.yaml")


def test_what_would_be_otherwise_is_counted_and_told_singly(lived: Runtime, tmp_path: Path) -> None:
    before = {name: len(rows(lived, name)) for name in ("decisions", "deliveries", "timers", "inbox")}
    looser = file(tmp_path, "handoff", "field: score, op: at_least, value: 50", "field: score, op: at_least, value: 5")
    result = command(lived, "policy", "rehearse", looser, "--from", FROM, "--details", "500")
    assert result.exit_code == 0, result.output
    handed = next(line for line in result.output.splitlines() if line.startswith("handoff "))
    assert handed.split() == ["handoff", "2", "2", "4"]
    assert "would be new: Handed to sales" in result.output
    assert "Nothing was sent" in result.output
    assert {name: len(rows(lived, name)) for name in before} == before


def test_what_is_in_force_changes_nothing(lived: Runtime, tmp_path: Path) -> None:
    result = command(lived, "policy", "rehearse", file(tmp_path, "triggers"), "--from", FROM, "--until", "2026-10-20")
    assert "Nothing would have been different." in result.output
    with lived.database.read() as conn:
        (done,) = rehearsals.page(conn, 10, None).rows
    assert (done.status, f"{done.until:%Y-%m-%d}", done.seen) == ("done", "2026-10-20", 5)
    assert ("command line", "rehearsal.ask") in {(row.who, row.what) for row in rows(lived, "audit")}
    assert {"rehearsal.ask", "rehearsal.cancel"} <= words.CHANGES.keys(), "the audit log calls them so"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--from", "2036-01-01"), "the span begins in the future"),
        (("--from", FROM, "--until", "2026-10-01"), "the span ends before it begins"),
        (("--from", FROM, "--segment", "nobody"), 'there is no segment "nobody"'),
        (("--from", "yesterday"), "does not match the formats"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused(lived: Runtime, tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    result = command(lived, "policy", "rehearse", file(tmp_path, "triggers"), *more)
    assert result.exit_code != 0
    assert said in result.output
    assert rows(lived, "rehearsals") == []


def test_a_text_that_could_not_be_published_is_refused_with_what_is_wrong(lived: Runtime, tmp_path: Path) -> None:
    (tmp_path / "scoring.yaml").write_text("kind: scoring\n", encoding="utf-8")
    result = command(lived, "policy", "rehearse", str(tmp_path / "scoring.yaml"), "--from", FROM)
    assert result.exit_code != 0
    assert "groups is missing" in result.output
    (tmp_path / "mine.yaml").write_text("kind: mapping\nname: mailchimp\ntitle: Mine\nfields: []\n", encoding="utf-8")
    result = command(lived, "policy", "rehearse", str(tmp_path / "mine.yaml"), "--from", FROM)
    assert result.exit_code != 0
    assert "no connection goes by the mapping mailchimp" in result.output


def test_a_mapping_says_which_fields_would_differ(lived: Runtime, tmp_path: Path) -> None:
    text = shipped_text("forms").replace("  - {contact: job_title, vendor: job_title}\n", "")
    (tmp_path / "forms.yaml").write_text(text, encoding="utf-8")
    result = command(lived, "policy", "rehearse", str(tmp_path / "forms.yaml"), "--from", FROM, "--details", "90")
    assert result.exit_code == 0, result.output
    assert "7 payloads were read again; 5 of them say something else." in result.output
    assert re.search(r"^job_title +5 +0 +5$", result.output, re.M)
    assert "job_title: Head of Sales → nothing" in result.output
