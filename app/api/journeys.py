"""Segments, what sales said of scores, and whether a rule would fire for somebody. Nothing here changes anything."""

from datetime import timedelta
from typing import Any

import msgspec

from app import calibration, segments, views
from app.api.blueprint import api
from app.api.operation import Operation, existing, json_body, operation
from app.api.shapes import TEXT
from app.contacts.event import Event, is_event_type
from app.contacts.times import parse_time
from app.receive import Refused, this_runtime
from app.rules.would import Answer, would_enter, would_hand_over, would_score, would_segment, would_trigger
from app.store import people

_ASK = {
    "trigger": would_trigger,
    "sequence": would_enter,
    "segment": would_segment,
    "scoring": would_score,
    "handoff": would_hand_over,
}
_AHEAD = timedelta(days=366)


@operation(
    api,
    Operation(
        method="GET",
        path="/calibration",
        summary="Whether scores tell whom sales takes up: what sales said, by score, by threshold and by rule",
        answer="Calibration",
    ),
)
def calibration_of_scores() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return calibration.shown(calibration.look(runtime, conn))


@operation(
    api,
    Operation(
        method="GET", path="/segments", summary="Segments, and how many are in each", answer="Segment", many=True
    ),
)
def all_segments() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return {"items": segments.listed(runtime, conn), "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/segments/audit",
        summary="Segments that are weak, empty or overlap",
        answer="SegmentAudit",
    ),
)
def segment_audit() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return segments.audit(runtime, conn)


@operation(
    api,
    Operation(
        method="GET",
        path="/segments/{segment}",
        summary="One segment: whom it is for, what uses it, and what the audit says of it",
        answer="SegmentDetail",
        statuses=(200, 404),
    ),
)
def one_segment(segment: str) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return existing(segments.detail(runtime, conn, segment), "segment")


@operation(
    api,
    Operation(
        method="POST",
        path="/contacts/{contact_id}/would",
        summary="Would a rule fire, a sequence let in or a segment change, if this happened? Nothing is written",
        body={
            "type": "object",
            "properties": {
                "trigger": {**TEXT, "description": "A trigger's id; or"},
                "sequence": {**TEXT, "description": "a sequence's id; or"},
                "segment": {**TEXT, "description": "a segment's id; or"},
                "scoring": {**TEXT, "description": "a scoring rule's id; or"},
                "handoff": {**TEXT, "description": "a handoff rule's id"},
                "event": {
                    "type": "object",
                    "properties": {
                        "type": TEXT,
                        "occurred_at": {"type": "string", "format": "date-time"},
                        "properties": {"type": "object"},
                        "fields": {"type": "object"},
                        "machine": TEXT,
                    },
                },
            },
        },
        answer="Would",
        statuses=(200, 400, 404),
    ),
)
def contact_would(contact_id: int) -> Any:
    runtime, body = this_runtime(), json_body()
    rules = [(kind, body[kind]) for kind in _ASK if isinstance(body.get(kind), str)]
    if len(rules) != 1 or not {*_ASK, "event"} >= body.keys():
        raise Refused(400, f'name one rule, as {", ".join(_ASK)}, and what happens as "event"')
    ((kind, name),) = rules
    with runtime.database.read() as conn:
        state = views.state_of(conn, people.survivor(conn, contact_id))
    if state is None:
        raise Refused(404, "there is no such contact")
    policies = runtime.rulebook().policies
    event = _event(body.get("event"), needed=kind != "segment")
    if state.newest is not None and event.occurred_at < state.newest.occurred_at:
        raise Refused(400, f"occurred_at is before the contact's newest event ({state.newest.occurred_at:%F %T} UTC)")
    try:
        return _shown(_ASK[kind](state, event, name, policies))
    except KeyError:
        known: dict[str, list[str]] = {
            "trigger": list(policies.triggers.by_id),
            "sequence": list(policies.sequences.newest.by_id),
            "segment": list(policies.segments.by_id),
            "scoring": [one.id for one in policies.scoring.document.rules],
            "handoff": [one.id for one in policies.handoff.document.rules],
        }
        raise Refused(404, f"there is no such {kind}; there are {', '.join(sorted(known[kind]))}") from None


def _event(said: Any, needed: bool) -> Event:
    """What is supposed to happen: now, if nothing else is said."""
    now = this_runtime().clock()
    if said is None and not needed:
        said = {"type": "timer.due"}
    if not isinstance(said, dict):
        raise Refused(400, 'event is an object with a "type"')
    name, at, machine = said.get("type"), said.get("occurred_at"), said.get("machine")
    if not isinstance(name, str) or not is_event_type(name):
        raise Refused(400, "event.type is not an event type")
    parts = [said.get("properties", {}), said.get("fields", {})]
    if not all(isinstance(part, dict) for part in parts) or not isinstance(machine, str | None):
        raise Refused(400, "event.properties and event.fields are objects, event.machine is a text")
    try:
        moment = parse_time(at) if at is not None else now
    except ValueError:
        raise Refused(400, "event.occurred_at is not a time") from None
    if moment > now + _AHEAD:
        raise Refused(400, "event.occurred_at is more than a year ahead")
    return Event(
        type=name,
        occurred_at=moment,
        received_at=max(now, moment),
        source_key="would",
        id="0" * 32,
        properties=parts[0],
        fields=parts[1],
        machine=machine,
    )


def _shown(answer: Answer) -> dict[str, Any]:
    shown = msgspec.structs.asdict(answer)
    shown["then"] = _shown(answer.then) if answer.then else None
    return shown
