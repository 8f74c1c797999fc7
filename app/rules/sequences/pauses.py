"""When a sequence stood still for everybody: stretches of time that policies know of, so that a replay pauses too."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct


class Pause(Struct, frozen=True):
    """One pause; ``until`` is None while it lasts."""

    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether a moment is in it. The moment at which it ends is not."""
        return self.since <= at and (self.until is None or at < self.until)


class Pauses:
    """The pauses of each sequence, oldest first."""

    def __init__(self, spans: Mapping[str, Sequence[Pause]] | None = None) -> None:
        self._spans = spans or {}

    def at(self, sequence: str, at: datetime) -> Pause | None:
        """The pause that a moment is in, or None."""
        spans = self._spans.get(sequence)
        return next((span for span in spans if span.covers(at)), None) if spans else None

    def between(self, sequence: str, first: datetime, last: datetime) -> timedelta:
        """How long the sequence stood still between two moments."""
        total = timedelta()
        for span in self._spans.get(sequence, ()):
            total += max(timedelta(), min(span.until or last, last) - max(span.since, first))
        return total
