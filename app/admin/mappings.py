"""The mapping editor: which field goes where, what comes in, and what a draft would change before it does.

Edits land in the draft, which is no more than a text; nothing here puts one in force.
"""

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, show
from app.admin.blueprint import admin
from app.admin.mapping_pages import MAX_FIND, finds, found_by, mapped_connection, payload_shown
from app.mapping import captures as captured_payloads
from app.mapping import desk, drift, editing, effect, outward, sending
from app.mapping import words as mapping_words
from app.mapping.captures import Capture
from app.mapping.desk import MAPPING, Subject, Traffic
from app.mapping.editing import NotKept
from app.receive import Refused, this_runtime
from app.runtime import Runtime
from app.store import captured, lists
from app.store.connections import Connection
from app.views import Glance

SHOWN_EFFECTS = 50


@admin.get("/mappings/")
def mappings() -> str:
    """Our fields down, tools across: where each comes from and goes to."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = desk.grid(runtime, conn)
    return render_template("admin/mappings.html", grid=found, said=mapping_words)


@admin.get("/mappings/<name>/")
def mapping(name: str) -> str:
    """One mapping: its rows with how they do, what no row reads, and what to do with the draft."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        lately = desk.traffic(runtime, conn, about, connection)
    states, find = desk.row_states(about, lately), asked.text("find", MAX_FIND)
    news = {one.name: found for one in lately.found if (found := _news(lately, one.name))}
    return render_template(
        "admin/mapping.html",
        about=about,
        connection=connection,
        states=states,
        unread=found_by([one for one in lately.found if not one.rows], find),
        find=find,
        finds=finds,
        news=news,
        problems=[(problem, desk.rows_named(problem)) for problem in about.problems],
        looked_at=len(lately.captures),
        schema=lately.schema,
        asks=desk.has_list(runtime, connection),
        writes=outward.can_write(runtime, connection),
        may_own=len(about.connections) > 1,
        policy_links=_policy_links(about),
        said=mapping_words,
    )


# What all policies have: where a mapping is read as YAML, compared, published and rolled back
_PAGES = (
    ("policy_publish", "Publish"), ("policy_diff", "Compare"), ("policy", "As YAML"), ("policy_versions", "Versions")
)  # fmt: skip


def _policy_links(about: Subject) -> list[tuple[str, str]]:
    """The pages that a mapping shares with other policies; without a draft there is nothing to publish or compare."""
    wanted = [one for one in _PAGES if about.draft or one[0] not in ("policy_publish", "policy_diff")]
    if about.draft and not about.mapping:
        wanted = wanted[1:]
    return [(url_for(f"admin.{route}", kind=MAPPING, name=about.name), title) for route, title in wanted]


def _news(lately: Traffic, name: str) -> Any:
    history = lately.histories.get(name)
    return drift.drift_of(history, lately.today) if history else None


@admin.post("/mappings/<name>/own")
def mapping_own(name: str) -> Response:
    """Begin a mapping of this connection alone, as a draft of what it goes by now."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    with runtime.database.read() as conn:
        text = desk.own_text(conn, connection)
    try:
        editing.begin_own(runtime, current_user.email, f"{connection.kind}.{connection.name}", text)
        asked.say(f"This is the draft of a mapping for {connection.name} alone. It is used once it is published.")
    except NotKept as refusal:
        asked.say(f"Not done: {str(refusal).rstrip('.')}.", wrong=True)
    return redirect(url_for("admin.mapping", name=name), 303)


# --- what it would do


@admin.get("/mappings/<name>/payload")
def mapping_payload(name: str) -> str:
    """One payload, and what each row makes of it, step by step."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        lately = desk.traffic(runtime, conn, about, connection)
        shown, ways = payload_shown(lately.captures, request.args.get("payload", ""))
        after = _as_draft(runtime, conn, connection, about, shown) if shown else None
        people = views.glances(runtime, conn, {shown.contact_id} if shown and shown.contact_id else set())
    usable = about.mapping or runtime.rulebook().mapping_for(connection)
    return render_template(
        "admin/mapping_payload.html",
        about=about,
        connection=connection,
        payload=shown,
        after=after,
        ways=ways,
        people=people,
        traces=usable.trace((after or shown).all_properties) if shown else [],
        rows=about.rows,
        said=mapping_words,
    )


