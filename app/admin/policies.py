"""Rules: what is in force, drafts, what differs, publishing, versions and the way back. Mappings share these pages."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app import drafts as acts
from app import policies as looked
from app import recounts
from app.admin import asked
from app.admin.blueprint import admin, may
from app.admin.policy_filled import CannotRead, asked_of, place_of, text_of, turned
from app.admin.policy_form import FORMS, Form, form_of, id_of, name_of
from app.mapping import desk
from app.numbers import whole
from app.policies import Standing
from app.receive import Refused, this_runtime
from app.rules import event_words
from app.rules.policy import SINGLE
from app.store import policies as stored
from app.store.drafts import Draft, Overtaken
from app.store.policies import MAPPING, StaleDraft, Version
from mappings.document import InvalidDocument
from mappings.lines import Problem

MAX_NOTE = 500
_FORM, _TEXT = "form", "text"


@admin.get("/policies/")
def policies() -> str:
    """All policies, each with what is in force and what is being written."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = looked.listed(conn)
        wrong = {(one.kind, one.name): len(looked.problems(runtime, conn, one)) for one in found}
    return render_template(
        "admin/policies.html",
        groups=[
            ("Decisions and messages", "rules", [one for one in found if one.kind in SINGLE]),
            ("Field mappings", "mappings", [one for one in found if one.kind not in SINGLE]),
        ],
        wrong=wrong,
        address_of=address_of,
    )


def address_of(kind: str, name: str, page: str = "mapping") -> str:
    """Where a policy is edited: a mapping row by row, or on another page of its own, where there is a connection that
    it is for."""
    connection = desk.connection_of(this_runtime(), name) if kind == "mapping" else None
    if connection is not None:
        return url_for(f"admin.{page}", name=connection.name)
    return url_for("admin.policy", kind=kind, name=name)


@admin.get("/policies/<kind>/<name>/")
def policy(kind: str, name: str) -> str:
    """One policy: its draft, or else what is in force, to read and to change."""
    found = existing_policy(kind, name)
    return _editor(found, as_form=may("policy_save") and asked.one_of("view", (_FORM, _TEXT)) != _TEXT)


def existing_policy(kind: str, name: str) -> Standing:
    """A policy. Raises 404 for one that there is not."""
    with this_runtime().database.read() as conn:
        found = looked.standing(conn, kind, name)
    if found is None:
        raise Refused(404, "there is no such policy")
    return found


