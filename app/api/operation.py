"""An operation of the API: declared once, and from that checked, answered and documented."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import msgspec
from flask import Blueprint, Response, g, request
from msgspec import Struct

from app.api.shapes import TEXT
from app.contacts.times import from_us, to_us
from app.numbers import LARGEST, whole
from app.receive import Refused, answer, read_body, this_runtime
from app.store import access, lists
from app.store.timeline import Moment

MAX_BODY = 64 * 1024
MAX_TEXT = 200

LIMIT = {"name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": lists.MAX_LIMIT, "default": 50}}
CONTACT_TEXT = {"name": "contact", "schema": TEXT, "description": 'A contact\'s id, or "emptiest"'}
CURSOR = {"name": "cursor", "schema": TEXT, "description": "The `next` of the page before"}
STATUS = {"name": "status", "schema": TEXT}
CONNECTION = {"name": "connection", "schema": TEXT, "description": "A connection's name"}
CONTACT = {"name": "contact", "schema": {"type": "integer"}, "description": "A contact's id"}
TYPE = {"name": "type", "schema": TEXT}


class Operation(Struct, frozen=True, kw_only=True):
    """What the documentation says of one operation. In a path ``{row_id}`` is a number, ``{message}`` a name."""

    method: str
    path: str
    summary: str
    query: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None
    answer: str
    many: bool = False
    statuses: tuple[int, ...] = (200,)
    scope: str = ""

    @property
    def needs(self) -> str:
        """What a token has to be allowed: unless declared otherwise to look, or where something is done, to work."""
        return self.scope or (access.READ if self.method == "GET" else access.WORK)


OPERATIONS: list[Operation] = []
View = Callable[..., Any]


def operation(blueprint: Blueprint, declared: Operation) -> Callable[[View], View]:
    """Register a view under its declaration: only with a token, only with parameters that exist."""

    def register(view: View) -> View:
        OPERATIONS.append(declared)
        known = {str(parameter["name"]) for parameter in declared.query}

        @wraps(view)
        def checked(**path: Any) -> Response:
            token = require_token(declared.needs)
            g.caller, g.sees_bodies = token.name, access.WORK in token.scopes
            for name in request.args:
                if name not in known:
                    listed = f"; there are {', '.join(sorted(known))}" if known else ""
                    raise Refused(400, f"there is no parameter {name[:40]!r} here{listed}")
                if "\0" in request.args[name]:
                    raise Refused(400, f"{name} holds a NUL character")
            if any(isinstance(key, int) and key > LARGEST for key in path.values()):
                raise Refused(404, "there is nothing with this id")
            if any(isinstance(key, str) and ("\0" in key or len(key) > MAX_TEXT) for key in path.values()):
                raise Refused(404, "there is nothing of this name")
            return answer(view(**path), declared.statuses[0])

        rule = re.sub(r"\{(\w+?)(_id)?\}", lambda found: f"<{'int:' * bool(found[2])}{found[0][1:-1]}>", declared.path)
        blueprint.add_url_rule(rule, f"{declared.method}_{view.__name__}", checked, methods=[declared.method])
        return view

    return register


def require_token(scope: str = access.READ) -> access.Token:
    """The request's token. Raises 401 without a valid one, 403 where it may not do this."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    runtime = this_runtime()
    token = None
    if scheme.lower() == "bearer" and secret:
        with runtime.database.read() as conn:
            token = access.read_token(conn, secret.strip())
    if token is None:
        raise Refused(401, "send a token as `Authorization: Bearer …`; `baton token create NAME` makes one")
    if not access.is_use_noted(token, now := runtime.clock()):
        with runtime.database.write(lasting=False) as conn:
            access.note_use(conn, token, now)
    if scope not in token.scopes:
        allowed = ", ".join(token.scopes)
        raise Refused(403, f"this takes a token with the scope {scope!r}; “{token.name}” has {allowed}")
    return token


def caller() -> str:
    """Who asks, as it stands in the audit and on handoffs."""
    return f"token {g.caller}"


def sees_bodies() -> bool:
    """Whether the request's token may see what came or left as it was: rows, bodies, calls. As on the screens, that is
    for whoever works."""
    return bool(g.sees_bodies)


def limit() -> int:
    """How many items a page shall have."""
    size = whole(request.args.get("limit", "50"), lists.MAX_LIMIT)
    if not size:
        raise Refused(400, f"limit is a number from 1 to {lists.MAX_LIMIT}")
    return size


def cursor() -> int | None:
    """Where the page begins, or None for the first."""
    match _cursor():
        case []:
            return None
        case [text] if (key := whole(text)) is not None:
            return key
    raise _no_cursor()


def moment() -> Moment | None:
    """Where a page of a timeline begins, or None for the first."""
    match _cursor():
        case []:
            return None
        case [at, "event" | "decision" as source, text]:
            us, key = whole(at, _LAST_US), whole(text)
            if us is not None and key is not None:
                return Moment(from_us(us), source, key)
    raise _no_cursor()


def moment_of(name: str) -> datetime | None:
    """A parameter that takes a moment, or None where it is not given."""
    text = request.args.get(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a + that was not encoded arrives as a blank
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(400, f"{name} is a moment such as 2027-03-01T00:00:00Z") from None


def to_cursor(*place: int | str | None) -> str | None:
    """A key as the opaque text that a client hands back; None stays None."""
    if None in place:
        return None
    return base64.urlsafe_b64encode("~".join(map(str, place)).encode()).decode().rstrip("=")


def page_of(page: lists.Page, show: Callable[..., Any]) -> dict[str, Any]:
    """A page of a list, each row as ``show(runtime, row)`` has it."""
    runtime = this_runtime()
    return {"items": [show(runtime, row) for row in page.rows], "next": to_cursor(page.next)}


def existing(found: Any, what: str) -> Any:
    """What was found. Raises 404 for None."""
    if found is None:
        raise Refused(404, f"there is no such {what}")
    return found


_LAST_US = to_us(datetime.max.replace(tzinfo=UTC))


def _no_cursor() -> Refused:
    return Refused(400, "cursor is not one that this API gave")


def _cursor() -> list[str]:
    text = request.args.get("cursor")
    if not text:
        return []
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode().split("~")
    except ValueError:
        raise _no_cursor() from None


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
    key = whole(text)
    if key is None:
        raise Refused(400, f"{name} is an id")
    return key


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


def json_body(most: int = MAX_BODY) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object, and so is none at all."""
    if request.content_length is None and "Transfer-Encoding" not in request.headers:
        return {}
    body = read_body(most)
    if not body.strip():
        return {}
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, "the body should be a JSON object")
    return data


def text_of(body: dict[str, Any], name: str, most: int = 200) -> str:
    """A text in a JSON object, without blanks around it; "" where it is not given."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise Refused(400, f"{name} is a text of at most {most} characters")
    return value.strip()


def confirmed(body: dict[str, Any]) -> bool:
    """Whether what would be done is to be done."""
    said = body.get("confirm", False)
    if not isinstance(said, bool):
        raise Refused(400, "confirm is true or false")
    return said


def connection_of(body: dict[str, Any]) -> int | None:
    """The id of the connection that a JSON object names, or None; 404 for one that does not exist."""
    name = text_of(body, "connection")
    found = this_runtime().connection(name) if name else None
    if name and found is None:
        raise Refused(404, f"there is no connection {name[:40]!r}")
    return found.id if found else None
