"""Those who may come in: inviting, changing, shutting out, passwords behind links, and tokens that may do so much."""

import re
import threading
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from app import accounts
from app.admin import roles
from app.receive import Refused
from app.runtime import Runtime
from app.store import access, tables, users
from tests.app.doors import client
from tests.app.screens import PASSWORD, SITE, Browser, new_app
from tests.app.test_api import delivery
from tests.conftest import Clock
from tests.feeding import drain, form, minutes, rows
from tests.jobs.test_import import begin as begin_import
from tests.jobs.test_import import run as run_import

NEW = "a sentence of my own"


@pytest.fixture
def app(sqlite_runtime: Runtime) -> Flask:
    return new_app(sqlite_runtime)


@pytest.fixture
def admin(app: Flask) -> Browser:
    return Browser(app, "admin")


def invite(admin: Browser, email: str = "bea@team.example", role: str = "marketer") -> str:
    """Invite somebody; the link's path."""
    page = admin.post("/admin/users", {"email": email, "name": "Bea", "role": role}).get_data(as_text=True)
    found = re.search(r'value="https://hub.example.com(/admin/invitation/[^"]+)"', page)
    assert found is not None, page
    return found[1]


def accept(app: Flask, link: str, password: str = NEW) -> tuple[Browser, Any]:
    them = Browser(app)
    return them, them.post(link, {"password": password}, on=link)


def id_of(runtime: Runtime, email: str) -> int:
    return int(rows(runtime, "users", "id", email=email)[0].id)


def refusal(*asked: Any) -> str:
    with pytest.raises(Refused) as refused:
        asked[0](*asked[1:])
    return str(refused.value.description)


# --- coming in


def test_the_roles_of_users_are_those_of_the_table() -> None:
    assert set(users.ROLES) == set().union(*roles.ROLES.values())


