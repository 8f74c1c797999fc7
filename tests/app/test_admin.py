"""The screens: who may do what, sessions, forms that only our own pages can send, and what the pages say and do."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask import Flask
from sqlalchemy import delete, event, insert, update

from adapters.sandbox.server import serve
from app.admin import asked, roles
from app.runtime import Runtime
from app.setup import add_connection
from app.store import access, connections, inbox, lists, notes, tables
from tests.app.screens import HOSTILE, LONG, PASSWORD, SITE, Browser, add_user, change_delivery, fill, new_app
from tests.conftest import Clock, make_runtime
from tests.feeding import arrive, drain, form, minutes, rows

LOOK_AT_PEOPLE = {
    "home",
    "sign_out",
    "contacts",
    "contact",
    "contact_past",
    "why",
    "handoffs",
    "handoff",
    "decision",
    "account",
    "password",
}
LOOK_AT_WORK = {
    "import_list",
    "import_one",
    "decisions",
    "inbox",
    "inbox_row",
    "deliveries",
    "delivery",
    "connections",
    "connection",
    "messages",
    "message",
    "segments",
    "segment",
    "sequences",
    "sequence",
    "reviews",
    "review",
    "merges",
    "merge",
    "conflicts",
    "mappings",
    "mapping",
    "mapping_row",
    "mapping_effect",
    "mapping_again",
    "policies",
    "policy",
    "policy_diff",
    "policy_try",
    "policy_calibration",
    "policy_versions",
    "policy_version",
    "rehearsals",
    "rehearsal",
}
STEER = {
    "contact_enters",
    "contact_stops",
    "sequences_pause",
    "sequences_resume",
    "sequence_pause",
    "sequence_resume",
    "sequence_move",
    "sequence_moved",
    "review_answer",
    "review_next",
    "merge_undo",
    "conflict_settle",
    "merge_rejoin",
}
WORK = {
    "replay",
    "replay_several",
    "retry",
    "retry_several",
    "refused",
    "check",
    "audit",
    "audit_entry",
    "policy_download",
    "policies_download",
    "erasures",
    "one_erasure",
    "erased_by_hand",
} | STEER
WORK |= {"rehearsal_new", "rehearsal_ask", "rehearsal_again", "rehearsal_cancel"}
WORK |= {"import_upload", "import_connection", "import_begin", "import_stop", "import_skipped"}
WORK |= {"mapping_payload", "mapping_request", "mapping_again_begin", "mapping_again_stop"}
ANSWER = {"claim", "judge"}
SWITCH = {"pause", "resume", "pause_all", "resume_all"}
CONNECT = {"connect", "connect_kind", "connect_add", "connection_settings", "connection_change"}
FORGET = {"contact_download", "erase_named", "erase_contact", "let_in"}
DOOR = {
    "users",
    "user",
    "user_invite",
    "user_role",
    "user_name",
    "user_reset",
    "user_shut_out",
    "user_let_in",
    "user_end_sessions",
    "tokens",
    "token_create",
    "token_revoke",
}
RULE = {"mapping_send", "mapping_own", "mapping_row_change", "mapping_row_remove"}
RULE |= {
    "policies_upload",
    "policies_kept",
    "policy_save",
    "policy_discard",
    "policy_publish",
    "policy_published",
    "policy_roll_back",
    "policy_rolled_back",
}
MAY = {
    "viewer": LOOK_AT_PEOPLE | LOOK_AT_WORK,
    "sales": LOOK_AT_PEOPLE | ANSWER,
    "marketer": LOOK_AT_PEOPLE | LOOK_AT_WORK | WORK | ANSWER,
    "admin": LOOK_AT_PEOPLE | LOOK_AT_WORK | WORK | ANSWER | SWITCH | CONNECT | FORGET | DOOR | RULE,
}
OPEN = {"login", "sign_in", "asset", "invitation", "invitation_accept"}
SEARCHES = {
    f"/admin/{name}"
    for name in (
        "contacts",
        "inbox",
        "deliveries",
        "decisions",
        "messages/abandoned_checkout",
        "mappings/hubspot/request",
        "reviews",
        "audit",
        "sequences/guide_follow_up",
        "sequences/guide_follow_up/move",
        "policies/scoring/scoring/try",
    )
}  # forms that get
PARKED = "/admin/inbox?status=parked"
GONE = 9_223_372_036_854_775_807


@pytest.fixture(scope="module")
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Any]]:
    """A Baton with something of everything in it, for tests that only look."""
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("filled"), Clock())
    ids = fill(runtime)
    yield new_app(runtime), ids
    runtime.close()


@pytest.fixture(scope="module")
def nothing_yet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A Baton in which nothing has happened, for tests that only look."""
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("nothing"), Clock())
    yield new_app(runtime)
    runtime.close()


@pytest.fixture
def app(sqlite_runtime: Runtime) -> Flask:
    """A Baton in which nothing has happened yet."""
    return new_app(sqlite_runtime)


@pytest.fixture
def admin(app: Flask) -> Browser:
    return Browser(app, "admin")


