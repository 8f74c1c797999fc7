"""Writing down what was counted while reading: which fields came, filled or not. Beside the work, not in it."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.runtime import Runtime
from app.store import counted

log = structlog.get_logger("baton.noticing")


def write_counts(runtime: Runtime) -> None:
    """Add to the database what this process has counted; where that fails the counts are lost and nothing else."""
    counts = runtime.tally.take()
    if not counts:
        return
    try:
        with runtime.database.write(lasting=False) as conn:
            counted.add(conn, runtime.database, counts, counted.day_of(runtime.clock()))
    except SQLAlchemyError as error:
        log.warning("counts_lost", fields=len(counts), error=type(error).__name__)
