"""Users as an admin manages them. Somebody who can sign in as an admin is always left."""

import secrets
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, delete, func, select, update

from app.store.access import ABSOLUTE, IDLE, INVITED, add_user
from app.store.tables import sessions, users

ADMIN = "admin"
ROLES = (ADMIN, "marketer", "sales", "viewer")


class LastAdmin(Exception):
    """Without this user nobody could sign in as an admin any more."""


class Account(Struct, frozen=True, kw_only=True):
    """A user, and whether they can sign in: not before they have chosen a password, and not while they are shut out."""

    id: int
    email: str
    name: str
    role: str
    active: bool
    password: str
    created_at: datetime
    signed_in_at: datetime | None

    @property
    def invited(self) -> bool:
        """Whether they have still to choose a password."""
        return self.password.startswith(INVITED)


class Session(Struct, frozen=True):
    """When somebody signed in, and when they were last seen."""

    created_at: datetime
    seen_at: datetime


_ACCOUNT = [users.c[name] for name in Account.__struct_fields__]


def listed(conn: Connection) -> list[Account]:
    """Every user: those who may come in first, then by address."""
    query = select(*_ACCOUNT).order_by(users.c.active.desc(), users.c.email)
    return [Account(**row._mapping) for row in conn.execute(query)]


def find(conn: Connection, user_id: int) -> Account | None:
    """One user, or None."""
    row = conn.execute(select(*_ACCOUNT).where(users.c.id == user_id)).first()
    return None if row is None else Account(**row._mapping)


def sessions_of(conn: Connection, user_id: int, now: datetime) -> list[Session]:
    """Where a user is signed in now, the newest first."""
    query = (
        select(sessions.c.created_at, sessions.c.seen_at)
        .where(sessions.c.user_id == user_id, sessions.c.seen_at > now - IDLE, sessions.c.created_at > now - ABSOLUTE)
        .order_by(sessions.c.seen_at.desc())
    )
    return [Session(*row) for row in conn.execute(query)]


def invite(conn: Connection, email: str, name: str, role: str, now: datetime) -> Account:
    """Add a user who has still to choose a password. Raises Taken."""
    found = find(conn, add_user(conn, email, name, role, _invitation(), now))
    assert found is not None
    return found


def reset(conn: Connection, user_id: int, also_the_last: bool = False) -> None:
    """Let no password be right until the user has chosen a new one, and end what was opened with the old one. Raises
    LastAdmin."""
    if not also_the_last:
        _keep_an_admin(conn, user_id)
    conn.execute(update(users).where(users.c.id == user_id).values(password=_invitation()))
    end_sessions(conn, user_id)


def _invitation() -> str:
    return INVITED + secrets.token_hex(16)  # each invitation is another one, so that only the last one's link opens


def set_password(conn: Connection, user_id: int, hashed: str, instead_of: str) -> bool:
    """Give a user a new password; False when the old one is not what it was any more."""
    mine = users.c.id == user_id, users.c.password == instead_of, users.c.active
    return conn.execute(update(users).where(*mine).values(password=hashed)).rowcount == 1


def rename(conn: Connection, user_id: int, name: str) -> None:
    """Change what a user is called."""
    conn.execute(update(users).where(users.c.id == user_id).values(name=name))


def set_role(conn: Connection, user_id: int, role: str) -> None:
    """Give a user another role; it counts from their next click. Raises LastAdmin."""
    if role != ADMIN:
        _keep_an_admin(conn, user_id)
    conn.execute(update(users).where(users.c.id == user_id).values(role=role))


def shut_out(conn: Connection, user_id: int) -> None:
    """Let a user in no more; they are out at once. Raises LastAdmin."""
    _keep_an_admin(conn, user_id)
    conn.execute(update(users).where(users.c.id == user_id).values(active=False))
    end_sessions(conn, user_id)


def let_in(conn: Connection, user_id: int) -> None:
    """Let a user in again, with the password that they had."""
    conn.execute(update(users).where(users.c.id == user_id).values(active=True))


def end_sessions(conn: Connection, user_id: int, but: str = "") -> int:
    """Sign a user out everywhere, or everywhere but where the session's hash is ``but``; how many sessions ended."""
    return conn.execute(
        delete(sessions).where(sessions.c.user_id == user_id, sessions.c.hash != (but or "00"))
    ).rowcount


def _keep_an_admin(conn: Connection, user_id: int) -> None:
    # Locked, so that two admins cannot shut each other out in the same moment
    able = users.c.role == ADMIN, users.c.active, func.substr(users.c.password, 1, 1) != INVITED
    admins = conn.execute(select(users.c.id).where(*able).order_by(users.c.id).with_for_update()).scalars().all()
    if list(admins) == [user_id]:
        raise LastAdmin
