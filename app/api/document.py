"""The API's OpenAPI document, made from the declarations of its operations."""

from typing import Any

from app.api.mapping_shapes import MAPPINGS
from app.api.operation import OPERATIONS, Operation
from app.api.shapes import ANY as _ANY
from app.api.shapes import MAYBE_TEXT as _MAYBE_TEXT
from app.api.shapes import MAYBE_TIME as _MAYBE_TIME
from app.api.shapes import MAYBE_WHOLE as _MAYBE_WHOLE
from app.api.shapes import NUMBER as _NUMBER
from app.api.shapes import SHAPES
from app.api.shapes import STATUSES as _STATUSES
from app.api.shapes import TEXT as _TEXT
from app.api.shapes import TIME as _TIME
from app.api.shapes import WHOLE as _WHOLE
from app.api.shapes import an_object as _object

_WHOLE_ID = {"type": "integer", "minimum": 0}
_NAME = {"type": "string", "pattern": "^[a-z0-9_]{1,40}$"}
_POLICY_NAME = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,40}$"}  # of a mapping also a connection's


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for declared in OPERATIONS:
        paths.setdefault(f"/api/v1{declared.path}", {})[declared.method.lower()] = _operation(declared)
    names = sorted({declared.answer for declared in OPERATIONS} - set(_SCHEMAS) - set(SHAPES))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Baton",
            "version": "1",
            "description": "The one true state of every contact, and why something was done or not.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**_SCHEMAS, **SHAPES, **{name: {"type": "object"} for name in names}},
        },
    }


def _operation(declared: Operation) -> dict[str, Any]:
    item: dict[str, Any] = {"$ref": f"#/components/schemas/{declared.answer}"}
    if declared.many:
        item = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}},
        }
    described: dict[str, Any] = {
        "summary": declared.summary,
        "description": f"Takes a token with the scope `{declared.needs}`.",
        "operationId": f"{declared.method.lower()}{declared.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "responses": {
            str(declared.statuses[0]): {"description": "Done", "content": {"application/json": {"schema": item}}},
            **{str(status): _error(_ERRORS[status]) for status in (*declared.statuses[1:], 400, 401, 403)},
        },
    }
    parameters = [{"in": "query", **parameter} for parameter in declared.query]
    parameters += [
        {"in": "path", "name": part[1:-1], "required": True, "schema": _part(part)}
        for part in declared.path.split("/")
        if part.startswith("{")
    ]
    if parameters:
        described["parameters"] = parameters
    if declared.body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": declared.body}}}
        for status, words in ((411, "No length"), (413, "Too large"), (415, "Compressed")):
            described["responses"][str(status)] = _error(words)
    return described


def _part(part: str) -> dict[str, Any]:
    if part.endswith("_id}"):
        return _WHOLE_ID
    return _POLICY_NAME if part in ("{policy}", "{connection}") else _NAME


_ERRORS = {
    400: "Not understood; the error says what",
    401: "No valid token",
    403: "The token may not do this",
    404: "Not found",
    409: "Not possible now",
}


def _error(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}


_SEGMENT = _object({"id": _TEXT, "label": _TEXT, "contacts": _WHOLE, "filling": {"type": "boolean"}})
_USES = {"type": "array", "items": _object({"id": _TEXT, "label": _TEXT})}

_USER = {
    "id": _WHOLE,
    "email": _TEXT,
    "name": _TEXT,
    "role": _TEXT,
    "active": {"type": "boolean"},
    "invited": {"type": "boolean"},
    "created_at": _TIME,
    "signed_in_at": _MAYBE_TIME,
}

