"""Whether more ingest workers do more, and what is busy all the time when they do not. On PostgreSQL: SQLite has one
writer at a time."""

from collections.abc import Iterator

from bench.parts import webhooks
from bench.report import Figure
from bench.setting import Bench

BATCH = 100
MOST = 3
SHOWN = 3  # roles, the busiest first


def measure(bench: Bench) -> Iterator[Figure]:
    """The same webhooks with one, two and three of them."""
    for ingesting in range(1, MOST + 1):
        title = f"{ingesting} ingest worker{'s' if ingesting > 1 else ''}"
        # Workers take the queues in turn, ingest first: of three two take in and one sends
        trial = webhooks.run(bench, BATCH, webhooks.events_for(bench, BATCH), workers=max(2, 2 * ingesting - 1))
        yield Figure(f"{title}: done", trial.done, "events/s")
        shares = {role: used / trial.seconds for role, used in trial.busiest.items()}
        for role, share in sorted(shares.items(), key=lambda one: -one[1])[:SHOWN]:
            yield Figure(f"{title}:   busiest process of {role}", share * 100, "% of one CPU")
        yield from webhooks.no_faults(trial.faults, title)
