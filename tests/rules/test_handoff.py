"""When a person is ready, a human gets the baton, and automation leaves the person alone until sales has judged.

Catalogue: G1 (behavioural handoff), G4 (the clock starts), G5 (verdict rule), G6 (automation stops).
"""

from datetime import UTC, datetime

import pytest

from app.rules.handoff import VERDICTS
from app.rules.suppression import conversation, suppressions
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event
from tests.rules.making import DEFAULT, SUPPRESSION, gate, live, of, policies

# A lead with 54 points, a few days ago
LEAD = [
    event("contact.updated", ago(days=5), fields={"email": ANN, "job_title": "Director", "company": "Acme"}),
    event("form.submitted", ago(days=4), form="free-trial"),
    event("meeting.booked", ago(days=30), meeting="1"),
    event("email.clicked", ago(days=1)),
]


def pricing(minutes: float = 0, **more):
    return event("page.viewed", ago(minutes=minutes), path="/pricing", **more)


def demo(days: float = 9, **fields):
    return event("form.submitted", ago(days=days), form="demo", fields={"email": ANN, **fields})


def verdict(name: str, days: float, actor: str | None = "Rita", **more):
    return event("sales.verdict", ago(days=days), actor=actor, verdict=name, **more)


def handoffs(*events, by=DEFAULT) -> list[str]:
    return [str(one.outcome) for one in of(live(events, by)[1], "handoff")]


# When -----------------------------------------------------------------------------------------------------------------


def test_pricing_page_with_a_high_score_is_a_handoff():
    contact, decisions = live([*LEAD, event("checkout.started", ago(days=1)), pricing()])
    (decision,) = of(decisions, "handoff")
    assert (decision.outcome, decision.rule) == ("taken", "pricing_and_score")
    assert decision.summary == "Handed to sales: On the pricing page with a high score (score 62)"
    assert contact.open_handoff is not None
    assert contact.open_handoff.key == decision.key


@pytest.mark.parametrize(
    ("trials", "handed"),
    [pytest.param(["trial"], [], id="one point short"), pytest.param(["trial", "visit"], ["taken"], id="just enough")],
)
def test_score_counts_to_the_point(trials, handed):
    by = policies(
        """
        kind: scoring
        groups: {all: {}}
        rules:
          - {id: pricing_page, label: Pricing, group: all, on: [page.viewed], points: 5}
          - {id: trial, label: Trial, group: all, on: ["custom:trial"], points: 44}
          - {id: visit, label: Visit, group: all, on: ["custom:visit"], points: 1}
        """
    )
    known = event("contact.updated", ago(days=5), fields={"email": ANN})
    assert handoffs(known, *(event(f"custom:{name}", ago(days=1)) for name in trials), pricing(), by=by) == handed


def test_handoff_has_its_clock_and_its_reason():
    _, decisions = live([demo(1)])
    plan = of(decisions, "handoff")[0].handoff
    # A Saturday; people work again on Monday at nine
    assert (plan.opened_at, plan.due_at) == (ago(days=1), datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert (plan.reason, plan.rule, plan.score) == ("Asked to talk to someone", "asked_for_contact", 30)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*LEAD], id="a score without the behaviour"),
        pytest.param([event("contact.updated", ago(days=5), fields={"email": ANN}), pricing()], id="the page alone"),
        pytest.param([*(event("email.opened", ago(days=n)) for n in range(40))], id="after any number of mails"),
        pytest.param([event("form.submitted", form="newsletter", fields={"email": ANN})], id="any other form"),
        pytest.param([event("order.placed", ago(days=9), value=1), *LEAD, pricing()], id="a customer who looks"),
    ],
)
def test_no_handoff_without_both_behaviour_and_score(events):
    assert handoffs(*events) == []


def test_machine_hands_nobody_over():
    assert handoffs(event("form.submitted", form="demo", machine="a bot", fields={"email": ANN})) == []


def test_rule_looks_only_at_the_events_it_names():
    by = policies("kind: handoff\nrules: [{id: x, label: X, on: [order.placed], when: {field: score, op: at_least, value: 0}}]")  # noqa: E501  # fmt: skip
    known = event("contact.updated", ago(days=5), fields={"email": ANN})
    assert handoffs(known, pricing(), by=by) == []
    assert handoffs(known, event("order.placed"), by=by) == ["taken"]


# Why not --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "closed", "words"),
    [
        pytest.param(
            [event("deal.created", ago(days=3), deal="1", owner="Rita")],
            "not in conversation",
            "Not handed to sales: already in conversation (deal Rita)",
            id="sales talks with them already",
        ),
        pytest.param(
            [demo(9), verdict("nurture", 8)],
            "not judged lately",
            "Not handed to sales: sales said nurture lately",
            id="sales has just sent them back",
        ),
        pytest.param(
            [event("contact.updated", ago(days=9), fields={"email": None})],
            "can be reached",
            "Not handed to sales: neither e-mail address nor phone is known",
            id="nobody could call or write",
        ),
    ],
)
def test_handoff_that_must_not_be_says_why(before, closed, words):
    ask = event("form.submitted", NOW, form="demo")
    _, decisions = live([*before, ask])
    refused = of(decisions, "handoff")[-1]
    assert (refused.outcome, refused.summary, refused.handoff) == ("withheld", words, None)
    assert gate(refused, closed).passed is False


def test_what_reaches_us_a_week_late_raises_no_handoff():
    late = event("form.submitted", ago(days=8), form="demo", fields={"email": ANN}, received=NOW)
    _, decisions = live([late])
    assert gate(of(decisions, "handoff")[0], "in time").passed is False
    assert handoffs(event("form.submitted", ago(days=6), form="demo", fields={"email": ANN}, received=NOW)) == ["taken"]


