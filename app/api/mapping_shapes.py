"""The shapes in which the API shows mappings, as JSON Schema."""

from typing import Any

_TEXT, _WHOLE, _YES_NO = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_MAYBE_TEXT, _MAYBE_WHOLE = {"type": ["string", "null"]}, {"type": ["integer", "null"]}
_TIME, _DAY = {"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}
_RATE = {"type": ["number", "null"], "description": "0 to 1; null where nothing came"}
_ANYTHING: dict[str, Any] = {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _maybe(shape: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [shape, {"type": "null"}]}


_FIGURES = {"seen": _WHOLE, "filled": _WHOLE, "held": _WHOLE, "fill_rate": _RATE, "mismatch_rate": _RATE}
_DRIFT = _maybe(_object({"what": _TEXT, "since": _DAY, "says": _TEXT}))
_HELD = _list(_object({"vendor": _TEXT, "value": _TEXT, "reason": {"enum": ["unmapped", "mismatch"]}}))
_MAPPED = {"fields": _ANYTHING, "signals": _ANYTHING, "held": _HELD}
_PAYLOAD = _object(
    {
        "key": _TEXT,
        "inbox_id": _MAYBE_WHOLE,
        "at": _TIME,
        "kind": _TEXT,
        "route": _TEXT,
        "contact_id": _MAYBE_WHOLE,
        "failed": _YES_NO,
        "error": _MAYBE_TEXT,
        "properties": _ANYTHING,
        **_MAPPED,
        "skipped": _MAYBE_TEXT,
    }
)
_ROW = _object(
    {
        "number": _WHOLE,
        "contact": _TEXT,
        "vendor": _TEXTS,
        "direction": _TEXT,
        "blank": _TEXT,
        "health": {"enum": ["fine", "bad", "quiet"]},
        "says": _TEXTS,
        "problems": _TEXTS,
        "drift": _DRIFT,
        "without_place": {**_TEXTS, "description": "Options that the tool lists and the value table lacks"},
        "successor": _MAYBE_TEXT,
        **_FIGURES,
        "days": _list(_object({"day": _DAY, **_FIGURES})),
        "unmapped": _list(_object({"vendor": _TEXT, "value": _TEXT, "count": _WHOLE, "last_at": _TIME})),
    }
)
_DIFFERENCE = _object({"field": _TEXT, "before": {}, "after": {}, "before_set": _YES_NO, "after_set": _YES_NO})

MAPPINGS: dict[str, Any] = {
    "Mapping": _object(
        {
            "name": _TEXT,
            "tool": _TEXT,
            "connections": _TEXTS,
            "version": _MAYBE_WHOLE,
            "draft": _maybe(_object({"revision": _WHOLE, "author": _TEXT})),
            "problems": _TEXTS,
            "rows": _list(_ROW),
        }
    ),
    "MappingField": _object(
        {
            "name": _TEXT,
            "label": _TEXT,
            "type": _TEXT,
            "seen": _WHOLE,
            "filled": _WHOLE,
            "fill_rate": _RATE,
            "samples": _TEXTS,
            "rows": _list(_WHOLE),
            "suggestion": _MAYBE_TEXT,
            "drift": _DRIFT,
            "listed": {**_MAYBE_TEXT, "description": "Its type in the tool's own list of fields"},
            "options": _TEXTS,
        }
    ),
    "MappingPayload": _PAYLOAD,
    "MappingPreview": _object(
        {
            "payload": _PAYLOAD,
            "after": _maybe(_object({**_MAPPED, "skipped": _MAYBE_TEXT, "error": _MAYBE_TEXT})),
            "rows": _list(
                _object({"number": _WHOLE, "steps": _list(_object({"step": _TEXT, "value": {}})), **_MAPPED})
            ),
        }
    ),
    "MappingEffect": _object(
        {
            "unchanged": _WHOLE,
            "changed": _WHOLE,
            "fails": _WHOLE,
            "payloads": _list(
                _object(
                    {
                        "key": _TEXT,
                        "at": _TIME,
                        "contact_id": _MAYBE_WHOLE,
                        "status": {"enum": ["unchanged", "changed", "fails"]},
                        "problem": _MAYBE_TEXT,
                        "was": _MAYBE_TEXT,
                        "differences": _list(_DIFFERENCE),
                    }
                )
            ),
        }
    ),
    "MappingRequest": _object(
        {
            "contact_id": _WHOLE,
            "properties": _list(_object({"vendor": _TEXT, "contact": _MAYBE_TEXT, "value": {}, "held": {}})),
            "request": _maybe(_object({"method": _TEXT, "url": _TEXT, "headers": _ANYTHING, "body": _TEXT})),
            "reason": _MAYBE_TEXT,
            "digest": _MAYBE_TEXT,
        },
        delivery_id=_WHOLE,
    ),
    "MappingReread": {
        "type": "object",
        "description": "How far it has come; of one that is not begun, what it would come to",
        "properties": {
            "begun": _YES_NO,
            "id": _WHOLE,
            "version": _TEXT,
            "since": _TIME,
            "vendor": _TEXT,
            "status": {"enum": ["open", "done", "stopped"]},
            "reason": _TEXT,
            "total": _WHOLE,
            "seen": _WHOLE,
            "differing": _WHOLE,
            "failed": _WHOLE,
            "news": _WHOLE,
            "contacts": _WHOLE,
            "payloads": _WHOLE,
            "cut": _YES_NO,
            "parked": _WHOLE,
            "looked_at": _WHOLE,
        },
    },
}
