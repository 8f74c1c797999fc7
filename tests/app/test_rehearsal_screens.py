"""Rehearsals on screens: a draft is tried on the past, its progress watched, its counts and differences read.

Catalogue: N2.
"""

import re
from html import unescape

import pytest

from app import drafts as acts
from app.admin import asked
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.store import drafts, policies, rehearsals
from jobs import rehearse
from mappings.mapping import shipped_text
from tests.app.screens import Browser, new_app
from tests.conftest import Clock
from tests.feeding import rows
from tests.rehearsal_story import BEGAN, look_back

HERE, NEW = "/admin/rehearsals/", "/admin/rehearsals/new"
WHOLE = {"span": "own", "first": f"{BEGAN:%Y-%m-%d}"}


@pytest.fixture
def lived(sqlite_runtime: Runtime, clock: Clock) -> Runtime:
    """Three weeks in which the shipped rules were in force."""
    look_back(sqlite_runtime, clock)
    return sqlite_runtime


@pytest.fixture
def ann(lived: Runtime) -> Browser:
    return Browser(new_app(lived), "admin")


def in_force(kind: str) -> str:
    return (DEFAULTS / f"{kind}.yaml").read_text(encoding="utf-8")


def draft(runtime: Runtime, kind: str, old: str, new: str) -> None:
    """Write a draft of a shipped policy with something else in it."""
    text = in_force(kind)
    assert old in text
    with runtime.database.read() as conn:
        known = drafts.find(conn, kind, kind)
    acts.save(runtime, "ann", kind, kind, text.replace(old, new), known.revision if known else 0)


def easier(runtime: Runtime) -> None:
    """A draft that hands over from five points on."""
    draft(runtime, "handoff", "field: score, op: at_least, value: 50", "field: score, op: at_least, value: 5")


def words_of(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def ask(browser: Browser, *names: str, **more: str) -> str:
    """Ask for a rehearsal as the form does; the page that comes then."""
    answer = browser.post(HERE, {"draft": [f"{one}/{one}" for one in names], **WHOLE, **more}, on=NEW)
    return browser.says(answer)


def test_before_there_is_a_draft_the_pages_say_where_to_write_one(ann: Browser) -> None:
    assert "Nothing has been rehearsed yet" in ann.read(HERE)
    assert "There is no draft to try" in ann.read(NEW)
    assert "There is no draft of Scoring to try" in ann.read(f"{NEW}?draft=scoring/scoring")


def test_a_draft_is_tried_on_the_past_and_its_counts_and_differences_are_read(ann: Browser, lived: Runtime) -> None:
    easier(lived)
    assert 'value="handoff/handoff" checked' in ann.read(NEW)
    page = ask(ann, "handoff")
    assert "Waiting to begin" in page
    assert 'http-equiv="refresh"' in page.split("<noscript>")[1].split("</noscript>")[0]
    rehearse.work(lived, "test")
    said = words_of(ann.read(f"{HERE}1"))
    assert "Different for 4 of 5 people" in said
    assert "Handed to sales 4 instead of 2" in said
    assert re.search(r"Handed to sales .{0,200}? 2 2 4 more often for 2 people", said)
    assert "Nothing was sent, and nobody was changed." in said
    new = words_of(ann.read(f"{HERE}1?effect=handoff&side=more"))
    assert new.count("Only with the draft Ann") + new.count("Only with the draft Dee") >= 1
    assert "Rules in force nothing The draft Handed to sales" in new
    kept = words_of(ann.read(f"{HERE}1?effect=message+withheld&side=other"))
    assert "Is not in conversation with sales: in conversation" in kept
    assert f"{HERE}1" in ann.read(HERE)


def test_why_something_is_kept_back_is_counted_by_check(ann: Browser, lived: Runtime) -> None:
    easier(lived)
    ask(ann, "handoff")
    rehearse.work(lived, "test")
    said = words_of(ann.read(f"{HERE}1"))
    assert re.search(r"Kept back because: .*In conversation with sales \d+ instead of \d+", said)


def test_drafts_that_name_each_other_are_tried_together(ann: Browser, lived: Runtime) -> None:
    draft(lived, "segments", "id: silent", "id: hushed")
    with lived.database.read() as conn:
        assert acts.problems(conn, "segments", "segments", drafts.find(conn, "segments", "segments").body)  # type: ignore[union-attr]
    answer = ann.post(HERE, {"draft": ["segments/segments"], **WHOLE}, on=NEW)
    assert answer.status_code == 400
    assert "silent" in answer.text
    assert rows(lived, "rehearsals") == []
    draft(lived, "segments", "label: Silent", "label: Hushed")
    easier(lived)
    said = words_of(ask(ann, "segments", "handoff"))
    assert "Handoffs to sales and Segments, tried on the past" in said or "Segments and Handoffs to sales" in said
    rehearse.work(lived, "test")
    assert "Handed to sales 4 instead of 2" in words_of(ann.read(f"{HERE}1"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"draft": ""}, "Tick at least one draft"),
        ({"draft": "content/content"}, "There is no draft of content content: it was published or thrown away"),
        ({"span": "own", "first": "soon"}, "Write the days as in 2027-03-31"),
        ({"span": "own", "first": "2026-10-20", "last": "9999-12-31"}, "Write the days as in 2027-03-31"),
        ({"span": "own", "first": "2036-01-01"}, "The span begins in the future"),
        ({"span": "own", "first": "2026-10-20", "last": "2026-10-10"}, "The span ends before it begins"),
        ({"segment": "nobody"}, "There is no segment"),
    ],
)
def test_what_cannot_be_asked_is_said_and_what_was_filled_in_stays(
    ann: Browser, lived: Runtime, more: dict[str, str], said: str
) -> None:
    easier(lived)
    fields = {"draft": ["handoff/handoff"], "span": "90", "every": "10", **more}
    if more.get("draft") == "":
        del fields["draft"]
    answer = ann.post(HERE, fields, on=NEW)
    assert answer.status_code == 400
    assert said in words_of(answer.text)
    assert '<option value="10" selected>' in answer.text
    assert rows(lived, "rehearsals") == []


