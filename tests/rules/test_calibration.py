"""Scores held against what sales said.

Catalogue: G7 (verdicts feed calibration).
"""

from app.rules.calibration import Judged, calibrate


def people(*told: tuple[float, int, int]) -> list[Judged]:
    """(score, how many were ready, how many were not)."""
    return [Judged(score, ready) for score, yes, no in told for ready in [True] * yes + [False] * no]


def test_a_score_that_tells_shows_it_band_by_band() -> None:
    found = calibrate(people((50, 2, 18), (60, 6, 14), (70, 10, 10), (80, 18, 2)))
    assert (found.judged, found.ready, found.doubt) == (80, 36, "")
    assert [(one.low, one.high, one.judged, one.ready) for one in found.bands] == [
        (50, 50, 20, 2), (60, 60, 20, 6), (70, 70, 20, 10), (80, 80, 20, 18),
    ]  # fmt: skip
    assert [round(one.lift or 0, 2) for one in found.bands] == [0.22, 0.67, 1.11, 2.0]
    best = found.bands[-1]
    assert best.share == 0.9
    assert 0.69 < best.interval.low < 0.9 < best.interval.high < 0.98


def test_precision_rises_and_recall_falls_with_the_threshold() -> None:
    found = calibrate(people((50, 2, 18), (60, 6, 14), (70, 10, 10), (80, 18, 2)))
    by_points = {one.points: one for one in found.thresholds}
    assert list(by_points) == [50, 55, 60, 65, 70, 75, 80]
    assert (by_points[50].judged, by_points[50].precision, by_points[50].recall) == (80, 0.45, 1.0)
    assert (by_points[70].judged, by_points[70].ready, by_points[70].precision) == (40, 28, 0.7)
    assert round(by_points[70].recall or 0, 3) == 0.778
    assert by_points[65] == type(by_points[65])(points=65, judged=40, ready=28, precision=0.7, recall=28 / 36)


def test_tenths_hold_as_many_and_equal_scores_stand_together() -> None:
    found = calibrate([Judged(float(score), score % 2 == 0) for score in range(100)])
    assert [one.judged for one in found.bands] == [10] * 10
    assert [(one.low, one.high) for one in found.bands[:2]] == [(0, 9), (10, 19)]
    same = calibrate(people((50, 30, 30), (90, 1, 1)))
    assert [(one.low, one.high, one.judged) for one in same.bands] == [(50, 50, 60), (90, 90, 2)]


def test_rules_tell_only_what_is_more_than_chance() -> None:
    told = [Judged(60, True, frozenset({"demo", "all"}))] * 28 + [Judged(60, False, frozenset({"demo", "all"}))] * 4
    told += [Judged(60, True, frozenset({"free_mail", "all"}))] * 6 + [
        Judged(60, False, frozenset({"free_mail", "all"}))
    ] * 20
    told += [Judged(60, True, frozenset({"page", "all"}))] * 3 + [Judged(60, False, frozenset({"page", "all"}))] * 4
    told += [Judged(60, True, None)] * 50  # merged into somebody else by now: their rules are not known
    found = calibrate(told, ("demo", "free_mail", "page", "all", "none"))
    assert {one.rule: one.tells for one in found.rules} == {"demo": "more", "free_mail": "less", "page": ""}
    demo = found.rules[0]
    assert (demo.judged, demo.ready, demo.others, demo.others_ready) == (32, 28, 33, 9)
    assert demo.interval.low > 0.3


def test_of_few_it_says_so() -> None:
    assert calibrate([]).doubt == "sales has judged 0 people; from 50 on it begins to say something"
    assert calibrate([]).bands == []
    assert calibrate([]).thresholds == []
    assert "judged 49 people" in calibrate(people((50, 20, 29))).doubt
    assert "only 9 of the 60 judged people were ready" in calibrate(people((50, 9, 51))).doubt
    assert "only 9 of the 60 judged people were not ready" in calibrate(people((50, 51, 9))).doubt
    assert calibrate(people((50, 10, 50))).doubt == ""
    nobody = calibrate(people((50, 0, 60)))
    assert [one.lift for one in nobody.bands] == [None]
    assert nobody.thresholds[0].recall is None