def _editor(
    found: Standing, written: str | None = None, wrong: str = "", form: Form | None = None, as_form: bool = False
) -> str:
    """The page of the editor, as a form or as text; ``written`` is a text that could not be saved, with what was
    wrong."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        problems = looked.problems(runtime, conn, found)
        newer, doubts = _newer(conn, found), looked.doubts(conn, found)
        rescored = recounts.of_kind(runtime, conn, found.kind)
    if as_form:
        form = form_of(found.kind, found.newest, problems)
    return render_template(
        "admin/policy.html",
        policy=found,
        text=found.newest if written is None else written,
        problems=problems,
        newer=newer,
        rescored=rescored,
        wrong=wrong,
        form=form,
        has_form=found.kind in FORMS,
        may_rehearse=may_be_rehearsed(found.kind, found.name),
        opened=asked.text("open"),
        did=asked.text("did"),
        event_types=sorted(event_words.EVENTS.items()),
        doubts=doubts,
        difference=looked.difference(found.text, found.draft.body) if found.draft else None,
    )


def _newer(conn: Any, found: Standing) -> Version | None:
    """The version that was published past the draft, or None."""
    return found.in_force if found.stale else None


@admin.post("/policies/<kind>/<name>/")
def policy_save(kind: str, name: str) -> AnyResponse | tuple[str, int]:
    """Keep what was written as the draft. Whoever was overtaken sees both texts."""
    found = existing_policy(kind, name)
    if request.form.get("view") == _FORM:
        return _form_saved(found)
    try:
        text = _written()
    except InvalidDocument as error:
        return _editor(found, request.form.get("body", ""), str(error)), 400
    return keep(found, text)


def _form_saved(found: Standing) -> AnyResponse | tuple[str, int]:
    text = request.form.get("from", "").replace("\r\n", "\n")
    made = form_of(found.kind, text)
    if made is None:
        return _editor(found, text, "the form could not be read; here is the text that it was made from"), 400
    button = asked_of(
        made, request.form.get("do", ""), asked.text(f"new:{request.form.get('do', '').partition(':')[2]}")
    )
    try:
        changed, kept = text_of(made, request.form.get, button)
    except CannotRead as error:
        again = form_of(found.kind, text, [Problem(str(error), path=error.path)], request.form.get)
        return _editor(found, text, "a part that is written in YAML cannot be read; it is marked below", again), 400
    if not kept:
        asked.say(
            "The text could not be changed piece by piece, so it was written anew: its comments and layout are gone. "
            "To have them back, throw the draft away.",
            wrong=True,
        )
    place = place_of(made, button) if button.what else turned(made, request.form.get)
    in_list = bool(place) and isinstance(place[-1], int)
    return keep(found, changed, name_of(place) if place else "", button.what if in_list else "")


def _written() -> str:
    file = request.files.get("file")
    if request.form.get("do") == "upload":
        if file is None or not file.filename:
            raise InvalidDocument(["choose a file first"])
        try:
            return str(file.read(), "utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidDocument(["the file is not a text in UTF-8; save it as one and send it again"]) from None
    return request.form.get("body", "")


def keep(found: Standing, text: str, opened: str = "", did: str = "") -> AnyResponse | tuple[str, int]:
    """Save a text as the draft that the form was opened on, and go where its button leads; ``opened`` is the part of
    the form that something was done to, ``did`` what to an
    entry of a list: there the focus goes."""
    runtime, revision, base = this_runtime(), asked.posted_number("revision"), asked.posted_number("base")
    try:
        plain = acts.storable(text)
        if found.draft is None and not revision and plain.rstrip() == found.text.rstrip():
            asked.say("Nothing was changed, so there is no draft.")
            return redirect(_after(found, None, opened, did), 303)
        rebased = {"base": base} if not revision or request.form.get("do") == "take" else {}
        draft = acts.save(runtime, current_user.email, found.kind, found.name, plain, revision or 0, **rebased)
    except InvalidDocument as error:
        return _editor(found, text, str(error)), 400
    except Overtaken as overtaken:
        return _overtaken(found, text, overtaken), 409
    asked.say("The draft is saved. It is not in force before you publish it.")
    return redirect(_after(found, draft, opened, did), 303)


def _after(found: Standing, draft: Draft | None, opened: str, did: str) -> str:
    match request.form.get("do"):
        case "publish" if draft or found.draft:
            return url_for("admin.policy_publish", kind=found.kind, name=found.name)
        case "rehearse" if draft or found.draft:
            return url_for("admin.rehearsal_new", draft=f"{found.kind}/{found.name}")
        case "diff" if draft or found.draft:
            return url_for("admin.policy_diff", kind=found.kind, name=found.name)
    if request.form.get("view") in (_FORM, _TEXT) and found.kind in FORMS:
        place = {"open": opened, **({"did": did} if did else {"_anchor": id_of(opened)})} if opened else {}
        return url_for("admin.policy", kind=found.kind, name=found.name, view=request.form["view"], **place)  # type: ignore[arg-type]
    return asked.local(request.form.get("back", "")) or address_of(found.kind, found.name)


def _overtaken(found: Standing, mine: str, overtaken: Overtaken) -> str:
    theirs = overtaken.theirs
    body = theirs.body if theirs is not None else ""
    in_force = existing_policy(found.kind, found.name).in_force
    return render_template(
        "admin/policy_overtaken.html",
        policy=found,
        mine=mine,
        theirs=theirs,
        their_text=body,
        difference=looked.difference(body, mine.replace("\r\n", "\n")),
        said=str(overtaken),
        revision=theirs.revision if isinstance(theirs, Draft) else 0,
        base=in_force.version if in_force else None,
        address=address_of(found.kind, found.name),
    )


@admin.post("/policies/<kind>/<name>/discard")
def policy_discard(kind: str, name: str) -> AnyResponse:
    """Throw the draft away."""
    found = existing_policy(kind, name)
    try:
        acts.discard(this_runtime(), current_user.email, kind, name, asked.posted_number("revision") or 0)
    except Overtaken as overtaken:
        asked.say(f"Not done: {overtaken}. Look at it first.", wrong=True)
    except acts.Unknown:
        asked.say("It was thrown away already.")
    else:
        asked.say("The draft is thrown away; its text stays in the audit log.")
    return redirect(address_of(found.kind, found.name), 303)


@admin.get("/policies/<kind>/<name>/diff")
def policy_diff(kind: str, name: str) -> str:
    """What the draft changes, or what differs between two versions."""
    found = existing_policy(kind, name)
    with this_runtime().database.read() as conn:
        before, after = (_text_of(conn, found, asked.text(end)) for end in ("from", "to"))
    if asked.text("from") == "":
        before = (found.text, _in_force_words(found))
    if asked.text("to") == "":
        after = (found.newest, "the draft" if found.draft else _in_force_words(found))
    return render_template(
        "admin/policy_diff.html",
        policy=found,
        before=before[1],
        after=after[1],
        difference=looked.difference(before[0], after[0]),
        address=address_of(kind, name),
        of_draft=not asked.text("from") and not asked.text("to") and found.draft is not None,
    )


def _text_of(conn: Any, found: Standing, said: str) -> tuple[str, str]:
    if not said:
        return "", ""
    number = whole(said)
    version = stored.find(conn, found.kind, found.name, number) if number is not None else None
    if version is None:
        raise Refused(404, "there is no such version")
    return version.body, f"version {version.version}"


def _in_force_words(found: Standing) -> str:
    return f"version {found.version}, which is in force" if found.in_force else "what Baton ships"


@admin.get("/policies/<kind>/<name>/publish")
def policy_publish(kind: str, name: str) -> str:
    """What publishing the draft would change, and whether it can be; nothing is changed yet."""
    return _publishing(existing_policy(kind, name))


def _publishing(found: Standing, note: str = "", wrong: str = "") -> str:
    with this_runtime().database.read() as conn:
        others = [one for one in looked.listed(conn) if one.draft and (one.kind, one.name) != (found.kind, found.name)]
        beside = [one for one in others if f"{one.kind}/{one.name}" in request.values.getlist("with")]
        drafts = [one.draft for one in beside if one.draft]
        text = found.newest
        problems = acts.problems(conn, found.kind, found.name, text, drafts) if found.draft else []
    return render_template(
        "admin/policy_publish.html",
        policy=found,
        others=others,
        beside=beside,
        differences=[(one, looked.difference(one.text, one.newest)) for one in beside],
        stale=found.stale or any(one.stale for one in beside),
        problems=problems,
        difference=looked.difference(found.text, text),
        in_force=_in_force_words(found),
        note=note,
        wrong=wrong,
        most=MAX_NOTE,
        address=address_of(found.kind, found.name),
        rehearse=_rehearse(found, beside),
    )


def may_be_rehearsed(kind: str, name: str) -> bool:
    """Whether a policy can be tried on the past: rules, and mappings by which something comes in."""
    return kind in SINGLE or (kind == MAPPING and desk.connection_of(this_runtime(), name) is not None)


def _rehearse(found: Standing, beside: list[Standing]) -> str:
    """Where the draft, and those that come into force with it, can be tried on the past; "" where it cannot."""
    if found.draft is None or not all(may_be_rehearsed(one.kind, one.name) for one in (found, *beside)):
        return ""
    return url_for("admin.rehearsal_new", draft=[f"{one.kind}/{one.name}" for one in (found, *beside)])


@admin.post("/policies/<kind>/<name>/publish")
def policy_published(kind: str, name: str) -> AnyResponse | tuple[str, int]:
    """Put the draft in force, as the page with the differences showed it."""
    found, note = existing_policy(kind, name), asked.text("note", MAX_NOTE)
    if found.draft is None:
        asked.say("There is no draft any more: it was published or thrown away.", wrong=True)
        return redirect(address_of(kind, name), 303)
    if not note:
        return _publishing(found, wrong="Write a note first: what you changed, and why."), 400
    try:
        number = acts.publish(
            this_runtime(), current_user.email, kind, name, asked.posted_number("revision") or 0, note, _beside()
        )
    except (Overtaken, StaleDraft, acts.Unknown) as error:
        return _publishing(existing_policy(kind, name), note, f"{sentence(str(error))}. Look at it once more."), 409
    except InvalidDocument:
        return _publishing(found, note, "It cannot be used as it is."), 400
    flash(f"Version {number} is in force.", "success")
    return redirect(address_of(kind, name, "mapping_again"), 303)


def _beside() -> list[tuple[str, str, int]]:
    """The drafts that the page said come into force as well, each in the revision that it showed."""
    found = []
    for said in request.form.getlist("with")[:20]:
        kind, _, name = said.partition("/")
        found.append((kind, name, asked.posted_number(f"revision:{said}") or 0))
    return found


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
