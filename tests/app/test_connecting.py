"""Connecting a tool and changing its settings on the screens, as at the command line.

Catalogue: N6 (connections), N9 (secrets).
"""

import json
from html import unescape
from pathlib import Path

import pytest

from app.runtime import Runtime
from app.setup import add_connection, connectable, prepare
from app.store.connections import Connection
from tests.app.screens import Browser, new_app
from tests.conftest import settings
from tests.feeding import hubspot, rows

SECRET = "pk_a-key-that-nobody-is-to-see"


@pytest.fixture
def admin(sqlite_runtime: Runtime) -> Browser:
    return Browser(new_app(sqlite_runtime), "admin")


def found(runtime: Runtime, name: str) -> Connection:
    runtime.forget()
    known = runtime.connection(name)
    assert known is not None
    return known


def test_every_tool_with_something_to_set_can_be_connected(admin: Browser) -> None:
    page = admin.read("/admin/connect")
    assert {"hubspot", "klaviyo", "activecampaign", "salesforce", "make", "alerts"} <= set(connectable())
    for kind, adapter in connectable().items():
        assert f'href="/admin/connect/{kind}"' in page
        form = admin.read(f"/admin/connect/{kind}")
        for setting in adapter.settings:
            assert (f'name="set-{setting.name}"' in form) is not setting.name.endswith("_previous"), (
                kind,
                setting.name,
            )


def test_a_tool_is_connected_and_its_page_says_the_address(sqlite_runtime: Runtime, admin: Browser) -> None:
    fields = {
        "name": "shop",
        "set-api_key": f" {SECRET} ",
        "set-webhook_secret": "sixteen-letters-or-more",
        "set-list": "",
    }
    answer = admin.post("/admin/connect/klaviyo", fields, on="/admin/connect/klaviyo")
    assert answer.headers["Location"] == "/admin/connections/shop"
    assert "shop is connected" in admin.says(answer)
    one = found(sqlite_runtime, "shop")
    assert (one.kind, one.settings["api_key"]) == ("klaviyo", SECRET)
    assert "list" not in one.settings
    page = admin.read("/admin/connections/shop")
    assert "https://hub.example.com/webhooks/shop" in page
    assert SECRET not in page
    entry = rows(sqlite_runtime, "audit", "who", "what", "on", "detail", "after", what="connection.add")[-1]
    assert (entry.on, entry.detail, entry.after) == ("shop", "api_key, webhook_secret", "klaviyo")
    assert entry.who == "admin@team.example"
    assert 'value="klaviyo"' in admin.read("/admin/connect/klaviyo")
    add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": SECRET})
    assert 'value="klaviyo-2"' in admin.read("/admin/connect/klaviyo")


