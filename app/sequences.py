"""Sequences as people look at them: who is in each and where, how they end, and what a split came to."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.contacts.contact import Contact, Enrolment
from app.rules.sequences.enrolments import due_at, in_order
from app.rules.sequences.policy import REACHED, Flow, Sequences
from app.rules.sequences.program import Jump, words
from app.rules.sequences.results import compare
from app.rules.sequences.standing import what_next
from app.rules.sequences.walk import place_of
from app.runtime import Runtime
from app.store import enrolments, pauses


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
    """The sequences in force, in the policy's order, with how many people are in each."""
    known, counts = runtime.rulebook().policies.sequences, enrolments.running(conn)
    paused = pauses.running(conn)
    return [_brief(flow, counts.get(flow.id, 0), paused.get(flow.id)) for flow in known.newest.by_id.values()]


def _brief(flow: Flow, contacts: int, paused: tuple[datetime, str, str] | None) -> dict[str, Any]:
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
        "paused": None if paused is None else {"since": paused[0], "by": paused[1], "reason": paused[2]},
    }


def detail(runtime: Runtime, conn: Connection, name: str) -> dict[str, Any] | None:
    """One sequence: its steps with how many people are at each, and how those ended who are out; None where there is
    none."""
    known = runtime.rulebook().policies.sequences
    flow = known.newest.by_id.get(name)
    if flow is None:
        return None
    standing_at = enrolments.by_step(conn, name)
    return {
        **_brief(flow, sum(one["contacts"] for one in standing_at), pauses.running(conn).get(name)),
        "document": flow.document.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "steps": [{"step": op.step, "does": words(op)} for op in flow.ops if not isinstance(op, Jump)],
        "at": standing_at,
        "exits": enrolments.by_exit(conn, name),
    }


def results(runtime: Runtime, conn: Connection, name: str) -> dict[str, Any]:
    """What each split of a sequence came to. Reached is who left by its goal or a conversion."""
    splits: dict[str, list[tuple[str, int, int, int]]] = {}
    for split, variant, exposed, ended, reached in enrolments.by_variant(conn, name, [str(one) for one in REACHED]):
        splits.setdefault(split, []).append((variant, exposed, ended, reached))
    return {
        "sequence": name,
        "splits": [
            {"split": split, "variants": [msgspec.to_builtins(one) for one in compare(found)]}
            for split, found in splits.items()
        ],
    }
