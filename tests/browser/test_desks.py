"""A day at the desks in a real browser, by mouse and by keyboard alone: handoffs, reviews, dead letters.

Catalogue: G5, H7, N5.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import update

from app.runtime import Runtime
from app.setup import add_connection, prepare
from app.store import notes, tables
from tests.browser.conftest import NewPage, Site, a_site, let_in, opening, sign_in
from tests.browser.test_screens import NARROW, problems_everywhere, tab_to
from tests.feeding import minutes, rows
from tests.sequences_story import tell_of_sequences

pytestmark = pytest.mark.browser

TEN = tuple(f"rae{number}" for number in range(10))
REASON = "400 Property values were not valid: “phone” is no phone number"


def tell(runtime: Runtime) -> None:
    """Ten people at the end of a sequence, two who are ready for sales, and two deliveries that were given up."""
    prepare(runtime)
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k"}, "http://127.0.0.1:1")
    let_in(runtime, "marketer", "sales")
    tell_of_sequences(runtime, ended=TEN, inside=(), goal=("goya", "gwen"))
    lost = [row.id for row in rows(runtime, "deliveries", "id")][:2]
    table = tables.deliveries
    with runtime.database.write() as conn:
        conn.execute(update(table).where(table.c.id.in_(lost)).values(status="dead", reason=REASON))
        notes.mark(conn, runtime.database, "swept", "", runtime.clock() + minutes(60))


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(tmp_path_factory.mktemp("desks"), tell) as made:
        yield made


@pytest.fixture(scope="module")
def at_desks(browser: Browser, desks: Site) -> Callable[[str], object]:
    kept = {role: sign_in(browser, desks, role) for role in ("marketer", "sales")}
    return kept.__getitem__


@pytest.fixture
def open_page(browser: Browser, desks: Site, at_desks: Callable[[str], object]) -> Iterator[NewPage]:
    with opening(browser, desks, at_desks) as open_one:
        yield open_one


def verdict_of(site: Site, person: str) -> str | None:
    (contact,) = rows(site.runtime, "contacts", "id", email=f"{person}@guide.example")
    (found,) = rows(site.runtime, "handoffs", "verdict", contact_id=contact.id)
    verdict: str | None = found.verdict
    return verdict


# --- handoffs


def test_a_handoff_is_claimed_and_judged_by_mouse(open_page: NewPage, desks: Site) -> None:
    page = open_page("sales")
    page.goto("/admin/")  # which leads sales to what waits for them
    page.click("a.main:text-is('Goya')")
    page.wait_for_selector("text=How to begin")
    page.click("button:text-is('Claim')")
    page.wait_for_selector("text=It is yours")
    assert "Claimed by sales@team.example" in page.inner_text("#steps ~ ol")
    page.click("summary:text-is('Say how it went')")
    page.fill("input[name=note]", "met at the fair")
    page.click("button[value=won]")
    page.wait_for_selector("text=Noted: won")
    assert "“met at the fair”" not in page.inner_text("h1")
    assert verdict_of(desks, "goya") == "won"


def test_a_handoff_is_claimed_and_judged_by_keyboard(open_page: NewPage, desks: Site) -> None:
    page = open_page("sales", viewport=NARROW)
    page.goto("/admin/handoffs")
    (contact,) = rows(desks.runtime, "contacts", "id", email="gwen@guide.example")
    (handoff,) = rows(desks.runtime, "handoffs", "id", contact_id=contact.id)
    tab_to(page, f"a.main[href='/admin/handoffs/{handoff.id}']")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=How to begin")
    tab_to(page, "main .btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It is yours")
    tab_to(page, "main summary")
    page.keyboard.press("Enter")
    tab_to(page, "button[value=nurture]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Noted: nurture")
    assert problems_everywhere(page) == {}
    assert verdict_of(desks, "gwen") == "nurture"


# --- reviews


def _who(page: Page) -> str:
    return page.inner_text("h1")


@pytest.fixture
def ten_open(desks: Site) -> Site:
    """The desks with all ten reviews waiting; no worker has heard of earlier answers."""
    with desks.runtime.database.write() as conn:
        conn.execute(update(tables.reviews).values(status="open", resolution=None))
    return desks


def _resolutions(site: Site) -> list[str | None]:
    return [row.resolution for row in sorted(rows(site.runtime, "reviews", "id", "resolution"))]


def test_ten_reviews_are_worked_through_by_mouse(open_page: NewPage, ten_open: Site) -> None:
    page = open_page("marketer")
    page.goto("/admin/reviews")
    page.click("a[href*='/reviews/next']")
    seen = []
    for number in range(1, 11):
        page.wait_for_selector(f"nav.round:has-text('{number} of 10')")
        seen.append(_who(page))
        if number == 2:
            page.click("#skip")
            continue
        which = {1: 0, 3: 1, 4: 2}.get(number, 3)
        answer = page.locator(".answers details").nth(which)
        answer.locator("summary").click()
        if number == 3:
            page.select_option("#to", index=1)
        elif number == 4:
            page.fill("#why-sales", "asked for 2 seats")
        answer.locator("button").click()
    page.wait_for_selector("text=That was the last one. You decided 9 reviews. 1 review you skipped.")
    assert len(set(seen)) == 10
    assert _resolutions(ten_open) == ["extended", None, "moved", "handed_over", *["suppressed"] * 6]


def test_ten_reviews_are_worked_through_by_keyboard(open_page: NewPage, ten_open: Site) -> None:
    page = open_page("marketer")
    page.goto("/admin/reviews")
    tab_to(page, "a[href*='/reviews/next']")
    page.keyboard.press("Enter")
    seen = []
    for number in range(1, 11):
        page.wait_for_selector(f"nav.round:has-text('{number} of 10')")
        assert page.evaluate("document.activeElement.matches('.answers summary')")
        seen.append(_who(page))
        if number == 1:
            page.keyboard.press("1")  # more time; the days are filled in
            page.wait_for_selector("#days:focus")
            page.keyboard.press("Escape")
            assert page.evaluate("document.activeElement.matches('.answers summary')")
            page.keyboard.press("1")
            page.keyboard.press("Enter")
        elif number == 2:
            page.keyboard.press("s")
        elif number == 3:
            page.keyboard.press("2")  # another sequence
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
        elif number == 4:
            page.keyboard.press("3")  # to sales, with a word; its digits open nothing
            page.keyboard.type("asked for 2 seats")
            page.keyboard.press("Enter")
        else:
            page.keyboard.press("4")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
    page.wait_for_selector("text=That was the last one. You decided 9 reviews. 1 review you skipped.")
    assert len(set(seen)) == 10
    assert _resolutions(ten_open) == ["extended", None, "moved", "handed_over", *["suppressed"] * 6]


# --- dead letters


def test_from_home_to_a_dead_letter_to_its_retry_by_mouse(open_page: NewPage, desks: Site) -> None:
    page = open_page("marketer")
    page.goto("/admin/")
    page.click(".notes li:has-text('given up') a")
    page.wait_for_url("**status=dead*")
    page.click(".rows a.main >> nth=0")
    page.wait_for_selector(f"text={REASON}")
    page.click("button:text-is('Try again')")
    page.wait_for_selector("text=It will be tried again at once.")


def test_from_home_to_a_dead_letter_to_its_retry_by_keyboard(open_page: NewPage, desks: Site) -> None:
    page = open_page("marketer", viewport=NARROW)
    page.goto("/admin/")
    tab_to(page, ".notes a[href*='status=dead']")
    page.keyboard.press("Enter")
    page.wait_for_url("**status=dead*")
    tab_to(page, ".rows a.main")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text={REASON}")
    tab_to(page, "main form[action$='/retry'] button")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It will be tried again at once.")
    assert problems_everywhere(page) == {}