def addresses(ids: Any) -> dict[str, tuple[str, str]]:
    """route → (method, address with real ids)."""
    return {
        "home": ("GET", "/admin/"),
        "sign_out": ("POST", "/admin/logout"),
        "contacts": ("GET", "/admin/contacts"),
        "contact": ("GET", f"/admin/contacts/{ids['ann']}"),
        "why": ("GET", f"/admin/contacts/{ids['ann']}/why"),
        "handoffs": ("GET", "/admin/handoffs"),
        "handoff": ("GET", f"/admin/handoffs/{ids['handoff']}"),
        "claim": ("POST", f"/admin/handoffs/{ids['handoff']}/claim"),
        "judge": ("POST", f"/admin/handoffs/{ids['handoff']}/verdict"),
        "contact_download": ("GET", f"/admin/contacts/{ids['ann']}/everything.json"),
        "erasures": ("GET", "/admin/erasures"),
        "one_erasure": ("GET", f"/admin/erasures/{ids['erasure']}"),
        "erase_named": ("POST", "/admin/erasures"),
        "erase_contact": ("POST", f"/admin/contacts/{ids['ann']}/erase"),
        "erased_by_hand": ("POST", f"/admin/erasures/{ids['erasure']}/by-hand"),
        "let_in": ("POST", "/admin/erasures/let-in"),
        "decision": ("GET", f"/admin/decisions/{ids['decision']}"),
        "decisions": ("GET", "/admin/decisions"),
        "connect": ("GET", "/admin/connect"),
        "connect_kind": ("GET", "/admin/connect/kit"),
        "connect_add": ("POST", "/admin/connect/kit"),
        "connection_settings": ("GET", "/admin/connections/hubspot/settings"),
        "connection_change": ("POST", "/admin/connections/hubspot/settings"),
        "policy_calibration": ("GET", "/admin/policies/scoring/scoring/calibration"),
        "inbox": ("GET", "/admin/inbox"),
        "inbox_row": ("GET", f"/admin/inbox/{ids['parked']}"),
        "replay": ("POST", f"/admin/inbox/{ids['parked']}/replay"),
        "replay_several": ("POST", "/admin/inbox/replay"),
        "deliveries": ("GET", "/admin/deliveries"),
        "delivery": ("GET", f"/admin/deliveries/{ids['dead']}"),
        "retry": ("POST", f"/admin/deliveries/{ids['dead']}/retry"),
        "retry_several": ("POST", "/admin/deliveries/retry"),
        "messages": ("GET", "/admin/messages"),
        "message": ("GET", "/admin/messages/abandoned_checkout"),
        "segments": ("GET", "/admin/segments"),
        "segment": ("GET", "/admin/segments/new_subscribers"),
        "sequences": ("GET", "/admin/sequences"),
        "contact_enters": ("POST", f"/admin/contacts/{ids['ann']}/sequences"),
        "contact_stops": ("POST", f"/admin/contacts/{ids['ann']}/sequences/welcome/stop"),
        "sequences_pause": ("POST", "/admin/sequences/pause"),
        "sequences_resume": ("POST", "/admin/sequences/resume"),
        "sequence": ("GET", "/admin/sequences/guide_follow_up"),
        "sequence_pause": ("POST", "/admin/sequences/guide_follow_up/pause"),
        "sequence_resume": ("POST", "/admin/sequences/guide_follow_up/resume"),
        "sequence_move": ("GET", "/admin/sequences/guide_follow_up/move"),
        "sequence_moved": ("POST", "/admin/sequences/guide_follow_up/move"),
        "reviews": ("GET", "/admin/reviews"),
        "review": ("GET", f"/admin/reviews/{ids['review']}"),
        "review_next": ("GET", "/admin/reviews/next"),
        "review_answer": ("POST", f"/admin/reviews/{ids['review']}"),
        "contact_past": ("GET", f"/admin/contacts/{ids['ann']}/past?at=2026-11-22T11:15"),
        "conflicts": ("GET", "/admin/conflicts"),
        "conflict_settle": ("POST", f"/admin/conflicts/{ids['conflict']}/settle"),
        "merges": ("GET", "/admin/merges"),
        "merge": ("GET", f"/admin/merges/{ids['merge']}"),
        "merge_undo": ("POST", f"/admin/merges/{ids['merge']}/undo"),
        "merge_rejoin": ("POST", f"/admin/merges/{ids['merge']}/rejoin"),
        "account": ("GET", "/admin/account"),
        "password": ("POST", "/admin/account/password"),
        "audit": ("GET", "/admin/audit"),
        "audit_entry": ("GET", f"/admin/audit/{ids['entry']}"),
        "users": ("GET", "/admin/users"),
        "user": ("GET", f"/admin/users/{ids['user']}"),
        "user_invite": ("POST", "/admin/users"),
        "user_role": ("POST", f"/admin/users/{ids['user']}/role"),
        "user_name": ("POST", f"/admin/users/{ids['user']}/name"),
        "user_reset": ("POST", f"/admin/users/{ids['user']}/reset"),
        "user_shut_out": ("POST", f"/admin/users/{ids['user']}/shut-out"),
        "user_let_in": ("POST", f"/admin/users/{ids['user']}/let-in"),
        "user_end_sessions": ("POST", f"/admin/users/{ids['user']}/end-sessions"),
        "tokens": ("GET", "/admin/tokens"),
        "token_create": ("POST", "/admin/tokens"),
        "token_revoke": ("POST", "/admin/tokens/revoke"),
        "policies": ("GET", "/admin/policies/"),
        "policy": ("GET", "/admin/policies/scoring/scoring/"),
        "policy_save": ("POST", "/admin/policies/scoring/scoring/"),
        "policy_discard": ("POST", "/admin/policies/scoring/scoring/discard"),
        "policy_diff": ("GET", "/admin/policies/scoring/scoring/diff"),
        "policy_publish": ("GET", "/admin/policies/segments/segments/publish"),
        "policy_published": ("POST", "/admin/policies/segments/segments/publish"),
        "policy_try": ("GET", "/admin/policies/scoring/scoring/try"),
        "policy_versions": ("GET", "/admin/policies/scoring/scoring/versions/"),
        "policy_version": ("GET", "/admin/policies/scoring/scoring/versions/1"),
        "policy_roll_back": ("GET", "/admin/policies/scoring/scoring/roll-back"),
        "policy_rolled_back": ("POST", "/admin/policies/scoring/scoring/roll-back"),
        "policy_download": ("GET", "/admin/policies/scoring/scoring/download"),
        "policies_download": ("GET", "/admin/policies/all.zip"),
        "policies_upload": ("POST", "/admin/policies/upload"),
        "policies_kept": ("POST", "/admin/policies/drafts"),
        "mappings": ("GET", "/admin/mappings/"),
        "mapping": ("GET", "/admin/mappings/hubspot/"),
        "mapping_own": ("POST", "/admin/mappings/hubspot/own"),
        "mapping_row": ("GET", "/admin/mappings/hubspot/row"),
        "mapping_row_change": ("POST", "/admin/mappings/hubspot/row"),
        "mapping_row_remove": ("POST", "/admin/mappings/hubspot/remove"),
        "mapping_payload": ("GET", "/admin/mappings/hubspot/payload"),
        "mapping_effect": ("GET", "/admin/mappings/hubspot/effect"),
        "mapping_request": ("GET", "/admin/mappings/hubspot/request"),
        "rehearsals": ("GET", "/admin/rehearsals/"),
        "rehearsal": ("GET", f"/admin/rehearsals/{ids['rehearsal']}"),
        "rehearsal_new": ("GET", "/admin/rehearsals/new"),
        "rehearsal_ask": ("POST", "/admin/rehearsals/"),
        "rehearsal_again": ("POST", f"/admin/rehearsals/{ids['rehearsal']}/again"),
        "rehearsal_cancel": ("POST", f"/admin/rehearsals/{ids['rehearsal']}/cancel"),
        "mapping_send": ("POST", "/admin/mappings/hubspot/send"),
        "mapping_again": ("GET", "/admin/mappings/hubspot/again"),
        "mapping_again_begin": ("POST", "/admin/mappings/hubspot/again"),
        "mapping_again_stop": ("POST", "/admin/mappings/hubspot/again/stop"),
        "import_list": ("GET", "/admin/import"),
        "import_one": ("GET", f"/admin/import/{ids['import']}"),
        "import_upload": ("POST", "/admin/import/file"),
        "import_connection": ("POST", "/admin/import/connection"),
        "import_begin": ("POST", f"/admin/import/{ids['import']}/begin"),
        "import_stop": ("POST", f"/admin/import/{ids['import']}/stop"),
        "import_skipped": ("GET", f"/admin/import/{ids['import']}/skipped.csv"),
        "connections": ("GET", "/admin/connections"),
        "connection": ("GET", "/admin/connections/hubspot"),
        "refused": ("GET", f"/admin/connections/hubspot/refused/{ids['refused']}"),
        "check": ("POST", "/admin/connections/hubspot/check"),
        "pause": ("POST", "/admin/connections/hubspot/pause"),
        "resume": ("POST", "/admin/connections/hubspot/resume"),
        "pause_all": ("POST", "/admin/pause"),
        "resume_all": ("POST", "/admin/resume"),
    }


