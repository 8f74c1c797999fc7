"""Mappings by API: what a program sees of the editor.

Catalogue: D1 (grid), D2 (fields), D5 (preview, effect), D6 (request), D7 (drift), D8 (rates), A10 (reading again).
"""

from typing import Any

import pytest

from app import drafts, repairs
from app.runtime import Runtime
from app.store import access
from jobs import noticing, reread
from mappings.writing import put_row, rows_of
from tests.app.doors import Api
from tests.feeding import arrive, contact, drain, hubspot, notice, rows
from tests.telling import told_once

ANN = "ann@acme.example"
HERE = "/mappings/hubspot"


def tell(runtime: Runtime) -> None:
    connection = hubspot(runtime)
    now = runtime.clock()
    told = [("email", ANN), ("city", " Bonn "), ("hs_lead_status", "IN_REVIEW"), ("role_title", "Chief")]
    for name, value in told:
        arrive(runtime, "hubspot", [notice(now, 7, name=name, value=value)])
    drain(runtime)
    noticing.write_counts(runtime)
    repairs.rotate_settings(runtime, connection, {"access_token": "pat-secret"})  # not before: it would have asked


@pytest.fixture
def api(sqlite_runtime: Runtime) -> Api:
    told_once(sqlite_runtime, tell)
    return Api(sqlite_runtime)


def text_with(runtime: Runtime, row: dict[str, Any], number: int | None = None) -> str:
    with runtime.database.read() as conn:
        text = drafts.in_force_text(conn, "mapping", "hubspot")
    return put_row(text, len(rows_of(text)) if number is None else number, row)


ROLE = {"contact": "job_title", "vendor": "role_title"}


def test_grid_says_where_each_field_goes_and_how_it_does(api: Api) -> None:
    by_name = {one["name"]: one for one in api.get("/mappings")["items"]}
    assert {"forms", "hubspot"} <= set(by_name)
    found = {one["vendor"][0]: one for one in by_name["hubspot"]["rows"]}
    city, verdict = found["city"], found["hs_lead_status"]
    assert (city["vendor"], city["direction"], city["health"], city["fill_rate"]) == (["city"], "both", "fine", 1.0)
    assert (verdict["health"], verdict["mismatch_rate"]) == ("bad", 1.0)
    assert [(one["value"], one["count"]) for one in verdict["unmapped"]] == [("IN_REVIEW", 1)]
    assert api.get(HERE)["rows"] == by_name["hubspot"]["rows"]


def test_fields_come_with_type_rate_and_samples(api: Api) -> None:
    fields = {one["name"]: one for one in api.get(f"{HERE}/fields")["items"]}
    assert fields["role_title"] | {"suggestion": None} == {
        "name": "role_title", "label": "", "type": "text", "seen": 1, "filled": 1, "fill_rate": 1.0,
        "samples": ["Chief"], "rows": [], "suggestion": None, "drift": None,
        "listed": None, "options": [],
    }  # fmt: skip
    assert fields["city"]["rows"] == [10]


def test_a_text_is_tried_on_one_payload_and_on_all_of_them(api: Api, sqlite_runtime: Runtime) -> None:
    newest = api.get(f"{HERE}/payloads?limit=1")["items"]
    assert [(one["properties"], one["fields"]) for one in newest] == [({"role_title": "Chief"}, {})]
    text = text_with(sqlite_runtime, {**ROLE, "transform": ["upper"]})
    seen = api.post(f"{HERE}/preview", payload=newest[0]["key"], text=text)
    assert (seen["payload"]["fields"], seen["after"]["fields"]) == ({}, {"job_title": "CHIEF"})
    steps = [(one["step"], one["value"]) for one in seen["rows"][0]["steps"]]
    assert steps == [("found", ["role_title", "Chief"]), ("upper", "CHIEF"), ("type", "CHIEF")]
    effect = api.post(f"{HERE}/effect", text=text)
    assert {name: effect[name] for name in ("unchanged", "changed", "fails")} == {
        "unchanged": 2, "changed": 1, "fails": 1,
    }  # fmt: skip
    (changed,) = [one for one in effect["payloads"] if one["status"] == "changed"]
    assert changed["differences"] == [
        {"field": "job_title", "before": None, "after": "CHIEF", "before_set": False, "after_set": True}
    ]
    assert not rows(sqlite_runtime, "drafts"), "nothing is kept"


