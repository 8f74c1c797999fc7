"""Mappings as the editor has them: what goes where, what came in, what a draft would change, what a tool would get.

Texts, drafts, versions and publishing are those of all policies: ``/policies/mapping/{name}``.
"""

from typing import Any

from sqlalchemy import Connection as Conn

from app import actions, drafts
from app.api.blueprint import api
from app.api.operation import (
    LIMIT,
    Operation,
    caller,
    confirmed,
    existing,
    json_body,
    limit,
    number,
    operation,
    text_of,
)
from app.api.shapes import FLAG, TEXT
from app.mapping import captures, desk, effect, outward, rereading, shown
from app.mapping.captures import Capture
from app.mapping.desk import Subject
from app.mapping.outward import Said
from app.numbers import LARGEST
from app.receive import Refused, this_runtime
from app.runtime import Runtime
from app.store import captured, rereads
from app.store.access import MANAGE, READ
from app.store.connections import Connection
from mappings.document import MAX_BYTES, InvalidDocument

_LARGE = 4 * MAX_BYTES  # a text within JSON, with what JSON writes as six letters
_DRAFT = {**TEXT, "description": "The mapping to try, in YAML; left out: its draft, else what is in force"}
_MAX_KEY = 40


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings",
        summary="Where each field comes from and goes to: every mapping with its rows and how well each does",
        answer="Mapping",
        many=True,
    ),
)
def mappings() -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found: dict[str, Subject] = {}
        for connection in desk.mapped_connections(runtime):
            about = desk.subject(runtime, conn, connection)
            found.setdefault(about.name, about)
        items = [shown.mapping(one, desk.row_states(one, desk.traffic(runtime, conn, one))) for one in found.values()]
    return {"items": items, "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings/{connection}",
        summary="The mapping that a connection goes by, with its rows and how well each does",
        answer="Mapping",
        statuses=(200, 404),
    ),
)
def mapping(connection: str) -> Any:
    runtime, of = this_runtime(), _connection(connection)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, of)
        return shown.mapping(about, desk.row_states(about, desk.traffic(runtime, conn, about, of)))


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings/{connection}/fields",
        summary="The tool's fields as they came lately: type, how often filled, samples, and which row reads each",
        answer="MappingField",
        many=True,
        statuses=(200, 404),
    ),
)
def mapping_fields(connection: str) -> Any:
    runtime, of = this_runtime(), _connection(connection)
    with runtime.database.read() as conn:
        lately = desk.traffic(runtime, conn, desk.subject(runtime, conn, of), of)
    return {"items": [shown.field(one, lately) for one in lately.found], "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings/{connection}/payloads",
        summary="The last payloads, the newest first, with what the mapping in force makes of each",
        query=(LIMIT,),
        answer="MappingPayload",
        many=True,
        statuses=(200, 404),
    ),
)
def mapping_payloads(connection: str) -> Any:
    runtime, of = this_runtime(), _connection(connection)
    with runtime.database.read() as conn:
        found = captures.captures(runtime, conn, of, runtime.rulebook().mapping_for(of), limit())
    return {"items": [shown.payload(one) for one in found], "next": None}


@operation(
    api,
    Operation(
        method="POST",
        path="/mappings/{connection}/preview",
        summary="One payload as a text would read it, row by row and step by step; nothing is kept",
        body={
            "type": "object",
            "properties": {"payload": {**TEXT, "description": "Its key; left out: the newest"}, "text": _DRAFT},
        },
        answer="MappingPreview",
        statuses=(200, 404),
        scope=READ,
    ),
)
def mapping_preview(connection: str) -> Any:
    runtime, of, body = this_runtime(), _connection(connection), json_body(_LARGE)
    key = text_of(body, "payload", _MAX_KEY)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, of)
        tried = _tried(runtime, of, about, body)
        found = captures.captures(runtime, conn, of, runtime.rulebook().mapping_for(of))
        before = next((one for one in found if one.key == key), None) if key else next(iter(found), None)
        before = existing(before, "payload")
        after = _again(runtime, conn, of, tried, before)
    return shown.preview(before, after, tried.trace((after or before).all_properties))


def _again(runtime: Runtime, conn: Conn, of: Connection, tried: Any, before: Capture) -> Capture | None:
    stored = captured.request(conn, of.id, before.inbox_id) if before.inbox_id is not None else None
    if stored is None:
        return captures.as_read_by(before, tried)
    return next((one for one in captures.reread(runtime, conn, of, tried, stored) if one.key == before.key), None)


@operation(
    api,
    Operation(
        method="POST",
        path="/mappings/{connection}/effect",
        summary="What a text would change of the last payloads: unchanged, changed, would fail; nothing is kept",
        body={"type": "object", "properties": {"text": _DRAFT}},
        answer="MappingEffect",
        statuses=(200, 404),
        scope=READ,
    ),
)
def mapping_effect(connection: str) -> Any:
    runtime, of, body = this_runtime(), _connection(connection), json_body(_LARGE)
    with runtime.database.read() as conn:
        tried = _tried(runtime, of, desk.subject(runtime, conn, of), body)
        before = captures.captures(runtime, conn, of, runtime.rulebook().mapping_for(of))
        found = effect.effects(before, captures.read_again(runtime, conn, of, tried))
    return {**effect.counted(found), "payloads": [shown.effect(one) for one in found]}


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings/{connection}/request",
        summary="The very request that the tool would get for a contact, on paper; nothing is sent",
        query=({"name": "contact", "schema": {"type": "integer"}, "description": "A contact's id", "required": True},),
        answer="MappingRequest",
        statuses=(200, 404, 409),
    ),
)
def mapping_request(connection: str) -> Any:
    runtime, of = this_runtime(), _connection(connection)
    contact_id = number("contact")
    if contact_id is None:
        raise Refused(400, "contact is a contact's id")
    return shown.request(_on_paper(runtime, of, contact_id))