IDS = (
    *(
        "ann",
        "import",
        "handoff",
        "decision",
        "parked",
        "dead",
        "refused",
        "review",
        "merge",
        "conflict",
        "user",
        "entry",
        "rehearsal",
    ),
    "erasure",
)
LEADS_ON = {"review_next"}  # to another page
PAGES = [
    name
    for name, (method, _) in addresses(dict.fromkeys(IDS, 0)).items()
    if method == "GET" and name not in {*LEADS_ON, "policies_download"}  # an archive is no text
]


def routes(app: Flask) -> set[str]:
    return {
        rule.endpoint.removeprefix("admin.") for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")
    }


# --- roles


def test_every_screen_stands_in_the_table_of_roles(app: Flask) -> None:
    assert routes(app) == set(roles.ROLES) | OPEN
    assert set(roles.OPEN) == OPEN
    assert routes(app) - OPEN == set(addresses(dict.fromkeys(IDS, 0)))


@pytest.mark.parametrize("role", MAY)
def test_a_role_gets_to_what_it_may_and_no_further(filled: tuple[Flask, Any], role: str) -> None:
    app, ids = filled
    browser, got = Browser(app, role), set()
    for route, (method, address) in addresses(ids).items():
        if method == "GET":
            status = browser.get(address).status_code
        else:  # without its token a form is not taken, but one sees whether the role would have been
            status = browser.client.post(address, base_url=SITE).status_code
        if status != 403:
            assert status in ((200, 302) if method == "GET" else (400,)), f"{role} {route}: {status}"
            got.add(route)
    assert got == MAY[role]


@pytest.mark.parametrize("role", MAY)
def test_pages_lead_nobody_to_what_they_may_not(filled: tuple[Flask, Any], role: str) -> None:
    app, ids = filled
    browser, match = Browser(app, role), app.url_map.bind("hub.example.com", url_scheme="https").match
    ann = f"/admin/contacts/{ids['ann']}"
    searches = SEARCHES | {f"{ann}/why", f"{ann}/past", f"/admin/rehearsals/{ids['rehearsal']}"}
    for route in PAGES:
        answer = browser.get(addresses(ids)[route][1])
        for attribute, method in (("href", "GET"), ("action", "POST")) if answer.status_code == 200 else ():
            for address in set(re.findall(rf'{attribute}="(/admin/[^"#?]*)[^"]*"', answer.text)) - searches:
                led_to = match(address, method=method)[0].removeprefix("admin.")
                assert led_to in MAY[role] | OPEN, f"{role} is led from {route} to {address}"


def test_a_role_that_is_not_known_may_nothing(nothing_yet: Flask) -> None:
    browser = Browser(nothing_yet, "guest")
    assert {browser.get(path).status_code for path in ("/admin/", "/admin/contacts", "/admin/connections")} == {403}


def test_who_has_not_signed_in_is_asked_to_and_then_led_on(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    stranger = Browser(app)
    for route, (method, address) in addresses(ids).items():
        answer = stranger.client.open(address, method=method, base_url=SITE)
        assert answer.status_code == 302, route
        assert answer.headers["Location"].startswith("/admin/login"), route
    assert stranger.get("/admin/contacts?q=ann").headers["Location"] == "/admin/login?next=/admin/contacts?q%3Dann"


# --- signing in


@pytest.fixture
def ann(app: Flask, sqlite_runtime: Runtime) -> Browser:
    """A browser on the sign-in page, and a user who knows their password."""
    with sqlite_runtime.database.write() as conn:
        access.create_user(conn, "ann@team.example", "Ann", "admin", PASSWORD, sqlite_runtime.clock())
    return Browser(app)


def _sign_in(browser: Browser, email: str = "ann@team.example", password: str = PASSWORD, **more: str) -> Any:
    fields = {"email": email, "password": password, **more}
    return browser.post("/admin/login", fields, on="/admin/login")


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_do_not_get(ann: Browser) -> None:
    answer = _sign_in(ann)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("__Host-baton=")]
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Ann" in ann.read("/admin/")


def test_each_sign_in_is_a_session_of_its_own(ann: Browser, sqlite_runtime: Runtime) -> None:
    _sign_in(ann)
    first = rows(sqlite_runtime, "sessions", "hash")
    ann.post("/admin/logout")
    _sign_in(ann)
    assert len(first) == 1
    assert not {row.hash for row in first} & {row.hash for row in rows(sqlite_runtime, "sessions", "hash")}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("ann@team.example", "wrong password", id="wrong password"),
        pytest.param("nobody@team.example", PASSWORD, id="no such user"),
        pytest.param("", "", id="nothing"),
        pytest.param("ann@team.example\0", PASSWORD + "\0", id="NUL"),
        pytest.param(LONG, LONG, id="endless"),
    ],
)
def test_wrong_ones_are_all_told_the_same(ann: Browser, email: str, password: str) -> None:
    answer = _sign_in(ann, email, password)
    assert answer.status_code == 401
    page = answer.get_data(as_text=True)
    assert "Address or password is not right" in page
    assert not email or email not in page
    assert ann.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/admin//evil.example", "/admin/\\evil", "javascript:x", ""],
)
def test_after_signing_in_nobody_is_sent_to_another_site(ann: Browser, elsewhere: str) -> None:
    assert _sign_in(ann, next=elsewhere).headers["Location"] == "/admin/"


