"""Sequences as people look at them: who is in each and where, how they end, and what a split came to."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from app.contacts.contact import Contact, Enrolment
from app.rules.sequences.enrolments import due_at, in_order
from app.rules.sequences.outline import Line, outline
from app.rules.sequences.pauses import EVERY
from app.rules.sequences.policy import REACHED, Flow, Sequences
from app.rules.sequences.program import Jump, words
from app.rules.sequences.results import compare, wilson
from app.rules.sequences.standing import what_next
from app.rules.sequences.walk import place_of
from app.runtime import Runtime
from app.store import enrolments, pauses, reviews, rows
from app.store.kept import kept

LATELY = timedelta(days=30)
_reached = tuple(map(str, REACHED))
_contact = msgspec.json.Decoder(Contact).decode


def of_contact(sequences: Sequences, state: Contact, now: datetime) -> list[dict[str, Any]]:
    """The contact's enrolments: those that run, the one that sends first; then the last of each sequence
    that is over."""
    inside = in_order(state.enrolments.values())
    outside = sorted(state.exits.values(), key=lambda run: (run.ended_at or run.since, run.sequence), reverse=True)
    return [_enrolment(run, sequences, now) for run in (*inside, *outside)]


def _enrolment(run: Enrolment, sequences: Sequences, now: datetime) -> dict[str, Any]:
    flow = sequences.pinned(run.version, run.sequence)
    inside = run.ended_at is None
    return {
        "sequence": run.sequence,
        "label": flow.label if flow else run.sequence,
        "version": run.version,
        "entered_at": run.entered_at,
        "ends_at": run.ends_at,
        "step": run.step,
        "at": place_of(run, flow),
        "next": what_next(run, sequences, now) if inside else None,
        "due_at": due_at(run) if inside else None,
        "held_by": run.held_by or None,
        "paused": run.paused,
        "sent": run.sent,
        "exposed": run.exposed,
        "ended_at": run.ended_at,
        "exit": run.exit or None,
    }


def listed(runtime: Runtime, conn: Connection) -> list[dict[str, Any]]:
    """The sequences in force, in the policy's order, with how many people are in each and what came of it lately."""
    known, counts = runtime.rulebook().policies.sequences, enrolments.running(conn)
    paused, waiting = pauses.running(conn), reviews.open_by_sequence(conn)
    return [
        {
            **_brief(flow, counts.get(flow.id, 0), paused),
            **_lately(runtime, conn, flow),
            "open_reviews": waiting.get(flow.id, 0),
        }
        for flow in known.newest.by_id.values()
    ]


def every_paused(conn: Connection) -> dict[str, Any] | None:
    """Who has paused all sequences at once, since when and why; None where nobody has."""
    return _pause(pauses.running(conn).get(EVERY))


def _pause(found: tuple[datetime, str, str] | None, every: bool = True) -> dict[str, Any] | None:
    return None if found is None else {"since": found[0], "by": found[1], "reason": found[2], "every": every}


def _brief(flow: Flow, contacts: int, paused: Mapping[str, tuple[datetime, str, str]]) -> dict[str, Any]:
    document = flow.document
    return {
        "id": flow.id,
        "label": flow.label,
        "version": flow.version,
        "active": document.active,
        "priority": document.priority,
        "purpose": document.purpose,
        "max_days": document.max_days,
        "owns": document.owns,
        "contacts": contacts,
        "paused": _pause(paused.get(flow.id), every=False) or _pause(paused.get(EVERY)),
    }


def _lately(runtime: Runtime, conn: Connection, flow: Flow) -> dict[str, Any]:
    """What came of a sequence in the last 30 days: the share is that of those who left who had reached the goal."""
    found = enrolments.lately(conn, flow.id, runtime.clock() - LATELY, _reached)
    rated = bool(found.ended and (flow.goal or flow.conversion))
    return {
        "last_30_days": {
            "entered": found.entered,
            "ended": found.ended,
            "reached": found.reached,
            "share": found.reached / found.ended if rated else None,
            "interval": msgspec.to_builtins(wilson(found.reached, found.ended)) if rated else None,
            "cut": found.cut,
        }
    }


