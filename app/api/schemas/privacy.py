"""People who asked to see what is known of them, or to be erased."""

from app.api.shapes import ANY, MAYBE_TIME, MAYBE_WHOLE, TEXT, TIME, WHOLE, Schema, an_object, many
from app.store import erasures

SCHEMAS: dict[str, Schema] = {
    "Disclosure": an_object(
        {"contact": ANY, **dict.fromkeys(("events", "decisions", "deliveries", "handoffs", "requests"), many(ANY))}
    ),
    "Erasure": an_object(
        {
            "id": WHOLE,
            "contact_id": WHOLE,
            "status": {"type": "string", "enum": [erasures.CLEANING, erasures.WAITING, erasures.FINISHED]},
            "asked_by": TEXT,
            "asked_at": TIME,
            "forgotten_at": MAYBE_TIME,
            "ended_at": MAYBE_TIME,
            "late": WHOLE,
            "late_at": MAYBE_TIME,
            "receipts": many(
                an_object(
                    {
                        "connection": TEXT,
                        "connection_id": WHOLE,
                        "title": TEXT,
                        "status": {
                            "type": "string",
                            "enum": [erasures.WAITING, erasures.STUCK, erasures.BY_HAND, erasures.DONE],
                        },
                        "delivery_id": MAYBE_WHOLE,
                        "at": TIME,
                        "note": TEXT,
                    }
                )
            ),
        }
    ),
}
