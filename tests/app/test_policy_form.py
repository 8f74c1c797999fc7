"""Rules as forms: what is filled in ends in the text, and nothing else changes there.

Catalogue: D9, E5.
"""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.admin.policy_form import FORMS
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.store import drafts
from mappings.document import load_yaml
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
        return self.client.post(here(kind), base_url=SITE, data=data)

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
    assert answer.headers["Location"].endswith("?view=form&open=f/rules/1&did=down")
    text = ann.text("scoring")
    assert text.index("id: trial") < text.index("id: demo_request")
    assert "points: 26\n" in text
    ann.fill("scoring", "up:f/rules/1")
    assert ann.text("scoring") == SCORING.replace("points: 25\n", "points: 26\n", 1)
    ann.fill("scoring", "remove:f/rules/2")
    assert "id: form," not in ann.text("scoring")
    answer = ann.fill("scoring", "add:f/rules")
    assert ann.text("scoring").endswith("  - {id: new_1, label: New, group: behaviour, points: 1}\n")
    assert answer.headers["Location"].endswith("&open=f/rules/18&did=add")
    ann.fill("scoring", "add:f/groups", **{"new:f/groups": "loyalty"})
    assert "  loyalty: {}\n" in ann.text("scoring")
    ann.fill("scoring", "remove:f/groups/loyalty")
    assert "loyalty" not in ann.text("scoring")
    ann.fill("handoff", "add:f/people")
    assert '  - {name: New, email: ""}' in ann.text("handoff")


def test_an_entry_is_put_before_any_other_with_the_comments_where_they_were(ann: Admin) -> None:
    answer = ann.fill("scoring", "before:f/rules/2", rules__2__points="7")
    assert answer.headers["Location"].endswith("?view=form&open=f/rules/2&did=before")
    text, new = ann.text("scoring"), "  - {id: new_1, label: New, group: behaviour, points: 1}\n"
    assert [one["id"] for one in load_yaml(text, "")["rules"][1:4]] == ["trial", "new_1", "form"]
    assert text.replace(new, "") == SCORING.replace("points: 5, cap: {points: 15", "points: 7, cap: {points: 15", 1)
    page = ann.read(answer.headers["Location"])
    assert '<details class="entry" id="f-rules-2" open>\n    <summary autofocus>' in page
    ann.fill("scoring", "before:f/rules/0")
    assert load_yaml(ann.text("scoring"), "")["rules"][0]["id"] == "new_2"
    before = ann.text("scoring")
    ann.fill("scoring", "before:f/groups/fit")
    assert ann.text("scoring") == before, "names of a table have no order"


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


# --- steps, and texts


SEQUENCES, CONTENT = default_documents()["sequences"].text, default_documents()["content"].text
STEPS = "f/sequences/0/steps"


def problems(page: str) -> list[str]:
    return re.findall(r'<li><a href="#([^"]+)">', page)


def test_steps_are_offered_in_the_order_in_which_they_are_wanted(ann: Admin) -> None:
    ann.fill("sequences", f"add:{STEPS}")
    assert read_document(ann.text("sequences")).model.sequences[0].steps[-1].wait is not None
    ann.fill("content", "add:f/messages/0/blocks")
    assert read_document(ann.text("content")).model.messages[0].blocks[-1].text == "New"


def test_a_step_or_block_is_put_anywhere_and_moved(ann: Admin) -> None:
    def does() -> list[str]:
        return [
            next(iter(one.keys() - {"id", "label"}))
            for one in load_yaml(ann.text("sequences"), "")["sequences"][0]["steps"]
        ]

    assert does() == ["wait", "send"]
    ann.fill("sequences", f"before:{STEPS}/1", **{f"new:{STEPS}/1": "branch"})
    assert does() == ["wait", "branch", "send"]
    ann.fill("sequences", f"before:{STEPS}/1/branch/0", **{f"new:{STEPS}": "exit"})  # the way's, not the list's kind
    ways = load_yaml(ann.text("sequences"), "")["sequences"][0]["steps"][1]["branch"]
    assert len(ways) == 2
    ann.fill("sequences", f"up:{STEPS}/2")
    ann.fill("sequences", f"up:{STEPS}/1")
    assert does() == ["send", "wait", "branch"]
    ann.fill("content", "before:f/messages/0/blocks/0")
    blocks = load_yaml(ann.text("content"), "")["messages"][0]["blocks"]
    assert blocks[0]["text"] == "New"
    assert blocks[1:] == load_yaml(CONTENT, "")["messages"][0]["blocks"]


