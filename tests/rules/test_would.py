# ruff: noqa: E501  (a table with a line for each case)
"""Would this fire for Ann? Each condition's verdict in words, gates, outcome; the same as what happens live.

Catalogue: E5.
"""

import msgspec
import pytest

from app.rules.would import would_segment, would_trigger
from tests.contacts.making import ANN, NOW, ago, event, no, yes
from tests.rules.making import DEFAULT, live, of

KNOWN = [event("contact.updated", ago(days=9), fields={"email": ANN}), yes(ago(days=9))]


def ann(*events):
    return live([*KNOWN, *events])[0]


@pytest.mark.parametrize(
    ("before", "happens", "rule", "outcome", "words"),
    [
        pytest.param([], event("page.viewed", path="/pricing"), "pricing_follow_up", "taken", "Looked at the pricing page", id="yes"),
        pytest.param([no(ago(days=1))], event("page.viewed", path="/pricing"), "pricing_follow_up", "withheld", "opted out", id="a gate"),
        pytest.param([], event("page.viewed", path="/blog"), "pricing_follow_up", "not asked", "path contains /pricing", id="a condition"),
        pytest.param([], event("email.opened"), "pricing_follow_up", "not asked", "event.type is one of page.viewed", id="another event"),
        pytest.param([], event("page.viewed", path="/pricing", machine="x"), "pricing_follow_up", "not asked", "not a machine", id="a machine"),
        pytest.param([event("page.viewed", ago(days=1), path="/pricing")], event("page.viewed", path="/pricing"), "pricing_follow_up", "withheld", "once in 30 days", id="masked"),
        pytest.param([], event("checkout.started", order="1"), "abandoned_checkout", "waiting", "for order.placed to end it", id="it waits"),
        pytest.param([event("checkout.started", ago(hours=1), order="1")], event("checkout.started", order="1"), "abandoned_checkout", "not asked", "it waits already", id="it waits already"),
    ],
)  # fmt: skip
def test_answer_says_what_and_why(before, happens, rule, outcome, words):
    answer = would_trigger(ann(*before), happens, rule, DEFAULT)
    assert answer.outcome == outcome
    assert words in answer.summary


def test_each_condition_has_its_verdict_and_each_gate_is_there():
    answer = would_trigger(ann(), event("page.viewed", path="/pricing"), "pricing_follow_up", DEFAULT)
    assert all(one.holds for one in answer.conditions)
    assert "email is known" in [one.text for one in answer.conditions]
    assert {"in time", "not sent lately", "consent", "conversation"} <= {one.name for one in answer.gates}


def test_what_waits_says_what_it_comes_to():
    answer = would_trigger(ann(no(ago(days=1))), event("checkout.started", order="1"), "abandoned_checkout", DEFAULT)
    assert answer.then is not None
    assert (answer.then.outcome, answer.then.decided_at) == ("withheld", answer.decided_at)
    assert "opted out" in answer.then.summary


def test_nothing_is_changed():
    contact = ann(event("page.viewed", ago(days=1), path="/pricing"))
    before = msgspec.json.encode(contact)
    would_trigger(contact, event("checkout.started", order="1"), "abandoned_checkout", DEFAULT)
    would_segment(contact, event("order.placed", value=1), "first_time_buyers", DEFAULT)
    assert msgspec.json.encode(contact) == before


def test_it_is_what_happens():
    happens = event("page.viewed", path="/pricing")
    answer = would_trigger(ann(), happens, "pricing_follow_up", DEFAULT)
    (made,) = of(live([*KNOWN, happens])[1], "message")
    assert (answer.outcome, answer.summary, answer.gates) == (str(made.outcome), made.summary, made.gates)


@pytest.mark.parametrize(
    ("before", "happens", "outcome"),
    [
        pytest.param([], event("order.placed", value=1), "entered", id="in"),
        pytest.param([event("order.placed", ago(days=2))], event("order.placed", NOW), "left", id="out"),
        pytest.param([event("order.placed", ago(days=2))], event("timer.due", NOW), "inside", id="stays in"),
        pytest.param([], event("page.viewed", NOW), "outside", id="stays out"),
    ],
)
def test_segment(before, happens, outcome):
    answer = would_segment(ann(*before), happens, "first_time_buyers", DEFAULT)
    assert answer.outcome == outcome
    assert [one.text for one in answer.conditions] == ["placed an order exactly 1 time"]


def test_rule_that_is_not_there():
    with pytest.raises(KeyError):
        would_trigger(ann(), event("page.viewed"), "nothing", DEFAULT)
