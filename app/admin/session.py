"""Signing in and out. The cookie holds a secret; the session itself is in the database and can be ended there."""

import hashlib
import hmac
from datetime import timedelta

import structlog
from flask import Flask, Response, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from app.admin import asked, throttle
from app.admin.blueprint import admin, csrf
from app.limits import limit_login
from app.receive import this_runtime
from app.settings import Settings
from app.store import access, notes

log = structlog.get_logger("baton.admin")

NOTE_USE_EVERY = timedelta(minutes=1)
LONGEST_PASSWORD = 1_000


class Visitor(UserMixin):  # type: ignore[misc]
    """Somebody who is signed in, as Flask-Login knows them: by their session's secret."""

    def __init__(self, user: access.User, secret: str) -> None:
        self.secret, self.email, self.name, self.role = secret, user.email, user.name, user.role
        self.id_of_user = user.id

    def get_id(self) -> str:
        """What the cookie holds."""
        return self.secret


class _Logins(LoginManager):  # type: ignore[misc]
    """Without "remember me", which would have every answer, also a webhook's, depend on a cookie."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


logins = _Logins()
logins.session_protection = None  # a phone's address changes all the time; what ends a session is in the database


def install(app: Flask, settings: Settings) -> None:
    """Give the app its sessions and the check that a form was ours."""
    signing = [hmac.new(key.encode(), b"web sessions", hashlib.sha256).hexdigest() for key in settings.keys]
    app.secret_key, app.config["SECRET_KEY_FALLBACKS"] = signing[0], signing[1:]
    app.config.update(
        # A browser takes a cookie of this name only over https and only for this very host
        SESSION_COOKIE_NAME="__Host-baton" if settings.https else "baton",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_CHECK_DEFAULT=False,  # the blueprint's guard asks; vendors' webhooks and the API carry no cookie
        WTF_CSRF_TIME_LIMIT=None,  # a token is good for as long as its session
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, which our pages tell browsers not to send
    )
    logins.init_app(app, add_context_processor=False)  # an error page must not need the database
    csrf.init_app(app)


@logins.user_loader  # type: ignore[untyped-decorator]
def who(secret: str) -> Visitor | None:
    """Whose session this is, or None when it is over. That it is in use is noted once a minute."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.read() as conn:
        user = access.read_session(conn, secret, now)
    if user is None:
        return None
    if user.seen_at is None or now - user.seen_at >= NOTE_USE_EVERY:
        with runtime.database.write() as conn:
            access.touch_session(conn, secret, now)
    return Visitor(user, secret)


@admin.get("/login")
def login() -> AnyResponse | str:
    """The page to sign in on."""
    if current_user.is_authenticated:
        return redirect(_next() or url_for("admin.home"))
    return _page()


def _next() -> str:
    return asked.local(request.values.get("next", ""))


def _page(wrong: bool = False, too_many: bool = False) -> str:
    with this_runtime().database.read() as conn:
        anybody = access.any_user(conn)
    return render_template("admin/login.html", anybody=anybody, wrong=wrong, too_many=too_many, next=_next())


@admin.post("/login")
@limit_login
def sign_in() -> AnyResponse | tuple[str, int]:
    """Open a session with a new secret."""
    runtime = this_runtime()
    email, password = asked.text("email"), request.form.get("password", "")[:LONGEST_PASSWORD]
    if throttle.too_many(runtime.settings, email):
        log.warning("sign_in_throttled")
        return _page(too_many=True), 429
    with runtime.database.read() as conn:
        user = access.check_password(conn, email, password)
    if user is None:
        log.warning("sign_in_refused")
        return _page(wrong=True), 401
    now = runtime.clock()
    with runtime.database.write() as conn:
        access.renew_password(conn, user.id, password)
        access.forget_sessions(conn, now)
        if current_user.is_authenticated:
            access.close_session(conn, current_user.secret)
        secret = access.open_session(conn, user.id, now)
        notes.write_audit(conn, user.email, "user.sign_in", user.email, now)
    target = _next() or url_for("admin.home")
    session.clear()  # nothing of before is carried over, also not the token of the form
    login_user(Visitor(user, secret))
    answer = redirect(target, 303)
    throttle.remember(answer, runtime.settings, email)
    return answer


@admin.post("/logout")
def sign_out() -> AnyResponse:
    """End the session, here and in the database."""
    runtime = this_runtime()
    with runtime.database.write() as conn:
        access.close_session(conn, current_user.secret)
        notes.write_audit(conn, current_user.email, "user.sign_out", current_user.email, runtime.clock())
    logout_user()
    session.clear()
    return redirect(url_for("admin.login"), 303)
