"""Users: who may come in as what; inviting, changing and shutting out. For admins."""

from flask import abort, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import accounts
from app.admin import asked, words
from app.admin.blueprint import admin
from app.receive import Refused, this_runtime
from app.store import users as stored

_USER = f"/users/<{asked.ROW}:user_id>"


@admin.get("/users")
def users() -> str:
    """Everybody, and the form to invite somebody."""
    return _list()


def _list(problem: str = "", given: dict[str, str] | None = None) -> str:
    with this_runtime().database.read() as conn:
        found = stored.listed(conn)
    return render_template("admin/users.html", users=found, problem=problem, given=given or {}, roles=stored.ROLES)


@admin.post("/users")
def user_invite() -> str | tuple[str, int]:
    """Invite somebody; the link is shown this once."""
    given = {name: asked.text(name) for name in ("email", "name", "role")}
    try:
        account, link = accounts.invite(this_runtime(), current_user.email, **given)
    except Refused as refusal:
        return _list(f"Not invited: {refusal.description}.", given), refusal.code or 400
    return _shown_once(account, link)


def _shown_once(account: stored.Account, link: str) -> str:
    return render_template(
        "admin/once.html",
        title=f"A link for {account.name}",
        family="users",
        label="Link",
        secret=link,
        advice=f"Give it to {account.email} yourself, in a way that only they can read. Behind it they choose a "
        "password, and are in. It works once, for three days.",
        back=url_for("admin.user", user_id=account.id),
        back_to=account.name,
    )


@admin.get(_USER)
def user(user_id: int) -> str:
    """One user: role, sessions, and what can be done."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = stored.find(conn, user_id)
        if found is None:
            abort(404)
        sessions = stored.sessions_of(conn, user_id, runtime.clock())
    return render_template("admin/user.html", user=found, sessions=sessions, roles=stored.ROLES)


@admin.post(f"{_USER}/role")
def user_role(user_id: int) -> Response:
    """Give them another role."""
    role = asked.text("role")
    with asked.telling(f"Changed. They are {words.say(words.ROLES, role)} from their next click on."):
        accounts.change_role(this_runtime(), current_user.email, user_id, role)
    return _back(user_id)


@admin.post(f"{_USER}/name")
def user_name(user_id: int) -> Response:
    """Call them something else."""
    with asked.telling("Changed."):
        accounts.rename(this_runtime(), current_user.email, user_id, asked.text("name"))
    return _back(user_id)


@admin.post(f"{_USER}/shut-out")
def user_shut_out(user_id: int) -> Response:
    """Let them in no more."""
    with asked.telling("They are shut out, and were signed out everywhere."):
        accounts.shut_out(this_runtime(), current_user.email, user_id)
    return _back(user_id)


@admin.post(f"{_USER}/let-in")
def user_let_in(user_id: int) -> Response:
    """Let them in again."""
    with asked.telling("They may come in again."):
        accounts.let_in(this_runtime(), current_user.email, user_id)
    return _back(user_id)


@admin.post(f"{_USER}/end-sessions")
def user_end_sessions(user_id: int) -> Response:
    """Sign them out everywhere."""
    with asked.telling("They were signed out everywhere."):
        accounts.sign_out_everywhere(this_runtime(), current_user.email, user_id)
    return _back(user_id)


@admin.post(f"{_USER}/reset")
def user_reset(user_id: int) -> Response | str:
    """Take their password away; the link to choose a new one is shown this once."""
    runtime = this_runtime()
    try:
        link = accounts.reset(runtime, current_user.email, user_id)
    except Refused as refusal:
        if refusal.code == 404:
            raise
        asked.say(f"Not done: {refusal.description}.", wrong=True)
        return _back(user_id)
    with runtime.database.read() as conn:
        account = stored.find(conn, user_id)
    assert account is not None
    return _shown_once(account, link)


def _back(user_id: int) -> Response:
    return asked.back(url_for("admin.user", user_id=user_id))