_IMPORT = {
    "id": _WHOLE,
    "source": _TEXT,
    "name": _TEXT,
    "status": _TEXT,
    "reason": _TEXT,
    "total": _MAYBE_WHOLE,
    "read": _WHOLE,
    "done": _WHOLE,
    "skipped": _WHOLE,
    "events": _WHOLE,
    "share": {"type": ["number", "null"]},
    "asked_by": _TEXT,
    "created_at": _TIME,
    "ended_at": _MAYBE_TIME,
}
_HANDOFF_THEN = _object(  # in a contact as it was
    {"key": _TEXT, "rule": _TEXT, "opened_at": _TIME, "due_at": _MAYBE_TIME, "verdict": _MAYBE_TEXT},
    claimed_at=_MAYBE_TIME,
    claimed_by=_MAYBE_TEXT,
    closed_at=_MAYBE_TIME,
)
_ALIAS = _object({"kind": _TEXT, "value": _TEXT, "connection": _MAYBE_TEXT})
_MERGE = _object(
    {
        "id": _WHOLE,
        "contact_id": _WHOLE,
        "winner_id": _WHOLE,
        "loser_id": _WHOLE,
        "met_in": _ALIAS,
        "connection": _MAYBE_TEXT,
        "event_id": _MAYBE_TEXT,
        "at": _TIME,
        "state": {"type": "string", "enum": ["merged", "parted", "rejoined"]},
        "undone_at": _MAYBE_TIME,
        "undone_by": _MAYBE_TEXT,
        "undone_why": _MAYBE_TEXT,
    }
)

_PROBLEMS = {"type": "array", "items": _object({"text": _TEXT, "line": _MAYBE_WHOLE})}
_VERSION = {"version": _WHOLE, "status": _TEXT, "author": _TEXT, "note": _TEXT, "published_at": _MAYBE_TIME}
_DRAFT = _object(
    {"revision": _WHOLE, "base": _MAYBE_WHOLE, "author": _TEXT, "updated_at": _TIME, "stale": {"type": "boolean"}},
    text=_TEXT,
    problems=_PROBLEMS,
)
_HANDOFF = {
    "id": _WHOLE,
    "contact_id": _WHOLE,
    "status": _TEXT,
    "reason": _TEXT,
    "score": _NUMBER,
    "opened_at": _TIME,
    "remind_at": _MAYBE_TIME,
    "due_at": _TIME,
    "overdue": {"type": "boolean"},
    "reminded_at": _MAYBE_TIME,
    "escalated_at": _MAYBE_TIME,
    "escalated_to": _MAYBE_TEXT,
    "claimed_at": _MAYBE_TIME,
    "claimed_by": _MAYBE_TEXT,
    "owner": {"type": ["object", "null"]},
    "verdict": _MAYBE_TEXT,
}
_POLICY = {
    "kind": _TEXT,
    "name": _TEXT,
    "title": _TEXT,
    "about": _TEXT,
    "version": {"anyOf": [_object(_VERSION), {"type": "null"}]},
    "draft": {"anyOf": [_DRAFT, {"type": "null"}]},
}

# How often something really came about, by the rules in force and with the draft; and for how many people
_OFTEN = dict.fromkeys(("really", "now", "draft"), _WHOLE)
_EFFECT = {**_OFTEN, **dict.fromkeys(("people_now", "people_draft", "more", "less"), _WHOLE)}
_REHEARSAL = {
    "id": _WHOLE,
    "status": {**_TEXT, "enum": ["waiting", "running", "done", "canceled", "failed"]},
    "reason": _MAYBE_TEXT,
    "policies": {"type": "array", "items": _object({"kind": _TEXT, "name": _TEXT, "label": _TEXT})},
    "since": _TIME,
    "until": _TIME,
    "segment": _MAYBE_TEXT,
    "every": _WHOLE,
    "asked_by": _TEXT,
    "created_at": _TIME,
    "began_at": _MAYBE_TIME,
    "ended_at": _MAYBE_TIME,
    "seconds": _NUMBER,
    "total": _WHOLE,
    "seen": _WHOLE,
    "differing": _WHOLE,
}

# How far everybody has been scored by the rules in force; null for policies that do not count in scores
_RESCORING = _object(
    {
        "status": {**_TEXT, "enum": ["waiting", "running", "done"]},
        "share": {**_NUMBER, "description": "About which part of all contacts is done, from 0 to 1"},
        "seen": _WHOLE,
        "changed": {**_WHOLE, "description": "Contacts with another score than before"},
        "rose": {**_WHOLE, "description": "… who came over the threshold by this alone; nobody is told"},
        "fell": _WHOLE,
        "failed": _WHOLE,
        "began_at": _MAYBE_TIME,
        "ended_at": _MAYBE_TIME,
    }
)
_INTERVAL = _object({"low": _NUMBER, "high": _NUMBER})
_VARIANT = _object(
    {
        "variant": _TEXT,
        "exposed": _WHOLE,
        "ended": _WHOLE,
        "reached": _WHOLE,
        "share": _NUMBER,
        "interval": _INTERVAL,
        "difference": {"type": ["number", "null"]},
        "differs": {"type": "boolean"},
    }
)

