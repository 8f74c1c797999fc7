"""Reviews as people look at them: who came to the end of a sequence without its goal, where, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.rules.sequences.outline import outline
from app.rules.sequences.policy import ExitReason, Flow
from app.rules.sequences.walk import rule_of
from app.runtime import Runtime
from app.store import enrolments, people, reviews, rows

LOOKED_AT = 2_000  # so many of the newest open reviews are looked at for what they have in common
_DECISIONS = 50


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A review as plain data."""
    plain = {name: value for name, value in row.items() if name != "key"}
    return {**plain, "segments": msgspec.json.decode(row["segments"])}


def with_runs(runtime: Runtime, conn: Connection, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reviews with the way through the sequence that each is about; None where a late event has undone it."""
    runs = enrolments.of_contacts(conn, {row["contact_id"] for row in found})
    return [{**shown(row), **_named(runtime, row), "run": runs[row["contact_id"]].get(row["key"])} for row in found]


def _named(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    known = runtime.rulebook().policies
    flow = _flow(runtime, row["sequence"], row["version"])
    labels = {one.id: one.label for one in known.segments.every}
    return {
        "label": flow.label if flow else row["sequence"],
        "max_days": flow.document.max_days if flow else None,
        "worst_message": message_of(flow, row["worst"]),
        "segment_labels": [labels.get(one, one) for one in msgspec.json.decode(row["segments"])],
    }


def _flow(runtime: Runtime, sequence: str, version: str) -> Flow | None:
    known = runtime.rulebook().policies.sequences
    return known.pinned(version, sequence) or known.newest.by_id.get(sequence)


def message_of(flow: Flow | None, step: str) -> str:
    """The name of the message that a step sends, or the step's own."""
    lines = outline(flow.document.steps) if flow is not None else []
    return next((line.document.send.name for line in lines if line.step == step and line.document.send), step)


def in_common(runtime: Runtime, conn: Connection) -> list[dict[str, Any]]:
    """Of each sequence with open reviews: how many, the message after which most fell silent, and the segment that
    most of them are in. The most reviews first; among the newest ``LOOKED_AT``."""
    worst: dict[str, Counter[str]] = {}
    segments: dict[str, Counter[str]] = {}
    counts = Counter[str]()
    labels = {one.id: one.label for one in runtime.rulebook().policies.segments.every}
    for sequence, version, step, inside in reviews.newest_open(conn, LOOKED_AT):
        counts[sequence] += 1
        if step:
            worst.setdefault(sequence, Counter())[message_of(_flow(runtime, sequence, version), step)] += 1
        segments.setdefault(sequence, Counter()).update(labels.get(one, one) for one in inside)
    return [
        {
            "sequence": sequence,
            "label": flow.label if (flow := _flow(runtime, sequence, "")) else sequence,
            "reviews": count,
            "worst": _most(worst.get(sequence)),
            "segment": _most(segments.get(sequence)),
        }
        for sequence, count in counts.most_common()
    ]


def _most(counted: Counter[str] | None) -> tuple[str, int] | None:
    return counted.most_common(1)[0] if counted else None


def detail(runtime: Runtime, conn: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """One review: the way through the sequence, what was decided on it, oldest first, and what its answer led to."""
    (found,) = with_runs(runtime, conn, [row])
    home = people.survivor(conn, row["contact_id"])
    decided = rows.decisions_by_rule(conn, home, rule_of(row["sequence"]), _DECISIONS)
    began = found["run"].entered_at if found["run"] else row["opened_at"]
    return {
        **found,
        "contact_id": home,
        "happened": [one for one in reversed(decided) if began <= one["at"] <= row["opened_at"]],
        "led_to": rows.decisions_at(conn, home, row["resolved_at"]) if row["resolved_at"] else [],
    }


def answers(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """What may be answered: for how many days at most somebody may go on (None: not at all), and the other sequences
    they may be let into."""
    known = runtime.rulebook().policies.sequences.newest.by_id
    mine = known.get(row["sequence"])
    over_time = row["reason"] == ExitReason.OVER_TIME
    return {
        "most_days": mine.document.max_days if mine is not None and over_time else None,
        "elsewhere": [(one.id, one.label) for one in known.values() if one.id != row["sequence"]],
    }
