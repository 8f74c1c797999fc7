"""Lifecycle stages: forward by rule, backward only by a named person with a reason.

Catalogue: C3 (lifecycle stage), G5 (verdict), G7 (verdicts move the stage).
"""

import pytest

from app.contacts.contact import STAGE_ORDER, LifecycleStage
from tests.contacts.making import ANN, ago, event, yes
from tests.rules.making import live, of, policies


def stage(events) -> str | None:
    contact, _ = live(events)
    return str(contact.stage.name) if contact.stage else None


def set_to(name: str, days: float = 5, actor: str | None = None):
    return event("stage.changed", ago(days=days), actor=actor, stage=name)


def test_stages_have_an_order():
    assert sorted(LifecycleStage, key=STAGE_ORDER.get) == [
        *("subscriber", "lead", "mql", "sql", "opportunity", "customer", "evangelist")
    ]


@pytest.mark.parametrize(
    ("happened", "becomes"),
    [
        pytest.param(event("list.joined", list="1"), "subscriber", id="joined a list"),
        pytest.param(yes(ago(days=1)), "subscriber", id="agreed to be written to"),
        pytest.param(event("consent.changed", state="withdrawn"), None, id="a no is no subscription"),
        pytest.param(event("form.submitted", form="newsletter"), "lead", id="filled in a form"),
        pytest.param(event("asset.downloaded", fields={"email": ANN}), "lead", id="downloaded something"),
        pytest.param(event("asset.downloaded"), None, id="downloaded something, nobody knows who"),
        pytest.param(event("meeting.booked", meeting="1"), "sql", id="booked a meeting"),
        pytest.param(event("deal.created", deal="1"), "opportunity", id="a deal"),
        pytest.param(event("deal.stage_changed", deal="1", outcome=""), "opportunity", id="a deal goes on"),
        pytest.param(event("deal.stage_changed", deal="1", outcome="won", closed=True), "customer", id="a deal won"),
        pytest.param(event("deal.stage_changed", deal="1", outcome="lost", closed=True), None, id="a deal lost"),
        pytest.param(event("deal.stage_changed", deal="1", outcome="deleted", closed=True), None, id="a deal deleted"),
        pytest.param(event("order.placed", value=1), "customer", id="bought something"),
        pytest.param(event("page.viewed", path="/"), None, id="just looked"),
    ],
)
def test_what_people_do_moves_them_forward(happened, becomes):
    assert stage([happened]) == becomes


def test_move_has_its_reason_and_its_record():
    contact, decisions = live([event("form.submitted", ago(days=2)), event("order.placed", ago(days=1), value=1)])
    assert contact.stage is not None
    assert (contact.stage.since, contact.stage.by, contact.stage.reason) == (ago(days=1), "rule", "bought something")
    assert [one.summary for one in of(decisions, "stage")] == [
        "Became lead: filled in a form",
        "From lead to customer: bought something",
    ]


def test_score_makes_a_marketing_qualified_lead():
    demo = [
        event("form.submitted", ago(days=1), form="demo", fields={"job_title": "CEO"}),
        event("custom:trial_started"),
    ]
    contact, decisions = live(demo)
    assert contact.stage is not None
    assert contact.stage.name == "mql"
    assert of(decisions, "stage")[-1].summary == "From lead to mql: score 54 has reached 50"
    without = policies("kind: lifecycle\nmql_at_threshold: false\nsteps: []")
    assert live(demo, without)[0].stage is None


@pytest.mark.parametrize(
    "happened",
    [
        pytest.param(event("form.submitted", form="newsletter"), id="a form"),
        pytest.param(event("list.joined", list="1"), id="a list"),
        pytest.param(event("deal.created", deal="2"), id="another deal"),
        pytest.param(set_to("lead", 1), id="a tool that says so"),
    ],
)
def test_nothing_that_happens_by_itself_moves_a_customer_back(happened):
    assert stage([event("order.placed", ago(days=5), value=1), happened]) == "customer"


def test_refusal_to_follow_a_tool_backward_is_recorded():
    _, decisions = live([set_to("customer", 5), set_to("lead", 1)])
    refused = of(decisions, "stage")[-1]
    assert (refused.outcome, refused.summary) == (
        "withheld",
        "Stayed customer: a tool moved the stage back to lead without saying who did",
    )


def test_named_person_may_move_a_stage_back():
    contact, decisions = live([set_to("customer", 5), set_to("lead", 1, actor="HubSpot user 9")])
    assert contact.stage is not None
    assert (contact.stage.name, contact.stage.by) == ("lead", "HubSpot user 9")
    assert of(decisions, "stage")[-1].summary == "From customer to lead: set by HubSpot user 9"


@pytest.mark.parametrize("name", ["", "vip", None])
def test_stage_that_nobody_knows_changes_nothing(name):
    assert stage([set_to("lead"), event("stage.changed", stage=name)]) == "lead"


# Verdicts -------------------------------------------------------------------------------------------------------------

READY = [
    event("form.submitted", ago(days=9), form="demo", fields={"email": ANN}),
]


def verdict(name: str, days: float = 4, actor: str | None = "Rita"):
    return event("sales.verdict", ago(days=days), actor=actor, verdict=name)


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        pytest.param("accepted", "sql", id="accepted"),
        pytest.param("not_a_fit", "lead", id="not a fit"),
        pytest.param("nurture", "lead", id="nurture further"),
        pytest.param("won", "customer", id="won"),
        pytest.param("lost", "lead", id="lost"),
        pytest.param("maybe", "lead", id="no verdict at all"),
    ],
)
def test_verdict_on_a_handoff_moves_the_stage(name, becomes):
    assert stage([*READY, verdict(name)]) == becomes


def test_bad_news_from_a_named_rep_moves_back_and_says_so():
    events = [*READY, event("meeting.booked", ago(days=6), meeting="1"), verdict("nurture")]
    contact, decisions = live(events)
    assert contact.stage is not None
    assert (contact.stage.name, contact.stage.by, contact.stage.reason) == ("lead", "Rita", "verdict of sales: nurture")
    assert of(decisions, "stage")[-1].summary == "From sql to lead: verdict of sales: nurture"


def test_bad_news_from_nobody_in_particular_moves_nobody_back():
    events = [*READY, event("meeting.booked", ago(days=6), meeting="1"), verdict("not_a_fit", actor=None)]
    contact, decisions = live(events)
    assert contact.stage is not None
    assert contact.stage.name == "sql"
    assert of(decisions, "stage")[-1].outcome == "withheld"


def test_good_news_is_no_step_back_for_a_customer():
    assert stage([event("order.placed", ago(days=20), value=1), *READY, verdict("accepted")]) == "customer"


def test_old_lead_status_without_a_handoff_moves_nobody():
    assert stage([event("order.placed", ago(days=20), value=1), verdict("not_a_fit")]) == "customer"
    assert stage([verdict("won")]) is None


def test_verdict_that_is_told_again_moves_nobody_a_second_time():
    events = [*READY, verdict("nurture"), event("order.placed", ago(days=3), value=1), verdict("nurture", 1)]
    assert stage(events) == "customer"