def test_after_signing_in_one_is_where_one_wanted_to_be(ann: Browser) -> None:
    assert _sign_in(ann, next="/admin/contacts?q=ann").headers["Location"] == "/admin/contacts?q=ann"


def test_passwords_cannot_be_tried_for_ever(ann: Browser) -> None:
    token = ann.token("/admin/login")
    fields = {"csrf_token": token, "email": "ann@team.example", "password": "x"}
    tries = [ann.client.post("/admin/login", base_url=SITE, data=fields) for _ in range(11)]
    assert [answer.status_code for answer in tries] == [401] * 10 + [429]
    assert "Wait a minute" in tries[-1].get_data(as_text=True)


def test_where_nobody_can_sign_in_yet_the_page_says_how(app: Flask, sqlite_runtime: Runtime) -> None:
    assert "baton user create" in Browser(app).read("/admin/login")
    add_user(sqlite_runtime, "admin")
    assert "baton user create" not in Browser(app).read("/admin/login")


# --- sessions


def test_signing_out_ends_the_session_for_whoever_has_its_cookie(app: Flask, admin: Browser) -> None:
    thief = Browser(app)
    cookie = admin.client.get_cookie("__Host-baton", domain="hub.example.com")
    assert cookie is not None
    thief.client.set_cookie("__Host-baton", cookie.value, domain="hub.example.com", secure=True)
    assert thief.get("/admin/").status_code == 200
    assert admin.post("/admin/logout").headers["Location"] == "/admin/login"
    assert {one.get("/admin/").status_code for one in (admin, thief)} == {302}


def test_a_session_ends_when_it_is_not_used(admin: Browser, clock: Clock) -> None:
    clock.advance(minutes=29)
    assert admin.get("/admin/").status_code == 200
    clock.advance(minutes=29)
    assert admin.get("/admin/").status_code == 200
    clock.advance(minutes=31)
    assert admin.get("/admin/").status_code == 302


def test_a_session_ends_after_half_a_day_also_when_it_is_used(admin: Browser, clock: Clock) -> None:
    for _ in range(35):
        clock.advance(minutes=20)
        assert admin.get("/admin/handoffs").status_code == 200
    clock.advance(minutes=21)
    assert admin.get("/admin/handoffs").status_code == 302


def test_who_may_no_longer_come_in_is_out_at_once(admin: Browser, sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.write() as conn:
        conn.execute(update(tables.users).values(active=False))
    assert admin.get("/admin/").status_code == 302


def test_a_cookie_that_we_did_not_make_is_no_session(app: Flask) -> None:
    stranger = Browser(app)
    stranger.client.set_cookie("__Host-baton", "eyJfdXNlcl9pZCI6IjEifQ.x.y", domain="hub.example.com", secure=True)
    assert stranger.get("/admin/").status_code == 302


# --- forms


def test_a_form_of_another_session_is_not_taken(app: Flask, admin: Browser) -> None:
    token = Browser(app, "admin").token()
    answer = admin.client.post("/admin/pause", base_url=SITE, data={"csrf_token": token})
    assert answer.status_code == 400
    assert "This form cannot be taken" in answer.get_data(as_text=True)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_from_another_site_is_not_taken_even_with_a_token(nothing_yet: Flask, site: str) -> None:
    admin = Browser(nothing_yet, "admin")
    data = {"csrf_token": admin.token()}
    sent = admin.client.post("/admin/pause", base_url=SITE, data=data, headers={"Sec-Fetch-Site": site})
    assert sent.status_code == 400


def test_a_form_that_is_far_too_large_is_not_taken(nothing_yet: Flask) -> None:
    assert Browser(nothing_yet, "admin").post("/admin/pause", {"reason": "x" * 70_000}).status_code == 413


def test_doors_for_programs_ask_for_no_token(app: Flask, sqlite_runtime: Runtime) -> None:
    client = app.test_client()
    assert client.post("/forms/contact", base_url=SITE, json={"email": "ann@acme.example"}).status_code == 202
    track = {"anonymous_id": "a" * 16, "url": "https://www.example.com/"}
    assert client.post("/track", base_url=SITE, json=track).status_code == 202
    with sqlite_runtime.database.write() as conn:
        token = access.create_token(conn, "test", sqlite_runtime.clock())
    headers = {"Authorization": f"Bearer {token}"}
    assert client.post("/api/v1/inbox/999/replay", base_url=SITE, headers=headers).status_code == 404


# --- what pages show


@pytest.mark.parametrize("route", PAGES)
def test_hostile_and_endless_values_are_text_and_not_the_page(filled: tuple[Flask, Any], route: str) -> None:
    app, ids = filled
    browser = Browser(app, "admin")
    for who in ("ann", "eve", "visitor"):
        page = browser.read(addresses({**ids, "ann": ids[who]})[route][1])
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&amp;49" not in page
        assert len(page) < 400_000
        if route != "contact":
            break


def test_a_hostile_name_can_be_read_and_found(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    browser = Browser(app, "admin")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.read(f"/admin/contacts/{ids['eve']}")
    found = browser.client.get("/admin/contacts", base_url=SITE, query_string={"q": HOSTILE}).get_data(as_text=True)
    assert f'href="/admin/contacts/{ids["eve"]}"' in found


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"q": HOSTILE}, id="markup"),
        pytest.param({"q": LONG}, id="endless"),
        pytest.param({"q": "a\0b", "stage": "\0"}, id="NUL"),
        pytest.param({"before": "9" * 30, "after": "-1", "why_before": "x"}, id="no numbers"),
        pytest.param({"before": "²", "after": "²", "why_before": "²", "last": "9999-12-31"}, id="odd digits and days"),
        pytest.param({"before": "99999999999999999.event.1", "after": "x.y.z"}, id="no moments"),
        pytest.param({"place": "!!!", "q": "a"}, id="no place"),
        pytest.param({"place": "WyJlbWFpbCIsImEiLC0xXQ", "q": "a"}, id="impossible place"),
        pytest.param(
            {"status": "nonsense", "connection": "nonsense", "kind": "nonsense", "outcome": "x"}, id="filters"
        ),
        pytest.param({"before": str(GONE), "q": "100%_\\"}, id="wildcards"),
    ],
)
def test_nonsense_in_an_address_counts_as_not_asked(filled: tuple[Flask, Any], query: dict[str, str]) -> None:
    app, ids = filled
    browser = Browser(app, "admin")
    for route in PAGES:
        path, _, own = addresses(ids)[route][1].partition("?")
        answer = browser.client.get(path, base_url=SITE, query_string={**dict(parse_qsl(own)), **query})
        assert answer.status_code == 200, route
        assert "<script>alert" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        f"/admin/{name}/{number}"
        for name in ("contacts", "handoffs", "inbox", "deliveries", "decisions", "reviews", "users", "audit")
        for number in (GONE, "x", "-1")
    ]
    + [
        "/admin/connections/none",
        f"/admin/connections/hubspot/refused/{GONE}",
        "/admin/none",
        f"/admin/inbox/{GONE}0",
        "/admin/sequences/none",
        "/admin/policies/scoring/%00/",
        "/admin/policies/scoring/scoring/diff?from=²",
        "/admin/sequences/none/move",
    ],
)
def test_what_is_not_there_is_said_so_in_words(filled: tuple[Flask, Any], path: str) -> None:
    answer = Browser(filled[0], "admin").get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/admin/", "Nothing came in"),
        ("/admin/", "No handoff is open"),
        ("/admin/contacts", "No contacts yet"),
        ("/admin/contacts?q=ann", "Nobody was found"),
        ("/admin/contacts?stage=sql", "Nobody here is in this stage"),
        ("/admin/decisions", "No decisions here"),
        ("/admin/inbox", "Nothing came in here yet"),
        ("/admin/inbox?status=parked", "Nothing is parked"),
        ("/admin/inbox?status=pending", "Nothing waits"),
        ("/admin/inbox?q=ann", "Nothing was found"),
        ("/admin/deliveries", "Nothing goes out here yet"),
        ("/admin/deliveries?status=dead", "None of these"),
        ("/admin/handoffs", "No handoff is open"),
        ("/admin/handoffs?status=closed", "None of these"),
        ("/admin/reviews", "Nothing to decide"),
        ("/admin/reviews?status=resolved", "None of these"),
        ("/admin/", "0 requests came in and nothing went out"),
        ("/admin/sequences/welcome", "Nobody has left yet"),
        ("/admin/sequences/welcome", "whoever comes in stands here"),
        ("/admin/sequences/welcome?who=goal", "Nobody with this"),
        ("/admin/sequences/welcome/move", "There is nothing to move"),
        ("/admin/connections", "No tool is connected yet"),
        ("/admin/connections/forms", "None. Every request could prove where it came from"),
    ],
)
def test_an_empty_page_says_why_and_what_comes(nothing_yet: Flask, path: str, words: str) -> None:
    assert words in Browser(nothing_yet, "admin").read(path)


