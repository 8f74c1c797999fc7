"""The screens in a real browser as people use them, by keyboard alone, narrow and wide."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PASSWORD, STILL, NewPage, Site
from tests.sequences_story import review_of

pytestmark = pytest.mark.browser

CHECKS = (Path(__file__).parent / "checks.js").read_text(encoding="utf-8")
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def problems(page: Page) -> list[str]:
    """What somebody would stumble over on the page as it is drawn now; also behind what can be opened."""
    found: list[str] = page.evaluate(CHECKS)
    return found


def problems_everywhere(page: Page) -> dict[str, list[str]]:
    """The same in both sizes and both lights."""
    found = {}
    for light, viewport in (("light", NARROW), ("dark", WIDE)):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
        page.wait_for_selector(f"html[data-bs-theme={light}]")
        if stumbled := problems(page):
            found[f"{viewport['width']} {light}"] = stumbled
    return found


def test_the_checks_find_what_they_look_for(browser: Browser) -> None:
    page = browser.new_page(viewport=NARROW)  # type: ignore[arg-type]
    page.set_content(
        """<h2>First</h2><h4>Deeper</h4><p style="color: #999; background: #fff">pale</p><input name="bare">
        <button></button><a href="/x"></a><img src="data:,"><div style="width: 900px">wide</div><p id="a"></p>
        <p id="a"></p>"""
    )
    found = " ".join(problems(page))
    for words in ("scrolls sideways", "no language", "1 h1", "h4 after h2", "contrast", "no label", "no name", "no alt",
                  "id a twice"):  # fmt: skip
        assert words in found, f"{words}: {found}"
    page.close()


@pytest.mark.parametrize("role", ["sales", "viewer"])  # a marketer sees what an admin sees
def test_screens_of_other_roles_can_be_read_too(new_page: NewPage, site: Site, role: str) -> None:
    page = new_page(role, viewport=NARROW)
    page.goto("/admin/")
    ways = {str(link.get_attribute("href")) for link in page.query_selector_all(".nav-list a")}
    assert len(ways) == (2 if role == "sales" else 14)
    for path in (*sorted(ways), f"/admin/contacts/{site.people['ann']}"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, path
        assert problems(page) == [], path


def test_a_new_installation_says_what_to_do(browser: Browser, bare_site: Site) -> None:
    page = browser.new_page(base_url=bare_site.url, **STILL)
    page.goto("/admin/login")
    assert "baton user create" in page.inner_text("main")
    assert problems_everywhere(page) == {}
    page.close()


def test_errors_are_pages_too(browser: Browser, site: Site) -> None:
    page = browser.new_page(base_url=site.url, **STILL)  # a plain one: a 404 is an error to the console
    for path in ("/admin/none", "/h/none", f"/admin/contacts/{site.people['ann']}/why?about=x"):
        page.goto(path)
        assert problems_everywhere(page) == {}
    page.close()


# --- by keyboard alone


def tab_to(page: Page, selector: str, most: int = 120) -> None:
    """Press Tab until the element has the focus, which has to be visible on everything on the way."""
    page.wait_for_selector(selector, state="attached")  # while a page is only being loaded nothing has the focus
    for _ in range(most):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """(selector) => {
              const one = document.activeElement, style = getComputedStyle(one);
              const box = one.getBoundingClientRect();
              const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              return {found: one.matches(selector), seen: one === document.body || (ring && box.width > 0),
                      what: one.outerHTML.slice(0, 120)};
            }""",
            selector,
        )
        assert here["seen"], f"the focus cannot be seen on {here['what']}"
        if here["found"]:
            return
    raise AssertionError(f"Tab does not get to {selector}")


def test_signing_in_and_out(new_page: NewPage) -> None:
    page = new_page(None)
    page.goto("/admin/contacts")
    assert problems_everywhere(page) == {}
    page.keyboard.type("viewer@team.example")  # the cursor is there already
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".me")
    assert page.url.endswith("/admin/contacts")
    tab_to(page, ".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, "#q")
    page.keyboard.type("ann@")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=ann*")
    tab_to(page, ".people a")
    page.keyboard.press("Enter")
    page.wait_for_selector("#timeline")
    tab_to(page, ".me button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/login")


def test_asking_why_from_a_contact(new_page: NewPage, site: Site) -> None:
    page = new_page("sales", viewport=NARROW)
    page.goto(f"/admin/contacts/{site.people['ann']}")
    page.click("text=Why did they get, or not get, a message?")
    tab_to(page, "#by-about")
    page.select_option("#by-about", "message:pricing_follow_up")  # which asks at once
    page.wait_for_selector("#answer")
    assert problems(page) == []
    assert "What was decided" in page.inner_text("main")


def test_claiming_a_handoff_and_saying_how_it_went(new_page: NewPage, site: Site) -> None:
    page = new_page("sales", viewport=NARROW)
    page.goto(f"/admin/contacts/{site.people['dora']}")
    tab_to(page, "#handoffs .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It is yours")
    tab_to(page, "#handoffs summary")
    page.keyboard.press("Enter")
    assert problems(page) == []
    tab_to(page, "#handoffs input[name=note]")
    page.keyboard.type("met at the fair")
    tab_to(page, "#handoffs button[value=nurture]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Noted: nurture")


def test_reading_requests_again(new_page: NewPage) -> None:
    page = new_page("marketer")
    page.goto("/admin/inbox?status=parked")
    tab_to(page, "input[data-all]")
    page.keyboard.press("Space")
    assert page.locator("input[name=id]:checked").count() == page.locator("input[name=id]").count() > 0
    tab_to(page, "form[method=post] .buttons button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=will be read again")


def test_choosing_from_a_filter_does_not_run_away_under_the_arrow_keys(new_page: NewPage) -> None:
    page = new_page("admin")
    page.goto("/admin/deliveries")
    tab_to(page, "#by-status")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.url.endswith("/admin/deliveries")
    tab_to(page, ".filters button")
    page.keyboard.press("Enter")
    page.wait_for_url("**status=*")


def test_stopping_everything_and_going_on(new_page: NewPage) -> None:
    page = new_page("admin", viewport=NARROW)
    page.goto("/admin/")
    tab_to(page, "details.ask summary")
    page.keyboard.press("Enter")
    tab_to(page, "#reason")
    assert problems(page) == []
    page.keyboard.type("wrong prices went out")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Reason: wrong prices went out")
    assert problems_everywhere(page) == {}
    tab_to(page, "[aria-labelledby=paused] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Resumed.")


def test_deciding_a_review(new_page: NewPage, site: Site) -> None:
    page = new_page("marketer", viewport=NARROW)
    page.goto(f"/admin/reviews/{review_of(site.runtime, 'gil')}")
    tab_to(page, "details.ask summary")
    page.keyboard.press("Enter")
    tab_to(page, "#days")
    page.keyboard.type("7")
    assert problems_everywhere(page) == {}
    tab_to(page, "details[open] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=They go on where they stood")
    assert problems_everywhere(page) == {}


def test_a_review_that_was_answered_wrongly_keeps_what_was_filled_in(
    browser: Browser, site: Site, signed_in: Callable[[str], Any]
) -> None:
    context = browser.new_context(base_url=site.url, storage_state=signed_in("marketer"), **STILL)
    page = context.new_page()  # a plain one: a 400 is an error to the console
    page.goto(f"/admin/reviews/{review_of(site.runtime, 'gail')}")
    tab_to(page, "details.ask summary")
    page.keyboard.press("Enter")
    tab_to(page, "#days")
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    page.wait_for_selector("details[open] >> text=up to the sequence's own 20")
    assert page.input_value("#days") == "99"
    assert problems_everywhere(page) == {}
    context.close()


def test_pausing_a_sequence_and_moving_people(new_page: NewPage) -> None:
    page = new_page("marketer", viewport=NARROW)
    page.goto("/admin/sequences/guide_follow_up")
    tab_to(page, "details.ask summary")
    page.keyboard.press("Enter")
    tab_to(page, "#reason")
    page.keyboard.type("a typo")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It stands still")
    assert problems_everywhere(page) == {}
    tab_to(page, "[aria-labelledby=paused] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Resumed.")
    tab_to(page, "[aria-labelledby=versions] a")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Where to")
    tab_to(page, "main form[method=post] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=will be moved")


def test_answering_behind_the_link(new_page: NewPage, site: Site) -> None:
    page = new_page(None, viewport=NARROW)
    page.goto(site.link)
    tab_to(page, "#name")
    page.keyboard.type("Sam")
    tab_to(page, "button[value=accepted]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Thank you, it is noted")
    assert "by Sam" in page.inner_text("main")
    assert problems_everywhere(page) == {}


def test_times_stay_right_and_say_the_exact_moment(new_page: NewPage) -> None:
    page = new_page("admin")
    page.goto("/admin/handoffs?status=all")
    moment = page.locator("main time").first
    assert "UTC (" in (moment.get_attribute("title") or "")
    assert (moment.get_attribute("datetime") or "").endswith("Z")


def test_an_address_is_copied(new_page: NewPage, site: Site) -> None:
    page = new_page("admin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    page.goto("/admin/connections/hubspot")
    page.click("button[data-copy]")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}/webhooks/hubspot"
