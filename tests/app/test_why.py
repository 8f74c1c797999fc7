"""Why did, or didn't, Ann get this? As programs and as people on the screens read it.

Catalogue: E5, H10.
"""

import json
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update

from app.runtime import Runtime
from app.setup import add_connection
from app.store import tables
from tests.app.doors import Api
from tests.app.screens import Browser, fill, new_app
from tests.feeding import contact, drain, form, minutes, visit

ANN = "ann@acme.example"


@pytest.fixture
def ids(sqlite_runtime: Runtime) -> dict[str, int]:
    return fill(sqlite_runtime)


@pytest.fixture
def api(sqlite_runtime: Runtime) -> Api:
    return Api(sqlite_runtime)


def _state(runtime: Runtime, contact_id: int, state: dict[str, Any]) -> None:
    with runtime.database.write() as conn:
        conn.execute(update(tables.contacts).where(tables.contacts.c.id == contact_id).values(state=json.dumps(state)))


def why(api: Api, contact_id: int, about: str, status: int = 200):
    return api.get(f"/contacts/{contact_id}/why?{about}", status)


def test_trigger_that_was_kept_back_names_the_gate_and_the_decision(ids: dict[str, int], api: Api) -> None:
    found = why(api, ids["ann"], "trigger=pricing_follow_up")
    assert found["standing"].startswith("No, not on 20")
    assert "in conversation with sales" in found["standing"]
    (decided,) = found["because"]
    assert decided["outcome"] == "withheld"
    assert [one["name"] for one in decided["gates"] if not one["passed"]] == ["conversation"]
    decisions = {one["id"]: one["rule"] for one in api.get(f"/contacts/{ids['ann']}/decisions")["items"]}
    assert decisions[decided["id"]] == "pricing_follow_up"
    assert found["tried_with"]["type"] == "page.viewed"
    assert found["tried_with"]["occurred_at"] is not None
    assert {"text": "path contains /pricing, /plans, /preise, /tarifs", "holds": True} in found["now"]["conditions"]


def test_trigger_is_tried_with_the_event_that_suits_it_best(api: Api, sqlite_runtime: Runtime) -> None:
    form(sqlite_runtime, "contact", email=ANN, visitor_id="ann".ljust(16, "x"))
    visit(sqlite_runtime, "ann", "/pricing", sqlite_runtime.clock() - minutes(9))
    visit(sqlite_runtime, "ann", "/careers", sqlite_runtime.clock() - minutes(5))
    drain(sqlite_runtime)
    found = why(api, contact(sqlite_runtime, email=ANN)["id"], "trigger=pricing_follow_up")
    assert all(one["holds"] for one in found["now"]["conditions"])


def test_trigger_whose_event_never_happened_says_so(ids: dict[str, int], api: Api) -> None:
    found = why(api, ids["ann"], "trigger=abandoned_checkout")
    assert found["standing"] == "No: what it looks for has not happened to this person lately: started a checkout."
    assert (found["because"], found["tried_with"]["occurred_at"]) == ([], None)


def test_trigger_whose_condition_fails_names_what_is_not_so(ids: dict[str, int], api: Api) -> None:
    found = why(api, ids["visitor"], "trigger=pricing_follow_up")
    assert found["standing"].startswith("No: this happened: visited a page. But this is not so: path contains /pricing")


def test_trigger_that_waits_says_until_when(api: Api, sqlite_runtime: Runtime, ids: dict[str, int]) -> None:
    due = "2026-11-30T12:00:00Z"
    waits = {"trigger": "abandoned_checkout", "event": "0" * 32, "at": due, "received_at": due, "due_at": due}
    _state(sqlite_runtime, ids["ann"], {"waiting": {"abandoned_checkout": waits}})
    standing = why(api, ids["ann"], "trigger=abandoned_checkout")["standing"]
    assert standing == "Not yet: it waits until 2026-11-30 12:00 UTC, unless this happens before: placed an order."


def test_message_gathers_all_that_sends_it(ids: dict[str, int], api: Api) -> None:
    found = why(api, ids["ann"], "message=pricing_follow_up")
    assert [(one["kind"], one["id"]) for one in found["senders"]] == [("trigger", "pricing_follow_up")]
    assert [one["what"] for one in found["because"]] == ["message"]
    assert "in conversation" in found["now"]["summary"]
    welcome = why(api, ids["ann"], "message=welcome")
    assert [one["id"] for one in welcome["senders"]] == ["welcome"]
    assert [one["what"] for one in welcome["because"]] == ["message"], "of its sequence, only what is about it"
    assert "any connection that sends email is missing" in welcome["standing"]


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("sent", None, "UTC, through klaviyo."),
        ("dead", "404: no such list", "but the tool did not take it: 404: no such list."),
        ("unknown", None, "but nobody can tell whether it arrived."),
    ],
)
def test_what_became_of_it_is_said(
    api: Api, sqlite_runtime: Runtime, status: str, reason: str | None, said: str
) -> None:
    add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, "http://127.0.0.1:9")
    agreed = sqlite_runtime.clock() - minutes(5)
    form(sqlite_runtime, "newsletter", at=agreed, email=ANN, newsletter="yes", visitor_id="ann".ljust(16, "x"))
    visit(sqlite_runtime, "ann", "/pricing")
    drain(sqlite_runtime)
    with sqlite_runtime.database.write() as conn:
        sending = tables.deliveries.c.kind == "send_message"
        conn.execute(update(tables.deliveries).where(sending).values(status=status, reason=reason))
    found = why(api, contact(sqlite_runtime, email=ANN)["id"], "trigger=pricing_follow_up")
    assert found["standing"].endswith(said)
    assert [one["status"] for decided in found["because"] for one in decided["deliveries"]] == [status]


