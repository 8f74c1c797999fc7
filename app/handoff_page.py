"""``/h/<token>``: the page behind a handoff's link. A rep reads why now, and says how it went with one button.

Whoever holds the link may answer, so nobody has to sign in. Mail scanners follow links: a visit changes nothing, and a
button counts only together with a signed field that the page gave out.
"""

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from app import actions, handoffs
from app.handoff_links import handoff_key
from app.limits import limiter
from app.receive import Refused, this_runtime
from app.rules.handoff import VERDICTS
from app.runtime import Runtime
from app.store import rows

handoff_page = Blueprint("handoff_page", __name__, template_folder="admin/templates")

PER_ADDRESS = "60 per minute; 600 per hour"
FORM_SECONDS = 12 * 3_600
ANYBODY = "whoever has the link"
_LONGEST_NAME, _LONGEST_NOTE = 80, 2_000

limit_links = limiter.limit(PER_ADDRESS)


@handoff_page.get("/h/<token>")
@limit_links
def show(token: str) -> str:
    """Who, why now, what they did, how to begin; and the buttons."""
    return _page(token)


def _page(token: str, problem: str = "") -> str:
    runtime = this_runtime()
    key = _key(runtime, token)
    with runtime.database.read() as conn:
        row = rows.handoff_row(conn, key)
        if row is None:
            abort(404)
        packet = handoffs.packet(runtime, conn, row["contact_id"])
    return render_template(
        "admin/handoff_link.html",
        token=token,
        signed=_signer(runtime).dumps(key),
        handoff=row,
        packet=packet,
        problem=problem,
        said=request.args.get("said") == "1",
        now=runtime.clock(),
    )


@handoff_page.post("/h/<token>")
@limit_links
def answer(token: str) -> AnyResponse:
    """Note what the rep said."""
    request.max_content_length = 16 * 1024
    runtime = this_runtime()
    key = _key(runtime, token)
    verdict = request.form.get("verdict", "")
    if verdict not in VERDICTS:
        abort(400)
    if not _was_ours(runtime, request.form.get("signed", ""), key):
        return _again(token, "This page was open for long. Please press the button once more.", 400)
    with runtime.database.read() as conn:
        row = rows.handoff_row(conn, key)
    if row is None:
        abort(404)
    name = _line("name", _LONGEST_NAME)
    try:
        actions.judge_handoff(row["id"], verdict, ANYBODY, _line("note", _LONGEST_NOTE), name)
    except Refused as refusal:
        return _again(token, f"Not noted: {refusal.description}.", refusal.code or 409)
    return redirect(url_for("handoff_page.show", token=token, said=1), 303)


def _again(token: str, problem: str, status: int) -> Response:
    return make_response(_page(token, problem), status)


def _key(runtime: Runtime, token: str) -> str:
    key = handoff_key(runtime.settings, token)
    if key is None or len(key) != 32 or not all(digit in "0123456789abcdef" for digit in key):
        abort(404)
    return key


def _signer(runtime: Runtime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(runtime.settings.keys)), salt="handoff form")


def _was_ours(runtime: Runtime, signed: str, key: str) -> bool:
    """Whether the form came from this page, not long ago."""
    try:
        return bool(_signer(runtime).loads(signed, max_age=FORM_SECONDS) == key)
    except BadSignature:
        return False


def _line(name: str, most: int) -> str:
    given = " ".join(request.form.get(name, "").split())
    return "".join(letter for letter in given if letter.isprintable())[:most].strip()
