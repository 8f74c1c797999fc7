"""How answers of the API are described: the pieces that schemas are made of, and the schemas that subjects add."""

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

SHAPES: dict[str, Schema] = {}


def an_object(required: dict[str, Any], **more: Any) -> Schema:
    """An object with these properties, of which those in ``more`` may be missing."""
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


def many(item: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": item}


def shape(name: str, required: dict[str, Any], **more: Any) -> str:
    """Add an object to the document under a name; the name."""
    SHAPES[name] = an_object(required, **more)
    return name
