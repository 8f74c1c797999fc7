"""Tries at one account's password are counted wherever they come from, and nobody keeps somebody else out by trying.

Catalogue: N7.
"""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import time_machine
from argon2 import PasswordHasher
from argon2.low_level import Type
from flask import Flask

from app.runtime import Runtime
from app.store import access
from tests.app.screens import PASSWORD, SITE, Browser, new_app

ANN, BEN = "ann@team.example", "ben@team.example"
_addresses = count(1)


@pytest.fixture
def app(sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Two accounts, with passwords that take no time to check."""
    monkeypatch.setattr(access, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    access._nobody.cache_clear()
    with sqlite_runtime.database.write() as conn:
        for email in (ANN, BEN):
            access.create_user(conn, email, "", "viewer", PASSWORD, sqlite_runtime.clock())
    return new_app(sqlite_runtime)


def try_it(browser: Browser, email: str = ANN, password: str = "not this one") -> int:
    """Try a password from an address that was never seen; the status."""
    number = next(_addresses)
    fields = {"csrf_token": browser.token("/admin/login"), "email": email, "password": password}
    address = {"REMOTE_ADDR": f"198.51.{number // 200}.{number % 200 + 1}"}
    return browser.client.post("/admin/login", base_url=SITE, data=fields, environ_base=address).status_code


def sign_out(browser: Browser) -> None:
    browser.post("/admin/logout", on="/admin/account")


def by_strangers(app: Flask, email: str = ANN) -> list[int]:
    return [try_it(Browser(app), email) for _ in range(11)]


def test_strangers_run_out_of_tries_from_however_many_addresses(app: Flask) -> None:
    assert by_strangers(app) == [401] * 10 + [429]
    assert try_it(Browser(app), password=PASSWORD) == 429  # or guessing would only have to go on
    assert try_it(Browser(app), email=f" {ANN.upper()} ") == 429
    assert try_it(Browser(app), email=BEN) == 401


def test_whoever_signed_in_before_is_not_kept_out_by_strangers(app: Flask) -> None:
    ann = Browser(app)
    assert try_it(ann, password=PASSWORD) == 303
    sign_out(ann)
    by_strangers(app)
    assert try_it(ann) == 401  # a slip
    assert try_it(ann, password=PASSWORD) == 303


def test_a_known_browser_has_no_more_tries_than_anybody(app: Flask) -> None:
    ann = Browser(app)
    try_it(ann, password=PASSWORD)
    sign_out(ann)
    assert [try_it(ann) for _ in range(11)] == [401] * 10 + [429]


def test_a_sign_is_good_for_its_own_account_only_and_cannot_be_made_up(app: Flask) -> None:
    ben = Browser(app)
    assert try_it(ben, BEN, PASSWORD) == 303
    sign_out(ben)
    by_strangers(app)
    assert try_it(ben, ANN, PASSWORD) == 429
    forger = Browser(app)
    forger.client.set_cookie("__Host-baton-known", "WyJ4IiwieSJd.x.y", domain="hub.example.com", secure=True)
    assert try_it(forger, ANN, PASSWORD) == 429


def test_nobody_learns_whether_there_is_an_account(app: Flask) -> None:
    assert by_strangers(app, "nobody@team.example") == by_strangers(app)


def test_after_a_while_there_are_new_tries(app: Flask) -> None:
    with time_machine.travel(datetime(2026, 11, 30, 9, tzinfo=UTC), tick=False) as now:
        by_strangers(app)
        now.shift(timedelta(minutes=16))
        assert try_it(Browser(app)) == 401


def test_the_page_says_what_to_do(app: Flask) -> None:
    by_strangers(app)
    stranger = Browser(app)
    fields = {"csrf_token": stranger.token("/admin/login"), "email": ANN, "password": "x"}
    page = stranger.client.post("/admin/login", base_url=SITE, data=fields).text
    assert "Too many tries for this account" in page
    assert "a quarter of an hour" in page


def test_the_cookie_is_for_this_host_https_and_no_script(app: Flask) -> None:
    ann = Browser(app)
    try_it(ann, password=PASSWORD)
    cookie = ann.client.get_cookie("__Host-baton-known", domain="hub.example.com")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "Strict", "/")
    assert ANN not in cookie.value


def test_passwords_are_kept_as_argon2id() -> None:
    assert access._hasher.type is Type.ID
    assert access.hash_password(ANN, PASSWORD).startswith("$argon2id$")
