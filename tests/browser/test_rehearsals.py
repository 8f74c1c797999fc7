"""Trying a draft on the past in a real browser: a threshold is raised after its effect was read, by mouse and by
keyboard alone; and every state of a rehearsal can be read, narrow and wide, in light and dark.

Catalogue: N2.
"""

from datetime import timedelta

import pytest
from playwright.sync_api import Page

from app import drafts as acts
from app import rehearsal
from app.rules.policy import DEFAULTS
from app.store import rehearsals
from app.store.rehearsals import CANCELED, FAILED, KEPT, Progress
from jobs import rehearse
from mappings.mapping import shipped_text
from tests.browser.conftest import HOSTILE, SCORING, NewPage, Site
from tests.browser.test_screens import NARROW, problems_everywhere, tab_to

pytestmark = pytest.mark.browser

EDITOR, HERE = "/admin/policies/scoring/scoring/", "/admin/rehearsals/"
LOWER = SCORING.replace("threshold: 50", "threshold: 15").replace("rearm_below: 40", "rearm_below: 10")
ASK = "main form[action='/admin/rehearsals/'] button"


def worked_on(page: Page, site: Site) -> None:
    """What the page says while it waits, and what it shows by itself once a worker has come."""
    page.wait_for_selector("text=Waiting to begin")
    assert problems_everywhere(page) == {}
    rehearse.work(site.runtime, "test")
    page.wait_for_selector("text=Contact by contact")  # without anybody pressing anything
    assert page.is_visible("h2:has-text('Different for')")
    row = page.locator("tr", has=page.locator("th:has-text('Score came over the threshold')"))
    assert row.locator("td").all_inner_texts()[:3] != []


