"""Mappings in a real browser, by mouse and by keyboard alone: a renamed field from its badge to the contacts that get
what was missed, a picklist with an unknown value, and the way back.

Catalogue: D2, D4, D5, D7, D9, A10.
"""

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec import Struct
from playwright.sync_api import Page, expect

from app import drafts as acts
from app.store import counted, drafts
from app.store.counted import day_of
from jobs import noticing, reread
from mappings.mapping import shipped_text
from mappings.tally import PAYLOAD
from mappings.writing import put_row, rows_of
from tests.browser.conftest import NewPage, Site
from tests.browser.test_screens import NARROW, WIDE, problems_everywhere, tab_to
from tests.feeding import arrive, contact, drain, form, notice

pytestmark = pytest.mark.browser

ADMIN = "ada@team.example"
_askers = itertools.count()
BUDGET = {"contact": "custom.budget", "vendor": "budget"}
LINES = "[...document.querySelectorAll('input[name=theirs]')].map((one) => one.value)"
VERDICT = next(at for at, row in enumerate(rows_of(shipped_text("hubspot"))) if row["vendor"] == "hs_lead_status")


class Hand:
    """Somebody with a mouse."""

    viewport = WIDE

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def write(self, selector: str, text: str) -> None:
        self.page.click(selector)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def choose(self, selector: str, option: str) -> None:
        self.page.select_option(selector, label=option)


class Keys(Hand):
    """Somebody with a keyboard and nothing else, on a narrow screen."""

    viewport = NARROW

    def press(self, selector: str) -> None:
        self._go(selector)
        self.page.keyboard.press("Enter")

    def write(self, selector: str, text: str) -> None:
        self._go(selector)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)

    def choose(self, selector: str, option: str) -> None:
        self._go(selector)
        self.page.keyboard.type(option)

    def _go(self, selector: str) -> None:
        found = self.page.locator(selector).first
        found.wait_for(state="attached")
        self.page.evaluate("for (const one of document.querySelectorAll('[data-goal]')) delete one.dataset.goal")
        found.evaluate("(one) => { one.dataset.goal = 'yes'; }")
        tab_to(self.page, "[data-goal]", most=400)


def publish(site: Site, name: str, text: str) -> None:
    with site.runtime.database.read() as conn:
        draft = drafts.find(conn, "mapping", name)
        same = acts.in_force_text(conn, "mapping", name) == text
    if draft is not None:
        acts.discard(site.runtime, ADMIN, "mapping", name, draft.revision)
    if not same:
        draft = acts.save(site.runtime, ADMIN, "mapping", name, text, 0)
        acts.publish(site.runtime, ADMIN, "mapping", name, draft.revision, "for a test")


@pytest.fixture
def shipped(site: Site) -> Iterator[Site]:
    """A site whose mappings are as they were shipped, afterwards as well."""
    yield site
    for name in ("forms", "hubspot"):
        publish(site, name, shipped_text(name))
    site.runtime.forget()


class Renamed(Struct, frozen=True):
    """A site with a field that is called otherwise by now, and who filled it in since."""

    site: Site
    people: list[str]


@pytest.fixture
def renamed(shipped: Site) -> Renamed:
    """The forms' field “budget” came for weeks, and is called otherwise since some days."""
    runtime = shipped.runtime
    text = shipped_text("forms")
    publish(shipped, "forms", put_row(text, len(rows_of(text)), BUDGET))
    connection = runtime.connection("forms")
    assert connection is not None
    today = day_of(runtime.clock())
    with runtime.database.write() as conn:
        for day in range(today - 20, today):
            counts = {(connection.id, "", PAYLOAD): 10}
            if day < today - 5:
                counts[(connection.id, "budget", "number")] = 10
            counted.add(conn, runtime.database, counts, day)
    people = [f"asks{next(_askers)}@acme.example" for _ in range(3)]
    for number, email in enumerate(people):
        moment = runtime.clock() - timedelta(days=2)
        form(runtime, "offer", at=moment, email=email, budget_eur=str(9000 + number))
    drain(runtime)
    noticing.write_counts(runtime)
    assert "custom.budget" not in contact(runtime, email=people[0])["fields"]
    return Renamed(shipped, people)


def new_hand(new_page: NewPage, hand: type[Hand]) -> tuple[Page, Hand]:
    page = new_page("admin", viewport=hand.viewport)
    return page, hand(page)


