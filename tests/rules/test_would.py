# ruff: noqa: E501  (a table with a line for each case)
"""Would this fire for Ann? Each condition's verdict in words, gates, outcome; the same as what happens live.

Catalogue: E5.
"""

import msgspec
import pytest

from app.rules.would import would_hand_over, would_score, would_segment, would_trigger
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


@pytest.mark.parametrize(
    ("before", "happens", "rule", "outcome", "words"),
    [
        pytest.param([], event("page.viewed", path="/pricing"), "pricing_page", "taken", "Gives 5 points; with all that it earns, the event takes the score from 0 to 6", id="yes"),
        pytest.param([], event("page.viewed", path="/blog"), "pricing_page", "not asked", "path contains /pricing", id="a condition"),
        pytest.param([], event("email.opened"), "pricing_page", "not asked", "event.type is one of page.viewed", id="another event"),
        pytest.param([], event("page.viewed", path="/pricing", machine="x"), "pricing_page", "not asked", "not a machine", id="a machine"),
        pytest.param([event("page.viewed", ago(hours=n), path="/pricing", n=n) for n in (1, 2, 3)], event("page.viewed", path="/pricing"), "pricing_page", "withheld", "the 15 that it gives in 1 days at most are used up", id="its cap"),
        pytest.param([event("form.submitted", ago(days=n), form="demo", n=n) for n in (1, 40)], event("meeting.booked"), "meeting", "taken", "over the threshold of 50", id="over the threshold"),
        pytest.param([], event("timer.due"), "free_mail", "not asked", "address with a free mail provider is yes", id="a trait that is not"),
        pytest.param([event("contact.updated", ago(days=1), fields={"job_title": "Director"})], event("timer.due"), "decision_maker", "taken", "Counts 15 points for as long as this is so", id="a trait"),
    ],
)  # fmt: skip
def test_a_scoring_rule_says_what_it_would_give(before, happens, rule, outcome, words):
    answer = would_score(ann(*before), happens, rule, DEFAULT)
    assert answer.outcome == outcome
    assert words in answer.summary


@pytest.mark.parametrize(
    ("before", "happens", "outcome", "words"),
    [
        pytest.param([], event("form.submitted", form="demo"), "taken", "Handed to sales: Asked to talk to someone", id="yes"),
        pytest.param([], event("form.submitted", form="guide"), "not asked", "No handoff, as this is not so", id="a condition"),
        pytest.param([], event("page.viewed", path="/demo"), "not asked", "event.type is one of form.submitted", id="another event"),
        pytest.param([event("form.submitted", ago(days=1), form="demo")], event("form.submitted", form="demo"), "not asked", "no handoff is open", id="one is open"),
        pytest.param([event("conversation.started", ago(days=1), kind="chat")], event("form.submitted", form="demo"), "withheld", "already in conversation", id="a gate"),
    ],
)  # fmt: skip
def test_a_handoff_rule_says_whether_it_would_hand_over(before, happens, outcome, words):
    answer = would_hand_over(ann(*before), happens, "asked_for_contact", DEFAULT)
    assert answer.outcome == outcome
    assert words in answer.summary


def test_a_rule_that_there_is_not_is_a_key_error():
    for would in (would_score, would_hand_over):
        with pytest.raises(KeyError):
            would(ann(), event("page.viewed"), "nothing", DEFAULT)
