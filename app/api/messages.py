"""The messages of the content: what could be better, and what one would say to somebody. Nothing here sends."""

from typing import Any

from flask import request

from app import messages
from app.api.blueprint import api
from app.api.operation import CONTACT_TEXT, Operation, number, operation
from app.api.shapes import TEXT
from app.receive import Refused, this_runtime
from app.rules.content import Message
from app.store import people

EMPTIEST = "emptiest"


@operation(
    api,
    Operation(
        method="GET",
        path="/messages",
        summary="Messages of the content, with what could be better",
        answer="Message",
        many=True,
    ),
)
def all_messages() -> Any:
    return {"items": messages.listed(this_runtime().rulebook().policies), "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/messages/{message}",
        summary="One message, with what could be better",
        answer="Message",
        statuses=(200, 404),
    ),
)
def one_message(message: str) -> Any:
    return messages.shown(this_runtime().rulebook().policies, _message(message))


@operation(
    api,
    Operation(
        method="GET",
        path="/messages/{message}/render",
        summary="What a message would say to a contact now, block by block; nothing is sent",
        query=(
            CONTACT_TEXT,
            {"name": "channel", "schema": TEXT, "description": "Instead of the one that it would go by"},
        ),
        answer="Render",
        many=True,
        statuses=(200, 404),
    ),
)
def render_message(message: str) -> Any:
    runtime, found = this_runtime(), _message(message)
    channel = request.args.get("channel", "")
    if channel and channel not in found.document.channels:
        raise Refused(400, f"channel is one of {', '.join(found.document.channels)}")
    with runtime.database.read() as conn:
        if request.args.get("contact") == EMPTIEST:
            emptiest = messages.emptiest(conn)
            known = [messages.tried_on(runtime, conn, found, emptiest, channel)] if emptiest is not None else []
            return {"items": [*known, messages.tried_on_nobody(runtime, found, channel)], "next": None}
        contact_id = number("contact")
        if contact_id is None:
            raise Refused(400, f'contact is an id, or "{EMPTIEST}"')
        try:
            survivor = people.survivor(conn, contact_id)
            return {"items": [messages.tried_on(runtime, conn, found, survivor, channel)], "next": None}
        except KeyError:
            raise Refused(404, "there is no such contact") from None


def _message(name: str) -> Message:
    found = this_runtime().rulebook().policies.content.messages.get(name)
    if found is None:
        raise Refused(404, "there is no such message")
    return found