BY_EACH = pytest.mark.parametrize("hand", [pytest.param(Hand, id="mouse"), pytest.param(Keys, id="keyboard")])


@BY_EACH
def test_a_renamed_field_is_mended_from_its_badge_to_the_contacts_that_missed_it(
    new_page: NewPage, renamed: Renamed, hand: type[Hand]
) -> None:
    page, does = new_hand(new_page, hand)
    page.goto("/admin/mappings/forms/")
    assert "Gone" in page.inner_text(".maprows")
    does.press("main a:has-text('budget_eur')")
    page.wait_for_selector("#vendor-0")
    assert page.input_value("#vendor-0") == "budget_eur"
    assert "900" in page.inner_text("#live-card")
    does.press("button[value=save]")
    page.wait_for_selector("text=Kept in the draft")
    does.press("main a:has-text('See what the draft changes')")
    page.wait_for_selector("text=What the draft changes")
    does.press("main a:has-text('Publish')")
    does.write("#note", "They renamed it")
    does.press("button:has-text('Publish')")
    page.wait_for_selector("h1:has-text('Read again')")
    does.press("button:has-text('Read them again')")
    page.wait_for_selector("[data-renewing] progress")
    while reread.go_on(renamed.site.runtime):
        pass
    drain(renamed.site.runtime)
    page.wait_for_selector("text=Finished")  # it looks by itself
    for number, email in enumerate(renamed.people):
        shown = contact(renamed.site.runtime, email=email)
        assert shown["fields"]["custom.budget"] == str(9000 + number)
    assert problems_everywhere(page) == {}
    does.press(f"main a:has-text('{renamed.people[0]}')")
    page.wait_for_selector("dd:has-text('9000')", state="attached")


@BY_EACH
def test_an_unknown_value_of_a_picklist_gets_its_place(new_page: NewPage, shipped: Site, hand: type[Hand]) -> None:
    runtime = shipped.runtime
    arrive(runtime, "hubspot", [notice(runtime.clock(), 4711, name="hs_lead_status", value="IN_REVIEW")])
    drain(runtime)
    page, does = new_hand(new_page, hand)
    page.goto(f"/admin/mappings/hubspot/row?row={VERDICT}")
    assert "unmapped values seen" in page.inner_text("#values-title")
    does.press("button[value='place:IN_REVIEW']")
    page.wait_for_selector("input[name=theirs][value=IN_REVIEW]")
    line = page.evaluate(f"{LINES}.indexOf('IN_REVIEW') + 1")
    does.choose(f"select[aria-label='Our value, line {line}']", "Nurture")
    does.press("button[value=save]")
    page.wait_for_selector("text=Kept in the draft")
    does.press("main a:has-text('See what the draft changes')")
    page.wait_for_selector("text=Works with the draft")
    with runtime.database.read() as conn:
        draft = drafts.find(conn, "mapping", "hubspot")
    assert draft is not None
    assert rows_of(draft.body)[VERDICT]["values"]["IN_REVIEW"] == "nurture"
    assert problems_everywhere(page) == {}


@BY_EACH
def test_the_way_back_to_an_older_version(new_page: NewPage, renamed: Renamed, hand: type[Hand]) -> None:
    text = shipped_text("forms")
    site = renamed.site
    publish(site, "forms", put_row(text, len(rows_of(text)), {**BUDGET, "vendor": "odd"}))
    page, does = new_hand(new_page, hand)
    page.goto("/admin/mappings/forms/")
    does.press("main a:has-text('Versions')")
    does.press("main a[href*='roll-back']")
    page.wait_for_selector("#note")
    does.write("#note", "It was right before")
    does.press("main button.btn-primary")
    page.wait_for_selector("text=with the text of version")
    site.runtime.forget()
    connection = site.runtime.connection("forms")
    assert connection is not None
    assert ("custom.budget", "budget") in site.runtime.rulebook().mapping_for(connection).pairs


def test_fields_are_found_as_somebody_types(new_page: NewPage, renamed: Renamed) -> None:
    page = new_page("admin")
    page.goto("/admin/mappings/forms/row")
    page.fill("#find-source", "budget eur")
    assert page.locator("#sources > li:visible").count() == 1
    assert page.inner_text("#found-sources").startswith("1 of ")
    page.press("#find-source", "Enter")
    assert page.input_value("#find-source") == "budget eur", "the page is still the same"
    page.click("#sources button")
    expect(page.locator("#vendor-0")).to_have_value("budget_eur")