def test_each_kind_of_step_is_added_with_what_it_needs(ann: Admin) -> None:
    for kind in ("wait", "send", "branch", "act", "exit"):
        answer = ann.fill("sequences", f"add:{STEPS}", **{f"new:{STEPS}": kind})
    assert answer.headers["Location"].endswith("&open=f/sequences/0/steps/6&did=add")
    text = ann.text("sequences")
    assert text[SEQUENCES.index("        id: welcome\n") :].startswith(
        """\
        id: welcome
      - wait: {days: 1}
      - send: {name: New}
      - branch:
          - label: New
            when: {field: score, op: at_least, value: 50}
      - act: {alert: Have a look}
      - {exit: completed}

  # A few days"""
    ), text
    page = ann.read(here("sequences"))
    assert "cannot be published" not in page
    for words in ("wait 1 day", "send “New”", "go one of several ways: New", "tell people", "leave the sequence"):
        assert f'<span class="quiet">{words}</span>' in page


def test_steps_within_ways_are_filled_in_moved_and_taken_out(ann: Admin) -> None:
    ann.fill("sequences", f"add:{STEPS}", **{f"new:{STEPS}": "branch"})
    way = f"{STEPS}/2/branch/0/steps"
    ann.fill("sequences", f"add:{way}", **{f"new:{way}": "send"})
    ann.fill("sequences", f"add:{way}", **{f"new:{way}": "wait"})
    ann.fill("sequences", f"up:{way}/1", sequences__0__steps__2__branch__0__steps__0__send__name="Hello")
    ann.fill("sequences", sequences__0__steps__2__branch__0__steps__0__wait__days="3")
    ways = read_document(ann.text("sequences")).model.sequences[0].steps[2].branch
    assert [str(one.wait or one.send) for one in ways[0].steps] == ["3 days", "“Hello” by email"]
    ann.fill("sequences", f"add:{STEPS}/2/else", **{f"new:{STEPS}/2/else": "exit"})
    assert read_document(ann.text("sequences")).model.sequences[0].steps[2].else_[0].exit == "completed"
    ann.fill("sequences", f"remove:{STEPS}/2")
    assert ann.text("sequences") == SEQUENCES


def test_a_step_that_is_to_do_something_else_begins_anew(ann: Admin) -> None:
    answer = ann.fill("sequences", **{"sequences__0__steps__0__?": "act"})
    assert answer.headers["Location"].endswith("&open=f/sequences/0/steps/0#f-sequences-0-steps-0")
    page = ann.read(answer.headers["Location"])
    assert 'id="f-sequences-0" open' in page
    assert 'id="f-sequences-0-steps-0" open' in page
    ann.fill("sequences", **{"sequences__0__steps__0__act__?": "suppress"})
    step = read_document(ann.text("sequences")).model.sequences[0].steps[0]
    assert (step.wait, step.act.suppress) == (None, True)
    assert "f/sequences/0/steps/0/wait/days" not in Fields(ann.read(here("sequences"))).found


def test_the_whole_frame_of_a_sequence_is_filled_in(ann: Admin) -> None:
    ann.fill("sequences", "add:f/sequences")
    one = "sequences__4__"
    ann.fill(
        "sequences",
        **{
            f"{one}label": "Trial",
            f"{one}priority": "7",
            f"{one}entry__on": "form.submitted\r\npage.viewed",
            f"{one}reentry__after_days": "90",
            f"{one}goal__on": "order.placed",
            f"{one}max_days": "21",
            f"{one}active": "true",
        },
    )
    ann.fill("sequences", "add:f/sequences/4/exits")
    ann.fill("sequences", **{f"{one}exits__0__on": "meeting.booked"})
    page = ann.read(here("sequences"))
    assert "cannot be published" not in page
    made = read_document(ann.text("sequences")).model.sequences[4]
    assert (made.id, made.label, made.priority, made.active, made.max_days) == ("new_1", "Trial", 7, True, 21)
    assert (made.entry.on, made.reentry.after_days) == (["form.submitted", "page.viewed"], 90)
    assert (made.goal.on, made.exits[0].on) == (["order.placed"], ["meeting.booked"])
    ann.fill("sequences", **{f"{one}reentry__after_days": ""})
    assert read_document(ann.text("sequences")).model.sequences[4].reentry == "never"


