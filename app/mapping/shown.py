"""Mappings and what came in through them as the API shows them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from app.mapping import sending
from app.mapping.captures import Capture
from app.mapping.desk import RowState, Subject, Traffic
from app.mapping.drift import Drift, Figures, drift_of
from app.mapping.effect import Effect
from app.mapping.found import Found
from app.mapping.outward import Said, Written
from app.mapping.rereading import Preview
from app.store.rereads import Reread
from mappings.mapping import Trace


def mapping(about: Subject, states: Iterable[RowState]) -> dict[str, Any]:
    """A mapping with its rows; they are the draft's where there is one."""
    draft = about.draft
    return {
        "name": about.name,
        "tool": about.vendor,
        "connections": [one.name for one in about.connections],
        "version": about.version,
        "draft": None if draft is None else {"revision": draft.revision, "author": draft.author},
        "problems": about.problems,
        "rows": [_row(one) for one in states],
    }


def _row(state: RowState) -> dict[str, Any]:
    return {
        "number": state.number + 1,
        "contact": state.contact,
        "vendor": state.sources,
        "direction": state.direction,
        "blank": state.blank,
        "authority": state.authority,
        "health": state.state,
        "says": state.says,
        "problems": state.problems,
        "drift": _drift(state.drift),
        "without_place": state.without_place,
        "successor": state.successor.name if state.successor else None,
        **_figures(state.figures),
        "days": [{"day": day.isoformat(), **_figures(one)} for day, one in state.series],
        "unmapped": [
            {"vendor": one.vendor, "value": one.value, "count": one.count, "last_at": one.last_at}
            for one in state.held
            if one.reason == "unmapped"
        ],
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "seen": figures.seen,
        "filled": figures.filled,
        "held": figures.held,
        "fill_rate": figures.fill_rate,
        "mismatch_rate": figures.mismatch_rate,
    }


def _drift(drift: Drift | None) -> dict[str, Any] | None:
    return None if drift is None else {"what": drift.what, "since": drift.since.isoformat(), "says": drift.says}


def field(one: Found, lately: Traffic) -> dict[str, Any]:
    """A field of the tool's as it came."""
    history = lately.histories.get(one.name)
    return {
        "name": one.name,
        "label": one.label,
        "type": one.kind,
        "seen": one.seen,
        "filled": one.filled,
        "fill_rate": one.fill_rate,
        "samples": one.samples,
        "rows": [number + 1 for number in one.rows],
        "suggestion": one.suggestion or None,
        "drift": _drift(drift_of(history, lately.today)) if history else None,
        "listed": lately.listed[one.name].kind if one.name in lately.listed else None,
        "options": list(lately.listed[one.name].options) if one.name in lately.listed else [],
    }


def payload(one: Capture) -> dict[str, Any]:
    """A payload with what came of it."""
    return {
        "key": one.key,
        "inbox_id": one.inbox_id,
        "at": one.at,
        "kind": one.kind,
        "route": one.route,
        "contact_id": one.contact_id,
        "failed": one.failed,
        "error": one.error or None,
        "properties": one.all_properties,
        **_mapped(one),
    }


def _mapped(one: Capture) -> dict[str, Any]:
    return {
        "fields": one.mapped.fields,
        "signals": one.mapped.signals,
        "held": [msgspec.structs.asdict(held) for held in one.mapped.held],
        "skipped": one.mapped.skip or None,
    }


def preview(before: Capture, after: Capture | None, traces: Sequence[Trace]) -> dict[str, Any]:
    """A payload as it is read today and as it would be, and how each row comes to its value."""
    return {
        "payload": payload(before),
        "after": _mapped(after) | {"error": after.error or None} if after is not None else None,
        "rows": [
            {
                "number": one.number + 1,
                "steps": [{"step": what, "value": value} for what, value in one.heard],
                "fields": one.mapped.fields,
                "signals": one.mapped.signals,
                "held": [msgspec.structs.asdict(held) for held in one.mapped.held],
            }
            for one in traces
        ],
    }


def effect(one: Effect) -> dict[str, Any]:
    """What a text would change of one payload."""
    return {
        "key": one.before.key,
        "at": one.before.at,
        "contact_id": one.before.contact_id,
        "status": one.status,
        "problem": one.problem or None,
        "was": one.was or None,
        "differences": [
            {
                "field": each.field,
                "before": each.before,
                "after": each.after,
                "before_set": each.before_set,
                "after_set": each.after_set,
            }
            for each in one.differences
        ],
    }


def request(said: Said) -> dict[str, Any]:
    """What a tool would be told of a contact."""
    written = said.request
    return {
        "contact_id": said.contact_id,
        "properties": [
            {"vendor": name, "contact": ours or None, "value": value, "held": held}
            for name, ours, value, held in said.properties
        ],
        "request": msgspec.structs.asdict(written) if isinstance(written, Written) else None,
        "reason": None if isinstance(written, Written) else written,
        "digest": sending.digest(said) or None,
    }


def reread(one: Reread) -> dict[str, Any]:
    """How far reading again has come."""
    return {
        name: getattr(one, name)
        for name in (
            "id", "version", "since", "vendor", "status", "reason", "asked_by", "created_at", "ended_at", "total",
            "seen", "failed", "differing", "news", "contacts",
        )
    }  # fmt: skip


def reread_preview(found: Preview) -> dict[str, Any]:
    """What reading again would come to."""
    return msgspec.structs.asdict(found)
