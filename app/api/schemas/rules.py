"""Policies, their rehearsals, and segments."""

from app.api.shapes import (
    ANY,
    FLAG,
    MAYBE_TEXT,
    MAYBE_TIME,
    MAYBE_WHOLE,
    NUMBER,
    STATUSES,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    an_object,
    many,
)

INTERVAL = an_object({"low": NUMBER, "high": NUMBER})
_SHARE = {"type": ["number", "null"], "description": "0 to 1; null of nobody"}
_SEGMENT = an_object({"id": TEXT, "label": TEXT, "contacts": WHOLE, "filling": FLAG})
USES = many(an_object({"id": TEXT, "label": TEXT}))
_PROBLEMS = many(an_object({"text": TEXT, "line": MAYBE_WHOLE}))
_VERSION = {"version": WHOLE, "status": TEXT, "author": TEXT, "note": TEXT, "published_at": MAYBE_TIME}
_DRAFT = an_object(
    {"revision": WHOLE, "base": MAYBE_WHOLE, "author": TEXT, "updated_at": TIME, "stale": FLAG},
    text=TEXT,
    problems=_PROBLEMS,
)
_POLICY = {
    "kind": TEXT,
    "name": TEXT,
    "title": TEXT,
    "about": TEXT,
    "version": {"anyOf": [an_object(_VERSION), {"type": "null"}]},
    "draft": {"anyOf": [_DRAFT, {"type": "null"}]},
}
_OFTEN = dict.fromkeys(("really", "now", "draft"), WHOLE)
_EFFECT = {**_OFTEN, **dict.fromkeys(("people_now", "people_draft", "more", "less"), WHOLE)}
_FILLED = dict.fromkeys(("now", "draft", "more", "less", "other"), WHOLE)
_REHEARSAL = {
    "id": WHOLE,
    "status": {**TEXT, "enum": ["waiting", "running", "done", "canceled", "failed"]},
    "reason": MAYBE_TEXT,
    "policies": many(an_object({"kind": TEXT, "name": TEXT, "label": TEXT})),
    "since": TIME,
    "until": TIME,
    "segment": MAYBE_TEXT,
    "every": WHOLE,
    "asked_by": TEXT,
    "created_at": TIME,
    "began_at": MAYBE_TIME,
    "ended_at": MAYBE_TIME,
    "seconds": NUMBER,
    "payloads": {
        **WHOLE,
        "description": "Stored payloads that a mapping is to read again, before contacts are looked at",
    },
    "payloads_read": WHOLE,
    "total": WHOLE,
    "seen": WHOLE,
    "differing": WHOLE,
}
_RESCORING = an_object(
    {
        "status": {**TEXT, "enum": ["waiting", "running", "done"]},
        "share": {**NUMBER, "description": "About which part of all contacts is done, from 0 to 1"},
        "seen": WHOLE,
        "changed": {**WHOLE, "description": "Contacts with another score than before"},
        "rose": {**WHOLE, "description": "… who came over the threshold by this alone; nobody is told"},
        "fell": WHOLE,
        "failed": WHOLE,
        "began_at": MAYBE_TIME,
        "ended_at": MAYBE_TIME,
    }
)

