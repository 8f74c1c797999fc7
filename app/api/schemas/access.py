"""Who may come in, and what was changed."""

from app.api.shapes import FLAG, MAYBE_TIME, TEXT, TIME, WHOLE, Schema, an_object, many

_USER = {
    "id": WHOLE,
    "email": TEXT,
    "name": TEXT,
    "role": TEXT,
    "active": FLAG,
    "invited": FLAG,
    "created_at": TIME,
    "signed_in_at": MAYBE_TIME,
}

SCHEMAS: dict[str, Schema] = {
    "AuditEntry": an_object(
        dict.fromkeys(("who", "what", "on", "detail", "before", "after"), TEXT) | {"id": WHOLE, "at": TIME}
    ),
    "User": an_object(_USER),
    "Invited": an_object({**_USER, "link": TEXT}),
    "Token": an_object(
        {
            "id": WHOLE,
            "name": TEXT,
            "prefix": TEXT,
            "scopes": many(TEXT),
            "created_at": TIME,
            "used_at": MAYBE_TIME,
        }
    ),
}
