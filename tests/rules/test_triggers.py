"""Messages and lists that follow from what a person just did.

Catalogue: E1 (behavioural triggers), E2 (masking), I1 (gates), N1 (every decision with its reasons).
"""

import pytest

from app.contacts.action import JoinList, LeaveList, SendMessage
from app.rules.policy import read_document
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event, yes
from tests.rules.making import DEFAULT, UNCAPPED, gate, live, of, policies

KNOWN = [event("contact.updated", ago(days=9), fields={"email": ANN}), yes(ago(days=9))]


def pricing(days: float = 0, path: str = "/pricing", **more):
    return event("page.viewed", ago(days=days), path=path, title="Prices", secret="x", **more)


def messages(*events, by=DEFAULT) -> list[str]:
    """What became of messages, oldest first."""
    return [str(one.outcome) for one in of(live([*KNOWN, *events], by)[1], "message")]


# When -----------------------------------------------------------------------------------------------------------------


def test_visit_of_the_pricing_page_sends_its_message():
    contact, decisions = live([*KNOWN, pricing()])
    (decision,) = of(decisions, "message")
    assert decision.outcome == "taken"
    assert decision.summary == "“Pricing follow-up” by email: Looked at the pricing page"
    assert decision.send == SendMessage(
        message="Pricing follow-up",
        rule="pricing_follow_up",
        occurred_at=NOW,
        properties={"path": "/pricing", "title": "Prices"},
        content="pricing_follow_up",
        on="page.viewed",
    ), "and only the properties that the flow may use"
    assert contact.fired == {"pricing_follow_up": NOW}
    assert all(one.passed for one in decision.gates)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([pricing(path="/about")], id="another page"),
        pytest.param([pricing(machine="a crawler")], id="a machine"),
        pytest.param([event("order.placed", ago(days=1), value=1), pricing()], id="a customer"),
        pytest.param([event("email.opened")], id="another event"),
    ],
)
def test_nothing_follows_from_anything_else(events):
    assert messages(*events) == []


def test_nobody_without_an_address_is_decided_about():
    assert of(live([pricing()])[1], "message") == []


def test_same_event_decides_the_same_again():
    assert live([*KNOWN, one := pricing()])[1][-1].key == live([*KNOWN, one])[1][-1].key


# Masking --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "outcomes"),
    [
        pytest.param([1, 0], ["taken", "withheld"], id="the next day"),
        pytest.param([29.9, 0], ["taken", "withheld"], id="just within thirty days"),
        pytest.param([30, 0], ["taken", "taken"], id="after thirty days"),
        pytest.param([40, 20, 0], ["taken", "withheld", "taken"], id="what was withheld does not count"),
    ],
)
def test_message_is_sent_once_in_its_days(days, outcomes):
    agreed = [event("contact.updated", ago(days=60), fields={"email": ANN}), yes(ago(days=60))]
    decisions = live([*agreed, *(pricing(one) for one in days)])[1]
    assert [str(one.outcome) for one in of(decisions, "message")] == outcomes


def test_masked_message_says_since_when():
    decision = of(live([*KNOWN, pricing(2), pricing()])[1], "message")[-1]
    assert gate(decision, "not sent lately").detail == "sent on 2026-11-20; once in 30 days"


def test_one_message_does_not_mask_another():
    assert messages(pricing(1), event("asset.downloaded", asset="Guide")) == ["taken", "taken"]


# Why not --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "closed", "words"),
    [
        pytest.param([event("email.unsubscribed", ago(days=1))], "consent", "opted out of email on", id="opted out"),
        pytest.param([event("deal.created", ago(days=1), deal="1")], "conversation", "in conversation", id="talking"),
        pytest.param([event("email.bounced", ago(days=1), permanent=True)], "bounce", "email bounces", id="bouncing"),
        pytest.param([event("custom:suppressed", ago(days=1))], "manual", "suppressed by hand", id="by hand"),
    ],
)
def test_withheld_message_says_which_gate_was_closed(before, closed, words):
    contact, decisions = live([*KNOWN, *before, pricing()])
    decision = of(decisions, "message")[-1]
    assert decision.outcome == "withheld"
    assert not gate(decision, closed).passed
    assert words in decision.summary
    assert contact.fired == {}, "so it may be sent as soon as the gate is open"