def test_somebody_who_was_erased_still_has_a_page(sqlite_runtime: Runtime, admin: Browser) -> None:
    form(sqlite_runtime, email="ann@acme.example")
    drain(sqlite_runtime)
    (found,) = rows(sqlite_runtime, "contacts", "id")
    with sqlite_runtime.database.write() as conn:
        state = b'{"erased_at":"2026-11-22T12:00:00Z"}'.decode()
        conn.execute(update(tables.contacts).values(state=state, email=None, name=None))
    page = admin.read(f"/admin/contacts/{found.id}")
    assert "This person was erased" in page
    assert "ann@acme.example" not in page.split("What happened")[0]
    assert "Erased contact" in admin.read("/admin/contacts")


def test_a_merged_contact_leads_to_the_one_it_became(sqlite_runtime: Runtime, admin: Browser) -> None:
    form(sqlite_runtime, email="ann@acme.example")
    form(sqlite_runtime, email="bob@acme.example")
    drain(sqlite_runtime)
    first, second = rows(sqlite_runtime, "contacts", "id")
    with sqlite_runtime.database.write() as conn:
        conn.execute(update(tables.contacts).where(tables.contacts.c.id == second.id).values(merged_into=first.id))
    answer = admin.get(f"/admin/contacts/{second.id}")
    assert answer.headers["Location"] == f"/admin/contacts/{first.id}"
    assert "the same person" in admin.read(answer.headers["Location"])


