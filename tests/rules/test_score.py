"""What a score is worth at a moment.

Catalogue: F3 (decay), F4 (explained).
"""

from datetime import UTC, datetime, timedelta

import pytest

from app.contacts.contact import Points, RuleScore, Score
from app.rules.score import Group, Place, ScoringRules, by_group, faded, read_score, total
from tests.contacts.making import NOW, ago

RULES = ScoringRules(
    groups={
        "behaviour": Group("behaviour", half_life_days=30, cap=100),
        "fit": Group("fit", cap=40),
        "caution": Group("caution", half_life_days=90),
    },
    places={
        "demo": Place("behaviour", 30),
        "visit": Place("behaviour", 30),
        "director": Place("fit", None),
        "careers": Place("caution", 90),
        "rival": Place("caution", None),
    },
    labels={"demo": "Asked for a demo", "visit": "Visited"},
)


def earned(points: float, at: datetime = NOW, what: str = "", event: str = "e1") -> RuleScore:
    return RuleScore(points, at, at, [Points(event, at, points, what)])


@pytest.mark.parametrize(
    ("half_life", "days", "worth"),
    [
        pytest.param(30, 0, 8, id="today they are whole"),
        pytest.param(30, 30, 4, id="after one half-life"),
        pytest.param(30, 60, 2, id="after two"),
        pytest.param(30, 15, 8 * 0.5**0.5, id="after half of one"),
        pytest.param(None, 3650, 8, id="without a half-life they stay"),
        pytest.param(30, -5, 8, id="points of the future are not more"),
    ],
)
def test_points_fade_by_half_in_each_half_life(half_life, days, worth):
    assert faded(8, half_life, ago(days=days), NOW) == pytest.approx(worth)


def test_points_fade_at_midnight_and_not_by_the_second():
    midnight = NOW.replace(hour=0)
    assert faded(8, 30, midnight, midnight + timedelta(hours=23, minutes=59)) == 8
    assert faded(8, 30, midnight - timedelta(minutes=1), midnight) < 8


def test_fading_twice_is_fading_once():
    half_way = faded(8, 30, ago(days=40), ago(days=13))
    assert faded(half_way, 30, ago(days=13), NOW) == pytest.approx(faded(8, 30, ago(days=40), NOW))


@pytest.mark.parametrize(
    ("rules", "value"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"demo": earned(25), "director": earned(15)}, 40, id="groups add up"),
        pytest.param({"demo": earned(90), "visit": earned(90)}, 100, id="a group counts up to its cap"),
        pytest.param({"director": earned(-90)}, -40, id="and down to it"),
        pytest.param({"demo": earned(25), "careers": earned(-10)}, 15, id="caution takes off"),
        pytest.param({"demo": earned(8, ago(days=30))}, 4, id="old points have faded"),
        pytest.param({"rival": earned(-100, ago(days=900))}, -100, id="what somebody is does not fade"),
        pytest.param({"gone": earned(25)}, 0, id="a rule that the policy no longer has counts for nothing"),
    ],
)
def test_score_is_the_sum_of_its_groups(rules, value):
    assert total(Score(rules), RULES, NOW) == pytest.approx(value)


def test_explanation_adds_up_to_the_score():
    visits = RuleScore(12, ago(days=1), ago(days=1), [Points("e2", ago(days=1), 5, "/pricing")])
    score = Score({"demo": earned(25, ago(days=10), "demo"), "visit": visits, "director": earned(15)})
    reading = read_score(score, RULES, NOW)
    assert sum(piece.points for piece in reading.contributions) == pytest.approx(reading.total, abs=0.02)
    assert sum(reading.groups.values()) == pytest.approx(reading.total, abs=0.02)


def test_each_point_says_rule_event_when_and_until_when():
    reading = read_score(Score({"demo": earned(25, ago(days=10), "contact-sales", "e7")}), RULES, NOW)
    (piece,) = reading.contributions
    assert (piece.rule, piece.label, piece.event, piece.what) == ("demo", "Asked for a demo", "e7", "contact-sales")
    assert (piece.at, piece.given) == (ago(days=10), 25)
    assert piece.points == pytest.approx(25 * 0.5 ** (1 / 3), abs=0.01)
    assert piece.expires_at is not None
    before = piece.expires_at - timedelta(days=2)
    assert read_score(Score({"demo": earned(25, ago(days=10))}), RULES, before).contributions
    assert not read_score(Score({"demo": earned(25, ago(days=10))}), RULES, piece.expires_at).contributions


def test_trait_never_expires():
    (piece,) = read_score(Score({"rival": earned(-100, ago(days=400))}), RULES, NOW).contributions
    assert (piece.points, piece.expires_at) == (-100, None)


def test_points_that_are_no_longer_kept_singly_are_shown_as_earlier_ones():
    known = RuleScore(30, NOW, NOW, [Points("e9", NOW, 5, "/pricing")])
    pieces = read_score(Score({"visit": known}), RULES, NOW).contributions
    assert [(piece.points, piece.what) for piece in pieces] == [(25, "earlier ones"), (5, "/pricing")]


def test_heaviest_reason_comes_first():
    score = Score({"visit": earned(5), "rival": earned(-100), "demo": earned(25)})
    assert [piece.rule for piece in read_score(score, RULES, NOW).contributions] == ["rival", "demo", "visit"]


def test_reading_says_on_which_day_the_score_falls_below_the_threshold():
    score = Score({"demo": earned(60)})
    falls = read_score(score, RULES, NOW).falls_below
    assert falls == datetime(2026, 11, 30, tzinfo=UTC)  # 60 × 0.5^(8/30) is 49.9
    assert total(score, RULES, falls) < 50 <= total(score, RULES, falls - timedelta(days=1))


def test_day_is_found_also_where_the_score_rises_again_later():
    score = Score({"director": earned(40), "rival": earned(15), "demo": earned(10), "careers": earned(-12)})
    falls = read_score(score, RULES, NOW).falls_below
    assert falls is not None
    assert total(score, RULES, falls) < 50 <= total(score, RULES, falls - timedelta(days=1))
    assert total(score, RULES, NOW + timedelta(days=3000)) >= 50


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({"demo": earned(20)}, id="it is below already"),
        pytest.param({"director": earned(40), "rival": earned(20)}, id="nothing in it fades"),
    ],
)
def test_score_that_will_not_fall_below_has_no_such_day(rules):
    assert read_score(Score(rules), RULES, NOW).falls_below is None


def test_group_without_points_is_not_shown():
    assert by_group(Score({"demo": earned(5)}), RULES, NOW) == {"behaviour": 5}
