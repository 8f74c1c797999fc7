"""A form on somebody's site that asks only what is not known, in a real browser. Catalogue: K1."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from tests.browser.conftest import Site
from tests.servers import free_port

pytestmark = pytest.mark.browser

FORM = """<!doctype html><html lang="en"><title>Guide</title>
<form data-baton-ask action="{home}/forms/guide" method="post">
<label>E-mail <input name="email"></label>
<label data-baton-field="company">Company <input name="company"></label>
<label data-baton-field="industry">Industry <input name="industry"></label>
<div data-baton-questions></div></form>
<script async src="{home}/{script}"></script></html>"""

Visit = Callable[[str], Page]


@pytest.fixture
def visit(browser: Browser, bare_site: Site) -> Iterator[Visit]:
    """Opens the form on a site of its own, with one of our scripts."""
    served: dict[str, str] = {}
    port = free_port()

    def app(environ: Any, start: Any) -> Any:
        return Response(served["page"], mimetype="text/html")(environ, start)

    shop = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    context = browser.new_context()

    def opened(script: str) -> Page:
        served["page"] = FORM.format(home=bare_site.url, script=script)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"http://localhost:{port}/guide")
        return page

    yield opened
    context.close()
    shop.shutdown()


def names(page: Page) -> list[str]:
    found = page.eval_on_selector_all("form [name]", "all => all.map((one) => one.name)")
    return [str(name) for name in found]


def test_questions_that_help_less_go_and_those_that_help_more_come(visit: Visit) -> None:
    page = visit("baton-ask.js")
    page.wait_for_selector("select[name=company_size]")
    assert names(page) == ["email", "company", "job_title", "company_size"]
    assert page.get_by_label("Your role").is_visible()
    assert page.locator("select[name=company_size] option").count() == 6


def test_without_the_script_all_stay(visit: Visit) -> None:
    assert names(visit("there-is-none.js")) == ["email", "company", "industry"]