def test_the_page_of_a_contact_says_why_and_why_not(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    page = Browser(app, "marketer").read(f"/admin/contacts/{ids['ann']}")
    for words in ("Asked for a demo", "points; from 50 on", "In conversation with sales", "Handed to sales", "Not done",
                  "Their own yes, as it was given", "Where each value comes from", "Claim"):  # fmt: skip
        assert words in page, words


# --- viewers


def test_viewers_see_no_address_anywhere(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    viewer = Browser(app, "viewer")
    for route in MAY["viewer"] - {"sign_out", "password"}:
        for who in ("ann", "eve"):
            page = viewer.read(addresses({**ids, "ann": ids[who]})[route][1])
            shown = set(re.findall(r"[\w.+-]{2,}(?:@|%40)(?:acme|hostile|evil)\.example", page))
            assert not shown, f"{route}: {shown}"
            assert "2071234567" not in page, route
    assert "a…@acme.example" in viewer.read(f"/admin/contacts/{ids['ann']}")


def test_others_do_see_addresses(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    for role in ("sales", "marketer", "admin"):
        assert "ann@acme.example" in Browser(app, role).read(f"/admin/contacts/{ids['ann']}")


def test_viewers_see_no_bodies_and_cannot_guess_at_them(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    viewer = Browser(app, "viewer")
    assert "not for viewers" in viewer.read(f"/admin/inbox/{ids['parked']}")
    assert "not for viewers" in viewer.read(f"/admin/deliveries/{ids['dead']}")
    assert viewer.read("/admin/inbox?q=ann@acme.example").count("<li") == viewer.read("/admin/inbox").count("<li")


# --- secrets


def test_settings_are_shown_by_name_and_never_by_value(filled: tuple[Flask, Any]) -> None:
    page = Browser(filled[0], "admin").read("/admin/connections/hubspot")
    assert "access_token" in page
    assert "secret-token" not in page
    assert "a-client-secret" not in page


def test_an_address_that_is_a_secret_is_for_admins(app: Flask, sqlite_runtime: Runtime) -> None:
    """Where a tool signs nothing, who knows the address can send in its name."""
    secret = "only-admins-know"
    add_connection(sqlite_runtime, "activecampaign", "activecampaign", {"webhook_token": secret})
    assert secret in Browser(app, "admin").read("/admin/connections/activecampaign")
    for role in ("marketer", "viewer"):
        page = Browser(app, role).read("/admin/connections/activecampaign")
        assert secret not in page
        assert "an admin sees it in full" in page


# --- doing things


@pytest.fixture
def busy(sqlite_runtime: Runtime, app: Flask) -> tuple[Browser, dict[str, int]]:
    """A marketer's browser, in a Baton of their own with something of everything in it."""
    ids = fill(sqlite_runtime)
    return Browser(app, "marketer"), ids


def _status(runtime: Runtime, table: str, row_id: int) -> str:
    return str(rows(runtime, table, "status", id=row_id)[0].status)


def _audit(runtime: Runtime) -> list[tuple[str, str, str]]:
    return [(row.who, row.what, row.on) for row in rows(runtime, "audit", "who", "what", "on")]


def test_one_request_is_read_again(busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime) -> None:
    browser, ids = busy
    said = browser.says(browser.post(f"/admin/inbox/{ids['parked']}/replay"))
    assert f"Request {ids['parked']} will be read again" in said
    assert _status(sqlite_runtime, "inbox", ids["parked"]) == "pending"
    assert ("marketer@team.example", "inbox.replay", str(ids["parked"])) in _audit(sqlite_runtime)
    again = browser.says(browser.post(f"/admin/inbox/{ids['parked']}/replay"))
    assert "Not done: it waits to be read already." in again


def test_ticked_requests_are_read_again(busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime) -> None:
    browser, ids = busy
    several = {"id": [ids["parked"], ids["read"], GONE, "nonsense"], "back": "/admin/inbox?status=parked"}
    answer = browser.post("/admin/inbox/replay", several, on="/admin/inbox")
    assert answer.headers["Location"] == "/admin/inbox?status=parked"
    assert "2 requests will be read again" in browser.says(answer)
    assert _status(sqlite_runtime, "inbox", ids["read"]) == "pending"
    assert "Tick the requests first" in browser.says(browser.post("/admin/inbox/replay", on="/admin/inbox"))


def test_all_parked_requests_of_one_connection_are_read_again(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    browser, _ = busy
    arrive(sqlite_runtime, "site", b"no JSON either", kind="track")
    drain(sqlite_runtime)
    other = rows(sqlite_runtime, "inbox", "id")[-1].id
    assert _status(sqlite_runtime, "inbox", other) == "parked"
    assert "Yes, read 3 again" in browser.read("/admin/inbox?status=parked")
    assert "Yes, read 2 again" in browser.read("/admin/inbox?status=parked&connection=hubspot")
    sent = browser.post("/admin/inbox/replay", {"all": "yes", "connection": "hubspot"}, on="/admin/inbox")
    assert "2 parked requests will be read again" in browser.says(sent)
    assert [row.id for row in rows(sqlite_runtime, "inbox", "id", status=inbox.PARKED)] == [other]
    (entry,) = rows(sqlite_runtime, "audit", what="inbox.replay")
    assert (entry.on, entry.detail) == ("2 parked requests", "of hubspot")


def test_parked_requests_are_read_again_by_their_reason(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    browser, _ = busy
    for number in range(3):
        arrive(sqlite_runtime, "hubspot", {"not": f"a list {number}"})
    drain(sqlite_runtime)
    reason = rows(sqlite_runtime, "inbox", "reason", status=inbox.PARKED)[-1].reason
    address = next(
        unescape(found) for found in re.findall(r'<li class="count"><span><a href="([^"]+)"', browser.read(PARKED))
    )
    page = unescape(browser.read(address))
    assert f"Only those with the reason “{reason[:100]}" in page
    assert "Yes, read 4 again" in page
    browser.post("/admin/inbox/replay", {"all": "yes", "reason": reason}, on="/admin/inbox")
    left = rows(sqlite_runtime, "inbox", "reason", status=inbox.PARKED)
    assert len(left) == 1
    assert left[0].reason != reason


def _give_up(runtime: Runtime, reason: str) -> list[int]:
    """Three deliveries more that were given up."""
    ids = [row.id for row in rows(runtime, "deliveries", "id", status="pending")][:3]
    for one in ids:
        change_delivery(runtime, one, status="dead", reason=reason)
    return ids


def test_ticked_deliveries_are_tried_again_but_none_of_unknown_outcome(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    browser, ids = busy
    assert f'name="id" value="{ids["dead"]}"' in browser.read("/admin/deliveries?status=dead")
    fields = {"id": [ids["dead"], ids["unknown"], GONE]}
    said = browser.says(browser.post("/admin/deliveries/retry", fields, on="/admin/deliveries"))
    assert "1 delivery will be tried again at once" in said
    assert _status(sqlite_runtime, "deliveries", ids["unknown"]) == "unknown"
    assert _status(sqlite_runtime, "deliveries", ids["dead"]) == "pending"
    none = browser.says(browser.post("/admin/deliveries/retry", on="/admin/deliveries"))
    assert "Tick the deliveries first" in none


def test_all_deliveries_that_were_given_up_for_one_reason_are_tried_again(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    browser, ids = busy
    more = _give_up(sqlite_runtime, "400 the property is not known")
    page = browser.read("/admin/deliveries?status=dead")
    assert "Yes, try 4 again" in page
    assert "400 the property is not known" in page.split("Why they were given up")[1].split("</section>")[0]
    fields = {"all": "yes", "reason": "400 the property is not known", "connection": "hubspot"}
    sent = browser.post("/admin/deliveries/retry", fields, on="/admin/deliveries")
    assert "3 deliveries will be tried again" in browser.says(sent)
    assert {_status(sqlite_runtime, "deliveries", one) for one in more} == {"pending"}
    assert _status(sqlite_runtime, "deliveries", ids["dead"]) == "dead"
    (entry,) = rows(sqlite_runtime, "audit", what="delivery.retry")
    assert (entry.on, entry.detail) == ("3 deliveries", "of hubspot because of: 400 the property is not known")


def test_a_delivery_that_was_given_up_is_tried_again(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    browser, ids = busy
    assert "tried again at once" in browser.says(browser.post(f"/admin/deliveries/{ids['dead']}/retry"))
    assert _status(sqlite_runtime, "deliveries", ids["dead"]) == "pending"
    assert "Not done: it is pending" in browser.says(browser.post(f"/admin/deliveries/{ids['dead']}/retry"))
    assert browser.post(f"/admin/deliveries/{GONE}/retry").status_code == 404


def test_one_of_unknown_outcome_asks_to_look_first(busy: tuple[Browser, dict[str, int]]) -> None:
    browser, ids = busy
    assert "I have looked: try again" in browser.read(f"/admin/deliveries/{ids['unknown']}")


def test_a_handoff_is_claimed_and_judged(busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime) -> None:
    browser, ids = busy
    other = Browser(browser.app, "sales")
    assert "It is yours" in browser.says(browser.post(f"/admin/handoffs/{ids['handoff']}/claim"))
    taken = other.says(other.post(f"/admin/handoffs/{ids['handoff']}/claim"))
    assert "marketer@team.example has claimed it already" in taken
    verdict = {"verdict": "won", "note": HOSTILE, "back": f"/admin/contacts/{ids['ann']}"}
    said = other.says(other.post(f"/admin/handoffs/{ids['handoff']}/verdict", verdict))
    assert "Noted: won. Thank you." in said
    drain(sqlite_runtime)
    assert "Customer" in other.read(f"/admin/contacts/{ids['ann']}")
    changed = other.says(other.post(f"/admin/handoffs/{ids['handoff']}/verdict", {"verdict": "lost"}))
    assert "Not done: it was judged already: won." in changed
    assert other.post(f"/admin/handoffs/{ids['handoff']}/verdict", {"verdict": "maybe"}).status_code == 400
    assert other.post(f"/admin/handoffs/{GONE}/claim").status_code == 404


def test_a_connection_is_paused_with_a_reason_and_resumed(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime
) -> None:
    admin = Browser(busy[0].app, "admin")
    page = admin.says(admin.post("/admin/connections/hubspot/pause", {"reason": f"clean-up {HOSTILE}"}))
    assert "hubspot is paused" in page
    assert "Paused: clean-up &lt;script&gt;" in page
    assert "hubspot is paused" in admin.read("/admin/")
    assert "Not done: it is paused already." in admin.says(admin.post("/admin/connections/hubspot/pause"))
    assert "hubspot works again" in admin.says(admin.post("/admin/connections/hubspot/resume"))
    assert ("admin@team.example", "connection.paused", "hubspot") in _audit(sqlite_runtime)
    assert admin.post("/admin/connections/none/pause").status_code == 404


def test_everything_is_paused_and_resumed(admin: Browser, app: Flask, sqlite_runtime: Runtime) -> None:
    said = admin.says(admin.post("/admin/pause", {"reason": "wrong prices went out"}))
    assert "Reason: wrong prices went out" in said
    assert "admin@team.example" in said
    viewer = Browser(app, "viewer").read("/admin/")
    assert "Everything is paused" in viewer
    assert "Resume sending" not in viewer
    assert "Not done: everything is paused already." in admin.says(admin.post("/admin/pause"))
    assert "Resumed. What has waited leaves now." in admin.says(admin.post("/admin/resume"))
    with sqlite_runtime.database.read() as conn:
        assert notes.PAUSED not in notes.read_marks(conn)


def test_a_check_tells_what_works(admin: Browser, sqlite_runtime: Runtime) -> None:
    with serve() as vendors:
        settings = {"access_token": "t", "client_secret": "s"}
        made = add_connection(sqlite_runtime, "hubspot", "hubspot", settings, f"{vendors.url}/hubspot")
        with sqlite_runtime.database.write() as conn:
            connections.set_status(conn, made.id, connections.BROKEN, "it refuses our token", sqlite_runtime.clock())
        sqlite_runtime.forget()
        assert "hubspot is broken" in admin.read("/admin/")
        assert "Checked: everything works." in admin.says(admin.post("/admin/connections/hubspot/check"))
        assert "hubspot is broken" not in admin.read("/admin/")
        vendors.hubspot.fault("401", path="/crm/")
        assert "did not work" in admin.says(admin.post("/admin/connections/hubspot/check"))
    assert "nothing to check" in admin.says(admin.post("/admin/connections/forms/check"))


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/admin//evil.example", "/forms/x"])
def test_after_a_button_nobody_is_sent_to_another_site(nothing_yet: Flask, back: str) -> None:
    assert Browser(nothing_yet, "admin").post("/admin/resume", {"back": back}).headers["Location"] == "/admin/"


# --- finding things


def test_people_are_found_by_what_one_knows_of_them(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    browser = Browser(app, "marketer")
    wanted = f'href="/admin/contacts/{ids["ann"]}"'
    for text in (
        "ann@acme",
        "ANN@ACME.EXAMPLE",
        "ann arch",
        "email:ann@acme.example",
        "+442071234567",
        "+44 20 7123 4567",
    ):
        assert wanted in browser.client.get("/admin/contacts", base_url=SITE, query_string={"q": text}).text, text
    assert wanted not in browser.read("/admin/contacts?q=archer2")
    assert wanted in browser.read("/admin/contacts?q=ann&stage=mql")
    assert wanted not in browser.read("/admin/contacts?q=ann&stage=customer")


def test_pages_of_people_lose_and_repeat_nobody(sqlite_runtime: Runtime, admin: Browser) -> None:
    for number in range(60):
        form(sqlite_runtime, email=f"reader{number:02}@list.example")
    drain(sqlite_runtime)
    everybody = {row.id for row in rows(sqlite_runtime, "contacts", "id")}
    for start, onward in (("/admin/contacts", "Older"), ("/admin/contacts?q=reader", "More")):
        page, seen = admin.read(start), []
        while True:
            seen += map(int, re.findall(r'href="/admin/contacts/(\d+)"', page))
            link = re.search(rf'href="([^"]+)" rel="next">{onward}', page)
            if link is None:
                break
            page = admin.read(link[1].replace("&amp;", "&"))
        assert sorted(seen) == sorted(everybody)
    back = re.search(r'href="([^"]+)" rel="prev">← Newer', admin.read("/admin/contacts?before=20"))
    assert back is not None


def test_a_page_costs_as_many_queries_for_many_rows_as_for_few(
    sqlite_runtime: Runtime, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Once a second rules are looked at anew, during whichever page comes then
    monkeypatch.setattr("app.runtime.LOOK_SECONDS", 3600.0)

    def queries(path: str) -> int:
        seen: list[str] = []

        def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if not statement.startswith(("BEGIN", "ROLLBACK")):
                seen.append(statement)

        admin.read(path)
        event.listen(sqlite_runtime.database.engine, "before_cursor_execute", note)
        admin.read(path)
        event.remove(sqlite_runtime.database.engine, "before_cursor_execute", note)
        return len(seen)

    paths = ("/admin/contacts", "/admin/decisions", "/admin/inbox", "/admin/deliveries", "/admin/handoffs")
    form(sqlite_runtime, "demo", email="first@list.example")
    drain(sqlite_runtime)
    few = {path: queries(path) for path in paths}
    for number in range(20):
        form(sqlite_runtime, "demo", email=f"reader{number}@list.example")
    drain(sqlite_runtime)
    assert {path: queries(path) for path in paths} == few
    assert max(few.values()) <= 8


def test_the_inbox_is_searched(filled: tuple[Flask, Any]) -> None:
    app, ids = filled
    browser = Browser(app, "marketer")
    page = browser.read("/admin/inbox?q=ann@acme.example&connection=forms")
    assert page.count('class="main"') == 2
    assert "reads the newest 2,000 requests" in page
    assert f'href="/admin/inbox/{ids["parked"]}"' in browser.read("/admin/inbox?q=No+JSON&status=parked")
    assert "Nothing was found" in browser.read("/admin/inbox?q=ann@acme.example&status=parked")


# --- when something breaks


def test_a_bug_is_told_to_people_in_words_and_to_programs_as_data(
    app: Flask, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(lists, "inbox_row", broken)
    answer = admin.get("/admin/inbox/1")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "secret detail" not in answer.text
    nothing = app.test_client().get("/nothing", base_url=SITE)
    assert (nothing.status_code, nothing.json) == (404, {"error": "not found"})


def test_pages_can_be_read_when_what_they_speak_of_is_gone(sqlite_runtime: Runtime, app: Flask) -> None:
    ids = fill(sqlite_runtime)
    admin = Browser(app, "admin")
    with sqlite_runtime.database.write() as conn:
        conn.execute(delete(tables.contacts))
        conn.execute(delete(tables.connections).where(tables.connections.c.name == "hubspot"))
    sqlite_runtime.forget()
    for path in ("/admin/", "/admin/decisions", "/admin/deliveries", "/admin/handoffs", "/admin/inbox"):
        admin.read(path)
    admin.read(f"/admin/deliveries/{ids['dead']}")
    admin.read(f"/admin/decisions/{ids['decision']}")
    admin.read(f"/admin/inbox/{ids['parked']}")


def test_no_template_marks_text_as_safe_or_holds_a_script_or_style() -> None:
    """The pages' policy takes no inline script or style, and escaping is only as good as its exceptions."""
    folder = Path(roles.__file__).parent / "templates"
    for file in folder.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert "|safe" not in text, file.name
        assert "autoescape" not in text, file.name
        assert not re.search(r"<style|<script(?! src)| style=| on\w+=", text), file.name


def test_old_sessions_are_forgotten(ann: Browser, sqlite_runtime: Runtime, clock: Clock) -> None:
    _sign_in(ann)
    clock.advance(hours=1)
    _sign_in(Browser(ann.app))
    assert len(rows(sqlite_runtime, "sessions", "hash")) == 1


def test_overdue_handoffs_stand_out(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime, clock: Clock
) -> None:
    assert "Overdue" not in busy[0].read("/admin/handoffs")
    with sqlite_runtime.database.write() as conn:
        conn.execute(update(tables.handoffs).values(due_at=clock() - minutes(3), reminded_at=clock() - minutes(9)))
        conn.execute(update(tables.handoffs).values(escalated_at=clock(), escalated_to="pia@example.com"))
    page = busy[0].read("/admin/handoffs")
    assert "Overdue" in page
    assert "3 minutes ago" in page
    assert "reminded" in page
    assert "escalated to pia@example.com" in page


def test_a_claim_stops_the_clock_and_the_page_says_so(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime, clock: Clock
) -> None:
    with sqlite_runtime.database.write() as conn:
        conn.execute(update(tables.handoffs).values(due_at=clock() - minutes(3)))
    assert "it stops when sales claims the handoff or says how it went" in busy[0].read("/admin/handoffs")
    busy[0].post(f"/admin/handoffs/{busy[1]['handoff']}/claim")
    page = busy[0].read("/admin/handoffs?status=claimed")
    assert f"/admin/handoffs/{busy[1]['handoff']}/verdict" in page
    assert "Overdue" not in page


def test_handoffs_stand_in_the_order_in_which_they_are_due(
    busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "PAGE", 2)
    named = {"opened_at": clock(), "status": "open", "score": 1.0, "rule": "r"}
    with sqlite_runtime.database.write() as conn:
        conn.execute(delete(tables.handoffs))
        for number, due in enumerate((50, 20, 20, 40, 10)):  # two are due at the same moment, as after a night
            values = {**named, "key": f"{number:032x}", "contact_id": number + 1, "due_at": clock() + minutes(due)}
            conn.execute(insert(tables.handoffs).values(**values, reason=f"reason {number}"))
    browser, seen, address = busy[0], [], "/admin/handoffs"
    while address:
        page = browser.read(address)
        seen.append(re.findall(r"reason (\d)", page))
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(older.group(1)) if older else ""
    assert seen == [["4", "1"], ["2", "3"], ["0"]]
    newer = re.search(r'href="([^"]+)" rel="prev"', page)
    assert newer is not None
    assert re.findall(r"reason (\d)", browser.read(unescape(newer.group(1)))) == ["2", "3"]


def test_a_withheld_delivery_says_why(busy: tuple[Browser, dict[str, int]], sqlite_runtime: Runtime) -> None:
    browser, ids = busy
    change_delivery(sqlite_runtime, ids["dead"], status="withheld", reason="opted out of email marketing on 3 March")
    page = browser.read(f"/admin/deliveries/{ids['dead']}")
    assert "Opted out of email marketing on 3 March" in page
    assert "Try again" not in page


def test_ages_are_told_in_words() -> None:
    from app.admin.show import ago, lasting
    from tests.conftest import NOW

    said = {ago(NOW - timedelta(seconds=seconds), NOW) for seconds in (10, 60, 3_600, 90_000, 700_000)}
    assert said == {"just now", "1 minute ago", "1 hour ago", "1 day ago", "14 November"}
    assert lasting(NOW - minutes(12), NOW) == "for 12 minutes"
    assert ago(NOW + minutes(26), NOW) == "in 26 minutes"


def test_doubts_about_a_contact_are_shown_where_there_are_any(admin: Browser, sqlite_runtime: Runtime) -> None:
    form(sqlite_runtime, email="info@example.com", first_name=HOSTILE, last_name="Lee", phone="+12025550123")
    form(sqlite_runtime, email="ben@example.com", phone="+12025550123")
    drain(sqlite_runtime)
    role, ben = (row.id for row in rows(sqlite_runtime, "contacts", "id"))
    page = admin.read(f"/admin/contacts/{role}")
    assert "the address of a function" in page
    assert "does not look like a name" in page
    assert "<script>alert" not in page
    form(sqlite_runtime, email="cleo@example.com", phone="+12025550123")
    drain(sqlite_runtime)
    page = admin.read(f"/admin/contacts/{ben}")
    assert "Possibly the same person" in page
    assert "shares a phone" in page
    form(sqlite_runtime, email="dee@example.com")
    drain(sqlite_runtime)
    assert "Worth a look" not in admin.read(f"/admin/contacts/{rows(sqlite_runtime, 'contacts', 'id')[-1].id}")
