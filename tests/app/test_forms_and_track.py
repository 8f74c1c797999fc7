"""The doors for a team's own site: forms that any page may post, and page views of those who do not mind."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from app.limits import limiter
from app.runtime import Runtime
from app.setup import add_connection
from tests.app.doors import client, open_app
from tests.conftest import Clock, make_runtime
from tests.feeding import contact, contacts, drain, rows

SITE = "https://www.example.com"
STRANGER = {"REMOTE_ADDR": "203.0.113.7"}
VISIT = {"anonymous_id": "visitor-000000001", "url": f"{SITE}/pricing"}


@pytest.fixture(autouse=True)
def log() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def web(sqlite_runtime: Runtime) -> Iterator[FlaskClient]:
    yield client(sqlite_runtime)
    limiter.reset()


@pytest.fixture(scope="module")
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """One application for tests that look at nothing but answers."""
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("door"), Clock())
    yield client(runtime)
    runtime.close()


def routes(runtime: Runtime) -> list[str]:
    return [row.route for row in rows(runtime, "inbox", "route")]


# --- forms


@pytest.mark.parametrize("name", ["contact", "Demo-Request_2", "a", "x" * 64, "v1.2", "0"])
def test_a_form_of_any_name_is_taken(web: FlaskClient, sqlite_runtime: Runtime, name: str) -> None:
    answer = web.post(f"/forms/{name}", data={"email": "ann@example.com"})
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    assert routes(sqlite_runtime) == [name]


@pytest.mark.parametrize("name", ["-a", "..", "a%2Fb", "a b", "x" * 65, "é", "a%00", "<script>", "%2e%2e", "a\\b"])
def test_a_form_of_no_name_is_not_there(web: FlaskClient, sqlite_runtime: Runtime, name: str) -> None:
    answer = web.post(f"/forms/{name}", data={"email": "ann@example.com"})
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert not routes(sqlite_runtime)


def test_a_form_with_a_connection_of_its_own_comes_through_it(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    own = add_connection(sqlite_runtime, "forms", "newsletter", {})
    web.post("/forms/newsletter", data={"email": "ann@example.com"})
    web.post("/forms/site", data={"email": "ann@example.com"})  # not a form's connection
    found = [row.connection_id for row in rows(sqlite_runtime, "inbox", "connection_id")]
    forms = sqlite_runtime.connection("forms")
    assert forms is not None
    assert found == [own.id, forms.id]


def test_what_was_posted_is_kept_as_it_was(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    body = b"email=ann%40example.com&name=%E9&x="
    headers = {"Origin": SITE, "Referer": f"{SITE}/a", "Cookie": "session=1", "User-Agent": "Mozilla/5.0"}
    web.post("/forms/contact?utm_source=x", data=body, headers=headers)
    (row,) = rows(sqlite_runtime, "inbox")
    assert row.body == body
    assert row.url == "https://hub.example.com/forms/contact?utm_source=x"
    kept = json.loads(row.headers)
    assert {"origin", "referer", "user-agent"} <= set(kept)
    assert "cookie" not in kept


def test_scripts_of_any_site_may_post(door: FlaskClient) -> None:
    for path in ("/forms/contact", "/track"):
        asked = {
            "Origin": SITE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        preflight = door.options(path, headers=asked)
        assert preflight.status_code in (200, 204)
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"
        assert "content-type" in preflight.headers["Access-Control-Allow-Headers"].lower()
        assert "Access-Control-Allow-Credentials" not in preflight.headers
        answer = door.post(path, json={**VISIT, "email": "ann@example.com"}, headers={"Origin": SITE})
        assert answer.status_code == 202
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Set-Cookie" not in answer.headers


def test_a_refusal_can_be_read_by_the_page_too(door: FlaskClient) -> None:
    answer = door.post("/forms/contact", data=b"x", headers={"Origin": SITE, "Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_no_other_page_may_be_read_by_other_sites(door: FlaskClient) -> None:
    for path in ("/healthz", "/metrics", "/api/v1/openapi.json", "/admin/login", "/webhooks/forms"):
        assert "Access-Control-Allow-Origin" not in door.get(path, headers={"Origin": SITE}).headers


@pytest.mark.parametrize("header", [{"DNT": "1"}, {"Sec-GPC": "1"}], ids=["DNT", "GPC"])
def test_a_form_is_taken_from_those_who_want_no_tracking_and_ties_no_browser_to_them(
    web: FlaskClient, sqlite_runtime: Runtime, header: dict[str, str]
) -> None:
    web.post("/track", json=VISIT)
    body = {"email": "ann@example.com", "visitor_id": VISIT["anonymous_id"]}
    assert web.post("/forms/contact", data=body, headers=header).status_code == 202
    drain(sqlite_runtime)
    ann = contact(sqlite_runtime, email="ann@example.com")
    assert "page.viewed" not in ann["engagement"]["activity"]
    assert {alias["kind"] for alias in ann["aliases"]} == {"email"}


# --- where the visitor goes next

OWN = {"Origin": SITE, "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


@pytest.mark.parametrize("target", [f"{SITE}/thanks", f"{SITE}/a?b=c#d", f"{SITE}/"])
def test_the_visitor_is_led_back_to_the_site_that_was_posted_from(door: FlaskClient, target: str) -> None:
    answer = door.post("/forms/contact", query_string={"next": target}, data={"email": "a@example.com"}, headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, target)


ELSEWHERE = {
    "another site": "https://evil.example/",
    "a longer name": f"{SITE}.evil.example/",
    "the site as a user": f"{SITE}@evil.example/",
    "the site as a user with a path": "https://www.example.com:x@evil.example/",
    "no scheme": "//evil.example/",
    "backslashes": "https:\\\\evil.example/",
    "a backslash in the path": f"{SITE}/\\evil.example",
    "three slashes": "///evil.example",
    "a script": "javascript:alert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "a line break": f"{SITE}/a\r\nSet-Cookie: x=1",
    "a tab": f"{SITE}/\t",
    "white space first": f" {SITE}/",
    "http instead of https": "http://www.example.com/",
    "another port": f"{SITE}:8443/",
    "another case": "https://WWW.EXAMPLE.COM/",
    "a relative path": "/thanks",
    "the site alone": SITE,
    "a right-to-left mark": f"{SITE}/\u202e",
    "nothing": "",
}


@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
def test_the_visitor_is_never_led_elsewhere(door: FlaskClient, target: str) -> None:
    answer = door.post("/forms/contact", query_string={"next": target}, data={"email": "a@example.com"}, headers=OWN)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "Thank you" in answer.text
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "https://www.example.com/", "x", f"{SITE}\\@e.x"]
)
def test_only_the_browser_says_which_site_it_was(door: FlaskClient, origin: str) -> None:
    headers = {**OWN, "Origin": origin, "Host": "www.example.com", "Referer": f"{SITE}/"}
    query = {"next": f"{SITE}/thanks"}
    answer = door.post("/forms/contact", query_string=query, data={"email": "a@example.com"}, headers=headers)
    assert answer.status_code == 200
    assert "Location" not in answer.headers


def test_a_visitor_without_scripts_sees_a_page_and_a_script_gets_json(door: FlaskClient) -> None:
    page = door.post("/forms/contact", data={"email": "a@example.com"}, headers=OWN)
    assert page.mimetype == "text/html"
    assert (
        "default-src 'none'" in page.headers["Content-Security-Policy"]
        or "self" in page.headers["Content-Security-Policy"]
    )
    assert door.post("/forms/contact", json={"email": "a@example.com"}, headers={"Accept": "*/*"}).is_json


# --- bodies

BODIES = {
    "a packed body": ("/forms/contact", {"headers": {"Content-Encoding": "gzip"}, "data": b"x"}, 415),
    "a form over the limit": ("/forms/contact", {"data": b"x" * (1024 * 1024 + 1)}, 413),
    "a visit over the limit": ("/track", {"data": b"x" * (64 * 1024 + 1)}, 413),
    "a visit by GET": ("/track", {"method": "GET"}, 405),
    "a form by PUT": ("/forms/contact", {"method": "PUT"}, 405),
    "a form without a length": ("/forms/contact", {"headers": {"Transfer-Encoding": "chunked"}}, 411),
}


@pytest.mark.parametrize(("path", "sent", "status"), BODIES.values(), ids=BODIES)
def test_what_is_no_form_is_told_so(
    web: FlaskClient, sqlite_runtime: Runtime, path: str, sent: dict[str, Any], status: int
) -> None:
    answer = web.open(path, **{"method": "POST", **sent})
    assert answer.status_code == status
    assert answer.json["error"]
    assert not routes(sqlite_runtime)


@pytest.mark.parametrize(
    "body",
    [b" ", b"not a form", b'{"broken', b"name=Ann", b"email=not-an-address", b"\xff\xfe", b"[]", b"[1,2]"],
    ids=repr,
)  # fmt: skip
def test_what_cannot_be_read_is_parked_and_the_next_form_is_taken(
    web: FlaskClient, sqlite_runtime: Runtime, body: bytes
) -> None:
    assert web.post("/forms/contact", data=body).status_code == 202
    assert web.post("/track", data=body).status_code == 202
    web.post("/forms/contact", data={"email": "good@example.com"})
    drain(sqlite_runtime)
    assert {row.status for row in rows(sqlite_runtime, "inbox", "status")} <= {"done", "parked"}
    assert len(contacts(sqlite_runtime, email="good@example.com")) == 1


# --- page views


@pytest.mark.parametrize("header", [{"DNT": "1"}, {"Sec-GPC": "1"}], ids=["DNT", "GPC"])
def test_who_does_not_want_to_be_followed_is_not(
    web: FlaskClient, sqlite_runtime: Runtime, header: dict[str, str]
) -> None:
    answer = web.post("/track", json=VISIT, headers=header)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert not routes(sqlite_runtime)


def test_who_says_nothing_or_does_not_mind_is_followed(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    for header in ({}, {"DNT": "0"}, {"Sec-GPC": "0"}, {"DNT": "unspecified"}):
        assert web.post("/track", json=VISIT, headers=header).status_code == 202
    assert len(routes(sqlite_runtime)) == 4


def test_a_beacon_is_a_visit_too(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    assert web.post("/track", data=json.dumps(VISIT), content_type="text/plain;charset=UTF-8").status_code == 202
    drain(sqlite_runtime)
    assert [row.type for row in rows(sqlite_runtime, "events", "type")] == ["page.viewed"]


def test_the_script_may_be_cached_and_included_anywhere(door: FlaskClient) -> None:
    answer = door.get("/baton.js")
    assert answer.mimetype == "text/javascript"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert "no-store" not in answer.headers["Cache-Control"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert door.get("/baton.js", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert not re.search(r"document\.cookie\s*=", answer.text)
    assert door.post("/baton.js").status_code == 405


# --- floods


def posts(web: FlaskClient, count: int, path: str = "/forms/contact", **more: Any) -> list[int]:
    data = json.dumps(VISIT) if path == "/track" else "email=a%40example.com"
    return [web.post(path, data=data, **more).status_code for _ in range(count)]


def test_one_address_may_not_flood(web: FlaskClient) -> None:
    answers = posts(web, 70, environ_overrides=STRANGER)
    assert (answers.count(202), answers.count(429)) == (60, 10)
    assert posts(web, 1, environ_overrides={"REMOTE_ADDR": "203.0.113.8"}) == [202], "others are not held up"
    refusal = web.post("/forms/contact", data=b"email=a", environ_overrides=STRANGER)
    assert refusal.json["error"]
    assert refusal.headers["Access-Control-Allow-Origin"] == "*"
    assert posts(web, 1, "/track", environ_overrides=STRANGER) == [202], "a page view is no form"


def test_all_forms_together_count_for_an_address(web: FlaskClient) -> None:
    answers = [posts(web, 1, f"/forms/form{number}", environ_overrides=STRANGER)[0] for number in range(70)]
    assert answers.count(202) == 60


def test_addresses_in_forwarded_headers_are_not_believed_without_a_proxy(web: FlaskClient) -> None:
    answers = []
    for number in range(70):
        headers = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        answers += posts(web, 1, environ_overrides=STRANGER, headers={**headers, "X-Real-IP": f"198.51.100.{number}"})
    assert answers.count(429) == 10


def test_behind_one_proxy_its_word_for_the_address_counts_and_the_visitors_does_not(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    runtime = make_runtime(request, "sqlite", tmp_path, clock, BATON_PROXY_HOPS="1")
    web = open_app(runtime).test_client()
    proxy = {"REMOTE_ADDR": "10.0.0.1"}
    answers = []
    for number in range(70):  # the proxy adds the true address at the end of what the visitor wrote
        header = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}
        answers += posts(web, 1, environ_overrides=proxy, headers=header)
    assert answers.count(429) == 10
    assert posts(web, 1, environ_overrides=proxy, headers={"X-Forwarded-For": "203.0.113.9"}) == [202]
    for odd in ("", ",", "a" * 5_000, "127.0.0.1\r", "<script>", "unknown", "[::1]:80", "127.0.0.1, "):
        assert posts(web, 1, environ_overrides=proxy, headers={"X-Forwarded-For": odd.strip("\r")})[0] in (202, 429)
    limiter.reset()
    answers = posts(web, 70, environ_overrides=proxy, headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.7"})
    assert answers.count(429) == 10, "who says that they are this machine is counted like all others"
    runtime.close()


def test_the_same_address_a_hundred_times_is_one_contact(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    for _ in range(100):
        web.post("/forms/contact", data={"email": "Flood@Example.com", "name": "Ann"})
    drain(sqlite_runtime)
    assert len(rows(sqlite_runtime, "contacts")) == 1