REFUSED = {
    "what has to be set is not": ("alerts", {"name": "chat", "set-urls": ""}, "Alerts needs urls", "set-urls"),
    "a name that is taken": ("klaviyo", {"name": "forms", "set-api_key": SECRET}, "named “forms”", "name"),
    "a name that is none": ("klaviyo", {"name": "a b", "set-api_key": SECRET}, "letters (a to z)", "name"),
    "no number": ("kit", {"name": "kit", "set-form": "seven"}, "a whole number", "set-form"),
    "no address of the account": ("activecampaign", {"name": "ac", "set-api_key": SECRET}, "an address", "base_url"),
    "an address that is none": (
        "activecampaign", {"name": "ac", "set-api_key": SECRET, "base_url": "ac.example"}, "is not an address",
        "base_url",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "says", "at"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_said_at_its_field_and_nothing_typed_is_lost(
    sqlite_runtime: Runtime, admin: Browser, kind: str, fields: dict[str, str], says: str, at: str
) -> None:
    answer = admin.post(f"/admin/connect/{kind}", fields, on=f"/admin/connect/{kind}")
    assert answer.status_code == 400
    page = unescape(answer.text)
    assert says.replace("“", '"').replace("”", '"') in page
    wrong = next(tag for tag in page.split("<input") if f'name="{at}"' in tag)
    assert 'aria-invalid="true"' in wrong
    for name, value in fields.items():
        assert f'name="{name}" value="{value}"' in page
    assert len(rows(sqlite_runtime, "connections", "id")) == 2


def test_what_lies_on_batons_machine_is_not_named_from_afar(sqlite_runtime: Runtime, admin: Browser) -> None:
    assert "companies" not in connectable()
    assert admin.get("/admin/connect/companies").status_code == 404
    assert admin.post("/admin/connect/companies", {"name": "c", "set-file": "/etc/passwd"}).status_code == 404
    add_connection(sqlite_runtime, "companies", "companies", {})
    assert admin.get("/admin/connections/companies/settings").status_code == 404
    assert "baton connection rotate companies" in admin.read("/admin/connections/companies")
    for nothing in ("/admin/connect/none", "/admin/connections/none/settings", "/admin/connections/site/settings"):
        assert admin.get(nothing).status_code == 404


def test_settings_are_changed_and_a_signing_secret_stays_valid(sqlite_runtime: Runtime, admin: Browser) -> None:
    hubspot(sqlite_runtime, client_secret="first", access_token=SECRET, portal_id="7")
    form = admin.read("/admin/connections/hubspot/settings")
    assert 'name="set-portal_id" value="7"' in form
    assert SECRET not in form
    assert "first" not in form
    fields = {"set-client_secret": "second", "set-access_token": "", "set-portal_id": "8", "set-won_stages": ""}
    said = admin.says(admin.post("/admin/connections/hubspot/settings", fields))
    assert "Changed. The old client secret stays valid until you refuse it here" in said
    kept = found(sqlite_runtime, "hubspot").settings
    assert kept == {
        "client_secret": "second", "client_secret_previous": "first", "access_token": SECRET, "portal_id": "8",
    }  # fmt: skip
    entry = rows(sqlite_runtime, "audit", "who", "detail", what="connection.rotate")[-1]
    assert (entry.who, entry.detail) == ("admin@team.example", "client_secret, portal_id")
    fields = {"set-access_token": "", "out-access_token": "1", "set-portal_id": ""}
    assert "Changed." in admin.says(admin.post("/admin/connections/hubspot/settings", fields))
    assert set(found(sqlite_runtime, "hubspot").settings) == {"client_secret", "client_secret_previous"}
    assert 'name="out-client_secret_previous"' in admin.read("/admin/connections/hubspot/settings")
    admin.says(admin.post("/admin/connections/hubspot/settings", {"out-client_secret_previous": "1"}))
    assert set(found(sqlite_runtime, "hubspot").settings) == {"client_secret"}
    said = admin.says(admin.post("/admin/connections/hubspot/settings", {"set-access_token": ""}))
    assert "Nothing was changed." in said


def test_a_change_that_cannot_be_changes_nothing(sqlite_runtime: Runtime, admin: Browser) -> None:
    add_connection(sqlite_runtime, "alerts", "alerts", {"urls": "json://127.0.0.1:9/"})
    hubspot(sqlite_runtime, client_secret="first")
    for name, fields, says in (
        ("hubspot", {"set-calls_per_10_seconds": "many", "set-client_secret": "second"}, "a whole number"),
        ("alerts", {"set-urls": "", "out-urls": "1"}, "Alerts needs urls"),
    ):
        before = found(sqlite_runtime, name).settings
        answer = admin.post(f"/admin/connections/{name}/settings", fields)
        assert answer.status_code == 400
        assert says in answer.text
        assert found(sqlite_runtime, name).settings == before


def test_whom_the_settings_are_not_for_is_told_who_can(sqlite_runtime: Runtime) -> None:
    hubspot(sqlite_runtime)
    marketer = Browser(new_app(sqlite_runtime), "marketer")
    assert marketer.get("/admin/connections/hubspot/settings").status_code == 403
    assert "An admin can change them." in marketer.read("/admin/connections/hubspot")
    assert "Connect a tool" not in marketer.read("/admin/connections")


def test_no_secret_is_in_the_database_as_it_was_typed(sqlite_runtime: Runtime, admin: Browser) -> None:
    admin.post("/admin/connect/klaviyo", {"name": "shop", "set-api_key": SECRET}, on="/admin/connect/klaviyo")
    assert found(sqlite_runtime, "shop").settings["api_key"] == SECRET
    for table in ("connections", "audit"):
        assert SECRET not in json.dumps([tuple(map(str, row)) for row in rows(sqlite_runtime, table)])


def test_a_second_account_of_a_tool_is_said_to_be_one(sqlite_runtime: Runtime, admin: Browser) -> None:
    assert "connected already" not in admin.read("/admin/connect/hubspot")
    hubspot(sqlite_runtime)
    assert "HubSpot is connected already" in admin.read("/admin/connect/hubspot")


def test_an_address_that_the_world_cannot_reach_is_said_to_be_one(tmp_path: Path) -> None:
    for url, warned in (("http://127.0.0.1:8000", True), ("https://hub.example.com", False)):
        home = tmp_path / str(warned)
        runtime = Runtime(settings(f"sqlite:///{home}.db", home, BATON_PUBLIC_URL=url))
        prepare(runtime)
        hubspot(runtime)
        page = Browser(new_app(runtime), "admin").read("/admin/connections/hubspot")
        assert ("Only programs on this machine reach this address" in page) is warned
        runtime.close()
