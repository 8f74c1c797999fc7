"""The mapping editor: which field goes where, what comes in, and what a draft would change before it does.

Edits land in the draft, which is no more than a text; nothing here puts one in force.
"""

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import actions, views
from app.admin import asked, show, words
from app.admin.blueprint import admin
from app.mapping import captures as captured_payloads
from app.mapping import desk, drift, editing, effect, outward, rowform
from app.mapping import words as mapping_words
from app.mapping.captures import Capture
from app.mapping.desk import MAPPING, Subject, Traffic
from app.mapping.editing import NotKept
from app.mapping.rowform import RowForm
from app.receive import this_runtime
from app.runtime import Runtime
from app.store import captured, lists
from app.store.connections import Connection

SHOWN_EFFECTS = 50
_EMPTY_VALUES = 3  # lines of a value table to write into


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
    connection = _connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        lately = desk.traffic(runtime, conn, about, connection)
    states = desk.row_states(about, lately)
    news = {one.name: found for one in lately.found if (found := _news(lately, one.name))}
    return render_template(
        "admin/mapping.html",
        about=about,
        connection=connection,
        states=states,
        unread=[one for one in lately.found if not one.rows],
        news=news,
        problems=[(problem, desk.rows_named(problem)) for problem in about.problems],
        looked_at=len(lately.captures),
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
    connection = _connection(runtime, name)
    with runtime.database.read() as conn:
        text = desk.own_text(conn, connection)
    try:
        editing.begin_own(runtime, current_user.email, f"{connection.kind}.{connection.name}", text)
        asked.say(f"This is the draft of a mapping for {connection.name} alone. It is used once it is published.")
    except NotKept as refusal:
        asked.say(f"Not done: {str(refusal).rstrip('.')}.", wrong=True)
    return redirect(url_for("admin.mapping", name=name), 303)


# --- one row


@admin.get("/mappings/<name>/row")
def mapping_row(name: str) -> str:
    """A row to change, or a new one, begun from a field that came in."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        number = asked.number("row")
        if number is None:
            vendor, contact = asked.text("vendor"), asked.text("contact")
            form = rowform.form_of({"contact": contact, "vendor": vendor})
        elif number < len(about.rows):
            form = rowform.form_of(about.rows[number])
            if instead := asked.text("vendor"):
                form.sources = [instead, *form.sources[1:]]
        else:
            abort(404)
        return _row_page(runtime, conn, connection, about, number, form, {})


@admin.post("/mappings/<name>/row")
def mapping_row_change(name: str) -> Response | str:
    """What was typed into a row: keep it in the draft, or go on with the form. Nothing that was typed is lost."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
    form, do = rowform.read_form(request.form), request.form.get("do", "save")
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        number = asked.posted_number("row")
        if do != "save":
            _change_form(form, do)
            return _row_page(runtime, conn, connection, about, number, form, {}, tried=True)
        if errors := rowform.errors_of(form):
            return _row_page(runtime, conn, connection, about, number, form, errors, tried=True)
        number, problem = _where(about, number)
        if problem:
            return _row_page(runtime, conn, connection, about, number, form, {"": problem}, tried=True)
    try:
        editing.keep_row(runtime, current_user.email, about, number, form.row())
    except NotKept as refusal:
        with runtime.database.read() as conn:
            about = desk.subject(runtime, conn, connection)
            said = f"Not kept yet: {refusal}. What you typed is still here."
            return _row_page(runtime, conn, connection, about, number, form, {"": said}, tried=True)
    asked.say(f"Kept in the draft: {mapping_words.name(form.field)}. It is used once the draft is published.")
    place = len(about.rows) if number is None else number
    return redirect(url_for("admin.mapping", name=name, _anchor=f"row-{place}"), 303)


def _where(about: Subject, number: int | None) -> tuple[int | None, str]:
    """Where the row that was looked at is by now; with a problem where somebody has changed it in the meantime."""
    seen = request.form.get("seen", "")
    if number is None or request.form.get("over") == "yes":
        return number if number is None or number < len(about.rows) else None, ""
    place = rowform.place_of(seen, about.rows, number)
    if place is not None:
        return place, ""
    who = about.draft.author if about.draft else "somebody"
    there = number if number < len(about.rows) else None
    return there, f"{who} has changed or removed this row in the meantime. Keep yours over theirs, or go back."


def _change_form(form: RowForm, do: str) -> None:
    """What a button of the form does, other than keeping it."""
    what, _, value = do.partition(":")
    if what == "use" and value:
        form.sources = [value, *form.sources[1:]]
    elif what == "source":
        form.sources.append("")
    elif what == "place" and value:
        form.values = [*(one for one in form.values if any(one)), (value, "")]
    elif what == "up" and value.isdigit() and 0 < int(value) < len(form.steps):
        at = int(value)
        form.steps[at - 1], form.steps[at] = form.steps[at], form.steps[at - 1]


def _row_page(
    runtime: Runtime,
    conn: Conn,
    connection: Connection,
    about: Subject,
    number: int | None,
    form: RowForm,
    errors: dict[str, str],
    tried: bool = False,
) -> str:
    lately = desk.traffic(runtime, conn, about, connection)
    sources = [one for one in form.sources if one]
    those = [one for one in lately.captures if any(source in one.all_properties for source in sources)]
    shown, ways = _payload(those or lately.captures, request.values.get("payload", ""), request.form.get("do", ""))
    alone = rowform.alone(form, about.mapping.region if about.mapping else None)
    found = sorted(lately.found, key=lambda one: (one.name not in sources, bool(one.rows), one.name.casefold()))
    held = [one for one in lately.held if one.vendor in sources and one.value not in dict(form.values)]
    histories = [lately.histories[one] for one in sources if one in lately.histories]
    form.steps = [one for one in form.steps if one[0]]
    form.values = [one for one in form.values if any(one)]
    contact = form.field
    return render_template(
        "admin/mapping_row.html",
        about=about,
        connection=connection,
        number=number,
        form=form,
        errors=errors,
        seen=request.form.get("seen") or (rowform.key_of(about.rows[number]) if number is not None else ""),
        over="over" in request.form or bool(errors.get("")),
        tried=tried,
        kind=form.kind,
        options=mapping_words.OPTIONS.get(contact, ()),
        found=found,
        read_for={one.name: _read_for(about, one.rows) for one in found},
        held=[one for one in held if one.reason == "unmapped"],
        misfits=[one for one in held if one.reason == "mismatch"],
        drifts=[(one.name, found_so) for one in histories if (found_so := drift.drift_of(one, lately.today))],
        histories=[(one.name, one.by_day(lately.today - desk.SERIES + 1, lately.today)) for one in histories],
        payload=shown,
        ways=ways,
        matching=bool(those),
        traces=alone.trace(shown.all_properties) if alone and shown else [],
        usable=alone is not None,
        back=_back(form),
        steps=rowform.STEP_NAMES,
        spare=_EMPTY_VALUES,
        takes_setting=rowform.takes_setting,
        said=mapping_words,
    )


def _read_for(about: Subject, numbers: list[int]) -> str:
    """Our fields that these rows fill, in words."""
    contacts = [str(about.rows[number].get("contact", "")) for number in numbers if number < len(about.rows)]
    return words.listed([mapping_words.name(one) for one in dict.fromkeys(contacts)])


def _back(form: RowForm) -> dict[str, str]:
    """What each of our values is written as: the tool's first value for it."""
    back: dict[str, str] = {}
    for theirs, ours in form.values:
        if theirs:
            back.setdefault(ours, theirs)
    return back


def _payload(found: list[Capture], key: str, do: str = "") -> tuple[Capture | None, dict[str, str]]:
    """The payload to show, and the ways on from it."""
    if not found:
        return None, {}
    if do.startswith("payload:"):
        key = do.removeprefix("payload:")
    shown = next((one for one in found if one.key == key), found[0])
    return shown, desk.around(found, shown.key)


@admin.post("/mappings/<name>/remove")
def mapping_row_remove(name: str) -> Response:
    """Take a row out of the draft."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
    number, problem = _where(about, asked.posted_number("row") or 0)
    try:
        if problem or number is None:
            raise NotKept(problem or "there is no such row")
        editing.drop_row(runtime, current_user.email, about, number)
        asked.say("Taken out of the draft. It still works until the draft is published.")
    except NotKept as refusal:
        asked.say(f"Not done: {str(refusal).rstrip('.')}.", wrong=True)
    return redirect(url_for("admin.mapping", name=name), 303)


# --- what it would do


@admin.get("/mappings/<name>/payload")
def mapping_payload(name: str) -> str:
    """One payload, and what each row makes of it, step by step."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        lately = desk.traffic(runtime, conn, about, connection)
        shown, ways = _payload(lately.captures, request.args.get("payload", ""))
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
        return Capture(
            key=shown.key, inbox_id=None, at=shown.at, kind=shown.kind, properties=shown.properties,
            mapped=about.mapping.inbound(shown.properties),
        )  # fmt: skip
    stored = captured.request(conn, connection.id, shown.inbox_id)
    again = captured_payloads.reread(runtime, conn, connection, about.mapping, stored) if stored else []
    return next((one for one in again if one.key == shown.key), None)


@admin.get("/mappings/<name>/effect")
def mapping_effect(name: str) -> str:
    """What the draft would change of what came in lately, payload by payload."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
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
    connection = _connection(runtime, name)
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
        body=show.body(made.request.body) if made and isinstance(made.request, outward.Written) else "",
        said=mapping_words,
    )


@admin.post("/mappings/<name>/reread")
def mapping_reread(name: str) -> Response:
    """Have the last requests read again that hold a field, or that are parked: after its row was mended."""
    runtime = this_runtime()
    connection = _connection(runtime, name)
    vendor = asked.text("vendor")
    with runtime.database.read() as conn:
        mapping = runtime.rulebook().mapping_for(connection)
        found = captured_payloads.captures(runtime, conn, connection, mapping)
    ids = {one.inbox_id for one in found if one.inbox_id and vendor in one.all_properties}
    if not ids:
        asked.say(f"None of the last requests holds “{vendor}”.", wrong=True)
    else:
        count = actions.replay_several(current_user.email, sorted(ids))
        said = f"{count} of the last requests that hold “{vendor}” are read again."
        asked.say(f"{said} What was understood before stays as it is.")
    return redirect(url_for("admin.mapping", name=name), 303)


def _connection(runtime: Runtime, name: str) -> Connection:
    found = runtime.connection(name)
    if found is None or not runtime.adapter(found).mapping:
        abort(404)
    return found