_SCHEMAS: dict[str, Any] = {
    "Error": _object({"error": _TEXT}),
    "Done": _object({"status": _TEXT}),
    "Several": _object({"matching": _WHOLE, "cut": {"type": "boolean"}, "done": _WHOLE, "more": {"type": "boolean"}}),
    "AuditEntry": _object(
        dict.fromkeys(("who", "what", "on", "detail", "before", "after"), _TEXT) | {"id": _WHOLE, "at": _TIME}
    ),
    "User": _object(_USER),
    "Invited": _object({**_USER, "link": _TEXT}),
    "Token": _object(
        {
            "id": _WHOLE,
            "name": _TEXT,
            "prefix": _TEXT,
            "scopes": {"type": "array", "items": _TEXT},
            "created_at": _TIME,
            "used_at": _MAYBE_TIME,
        }
    ),
    "Contact": _object(
        {
            "id": _WHOLE,
            "email": _MAYBE_TEXT,
            "fields": _ANY,
            "lifecycle_stage": _MAYBE_TEXT,
            "conversation": {"type": ["object", "null"]},
            "consent": _ANY,
            "suppressions": {
                "type": "array",
                "items": _object({"reason": _TEXT, "scope": _TEXT, "since": _TIME, "until": _MAYBE_TIME}),
            },
            "engagement": _object({"tier": _TEXT}),
            "score": _object(
                {
                    "total": _NUMBER,
                    "groups": {"type": "object", "additionalProperties": _NUMBER},
                    "contributions": {"type": "array", "items": _ANY},
                },
                falls_below=_MAYBE_TIME,
            ),
            "interests": {
                "type": "object",
                "additionalProperties": _object(
                    {"strength": _NUMBER, "count": _WHOLE, "last_at": _TIME, "until": _MAYBE_TIME}
                ),
            },
            "segments": {"type": "array", "items": _object({"id": _TEXT, "label": _TEXT, "since": _TIME})},
            "sends": {
                "type": "array",
                "items": _object(
                    {"at": _TIME, "channel": _TEXT, "rule": _MAYBE_TEXT, "status": _TEXT, "counts": {"type": "boolean"}}
                ),
            },
            "frequency": _object(
                {
                    "tier": _TEXT,
                    "wakes_only": {"type": "boolean"},
                    "caps": {
                        "type": "array",
                        "items": _object({"max": _WHOLE, "days": _WHOLE, "count": _WHOLE, "free_at": _MAYBE_TIME}),
                    },
                    "free_from": _MAYBE_TIME,
                }
            ),
            "enrolments": {"type": "array", "items": _ANY},
            "handoffs": {
                "type": "array",
                "items": {"anyOf": [{"$ref": "#/components/schemas/Handoff"}, _HANDOFF_THEN]},
            },
            "aliases": {"type": "array", "items": _ALIAS},
        },
        as_of=_TIME,
    ),
    "Event": _object(
        {
            "id": _TEXT,
            "type": _TEXT,
            "occurred_at": _TIME,
            "received_at": _TIME,
            "connection": _TEXT,
            "contact_id": _MAYBE_WHOLE,
            "identities": {"type": "object", "additionalProperties": _TEXT},
            "properties": _ANY,
            "machine": _MAYBE_TEXT,
        }
    ),
    "Moment": _object({"source": {"type": "string", "enum": ["event", "decision"]}}),
    "InboxRow": _object(
        {"id": _WHOLE, "connection": _TEXT, "status": _TEXT, "reason": _MAYBE_TEXT, "received_at": _TIME}
    ),
    "Delivery": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "connection": _TEXT,
            "kind": _TEXT,
            "status": _TEXT,
            "reason": _MAYBE_TEXT,
            "attempts": _WHOLE,
            "action": _ANY,
        }
    ),
    "Decision": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "at": _TIME,
            "rule": _TEXT,
            "policy": _TEXT,
            "what": _TEXT,
            "outcome": _TEXT,
            "summary": _TEXT,
            "gates": {
                "type": "array",
                "items": _object({"name": _TEXT, "passed": {"type": "boolean"}, "detail": _TEXT}),
            },
        }
    ),
    "Handoff": _object(_HANDOFF),
    "HandoffDetail": _object(
        {
            **_HANDOFF,
            "clock": _object(
                {
                    "left": {"type": ["number", "null"], "description": "Business minutes until it is due"},
                    "taken": {"type": ["number", "null"], "description": "Business minutes until somebody had it"},
                    "due": _TEXT,
                    "open": {"type": "boolean"},
                    "goes_on": _MAYBE_TIME,
                    "second": _TEXT,
                }
            ),
            "history": {
                "type": "array",
                "items": _object(
                    {"at": _TIME, **dict.fromkeys(("what", "says", "by", "through", "verdict", "note"), _TEXT)}
                ),
            },
        }
    ),
    "Policy": _object(_POLICY),
    "PolicyDetail": _object(
        {
            **_POLICY,
            "text": _TEXT,
            "warnings": {"type": "array", "items": _TEXT},
            "rescoring": {"anyOf": [_RESCORING, {"type": "null"}]},
        }
    ),
    "PolicyVersion": _object(_VERSION, text=_TEXT),
    "PolicyProblems": _object({"kind": _MAYBE_TEXT, "name": _MAYBE_TEXT, "problems": _PROBLEMS}),
    "PolicyDifference": _object(
        {
            "words": {"type": ["array", "null"], "items": _TEXT},
            "added": _WHOLE,
            "removed": _WHOLE,
            "lines": {
                "type": "array",
                "items": _object({"sign": _TEXT, "text": _TEXT, "before": _MAYBE_WHOLE, "after": _MAYBE_WHOLE}),
            },
        }
    ),
    "Rehearsal": _object(_REHEARSAL),
    "RehearsalDetail": _object(
        {
            **_REHEARSAL,
            "rules": _STATUSES,
            "events": _WHOLE,
            "effects": {
                "type": "object",
                "description": "Kind of effect → how often; of what was withheld also by the check that kept it back",
                "additionalProperties": _object(
                    {
                        **_EFFECT,
                        "rules": {"type": "object", "additionalProperties": _object(_EFFECT)},
                        "checks": {"type": "object", "additionalProperties": _object(_OFTEN)},
                    }
                ),
            },
            "scores": _object(dict.fromkeys(("higher", "lower", "over_now", "over_draft"), _WHOLE)),
            "kept": {**_WHOLE, "description": "Differences that are kept singly"},
        }
    ),
    "RehearsalChange": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "effect": _TEXT,
            "rule": _TEXT,
            "side": _TEXT,
            "at": _TIME,
            "now": {"type": ["object", "null"]},
            "draft": {"type": ["object", "null"]},
        }
    ),
    "Segment": _SEGMENT,
    "SegmentDetail": _object(
        {
            "id": _TEXT,
            "label": _TEXT,
            "contacts": _WHOLE,
            "filling": {"type": "boolean"},
            "condition": _object({"text": _TEXT, "parts": {"type": "array", "items": _ANY}}),
            "triggers": _USES,
            "sequences": _USES,
            "messages": _USES,
            "handoffs": _USES,
            "stages": _USES,
            "scores": _USES,
            "findings": {
                "type": "array",
                "items": _object({"kind": _TEXT, "says": _TEXT, "mend": _TEXT, "other": _MAYBE_TEXT}),
            },
        }
    ),
    "SegmentAudit": _object(
        {
            "weak_below": _WHOLE,
            "empty": {"type": "array", "items": _SEGMENT},
            "weak": {"type": "array", "items": _SEGMENT},
            "overlapping": {
                "type": "array",
                "items": _object({"segments": {"type": "array", "items": _TEXT}, "share": _NUMBER, "contacts": _WHOLE}),
            },
        }
    ),
    "Would": _object(
        {
            "rule": _TEXT,
            "label": _TEXT,
            "outcome": _TEXT,
            "summary": _TEXT,
            "conditions": {"type": "array", "items": _object({"text": _TEXT, "holds": {"type": "boolean"}})},
            "gates": {
                "type": "array",
                "items": _object({"name": _TEXT, "passed": {"type": "boolean"}, "detail": _TEXT}),
            },
            "decided_at": _MAYBE_TIME,
        },
        then={"type": ["object", "null"]},
    ),
    "Message": _object(
        {
            "id": _TEXT,
            "label": _TEXT,
            "channels": {"type": "array", "items": _TEXT},
            "class": _TEXT,
            "purpose": _TEXT,
            "priority": _TEXT,
            "subject": _TEXT,
            "triggers": _USES,
            "sequences": _USES,
            "findings": {
                "type": "array",
                "items": _object({"level": _TEXT, "place": _TEXT, "text": _TEXT, "mend": _TEXT}),
            },
        }
    ),
    "Render": _object(
        {
            "message": _TEXT,
            "channel": _TEXT,
            "suits": {"type": "boolean"},
            "reason": _TEXT,
            "missing": {"type": "array", "items": _TEXT},
            "gates": {
                "type": "array",
                "items": _object({"name": _TEXT, "passed": {"type": "boolean"}, "detail": _TEXT}),
            },
            "blocks": {
                "type": "array",
                "items": _object({"block": _TEXT, "variant": _WHOLE, "reason": _TEXT, "generic": {"type": "boolean"}}),
            },
            "fell_back": {"type": "array", "items": _TEXT},
        },
        rendered={"type": ["object", "null"]},
        contact_id={"type": ["integer", "null"]},
        follows={"type": ["object", "null"]},
    ),
    "Sequence": _object(
        {
            "id": _TEXT,
            "label": _TEXT,
            "version": _TEXT,
            "active": {"type": "boolean"},
            "priority": _WHOLE,
            "max_days": _NUMBER,
            "contacts": _WHOLE,
            "paused": {"type": ["object", "null"]},
            "last_30_days": _object(
                {"entered": _WHOLE, "ended": _WHOLE, "reached": _WHOLE, "cut": {"type": "boolean"}},
                share={"type": ["number", "null"]},
                interval={"type": ["object", "null"]},
            ),
            "open_reviews": _WHOLE,
        },
        steps={"type": "array", "items": _object({"step": _TEXT, "does": _TEXT})},
        at={"type": "array", "items": _ANY},
        exits={"type": "object", "additionalProperties": _WHOLE},
    ),
    "SequenceResults": _object(
        {
            "sequence": _TEXT,
            "splits": {
                "type": "array",
                "items": _object({"split": _TEXT, "variants": {"type": "array", "items": _VARIANT}}),
            },
        }
    ),
    "SequencesPaused": _object({"paused": {"type": "boolean"}, "still_paused": {"type": "array", "items": _TEXT}}),
    "SequencePaused": _object({"sequence": _TEXT, "paused": {"type": "boolean"}}),
    "SequenceMove": _object(
        {
            "sequence": _TEXT,
            "to": _TEXT,
            "version": _TEXT,
            "contacts": _WHOLE,
            "places": {
                "type": "array",
                "items": _object(
                    {
                        "version": _TEXT,
                        "step": _TEXT,
                        "contacts": _WHOLE,
                        "to_step": _TEXT,
                        "becomes": _TEXT,
                        "stays": {"type": "boolean"},
                    }
                ),
            },
            "moved": _WHOLE,
            "more": {"type": "boolean"},
        }
    ),
    "Enrolment": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "sequence": _TEXT,
            "version": _TEXT,
            "entered_at": _TIME,
            "step": _TEXT,
            "waiting": _TEXT,
            "paused": {"type": "boolean"},
            "sent": _WHOLE,
            "ended_at": _MAYBE_TIME,
            "exit": _MAYBE_TEXT,
        }
    ),
    "Import": _object(_IMPORT),
    "ImportInFull": _object(
        {
            **_IMPORT,
            "reasons": {"type": "array", "items": _object({"reason": _TEXT, "count": _WHOLE})},
            "skips": {"type": "array", "items": _object({"row": _MAYBE_WHOLE, "reason": _TEXT, "held": _TEXT})},
        }
    ),
    "Completeness": _object(
        {
            "connection": _TEXT,
            "received": _WHOLE,
            "refilled": _WHOLE,
            "share": {"type": ["number", "null"]},
            "imported": _WHOLE,
            "days": {
                "type": "array",
                "items": _object({"day": _TEXT, "received": _WHOLE, "refilled": _WHOLE, "imported": _WHOLE}),
            },
            "streams": {
                "type": "array",
                "items": _object(
                    {
                        "name": _TEXT,
                        "title": _TEXT,
                        "complete": _TEXT,
                        "upto": _MAYBE_TIME,
                        "due_at": _MAYBE_TIME,
                        "problem": _TEXT,
                    }
                ),
            },
        }
    ),
    "Conflict": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "field": _TEXT,
            "reason": {"type": "string", "enum": ["owners", "asked", "flip_flop"]},
            "since": _TIME,
            "value": {},
            "says": {"type": "array", "items": _object({"connection": _TEXT, "value": {}, "at": _TIME})},
        }
    ),
    "Merge": _MERGE,
    "MergeDetail": _object(
        {
            "merge": _MERGE,
            "would": {
                "type": "array",
                "items": _object(
                    {"id": _WHOLE, "aliases": {"type": "array", "items": _ALIAS}, "events": _WHOLE, "later": _WHOLE}
                ),
            },
            "cannot": _MAYBE_TEXT,
        }
    ),
    "Review": _object(
        {
            "id": _WHOLE,
            "contact_id": _WHOLE,
            "sequence": _TEXT,
            "version": _TEXT,
            "reason": _TEXT,
            "worst": _TEXT,
            "segments": {"type": "array", "items": _TEXT},
            "opened_at": _TIME,
            "status": _TEXT,
            "resolution": _MAYBE_TEXT,
            "resolved_by": _MAYBE_TEXT,
            "resolved_at": _MAYBE_TIME,
        }
    ),
    "Why": _object(
        {
            "kind": {"type": "string", "enum": ["message", "trigger", "sequence", "segment"]},
            "id": _TEXT,
            "label": _TEXT,
            "standing": _TEXT,
            "because": {
                "type": "array",
                "items": _object({"id": _WHOLE, "at": _TIME, "what": _TEXT, "outcome": _TEXT, "words": _TEXT}),
            },
            "now": {"type": ["object", "null"]},
            "tried_with": {"type": ["object", "null"]},
            "senders": {"type": "array", "items": _ANY},
        }
    ),
    "Connection": _object(
        {
            "name": _TEXT,
            "kind": _TEXT,
            "status": _TEXT,
            "sending": {"type": "boolean", "description": "Whether anything leaves through it now"},
            "checks": {
                "type": "array",
                "items": _object({"capability": _TEXT, "works": {"type": "boolean"}, "advice": _TEXT}),
            },
            "checked_at": _MAYBE_TIME,
            "last_arrival_at": _MAYBE_TIME,
            "last_success_at": _MAYBE_TIME,
            "waiting": {"type": "object", "additionalProperties": _WHOLE, "description": "By urgency"},
            "limits": {
                "type": "array",
                "items": _object(
                    {"name": _TEXT, "calls": _WHOLE, "seconds": _NUMBER, "used": _MAYBE_WHOLE, "wait": _NUMBER}
                ),
            },
            "came": _object({"days": _WHOLE, "pushed": _WHOLE, "polled": _WHOLE}),
            "streams": {
                "type": "array",
                "items": _object({"name": _TEXT, "title": _TEXT, "upto": _MAYBE_TIME, "problem": _TEXT}),
            },
            "problems": {"type": "array", "items": _object({"title": _TEXT, "says": _TEXT, "advice": _TEXT})},
        }
    ),
    "Stats": _object({"inbox": _STATUSES, "events": _WHOLE, "contacts": _WHOLE, "deliveries": _STATUSES}),
    **MAPPINGS,
}
