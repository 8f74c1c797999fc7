"""Every screen, narrow and wide, in light and dark: under axe, under checks of our own, and what its text may hold.

Catalogue: C8, G5, H7, N5, N6, N7 (screens).
"""

from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Response, ViewportSize

from app.factory import create_app
from tests.browser.conftest import NewPage, Site
from tests.browser.pages import doors, pages
from tests.browser.test_screens import NARROW, WIDE, problems

pytestmark = pytest.mark.browser

# Answers that are no page
_NO_PAGE = frozenset(("asset", "policy_download", "policies_download", "contact_download", "import_skipped"))
# Each page under axe in one size and one light: its look at colours takes most of the time, and our own look at them,
# which is quick, is had in all four. Rows of a list stand for each other, and the preview of a message runs no scripts,
# so that axe would wait for an answer out of it.
LOOKS = (
    pytest.param(NARROW, ("dark", "light"), id="narrow"),
    pytest.param(WIDE, ("light", "dark"), id="wide"),
)
_ALIKE = (".rows > li:nth-child(n+9)", ".line > li:nth-child(n+9)", "tr:nth-child(n+9)", ".entry:nth-of-type(n+4)")
_WHERE: Mapping[str, Any] = {"include": [["html"]], "exclude": [[one] for one in _ALIKE]}
_RULES: Mapping[str, Any] = {"reporter": "no-passes", "iframes": False}
_RUN = """
async ([where, rules]) => {
  const found = (await axe.run(where, rules)).violations;
  return found.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target} ${node.html.slice(0, 160)}`));
}
"""


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is drawn now."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_RUN, [_WHERE, _RULES])
    return found


class _Inline(HTMLParser):
    """Collects what would run or dress the page from within its own text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        self.found += [f"<{tag} {name}>" for name in names if name == "style" or name.startswith("on")]
        self.found += [f"<{tag} {name}={value}>" for name, value in attrs if (value or "").startswith("javascript:")]


def inline(text: str) -> list[str]:
    """Scripts and styles that stand in a page's own text."""
    reader = _Inline()
    reader.feed(text)
    return reader.found


def _look(page: Page, paths: Mapping[str, str], size: ViewportSize, lights: tuple[str, str]) -> dict[str, list[str]]:
    found = {}
    for number, (name, path) in enumerate(paths.items()):
        answer = page.goto(path)
        assert isinstance(answer, Response)
        assert answer.status == 200, f"{name}: {path} answers {answer.status}"
        wrong = [*inline(answer.text()), *page.evaluate("window.forbidden")]
        for light in lights:
            page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
            page.wait_for_selector(f"html[data-bs-theme={light}]")
            wrong += [f"{light}: {one}" for one in problems(page)]
        if (size == WIDE) == bool(number % 2):  # axe sees the same in both, and takes most of the time
            wrong += violations(page)
        if wrong:
            found[f"{name} ({path})"] = wrong
    return found


def _never_opened(site: Site, paths: Iterable[str]) -> list[str]:
    app = create_app(site.runtime)
    routes = app.url_map.bind("127.0.0.1")
    opened = {routes.match(path.removeprefix(site.url).split("?")[0])[0] for path in paths}
    all_of = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint.startswith("admin.")
    }
    return sorted(all_of - opened - {f"admin.{name}" for name in _NO_PAGE})


def test_every_address_of_the_screens_is_opened_here(site: Site) -> None:
    assert _never_opened(site, [*pages(site).values(), *doors(site).values()]) == []


@pytest.mark.slow
@pytest.mark.parametrize(("size", "lights"), LOOKS)
def test_nobody_stumbles_on_any_screen(
    new_page: NewPage, site: Site, size: ViewportSize, lights: tuple[str, str]
) -> None:
    assert _look(new_page("admin", viewport=size), pages(site), size, lights) == {}


@pytest.mark.parametrize(("size", "lights"), LOOKS)
def test_nobody_stumbles_before_signing_in(
    new_page: NewPage, site: Site, size: ViewportSize, lights: tuple[str, str]
) -> None:
    assert _look(new_page(None, viewport=size), doors(site), size, lights) == {}


def test_axe_and_the_reader_of_pages_find_what_they_look_for(browser: Browser) -> None:
    page = browser.new_page()
    text = """<!doctype html><html lang="en"><title>x</title><script>1</script><style>p {}</style>
        <p style="color: #999" onclick="1">pale <a href="javascript:1">link</a><input name="bare">"""
    page.set_content(text)
    found = " ".join(violations(page))
    for rule in ("label: ", "color-contrast: "):
        assert rule in found, found
    page.close()
    assert sorted(inline(text)) == ["<a href=javascript:1>", "<p onclick>", "<p style>", "<script>", "<style>"]
