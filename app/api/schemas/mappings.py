"""The shapes in which the API shows mappings, as JSON Schema."""

from app.api.shapes import ANY, FLAG, MAYBE_TEXT, MAYBE_WHOLE, TEXT, TIME, WHOLE, Schema, an_object, many

_DAY: Schema = {"type": "string", "format": "date"}
_RATE: Schema = {"type": ["number", "null"], "description": "0 to 1; null where nothing came"}
_TEXTS = many(TEXT)


def _maybe(shape: Schema) -> Schema:
    return {"anyOf": [shape, {"type": "null"}]}


_FIGURES = {"seen": WHOLE, "filled": WHOLE, "held": WHOLE, "fill_rate": _RATE, "mismatch_rate": _RATE}
_DRIFT = _maybe(an_object({"what": TEXT, "since": _DAY, "says": TEXT}))
_HELD = many(an_object({"vendor": TEXT, "value": TEXT, "reason": {"enum": ["unmapped", "mismatch"]}}))
_MAPPED = {"fields": ANY, "signals": ANY, "held": _HELD}
_PAYLOAD = an_object(
    {
        "key": TEXT,
        "inbox_id": MAYBE_WHOLE,
        "at": TIME,
        "kind": TEXT,
        "route": TEXT,
        "contact_id": MAYBE_WHOLE,
        "failed": FLAG,
        "error": MAYBE_TEXT,
        "properties": ANY,
        **_MAPPED,
        "skipped": MAYBE_TEXT,
    }
)
_ROW = an_object(
    {
        "number": WHOLE,
        "contact": TEXT,
        "vendor": _TEXTS,
        "direction": TEXT,
        "blank": TEXT,
        "authority": TEXT,
        "health": {"enum": ["fine", "bad", "quiet"]},
        "says": _TEXTS,
        "problems": _TEXTS,
        "drift": _DRIFT,
        "without_place": {**_TEXTS, "description": "Options that the tool lists and the value table lacks"},
        "successor": MAYBE_TEXT,
        **_FIGURES,
        "days": many(an_object({"day": _DAY, **_FIGURES})),
        "unmapped": many(an_object({"vendor": TEXT, "value": TEXT, "count": WHOLE, "last_at": TIME})),
    }
)
_DIFFERENCE = an_object({"field": TEXT, "before": {}, "after": {}, "before_set": FLAG, "after_set": FLAG})

SCHEMAS: dict[str, Schema] = {
    "Mapping": an_object(
        {
            "name": TEXT,
            "tool": TEXT,
            "connections": _TEXTS,
            "version": MAYBE_WHOLE,
            "draft": _maybe(an_object({"revision": WHOLE, "author": TEXT})),
            "problems": _TEXTS,
            "rows": many(_ROW),
        }
    ),
    "MappingField": an_object(
        {
            "name": TEXT,
            "label": TEXT,
            "type": TEXT,
            "seen": WHOLE,
            "filled": WHOLE,
            "fill_rate": _RATE,
            "samples": _TEXTS,
            "rows": many(WHOLE),
            "suggestion": MAYBE_TEXT,
            "drift": _DRIFT,
            "listed": {**MAYBE_TEXT, "description": "Its type in the tool's own list of fields"},
            "options": _TEXTS,
        }
    ),
    "MappingPayload": _PAYLOAD,
    "MappingPreview": an_object(
        {
            "payload": _PAYLOAD,
            "after": _maybe(an_object({**_MAPPED, "skipped": MAYBE_TEXT, "error": MAYBE_TEXT})),
            "rows": many(
                an_object({"number": WHOLE, "steps": many(an_object({"step": TEXT, "value": {}})), **_MAPPED})
            ),
        }
    ),
    "MappingEffect": an_object(
        {
            "unchanged": WHOLE,
            "changed": WHOLE,
            "fails": WHOLE,
            "payloads": many(
                an_object(
                    {
                        "key": TEXT,
                        "at": TIME,
                        "contact_id": MAYBE_WHOLE,
                        "status": {"enum": ["unchanged", "changed", "fails"]},
                        "problem": MAYBE_TEXT,
                        "was": MAYBE_TEXT,
                        "differences": many(_DIFFERENCE),
                    }
                )
            ),
        }
    ),
    "MappingRequest": an_object(
        {
            "contact_id": WHOLE,
            "properties": many(an_object({"vendor": TEXT, "contact": MAYBE_TEXT, "value": {}, "held": {}})),
            "request": _maybe(an_object({"method": TEXT, "url": TEXT, "headers": ANY, "body": TEXT})),
            "reason": MAYBE_TEXT,
            "digest": MAYBE_TEXT,
        },
        delivery_id=WHOLE,
    ),
    "MappingReread": {
        "type": "object",
        "description": "How far it has come; of one that is not begun, what it would come to",
        "properties": {
            "begun": FLAG,
            "id": WHOLE,
            "version": TEXT,
            "since": TIME,
            "vendor": TEXT,
            "status": {"enum": ["open", "done", "stopped"]},
            "reason": TEXT,
            "total": WHOLE,
            "seen": WHOLE,
            "differing": WHOLE,
            "failed": WHOLE,
            "news": WHOLE,
            "contacts": WHOLE,
            "payloads": WHOLE,
            "cut": FLAG,
            "parked": WHOLE,
            "looked_at": WHOLE,
        },
    },
}
