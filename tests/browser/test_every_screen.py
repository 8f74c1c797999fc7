"""Every screen, narrow and wide, in light and dark: under axe, under checks of our own, and what its text may hold.

Catalogue: C8, G5, H7, N5, N6, N7 (screens).
"""

from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Response

from app.factory import create_app
from tests.browser.conftest import NewPage, Site
from tests.browser.pages import doors, pages
from tests.browser.test_screens import NARROW, WIDE, problems

pytestmark = pytest.mark.browser

# Answers that are no page
_NO_PAGE = frozenset(("asset", "policy_download", "policies_download", "contact_download", "import_skipped"))
# Each page is opened once, in one size, and made larger or smaller then; they take turns in which size comes first. Axe
# sees it as it was opened, and they take turns in which light: its look at colours takes most of the time, and our own,
# which is quick, is had in both sizes and both lights. Rows of a list stand for each other, and the preview of a
# message runs no scripts, so that axe would wait for an answer out of it.
_SIZES = (NARROW, WIDE)
_LIGHTS = ("light", "dark", "dark", "light")
_ALIKE = (".rows > li:nth-child(n+9)", ".line > li:nth-child(n+9)", "tr:nth-child(n+9)", ".entry:nth-of-type(n+4)")
_WHERE: Mapping[str, Any] = {"include": [["html"]], "exclude": [[one] for one in _ALIKE]}
_RULES: Mapping[str, Any] = {"reporter": "no-passes", "iframes": False}
_TURNED = """
async (light) => {
  const end = performance.now() + 10_000;
  while (document.documentElement.dataset.bsTheme !== light) {
    if (performance.now() > end) throw new Error(`the page does not turn ${light}`);
    await new Promise(requestAnimationFrame);
  }
}
"""
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


def _turn(page: Page, light: str) -> None:
    """Look at the page in this light, as soon as it has noticed."""
    page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
    page.evaluate(_TURNED, light)


def _look(page: Page, paths: Mapping[str, str]) -> dict[str, list[str]]:
    found = {}
    for number, (name, path) in enumerate(paths.items()):
        sizes = _SIZES if number % 2 else _SIZES[::-1]
        page.set_viewport_size(sizes[0])  # type: ignore[arg-type]
        answer = page.goto(path)
        assert isinstance(answer, Response)
        assert answer.status == 200, f"{name}: {path} answers {answer.status}"
        wrong = inline(answer.text())
        for size, light in zip((sizes[0], sizes[0], sizes[1], sizes[1]), _LIGHTS, strict=True):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            _turn(page, light)
            wrong += [f"{size['width']} {light}: {one}" for one in problems(page)]
            if size is sizes[0] and light == ("dark", "light")[number // 2 % 2]:
                wrong += violations(page)
        wrong += page.evaluate("window.forbidden")
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
def test_nobody_stumbles_on_any_screen(new_page: NewPage, site: Site) -> None:
    assert _look(new_page("admin"), pages(site)) == {}


def test_nobody_stumbles_before_signing_in(new_page: NewPage, site: Site) -> None:
    assert _look(new_page(None), doors(site)) == {}


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
