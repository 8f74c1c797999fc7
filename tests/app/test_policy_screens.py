"""The screens of the rules: drafts, differences, publishing, versions, the way back; nobody's text is lost.

Catalogue: D9, N9.
"""

import io
import re
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app import drafts as acts
from app.rules.policy import default_documents
from app.runtime import Runtime
from app.store import drafts, policies
from tests.app.screens import Browser, new_app

SCORING = default_documents()["scoring"].text
DOUBLED = SCORING.replace("points: 25\n", "points: 50\n")
HERE = "/admin/policies/scoring/scoring/"
_FIELD = re.compile(r'name="(revision|base|in_force|version)" value="(\d*)"')


class Editor(Browser):
    """Somebody's browser with a policy open in it."""

    def open(self, path: str = HERE) -> str:
        """Read a page and keep what its form remembers."""
        page = self.read(path)
        self.kept: dict[str, Any] = dict(_FIELD.findall(page))
        return page

    def send(self, path: str = HERE, on: str = HERE, **fields: Any) -> TestResponse:
        """Send the form of the page that was opened."""
        token = self.token(on)
        return self.client.post(
            path,
            base_url="https://hub.example.com",
            data={"csrf_token": token, "view": "text", **self.kept, **fields},
            content_type="multipart/form-data" if path == HERE else None,
        )


@pytest.fixture
def ann(sqlite_runtime: Runtime) -> Editor:
    made = Editor(new_app(sqlite_runtime), "admin")
    made.open()
    return made


@pytest.fixture
def ben(ann: Editor) -> Editor:
    made = Editor(ann.app, "admin")
    made.open()
    return made


def body_of(page: str, name: str = "body") -> str:
    found = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def test_the_list_says_what_each_is_for_what_is_in_force_and_what_is_being_written(ann: Editor) -> None:
    ann.send(body=DOUBLED)
    page = ann.read("/admin/policies/")
    assert "Who is left alone" in page
    assert "Version 1, Baton" in page
    assert page.count(">Draft</span>") == 1
    assert page.index("Scoring") < page.index(">Draft</span>") < page.index("Lifecycle stages")
    assert "Field mapping: hubspot" in page


def test_a_draft_is_saved_shown_compared_and_published_with_a_note(ann: Editor, sqlite_runtime: Runtime) -> None:
    page = ann.says(ann.send(body=DOUBLED.replace("\n", "\r\n"), do="diff"))
    assert "Rule “demo_request”, points: 25 becomes 50" in page
    assert "<ins>    points: 50</ins>" in page
    assert "<del>    points: 25</del>" in page
    page = ann.open(HERE + "publish")
    assert "points: 25 becomes 50" in page
    refused = ann.send(HERE + "publish", note=" ")
    assert refused.status_code == 400
    assert "Write a note first" in refused.text
    page = ann.says(ann.send(HERE + "publish", note="Demos count double"))
    assert "Version 2 is in force." in page
    assert "Demos count double" in page
    with sqlite_runtime.database.read() as conn:
        assert policies.in_force(conn, "scoring", "scoring").body == DOUBLED  # type: ignore[union-attr]
        assert drafts.listed(conn) == []


def test_each_problem_has_its_line_and_the_text_stays(ann: Editor) -> None:
    wrong = SCORING.replace("points: 25\n", "points: many\n", 1).replace("  caution:", "  cautoin:")
    page = ann.says(ann.send(body=wrong))
    assert body_of(page) == wrong
    number = wrong.split("\n").index("    points: many") + 1
    assert f'<a href="#yaml" data-line="{number}">Line {number}</a>: scoring: rule 1, points' in page
    page = ann.read(HERE + "publish")
    assert "1 thing to mend" in page
    assert '<button class="btn btn-primary">Publish' not in page
    page = ann.says(ann.send(body="kind: scoring\nrules: [{", revision="1"))
    assert 'data-line="2"' in page
    assert body_of(page) == "kind: scoring\nrules: [{"