def _as_draft(runtime: Runtime, conn: Conn, connection: Connection, about: Subject, shown: Capture) -> Capture | None:
    """The same payload as the draft would read it; None without a draft that can be used."""
    if about.draft is None or about.mapping is None:
        return None
    if shown.inbox_id is None:
        return captured_payloads.as_read_by(shown, about.mapping)
    stored = captured.request(conn, connection.id, shown.inbox_id)
    again = captured_payloads.reread(runtime, conn, connection, about.mapping, stored) if stored else []
    return next((one for one in again if one.key == shown.key), None)


@admin.get("/mappings/<name>/effect")
def mapping_effect(name: str) -> str:
    """What the draft would change of what came in lately, payload by payload."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    status = asked.one_of("status", effect.STATUSES)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        found = _effects(runtime, conn, connection, about.mapping) if about.draft and about.mapping else []
        shown = [one for one in found if status is None or one.status == status]
        shown.sort(key=lambda one: effect.STATUSES.index(one.status))
        ids = {one.before.contact_id for one in shown[:SHOWN_EFFECTS] if one.before.contact_id}
        people = views.glances(runtime, conn, ids)
    return render_template(
        "admin/mapping_effect.html",
        about=about,
        connection=connection,
        counts=effect.counted(found),
        effects=shown[:SHOWN_EFFECTS],
        more=max(0, len(shown) - SHOWN_EFFECTS),
        status=status,
        total=len(found),
        policy_links=_policy_links(about),
        people=people,
        said=mapping_words,
    )


def _effects(runtime: Runtime, conn: Conn, connection: Connection, draft: Any) -> list[effect.Effect]:
    before = captured_payloads.captures(runtime, conn, connection, runtime.rulebook().mapping_for(connection))
    return effect.effects(before, captured_payloads.read_again(runtime, conn, connection, draft))


@admin.get("/mappings/<name>/request")
def mapping_request(name: str) -> str:
    """The exact request that the tool would get for a contact. It cannot be sent from here."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    if not outward.can_write(runtime, connection):
        abort(404)
    contact_id, wanted = asked.number("contact"), asked.text("q")
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        listed = [row["id"] for row in lists.contacts_page(conn, asked.PAGE, None, wanted).rows]
        if contact_id is None and listed:
            contact_id = listed[0]
        usable = about.mapping or runtime.rulebook().mapping_for(connection)
        made = outward.said_of(runtime, conn, connection, usable, contact_id) if contact_id is not None else None
        people = views.glances(runtime, conn, {*listed, *([contact_id] if contact_id else [])})
    return render_template(
        "admin/mapping_request.html",
        about=about,
        connection=connection,
        made=made,
        q=wanted,
        people=[people[one] for one in listed if one in people],
        person=people.get(contact_id) if contact_id else None,
        contact_id=contact_id,
        seen=sending.digest(made) if made else "",
        body=show.body(made.request.body) if made and isinstance(made.request, outward.Written) else "",
        said=mapping_words,
    )


@admin.post("/mappings/<name>/send")
def mapping_send(name: str) -> Response:
    """Send the request that was shown, to this one contact, once it is confirmed by the contact's own address."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
    contact_id = asked.posted_number("contact") or 0
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        people = views.glances(runtime, conn, {contact_id})
    usable = about.mapping or runtime.rulebook().mapping_for(connection)
    back = redirect(url_for("admin.mapping_request", name=name, contact=contact_id or None), 303)
    person = people.get(contact_id)
    if person is None or asked.text("confirm").casefold() not in confirming(person):
        asked.say("Not sent: type the contact’s address as it is shown, to say that it is meant.", wrong=True)
        return back
    try:
        number = actions.send_to_one(current_user.email, connection, usable, contact_id, asked.text("seen"))
    except Refused as refusal:
        asked.say(f"Not sent: {refusal.description}.", wrong=True)
        return back
    asked.say("On its way. Here is what comes of it.")
    return redirect(url_for("admin.delivery", delivery_id=number), 303)


def confirming(person: Glance) -> set[str]:
    """What confirms that this very contact is meant."""
    return {said.casefold() for said in (person.email, person.name) if said} or {str(person.id)}
