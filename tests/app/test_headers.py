"""Headers that keep browsers safe, on every answer; and the few answers that other sites may take in."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from app.runtime import Runtime
from tests.app.screens import SITE, Browser, new_app
from tests.conftest import Clock, make_runtime

PAGES = ("/admin/login", "/admin/contacts", "/admin/", "/admin/none", "/h/none")
DATA = ("/api/v1/stats", "/api/v1/openapi.json", "/healthz", "/readyz", "/nothing", "/forms/contact", "/webhooks/none")


@pytest.fixture(scope="module")
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("headers"), Clock())
    yield new_app(runtime)
    runtime.close()


@pytest.fixture
def browser(app: Flask, request: pytest.FixtureRequest) -> Browser:
    """Somebody who is signed in, but for the page to sign in on, which would lead them away."""
    path = request.node.callspec.params["path"] if hasattr(request.node, "callspec") else ""
    return Browser(app, None if path == "/admin/login" else "admin")


def policy(text: str) -> dict[str, str]:
    """A content security policy as directive → what it allows."""
    return {name: rest for part in text.split(";") for name, _, rest in [part.strip().partition(" ")]}


@pytest.mark.parametrize("path", PAGES + DATA + ("/baton.js", "/metrics"))
def test_every_answer_is_protected(browser: Browser, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        headers = browser.client.open(path, method=method, base_url=SITE).headers
        assert headers["X-Content-Type-Options"] == "nosniff", method
        assert headers["X-Frame-Options"] == "DENY"
        assert policy(headers["Content-Security-Policy"])["default-src"] == "'none'"
        assert policy(headers["Content-Security-Policy"])["frame-ancestors"] == "'none'"
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["Referrer-Policy"] == ("strict-origin" if path == "/h/none" else "no-referrer")
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "Werkzeug" not in headers.get("X-Powered-By", "")


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_and_load_only_what_is_ours(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    allowed = policy(answer.headers["Content-Security-Policy"])
    assert allowed["script-src"] == allowed["style-src"] == allowed["form-action"] == "'self'"
    assert allowed["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not {"connect-src", "frame-src", "object-src"} & set(allowed)


@pytest.mark.parametrize("path", PAGES + DATA)
def test_nothing_that_is_about_people_is_kept_by_caches_or_given_to_other_sites(browser: Browser, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    if not path.startswith("/forms"):
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


def test_styles_and_scripts_are_kept_for_as_long_as_they_stay_the_same(browser: Browser) -> None:
    found = re.findall(r'(?:src|href)="(/admin/static/[^"]+)"', browser.read("/admin/contacts"))
    assert {path.rsplit("/", 1)[1] for path in found} == {
        "icon.svg", "theme.js", "bootstrap.css", "admin.css", "admin.js"
    }  # fmt: skip
    for path in found:
        answer = browser.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert browser.get(path).headers.get("Content-Encoding") is None
        other = re.sub(r"static/[0-9a-f]+/", "static/0000000000000000/", path)
        assert browser.get(other).headers["Cache-Control"] == "no-store"
    for path in ("/admin/static/x/../../roles.py", "/admin/static/x/roles.py", "/admin/static/x/%2e%2e%2froles.py"):
        assert browser.get(path).status_code == 404


def test_the_script_for_sites_can_be_loaded_by_any_site_and_kept_for_a_while(app: Flask) -> None:
    answer = app.test_client().get("/baton.js", base_url=SITE)
    assert answer.status_code == 200
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/forms/contact", "/track"])
def test_what_a_site_posts_is_answered_so_that_its_scripts_can_read_it(app: Flask, path: str) -> None:
    body = {"email": "ann@acme.example", "anonymous_id": "a" * 16, "url": "https://www.example.com/"}
    answer = app.test_client().post(path, base_url=SITE, json=body, headers={"Origin": "https://www.example.com"})
    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_without_https_no_promise_of_https_is_made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A laptop's http://127.0.0.1 would be out of reach for a year."""
    runtime: Runtime = make_runtime(
        request, "sqlite", tmp_path_factory.mktemp("plain"), Clock(), BATON_PUBLIC_URL="http://127.0.0.1:8000"
    )
    answer = new_app(runtime).test_client().get("/admin/login")
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers["Set-Cookie"].startswith("baton=")
    assert "Secure" not in answer.headers["Set-Cookie"]
    runtime.close()
