"""Keeping calls apart in the moment in which they are made.

Places under a vendor's limit are handed out ahead of time (app/store/budgets.py), but the thread that makes a call may
be late: on a busy machine several would then begin at once, right before those that are on time.
"""

import threading
import time

from adapters.contract import RateLimit

SLACK = 0.01  # of the limit's window: so much earlier than evenly spaced a call may begin, to make up for a late one


class Pace:
    """Lets calls of one process begin no closer together than an even limit allows."""

    def __init__(self, limit: RateLimit) -> None:
        self._spacing, self._slack = limit.seconds / limit.calls, limit.seconds * SLACK
        self._even = 0.0  # when the next call would begin if all were evenly spaced
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next call may begin."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._even - self._slack)
            self._even = max(self._even, start) + self._spacing
        time.sleep(start - now)