def test_without_a_text_it_is_the_draft(api: Api, sqlite_runtime: Runtime) -> None:
    drafts.save(sqlite_runtime, "ann", "mapping", "hubspot", text_with(sqlite_runtime, ROLE), 0)
    assert api.post(f"{HERE}/preview")["after"]["fields"] == {"job_title": "Chief"}
    assert api.post(f"{HERE}/effect")["changed"] == 1
    assert api.get(HERE)["draft"] == {"revision": 1, "author": "ann"}


def test_request_is_written_and_goes_nowhere(api: Api, sqlite_runtime: Runtime) -> None:
    one = contact(sqlite_runtime, hubspot="7")["id"]
    made = api.get(f"{HERE}/request?contact={one}")
    assert made["request"]["url"].endswith("/crm/v3/objects/contacts/batch/update")
    assert '"city"' in made["request"]["body"]
    assert "pat-secret" not in str(made)
    (city,) = [each for each in made["properties"] if each["vendor"] == "city"]
    assert (city["contact"], city["value"], city["held"]) == ("city", "Bonn", None)
    assert not rows(sqlite_runtime, "calls")


def test_request_is_sent_once_it_is_confirmed_as_it_was_seen(api: Api, sqlite_runtime: Runtime) -> None:
    one = contact(sqlite_runtime, hubspot="7")["id"]
    seen = api.post(f"{HERE}/send", contact=one)
    assert "delivery_id" not in seen
    assert "another one by now" in api.post(f"{HERE}/send", 409, contact=one, confirm=True)["error"]
    sent = api.post(f"{HERE}/send", contact=one, confirm=True, seen=seen["digest"])
    (delivery,) = [row for row in rows(sqlite_runtime, "deliveries") if row.slot is None]
    assert (sent["delivery_id"], delivery.kind, delivery.contact_id) == (delivery.id, "upsert_contact", one)


def test_what_came_in_is_read_again_once_it_is_confirmed(api: Api, sqlite_runtime: Runtime) -> None:
    drafts.save(sqlite_runtime, "ann", "mapping", "hubspot", text_with(sqlite_runtime, ROLE), 0)
    drafts.publish(sqlite_runtime, "ann", "mapping", "hubspot", 1, "their new name")
    would = api.post(f"{HERE}/reread", days=7)
    assert (would["begun"], would["payloads"], would["differing"]) == (False, 4, 1)
    assert api.get(f"{HERE}/reread")["items"] == []
    begun = api.post(f"{HERE}/reread", days=7, confirm=True)
    assert (begun["begun"], begun["status"], begun["total"]) == (True, "open", 4)
    assert "already" in api.post(f"{HERE}/reread", 409, days=7, confirm=True)["error"]
    reread.go_on(sqlite_runtime)
    drain(sqlite_runtime)
    (done,) = api.get(f"{HERE}/reread")["items"]
    assert (done["status"], done["contacts"], done["asked_by"]) == ("done", 1, "token tests")
    assert contact(sqlite_runtime, hubspot="7")["fields"]["job_title"] == "Chief"


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        pytest.param("/mappings/site", None, 404, "with a mapping", id="nothing to map"),
        pytest.param("/mappings/nobody/fields", None, 404, "with a mapping", id="no connection"),
        pytest.param("/mappings/forms/request?contact=1", None, 409, "cannot be told", id="only reads"),
        pytest.param(f"{HERE}/request", None, 400, "contact is", id="of whom"),
        pytest.param(f"{HERE}/request?contact=999", None, 404, "no such contact", id="nobody"),
        pytest.param(f"{HERE}/preview", {"payload": "9.9"}, 404, "no such payload", id="no payload"),
        pytest.param(f"{HERE}/preview", {"text": 7}, 400, "text is a mapping in YAML", id="no text"),
        pytest.param(f"{HERE}/effect", {"text": "fields: 7"}, 400, "fields", id="no mapping"),
        pytest.param(f"{HERE}/send", {}, 400, "contact is", id="send to whom"),
        pytest.param(f"{HERE}/reread", {"days": 8}, 400, "days is one of", id="odd span"),
        pytest.param(f"{HERE}/reread", {"confirm": "yes"}, 400, "confirm is true or false", id="odd word"),
    ],
)
def test_nonsense_is_told_what_is_wrong(api: Api, path: str, body: Any, status: int, says: str) -> None:
    answer = api.get(path, status) if body is None else api.post(path, status, **body)
    assert says in answer["error"]


def test_to_look_is_enough_for_trying_and_not_for_doing(api: Api, sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.write() as conn:
        api.secret = access.create_token(conn, "reader", sqlite_runtime.clock(), (access.READ,))
    api.post(f"{HERE}/effect")
    assert "work" in api.post(f"{HERE}/reread", 403)["error"]
