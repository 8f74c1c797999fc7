"""A rule tried on somebody from the editor, and the doubts about a scoring model.

Catalogue: E5, F8.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from app import drafts as acts
from app import small_model
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from tests.app.screens import Browser, new_app
from tests.conftest import Clock, make_runtime
from tests.feeding import drain, form, minutes, visit

SCORING = default_documents()["scoring"].text


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A Baton in which Ann has been here."""
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("try"), Clock())
    happen(runtime)
    yield runtime
    runtime.close()


def happen(runtime: Runtime) -> None:
    at = runtime.clock() - minutes(60)
    form(runtime, "demo", at=at, email="ann@acme.example", first_name="Ann", consent="yes")
    visit(runtime, "somebody", "/blog", at=at)
    drain(runtime)


def ask(runtime: Runtime, kind: str, **query: str) -> str:
    browser = Browser(new_app(runtime), "marketer")
    answer = browser.get(f"/admin/policies/{kind}/{kind}/try", query_string=query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("kind", "rule", "more", "says"),
    [
        ("scoring", "pricing_page", {"said": "path: /pricing"}, ("Yes: ", "Gives 5 points")),
        ("scoring", "pricing_page", {"said": "path: /blog"}, ("No: ", "Not so:")),
        ("handoff", "asked_for_contact", {"said": "form: demo"}, ("No: ", "No handoff is open")),
        (
            "triggers",
            "pricing_follow_up",
            {"said": "path: /pricing"},
            ("kept back: ", "handed to sales, who have not said yet how it went"),
        ),
        ("sequences", "welcome", {"event": "segment.entered", "said": "segment: new_subscribers"}, ("Ann",)),
        ("segments", "new_subscribers", {}, ("Yes, is in it: ", "So:")),
    ],
)
def test_the_answer_says_what_and_why(
    told: Runtime, kind: str, rule: str, more: dict[str, str], says: tuple[str, ...]
) -> None:
    page = ask(told, kind, rule=rule, contact="ann@acme.example", **more)
    main = page[page.index('id="answer"') :]
    for words in says:
        assert words in main, main


def test_the_draft_is_what_is_tried(sqlite_runtime: Runtime) -> None:
    happen(sqlite_runtime)
    text = SCORING.replace("[/pricing, /plans, /preise, /tarifs]", "[/prices]")
    acts.save(sqlite_runtime, "ann", "scoring", "scoring", text, 0)
    asked: dict[str, Any] = {"rule": "pricing_page", "contact": "ann@acme.example", "said": "path: /prices"}
    page = ask(sqlite_runtime, "scoring", **asked)
    assert "Rule of the draft" in page
    assert "Gives 5 points" in page
    acts.save(sqlite_runtime, "ann", "scoring", "scoring", "kind: scoring\nrules: 7\n", 1)
    page = ask(sqlite_runtime, "scoring", **asked)
    assert "so what is in force is tried" in page
    assert "No points" in page


def test_somebody_who_is_not_known_is_said_so(told: Runtime) -> None:
    assert "Nobody is known as “zoe@nowhere.example”" in ask(told, "scoring", contact="zoe@nowhere.example")
    assert "Nobody is known as “999999”" in ask(told, "scoring", contact="999999")
    assert Browser(new_app(told), "admin").get("/admin/policies/content/content/try").status_code == 404


def doubts(runtime: Runtime, text: str) -> dict[str, str]:
    with runtime.database.read() as conn:
        return {one.rule: one.text for one in small_model.warnings(conn, read_document(text).model)}


def test_a_model_past_ten_rules_and_rules_that_never_fire_are_told(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(runtime)
    assert doubts(runtime, SCORING).keys() == {""}  # two people prove nothing
    monkeypatch.setattr(small_model, "LEAST", 1)
    found = doubts(runtime, SCORING)
    assert found[""].startswith("There are 19 rules. Past 10,")
    never, none = "has never given points: nothing of the kind", "has given points to none of the 1 newest people with"
    assert found["reply"] == f"“Replied to us” {never} email.replied or sms.replied has come yet."
    assert found["trial"] == f"“Started a trial” {none} form.submitted or custom:trial_started."
    assert found["student"].startswith("“Student” holds for none of the 2 newest people")
    assert not {"demo_request", "form", "page_view"} & found.keys()
    small = SCORING[: SCORING.index("  - id: trial")]
    assert doubts(runtime, small) == {}


def test_the_editor_shows_the_doubts_beside_the_rules(told: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_model, "LEAST", 1)
    page = Browser(new_app(told), "admin").read("/admin/policies/scoring/scoring/")
    assert "Worth a second look" in page
    assert '<a href="#f-rules-1">Rule 2</a>: “Started a trial” has given points to none' in page
