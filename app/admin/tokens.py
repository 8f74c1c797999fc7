"""API tokens: which programs may do what; making one, which is shown once, and revoking. For admins."""

from flask import render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import accounts
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import Refused, this_runtime
from app.store import access


@admin.get("/tokens")
def tokens() -> str:
    """Every token that is valid, and the form to make one."""
    return _list()


def _list(problem: str = "", name: str = "", scopes: tuple[str, ...] = (access.READ,)) -> str:
    with this_runtime().database.read() as conn:
        found = access.list_tokens(conn)
    return render_template(
        "admin/tokens.html", tokens=found, problem=problem, name=name, chosen=scopes, scopes=access.SCOPES
    )


@admin.post("/tokens")
def token_create() -> str | tuple[str, int]:
    """Make a token; it is shown this once."""
    name, scopes = asked.text("name"), tuple(request.form.getlist("scope")[:9])
    try:
        secret = accounts.create_token(this_runtime(), current_user.email, name, scopes)
    except Refused as refusal:
        return _list(f"Not made: {refusal.description}.", name, scopes), refusal.code or 400
    return render_template(
        "admin/once.html",
        title=f"The token “{name}”",
        family="tokens",
        label="Token",
        secret=secret,
        advice="Copy it now to where the program keeps its secrets. Baton keeps only a fingerprint and cannot show it "
        "again. Programs send it as “Authorization: Bearer …”.",
        back=url_for("admin.tokens"),
        back_to="all tokens",
    )


@admin.post("/tokens/revoke")
def token_revoke() -> Response:
    """End a token's life."""
    name = asked.text("name")
    with asked.telling(f"“{name}” is revoked. Whoever still sends it is turned away."):
        accounts.revoke_token(this_runtime(), current_user.email, name)
    return asked.back(url_for("admin.tokens"))