def test_what_other_rules_need_is_told_before_publishing(ann: Editor) -> None:
    here = HERE.replace("scoring", "segments")
    ann.open(here)
    ann.send(here, body="kind: segments\nsegments: []\n")
    page = ann.read(here)
    assert "asks for the segment “silent”" in page or "asks for the segment &#34;silent&#34;" in page


def test_who_is_overtaken_sees_both_texts_and_loses_none(ann: Editor, ben: Editor, sqlite_runtime: Runtime) -> None:
    ann.send(body=DOUBLED)
    mine = SCORING.replace("threshold: 50", "threshold: 70")
    answer = ben.send(body=mine)
    assert answer.status_code == 409
    page = answer.text
    assert body_of(page) == mine
    assert body_of(page, "theirs") == DOUBLED
    assert "<del>    points: 50</del>" in page
    ben.kept = dict(_FIELD.findall(page))
    ben.says(ben.send(body=mine))
    with sqlite_runtime.database.read() as conn:
        kept = drafts.find(conn, "scoring", "scoring")
    assert kept is not None
    assert (kept.body, kept.revision) == (mine, 2)


def test_a_page_that_is_older_than_a_publication_saves_nothing_unseen(ann: Editor, ben: Editor) -> None:
    ann.send(body=DOUBLED)
    ann.open(HERE + "publish")
    ann.send(HERE + "publish", note="x")
    answer = ben.send(body=SCORING + "# mine\n")
    assert answer.status_code == 409
    assert "has put version 2 in force in the meantime" in answer.text
    ben.kept = dict(_FIELD.findall(answer.text))
    assert "The draft is saved" in ben.says(ben.send(body=SCORING + "# mine\n"))


def test_a_draft_that_was_overtaken_is_published_only_after_somebody_has_looked(
    ann: Editor, sqlite_runtime: Runtime
) -> None:
    ann.send(body=DOUBLED)
    with sqlite_runtime.database.write() as conn:
        other = acts.read_as("scoring", "scoring", SCORING + "# by hand\n")
        policies.publish(conn, other, "command line", "fix", sqlite_runtime.clock())
    page = ann.open()
    assert "Version 2 was published after this draft was begun" in page
    assert "Save, I have seen version 2" in page
    ann.open(HERE + "publish")
    answer = ann.send(HERE + "publish", note="mine")
    assert answer.status_code == 409
    assert "Look at it once more" in answer.text
    ann.open()
    ann.says(ann.send(body=DOUBLED + "# by hand\n", do="take"))
    ann.open(HERE + "publish")
    assert "Version 3 is in force" in ann.says(ann.send(HERE + "publish", note="mine"))


def test_versions_are_read_compared_and_brought_back(ann: Editor, sqlite_runtime: Runtime) -> None:
    ann.send(body=DOUBLED)
    ann.open(HERE + "publish")
    ann.send(HERE + "publish", note="Demos count double")
    page = ann.read(HERE + "versions/")
    assert page.index("Version 2") < page.index("Version 1")
    page = ann.read(HERE + "versions/2")
    assert body_of(page) == DOUBLED
    assert "points: 25 becomes 50" in page
    assert "points: 50 becomes 25" in ann.read(HERE + "diff?from=2&to=1")
    going = HERE + "roll-back?version=1"
    assert "points: 50 becomes 25" in ann.open(going)
    assert ann.send(HERE + "roll-back").status_code == 400
    page = ann.says(ann.send(HERE + "roll-back", note="Too many handoffs"))
    assert "Version 3 is in force, with the text of version 1." in page
    ann.open(HERE + "roll-back?version=2")
    ann.kept["in_force"] = "1"
    answer = ann.send(HERE + "roll-back", note="again")
    assert answer.status_code == 409
    with sqlite_runtime.database.read() as conn:
        assert policies.in_force(conn, "scoring", "scoring").body == SCORING  # type: ignore[union-attr]


