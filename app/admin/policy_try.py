"""Would this fire for Ann? A rule, as it is being written or as it is in force, tried on one contact."""

from typing import Any

from flask import render_template, request
from sqlalchemy import Connection as Conn

from app import drafts as acts
from app import finding, trying, views
from app.admin import asked
from app.admin.blueprint import admin
from app.admin.policies import address_of, existing_policy
from app.contacts.event import is_event_type
from app.numbers import whole
from app.policies import Standing
from app.receive import Refused, this_runtime
from app.rules import event_words
from app.rules.policy import Document
from mappings.document import InvalidDocument

_MAX_SAID = 2_000


@admin.get("/policies/<kind>/<name>/try")
def policy_try(kind: str, name: str) -> str:
    """Choose a rule, a contact and what happens; the answer, with each condition's verdict."""
    found, runtime = existing_policy(kind, name), this_runtime()
    if kind not in trying.KINDS:
        raise Refused(404, "nothing of this policy can be tried on somebody")
    document, of_draft = _document(found)
    rules = trying.rules_of(kind, document.model) if document else []
    rule = asked.one_of("rule", [one for one, _ in rules]) or (rules[0][0] if rules else "")
    types = trying.events_of(kind, document.model, rule) if document else []
    event = asked.text("event")
    event = event if event and is_event_type(event) else (types[0] if types else "page.viewed")
    told = asked.text("contact")
    answer, person = None, None
    with runtime.database.read() as conn:
        if told and document is not None and rule:
            person = _person(conn, told)
            answer = _answer(conn, found, document, rule, event, person)
        glance = views.glances(runtime, conn, [person]).get(person) if person is not None else None
    return render_template(
        "admin/policy_try.html",
        policy=found,
        address=address_of(kind, name),
        rules=rules,
        rule=rule,
        events=[(one, event_words.event_name(one)) for one in _first(types)],
        event=event,
        said=_lines(),
        contact=told,
        person=glance,
        answer=answer,
        of_draft=of_draft,
        usable=document is not None,
    )


def _document(found: Standing) -> tuple[Document | None, bool]:
    """The draft's document, else the one in force; and whether it is the draft's."""
    for text, of_draft in ((found.draft.body if found.draft else "", True), (found.text, False)):
        try:
            if text:
                return acts.read_as(found.kind, found.name, text), of_draft
        except InvalidDocument:
            continue
    return None, False


def _first(types: list[str]) -> list[str]:
    """All event types, those that the rule looks at first."""
    return [*types, *(one for one in event_words.EVENTS if one not in types)]


def _lines() -> list[tuple[str, str]]:
    """What is supposed to be known of the event: ``path: /pricing``, one per line."""
    pairs = (line.partition(":") for line in request.args.get("said", "")[:_MAX_SAID].splitlines())
    return [(name.strip(), value.strip()) for name, sign, value in pairs if sign and name.strip()]


def _person(conn: Conn, told: str) -> int | None:
    return finding.first(this_runtime(), conn, f"contact:{told}" if whole(told) is not None else told)


def _answer(conn: Conn, found: Standing, document: Document, rule: str, event: str, person: int | None) -> Any:
    runtime = this_runtime()
    state = views.state_of(conn, person) if person is not None else None
    if state is None:
        return None
    now = runtime.clock()
    policies = trying.with_document(runtime, conn, document, now)
    happens = trying.happening("timer.due" if found.kind == "segments" else event, dict(_lines()), state, now)
    return trying.tried(state, happens, found.kind, rule, policies)
