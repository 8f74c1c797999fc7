"""The pieces that the descriptions of the API's bodies and answers are made of."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
ANY: Schema = {"type": "object"}
STATUSES: Schema = {"type": "object", "additionalProperties": WHOLE}


def an_object(required: dict[str, Any], **more: Any) -> Schema:
    """An object with these properties, of which those in ``more`` may be missing."""
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def many(item: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": item}
