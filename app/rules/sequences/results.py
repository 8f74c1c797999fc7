"""What came of the variants of a split: shares with their 95 % intervals, and whether they differ. Pure.

Intervals are Wilson's, the difference's is Newcombe's: both hold for few people and for shares near nothing or all.
"""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct

Z = 1.959963984540054  # of the normal distribution, 95 % lies within so many standard deviations


class Interval(Struct, frozen=True):
    """Where the true value lies with 95 % confidence."""

    low: float
    high: float


class Result(Struct, frozen=True, kw_only=True):
    """One variant: how many were drawn for it, how many of them are out, how many reached the goal; its share of all
    that were drawn, and how far that is from the first variant's. ``differs``: by more than chance would make it."""

    variant: str
    exposed: int
    ended: int
    reached: int
    share: float
    interval: Interval
    difference: float | None = None
    difference_interval: Interval | None = None
    differs: bool = False


def wilson(reached: int, exposed: int) -> Interval:
    """The 95 % interval of a share; all from 0 to 1 is possible where nobody was asked."""
    if not exposed:
        return Interval(0.0, 1.0)
    share, square = reached / exposed, Z * Z
    middle = (share + square / (2 * exposed)) / (1 + square / exposed)
    half = Z * sqrt(share * (1 - share) / exposed + square / (4 * exposed * exposed)) / (1 + square / exposed)
    # Where none or all did, rounding must not leave out the very share that was seen
    return Interval(
        0.0 if not reached else max(0.0, middle - half), 1.0 if reached == exposed else min(1.0, middle + half)
    )


def newcombe(one: tuple[int, int], other: tuple[int, int]) -> Interval:
    """The 95 % interval of how much higher the share of the second is, both as (reached, exposed)."""
    (a, b), (low_a, high_a), (low_b, high_b) = (
        (one[0] / one[1], other[0] / other[1]),
        (wilson(*one).low, wilson(*one).high),
        (wilson(*other).low, wilson(*other).high),
    )
    difference = b - a
    return Interval(
        difference - sqrt((b - low_b) ** 2 + (high_a - a) ** 2), difference + sqrt((high_b - b) ** 2 + (a - low_a) ** 2)
    )


def compare(variants: Sequence[tuple[str, int, int, int]]) -> list[Result]:
    """The results of (variant, exposed, ended, reached), each held against the first."""
    found: list[Result] = []
    for name, exposed, ended, reached in variants:
        share = reached / exposed if exposed else 0.0
        made = Result(
            variant=name, exposed=exposed, ended=ended, reached=reached, share=share, interval=wilson(reached, exposed)
        )
        if found and exposed and found[0].exposed:
            first = found[0]
            between = newcombe((first.reached, first.exposed), (reached, exposed))
            made = Result(
                variant=name,
                exposed=exposed,
                ended=ended,
                reached=reached,
                share=share,
                interval=made.interval,
                difference=share - first.share,
                difference_interval=between,
                differs=between.low > 0 or between.high < 0,
            )
        found.append(made)
    return found
