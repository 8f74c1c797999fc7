"""The API's OpenAPI document, made from the declarations of its operations."""

from typing import Any

from app.api.operation import OPERATIONS, Operation
from app.api.schemas import SCHEMAS

_WHOLE_ID = {"type": "integer", "minimum": 0}
_NAME = {"type": "string", "pattern": "^[a-z0-9_]{1,40}$"}
_POLICY_NAME = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,40}$"}  # of a mapping also a connection's


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for declared in OPERATIONS:
        paths.setdefault(f"/api/v1{declared.path}", {})[declared.method.lower()] = _operation(declared)
    names = sorted({declared.answer for declared in OPERATIONS} - set(SCHEMAS))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Baton",
            "version": "1",
            "description": "The one true state of every contact, and why something was done or not.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**SCHEMAS, **{name: {"type": "object"} for name in names}},
        },
    }


def _operation(declared: Operation) -> dict[str, Any]:
    item: dict[str, Any] = {"$ref": f"#/components/schemas/{declared.answer}"}
    if declared.many:
        item = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}},
        }
    described: dict[str, Any] = {
        "summary": declared.summary,
        "description": f"Takes a token with the scope `{declared.needs}`.",
        "operationId": f"{declared.method.lower()}{declared.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "responses": {
            str(declared.statuses[0]): {"description": "Done", "content": {"application/json": {"schema": item}}},
            **{str(status): _error(_ERRORS[status]) for status in (*declared.statuses[1:], 400, 401, 403)},
        },
    }
    parameters = [{"in": "query", **parameter} for parameter in declared.query]
    parameters += [
        {"in": "path", "name": part[1:-1], "required": True, "schema": _part(part)}
        for part in declared.path.split("/")
        if part.startswith("{")
    ]
    if parameters:
        described["parameters"] = parameters
    if declared.body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": declared.body}}}
        for status, words in ((411, "No length"), (413, "Too large"), (415, "Compressed")):
            described["responses"][str(status)] = _error(words)
    return described


def _part(part: str) -> dict[str, Any]:
    if part.endswith("_id}"):
        return _WHOLE_ID
    return _POLICY_NAME if part in ("{policy}", "{connection}") else _NAME


_ERRORS = {
    400: "Not understood; the error says what",
    401: "No valid token",
    403: "The token may not do this",
    404: "Not found",
    409: "Not possible now",
}


def _error(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
