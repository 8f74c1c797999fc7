"""``/healthz``, ``/readyz`` and ``/metrics``: is it alive, can it work, and how is it doing."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.metrics import metrics
from app.receive import answer, this_runtime

probes = Blueprint("probes", __name__)


@probes.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return answer({"status": "ok"})


@probes.get("/readyz")
def ready() -> Response:
    """The database answers, so that what comes in can be stored."""
    try:
        with this_runtime().database.read() as conn:
            conn.execute(text("SELECT 1 FROM connections LIMIT 1"))
    except SQLAlchemyError as error:
        return answer({"status": "not ready", "database": type(error).__name__}, 503)
    return answer({"status": "ready"})


@probes.get("/metrics")
def measured() -> Response:
    """Backlog, lag, lanes and handoffs, for Prometheus. Names of connections, no personal data."""
    try:
        return Response(metrics(this_runtime()), content_type=CONTENT_TYPE_LATEST)
    except SQLAlchemyError as error:
        return answer({"status": "not ready", "database": type(error).__name__}, 503)
