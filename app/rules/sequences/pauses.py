"""When a sequence, or every one of them, stood still for everybody: stretches of time that policies know of, so that a
replay pauses too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

EVERY = "*"  # stands for all sequences, also those that are published later


class Pause(Struct, frozen=True):
    """One pause; ``until`` is None while it lasts."""

    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether a moment is in it. The moment at which it ends is not."""
        return self.since <= at and (self.until is None or at < self.until)


class Pauses:
    """The pauses of each sequence, and of all at once under ``EVERY``, oldest first."""

    def __init__(self, spans: Mapping[str, Sequence[Pause]] | None = None) -> None:
        self._spans = spans or {}

    def at(self, sequence: str, at: datetime) -> Pause | None:
        """The pause that a moment is in, or None."""
        return next((span for span in self._of(sequence) if span.covers(at)), None)

    def between(self, sequence: str, first: datetime, last: datetime) -> timedelta:
        """How long the sequence stood still between two moments."""
        total, counted = timedelta(), first
        for span in self._of(sequence):
            end = min(span.until or last, last)
            total += max(timedelta(), end - max(span.since, counted))
            counted = max(counted, end)  # its own pause and one of all may lie over each other
        return total

    def _of(self, sequence: str) -> Sequence[Pause]:
        own, every = self._spans.get(sequence, ()), self._spans.get(EVERY, ())
        return sorted((*own, *every), key=lambda span: span.since) if own and every else own or every
