"""Points for what people do and who they are, and the threshold that is told once.

Catalogue: C5 (machines earn nothing), F1 (behaviour and fit), F2 (negative), F3 (decay), F5 (threshold).
"""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import scoring
from app.rules.policy import default_documents
from app.rules.score import read_score, total
from app.rules.scoring import MAX_RECENT
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event
from tests.rules.making import DEFAULT, live, of, policies

READ = DEFAULT.scoring.read


def points(*events, by=DEFAULT, at=NOW) -> float:
    contact, _ = live(events, by)
    return total(contact.score, by.scoring.read, at)


def who(**fields):
    return event("contact.updated", NOW, fields=fields)


# The shipped policy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened", "earned"),
    [
        pytest.param(event("custom:trial_started"), 10, id="trial"),
        pytest.param(event("form.submitted", form="free-trial"), 10 + 5, id="trial by form, and a form"),
        pytest.param(event("form.submitted", form="demo"), 25 + 5, id="asked for a demo"),
        pytest.param(event("form.submitted", path="/en/contact-sales"), 25 + 5, id="on the page for it"),
        pytest.param(event("form.submitted", form="newsletter"), 5, id="any form"),
        pytest.param(event("page.viewed", path="/pricing"), 5 + 1, id="pricing page"),
        pytest.param(event("page.viewed", path="/blog"), 1, id="any page"),
        pytest.param(event("asset.downloaded", asset="guide"), 5, id="download"),
        pytest.param(event("email.opened"), 1, id="newsletter open"),
        pytest.param(event("email.clicked"), 3, id="newsletter click"),
        pytest.param(event("email.replied"), 10, id="reply"),
        pytest.param(event("checkout.started"), 10, id="checkout"),
        pytest.param(event("meeting.booked", meeting="1"), 20, id="meeting"),
        pytest.param(who(job_title="Marketing Director"), 15, id="director by title"),
        pytest.param(who(job_title="Managerin"), 0, id="a word that only begins like a title"),
        pytest.param(who(company="Acme", email="ann@acme.example"), 5, id="a company"),
        pytest.param(event("email.unsubscribed"), -20, id="unsubscribe"),
        pytest.param(event("page.viewed", path="/careers/sales"), 1 - 10, id="careers page"),
        pytest.param(who(email="ann@competitor.example"), -100, id="a competitor's domain"),
        pytest.param(who(email="ann@gmail.com"), -5, id="private mail"),
        pytest.param(who(job_title="Student"), -10, id="student by title"),
        pytest.param(who(email="ann@cs.example.edu"), -10, id="student by address"),
        pytest.param(event("email.opened", machine="opened by a mail privacy proxy"), 0, id="a machine's open"),
        pytest.param(event("email.clicked", machine="clicked by a link scanner"), 0, id="a machine's click"),
        pytest.param(event("email.bounced"), 0, id="what no rule looks at"),
    ],
)
def test_default_points(happened, earned):
    assert points(happened) == earned


@pytest.mark.parametrize(
    ("events", "earned"),
    [
        pytest.param([event("page.viewed", ago(minutes=n), path="/blog") for n in range(9)], 3, id="visits in a day"),
        pytest.param(
            [event("page.viewed", ago(minutes=n), path="/pricing") for n in range(9)], 15 + 3, id="pricing in a day"
        ),
        pytest.param([event("form.submitted", ago(hours=n), form="demo") for n in range(9)], 25 + 15, id="demos"),
        pytest.param([event("email.unsubscribed", ago(hours=n)) for n in range(3)], -20, id="unsubscribed thrice"),
        pytest.param(
            [event("page.viewed", ago(minutes=n), path="/jobs") for n in range(9)], -20 + 3, id="looking for a job"
        ),
    ],
)
def test_points_have_a_cap_in_a_window(events, earned):
    assert points(*events) == earned


def test_window_moves_on():
    visits = [
        event("page.viewed", ago(days=day, minutes=minute), path="/blog") for day in range(3) for minute in (1, 2)
    ]
    assert points(*visits, at=NOW) > 3


def test_points_that_fade_are_those_of_events():
    events = [who(job_title="CEO", email="ann@competitor.example"), event("form.submitted", form="newsletter")]
    assert points(*events, at=NOW) == 15 - 100 + 5
    later = ago(days=-300)
    assert points(*events, at=later) == pytest.approx(15 - 100, abs=0.1)


def test_trait_comes_and_goes_with_what_is_known():
    boss = event("contact.updated", ago(days=3), fields={"job_title": "Director"})
    assert points(boss) == 15
    assert points(boss, event("contact.updated", ago(days=2), fields={"job_title": "Gardener"})) == 0
    assert points(boss, event("contact.updated", ago(days=1), fields={"company": "Acme"})) == 15 + 5


# Caps and windows of one's own ----------------------------------------------------------------------------------------

MANY = """
kind: scoring
groups: {all: {}}
rules:
  - {id: visit, label: Visit, group: all, on: [page.viewed], points: 1, cap: {points: 50, days: 30}}
"""


def test_cap_holds_also_where_it_takes_more_events_than_are_usually_kept():
    visits = [event("page.viewed", ago(minutes=n)) for n in range(120)]
    assert points(*visits, by=policies(MANY)) == 50


def test_only_the_newest_points_are_kept_singly():
    uncapped = policies(MANY.replace(", cap: {points: 50, days: 30}", ""))
    contact, _ = live([event("page.viewed", ago(minutes=n)) for n in range(120)], uncapped)
    known = contact.score.rules["visit"]
    assert (known.sum, len(known.recent)) == (120, MAX_RECENT)
    assert read_score(contact.score, uncapped.scoring.read, NOW).total == 120


