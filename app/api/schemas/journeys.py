"""Messages, sequences, and the review desk."""

from app.api.schemas.rules import USES
from app.api.shapes import ANY, MAYBE_TEXT, MAYBE_TIME, NUMBER, TEXT, TIME, WHOLE, Schema, an_object

_INTERVAL = an_object({"low": NUMBER, "high": NUMBER})
_VARIANT = an_object(
    {
        "variant": TEXT,
        "exposed": WHOLE,
        "ended": WHOLE,
        "reached": WHOLE,
        "share": NUMBER,
        "interval": _INTERVAL,
        "difference": {"type": ["number", "null"]},
        "differs": {"type": "boolean"},
    }
)

SCHEMAS: dict[str, Schema] = {
    "Message": an_object(
        {
            "id": TEXT,
            "label": TEXT,
            "channels": {"type": "array", "items": TEXT},
            "class": TEXT,
            "purpose": TEXT,
            "priority": TEXT,
            "subject": TEXT,
            "triggers": USES,
            "sequences": USES,
            "findings": {
                "type": "array",
                "items": an_object({"level": TEXT, "place": TEXT, "text": TEXT, "mend": TEXT}),
            },
        }
    ),
    "Render": an_object(
        {
            "message": TEXT,
            "channel": TEXT,
            "suits": {"type": "boolean"},
            "reason": TEXT,
            "missing": {"type": "array", "items": TEXT},
            "gates": {
                "type": "array",
                "items": an_object({"name": TEXT, "passed": {"type": "boolean"}, "detail": TEXT}),
            },
            "blocks": {
                "type": "array",
                "items": an_object({"block": TEXT, "variant": WHOLE, "reason": TEXT, "generic": {"type": "boolean"}}),
            },
            "fell_back": {"type": "array", "items": TEXT},
        },
        rendered={"type": ["object", "null"]},
        contact_id={"type": ["integer", "null"]},
        follows={"type": ["object", "null"]},
    ),
    "Sequence": an_object(
        {
            "id": TEXT,
            "label": TEXT,
            "version": TEXT,
            "active": {"type": "boolean"},
            "priority": WHOLE,
            "max_days": NUMBER,
            "contacts": WHOLE,
            "paused": {"type": ["object", "null"]},
            "last_30_days": an_object(
                {"entered": WHOLE, "ended": WHOLE, "reached": WHOLE, "cut": {"type": "boolean"}},
                share={"type": ["number", "null"]},
                interval={"type": ["object", "null"]},
            ),
            "open_reviews": WHOLE,
        },
        steps={"type": "array", "items": an_object({"step": TEXT, "does": TEXT})},
        at={"type": "array", "items": ANY},
        exits={"type": "object", "additionalProperties": WHOLE},
    ),
    "SequenceResults": an_object(
        {
            "sequence": TEXT,
            "splits": {
                "type": "array",
                "items": an_object({"split": TEXT, "variants": {"type": "array", "items": _VARIANT}}),
            },
        }
    ),
    "SequencesPaused": an_object({"paused": {"type": "boolean"}, "still_paused": {"type": "array", "items": TEXT}}),
    "SequencePaused": an_object({"sequence": TEXT, "paused": {"type": "boolean"}}),
    "SequenceMove": an_object(
        {
            "sequence": TEXT,
            "to": TEXT,
            "version": TEXT,
            "contacts": WHOLE,
            "places": {
                "type": "array",
                "items": an_object(
                    {
                        "version": TEXT,
                        "step": TEXT,
                        "contacts": WHOLE,
                        "to_step": TEXT,
                        "becomes": TEXT,
                        "stays": {"type": "boolean"},
                    }
                ),
            },
            "moved": WHOLE,
            "more": {"type": "boolean"},
        }
    ),
    "Enrolment": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "sequence": TEXT,
            "version": TEXT,
            "entered_at": TIME,
            "step": TEXT,
            "waiting": TEXT,
            "paused": {"type": "boolean"},
            "sent": WHOLE,
            "ended_at": MAYBE_TIME,
            "exit": MAYBE_TEXT,
        }
    ),
    "Review": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "sequence": TEXT,
            "version": TEXT,
            "reason": TEXT,
            "worst": TEXT,
            "segments": {"type": "array", "items": TEXT},
            "opened_at": TIME,
            "status": TEXT,
            "resolution": MAYBE_TEXT,
            "resolved_by": MAYBE_TEXT,
            "resolved_at": MAYBE_TIME,
        }
    ),
}