def _on_paper(runtime: Runtime, of: Connection, contact_id: int) -> Said:
    if not outward.can_write(runtime, of):
        raise Refused(409, f"{runtime.adapter(of).title} cannot be told about contacts")
    with runtime.database.read() as conn:
        tried = _tried(runtime, of, desk.subject(runtime, conn, of), {})
        made = outward.said_of(runtime, conn, of, tried, contact_id)
    return existing(made, "contact")  # type: ignore[no-any-return]


@operation(
    api,
    Operation(
        method="GET",
        path="/mappings/{connection}/reread",
        summary="How far payloads have been read again by a mended mapping, the last times, newest first",
        answer="MappingReread",
        many=True,
        statuses=(200, 404),
    ),
)
def mapping_rereads(connection: str) -> Any:
    runtime, of = this_runtime(), _connection(connection)
    with runtime.database.read() as conn:
        found = rereads.of_mapping(conn, runtime.rulebook().mapping_for(of).name)
    return {"items": [shown.reread(one) for one in found], "next": None}


@operation(
    api,
    Operation(
        method="POST",
        path="/mappings/{connection}/reread",
        summary="Have what came in lately read again by the mapping in force; without `confirm` see what that comes to",
        body={
            "type": "object",
            "properties": {
                "days": {"type": "integer", "enum": list(rereading.SPANS), "default": rereading.USUAL},
                "vendor": {**TEXT, "description": "Only payloads that hold this field of the tool's"},
                "parked": {**FLAG, "description": "Also take in requests that could not be read"},
                "confirm": {**FLAG, "description": "Do it"},
            },
        },
        answer="MappingReread",
        statuses=(200, 404, 409),
    ),
)
def mapping_reread(connection: str) -> Any:
    runtime, of, body = this_runtime(), _connection(connection), json_body()
    name, days = runtime.rulebook().mapping_for(of).name, body.get("days", rereading.USUAL)
    if days not in rereading.SPANS or isinstance(days, bool):
        raise Refused(400, f"days is one of {', '.join(map(str, rereading.SPANS))}")
    vendor, parked = text_of(body, "vendor"), body.get("parked") is True
    if not confirmed(body):
        return {"begun": False, **shown.reread_preview(rereading.preview(runtime, name, days, vendor))}
    made = actions.read_again(caller(), name, days, vendor, parked)
    with runtime.database.read() as conn:
        begun = rereads.find(conn, made)
    return {"begun": True, **shown.reread(existing(begun, "reread"))}


@operation(
    api,
    Operation(
        method="POST",
        path="/mappings/{connection}/send",
        summary="Send what the tool would get to one test contact; without `confirm` only show it. Profiles only",
        body={
            "type": "object",
            "required": ["contact"],
            "properties": {
                "contact": {"type": "integer", "description": "A contact's id"},
                "seen": {**TEXT, "description": "The `digest` of the request as it was shown"},
                "confirm": {**FLAG, "description": "Send it, really and once"},
            },
        },
        answer="MappingRequest",
        statuses=(200, 404, 409),
        scope=MANAGE,
    ),
)
def mapping_send(connection: str) -> Any:
    runtime, of, body = this_runtime(), _connection(connection), json_body()
    contact_id = body.get("contact")
    if isinstance(contact_id, bool) or not isinstance(contact_id, int) or not 0 < contact_id <= LARGEST:
        raise Refused(400, "contact is a contact's id")
    made = _on_paper(runtime, of, contact_id)
    if not confirmed(body):
        return shown.request(made)
    with runtime.database.read() as conn:
        tried = _tried(runtime, of, desk.subject(runtime, conn, of), {})
    number = actions.send_to_one(caller(), of, tried, contact_id, text_of(body, "seen"))
    return {**shown.request(made), "delivery_id": number}


def _connection(name: str) -> Connection:
    found = this_runtime().connection(name)
    if found is None or not this_runtime().adapter(found).mapping:
        raise Refused(404, f"there is no connection {name[:40]!r} with a mapping")
    return found


def _tried(runtime: Runtime, of: Connection, about: Subject, body: dict[str, Any]) -> Any:
    """The mapping that is to be tried: a text of the caller's, the draft, or what is in force."""
    text = body.get("text")
    if text is None:
        if about.draft is not None and about.mapping is None:
            raise Refused(400, "; ".join(about.problems)[:4_000])
        return about.mapping or runtime.rulebook().mapping_for(of)
    if not isinstance(text, str):
        raise Refused(400, "text is a mapping in YAML")
    try:
        return desk.as_written(drafts.storable(text))
    except (InvalidDocument, UnicodeEncodeError) as error:
        problems = error.problems if isinstance(error, InvalidDocument) else [str(error)]
        raise Refused(400, "; ".join(problems)[:4_000]) from None