# The threshold --------------------------------------------------------------------------------------------------------

SIMPLE = """
kind: scoring
threshold: 50
rearm_below: 40
groups: {all: {half_life_days: 30}}
rules:
  - {id: big, label: Big, group: all, on: ["custom:big"], points: 30}
  - {id: small, label: Small, group: all, on: ["custom:small"], points: 1}
  - {id: bad, label: Bad, group: all, on: ["custom:bad"], points: -5}
"""
QUIET = "kind: handoff\nrules: []\n"
BY = policies(SIMPLE, QUIET)


def big(days: float):
    return event("custom:big", ago(days=days))


def small(days: float):
    return event("custom:small", ago(days=days))


@pytest.mark.parametrize(
    ("events", "alerts"),
    [
        pytest.param([big(9)], 0, id="below"),
        pytest.param([big(9), big(9)], 1, id="reached"),
        pytest.param([big(9), big(9), big(8), big(7), small(6)], 1, id="told once, however high it goes"),
        pytest.param([big(20), big(20), big(5)], 1, id="fallen to 40 something and risen again is no news"),
        pytest.param([big(90), big(90), small(40), big(1), big(1)], 2, id="fallen below 40 and risen again is"),
        pytest.param([big(90), big(90), big(1), big(1)], 2, id="also when nothing happened meanwhile"),
    ],
)
def test_threshold_is_told_once_and_again_only_after_a_fall(events, alerts):
    _, decisions = live(events, BY)
    assert [one.outcome for one in of(decisions, "alert")] == ["taken"] * alerts


def test_threshold_is_told_again_after_a_verdict_when_something_raises_the_score():
    by = policies(
        SIMPLE, "kind: handoff\nrules: [{id: any, label: Any, when: {field: score, op: at_least, value: 50}}]"
    )
    verdict = event("sales.verdict", ago(days=3), verdict="not_a_fit", actor="Rita")
    before = [event("contact.updated", ago(days=10), fields={"email": ANN}), big(9), big(8), big(7), verdict]
    _, decisions = live(before, by)
    assert len(of(decisions, "alert")) == 1
    _, decisions = live([*before, event("custom:bad", ago(days=2))], by)
    assert len(of(decisions, "alert")) == 1, "what lowers a score is no reason to call"
    _, decisions = live([*before, event("custom:bad", ago(days=2)), small(1)], by)
    assert [one.outcome for one in of(decisions, "alert")] == ["withheld", "taken"], "the handoff told the first time"


def test_alert_says_who_and_how_much():
    _, decisions = live(
        [event("contact.updated", ago(days=9), fields={"first_name": "Ann"}), big(2), event("custom:big", NOW)], BY
    )
    (decision,) = of(decisions, "alert")
    assert decision.alert.title == "Ann is now a marketing-qualified lead"
    assert decision.summary == "Score 59 has reached 50"


# The document ---------------------------------------------------------------------------------------------------------


def test_shipped_policy_has_the_catalogues_numbers():
    document = default_documents()["scoring"].model
    assert (document.threshold, document.rearm_below) == (50, 40)
    assert all(group.half_life_days for name, group in document.groups.items() if name != "fit")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param("rearm_below: 40", "rearm_below: 50", "rearm_below (50) has to be lower", id="no hysteresis"),
        pytest.param("group: all, on: [\"custom:bad\"]", "group: al, on: []", 'the group "al"', id="no such group"),
        pytest.param("id: bad", "id: big", 'the id "big" is taken', id="an id twice"),
        pytest.param("custom:big", "page.visited", 'did you mean "page.viewed"?', id="no such event"),
        pytest.param("points: -5", "points: -5, cap: {points: 5000, days: 1}", "more than 200 events", id="a high cap"),
        pytest.param("points: -5", "point: -5", "point is not a setting", id="a misspelt word"),
        pytest.param("half_life_days: 30", "half_life_days: 0", "more than 0", id="a half-life of nothing"),
    ],
)  # fmt: skip
def test_mistake_in_the_document_is_named(old, new, problem):
    assert old in SIMPLE
    with pytest.raises(InvalidDocument) as caught:
        policies(SIMPLE.replace(old, new, 1))
    assert problem in str(caught.value)


# Speed ----------------------------------------------------------------------------------------------------------------

_SEEN = st.sampled_from(
    [
        ("page.viewed", {"path": "/pricing"}), ("page.viewed", {"path": "/careers"}),
        ("form.submitted", {"form": "demo"}),
        ("form.submitted", {"form": "newsletter"}), ("email.unsubscribed", {}), ("meeting.booked", {"meeting": "1"}),
        ("contact.updated", {"fields": {"job_title": "Director"}}), ("sales.verdict", {"verdict": "nurture"}),
    ]
)  # fmt: skip


@given(st.lists(st.tuples(_SEEN, st.integers(0, 200)), max_size=25))
def test_what_is_left_out_far_from_the_threshold_changes_nothing(days) -> None:
    happened = [
        event(kind, NOW - timedelta(days=day, seconds=number), **said)
        for number, ((kind, said), day) in enumerate(sorted(days, key=lambda one: -one[1]))
    ]
    quick = live(happened, DEFAULT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_at_most", lambda score, rules: math.inf)
        assert live(happened, DEFAULT) == quick
