"""What sales said of those who were handed over, held against the scores that they were handed over with."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import small_model
from app.rules.calibration import READY, Calibration, Judged, calibrate
from app.runtime import Runtime
from app.store import fired, handoffs

MOST = 1_000  # the newest: a model is judged by what it does now, and a screen has a tenth of a second


class Calibrated(Struct, frozen=True):
    """The figures, by the threshold and with the names of the rules in force; ``cut``: older ones were left out."""

    found: Calibration
    threshold: float
    labels: dict[str, str]
    cut: bool


def look(runtime: Runtime, conn: Conn) -> Calibrated:
    """The newest judged handoffs; whose contact is another's by now counts for the score alone."""
    rows = handoffs.judged(conn, MOST + 1)
    known = fired.states(conn, {contact for contact, _, _ in rows[:MOST]})
    people = [
        Judged(score, verdict in READY, small_model.rules_in(known[contact]) if contact in known else None)
        for contact, score, verdict in rows[:MOST]
    ]
    scoring = runtime.rulebook().policies.scoring.read
    labels = dict(scoring.labels)
    return Calibrated(calibrate(people, list(labels)), scoring.threshold, labels, len(rows) > MOST)


def shown(calibrated: Calibrated) -> dict[str, Any]:
    """The same as plain data."""
    made: dict[str, Any] = msgspec.to_builtins(calibrated.found)
    for rule in made["rules"]:
        rule["label"] = calibrated.labels[rule["rule"]]
    return {**made, "threshold": calibrated.threshold}