def test_who_is_invited_chooses_a_password_behind_a_link_and_is_in(app: Flask, admin: Browser) -> None:
    link = invite(admin)
    assert "Invited" in admin.read("/admin/users")
    them, answer = accept(app, link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")
    assert "Welcome, Bea." in them.read("/admin/")
    assert "Invited" not in admin.read("/admin/users").split("<main")[1].split("Invite somebody")[0]


def test_a_link_opens_once_and_not_for_ever(app: Flask, admin: Browser, clock: Clock) -> None:
    link = invite(admin)
    accept(app, link)
    assert "does not open any more" in Browser(app).get(link).get_data(as_text=True)
    second = invite(admin, "cay@team.example")
    assert Browser(app).get(second).status_code == 200
    assert Browser(app).get(second[:-3] + "xyz").status_code == 404
    clock.advance(days=3, seconds=1)
    assert Browser(app).get(second).status_code == 404


def test_a_password_that_would_be_guessed_is_not_taken_and_the_link_stays_good(app: Flask, admin: Browser) -> None:
    link = invite(admin)
    for weak in ("short", "aaaaaaaaaaaaaa", "bea@team.example"):
        _, answer = accept(app, link, weak)
        assert answer.status_code == 400
        assert "Not yet: a password" in answer.get_data(as_text=True)
    assert accept(app, link)[1].status_code == 303


def test_nobody_comes_in_without_a_password(app: Flask, admin: Browser, sqlite_runtime: Runtime) -> None:
    invite(admin)
    kept = rows(sqlite_runtime, "users", "password", email="bea@team.example")[0].password
    for guess in (kept, kept[1:], "!", ""):
        sent = Browser(app).post("/admin/login", {"email": "bea@team.example", "password": guess}, on="/admin/login")
        assert sent.status_code == 401


@pytest.mark.parametrize(
    ("email", "role", "says"),
    [
        ("nonsense", "viewer", "is no e-mail address"),
        ("admin@team.example", "viewer", "is a user already"),
        ("bea@team.example", "king", "a role is one of admin, marketer, sales, viewer"),
    ],
)
def test_a_wrong_invitation_keeps_what_was_filled_in(admin: Browser, email: str, role: str, says: str) -> None:
    answer = admin.post("/admin/users", {"email": email, "name": "Bea B.", "role": role})
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code in (400, 409)
    assert says in page
    assert 'value="Bea B."' in page


# --- changing and shutting out


def test_another_role_counts_from_the_next_click(app: Flask, admin: Browser, sqlite_runtime: Runtime) -> None:
    them, _ = accept(app, invite(admin))
    bea = id_of(sqlite_runtime, "bea@team.example")
    assert them.get("/admin/users").status_code == 403
    assert "They are Admin" in admin.says(admin.post(f"/admin/users/{bea}/role", {"role": "admin"}))
    assert them.get("/admin/users").status_code == 200
    (entry,) = rows(sqlite_runtime, "audit", what="user.role")
    assert (entry.who, entry.on, entry.before, entry.after) == (
        "admin@team.example", "bea@team.example", "marketer", "admin",
    )  # fmt: skip


def test_who_is_shut_out_is_out_at_once_and_may_be_let_in_again(
    app: Flask, admin: Browser, sqlite_runtime: Runtime
) -> None:
    them, _ = accept(app, invite(admin))
    bea = id_of(sqlite_runtime, "bea@team.example")
    assert "They are shut out" in admin.says(admin.post(f"/admin/users/{bea}/shut-out"))
    assert them.get("/admin/").status_code == 302
    again = {"email": "bea@team.example", "password": NEW}
    assert Browser(app).post("/admin/login", again, on="/admin/login").status_code == 401
    assert "let them in first" in admin.says(admin.post(f"/admin/users/{bea}/reset"))
    admin.post(f"/admin/users/{bea}/let-in")
    assert Browser(app).post("/admin/login", again, on="/admin/login").status_code == 303


def test_a_reset_takes_the_password_and_the_sessions_and_gives_a_link(
    app: Flask, admin: Browser, sqlite_runtime: Runtime
) -> None:
    them, _ = accept(app, invite(admin))
    bea = id_of(sqlite_runtime, "bea@team.example")
    page = admin.post(f"/admin/users/{bea}/reset").get_data(as_text=True)
    assert them.get("/admin/").status_code == 302
    old = {"email": "bea@team.example", "password": NEW}
    assert Browser(app).post("/admin/login", old, on="/admin/login").status_code == 401
    link = re.search(r"(/admin/invitation/[^\"]+)", page)
    assert link is not None
    assert accept(app, link[1], "another one of mine")[1].status_code == 303


def test_sessions_can_be_ended(app: Flask, admin: Browser, sqlite_runtime: Runtime) -> None:
    them, _ = accept(app, invite(admin))
    bea = id_of(sqlite_runtime, "bea@team.example")
    assert "since" in admin.read(f"/admin/users/{bea}").split("Signed in now")[1].split("</section>")[0]
    admin.post(f"/admin/users/{bea}/end-sessions")
    assert them.get("/admin/").status_code == 302


def test_somebody_who_can_sign_in_as_an_admin_is_always_left(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        first = access.create_user(conn, "ann@team.example", "Ann", "admin", PASSWORD, runtime.clock())
        access.create_user(conn, "vic@team.example", "Vic", "viewer", PASSWORD, runtime.clock())
    accounts.invite(runtime, "ann", "bea@team.example", "", "admin")  # has not chosen a password yet
    for asked in (
        (accounts.shut_out, runtime, "ann", first),
        (accounts.change_role, runtime, "ann", first, "viewer"),
        (accounts.reset, runtime, "ann", first),
    ):
        assert "the last admin who can sign in" in refusal(*asked)
    with runtime.database.write() as conn:
        second = access.create_user(conn, "cay@team.example", "Cay", "admin", PASSWORD, runtime.clock())
    assert accounts.change_role(runtime, "cay", first, "viewer").role == "viewer"
    assert "the last admin" in refusal(accounts.shut_out, runtime, "cay", second)
    assert accounts.reset(runtime, "command line", second, rescue=True)


def test_two_admins_cannot_shut_each_other_out_in_the_same_moment(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        both = [
            access.create_user(conn, f"{name}@team.example", name, "admin", PASSWORD, runtime.clock()) for name in "ab"
        ]
    start, said = threading.Barrier(2), []

    def shut_out(user_id: int) -> None:
        start.wait()
        try:
            accounts.shut_out(runtime, "the other", user_id)
        except Refused as refused:
            said.append(str(refused.description))

    threads = [threading.Thread(target=shut_out, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
    assert [row.active for row in rows(runtime, "users", "active")].count(True) == 1


# --- one's own password


def test_one_changes_ones_own_password_and_is_signed_out_elsewhere(app: Flask, admin: Browser) -> None:
    link = invite(admin)
    them, _ = accept(app, link)
    elsewhere = Browser(app)
    elsewhere.post("/admin/login", {"email": "bea@team.example", "password": NEW}, on="/admin/login")
    fields = {"old": NEW, "new": "yet another sentence"}
    assert "Your password is changed" in them.says(them.post("/admin/account/password", fields, on="/admin/account"))
    assert them.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("wrong", "yet another sentence", "the password that you have now is another one"),
        (NEW, "short", "at least 12 characters"),
    ],
)
def test_a_password_is_not_changed_by_whoever_sits_there(
    app: Flask, admin: Browser, old: str, new: str, says: str
) -> None:
    them, _ = accept(app, invite(admin))
    answer = them.post("/admin/account/password", {"old": old, "new": new}, on="/admin/account")
    assert answer.status_code == 400
    assert says in answer.get_data(as_text=True)


# --- tokens


def make_token(admin: Browser, *scopes: str, name: str = "reporting") -> str:
    page = admin.post("/admin/tokens", {"name": name, "scope": list(scopes)}).get_data(as_text=True)
    found = re.search(r'value="(baton_[^"]+)"', page)
    assert found is not None, page
    return found[1]


def ask(web: FlaskClient, method: str, path: str, secret: str) -> Any:
    headers = {"Authorization": f"Bearer {secret}"}
    return web.open(f"/api/v1{path}", method=method, headers=headers, base_url=SITE)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        pytest.param(["read"], (200, 403, 403), id="look"),
        pytest.param(["work"], (403, 404, 403), id="work"),
        pytest.param(["read", "work"], (200, 404, 403), id="look and work"),
        pytest.param(["manage"], (403, 403, 200), id="manage"),
    ],
)
def test_a_token_may_do_what_it_was_made_for(admin: Browser, scopes: list[str], allowed: tuple[int, ...]) -> None:
    secret, web = make_token(admin, *scopes), admin.app.test_client()
    asked = (("GET", "/contacts"), ("POST", "/inbox/999/replay"), ("GET", "/audit"))
    assert tuple(ask(web, *one, secret).status_code for one in asked) == allowed


def test_rows_and_bodies_as_they_came_are_for_tokens_that_work(admin: Browser, sqlite_runtime: Runtime) -> None:
    """As on the screens, which show them to nobody who only looks."""
    begin_import(sqlite_runtime, "email,city\nnobody,Ghent\n")
    (number,) = (row.id for row in rows(sqlite_runtime, "imports", "id"))
    run_import(sqlite_runtime, number)
    form(sqlite_runtime, email="ann@acme.example", city="Bruges")
    drain(sqlite_runtime)
    request = max(row.id for row in rows(sqlite_runtime, "inbox", "id"))
    now = sqlite_runtime.clock()
    call = {"id": 7, "connection_id": 1, "at": now, "seconds": 0.1, "method": "POST", "url": "https://tool.example"}
    with sqlite_runtime.database.write() as conn:
        conn.execute(insert(tables.deliveries).values(id=9, **delivery(9, "sent")))
        conn.execute(insert(tables.calls).values(**call, request="to Namur", status=200, answer="{}"))
        conn.execute(insert(tables.attempts).values(delivery_id=9, call_id=7, at=now, outcome="sent"))
    looks, works = make_token(admin, "read"), make_token(admin, "read", "work", name="worker")
    web = admin.app.test_client()
    for path, held in ((f"/imports/{number}", "Ghent"), (f"/inbox/{request}", "Bruges"), ("/deliveries/9", "Namur")):
        seen = [ask(web, "GET", path, secret).get_data(as_text=True) for secret in (looks, works)]
        assert [held in text for text in seen] == [False, True], path
    skips = [ask(web, "GET", f"/imports/{number}", secret).get_json()["skips"] for secret in (looks, works)]
    assert [skip["held"] for (skip,) in skips] == [None, "nobody, Ghent"]


def test_a_token_is_shown_once_and_its_last_use_is_noted(admin: Browser, clock: Clock, sqlite_runtime: Runtime) -> None:
    secret, web = make_token(admin, "read"), admin.app.test_client()
    page = admin.read("/admin/tokens")
    assert secret not in page
    assert secret[:12] in page
    assert "never used" in page
    ask(web, "GET", "/stats", secret)
    first = rows(sqlite_runtime, "tokens", "used_at")[0].used_at
    assert first == clock.now
    clock.advance(seconds=30)
    ask(web, "GET", "/stats", secret)
    assert rows(sqlite_runtime, "tokens", "used_at")[0].used_at == first
    clock.advance(minutes=5)
    ask(web, "GET", "/stats", secret)
    assert rows(sqlite_runtime, "tokens", "used_at")[0].used_at == first + minutes(5) + minutes(0.5)


def test_a_token_is_revoked(admin: Browser) -> None:
    secret, web = make_token(admin, "read"), admin.app.test_client()
    assert "is revoked" in admin.says(admin.post("/admin/tokens/revoke", {"name": "reporting"}))
    assert ask(web, "GET", "/stats", secret).status_code == 401
    assert "No program may come in yet" in admin.read("/admin/tokens")
    assert make_token(admin, "read") != secret, "its name is free again"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "", "scope": "read"}, "1 to 40 letters"),
        ({"name": "x" * 41, "scope": "read"}, "1 to 40 letters"),
        ({"name": "bare"}, "at least one of read, work, manage"),
        ({"name": "odd", "scope": "everything"}, "at least one of read, work, manage"),
    ],
)
def test_a_token_needs_a_name_and_something_to_do(admin: Browser, fields: dict[str, str], says: str) -> None:
    answer = admin.post("/admin/tokens", fields)
    assert answer.status_code == 400
    assert says in answer.get_data(as_text=True)


