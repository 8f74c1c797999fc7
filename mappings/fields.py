"""The contact fields that a mapping can fill, and what kind of value each takes."""

from enum import StrEnum

CUSTOM = "custom."


class FieldType(StrEnum):
    TEXT = "text"  # one line
    LINES = "lines"  # a text that may have several
    EMAIL = "email"
    PHONE = "phone"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"


FIELDS: dict[str, FieldType] = {
    "email": FieldType.EMAIL,
    "phone": FieldType.PHONE,
    "first_name": FieldType.TEXT,
    "last_name": FieldType.TEXT,
    "full_name": FieldType.TEXT,
    "salutation": FieldType.TEXT,
    "job_title": FieldType.TEXT,
    "company": FieldType.TEXT,
    "company_size": FieldType.TEXT,
    "industry": FieldType.TEXT,
    "website": FieldType.TEXT,
    "street": FieldType.LINES,
    "zip": FieldType.TEXT,
    "city": FieldType.TEXT,
    "state": FieldType.TEXT,
    "country": FieldType.TEXT,
    "language": FieldType.TEXT,
    "timezone": FieldType.TEXT,
    "birthday": FieldType.DATE,
    "owner_id": FieldType.TEXT,
    "owner_email": FieldType.EMAIL,
    "preferred_channel": FieldType.TEXT,
    "message": FieldType.LINES,
    "external_id": FieldType.TEXT,
}

# What Baton works out itself: a mapping can send these to a tool, never fill them.
COMPUTED: dict[str, FieldType] = {
    "score": FieldType.NUMBER,
    "tier": FieldType.TEXT,
    "in_conversation": FieldType.BOOLEAN,
    "handoff_open": FieldType.BOOLEAN,
}

# Values that say that something happened: a mapping turns them into an event, not into a field.
SIGNALS: dict[str, FieldType] = {
    "lifecycle_stage": FieldType.TEXT,
    "sales_verdict": FieldType.TEXT,
    "email_opt_out": FieldType.BOOLEAN,
    "email_replied_at": FieldType.TIME,
    "meeting_booked_at": FieldType.TIME,
}


def type_of(name: str) -> FieldType | None:
    """The type of a field, computed value or signal; custom fields are text, which may have several lines; None for an
    unknown name."""
    if name.startswith(CUSTOM) and len(name) > len(CUSTOM):
        return FieldType.LINES
    return FIELDS.get(name) or SIGNALS.get(name) or COMPUTED.get(name)
