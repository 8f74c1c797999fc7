"""What differs between two texts of a policy.

Catalogue: D9.
"""

import pytest

from app.rules.changes import Line, in_words, lines

HEAD = "threshold: 50\nactive: true\ngroups: {fit: {cap: 40}}\nrules:\n"
BEFORE = f"{HEAD}  - {{id: a, points: 5}}\n  - {{id: b, points: 1}}\n"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(BEFORE, [], id="nothing"),
        pytest.param(f"# a comment\n{BEFORE}", [], id="a comment"),
        pytest.param(BEFORE.replace("50", "60"), ["threshold: 50 becomes 60"], id="a number"),
        pytest.param(BEFORE.replace("true", "false"), ["active: yes becomes no"], id="yes and no"),
        pytest.param(BEFORE.replace("true", "1"), ["active: yes becomes 1"], id="true is not 1"),
        pytest.param(BEFORE.replace("{cap: 40}", "{}"), ["groups, fit, cap: taken out (was 40)"], id="a key less"),
        pytest.param(f"more: [x, y]\n{BEFORE}", ["more: x, y (was not set)"], id="a key more"),
        pytest.param(BEFORE.replace("points: 5", "points: 7"), ["Rule “a”, points: 5 becomes 7"], id="in a rule"),
        pytest.param(BEFORE.replace("id: a", "id: c"), ["Rule “a”: taken out", "Rule “c”: new"], id="another rule"),
        pytest.param(
            f"{HEAD}  - {{id: b, points: 1}}\n  - {{id: a, points: 5}}\n", ["rules: in another order"], id="order"
        ),
    ],
)
def test_values_that_differ_are_told_in_words(after: str, said: list[str]) -> None:
    assert in_words(BEFORE, after) == said


@pytest.mark.parametrize("text", ["a: [", "- a", "x"])
def test_what_cannot_be_read_has_no_words(text: str) -> None:
    assert in_words(BEFORE, text) is None


def test_lines_have_their_numbers_and_those_far_away_are_left_out() -> None:
    before = "".join(f"{number}\n" for number in range(1, 11))
    assert lines(before, before.replace("9\n", "nine\n"), 1) == [
        Line("skipped", "", skipped=7),
        Line("same", "8", 8, 8),
        Line("gone", "9", 9),
        Line("new", "nine", None, 9),
        Line("same", "10", 10, 10),
    ]
    assert lines(before, before) == []
    assert len(lines(before, before, None)) == 10
