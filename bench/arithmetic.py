"""The arithmetic of measuring: percentiles, medians, and how full the fullest window was. Pure."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed. Raises ValueError without values."""
    if not values:
        raise ValueError("there is nothing to take a percentile of")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value; of two middle ones the smaller."""
    return percentile(values, 0.5)


def fullest_window(moments: Sequence[float], seconds: float) -> int:
    """The largest number of moments in any window of this length; a moment at a window's very end is in the next."""
    ordered = sorted(moments)
    most = first = 0
    for index, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, index - first + 1)
    return most
