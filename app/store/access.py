"""Who may come in: users with a password, their sessions, and tokens for programs."""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.store.tables import sessions, tokens, users

PREFIX = "baton_"
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
MIN_PASSWORD = 12
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


@cache
def _nobody() -> str:
    """A hash to check for users who do not exist, so that they take as long. Made when it is first needed."""
    return _hasher.hash(secrets.token_hex(16))


class Taken(ValueError):
    """There is one of this name already."""


class WeakPassword(ValueError):
    """A password that would be guessed."""


class User(Struct, frozen=True):
    """Somebody who is signed in; ``seen_at`` is when their session was last noted as in use."""

    id: int
    email: str
    name: str
    role: str
    seen_at: datetime | None = None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# --- users


def create_user(conn: Connection, email: str, name: str, role: str, password: str, now: datetime) -> int:
    """Add a user. Raises Taken or WeakPassword."""
    email = email.strip().lower()
    if len(password) < MIN_PASSWORD or password.lower() in (email, email.split("@")[0]) or len(set(password)) < 5:
        raise WeakPassword(f"a password has at least {MIN_PASSWORD} characters, and is not the address")
    if conn.execute(select(users.c.id).where(users.c.email == email)).first() is not None:
        raise Taken(f"{email} is a user already")
    statement = insert(users).values(
        email=email, name=name or email.split("@")[0], role=role, password=_hasher.hash(password), created_at=now
    )
    return int(conn.execute(statement.returning(users.c.id)).scalar_one())


def any_user(conn: Connection) -> bool:
    """Whether anybody can sign in at all."""
    return conn.execute(select(users.c.id).limit(1)).first() is not None


def check_password(conn: Connection, email: str, password: str) -> User | None:
    """The user of these, or None; it takes as long for an unknown address as for a wrong password.

    Writes nothing, so that nobody waits for the database while the password is hashed.
    """
    row = conn.execute(select(users).where(users.c.email == email.strip().lower(), users.c.active)).first()
    nobody = _nobody()
    try:
        _hasher.verify(row.password if row else nobody, password)
    except VerificationError:
        return None
    return None if row is None else User(row.id, row.email, row.name, row.role)


def renew_password(conn: Connection, user_id: int, password: str) -> None:
    """Hash a password anew that was just right, where it was hashed with weaker settings than today's."""
    known = conn.execute(select(users.c.password).where(users.c.id == user_id)).scalar()
    if known is not None and _hasher.check_needs_rehash(known):
        conn.execute(update(users).where(users.c.id == user_id).values(password=_hasher.hash(password)))


# --- sessions: kept here, so that they can be ended here


def open_session(conn: Connection, user_id: int, now: datetime) -> str:
    """A new session; the secret that its cookie holds."""
    secret = secrets.token_urlsafe(32)
    conn.execute(insert(sessions).values(hash=_hash(secret), user_id=user_id, created_at=now, seen_at=now))
    return secret


def read_session(conn: Connection, secret: str, now: datetime) -> User | None:
    """Whose session it is, or None when it is over: half an hour without use, or twelve hours in all."""
    query = (
        select(users.c.id, users.c.email, users.c.name, users.c.role, sessions.c.seen_at)
        .join(users, users.c.id == sessions.c.user_id)
        .where(
            sessions.c.hash == _hash(secret),
            sessions.c.seen_at > now - IDLE,
            sessions.c.created_at > now - ABSOLUTE,
            users.c.active,
        )
    )
    row = conn.execute(query).first()
    return None if row is None else User(row.id, row.email, row.name, row.role, row.seen_at)


def touch_session(conn: Connection, secret: str, now: datetime) -> None:
    """Note that a session is in use."""
    conn.execute(update(sessions).where(sessions.c.hash == _hash(secret)).values(seen_at=now))


def close_session(conn: Connection, secret: str) -> None:
    """End a session."""
    conn.execute(delete(sessions).where(sessions.c.hash == _hash(secret)))


def forget_sessions(conn: Connection, now: datetime) -> None:
    """Drop the sessions that are over."""
    conn.execute(delete(sessions).where(or_(sessions.c.seen_at <= now - IDLE, sessions.c.created_at <= now - ABSOLUTE)))


# --- tokens


def create_token(conn: Connection, name: str, now: datetime) -> str:
    """A new API token. Only its hash is kept. Raises Taken."""
    secret = PREFIX + secrets.token_urlsafe(32)
    if conn.execute(select(tokens.c.id).where(tokens.c.name == name)).first() is not None:
        raise Taken(f'there is a token "{name}" already; revoke it, or choose another name')
    try:
        conn.execute(insert(tokens).values(name=name, prefix=secret[:12], hash=_hash(secret), created_at=now))
    except IntegrityError:
        raise Taken(f'there is a token "{name}" already') from None
    return secret


def read_token(conn: Connection, secret: str) -> str | None:
    """The name of the token, or None when it is none of ours or revoked."""
    query = select(tokens.c.name).where(tokens.c.hash == _hash(secret), tokens.c.revoked_at.is_(None))
    return conn.execute(query).scalar()


def revoke_token(conn: Connection, name: str, now: datetime) -> bool:
    """End a token; False when there is none of that name. The name is free again."""
    ended = f"{name}~{now:%Y%m%d%H%M%S}"[:40]
    statement = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    return conn.execute(statement.values(revoked_at=now, name=ended)).rowcount == 1
