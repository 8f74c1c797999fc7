"""Shares, their intervals, and whether variants differ. The expected numbers are those of published tables.

Catalogue: C (A/B of delays and content, results with confidence intervals).
"""

import pytest

from app.rules.sequences.results import compare, newcombe, wilson


@pytest.mark.parametrize(
    ("reached", "exposed", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="Newcombe 1998, table I"),
        pytest.param(15, 148, 0.0624, 0.1605, id="the same, second"),
        pytest.param(0, 20, 0.0, 0.1611, id="none"),
        pytest.param(1, 29, 0.0061, 0.1718, id="one"),
        pytest.param(29, 29, 0.8830, 1.0, id="all"),
        pytest.param(0, 0, 0.0, 1.0, id="nobody was asked"),
    ],
)
def test_interval_of_a_share(reached, exposed, low, high):
    found = wilson(reached, exposed)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        pytest.param((48, 80), (56, 70), 0.0524, 0.3339, id="Newcombe 1998, table II (a), turned"),
        pytest.param((3, 10), (9, 10), 0.1705, 0.8090, id="(b)"),
    ],
)
def test_interval_of_a_difference(one, other, low, high):
    found = newcombe(one, other)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_variants_are_held_against_the_first():
    first, second, third, nobody = compare([("a", 80, 80, 48), ("b", 70, 60, 56), ("c", 80, 80, 50), ("d", 0, 0, 0)])
    assert (first.share, first.difference, first.differs) == (0.6, None, False)
    assert (round(second.difference, 4), second.differs) == (0.2, True)
    assert not third.differs
    assert (nobody.share, nobody.difference) == (0.0, None)
