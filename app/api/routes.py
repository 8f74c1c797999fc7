"""The operations of the API."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from app import actions, views
from app.api.document import document
from app.api.operation import (
    CURSOR,
    LIMIT,
    Operation,
    choice,
    connection_filter,
    cursor,
    json_body,
    limit,
    moment,
    number,
    operation,
    require_token,
    to_cursor,
)
from app.contacts.contact import LifecycleStage
from app.contacts.event import Identity
from app.contacts.identity import EMAIL, GLOBAL_KINDS, PHONE, clean_email, clean_phone
from app.contacts.times import to_us
from app.receive import Refused, answer, this_runtime
from app.rules.handoff import VERDICTS
from app.store import deliveries as stored_deliveries
from app.store import lists, timeline

api = Blueprint("api", __name__, url_prefix="/api/v1")

INBOX_STATUSES = ("pending", "done", "parked")
DELIVERY_STATUSES = (
    stored_deliveries.PENDING,
    stored_deliveries.SENDING,
    stored_deliveries.SENT,
    stored_deliveries.WITHHELD,
    stored_deliveries.UNKNOWN,
    stored_deliveries.DEAD,
)
OUTCOMES = ("taken", "withheld", "superseded")
HANDOFF_STATUSES = ("open", "claimed", "closed", "withdrawn")

STATUS = {"name": "status", "schema": {"type": "string"}}
CONNECTION = {"name": "connection", "schema": {"type": "string"}, "description": "A connection's name"}
CONTACT = {"name": "contact", "schema": {"type": "integer"}, "description": "A contact's id"}
TYPE = {"name": "type", "schema": {"type": "string"}}


@api.get("/openapi.json")
def described() -> Response:
    """What this API offers; needs no token."""
    return answer(document())


def _list(page: lists.Page, show: Callable[..., Any]) -> dict[str, Any]:
    runtime = this_runtime()
    return {"items": [show(runtime, row) for row in page.rows], "next": to_cursor(page.next)}


def _one(found: Any, what: str) -> Any:
    if found is None:
        raise Refused(404, f"there is no such {what}")
    return found


# --- contacts


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts",
        summary="Contacts: by e-mail, by an alias such as hubspot:123, by the beginning of a name, or all",
        query=(
            {"name": "email", "schema": {"type": "string"}},
            {"name": "alias", "schema": {"type": "string"}, "description": "kind:value"},
            {"name": "q", "schema": {"type": "string"}, "description": "Beginning of an address or a name"},
            {"name": "stage", "schema": {"type": "string", "enum": [*LifecycleStage]}},
            {"name": "segment", "schema": {"type": "string"}, "description": "A segment's id"},
            LIMIT,
            CURSOR,
        ),
        answer="Contact",
        many=True,
    ),
)
def contacts() -> Any:
    runtime = this_runtime()
    size, before = limit(), cursor()
    identity = _identity()
    with runtime.database.read() as conn:
        if identity is not None:
            ids = [one.id for one in runtime.connections().values() if identity.kind in (one.kind, one.name)]
            found = lists.find_contacts(conn, identity, ids if identity.kind not in GLOBAL_KINDS else (0,))
            shown = [views.contact(runtime, conn, contact_id) for contact_id in found[:size]]
            return {"items": [one for one in shown if one is not None], "next": None}
        stage = choice("stage", tuple(LifecycleStage))
        segment = choice("segment", tuple(runtime.rulebook().policies.segments.by_id))
        page = lists.contacts_page(conn, size, before, request.args.get("q", ""), stage, segment)
        shown = [views.contact(runtime, conn, row["id"]) for row in page.rows]
        return {"items": shown, "next": to_cursor(page.next)}


def _identity() -> Identity | None:
    if address := request.args.get("email"):
        cleaned = clean_email(address)
        return Identity(EMAIL, cleaned.address if cleaned else address.strip().lower())
    if alias := request.args.get("alias"):
        kind, sign, value = alias.partition(":")
        if not sign or not kind or not value:
            raise Refused(400, "alias is kind:value, for instance hubspot:123")
        if kind == PHONE:
            value = clean_phone(value) or value
        return Identity(kind, value.strip().lower() if kind == EMAIL else value)
    return None


@operation(
    api,
    Operation(
        method="GET", path="/contacts/{contact_id}", summary="One contact", answer="Contact", statuses=(200, 404)
    ),
)
def contact(contact_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return _one(views.contact(runtime, conn, contact_id), "contact")


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts/{contact_id}/timeline",
        summary="What happened to a contact and what was decided, newest first",
        query=(LIMIT, CURSOR),
        answer="Moment",
        many=True,
        statuses=(200, 404),
    ),
)
def contact_timeline(contact_id: int) -> Any:
    runtime = this_runtime()
    before = moment()
    with runtime.database.read() as conn:
        known = _one(views.contact(runtime, conn, contact_id), "contact")["id"]
        rows, rest, _ = timeline.turn(conn, known, limit(), before, None)
    show = {"event": views.event, "decision": views.decision}
    items = [{"source": row["source"], **show[row["source"]](runtime, row)} for row in rows]
    return {"items": items, "next": to_cursor(to_us(rest.at), rest.source, rest.key) if rest else None}


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts/{contact_id}/decisions",
        summary="Why something was done for a contact, or not",
        query=(LIMIT, CURSOR),
        answer="Decision",
        many=True,
        statuses=(200, 404),
    ),
)
def contact_decisions(contact_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        known = _one(views.contact(runtime, conn, contact_id), "contact")["id"]
        return _list(lists.decisions_page(conn, limit(), cursor(), contact_id=known), views.decision)


# --- what happened, what was decided, what went out


@operation(
    api,
    Operation(
        method="GET",
        path="/events",
        summary="Events, newest first",
        query=(CONNECTION, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Event",
        many=True,
    ),
)
def events() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.events_page(
            conn,
            limit(),
            cursor(),
            contact_id=number("contact"),
            connection_id=connection_filter(),
            type=request.args.get("type") or None,
        )
        return _list(page, views.event)


@operation(
    api,
    Operation(
        method="GET",
        path="/inbox",
        summary="Requests as they arrived",
        query=(STATUS, CONNECTION, LIMIT, CURSOR),
        answer="InboxRow",
        many=True,
    ),
)
def inbox() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.inbox_page(
            conn, limit(), cursor(), status=choice("status", INBOX_STATUSES), connection_id=connection_filter()
        )
        return _list(page, views.inbox)


@operation(
    api,
    Operation(
        method="GET",
        path="/inbox/{row_id}",
        summary="One request with its body",
        answer="InboxRow",
        statuses=(200, 404),
    ),
)
def inbox_row(row_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return views.inbox(runtime, _one(lists.inbox_row(conn, row_id), "request"))


@operation(
    api,
    Operation(
        method="POST",
        path="/inbox/{row_id}/replay",
        summary="Have a request read again",
        answer="Done",
        statuses=(200, 404, 409),
    ),
)
def inbox_replay(row_id: int) -> Any:
    return actions.replay_inbox(_who(), row_id)


@operation(
    api,
    Operation(
        method="GET",
        path="/deliveries",
        summary="What went out, waits, or was withheld",
        query=(STATUS, CONNECTION, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Delivery",
        many=True,
    ),
)
def deliveries() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.deliveries_page(
            conn,
            limit(),
            cursor(),
            status=choice("status", DELIVERY_STATUSES),
            connection_id=connection_filter(),
            contact_id=number("contact"),
            kind=request.args.get("type") or None,
        )
        return _list(page, views.delivery)


@operation(
    api,
    Operation(
        method="GET",
        path="/deliveries/{delivery_id}",
        summary="One delivery with each try: request and answer",
        answer="Delivery",
        statuses=(200, 404),
    ),
)
def delivery(delivery_id: int) -> Any:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        return views.delivery(runtime, _one(lists.delivery_row(conn, delivery_id), "delivery"))


@operation(
    api,
    Operation(
        method="POST",
        path="/deliveries/{delivery_id}/retry",
        summary="Have a dead delivery, or one of unknown outcome, tried again",
        answer="Done",
        statuses=(200, 404, 409),
    ),
)
def delivery_retry(delivery_id: int) -> Any:
    return actions.retry_delivery(_who(), delivery_id)


@operation(
    api,
    Operation(
        method="GET",
        path="/decisions",
        summary="Decisions with the gates that were passed or not",
        query=(STATUS, CONTACT, TYPE, LIMIT, CURSOR),
        answer="Decision",
        many=True,
    ),
)
def decisions() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.decisions_page(
            conn,
            limit(),
            cursor(),
            outcome=choice("status", OUTCOMES),
            contact_id=number("contact"),
            what=request.args.get("type") or None,
        )
        return _list(page, views.decision)


# --- handoffs and reviews


@operation(
    api,
    Operation(
        method="GET",
        path="/handoffs",
        summary="Handoffs to sales",
        query=(STATUS, CONTACT, LIMIT, CURSOR),
        answer="Handoff",
        many=True,
    ),
)
def handoffs() -> Any:
    with this_runtime().database.read() as conn:
        page = lists.handoffs_page(
            conn, limit(), cursor(), status=choice("status", HANDOFF_STATUSES), contact_id=number("contact")
        )
        return _list(page, views.handoff)


@operation(
    api,
    Operation(
        method="POST",
        path="/handoffs/{handoff_id}/claim",
        summary="Say that somebody takes care of a handoff",
        body={"type": "object", "properties": {"by": {"type": "string", "maxLength": 200}}},
        answer="Handoff",
        statuses=(200, 400, 404, 409),
    ),
)
def handoff_claim(handoff_id: int) -> Any:
    return actions.claim_handoff(handoff_id, _text(json_body(), "by") or _who())


@operation(
    api,
    Operation(
        method="POST",
        path="/handoffs/{handoff_id}/verdict",
        summary="Say how a handoff ended",
        body={
            "type": "object",
            "required": ["verdict"],
            "properties": {
                "verdict": {"type": "string", "enum": list(VERDICTS)},
                "by": {"type": "string", "maxLength": 200},
                "note": {"type": "string", "maxLength": 2000},
            },
        },
        answer="Handoff",
        statuses=(200, 400, 404, 409),
    ),
)
def handoff_verdict(handoff_id: int) -> Any:
    body = json_body()
    verdict = _text(body, "verdict")
    if verdict not in VERDICTS:
        raise Refused(400, f"verdict is one of {', '.join(VERDICTS)}")
    return actions.judge_handoff(handoff_id, verdict, _text(body, "by") or _who(), _text(body, "note", 2000))


@operation(
    api,
    Operation(
        method="GET", path="/reviews", summary="Sequences that need a person's look", query=(STATUS, LIMIT, CURSOR),
        answer="Review", many=True,
    ),
)  # fmt: skip
def reviews() -> Any:
    limit(), cursor()
    return {"items": [], "next": None}  # sequences, which raise reviews, are not there yet


def _text(body: dict[str, Any], name: str, most: int = 200) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise Refused(400, f"{name} is a text of at most {most} characters")
    return value.strip()


def _who() -> str:
    return f"token {require_token()}"


# --- the installation


@operation(
    api,
    Operation(method="GET", path="/connections", summary="Connections and their state", answer="Connection", many=True),
)
def connections() -> Any:
    runtime = this_runtime()
    return {
        "items": [
            {
                "name": one.name,
                "kind": one.kind,
                "status": one.status,
                "status_reason": one.status_reason,
                "since": one.status_at,
                "checks": one.checks,
                "checked_at": one.checked_at,
            }
            for one in sorted(runtime.connections().values(), key=lambda one: one.name)
        ],
        "next": None,
    }


@operation(api, Operation(method="GET", path="/stats", summary="How much there is of everything", answer="Stats"))
def stats() -> Any:
    with this_runtime().database.read() as conn:
        return lists.counts(conn)
