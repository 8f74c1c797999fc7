"""One row of a mapping: to be tried on real payloads before it is kept, and kept in the draft alone."""

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app.admin import asked, words
from app.admin.blueprint import admin
from app.admin.mapping_pages import MAX_FIND, finds, found_by, mapped_connection, payload_shown
from app.mapping import desk, drift, editing, rowform
from app.mapping import words as mapping_words
from app.mapping.desk import Subject, Traffic
from app.mapping.drift import Drift
from app.mapping.editing import NotKept
from app.mapping.found import only_listed
from app.mapping.rowform import RowForm
from app.numbers import whole
from app.receive import this_runtime
from app.runtime import Runtime
from app.store.connections import Connection

_EMPTY_VALUES = 3  # lines of a value table to write into


@admin.get("/mappings/<name>/row")
def mapping_row(name: str) -> str:
    """A row to change, or a new one, begun from a field that came in."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
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
    connection = mapped_connection(runtime, name)
    form, do = rowform.read_form(request.form), request.form.get("do", "save")
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        number = asked.posted_number("row")
        if do == "options":
            lately = desk.traffic(runtime, conn, about, connection)
            form.values = [(one, "") for one in _unplaced(form, [one for one in form.sources if one], lately)]
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
    elif what == "up" and 0 < (at := whole(value) or 0) < len(form.steps):
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
    shown, ways = payload_shown(those or lately.captures, request.values.get("payload", ""), request.form.get("do", ""))
    alone = rowform.alone(form, about.mapping.region if about.mapping else None)
    found = [*lately.found, *only_listed(lately.found, lately.listed)]
    found = sorted(
        found, key=lambda one: (one.name not in sources, bool(one.listed), bool(one.rows), one.name.casefold())
    )
    held = [one for one in lately.held if one.vendor in sources and one.value not in dict(form.values)]
    histories = [lately.histories[one] for one in sources if one in lately.histories]
    form.steps = [one for one in form.steps if one[0]]
    form.values = [one for one in form.values if any(one)]
    contact, find = form.field, asked.text("find", MAX_FIND)
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
        found=found_by(found, find),
        find=find,
        finds=finds,
        read_for={one.name: _read_for(about, one.rows) for one in found},
        held=[one for one in held if one.reason == "unmapped"],
        unplaced=_unplaced(form, sources, lately),
        misfits=[one for one in held if one.reason == "mismatch"],
        drifts=_drifts(about, sources, lately),
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


def _drifts(about: Subject, sources: list[str], lately: Traffic) -> list[tuple[str, Drift]]:
    """What changed about the fields that a row reads: in what comes in, else in the tool's own list of fields."""
    made = []
    for name in sources:
        history, listed = lately.histories.get(name), lately.listed.get(name)
        found = drift.drift_of(history, lately.today) if history else None
        if (found is None or found.what == drift.NEW) and listed is not None:
            found = drift.listed_drift(listed, about.vendor, lately.today) or found
        if found is not None:
            made.append((name, found))
    return made


def _unplaced(form: RowForm, sources: list[str], lately: Traffic) -> list[str]:
    """The options that the tool lists of these fields and that stand in no line of the value table."""
    placed = dict(form.values)
    return [one for name in sources if name in lately.listed for one in lately.listed[name].without_place(placed)]


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


@admin.post("/mappings/<name>/remove")
def mapping_row_remove(name: str) -> Response:
    """Take a row out of the draft."""
    runtime = this_runtime()
    connection = mapped_connection(runtime, name)
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