def test_a_threshold_is_raised_after_its_effect_was_read_by_mouse(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin")
    page.goto("/admin/")
    page.click("nav >> text=Rules")
    page.click(f"main a[href='{EDITOR}']")
    page.fill("#f-threshold", "500")
    page.click("button[value=rehearse]")
    page.wait_for_url("**/rehearsals/new**")
    assert page.is_checked("#draft-1")
    page.click("label[for=span-7]")
    page.click(ASK)
    worked_on(page, untouched)
    numbers = page.locator("tr:has(th:has-text('Score came over the threshold')) td").all_inner_texts()[1:3]
    assert int(numbers[0]) > int(numbers[1]) == 0, "nobody comes over a threshold that high"
    page.click("tr:has(th:has-text('Score came over the threshold')) a[href*='effect=threshold']")
    page.wait_for_url("**effect=threshold**")
    page.locator("#one-by-one .rows a[href*='/contacts/']").first.click()
    page.wait_for_url("**/admin/contacts/**")
    page.go_back()
    page.click("main a:has-text('Publish')")
    page.fill("#note", "Sales is on holiday")
    page.click("main form.card button:has-text('Publish')")
    page.wait_for_selector("text=is in force.")
    assert untouched.runtime.rulebook().policies.scoring.read.threshold == 500


def test_a_threshold_is_raised_after_its_effect_was_read_by_keyboard(new_page: NewPage, untouched: Site) -> None:
    page = new_page("admin", viewport=NARROW)
    page.goto(EDITOR)
    tab_to(page, "#f-threshold")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("70")
    tab_to(page, "button[value=rehearse]", most=400)
    page.keyboard.press("Enter")
    page.wait_for_url("**/rehearsals/new**")
    tab_to(page, "input[name=span]:checked")
    page.keyboard.press("ArrowUp")
    assert page.is_checked("#span-7")
    tab_to(page, ASK)
    page.keyboard.press("Enter")
    worked_on(page, untouched)
    tab_to(page, "#by-effect")
    tab_to(page, "main a[href*='/publish']", most=200)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Threshold: 50 becomes 70")
    tab_to(page, "#note")
    page.keyboard.type("Too many handoffs")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is in force.")
    assert untouched.runtime.rulebook().policies.scoring.read.threshold == 70


def test_one_under_way_renews_itself_and_is_stopped(new_page: NewPage, untouched: Site) -> None:
    runtime, page = untouched.runtime, new_page("admin")
    number = rehearsal.ask(runtime, "ann", [("mine", LOWER)], runtime.clock() - timedelta(days=7))
    page.goto(f"{HERE}{number}")
    page.focus("button:has-text('Stop it')")
    with runtime.database.write() as conn:
        found = rehearsals.find(conn, number)
        assert found is not None
        rehearsals.begin(conn, found, runtime.clock())
        rehearsals.save(conn, number, Progress(seen=3, last=3, seconds=2.0, kept=0), found.tally, [])
    page.wait_for_selector("h2:has-text('Going through the past')")
    assert page.get_attribute("progress", "value") == "3"
    assert page.evaluate("document.activeElement.textContent") == "Stop it", "the focus stays where it was"
    assert problems_everywhere(page) == {}
    page.click("button:has-text('Stop it')")
    page.wait_for_selector("text=It was stopped")


def test_without_a_script_the_page_renews_itself_too(new_page: NewPage, untouched: Site) -> None:
    runtime, page = untouched.runtime, new_page("admin", java_script_enabled=False)
    number = rehearsal.ask(runtime, "ann", [("mine", LOWER)], runtime.clock() - timedelta(days=7))
    page.goto(f"{HERE}{number}")
    assert page.locator("text=Waiting to begin").count() == 1
    rehearse.work(runtime, "test")
    page.wait_for_selector("text=Contact by contact")


def test_every_state_of_a_rehearsal_can_be_read(new_page: NewPage, untouched: Site) -> None:
    runtime, page, found = untouched.runtime, new_page("admin"), {}
    page.goto(f"{HERE}new")
    assert problems_everywhere(page) == {}
    acts.save(runtime, "ann@team.example", "scoring", "scoring", LOWER, 0)
    since = runtime.clock() - timedelta(days=30)
    texts = [(f"mine {HOSTILE}", LOWER)]
    easier = (DEFAULTS / "handoff.yaml").read_text(encoding="utf-8").replace("value: 50", "value: 5")
    done = rehearsal.ask(runtime, f"ann {HOSTILE}", [*texts, ("handoff", easier)], since)
    same = rehearsal.ask(runtime, "ann", [("mine", SCORING)], since, segment="silent")
    unread = shipped_text("forms").replace("{contact: email, vendor: email}", "{contact: company, vendor: email}")
    unread = unread.replace("  - {contact: company, vendor: company}\n", "")
    mapped = rehearsal.ask(runtime, "ann", [("mapping", unread)], since)
    rehearse.work(runtime, "test")
    over = [rehearsal.ask(runtime, "ann", texts, since) for _ in range(3)]
    with runtime.database.write() as conn:
        rehearsals.end(conn, over[0], FAILED, runtime.clock(), f"could not be read {HOSTILE} " + "x" * 1_900)
        rehearsals.end(conn, over[1], CANCELED, runtime.clock())
        whole = rehearsals.find(conn, done)
        started = rehearsals.find(conn, over[2])
        assert whole is not None
        assert started is not None
        rehearsals.begin(conn, started, runtime.clock())
        rehearsals.save(conn, started.id, Progress(3, 3, 2.0, KEPT), whole.tally, [])
        rehearsals.end(conn, started.id, CANCELED, runtime.clock())
    paths = [HERE, f"{HERE}new?draft=scoring/scoring", f"{HERE}new?draft=triggers/triggers", f"{HERE}{same}"]
    paths += [f"{HERE}{one}" for one in (done, mapped, *over)]
    paths += [f"{HERE}{mapped}?effect=field", f"{HERE}{mapped}?effect=told&rule=nothing"]
    paths += [f"{HERE}{done}?effect=message", f"{HERE}{done}?effect=none&side=moved", f"{EDITOR}publish"]
    for path in paths:
        page.goto(path)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        if stumbled := problems_everywhere(page):
            found[path] = stumbled
    assert found == {}
