"""Contacts, what happened to them, and what was decided."""

from app.api.shapes import (
    ANY,
    FLAG,
    MAYBE_TEXT,
    MAYBE_TIME,
    MAYBE_WHOLE,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    an_object,
    many,
)

_HANDOFF_THEN = an_object(  # in a contact as it was
    {"key": TEXT, "rule": TEXT, "opened_at": TIME, "due_at": MAYBE_TIME, "verdict": MAYBE_TEXT},
    claimed_at=MAYBE_TIME,
    claimed_by=MAYBE_TEXT,
    closed_at=MAYBE_TIME,
)
_ALIAS = an_object({"kind": TEXT, "value": TEXT, "connection": MAYBE_TEXT})
_MERGE = an_object(
    {
        "id": WHOLE,
        "contact_id": WHOLE,
        "winner_id": WHOLE,
        "loser_id": WHOLE,
        "met_in": _ALIAS,
        "connection": MAYBE_TEXT,
        "event_id": MAYBE_TEXT,
        "at": TIME,
        "state": {"type": "string", "enum": ["merged", "parted", "rejoined"]},
        "undone_at": MAYBE_TIME,
        "undone_by": MAYBE_TEXT,
        "undone_why": MAYBE_TEXT,
    }
)
_HANDOFF = {
    "id": WHOLE,
    "contact_id": WHOLE,
    "status": TEXT,
    "reason": TEXT,
    "score": NUMBER,
    "opened_at": TIME,
    "remind_at": MAYBE_TIME,
    "due_at": TIME,
    "overdue": FLAG,
    "reminded_at": MAYBE_TIME,
    "escalated_at": MAYBE_TIME,
    "escalated_to": MAYBE_TEXT,
    "claimed_at": MAYBE_TIME,
    "claimed_by": MAYBE_TEXT,
    "owner": {"type": ["object", "null"]},
    "verdict": MAYBE_TEXT,
}

SCHEMAS: dict[str, Schema] = {
    "Contact": an_object(
        {
            "id": WHOLE,
            "email": MAYBE_TEXT,
            "fields": ANY,
            "lifecycle_stage": MAYBE_TEXT,
            "conversation": {"type": ["object", "null"]},
            "consent": ANY,
            "suppressions": many(an_object({"reason": TEXT, "scope": TEXT, "since": TIME, "until": MAYBE_TIME})),
            "engagement": an_object({"tier": TEXT}),
            "score": an_object(
                {
                    "total": NUMBER,
                    "groups": {"type": "object", "additionalProperties": NUMBER},
                    "contributions": many(ANY),
                },
                falls_below=MAYBE_TIME,
            ),
            "interests": {
                "type": "object",
                "additionalProperties": an_object(
                    {"strength": NUMBER, "count": WHOLE, "last_at": TIME, "until": MAYBE_TIME}
                ),
            },
            "segments": many(an_object({"id": TEXT, "label": TEXT, "since": TIME})),
            "sends": many(an_object({"at": TIME, "channel": TEXT, "rule": MAYBE_TEXT, "status": TEXT, "counts": FLAG})),
            "frequency": an_object(
                {
                    "tier": TEXT,
                    "wakes_only": FLAG,
                    "caps": many(an_object({"max": WHOLE, "days": WHOLE, "count": WHOLE, "free_at": MAYBE_TIME})),
                    "free_from": MAYBE_TIME,
                }
            ),
            "enrolments": many(ANY),
            "handoffs": many({"anyOf": [{"$ref": "#/components/schemas/Handoff"}, _HANDOFF_THEN]}),
            "aliases": many(_ALIAS),
        },
        as_of=TIME,
    ),
    "Event": an_object(
        {
            "id": TEXT,
            "type": TEXT,
            "occurred_at": TIME,
            "received_at": TIME,
            "connection": TEXT,
            "contact_id": MAYBE_WHOLE,
            "identities": {"type": "object", "additionalProperties": TEXT},
            "properties": ANY,
            "machine": MAYBE_TEXT,
        }
    ),
    "Moment": an_object({"source": {"type": "string", "enum": ["event", "decision"]}}),
    "Decision": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "at": TIME,
            "rule": TEXT,
            "policy": TEXT,
            "what": TEXT,
            "outcome": TEXT,
            "summary": TEXT,
            "gates": many(an_object({"name": TEXT, "passed": FLAG, "detail": TEXT})),
        }
    ),
    "Handoff": an_object(_HANDOFF),
    "HandoffDetail": an_object(
        {
            **_HANDOFF,
            "clock": an_object(
                {
                    "left": {"type": ["number", "null"], "description": "Business minutes until it is due"},
                    "taken": {"type": ["number", "null"], "description": "Business minutes until somebody had it"},
                    "due": TEXT,
                    "open": FLAG,
                    "goes_on": MAYBE_TIME,
                    "second": TEXT,
                }
            ),
            "history": many(
                an_object({"at": TIME, **dict.fromkeys(("what", "says", "by", "through", "verdict", "note"), TEXT)})
            ),
        }
    ),
    "Would": an_object(
        {
            "rule": TEXT,
            "label": TEXT,
            "outcome": TEXT,
            "summary": TEXT,
            "conditions": many(an_object({"text": TEXT, "holds": FLAG})),
            "gates": many(an_object({"name": TEXT, "passed": FLAG, "detail": TEXT})),
            "decided_at": MAYBE_TIME,
        },
        then={"type": ["object", "null"]},
    ),
    "Conflict": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "field": TEXT,
            "reason": {"type": "string", "enum": ["owners", "asked", "flip_flop"]},
            "since": TIME,
            "value": {},
            "says": many(an_object({"connection": TEXT, "value": {}, "at": TIME})),
        }
    ),
    "Merge": _MERGE,
    "MergeDetail": an_object(
        {
            "merge": _MERGE,
            "would": many(an_object({"id": WHOLE, "aliases": many(_ALIAS), "events": WHOLE, "later": WHOLE})),
            "cannot": MAYBE_TEXT,
        }
    ),
    "Why": an_object(
        {
            "kind": {"type": "string", "enum": ["message", "trigger", "sequence", "segment"]},
            "id": TEXT,
            "label": TEXT,
            "standing": TEXT,
            "because": many(an_object({"id": WHOLE, "at": TIME, "what": TEXT, "outcome": TEXT, "words": TEXT})),
            "now": {"type": ["object", "null"]},
            "tried_with": {"type": ["object", "null"]},
            "senders": many(ANY),
        }
    ),
}
