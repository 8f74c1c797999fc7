"""An operation of the API: declared once, and from that checked, answered and documented."""

import base64
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import Struct

from app.receive import Refused, answer, read_body, this_runtime
from app.store import access, lists

MAX_BODY = 64 * 1024

LIMIT = {"name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": lists.MAX_LIMIT, "default": 50}}
CURSOR = {"name": "cursor", "schema": {"type": "string"}, "description": "The `next` of the page before"}


class Operation(Struct, frozen=True, kw_only=True):
    """What the documentation says of one operation."""

    method: str
    path: str
    summary: str
    query: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None
    answer: str
    many: bool = False
    statuses: tuple[int, ...] = (200,)


OPERATIONS: list[Operation] = []
View = Callable[..., Any]


def operation(blueprint: Blueprint, declared: Operation) -> Callable[[View], View]:
    """Register a view under its declaration: only with a token, only with parameters that exist."""

    def register(view: View) -> View:
        OPERATIONS.append(declared)
        known = {str(parameter["name"]) for parameter in declared.query}

        @wraps(view)
        def checked(**path: Any) -> Response:
            require_token()
            for name in request.args:
                if name not in known:
                    listed = f"; there are {', '.join(sorted(known))}" if known else ""
                    raise Refused(400, f"there is no parameter {name[:40]!r} here{listed}")
            return answer(view(**path), declared.statuses[0])

        rule = declared.path.replace("{", "<int:").replace("}", ">")
        blueprint.add_url_rule(rule, f"{declared.method}_{view.__name__}", checked, methods=[declared.method])
        return view

    return register


def require_token() -> str:
    """The name of the request's token. Raises 401 without a valid one."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        with this_runtime().database.read() as conn:
            name = access.read_token(conn, secret.strip())
        if name is not None:
            return name
    refusal = Refused(401, "send a token as `Authorization: Bearer …`; `baton token create NAME` makes one")
    raise refusal


def limit() -> int:
    """How many items a page shall have."""
    text = request.args.get("limit", "50")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= lists.MAX_LIMIT):
        raise Refused(400, f"limit is a number from 1 to {lists.MAX_LIMIT}")
    return int(text)


def cursor() -> int | None:
    """Where the page begins, or None for the first."""
    text = request.args.get("cursor")
    if not text:
        return None
    try:
        number = int(base64.urlsafe_b64decode(text.encode() + b"==").decode())
    except (ValueError, UnicodeError):
        raise Refused(400, "cursor is not one that this API gave") from None
    if not 0 <= number < 2**62:
        raise Refused(400, "cursor is not one that this API gave")
    return number


def to_cursor(number: int | None) -> str | None:
    """A key as the opaque text that a client hands back."""
    return None if number is None else base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def choice(name: str, known: tuple[str, ...]) -> str | None:
    """A parameter that takes one of a few values, or None where it is not given."""
    value = request.args.get(name) or None
    if value is not None and value not in known:
        raise Refused(400, f"{name} is one of {', '.join(known)}")
    return value


def number(name: str) -> int | None:
    """A parameter that takes an id, or None where it is not given."""
    text = request.args.get(name) or None
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refused(400, f"{name} is an id")
    return int(text)


def connection_filter() -> int | None:
    """The id of the connection that ``connection`` names; 400 for one that does not exist."""
    name = request.args.get("connection") or None
    if name is None:
        return None
    if name == "baton":
        return 0
    found = this_runtime().connection(name)
    if found is None:
        raise Refused(400, f"there is no connection {name[:40]!r}")
    return found.id


def json_body() -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object."""
    body = read_body(MAX_BODY)
    if not body.strip():
        return {}
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, "the body should be a JSON object")
    return data
