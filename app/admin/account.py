"""One's own account: the password, and being signed out elsewhere. And the door for those who were invited."""

from flask import abort, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from app import accounts
from app.admin import asked
from app.admin.blueprint import admin
from app.admin.session import LONGEST_PASSWORD, Visitor
from app.limits import limit_login
from app.receive import Refused, this_runtime
from app.store import access, users


@admin.get("/account")
def account() -> str:
    """What is known of whoever looks."""
    return _page()


def _page(problem: str = "") -> str:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        sessions = users.sessions_of(conn, current_user.id_of_user, runtime.clock())
        mine = users.find(conn, current_user.id_of_user)
    return render_template("admin/account.html", user=mine, sessions=sessions, problem=problem)


@admin.post("/account/password")
@limit_login
def password() -> Response | tuple[str, int]:
    """Change one's own password."""
    runtime = this_runtime()
    old, new = _password("old"), _password("new")
    with runtime.database.read() as conn:
        mine = users.find(conn, current_user.id_of_user)
    if mine is None:
        abort(404)
    try:
        accounts.change_password(runtime, mine, old, new, current_user.secret)
    except Refused as refusal:
        return _page(f"Not changed: {refusal.description}."), 400
    asked.say("Your password is changed. You were signed out everywhere else.")
    return redirect(url_for("admin.account"), 303)


def _password(name: str) -> str:
    return request.form.get(name, "")[:LONGEST_PASSWORD]


@admin.get("/invitation/<token>")
def invitation(token: str) -> str | tuple[str, int]:
    """Where somebody who was invited chooses a password."""
    return _invitation(token)


def _invitation(token: str, problem: str = "") -> str | tuple[str, int]:
    invited = accounts.invited(this_runtime(), token)
    page = render_template("admin/invitation.html", invited=invited, token=token, problem=problem)
    return page, 404 if invited is None else 400 if problem else 200


@admin.post("/invitation/<token>")
@limit_login
def invitation_accept(token: str) -> Response | str | tuple[str, int]:
    """Take the password, and let them in."""
    runtime = this_runtime()
    try:
        account = accounts.accept(runtime, token, _password("password"))
    except Refused as refusal:
        return _invitation(token, f"Not yet: {refusal.description}.")
    with runtime.database.write() as conn:
        if current_user.is_authenticated:
            access.close_session(conn, current_user.secret)
        secret = access.open_session(conn, account.id, runtime.clock())
    session.clear()
    login_user(Visitor(access.User(account.id, account.email, account.name, account.role), secret))
    asked.say(f"Welcome, {account.name}.")
    return redirect(url_for("admin.home"), 303)
