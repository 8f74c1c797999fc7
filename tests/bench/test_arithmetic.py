"""What turns measurements into figures, and figures into a verdict."""

import pytest

from bench.arithmetic import fullest_window, median, percentile
from bench.report import Figure, Measured, document, exit_code, table

LATE = Figure("p99", 80.0, "ms", bar=60.0)
LOST = Figure("lost", 1, bar=0, promise=True)


@pytest.mark.parametrize(
    ("share", "value"),
    [
        pytest.param(0.0, 1, id="the smallest"),
        pytest.param(0.5, 5, id="the middle"),
        pytest.param(0.99, 10, id="of ten values the last is the 99th percentile"),
        pytest.param(0.9, 9, id="nine of ten are not above it"),
        pytest.param(1.0, 10, id="the largest"),
    ],
)
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == value


def test_of_two_middle_values_the_median_is_the_smaller() -> None:
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.0


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


@pytest.mark.parametrize(
    ("moments", "most"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([5.0], 1, id="one"),
        pytest.param([0.0, 0.5, 1.0], 2, id="a window's end belongs to the next"),
        pytest.param([0.0, 0.5, 0.99], 3, id="just inside"),
        pytest.param([0.9, 0.0, 1.1, 1.2, 1.3, 3.0], 4, id="windows begin anywhere, and order does not matter"),
    ],
)
def test_the_fullest_window(moments: list[float], most: int) -> None:
    assert fullest_window(moments, 1.0) == most


@pytest.mark.parametrize(
    ("figures", "failure", "code"),
    [
        pytest.param([Figure("done", 900.0)], "", 0, id="all is well"),
        pytest.param([LATE], "", 0, id="a missed bar is only shown"),
        pytest.param([LOST], "", 1, id="something was lost"),
        pytest.param([], "TimeoutError: …", 2, id="a part could not run"),
        pytest.param([LOST], "TimeoutError: …", 1, id="what is lost weighs more"),
        pytest.param([Figure("lost", 0, bar=0, promise=True)], "", 0, id="nothing was lost"),
    ],
)
def test_the_exit_code(figures: list[Figure], failure: str, code: int) -> None:
    assert exit_code([Measured("part", figures, failure=failure)]) == code


def test_the_table_shows_figure_bar_and_verdict_in_columns() -> None:
    lines = table([Measured("webhooks", [LATE, LOST, Figure("memory", "not measured", "MB", bar=300.0)], 3.0, 0.25)])
    assert lines.splitlines() == [
        "webhooks  (3 s; other programs: 25% of the CPU)",
        "  p99            80 ms  ≤ 60   missed",
        "  lost               1  none   BROKEN",
        "  memory  not measured  ≤ 300",
    ]


def test_a_part_that_could_not_run_says_why() -> None:
    assert "COULD NOT RUN: TimeoutError: in vain" in table([Measured("urgent", failure="TimeoutError: in vain")])


def test_the_json_has_what_the_table_has() -> None:
    shown = document({"cpus": 2}, [Measured("webhooks", [LATE])])
    assert shown["machine"] == {"cpus": 2}
    (figure,) = shown["parts"][0]["figures"]
    assert (figure["what"], figure["value"], figure["bar"], figure["kept"]) == ("p99", 80.0, 60.0, False)