@pytest.mark.parametrize(("hours", "outcome"), [(0, "taken"), (24, "taken"), (24.1, "withheld"), (900, "withheld")])
def test_event_that_reaches_us_late_sends_nothing(hours, outcome):
    late = event("page.viewed", ago(hours=hours), path="/pricing", received=NOW)
    decision = of(live([*[event("contact.updated", ago(days=99), fields={"email": ANN}), yes(ago(days=60))], late])[1], "message")[-1]  # noqa: E501  # fmt: skip
    assert decision.outcome == outcome
    assert gate(decision, "in time").passed is (outcome == "taken")


# What an admin writes -------------------------------------------------------------------------------------------------

HEAD = "kind: triggers\ntriggers:\n"


def problems(trigger: str) -> str:
    with pytest.raises(InvalidDocument) as refused:
        read_document(f"{HEAD}  - {{id: x, label: X, {trigger}}}", "t.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("trigger", "why"),
    [
        pytest.param("on: [page.viewd], message: {name: A}", '"page.viewd" is not an event type; did you mean "page.viewed"?', id="no event"),  # noqa: E501
        pytest.param("on: [], message: {name: A}", "too few entries: at least 1", id="no event at all"),
        pytest.param("on: [page.viewed]", 'exactly one thing: "message", "join", "leave"', id="nothing to do"),
        pytest.param("on: [page.viewed], message: {name: A}, leave: {list: '1', through: k}", "exactly one", id="two things"),  # noqa: E501
        pytest.param("on: [page.viewed], message: {name: A, channel: fax}", '"fax" is not a channel', id="no channel"),
        pytest.param("on: [page.viewed], message: {name: '{{x}}'}", "written like that", id="a token for a name"),
        pytest.param("on: [page.viewed], join: {list: ''}", "too short: at least 1", id="a list without a name"),
        pytest.param("on: [page.viewed], join: {list: '1'}", "through", id="a list of nobody's"),
        pytest.param("on: [page.viewed], message: {name: A}, once_in_days: -1", "at least 0", id="less than no days"),
    ],
)  # fmt: skip
def test_trigger_that_cannot_work_is_refused_with_its_place(trigger, why):
    assert why in problems(trigger)
    assert problems(trigger).startswith("t.yaml: trigger 1")


def test_inactive_trigger_does_nothing():
    by = policies(HEAD + "  - {id: x, label: X, on: [page.viewed], active: false, message: {name: A}}")
    assert messages(pricing(), by=by) == []
    assert list(by.triggers.by_id) == ["x"]


def test_several_triggers_of_one_event_each_decide():
    by = policies(
        HEAD
        + "  - {id: a, label: A, on: [page.viewed, email.opened], once_in_days: 0, message: {name: A}}\n"
        + "  - {id: b, label: B, on: [page.viewed], message: {name: B, channel: sms, purpose: transactional}}\n",
        UNCAPPED,
    )
    assert messages(pricing(), by=by) == ["taken", "withheld"], "the second has no number to go to"
    assert messages(pricing(), pricing(), event("email.opened"), by=by).count("taken") == 3


LISTS = (
    HEAD
    + "  - {id: on, label: Interested, on: [page.viewed], join: {list: 7, through: klaviyo}}\n"
    + "  - {id: off, label: Bought, on: [order.placed], leave: {list: 7, through: klaviyo}}\n"
)


def test_going_on_a_list_passes_the_gates_of_a_message_because_tools_send_to_lists():
    by = policies(LISTS)
    (joined,) = of(live([*KNOWN, pricing()], by)[1], "list")
    assert (joined.outcome, joined.through) == ("taken", "klaviyo")
    assert joined.send == JoinList(list="7", rule="on", occurred_at=NOW)
    assert joined.summary == "On the list 7 of klaviyo: Interested"
    (kept_off,) = of(live([*KNOWN, event("email.unsubscribed", ago(days=1)), pricing()], by)[1], "list")
    assert kept_off.outcome == "withheld"


def test_going_off_a_list_is_always_allowed():
    by = policies(LISTS)
    gone = [*KNOWN, event("email.unsubscribed", ago(days=1)), event("order.placed", value=1)]
    (left,) = of(live(gone, by)[1], "list")
    assert (left.outcome, left.send) == ("taken", LeaveList(list="7"))
