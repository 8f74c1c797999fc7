"""Why somebody did or did not get something, in plain words."""

from typing import Any

from flask import request

from app import why
from app.api.blueprint import api
from app.api.operation import Operation, existing, operation
from app.api.shapes import TEXT
from app.receive import Refused, this_runtime

_KINDS = ("message", "trigger", "sequence", "segment")


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts/{contact_id}/why",
        summary="Why did, or didn't, this person get a message, a trigger, a sequence or a segment? In plain words",
        query=tuple({"name": kind, "schema": TEXT, "description": f"A {kind}'s id"} for kind in _KINDS),
        answer="Why",
        statuses=(200, 404),
    ),
)
def contact_why(contact_id: int) -> Any:
    named = [(kind, request.args[kind]) for kind in _KINDS if request.args.get(kind)]
    if len(named) != 1:
        raise Refused(400, f"name the sequence, or one {', '.join(_KINDS[:2])} or {_KINDS[-1]}: ?sequence=welcome")
    ((kind, name),) = named
    runtime = this_runtime()
    with runtime.database.read() as conn:
        try:
            return existing(why.of(runtime, conn, contact_id, kind, name), "contact")
        except KeyError:
            raise Refused(404, f"there is no such {kind}") from None
