"""Contacts: found, shown, what happened to each and what was decided."""

from typing import Any

from flask import request

from app import finding, past, portability, views
from app.api.blueprint import api
from app.api.operation import (
    CURSOR,
    LIMIT,
    Operation,
    caller,
    choice,
    cursor,
    existing,
    limit,
    moment,
    moment_of,
    operation,
    page_of,
    to_cursor,
)
from app.api.shapes import TEXT, TIME
from app.contacts.contact import LifecycleStage
from app.contacts.times import to_us
from app.receive import Refused, this_runtime
from app.store import lists, timeline
from app.store.access import MANAGE


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts",
        summary="Contacts: by e-mail, by an alias such as hubspot:123, by the beginning of a name, or all",
        query=(
            {"name": "email", "schema": TEXT},
            {
                "name": "alias",
                "schema": TEXT,
                "description": "hubspot:123, phone:+15005550006, contact:5",
            },
            {"name": "q", "schema": TEXT, "description": "Beginning of an address or a name"},
            {"name": "stage", "schema": {"type": "string", "enum": [*LifecycleStage]}},
            {"name": "segment", "schema": TEXT, "description": "A segment's id"},
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
    text = _sought()
    with runtime.database.read() as conn:
        if text:
            try:
                found = finding.find(runtime, conn, text)
            except finding.NoName as reason:
                raise Refused(400, str(reason)) from None
            return {"items": views.contacts(runtime, conn, found[:size]), "next": None}
        stage = choice("stage", tuple(LifecycleStage))
        segment = choice("segment", tuple(runtime.rulebook().policies.segments.by_id))
        page = lists.contacts_page(conn, size, before, request.args.get("q", ""), stage, segment)
        shown = views.contacts(runtime, conn, [row["id"] for row in page.rows])
        return {"items": shown, "next": to_cursor(page.next)}


def _sought() -> str:
    """Who is looked for, as :mod:`app.finding` reads it; "" for nobody alone."""
    if address := request.args.get("email"):
        return f"email:{address}"
    alias = request.args.get("alias", "")
    if alias and not all(alias.partition(":")):
        raise Refused(400, "alias is kind:value, for instance hubspot:123")
    return alias


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts/{contact_id}",
        summary="One contact, as it is or as it was at a moment in the past",
        query=({"name": "at", "schema": TIME, "description": "As of when, by the log and today's rules"},),
        answer="Contact",
        statuses=(200, 404),
    ),
)
def contact(contact_id: int) -> Any:
    runtime, at = this_runtime(), moment_of("at")
    with runtime.database.read() as conn:
        found = views.contact(runtime, conn, contact_id) if at is None else past.contact(runtime, conn, contact_id, at)
        return existing(found, "contact")


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
        known = existing(views.contact(runtime, conn, contact_id), "contact")["id"]
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
        known = existing(views.contact(runtime, conn, contact_id), "contact")["id"]
        return page_of(lists.decisions_page(conn, limit(), cursor(), contact_id=known), views.decision)


@operation(
    api,
    Operation(
        method="GET",
        path="/contacts/{contact_id}/export",
        summary="Everything that is kept about a person, for who asks to see it",
        answer="Disclosure",
        statuses=(200, 404),
        scope=MANAGE,
    ),
)
def contact_export(contact_id: int) -> Any:
    return existing(portability.disclose(this_runtime(), caller(), contact_id), "contact")
