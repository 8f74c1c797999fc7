"""Segments as people look at them: how many are in each, what each is there for, and which say too little or the same
as another."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.rules.outline import outline
from app.rules.segment_uses import (
    handoffs_using,
    messages_using,
    scores_using,
    sequences_using,
    stages_using,
    triggers_using,
)
from app.runtime import Runtime
from app.store import segments
from jobs.fill import is_filled

OVERLAP = 0.8  # of all who are in either of two, so many are in both

USES = {
    "triggers": triggers_using,
    "sequences": sequences_using,
    "messages": messages_using,
    "handoffs": handoffs_using,
    "stages": stages_using,
    "scores": scores_using,
}


def listed(runtime: Runtime, conn: Connection) -> list[dict[str, Any]]:
    """The segments in force, in the policy's order, with how many contacts are in each. ``filling``: that contacts are
    still being asked about it, so that the number is not final."""
    counts, policy = segments.counts(conn), runtime.rulebook().policies.segments
    filling = not is_filled(conn, policy.version, runtime.clock())
    return [
        {"id": one.id, "label": one.label, "contacts": counts.get(one.id, 0), "filling": filling}
        for one in policy.every
    ]


def audit(runtime: Runtime, conn: Connection, among: str | None = None) -> dict[str, Any]:
    """Segments that nobody is in, that few are in, and pairs that are nearly the same people. With ``among``, only the
    pairs that this one is in."""
    found, weak_below = listed(runtime, conn), runtime.rulebook().policies.segments.weak_below
    counts = {one["id"]: one["contacts"] for one in found}
    overlapping = []
    for (first, second), share in sorted(segments.shares(conn).items()):
        if share >= OVERLAP and first in counts and second in counts and among in (None, first, second):
            both = round(share / (1 + share) * (counts[first] + counts[second]))
            overlapping.append({"segments": [first, second], "share": round(share, 3), "contacts": both})
    return {
        "weak_below": weak_below,
        "empty": [one for one in found if not one["contacts"]],
        "weak": [one for one in found if 0 < one["contacts"] < weak_below],
        "overlapping": overlapping,
    }


def detail(runtime: Runtime, conn: Connection, name: str) -> dict[str, Any] | None:
    """One segment: whom it is for, what uses it and what the audit says of it; None where there is none."""
    policies = runtime.rulebook().policies
    segment = policies.segments.by_id.get(name)
    if segment is None:
        return None
    found = next(one for one in listed(runtime, conn) if one["id"] == name)
    return {
        **found,
        "condition": msgspec.to_builtins(outline(segment.when)),
        **{use: msgspec.to_builtins(using(name, policies)) for use, using in USES.items()},
        "findings": findings(audit(runtime, conn, name), labels(runtime)).get(name, []),
    }


def labels(runtime: Runtime) -> dict[str, str]:
    """id → label of the segments in force."""
    return {one.id: one.label for one in runtime.rulebook().policies.segments.every}


# --- what the audit says, segment by segment


def findings(audited: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """id → what the audit found about that segment, in plain words: ``kind``, ``says``, ``mend``, and the id of the
    ``other`` one where there is another."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in audited["empty"]:
        found.setdefault(one["id"], []).append(_empty())
    for one in audited["weak"]:
        found.setdefault(one["id"], []).append(_weak(one["contacts"], audited["weak_below"]))
    for pair in audited["overlapping"]:
        first, second = pair["segments"]
        for name, other in ((first, second), (second, first)):
            found.setdefault(name, []).append(_overlapping(pair["share"], other, named.get(other, other)))
    return found


def _empty() -> dict[str, Any]:
    return {
        "kind": "empty",
        "says": "Nobody is in it.",
        "mend": "See whether each line of its condition can come true: a misspelt value never does. If nobody is "
        "meant to be in it any more, take it out of the policy.",
        "other": None,
    }


def _weak(contacts: int, weak_below: int) -> dict[str, Any]:
    few = "Only 1 person is" if contacts == 1 else f"Only {contacts} people are"
    return {
        "kind": "weak",
        "says": f"{few} in it, fewer than {weak_below}.",
        "mend": "Too few to be worth messages of their own, or to learn from. Make its condition wider, or put it "
        "together with another segment. If it is meant to be small, nothing needs doing.",
        "other": None,
    }


def _overlapping(share: float, other: str, label: str) -> dict[str, Any]:
    same = "It is exactly the same people" if share == 1 else f"It is nearly the same people ({share:.0%})"
    return {
        "kind": "overlapping",
        "says": f"{same} as “{label}”.",
        "mend": "Keep one of the two, or make them differ more: who is in both gets what follows from each.",
        "other": other,
    }