def detail(runtime: Runtime, conn: Connection, name: str) -> dict[str, Any] | None:
    """One sequence: its steps with how many people are at each, and how those ended who are out; None where there is
    none."""
    known = runtime.rulebook().policies.sequences
    flow = known.newest.by_id.get(name)
    if flow is None:
        return None
    standing_at = _standing(conn, name)
    return {
        **_brief(flow, sum(one["contacts"] for one in standing_at), pauses.running(conn)),
        **_lately(runtime, conn, flow),
        "open_reviews": reviews.open_by_sequence(conn).get(name, 0),
        "document": flow.document.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "steps": [{"step": op.step, "does": words(op)} for op in flow.ops if not isinstance(op, Jump)],
        "at": standing_at,
        "exits": enrolments.by_exit(conn, name),
    }


def _standing(conn: Connection, name: str) -> list[Mapping[str, Any]]:
    return kept(conn, f"standing {name}", lambda: enrolments.by_step(conn, name))


class Place(Struct, frozen=True):
    """A line of a sequence's outline with how many people are there, have left from there, and, of what everybody
    comes through, have got that far."""

    line: Line
    here: int
    left: int
    came: int | None


def places(runtime: Runtime, conn: Connection, flow: Flow) -> tuple[list[Place], int]:
    """A sequence line by line with its people, whatever their versions; and how many are at a step that it does not
    have any more."""
    lines, found = outline(flow.document.steps), enrolments.by_place(conn, flow.id)
    steps, none = {line.step for line in lines}, (0, 0)
    tops = _tops(runtime, flow, found)

    def place(line: Line) -> Place:
        if line.way:
            return Place(line, 0, 0, None)
        came = sum(sum(counts) for step, counts in found.items() if tops.get(step, -1) >= line.top)
        return Place(line, *found.get(line.step, none), came if not line.depth else None)

    return [place(line) for line in lines], sum(here for step, (here, _) in found.items() if step not in steps)


def _tops(runtime: Runtime, flow: Flow, found: Collection[str]) -> dict[str, int]:
    """step → the number of the step of depth 0 that it belongs to, in the newest version that has it."""
    tops = {line.step: line.top for line in outline(flow.document.steps)}
    for edition in reversed(runtime.rulebook().policies.sequences.editions):
        if all(step in tops for step in found):
            break
        older = edition.by_id.get(flow.id)
        for line in outline(older.document.steps) if older is not None else ():
            tops.setdefault(line.step, line.top)
    return tops


def versions(runtime: Runtime, conn: Connection, name: str) -> list[dict[str, Any]]:
    """The versions in which people are in a sequence, and the one in force; the newest first."""
    known = runtime.rulebook().policies.sequences
    inside = Counter[str]()
    for row in _standing(conn, name):
        inside[row["version"]] += row["contacts"]
    current = known.newest.version
    return [
        {"version": one.version, "since": one.since, "contacts": inside[one.version], "current": one.version == current}
        for one in reversed(known.editions)
        if inside[one.version] or one.version == current
    ]


def people(runtime: Runtime, conn: Connection, found: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of enrolments, each with what its person waits for, as far as they still are in it."""
    known, now = runtime.rulebook().policies.sequences, runtime.clock()
    states = rows.contact_states(conn, {row["contact_id"] for row in found})
    shown: list[dict[str, Any]] = []
    for row in found:
        held = states.get(row["contact_id"])
        run = _contact(held["state"]).enrolments.get(row["sequence"]) if held and row["ended_at"] is None else None
        shown.append({**row, "now": _enrolment(run, known, now) if run is not None and run.key == row["key"] else None})
    return shown


def results(runtime: Runtime, conn: Connection, name: str) -> dict[str, Any]:
    """What each split of a sequence came to. Reached is who left by its goal or a conversion."""
    splits: dict[str, list[tuple[str, int, int, int]]] = {}
    for split, variant, exposed, ended, reached in enrolments.by_variant(conn, name, _reached):
        splits.setdefault(split, []).append((variant, exposed, ended, reached))
    return {
        "sequence": name,
        "splits": [
            {"split": split, "variants": [msgspec.to_builtins(one) for one in compare(found)]}
            for split, found in splits.items()
        ],
    }