def test_one_under_way_is_watched_and_stopped_and_asked_for_again(
    ann: Browser, lived: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    easier(lived)
    ask(ann, "handoff")
    ask(ann, "handoff")
    assert "1 other one has its turn first" in words_of(ann.read(f"{HERE}2"))
    with lived.database.write() as conn:
        found = rehearsals.find(conn, 1)
        assert found is not None
        rehearsals.begin(conn, found, lived.clock())
    page = ann.read(f"{HERE}1")
    assert re.search(r'<progress [^>]*max="5" value="0"', page)
    assert "0 of 5 people" in page
    page = ann.says(ann.post(f"{HERE}1/cancel", on=HERE))
    assert "Stopped." in page
    assert "It was over already" in ann.says(ann.post(f"{HERE}1/cancel", on=HERE))
    assert "Waiting to begin" in ann.says(ann.post(f"{HERE}1/again", on=HERE))
    assert [row.status for row in rows(lived, "rehearsals", "status")] == ["canceled", "waiting", "waiting"]


def test_one_that_waits_for_a_worker_in_vain_says_so(ann: Browser, lived: Runtime, clock: Clock) -> None:
    easier(lived)
    ask(ann, "handoff")
    clock.advance(minutes=2)
    assert "Is a worker running?" in ann.read(f"{HERE}1")


def test_one_that_failed_says_why_and_can_be_asked_for_again(ann: Browser, lived: Runtime) -> None:
    easier(lived)
    ask(ann, "handoff")
    with lived.database.write() as conn:
        rehearsals.end(conn, 1, rehearsals.FAILED, lived.clock(), "it was begun 3 times")
    page = ann.read(f"{HERE}1")
    assert "It could not be brought to an end" in page
    assert "It was begun 3 times" in page
    ann.says(ann.post(f"{HERE}1/again", on=HERE))
    rehearse.work(lived, "test")
    assert "Different for 4 of 5 people" in words_of(ann.read(f"{HERE}2"))


def test_what_has_happened_to_the_draft_since_is_said(ann: Browser, lived: Runtime, clock: Clock) -> None:
    easier(lived)
    ask(ann, "handoff")
    rehearse.work(lived, "test")
    assert "/publish" in ann.read(f"{HERE}1")
    draft(lived, "handoff", "field: score, op: at_least, value: 50", "field: score, op: at_least, value: 6")
    page = ann.read(f"{HERE}1")
    assert "the draft has been changed since" in page
    assert "/publish" not in page
    with lived.database.write() as conn:
        other = acts.read_as("triggers", "triggers", in_force("triggers") + "# more\n")
        policies.publish(conn, other, "t", "", clock())
    assert "Other rules are in force by now" in ann.read(f"{HERE}1")


def test_editor_and_publish_page_lead_to_it(ann: Browser, lived: Runtime) -> None:
    easier(lived)
    at = "/admin/policies/handoff/handoff/"
    for path in (at, f"{at}publish", f"{at}diff"):
        assert f"{NEW}?draft=handoff/handoff" in ann.read(path), path
    assert "do=rehearse" not in ann.read(at)
    text = in_force("handoff").replace("value: 50", "value: 7", 1)
    sent = {"view": "text", "body": text, "revision": "1", "base": "1", "do": "rehearse"}
    page = ann.says(ann.post(at, sent, on=at))
    assert 'value="handoff/handoff" checked' in page


def test_differences_are_read_page_by_page(ann: Browser, lived: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "PAGE", 5)
    draft(lived, "triggers", in_force("triggers"), "kind: triggers\ntriggers: []\n")
    ask(ann, "triggers")
    rehearse.work(lived, "test")
    kept = len(rows(lived, "rehearsal_changes"))
    path, seen = f"{HERE}1", 0
    for _ in range(20):
        page = ann.read(path)
        seen += page.count('class="known told-apart"')
        link = re.search(r'href="([^"#]+)#one-by-one" rel="next"', page)
        if link is None:
            break
        path = unescape(link[1])
    assert seen == kept > 10


def test_a_drafted_mapping_is_tried_on_the_past(ann: Browser, lived: Runtime) -> None:
    text = shipped_text("forms").replace(
        "{contact: job_title, vendor: job_title}", "{contact: industry, vendor: job_title}"
    )
    text = text.replace("  - {contact: industry, vendor: industry}\n", "")
    acts.save(lived, "ann", "mapping", "forms", text, 0)
    for page in ("/admin/mappings/forms/", "/admin/mappings/forms/effect"):
        assert f"{NEW}?draft=mapping/forms" in ann.read(page)
    assert f"{NEW}?draft=mapping/forms" in unescape(ann.read("/admin/policies/mapping/forms/publish"))
    assert 'value="mapping/forms" checked' in ann.read(f"{NEW}?draft=mapping/forms")
    answer = ann.post(HERE, {"draft": ["mapping/forms"], **WHOLE}, on=NEW)
    assert "Field mapping: forms, tried on the past" in words_of(ann.says(answer))
    rehearse.work(lived, "test")
    said = words_of(ann.read(f"{HERE}1"))
    assert "Different for 5 of 5 people" in said
    assert "Payloads read again 7 Something else is read in 5" in said
    assert "Job title 5 0 5 people : Job title 5 left empty by it" in said
    assert "Industry 0 5 5 people : Industry 5 filled only by the draft" in said
    assert "What tools would be told" in said
    one = words_of(ann.read(f"{HERE}1?effect=field&rule=industry"))
    assert "Only “Industry”" in one
    assert "In force nothing The draft Head of Sales said" in one
    viewer = words_of(Browser(new_app(lived), "viewer").read(f"{HERE}1?effect=field&rule=industry"))
    assert "Head of Sales" not in viewer


def test_while_payloads_are_read_again_the_bar_says_so(ann: Browser, lived: Runtime) -> None:
    acts.save(lived, "ann", "mapping", "forms", shipped_text("forms") + "  - {contact: custom.x, vendor: x}\n", 0)
    ann.post(HERE, {"draft": ["mapping/forms"], **WHOLE}, on=NEW)
    with lived.database.write() as conn:
        found = rehearsals.find(conn, 1)
        assert found is not None
        rehearsals.begin(conn, found, lived.clock())
        rehearsals.save(conn, 1, rehearsals.Progress(0, 0, 1, 0, payloads=8, payloads_read=2), found.tally, [])
    said = words_of(ann.read(f"{HERE}1"))
    assert "Reading again what came in 25% 2 of 8 payloads. So far the draft reads the same in all of them." in said


def test_a_mapping_that_nothing_goes_by_cannot_be_tried(ann: Browser, lived: Runtime) -> None:
    acts.save(lived, "ann", "mapping", "mailchimp", shipped_text("mailchimp"), 0)
    assert "cannot be tried on the past: no connection goes by it" in words_of(
        ann.read(f"{NEW}?draft=mapping/mailchimp")
    )
    answer = ann.post(HERE, {"draft": ["mapping/mailchimp"], **WHOLE}, on=NEW)
    assert answer.status_code == 400
    assert "No connection goes by the mapping mailchimp" in words_of(answer.text)
