"""``POST /contacts/<id>/would``: asked over the API, on both databases; nothing is written.

Catalogue: E5.
"""

import pytest

from app.runtime import Runtime
from app.store.tables import metadata
from tests.app.doors import Api
from tests.conftest import NOW
from tests.feeding import drain, form, minutes, rows

PRICING = {"type": "page.viewed", "properties": {"path": "/pricing"}}


@pytest.fixture
def api(runtime: Runtime) -> Api:
    form(runtime, email="ann@example.com", consent="yes", at=NOW - minutes(5))
    drain(runtime)
    return Api(runtime)


def ann(api: Api) -> str:
    return f"/contacts/{api.get('/contacts?email=ann@example.com')['items'][0]['id']}/would"


def test_trigger_sequence_and_segment_are_tried_and_nothing_is_written(api: Api, runtime: Runtime) -> None:
    path = ann(api)
    tables = [name for name in metadata.tables if name != "tokens"]
    before = {name: rows(runtime, name) for name in tables}
    fires = api.post(path, trigger="pricing_follow_up", event=PRICING)
    assert fires["outcome"] in ("taken", "withheld")
    assert fires["gates"]
    assert {"text": "path contains /pricing, /plans, /preise, /tarifs", "holds": True} in fires["conditions"]
    waits = api.post(path, trigger="abandoned_checkout", event={"type": "checkout.started"})
    assert waits["outcome"] == "waiting"
    assert waits["then"]["decided_at"] == waits["decided_at"]
    assert api.post(path, segment="first_time_buyers", event={"type": "order.placed"})["outcome"] == "entered"
    assert api.post(path, segment="lapsing")["outcome"] == "outside"
    lets_in = api.post(path, sequence="post_purchase", event={"type": "order.placed"})
    assert (lets_in["outcome"], lets_in["summary"]) == ("taken", "Would come in")
    no = api.post(path, sequence="welcome", event={"type": "page.viewed"})
    assert no["outcome"] == "not asked"
    assert "event.type is one of form.submitted, consent.changed" in no["summary"]
    points = api.post(path, scoring="pricing_page", event=PRICING)
    assert (points["outcome"], points["summary"][:14]) == ("taken", "Gives 5 points")
    passed = api.post(
        path, handoff="asked_for_contact", event={"type": "form.submitted", "properties": {"form": "demo"}}
    )
    assert passed["outcome"] == "taken"
    assert {name: rows(runtime, name) for name in tables} == before


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "name one rule"),
        ({"trigger": "a", "segment": "b"}, 400, "name one rule"),
        ({"trigger": "pricing_follow_up"}, 400, "event is an object"),
        ({"trigger": "pricing_follow_up", "event": {"type": "x"}}, 400, "not an event type"),
        ({"trigger": "pricing_follow_up", "event": {**PRICING, "occurred_at": "soon"}}, 400, "not a time"),
        ({"trigger": "pricing_follow_up", "event": {**PRICING, "occurred_at": "2020-01-01"}}, 400, "newest event"),
        ({"trigger": "pricing_follow_up", "event": {**PRICING, "occurred_at": "9999-12-31"}}, 400, "a year ahead"),
        ({"trigger": "pricing_follow_up", "event": {**PRICING, "properties": []}}, 400, "are objects"),
        ({"trigger": "nothing", "event": PRICING}, 404, "there are abandoned_checkout"),
        ({"segment": "nothing"}, 404, "no such segment"),
        ({"sequence": "nothing", "event": PRICING}, 404, "no such sequence; there are interest_nurture"),
        ({"sequence": "welcome"}, 400, "event is an object"),
    ],
)
def test_what_cannot_be_asked_is_refused(api: Api, body, status: int, words: str) -> None:
    assert words in api.post(ann(api), status, **body)["error"]


def test_contact_that_is_not_there(api: Api) -> None:
    assert "no such contact" in api.post("/contacts/999999/would", 404, segment="lapsing")["error"]
