"""What admins do about those who may come in, users and tokens, and what users do about themselves; all of it audited.

Nobody learns another one's password: who is invited, or whose password was reset, chooses one behind a link. It opens
once, and for three days.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Connection as Conn

from app.contacts.identity import clean_email
from app.contacts.times import to_us
from app.receive import Refused
from app.runtime import Runtime
from app.store import access, notes, users
from app.store.users import ROLES, Account, LastAdmin

LINK_LASTS = timedelta(days=3)
MAX_NAME = 80
_LAST = "they are the last admin who can sign in; make somebody else an admin first"


# --- users


def invite(runtime: Runtime, who: str, email: str, name: str, role: str) -> tuple[Account, str]:
    """Add a user; who it is, and the link behind which they choose a password."""
    email = email.strip().lower()
    if clean_email(email) is None:
        raise Refused(400, f"{email[:60]!r} is no e-mail address")
    _check_role(role)
    now = runtime.clock()
    with runtime.database.write() as conn:
        try:
            account = users.invite(conn, email, name.strip()[:MAX_NAME], role, now)
        except access.Taken as error:
            raise Refused(409, str(error)) from None
        notes.write_audit(conn, who, "user.invite", email, now, after=role)
    return account, link(runtime, account)


def change_role(runtime: Runtime, who: str, user_id: int, role: str) -> Account:
    """Give a user another role; it counts from their next click."""
    _check_role(role)
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        if account.role == role:
            raise Refused(409, f"they are {role} already")
        try:
            users.set_role(conn, user_id, role)
        except LastAdmin:
            raise Refused(409, _LAST) from None
        notes.write_audit(conn, who, "user.role", account.email, runtime.clock(), before=account.role, after=role)
        return _account(conn, user_id)


def rename(runtime: Runtime, who: str, user_id: int, name: str) -> Account:
    """Change what a user is called."""
    name = " ".join(name.split())[:MAX_NAME]
    if not name:
        raise Refused(400, "a name has at least one letter")
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        users.rename(conn, user_id, name)
        notes.write_audit(conn, who, "user.name", account.email, runtime.clock(), before=account.name, after=name)
        return _account(conn, user_id)


def shut_out(runtime: Runtime, who: str, user_id: int) -> Account:
    """Let a user in no more. They are out at once; what they did stays under their name."""
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        if not account.active:
            raise Refused(409, "they are shut out already")
        try:
            users.shut_out(conn, user_id)
        except LastAdmin:
            raise Refused(409, _LAST) from None
        notes.write_audit(conn, who, "user.shut_out", account.email, runtime.clock(), before="active", after="shut out")
        return _account(conn, user_id)


def let_in(runtime: Runtime, who: str, user_id: int) -> Account:
    """Let a user in again, with the role and password that they had."""
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        if account.active:
            raise Refused(409, "they may come in already")
        users.let_in(conn, user_id)
        notes.write_audit(conn, who, "user.let_in", account.email, runtime.clock(), before="shut out", after="active")
        return _account(conn, user_id)


def sign_out_everywhere(runtime: Runtime, who: str, user_id: int) -> int:
    """End all sessions of a user; how many there were."""
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        count = users.end_sessions(conn, user_id)
        notes.write_audit(conn, who, "user.end_sessions", account.email, runtime.clock(), f"{count} ended")
    return count


# --- passwords


def reset(runtime: Runtime, who: str, user_id: int, rescue: bool = False) -> str:
    """Take a user's password away and sign them out; the link behind which they choose a new one. As a ``rescue``, by
    who sits at Baton's machine, also the last admin's."""
    with runtime.database.write() as conn:
        account = _account(conn, user_id)
        if not account.active:
            raise Refused(409, "they are shut out; let them in first")
        try:
            users.reset(conn, user_id, rescue)
        except LastAdmin:
            raise Refused(409, f"{_LAST}, or change your own password under your name") from None
        notes.write_audit(conn, who, "user.reset", account.email, runtime.clock())
        return link(runtime, _account(conn, user_id))


def link(runtime: Runtime, account: Account) -> str:
    """Where an invited user chooses a password."""
    until = to_us(runtime.clock() + LINK_LASTS)
    token = _signer(runtime).dumps([account.id, account.password.removeprefix(access.INVITED), until])
    return f"{runtime.settings.public_url}/admin/invitation/{token}"


def invited(runtime: Runtime, token: str) -> Account | None:
    """Who may choose a password by this token, or None when it was used, replaced, is too old or none of ours."""
    with suppress(BadSignature, ValueError, TypeError):
        user_id, nonce, until = _signer(runtime).loads(token)
        if to_us(runtime.clock()) > until:
            return None
        with runtime.database.read() as conn:
            account = users.find(conn, int(user_id))
        if account is not None and account.active and account.password == access.INVITED + str(nonce):
            return account
    return None


def accept(runtime: Runtime, token: str, password: str) -> Account:
    """Give the invited user their password."""
    account = invited(runtime, token)
    if account is None or not _set_password(runtime, account, password, "by their link"):
        raise Refused(404, "this link was used or is too old; ask an admin for another one")
    return account


def change_password(runtime: Runtime, account: Account, old: str, new: str, session: str) -> None:
    """Give a user the password of their choice. They stay signed in where they are (``session`` is its secret), and are
    signed out everywhere else."""
    with runtime.database.read() as conn:
        right = access.check_password(conn, account.email, old)
    if right is None:
        raise Refused(403, "the password that you have now is another one")
    if not _set_password(runtime, account, new, "by themselves", session):
        raise Refused(409, "it was changed somewhere else in the meantime")


def _set_password(runtime: Runtime, account: Account, password: str, how: str, session: str = "") -> bool:
    try:
        hashed = access.hash_password(account.email, password)
    except access.WeakPassword as error:
        raise Refused(400, str(error)) from None
    with runtime.database.write() as conn:
        if not users.set_password(conn, account.id, hashed, account.password):
            return False
        users.end_sessions(conn, account.id, but=access.session_hash(session) if session else "")
        notes.write_audit(conn, account.email, "user.password", account.email, runtime.clock(), how)
    return True


def _signer(runtime: Runtime) -> URLSafeSerializer:
    # All keys that still open secrets also open links; the newest signs
    return URLSafeSerializer(list(reversed(runtime.settings.keys)), salt="invitation")


# --- tokens


def create_token(runtime: Runtime, who: str, name: str, scopes: Collection[str]) -> str:
    """Make a token for a program; its secret, which is not kept."""
    name = name.strip()
    if not name or len(name) > 40 or not name.isprintable():
        raise Refused(400, "a token's name has 1 to 40 letters, so that you know later what it is for")
    if not scopes or not set(scopes) <= set(access.SCOPES):
        raise Refused(400, f"a token may do at least one of {', '.join(access.SCOPES)}")
    now = runtime.clock()
    with runtime.database.write() as conn:
        try:
            secret = access.create_token(conn, name, now, scopes)
        except access.Taken as error:
            raise Refused(409, str(error)) from None
        kept = ", ".join(scope for scope in access.SCOPES if scope in scopes)
        notes.write_audit(conn, who, "token.create", name, now, after=kept)
    return secret


def revoke_token(runtime: Runtime, who: str, name: str) -> None:
    """End a token's life at once."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        if not access.revoke_token(conn, name, now):
            raise Refused(404, f"there is no token {name[:60]!r}")
        notes.write_audit(conn, who, "token.revoke", name, now)


def _account(conn: Conn, user_id: int) -> Account:
    account = users.find(conn, user_id)
    if account is None:
        raise Refused(404, "there is no such user")
    return account


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Refused(400, f"a role is one of {', '.join(ROLES)}")
