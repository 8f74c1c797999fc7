"""All policies and mappings at once: taken away as files, and brought back as drafts once it was seen what changes."""

from flask import Response, redirect, render_template, request, url_for
from flask_login import current_user
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from app import drafts as acts
from app import policies as looked
from app import policy_files
from app.admin import asked, words
from app.admin.blueprint import admin
from app.policies import Difference
from app.policy_files import Change
from app.receive import this_runtime
from app.store.drafts import Overtaken
from mappings.document import InvalidDocument

MOST = 200


@admin.get("/policies/all.zip")
def policies_download() -> Response:
    """Everything that is in force, as `baton policy export` writes it."""
    with this_runtime().database.read() as conn:
        body = policy_files.pack(policy_files.as_files(policy_files.in_force(conn)))
    answer = Response(body, content_type="application/zip")
    answer.headers.set("Content-Disposition", "attachment", filename="baton-policies.zip")
    return answer


class _Offered(Struct, frozen=True):
    """A change that can become a draft."""

    change: Change
    title: str
    difference: Difference


@admin.post("/policies/upload")
def policies_upload() -> str | tuple[str, int]:
    """What files change of what is in force; nothing is kept yet."""
    given = [(one.filename[-100:], one.read()) for one in request.files.getlist("file")[:MOST] if one.filename]
    try:
        documents = policy_files.read(policy_files.unpack(given)) if given else []
    except InvalidDocument as error:
        return _looked_at(error.problems, [], 0), 400
    if not documents:
        return _looked_at(["Choose a file first."], [], 0), 400
    with this_runtime().database.read() as conn:
        found = policy_files.changes(conn, documents)
    return _looked_at([], found, len(documents) - len(found))


def _looked_at(wrong: list[str], found: list[Change], same: int) -> str:
    offered = [
        _Offered(
            one, looked.title_of(one.document.kind, one.document.name), looked.difference(one.before, one.document.text)
        )
        for one in found
    ]
    return render_template("admin/policies_upload.html", wrong=wrong, offered=offered, same=same)


@admin.post("/policies/drafts")
def policies_kept() -> AnyResponse:
    """Keep what was ticked as drafts, over the drafts that were seen beside it."""
    kept, refused = list[str](), list[str]()
    for place in map(str, asked.numbers("take", MOST)):
        text = request.form.get(f"text{place}", "").replace("\r\n", "\n")
        try:
            (document,) = policy_files.read({"the file": text})
            title = looked.title_of(document.kind, document.name)
            revision = asked.posted_number(f"revision{place}") or 0
            acts.save(this_runtime(), current_user.email, document.kind, document.name, document.text, revision)
        except Overtaken:
            refused.append(f"{title}, whose draft somebody has changed since")
        except (InvalidDocument, acts.Unknown) as error:
            refused.append(str(error))
        else:
            kept.append(title)
    if kept:
        asked.say(f"Kept as drafts: {words.listed(kept)}. Nothing is in force before you publish it.")
    if refused or not kept:
        asked.say(f"Not kept: {words.listed(refused) or 'nothing was ticked'}.", wrong=True)
    return redirect(url_for("admin.policies"), 303)
