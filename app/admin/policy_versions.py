"""Versions of a policy: what each changed, going back to one, and texts as files."""

from flask import Response, redirect, render_template
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app import drafts as acts
from app import policies as looked
from app.admin import asked
from app.admin.blueprint import admin
from app.admin.policies import MAX_NOTE, address_of, existing_policy, sentence
from app.numbers import whole
from app.policies import Standing
from app.receive import Refused, this_runtime
from app.store import policies as stored
from app.store.policies import StaleDraft, Version
from mappings.document import InvalidDocument


@admin.get("/policies/<kind>/<name>/versions/")
def policy_versions(kind: str, name: str) -> str:
    """All versions, the newest first."""
    found = existing_policy(kind, name)
    with this_runtime().database.read() as conn:
        versions = [one for one in stored.versions(conn, kind, name) if one.published_at is not None]
    return render_template(
        "admin/policy_versions.html", policy=found, versions=versions[::-1], address=address_of(kind, name)
    )


@admin.get(f"/policies/<kind>/<name>/versions/<{asked.ROW}:version>")
def policy_version(kind: str, name: str, version: int) -> str:
    """One version: its text, and what it changed."""
    found, chosen, previous = existing_policy(kind, name), _version(kind, name, version), None
    with this_runtime().database.read() as conn:
        previous = stored.find(conn, kind, name, version - 1)
    return render_template(
        "admin/policy_version.html",
        policy=found,
        version=chosen,
        previous=previous,
        difference=looked.difference(previous.body, chosen.body) if previous else None,
        address=address_of(kind, name),
    )


def _version(kind: str, name: str, version: int) -> Version:
    with this_runtime().database.read() as conn:
        chosen = stored.find(conn, kind, name, version) if version < 2**31 else None
    if chosen is None:
        raise Refused(404, "there is no such version")
    return chosen


@admin.get("/policies/<kind>/<name>/roll-back")
def policy_roll_back(kind: str, name: str) -> str:
    """What going back to an older version would change; nothing is changed yet."""
    return _going_back(existing_policy(kind, name)) if asked.text("version") else policy_versions(kind, name)


def _going_back(found: Standing, note: str = "", wrong: str = "") -> str:
    said = asked.text("version")
    chosen = _version(found.kind, found.name, whole(said) or 0)
    with this_runtime().database.read() as conn:
        problems = acts.problems(conn, found.kind, found.name, chosen.body)
    return render_template(
        "admin/policy_roll_back.html",
        policy=found,
        version=chosen,
        problems=problems,
        difference=looked.difference(found.text, chosen.body),
        note=note,
        wrong=wrong,
        most=MAX_NOTE,
        address=address_of(found.kind, found.name),
    )


@admin.post("/policies/<kind>/<name>/roll-back")
def policy_rolled_back(kind: str, name: str) -> AnyResponse | tuple[str, int]:
    """Put an older version's text in force again, as a new version."""
    found, note = existing_policy(kind, name), asked.text("note", MAX_NOTE)
    if not note:
        return _going_back(found, wrong="Write a note first: why you go back."), 400
    try:
        number = acts.roll_back(
            this_runtime(),
            current_user.email,
            kind,
            name,
            asked.posted_number("version") or 0,
            note,
            expected=asked.posted_number("in_force"),
        )
    except (StaleDraft, acts.Unknown) as error:
        return _going_back(found, note, f"{sentence(str(error))}. Look at it once more."), 409
    except InvalidDocument:
        return _going_back(found, note, "The old text cannot be used any more."), 400
    asked.say(f"Version {number} is in force, with the text of version {asked.posted_number('version')}.")
    return redirect(address_of(kind, name, "mapping_again"), 303)


@admin.get("/policies/<kind>/<name>/download")
def policy_download(kind: str, name: str) -> Response:
    """A text as a file: what is in force, the draft, or one version."""
    found, said = existing_policy(kind, name), asked.text("version")
    if (number := whole(said)) is not None:
        text, what = _version(kind, name, number).body, f"-{number}"
    else:
        text, what = (found.newest, "-draft") if said == "draft" and found.draft else (found.text, "")
    stem = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    file = f"{kind if kind == name else f'{kind}-{stem}'}{what}.yaml"
    answer = Response(text, content_type="application/yaml; charset=utf-8")
    answer.headers.set("Content-Disposition", "attachment", filename=file)
    return answer
