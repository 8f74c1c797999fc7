"""The editor of the rules in a real browser: by keyboard alone, narrow and wide, light and dark.

Catalogue: D9, E5, F8.
"""

import pytest

from app import drafts as acts
from app.store import drafts
from tests.browser.conftest import SCORING, NewPage, Site
from tests.browser.test_screens import NARROW, WIDE, problems_everywhere, tab_to

pytestmark = pytest.mark.browser

STEPS = "f/sequences/0/steps"
HERE = "/admin/policies/scoring/scoring/"


def test_every_page_of_the_rules_can_be_read(new_page: NewPage, untouched: Site) -> None:
    page, found = new_page("admin"), {}
    wrong = SCORING.replace("points: 25\n", "points: many\n").replace("fit: {cap: 40}", "fit: {caps: 40}")
    acts.save(untouched.runtime, "ben@team.example", "scoring", "scoring", wrong, 0)
    paths = [
        "/admin/policies/", HERE, HERE + "?view=text", HERE + "diff", HERE + "publish", HERE + "versions/",
        HERE + "try?contact=ann@acme.example",
        *(f"/admin/policies/{kind}/{kind}/" for kind in ("frequency", "handoff", "content", "sequences")),
    ]  # fmt: skip
    for path in paths:
        page.goto(path)
        if stumbled := problems_everywhere(page):
            found[path] = stumbled
    assert found == {}


def test_a_threshold_is_raised_published_and_brought_back_by_keyboard(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin", viewport=NARROW)
    page.goto("/admin/policies/")
    tab_to(page, f"main a[href='{HERE}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{HERE}")
    tab_to(page, "#f-threshold")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("60")
    tab_to(page, "button[value=publish]", most=400)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Threshold: 50 becomes 60")
    tab_to(page, "#note")
    page.keyboard.type("Too many handoffs")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is in force.")
    assert untouched.runtime.rulebook().policies.scoring.read.threshold == 60
    page.goto(HERE + "versions/")
    tab_to(page, "main a[href*='roll-back']")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Threshold: 60 becomes 50")
    tab_to(page, "#note")
    page.keyboard.type("Too few")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=with the text of version")
    untouched.runtime.forget()
    assert untouched.runtime.rulebook().policies.scoring.read.threshold == 50


def test_enter_in_a_field_saves_and_takes_nothing_out(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin")
    page.goto(HERE)
    page.fill("#f-threshold", "70")
    page.press("#f-threshold", "Enter")
    page.wait_for_selector("text=The draft is saved")
    with untouched.runtime.database.read() as conn:
        draft = drafts.find(conn, "scoring", "scoring")
    assert draft is not None
    assert draft.body == SCORING.replace("threshold: 50 ", "threshold: 70 ")


def test_lines_are_numbered_and_a_problem_leads_to_its_line(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin")
    page.goto(HERE + "?view=text")
    tab_to(page, "#yaml")
    assert page.locator(".numbers").inner_text().split()[:3] == ["1", "2", "3"]
    page.keyboard.press("Tab")  # it does not stay in the text
    assert page.evaluate("document.activeElement.value") == "save"
    page.fill("#yaml", SCORING.replace("points: 25\n", "points: many\n"))
    page.click("button[value=save]")
    page.click("a[data-line]")
    chosen = "(one) => one.value.slice(one.selectionStart, one.selectionEnd)"
    assert page.locator("#yaml").evaluate(chosen) == "    points: many"
    assert page.locator("#yaml").evaluate("(one) => document.activeElement === one")


def test_leaving_with_unsaved_changes_asks_first(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin")
    page.goto(HERE)
    asks = "() => !window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert not page.evaluate(asks)
    page.fill("#f-threshold", "70")
    assert page.evaluate(asks)
    page.click("button[value=save] >> nth=0")
    page.wait_for_selector("text=The draft is saved")
    assert not page.evaluate(asks)


def test_a_rule_is_moved_where_it_is_seen_again(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin", viewport=NARROW)
    page.goto(HERE)
    page.click("#f-rules-0 > summary")
    page.click("#f-rules-0 button[value^=down]")
    page.wait_for_url("**did=down")
    assert page.locator("#f-rules-1").evaluate("(one) => one.open")
    assert page.locator("#f-rules-1-id").input_value() == "demo_request"
    assert page.locator("#f-rules-1").evaluate("(one) => one.getBoundingClientRect().top < innerHeight")


@pytest.mark.parametrize("mouse", [pytest.param(True, id="mouse"), pytest.param(False, id="keyboard")])
def test_a_step_is_put_into_the_middle_and_moved_to_the_top(new_page: NewPage, site: Site, mouse: bool) -> None:
    page = new_page("admin", viewport=WIDE if mouse else NARROW)

    def press(selector: str) -> None:
        if mouse:
            page.click(selector)
        else:
            tab_to(page, selector, most=400)
            page.keyboard.press("Enter")

    page.goto("/admin/policies/sequences/sequences/")
    press("#f-sequences-0 > summary")
    press("#f-sequences-0-steps-1 > summary")
    if mouse:
        page.select_option("#new-f-sequences-0-steps-1", "act")
    else:
        tab_to(page, "#new-f-sequences-0-steps-1")
        page.keyboard.type("Do")
    press(f"button[value='before:{STEPS}/1']")
    page.wait_for_url("**steps/1&did=before")
    page.wait_for_selector("#f-sequences-0-steps-1 > summary:focus")
    press(f"button[value='up:{STEPS}/1']")
    page.wait_for_url("**steps/0&did=up")
    page.wait_for_selector(f"[value='down:{STEPS}/0']:focus")  # it is the first: only down is left
    assert page.input_value("#f-sequences-0-steps-0-kind") == "act"
    if mouse:
        page.click(":focus")
    else:
        page.keyboard.press("Enter")
    page.wait_for_url("**steps/1&did=down")
    page.wait_for_selector(f"[value='down:{STEPS}/1']:focus")  # the same again moves it on
    assert problems_everywhere(page) == {}
    with site.runtime.database.write() as conn:
        draft = drafts.find(conn, "sequences", "sequences")
        assert draft is not None
        drafts.discard(conn, "sequences", "sequences", draft.revision)


@pytest.mark.parametrize(("view", "field"), [("text", "#yaml"), ("form", "#f-threshold")])
def test_what_was_written_outlives_a_session_that_ended(
    new_page: NewPage, untouched: Site, view: str, field: str
) -> None:
    page = new_page("admin")
    page.goto(f"{HERE}?view={view}")
    mine = SCORING + "# mine\n" if view == "text" else "77"
    page.fill(field, mine)
    kept = page.context.cookies()
    page.context.clear_cookies()
    page.click("button[value=save] >> nth=0")
    page.wait_for_url("**/admin/login**")
    page.context.add_cookies(kept)  # type: ignore[arg-type]
    page.goto(f"{HERE}?view={view}")
    assert page.input_value(field) != mine
    assert problems_everywhere(page) == {}
    page.click("text=Bring it back")
    assert page.input_value(field) == mine
    page.click("button[value=save] >> nth=0")
    page.wait_for_selector("text=The draft is saved")
    page.reload()
    assert not page.is_visible("text=Bring it back")
