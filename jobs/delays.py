"""How long to wait before something is tried again."""

import random


def growing(tries: int, first: float, factor: float, most: float) -> float:
    """Seconds before the next of so many tries: longer by a factor each time, and up to a fifth longer still, so that
    not all come at once."""
    delay = min(most, first * factor ** (min(max(1, tries), 20) - 1))
    return delay * (1 + random.random() / 5)  # noqa: S311  no secret
