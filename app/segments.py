"""Segments as people look at them: how many are in each, and which say too little or the same as another."""

from typing import Any

from sqlalchemy import Connection

from app.runtime import Runtime
from app.store import segments

OVERLAP = 0.8  # of all who are in either of two, so many are in both


def listed(runtime: Runtime, conn: Connection) -> list[dict[str, Any]]:
    """The segments in force, in the policy's order, with how many contacts are in each."""
    counts = segments.counts(conn)
    return [
        {"id": one.id, "label": one.label, "contacts": counts.get(one.id, 0)}
        for one in runtime.rulebook().policies.segments.every
    ]


def audit(runtime: Runtime, conn: Connection) -> dict[str, Any]:
    """Segments that nobody is in, that few are in, and pairs that are nearly the same people."""
    found, weak_below = listed(runtime, conn), runtime.rulebook().policies.segments.weak_below
    counts = {one["id"]: one["contacts"] for one in found}
    overlapping = []
    for (first, second), both in sorted(segments.shared(conn).items()):
        if first in counts and second in counts:
            share = both / (counts[first] + counts[second] - both)
            if share >= OVERLAP:
                overlapping.append({"segments": [first, second], "share": round(share, 3), "contacts": both})
    return {
        "weak_below": weak_below,
        "empty": [one for one in found if not one["contacts"]],
        "weak": [one for one in found if 0 < one["contacts"] < weak_below],
        "overlapping": overlapping,
    }