def test_sequence_says_what_keeps_somebody_out_now(ids: dict[str, int], api: Api) -> None:
    found = why(api, ids["ann"], "sequence=welcome")
    assert found["standing"].startswith("Was in it")
    assert found["now"]["summary"] == "Nothing would happen, as this is not so: has not been in it before"
    assert why(api, ids["visitor"], "sequence=welcome")["now"]["outcome"] == "not asked"


def test_segment_says_since_when_or_what_is_not_so(ids: dict[str, int], api: Api) -> None:
    assert why(api, ids["ann"], "segment=new_subscribers")["standing"].startswith("Yes, since 20")
    found = why(api, ids["ann"], "segment=lapsing")
    assert found["standing"] == "No: this is not so: placed an order at least 1 time."
    assert [one["holds"] for one in found["now"]["conditions"]] == [False, False]


@pytest.mark.parametrize(
    ("about", "status", "said"),
    [
        ("", 400, "name the sequence"),
        ("trigger=a&segment=b", 400, "name the sequence"),
        ("trigger=none", 404, "there is no such trigger"),
        ("message=none", 404, "there is no such message"),
        ("sequence=none", 404, "there is no such sequence"),
        ("segment=none", 404, "there is no such segment"),
    ],
)
def test_what_cannot_be_asked_is_refused(ids: dict[str, int], api: Api, about: str, status: int, said: str) -> None:
    assert said in why(api, ids["ann"], about, status)["error"]


def test_contact_that_is_not_there(api: Api) -> None:
    assert "no such contact" in why(api, 999_999, "trigger=pricing_follow_up", 404)["error"]


# --- the screen


def test_screen_is_one_click_from_the_contact_and_answers(sqlite_runtime: Runtime, ids: dict[str, int]) -> None:
    sales = Browser(new_app(sqlite_runtime), "sales")
    path = f"/admin/contacts/{ids['ann']}/why"
    assert f'href="{path}"' in sales.read(f"/admin/contacts/{ids['ann']}")
    assert "Choose what you want to know about" in sales.read(path)
    page = unescape(sales.read(f"{path}?about=message:pricing_follow_up"))
    for said in (
        "Did Ann Archer get “Pricing follow-up”?",
        "In conversation with sales",
        "Could it be sent to them now?",
        "What happened is “Visited a page”",
        "The decision",
    ):
        assert said in page
    assert "page.viewed" not in page


@pytest.mark.parametrize(
    ("about", "status", "said"),
    [
        ("x", 400, "“about” is one of message, sequence, trigger, segment"),
        ("rule:x", 400, "This address asks for nothing that Baton knows"),
        ("message:", 400, "for instance message:welcome"),
        ("message:none", 404, "There is no message “none”."),
        ("sequence:none", 404, "There is no sequence “none”."),
    ],
)
def test_screen_says_what_it_cannot_answer(
    sqlite_runtime: Runtime, ids: dict[str, int], about: str, status: int, said: str
) -> None:
    answer = Browser(new_app(sqlite_runtime), "viewer").get(f"/admin/contacts/{ids['ann']}/why?about={about}")
    assert answer.status_code == status
    assert said in unescape(answer.text)


def test_screen_knows_no_contact_that_does_not_exist(sqlite_runtime: Runtime, ids: dict[str, int]) -> None:
    assert Browser(new_app(sqlite_runtime), "admin").get("/admin/contacts/999999/why").status_code == 404


@pytest.mark.parametrize(
    "about", ["message:welcome", "trigger:pricing_follow_up", "sequence:welcome", "segment:lapsing"]
)
def test_erased_and_hostile_people_can_be_asked_about(sqlite_runtime: Runtime, ids: dict[str, int], about: str) -> None:
    browser = Browser(new_app(sqlite_runtime), "admin")
    assert "<script>alert" not in browser.read(f"/admin/contacts/{ids['eve']}/why?about={about}")
    _state(sqlite_runtime, ids["ann"], {"erased_at": "2026-11-22T12:00:00Z"})
    page = browser.read(f"/admin/contacts/{ids['ann']}/why?about={about}")
    assert "This person was erased on 2026-11-22 12:00 UTC: nobody may write to them." in page
    assert "If it happened again now" not in page