def test_users_and_tokens_are_managed_over_the_api_too(runtime: Runtime) -> None:
    web = client(runtime)
    with runtime.database.write() as conn:
        access.create_user(conn, "ann@team.example", "Ann", "admin", PASSWORD, runtime.clock())
        secret = access.create_token(conn, "manager", runtime.clock(), ["manage"])
    headers = {"Authorization": f"Bearer {secret}"}

    def call(method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = web.open(f"/api/v1{path}", method=method, headers=headers, json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json

    made = call("POST", "/users", email="bea@team.example", role="sales")
    assert made["invited"]
    assert made["link"].startswith("https://hub.example.com/admin/invitation/")
    assert call("POST", f"/users/{made['id']}", role="viewer", active=False)["active"] is False
    assert call("POST", f"/users/{made['id']}/reset", 409)["error"].startswith("they are shut out")
    call("POST", f"/users/{made['id']}", 400)
    call("POST", f"/users/{made['id']}", 400, active="no")
    call("POST", "/users/99", 404, role="viewer")
    assert [one["email"] for one in call("GET", "/users")["items"]] == ["ann@team.example", "bea@team.example"]
    (known,) = call("GET", "/tokens")["items"]
    assert (known["name"], known["scopes"]) == ("manager", ["manage"])
    said = call("GET", "/audit?subject=user")["items"]
    assert [(one["what"], one["who"]) for one in said] == [
        (what, "token manager") for what in ("user.shut_out", "user.role", "user.invite")
    ]
    call("GET", "/audit?since=yesterday", 400)
    call("POST", f"/tokens/{known['id']}/revoke")
    call("GET", "/users", 401)
