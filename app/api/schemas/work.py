"""What comes in and goes out, and the installation itself."""

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

_IMPORT = {
    "id": WHOLE,
    "source": TEXT,
    "name": TEXT,
    "status": TEXT,
    "reason": TEXT,
    "total": MAYBE_WHOLE,
    "read": WHOLE,
    "done": WHOLE,
    "skipped": WHOLE,
    "events": WHOLE,
    "share": {"type": ["number", "null"]},
    "asked_by": TEXT,
    "created_at": TIME,
    "ended_at": MAYBE_TIME,
}

SCHEMAS: dict[str, Schema] = {
    "Error": an_object({"error": TEXT}),
    "Done": an_object({"status": TEXT}),
    "Several": an_object({"matching": WHOLE, "cut": FLAG, "done": WHOLE, "more": FLAG}),
    "InboxRow": an_object({"id": WHOLE, "connection": TEXT, "status": TEXT, "reason": MAYBE_TEXT, "received_at": TIME}),
    "Delivery": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "connection": TEXT,
            "kind": TEXT,
            "status": TEXT,
            "reason": MAYBE_TEXT,
            "attempts": WHOLE,
            "action": ANY,
        }
    ),
    "Import": an_object(_IMPORT),
    "ImportInFull": an_object(
        {
            **_IMPORT,
            "reasons": many(an_object({"reason": TEXT, "count": WHOLE})),
            "skips": many(an_object({"row": MAYBE_WHOLE, "reason": TEXT, "held": MAYBE_TEXT})),
        }
    ),
    "Completeness": an_object(
        {
            "connection": TEXT,
            "received": WHOLE,
            "refilled": WHOLE,
            "share": {"type": ["number", "null"]},
            "imported": WHOLE,
            "days": many(an_object({"day": TEXT, "received": WHOLE, "refilled": WHOLE, "imported": WHOLE})),
            "streams": many(
                an_object(
                    {
                        "name": TEXT,
                        "title": TEXT,
                        "complete": TEXT,
                        "upto": MAYBE_TIME,
                        "due_at": MAYBE_TIME,
                        "problem": TEXT,
                    }
                )
            ),
        }
    ),
    "Connection": an_object(
        {
            "name": TEXT,
            "kind": TEXT,
            "status": TEXT,
            "sending": {"type": "boolean", "description": "Whether anything leaves through it now"},
            "checks": many(an_object({"capability": TEXT, "works": FLAG, "advice": TEXT})),
            "checked_at": MAYBE_TIME,
            "last_arrival_at": MAYBE_TIME,
            "last_success_at": MAYBE_TIME,
            "waiting": {"type": "object", "additionalProperties": WHOLE, "description": "By urgency"},
            "limits": many(
                an_object({"name": TEXT, "calls": WHOLE, "seconds": NUMBER, "used": MAYBE_WHOLE, "wait": NUMBER})
            ),
            "came": an_object({"days": WHOLE, "pushed": WHOLE, "polled": WHOLE}),
            "streams": many(an_object({"name": TEXT, "title": TEXT, "upto": MAYBE_TIME, "problem": TEXT})),
            "problems": many(an_object({"title": TEXT, "says": TEXT, "advice": TEXT})),
        }
    ),
    "Stats": an_object({"inbox": STATUSES, "events": WHOLE, "contacts": WHOLE, "deliveries": STATUSES}),
}
