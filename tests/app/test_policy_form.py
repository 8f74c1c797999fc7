"""Rules as forms: what is filled in ends in the text, and nothing else changes there.

Catalogue: D9, E5.
"""

from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.admin.policy_form import FORMS
from app.rules.policy import default_documents
from app.runtime import Runtime
from app.store import drafts
from tests.app.screens import SITE, Browser, new_app

SCORING = default_documents()["scoring"].text


class Fields(HTMLParser):
    """What a browser would send of the form with the settings: name → value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._inside, self._text, self._select, self._options = False, "", "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        if tag == "form":
            self._inside = "edit" in (said.get("class") or "")
        if not self._inside:
            return
        name = said.get("name") or ""
        if tag == "input" and said.get("type") != "file":
            self.found[name] = said.get("value") or ""
        elif tag == "textarea":
            self._text, self.found[name] = name, ""
        elif tag == "select":
            self._select, self._options = name, False
        elif tag == "option" and ("selected" in said or not self._options):
            self.found[self._select], self._options = said.get("value") or "", True

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.found[self._text] = self.found[self._text].removeprefix("\n").replace("\n", "\r\n")
            self._text = ""
        elif tag == "form":
            self._inside = False


class Admin(Browser):
    """Somebody who fills in forms."""

    def fill(self, kind: str, button: str = "save", **changes: str) -> TestResponse:
        """Open a form, change some settings (``rules__0__points``), and press a button."""
        self.fields = Fields(self.read(here(kind))).found
        for name, value in changes.items():
            key = name if name.startswith("new:") else "f/" + name.replace("__", "/")
            assert key in self.fields, key
            self.fields[key] = value
        return self.press(kind, button)

    def press(self, kind: str, button: str) -> TestResponse:
        data = {**self.fields, "do": button}
        return self.client.post(here(kind), base_url=SITE, data=data, content_type="multipart/form-data")

    def text(self, kind: str) -> str:
        """The draft, or else what is in force."""
        runtime: Runtime = self.app.extensions["runtime"]
        with runtime.database.read() as conn:
            draft = drafts.find(conn, kind, kind)
        return draft.body if draft else default_documents()[kind].text


def here(kind: str) -> str:
    return f"/admin/policies/{kind}/{kind}/"


@pytest.fixture
def ann(sqlite_runtime: Runtime) -> Admin:
    return Admin(new_app(sqlite_runtime), "admin")


def test_a_form_that_is_sent_as_it_came_changes_nothing(ann: Admin) -> None:
    for kind in sorted(FORMS):
        assert "Nothing was changed" in ann.says(ann.fill(kind)), kind


def test_what_was_filled_in_is_all_that_changes(ann: Admin) -> None:
    changes = {"threshold": "60", "rules__0__points": "30", "rules__2__cap__days": "14", "groups__fit__cap": ""}
    ann.says(ann.fill("scoring", **changes))
    text = SCORING.replace("threshold: 50 ", "threshold: 60 ").replace("points: 25\n", "points: 30\n", 1)
    text = text.replace("points: 5, cap: {points: 15, days: 7}}", "points: 5, cap: {points: 15, days: 14}}", 1)
    assert ann.text("scoring") == text.replace("fit: {cap: 40}", "fit: {}")


@pytest.mark.parametrize(
    ("kind", "changes", "before", "after"),
    [
        ("suppression", {"suppress_dormant": "false"}, "suppress_dormant: true", "suppress_dormant: false"),
        ("suppression", {"tiers__active_days": "20"}, "{active_days: 30", "{active_days: 20"),
        ("frequency", {"ladder__new__caps__0__max": "2"}, "new: {caps: [{max: 3", "new: {caps: [{max: 2"),
        ("frequency", {"quiet__quiet": "never"}, 'quiet: "21:00-08:00"', "quiet: null"),
        ("frequency", {"quiet__channels": "sms\r\npush\r\nemail"}, "[sms, push]", "[sms, push, email]"),
        ("handoff", {"assign": "least_busy"}, "again_after_days:", "again_after_days:"),
        ("handoff", {"clock__hours__days__fri": "10:00-14:00"}, 'fri: ["09:00-17:30"]}', "fri: [10:00-14:00]}"),
        ("handoff", {"clock__hours__days__fri": ""}, ', fri: ["09:00-17:30"]}', "}"),
        ("lifecycle", {"verdicts__lost": "subscriber"}, "lost: lead}", "lost: subscriber}"),
        ("interests", {"visits": "3"}, "visits: 2", "visits: 3"),
    ],
)  # fmt: skip
def test_each_kind_of_setting(ann: Admin, kind: str, changes: dict[str, str], before: str, after: str) -> None:
    page = ann.says(ann.fill(kind, **changes))
    assert "cannot be published" not in page
    whole = default_documents()[kind].text.replace(before, after, 1)
    assert ann.text(kind) == (whole + "assign: least_busy\n" if "assign" in changes else whole)


def test_a_condition_is_edited_as_it_is_written(ann: Admin) -> None:
    ann.says(ann.fill("scoring", rules__3__when="any:\r\n  # ours\r\n  - {field: event.path, value: /prices}"))
    assert ann.text("scoring") == SCORING.replace(
        "    when: {field: event.path, op: contains, value: [/pricing, /plans, /preise, /tarifs]}\n",
        "    when:\n      any:\n        # ours\n        - {field: event.path, value: /prices}\n",
    )
    assert "In words: Path is /prices" in ann.read(here("scoring"))


def test_entries_are_moved_taken_out_and_added(ann: Admin) -> None:
    answer = ann.fill("scoring", "down:f/rules/0", rules__0__points="26")
    assert answer.headers["Location"].endswith("?view=form&open=f/rules/1#f-rules-1")
    text = ann.text("scoring")
    assert text.index("id: trial") < text.index("id: demo_request")
    assert "points: 26\n" in text
    ann.fill("scoring", "up:f/rules/1")
    assert ann.text("scoring") == SCORING.replace("points: 25\n", "points: 26\n", 1)
    ann.fill("scoring", "remove:f/rules/2")
    assert "id: form," not in ann.text("scoring")
    answer = ann.fill("scoring", "add:f/rules")
    assert ann.text("scoring").endswith("  - {id: new_1, label: New, group: behaviour, points: 1}\n")
    assert answer.headers["Location"].endswith("#f-rules-18")
    ann.fill("scoring", "add:f/groups", **{"new:f/groups": "loyalty"})
    assert "  loyalty: {}\n" in ann.text("scoring")
    ann.fill("scoring", "remove:f/groups/loyalty")
    assert "loyalty" not in ann.text("scoring")
    ann.fill("handoff", "add:f/people")
    assert '  - {name: New, email: ""}' in ann.text("handoff")


def test_a_button_that_is_not_on_the_form_only_saves(ann: Admin) -> None:
    ann.fill("scoring", "remove:f/nothing/7", threshold="60")
    assert ann.text("scoring") == SCORING.replace("threshold: 50 ", "threshold: 60 ")


def test_what_is_wrong_is_kept_and_said_beside_its_field(ann: Admin) -> None:
    page = ann.says(ann.fill("scoring", rules__1__points="many", rearm_below="70"))
    assert 'value="many" inputmode="decimal"' in page
    assert 'aria-describedby="f-rules-1-points-help f-rules-1-points-wrong" aria-invalid="true"' in page
    assert '<a href="#f-rules-1-points">Line 31</a>: scoring: rule 2, points has to be a number' in page
    page = ann.says(ann.fill("scoring", rules__1__points="10"))
    assert "rearm_below (70) has to be lower than threshold (50)" in page


def test_a_condition_that_is_no_yaml_is_not_saved_and_not_lost(ann: Admin) -> None:
    answer = ann.fill("scoring", rules__1__when="{field: [", threshold="61")
    assert answer.status_code == 400
    assert ann.text("scoring") == SCORING
    page = answer.get_data(as_text=True)
    kept = Fields(page).found
    assert kept["f/rules/1/when"] == "{field: ["
    assert kept["f/threshold"] == "61"
    assert "Nothing was saved" in page
    ann.fields = {**kept, "f/rules/1/when": ""}
    ann.says(ann.press("scoring", "save"))
    assert "threshold: 61" in ann.text("scoring")


def test_two_who_fill_in_the_same_form_see_both_texts(ann: Admin) -> None:
    ben = Admin(ann.app, "admin")
    ben.fields = Fields(ben.read(here("scoring"))).found
    ann.fill("scoring", threshold="60")
    ben.fields["f/threshold"] = "70"
    answer = ben.press("scoring", "save")
    assert answer.status_code == 409
    page = answer.get_data(as_text=True)
    assert "Threshold: 60 becomes 70" in page
    assert ann.text("scoring") == SCORING.replace("threshold: 50 ", "threshold: 60 ")


def test_what_cannot_be_a_form_is_shown_as_text(ann: Admin) -> None:
    ann.client.post(here("scoring"), base_url=SITE, data=_text(ann, "kind: scoring\nrules: [{"))
    page = ann.read(here("scoring"))
    assert "cannot be shown as a form" in page
    assert 'name="body"' in page
    fields: dict[str, Any] = _text(ann, "kind: scoring\ngroups: nothing\nrules: {a: 1}\n")
    ann.client.post(here("scoring"), base_url=SITE, data=fields)
    page = ann.read(here("scoring"))
    assert Fields(page).found["f/groups"] == "nothing"


def _text(ann: Admin, body: str) -> dict[str, str]:
    fields = Fields(ann.read(here("scoring") + "?view=text")).found
    return {**fields, "body": body, "do": "save"}


def test_the_text_can_always_be_asked_for(ann: Admin) -> None:
    page = ann.read(here("scoring") + "?view=text")
    assert Fields(page).found["body"].replace("\r\n", "\n") == SCORING
    assert 'name="body"' in ann.read(here("content"))
