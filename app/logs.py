"""What Baton says while it runs: a JSON object a line for machines, a readable line where a person watches."""

import logging
import sys

import structlog


def set_up_logs(level: int = logging.INFO) -> None:
    """Log to standard error with times in UTC: ``key=value`` on a terminal, JSON elsewhere."""
    render = (
        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