def test_a_word_that_stands_for_none_stays_as_it_is_written(ann: Admin) -> None:
    text = SEQUENCES.replace("    reentry: {after_days: 90}\n", "    reentry: never\n")
    ann.client.post(
        here("sequences"),
        base_url=SITE,
        data={**Fields(ann.read(here("sequences") + "?view=text")).found, "body": text},
    )
    ann.fill("sequences", timezone="Europe/Berlin")
    assert ann.text("sequences") == text.replace("timezone: UTC ", "timezone: Europe/Berlin ")


def test_what_is_wrong_with_a_step_is_said_at_its_row(ann: Admin) -> None:
    page = ann.says(ann.fill("sequences", sequences__1__steps__0__wait__days="400", sequences__1__max_days=""))
    assert set(problems(page)) == {"f-sequences-1-steps-0-wait-days", "f-sequences-1-max_days"}
    assert "sequences: sequence 2, step 1, wait, days has to be at most 365" in unescape(page)
    assert 'id="f-sequences-1-steps-0" open' in page
    ann.fill("sequences", sequences__1__steps__0__wait__days="", sequences__1__max_days="30")
    page = ann.says(ann.fill("sequences", "add:f/sequences/1/steps", **{"new:f/sequences/1/steps": "split"}))
    assert problems(ann.read(here("sequences"))) == ["f-sequences-1-steps-5"]


def test_texts_are_written_over_several_lines(ann: Admin) -> None:
    ann.fill("content", blocks__1__text="If anything is unclear:\r\n\r\njust reply.")
    text = ann.text("content")
    was = "    text: If anything is unclear, just reply. A person reads it.\n"
    assert text == CONTENT.replace(was, "    text: |-\n      If anything is unclear:\n\n      just reply.\n")
    ann.fill("content", messages__0__blocks__1__variants__0__text="Short.")
    assert read_document(ann.text("content")).model.messages[0].blocks[1].variants[0].text == "Short."
    assert len(ann.text("content").splitlines()) == len(text.splitlines()) - 2
    long = "Thank you for asking. " * 12
    ann.fill("content", messages__0__blocks__1__variants__0__text=long)
    assert read_document(ann.text("content")).model.messages[0].blocks[1].variants[0].text == long.strip()
    assert max(map(len, ann.text("content").splitlines())) < 120


def test_blocks_say_one_text_or_variants_or_another_block(ann: Admin) -> None:
    ann.fill("content", "add:f/messages/0/blocks", **{"new:f/messages/0/blocks": "use"})
    number = len(read_document(CONTENT).model.messages[0].blocks)
    blocks = f"messages__0__blocks__{number}__"
    ann.fill("content", **{f"{blocks}use": "sign_of"})
    page = ann.read(here("content"))
    assert problems(page) == [f"f-messages-0-blocks-{number}"]
    assert "did you mean" in page
    ann.fill("content", **{f"{blocks}?": "variants"})
    ann.fill("content", f"add:f/messages/0/blocks/{number}/variants")
    ann.fill("content", f"up:f/messages/0/blocks/{number}/variants/1", **{f"{blocks}variants__1__knows": "company"})
    made = read_document(ann.text("content")).model.messages[0].blocks[number]
    assert [(one.label, one.knows) for one in made.variants] == [("New", ["company"]), ("everybody else", [])]


def test_a_new_message_and_a_new_block_can_be_used_at_once(ann: Admin) -> None:
    ann.fill("content", "add:f/messages")
    ann.fill("content", "add:f/blocks", **{"new:f/blocks": "text"})
    assert "cannot be published" not in ann.read(here("content"))
    made = read_document(ann.text("content")).model
    assert (made.messages[-1].id, made.blocks[-1].id) == ("new_1", "new_1")


def test_a_form_with_more_fields_than_forms_usually_have_is_saved(ann: Admin) -> None:
    one = SEQUENCES[SEQUENCES.index("  - id: welcome") : SEQUENCES.index("  # A few days")]
    text = "kind: sequences\nname: sequences\nsequences:\n"
    text += "".join(one.replace("id: welcome", f"id: welcome_{number}", 1) for number in range(40))
    ann.client.post(
        here("sequences"),
        base_url=SITE,
        data={**Fields(ann.read(here("sequences") + "?view=text")).found, "body": text},
    )
    answer = ann.fill("sequences", sequences__39__label="The last")
    assert len(ann.fields) > 1_000
    assert answer.status_code == 303
    assert "label: The last" in ann.text("sequences")