def test_one_handoff_at_a_time():
    assert handoffs(demo(3), demo(2), demo(1)) == ["taken"]


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        pytest.param("nurture", 14, id="nurture further"),
        pytest.param("lost", 30, id="lost"),
        pytest.param("not_a_fit", 90, id="not a fit"),
    ],
)
def test_after_such_a_verdict_they_are_left_alone_for_a_while(name, rest):
    judged = [demo(rest + 10), verdict(name, rest)]
    assert handoffs(*judged, demo(0.5)) == ["taken", "withheld"]
    assert handoffs(*judged, demo(0)) == ["taken", "taken"]


# Verdicts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict_closes_the_handoff_and_is_recorded(name):
    contact, decisions = live([demo(9), verdict(name, 8)])
    (handoff,) = contact.handoffs
    assert (handoff.verdict, handoff.closed_at) == (name, ago(days=8))
    (decision,) = of(decisions, "verdict")
    assert decision.tags == {"handoff": handoff.key, "verdict": name, "by": "Rita"}
    assert decision.summary == f"Sales (Rita) said: {name.replace('_', ' ')}"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([verdict("accepted", 1)], id="on nothing"),
        pytest.param([demo(9), verdict("perhaps", 8)], id="that is none"),
        pytest.param([demo(9), verdict("", 8)], id="that is empty"),
    ],
)
def test_verdict_that_judges_nothing_is_no_verdict(events):
    contact, decisions = live(events)
    assert of(decisions, "verdict") == []
    assert all(handoff.closed_at is None for handoff in contact.handoffs)


def test_same_verdict_twice_is_one():
    _, decisions = live([demo(9), verdict("nurture", 8), verdict("nurture", 7)])
    assert len(of(decisions, "verdict")) == 1


def test_accepted_handoff_is_a_conversation_until_the_next_verdict():
    accepted = [demo(9), verdict("accepted", 8)]
    contact, _ = live(accepted)
    talk = conversation(contact, SUPPRESSION, ago(days=7))
    assert talk is not None
    assert (talk.kind, talk.who) == ("sales", "Rita")
    contact, decisions = live([*accepted, verdict("lost", 6)])
    assert conversation(contact, SUPPRESSION, NOW) is None
    assert [one.tags["verdict"] for one in of(decisions, "verdict")] == ["accepted", "lost"]
    assert (contact.handoffs[0].verdict, contact.handoffs[0].closed_at) == ("lost", ago(days=8))


def test_verdict_is_on_the_handoff_that_it_names():
    """A rep says how an older one ended while a newer waits."""
    before = [demo(200), verdict("nurture", 199), demo(9)]
    older, newer = live(before)[0].handoffs
    contact, decisions = live([*before, verdict("lost", 1, handoff=older.key)])
    assert contact.open_handoff == newer
    assert [one.verdict for one in contact.handoffs] == ["lost", ""]
    assert of(decisions, "verdict")[-1].tags["handoff"] == older.key
    contact, _ = live([*before, verdict("lost", 1, handoff=newer.key)])
    assert contact.open_handoff is None


def test_verdict_on_one_that_has_become_another_is_on_that():
    contact, _ = live([demo(9), verdict("won", 8, handoff="what it was before an earlier reason came to light")])
    assert [one.verdict for one in contact.handoffs] == ["won"]


def test_verdict_arms_the_threshold_again():
    contact, _ = live([demo(9), event("form.submitted", ago(days=9), form="trial"), verdict("nurture", 8)])
    assert contact.score.armed


# Automation stops -----------------------------------------------------------------------------------------------------


def test_open_handoff_suppresses_marketing_until_the_verdict():
    contact, _ = live([demo(9)])
    (reason,) = [one for one in suppressions(contact, SUPPRESSION, NOW) if one.reason == "conversation"]
    assert (reason.scope, reason.until, reason.detail) == (
        "marketing",
        None,
        "handed to sales, who have not said yet how it went",
    )
    contact, _ = live([demo(9), verdict("nurture", 8)])
    assert suppressions(contact, SUPPRESSION, NOW) == []


# The document ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "rules: [{id: x, label: X, on: [form.sent], when: {field: score, op: at_least, value: 1}}]",
            'rule 1, on: "form.sent" is not an event type; did you mean',
            id="no such event",
        ),
        pytest.param("rules: [{id: X, label: X, when: {scored: y}}]", "rule 1, id", id="an id in capitals"),
        pytest.param("rules: [{id: x, label: X}]", "rule 1, when is missing", id="a rule for everybody"),
        pytest.param("rules: []\npeople: [{name: Rita, email: rita}]", "person 1, email", id="no address"),
        pytest.param("rules: []\ndue_minutes: 0", "due_minutes", id="no time"),
    ],
)
def test_mistake_in_the_document_is_named(text, problem):
    with pytest.raises(InvalidDocument) as caught:
        policies(f"kind: handoff\n{text}")
    assert problem in str(caught.value)


def test_a_person_may_hand_somebody_over_and_a_tool_may_not():
    by_hand = {"actor": "Rita", "reason": "Asked on the phone"}
    known = event("contact.updated", ago(days=9), fields={"email": ANN})
    _, made = live([known, event("custom:handed_over", ago(days=8), connection=0, **by_hand)])
    (decision,) = of(made, "handoff")
    assert decision.handoff.reason == "Rita hands the person over: Asked on the phone"
    assert of(live([known, event("custom:handed_over", ago(days=8), **by_hand)])[1], "handoff") == []
