"""Messages, sequences, and the review desk."""

from app.api.schemas.rules import INTERVAL, USES
from app.api.shapes import ANY, FLAG, MAYBE_TEXT, MAYBE_TIME, NUMBER, TEXT, TIME, WHOLE, Schema, an_object, many

_VARIANT = an_object(
    {
        "variant": TEXT,
        "exposed": WHOLE,
        "ended": WHOLE,
        "reached": WHOLE,
        "share": NUMBER,
        "interval": INTERVAL,
        "difference": {"type": ["number", "null"]},
        "differs": FLAG,
    }
)

SCHEMAS: dict[str, Schema] = {
    "Message": an_object(
        {
            "id": TEXT,
            "label": TEXT,
            "channels": many(TEXT),
            "class": TEXT,
            "purpose": TEXT,
            "priority": TEXT,
            "subject": TEXT,
            "triggers": USES,
            "sequences": USES,
            "findings": many(an_object({"level": TEXT, "place": TEXT, "text": TEXT, "mend": TEXT})),
        }
    ),
    "Render": an_object(
        {
            "message": TEXT,
            "channel": TEXT,
            "suits": FLAG,
            "reason": TEXT,
            "missing": many(TEXT),
            "gates": many(an_object({"name": TEXT, "passed": FLAG, "detail": TEXT})),
            "blocks": many(an_object({"block": TEXT, "variant": WHOLE, "reason": TEXT, "generic": FLAG})),
            "fell_back": many(TEXT),
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
            "active": FLAG,
            "priority": WHOLE,
            "max_days": NUMBER,
            "contacts": WHOLE,
            "paused": {"type": ["object", "null"]},
            "last_30_days": an_object(
                {"entered": WHOLE, "ended": WHOLE, "reached": WHOLE, "cut": FLAG},
                share={"type": ["number", "null"]},
                interval={"type": ["object", "null"]},
            ),
            "open_reviews": WHOLE,
        },
        steps=many(an_object({"step": TEXT, "does": TEXT})),
        at=many(ANY),
        exits={"type": "object", "additionalProperties": WHOLE},
    ),
    "SequenceResults": an_object(
        {
            "sequence": TEXT,
            "splits": many(an_object({"split": TEXT, "variants": many(_VARIANT)})),
        }
    ),
    "SequencesPaused": an_object({"paused": FLAG, "still_paused": many(TEXT)}),
    "SequencePaused": an_object({"sequence": TEXT, "paused": FLAG}),
    "SequenceMove": an_object(
        {
            "sequence": TEXT,
            "to": TEXT,
            "version": TEXT,
            "contacts": WHOLE,
            "places": many(
                an_object(
                    {
                        "version": TEXT,
                        "step": TEXT,
                        "contacts": WHOLE,
                        "to_step": TEXT,
                        "becomes": TEXT,
                        "stays": FLAG,
                    }
                )
            ),
            "moved": WHOLE,
            "more": FLAG,
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
            "paused": FLAG,
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
            "segments": many(TEXT),
            "opened_at": TIME,
            "status": TEXT,
            "resolution": MAYBE_TEXT,
            "resolved_by": MAYBE_TEXT,
            "resolved_at": MAYBE_TIME,
        }
    ),
}
