"""What the parts of one run share: how large they are, on which database, and how they get an installation."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.hub import Hub, drop_tables


@dataclass
class Bench:
    """One run. Without ``database`` every installation has an SQLite file of its own; with one they use it in turn."""

    folder: Path
    database: str = ""
    quick: bool = False
    full: bool = False
    done_rates: dict[int, float] = field(default_factory=dict)  # events per request → events a second, once measured
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def people(self) -> int:
        """How many contacts the webhooks are about."""
        return 200 if self.quick else 2_000

    @contextmanager
    def hub(self, workers: int = 2) -> Iterator[Hub]:
        """A fresh installation, not started yet; it is stopped afterwards, and its tables are dropped."""
        hub = Hub(self.folder / f"hub-{next(self._numbers)}", self.database, workers)
        try:
            yield hub
        finally:
            hub.stop()
            if self.database:
                drop_tables(hub.database)
                hub.runtime.close()