SCHEMAS: dict[str, Schema] = {
    "Policy": an_object(_POLICY),
    "PolicyDetail": an_object(
        {
            **_POLICY,
            "text": TEXT,
            "warnings": many(TEXT),
            "rescoring": {"anyOf": [_RESCORING, {"type": "null"}]},
        }
    ),
    "PolicyVersion": an_object(_VERSION, text=TEXT),
    "PolicyProblems": an_object({"kind": MAYBE_TEXT, "name": MAYBE_TEXT, "problems": _PROBLEMS}),
    "PolicyFiles": an_object({"files": {"type": "object", "additionalProperties": TEXT}}),
    "PolicyFilesChange": an_object(
        {
            "kind": TEXT,
            "name": TEXT,
            "words": {"type": ["array", "null"], "items": TEXT},
            "added": WHOLE,
            "removed": WHOLE,
            "version": {**MAYBE_WHOLE, "description": "The version that was made of it, once it was confirmed"},
        }
    ),
    "PolicyDifference": an_object(
        {
            "words": {"type": ["array", "null"], "items": TEXT},
            "added": WHOLE,
            "removed": WHOLE,
            "lines": many(an_object({"sign": TEXT, "text": TEXT, "before": MAYBE_WHOLE, "after": MAYBE_WHOLE})),
        }
    ),
    "Rehearsal": an_object(_REHEARSAL),
    "RehearsalDetail": an_object(
        {
            **_REHEARSAL,
            "rules": STATUSES,
            "events": WHOLE,
            "effects": {
                "type": "object",
                "description": "Kind of effect → how often; of what was withheld also by the check that kept it back",
                "additionalProperties": an_object(
                    {
                        **_EFFECT,
                        "rules": {"type": "object", "additionalProperties": an_object(_EFFECT)},
                        "checks": {"type": "object", "additionalProperties": an_object(_OFTEN)},
                    }
                ),
            },
            "scores": an_object(dict.fromkeys(("higher", "lower", "over_now", "over_draft"), WHOLE)),
            "reading": {
                **an_object(
                    dict.fromkeys(
                        ("read", "otherwise", "held_now", "held_draft", "lost_now", "lost_draft", "elsewho"), WHOLE
                    )
                ),
                "description": "Payloads that a mapping read again: in how many it reads something else, has no place "
                "for a value, makes nothing of them at all, or names somebody else, which is not followed",
            },
            "fields": {
                "type": "object",
                "description": "Contact field → how many people have it filled at the span's end; where a mapping is "
                "rehearsed",
                "additionalProperties": an_object(_FILLED),
            },
            "told": {
                "type": "object",
                "description": "connection: property → for how many people a tool would be told it",
                "additionalProperties": an_object(_FILLED),
            },
            "kept": {**WHOLE, "description": "Differences that are kept singly"},
        }
    ),
    "RehearsalChange": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "effect": TEXT,
            "rule": TEXT,
            "side": TEXT,
            "at": TIME,
            "now": {"type": ["object", "null"]},
            "draft": {"type": ["object", "null"]},
        }
    ),
    "Segment": _SEGMENT,
    "SegmentDetail": an_object(
        {
            "id": TEXT,
            "label": TEXT,
            "contacts": WHOLE,
            "filling": FLAG,
            "condition": an_object({"text": TEXT, "parts": many(ANY)}),
            "triggers": USES,
            "sequences": USES,
            "messages": USES,
            "handoffs": USES,
            "stages": USES,
            "scores": USES,
            "findings": many(an_object({"kind": TEXT, "says": TEXT, "mend": TEXT, "other": MAYBE_TEXT})),
        }
    ),
    "Calibration": an_object(
        {
            "judged": WHOLE,
            "ready": WHOLE,
            "share": INTERVAL,
            "threshold": NUMBER,
            "bands": many(
                an_object(
                    {
                        "low": NUMBER,
                        "high": NUMBER,
                        "judged": WHOLE,
                        "ready": WHOLE,
                        "share": NUMBER,
                        "interval": INTERVAL,
                        "lift": _SHARE | {"description": "its share by that of all; null where nobody was ready"},
                    }
                )
            ),
            "thresholds": many(
                an_object({"points": NUMBER, "judged": WHOLE, "ready": WHOLE, "precision": _SHARE, "recall": _SHARE})
            ),
            "rules": many(
                an_object(
                    {
                        "rule": TEXT,
                        "label": TEXT,
                        "judged": WHOLE,
                        "ready": WHOLE,
                        "others": WHOLE,
                        "others_ready": WHOLE,
                        "difference": NUMBER,
                        "interval": INTERVAL,
                        "tells": TEXT | {"enum": ["more", "less", ""]},
                    }
                )
            ),
            "doubt": TEXT | {"description": "why little can be made of it; empty where it can"},
        }
    ),
    "SegmentAudit": an_object(
        {
            "weak_below": WHOLE,
            "empty": many(_SEGMENT),
            "weak": many(_SEGMENT),
            "overlapping": many(an_object({"segments": many(TEXT), "share": NUMBER, "contacts": WHOLE})),
        }
    ),
}
