"""Merges and conflicts as programs and people see them, and a contact as it was.

Catalogue: B3 (visible, undoable), C6 (state at a time), C7 (provenance), C8 (conflicts are shown to a person).
"""

import pytest

from app.runtime import Runtime
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import NOW, Clock
from tests.feeding import arrive, contact, drain, form, hubspot, minutes, notice, rows, without_sequences


@pytest.fixture
def met(sqlite_runtime: Runtime) -> Runtime:
    """Ann and Ben, whom HubSpot took for one."""
    without_sequences(sqlite_runtime)
    hubspot(sqlite_runtime)
    form(sqlite_runtime, "trial", at=NOW - minutes(50), email="ann@acme.example", first_name="Ann")
    drain(sqlite_runtime)
    for minute, name, value in ((40, "firstname", "Ben"), (30, "city", "Berlin"), (20, "email", "ann@acme.example")):
        arrive(sqlite_runtime, "hubspot", [notice(NOW - minutes(minute), 7, name=name, value=value)])
        drain(sqlite_runtime)
    return sqlite_runtime


def test_a_merge_is_looked_at_and_undone_through_the_api(met: Runtime) -> None:
    api = Api(met)
    (merge,) = api.get("/merges")["items"]
    assert merge["state"] == "merged"
    assert merge["met_in"]["value"] in ("ann@acme.example", "7")
    assert merge["connection"] == "hubspot"
    detail = api.get(f"/merges/{merge['id']}")
    stays, leaves = detail["would"]
    assert [one["value"] for one in stays["aliases"]] == ["ann@acme.example"]
    assert [(one["kind"], one["value"]) for one in leaves["aliases"]] == [("hubspot", "7")]
    assert (stays["events"], leaves["events"], leaves["later"]) == (1, 2, 1)
    parted = api.post(f"/merges/{merge['id']}/undo", reason="two people")
    assert (parted["state"], parted["undone_by"], parted["undone_why"]) == ("parted", "token tests", "two people")
    drain(met)
    assert contact(met, hubspot="7")["id"] != contact(met, email="ann@acme.example")["id"]
    (entry,) = [row for row in rows(met, "audit") if row.what == "merge.undone"]
    assert entry.detail == f"{merge['winner_id']} and {merge['loser_id']}", "what was said of people is on the merge"
    api.post(f"/merges/{merge['id']}/undo", 409)
    api.post("/merges/4711/undo", 404)
    assert api.get(f"/merges/{merge['id']}")["cannot"] == "it was undone already"
    api.post(f"/merges/{merge['id']}/rejoin")
    drain(met)
    assert contact(met, hubspot="7")["id"] == contact(met, email="ann@acme.example")["id"]
    api.post(f"/merges/{merge['id']}/rejoin", 409)
    assert [one["state"] for one in api.get("/merges")["items"]] == ["merged", "rejoined"]


def test_a_merge_is_looked_at_and_undone_on_the_screens(met: Runtime) -> None:
    marketer = Browser(new_app(met), "marketer")
    one = contact(met, hubspot="7")
    assert "Merges" in marketer.read(f"/admin/contacts/{one['id']}")
    page = marketer.read("/admin/merges")
    merge = one["merged"][0].id
    assert f"/admin/merges/{merge}" in page
    page = marketer.read(f"/admin/merges/{merge}")
    assert "Leaves as contact" in page
    assert "Berlin" not in page, "names and counts, not the whole record"
    said = marketer.says(marketer.post(f"/admin/merges/{merge}/undo", {"reason": "two people"}))
    assert "They are two again" in said
    assert "two people" in said
    drain(met)
    assert "stay two, whatever they share" in marketer.read(f"/admin/merges/{merge}")
    said = marketer.says(marketer.post(f"/admin/merges/{merge}/undo"))
    assert "Not done: it was undone already" in said
    viewer = Browser(marketer.app, "viewer")
    assert viewer.post(f"/admin/merges/{merge}/rejoin").status_code == 403


def test_a_contact_is_shown_as_it_was(met: Runtime, clock: Clock) -> None:
    api = Api(met)
    one = contact(met, hubspot="7")["id"]
    then = (NOW - minutes(35)).isoformat()
    found = api.get(f"/contacts/{one}?at={then.replace('+', '%2B')}")
    assert found["fields"]["first_name"] == "Ben"
    assert "city" not in found["fields"]
    assert found["provenance"]["first_name"]["connection"] == "hubspot"
    assert found["as_of"].startswith(then[:16])
    assert api.get(f"/contacts/{one}")["fields"]["city"] == "Berlin"
    before = api.get(f"/contacts/{one}?at=2020-01-01T00:00:00Z")
    assert (before["fields"], before["score"]["total"]) == ({}, 0)
    later = (NOW + minutes(1)).isoformat().replace("+", "%2B")
    api.get(f"/contacts/{one}?at={later}", 400)
    api.get(f"/contacts/{one}?at=yesterday", 400)
    api.get("/contacts/4711?at=2020-01-01T00:00:00Z", 404)
