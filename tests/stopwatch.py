"""How long something took, as a bar means it: in time that this machine had, not in what its host gave to others."""

import os
import time
from typing import Self


class TooSlow(AssertionError):
    """A bar was missed: nothing was lost or doubled, and the same is tried once more (see pyproject.toml)."""


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._stolen = time.monotonic(), _stolen()

    @property
    def seconds(self) -> float:
        """So far."""
        return time.monotonic() - self._began - (_stolen() - self._stolen)

    def within(self, bar: float, what: object = "") -> Self:
        """Fail where more than these seconds have passed. ``what`` was waited for."""
        if (took := self.seconds) > bar:
            raise TooSlow(f"{took:.2f} s, and the bar is {bar:g} s. {what}".rstrip())
        return self


def _stolen() -> float:
    """Seconds in which a virtual machine stood still since it was started, because its host ran others: on the average
    of its processors. 0 where nobody counts them."""
    try:
        with open("/proc/stat") as file:
            ticks = int(file.readline().split()[8])
    except (OSError, IndexError, ValueError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)