def test_files_go_out_and_come_in(ann: Editor) -> None:
    answer = ann.get(HERE + "download")
    assert answer.text == SCORING
    assert answer.headers["Content-Disposition"] == "attachment; filename=scoring.yaml"
    file = (io.BytesIO(DOUBLED.encode()), "mine.yaml")
    page = ann.says(ann.send(do="upload", file=file, body="not this"))
    assert body_of(page) == DOUBLED
    assert ann.get(HERE + "download?version=draft").text == DOUBLED
    bad = ann.send(do="upload", file=(io.BytesIO(b"\xff\xfe"), "x.yaml"), body=DOUBLED, revision="1")
    assert bad.status_code == 400
    assert "not a text in UTF-8" in bad.text
    assert body_of(bad.text) == DOUBLED


def test_a_text_that_cannot_be_stored_comes_back(ann: Editor) -> None:
    long = "# " + "x" * 300_000
    answer = ann.send(body=long)
    assert answer.status_code == 400
    assert "longer than 256 KiB" in answer.text
    assert body_of(answer.text) == long


def test_a_draft_is_thrown_away_unless_somebody_wrote_in_it_meanwhile(ann: Editor, ben: Editor) -> None:
    ann.send(body=DOUBLED)
    ann.open()
    ben.open()
    ben.send(body=DOUBLED + "# more\n")
    assert "has saved another draft" in ann.says(ann.send(HERE + "discard"))
    ann.open()
    assert "thrown away" in ann.says(ann.send(HERE + "discard"))
    assert body_of(ann.read(HERE + "?view=text")) == SCORING


def test_nothing_changed_makes_no_draft(ann: Editor, sqlite_runtime: Runtime) -> None:
    assert "Nothing was changed" in ann.says(ann.send(body=SCORING))
    with sqlite_runtime.database.read() as conn:
        assert drafts.listed(conn) == []


@pytest.mark.parametrize("role", ["marketer", "viewer"])
def test_others_read_and_change_nothing(ann: Editor, role: str) -> None:
    ann.send(body=DOUBLED)
    other = Browser(ann.app, role)
    page = other.read(HERE)
    assert "readonly" in page
    assert "Save draft" not in page
    assert "Only admins can change it" in page
    assert "points: 25 becomes 50" in other.read(HERE + "diff")
    assert other.post(HERE, {"body": SCORING}).status_code == 403


@pytest.mark.parametrize(
    "path", ["cooking/cooking/", "scoring/mine/", "mapping/nothing/", "scoring/scoring/versions/99"]
)
def test_what_does_not_exist_is_said_so(ann: Editor, path: str) -> None:
    assert ann.get(f"/admin/policies/{path}").status_code == 404


def test_a_mapping_begins_from_the_shipped_one(ann: Editor) -> None:
    here = "/admin/policies/mapping/hubspot/"
    text = body_of(ann.open(here))
    assert text.startswith("#") or "kind: mapping" in text
    page = ann.says(ann.send(here, on=here, body=text + "# ours\n"))
    assert "It adds 1 line and takes out 0" in page
    ann.open(here + "publish")
    assert "Version 1 is in force" in ann.says(ann.send(here + "publish", on=here, note="ours"))


def test_drafts_that_name_each_other_are_published_together(ann: Editor, sqlite_runtime: Runtime) -> None:
    segments, triggers = HERE.replace("scoring", "segments"), HERE.replace("scoring", "triggers")
    added = "  - {id: vip, label: VIP, when: {field: stage, op: known}}\n"
    asks = "  - {id: t, label: T, on: [page.viewed], when: {field: segment, value: vip}, message: {name: Hi}}\n"
    for here, kind, more in ((segments, "segments", added), (triggers, "triggers", asks)):
        ann.open(here)
        ann.send(here, on=here, body=default_documents()[kind].text + more)
    page = ann.read(triggers + "publish")
    assert "1 thing to mend" in page
    assert "Together with" in page
    page = ann.open(triggers + "publish?with=segments/segments")
    assert "Segment “vip”: new" in page
    kept = {**ann.kept, "with": "segments/segments", "revision:segments/segments": "1", "note": "VIPs"}
    assert "Publish all 2" in page
    assert "Version 2 is in force" in ann.says(ann.post(triggers + "publish", kept, on=triggers))
    with sqlite_runtime.database.read() as conn:
        assert drafts.listed(conn) == []
        assert "vip" in policies.in_force(conn, "segments", "segments").body  # type: ignore[union-attr]
