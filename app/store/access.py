"""Who may come in: users with a password, their sessions, and tokens for programs."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct
from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.store.tables import sessions, tokens, users

PREFIX = "baton_"
IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
MIN_PASSWORD = 12
# What stands in a password's place until its user has chosen one begins like this, as no hash does
INVITED = "!"
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
    return add_user(conn, email, name, role, hash_password(email, password), now)


def add_user(conn: Connection, email: str, name: str, role: str, hashed: str, now: datetime) -> int:
    """Add a user whose password is hashed already. Raises Taken."""
    if conn.execute(select(users.c.id).where(users.c.email == email)).first() is not None:
        raise Taken(f"{email} is a user already")
    try:
        statement = insert(users).values(
            email=email, name=name or email.split("@")[0], role=role, password=hashed, created_at=now
        )
        return int(conn.execute(statement.returning(users.c.id)).scalar_one())
    except IntegrityError:
        raise Taken(f"{email} is a user already") from None


def hash_password(email: str, password: str) -> str:
    """A new password as it is kept. Raises WeakPassword."""
    if len(password) < MIN_PASSWORD:
        raise WeakPassword(f"a password has at least {MIN_PASSWORD} characters")
    if password.lower() in (email, email.split("@")[0]):
        raise WeakPassword("a password is not the address")
    if len(set(password)) < 5:
        raise WeakPassword("a password has at least five different characters")
    return _hasher.hash(password)


def any_user(conn: Connection) -> bool:
    """Whether anybody can sign in at all."""
    return conn.execute(select(users.c.id).limit(1)).first() is not None


def check_password(conn: Connection, email: str, password: str) -> User | None:
    """The user of these, or None; it takes as long for an unknown address as for a wrong password.

    Writes nothing, so that nobody waits for the database while the password is hashed.
    """
    row = conn.execute(select(users).where(users.c.email == email.strip().lower(), users.c.active)).first()
    if row is not None and row.password.startswith(INVITED):
        row = None
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
    conn.execute(update(users).where(users.c.id == user_id).values(signed_in_at=now))
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


def session_hash(secret: str) -> str:
    """What is kept of a session's secret."""
    return _hash(secret)


def close_session(conn: Connection, secret: str) -> None:
    """End a session."""
    conn.execute(delete(sessions).where(sessions.c.hash == _hash(secret)))


def forget_sessions(conn: Connection, now: datetime) -> None:
    """Drop the sessions that are over."""
    conn.execute(delete(sessions).where(or_(sessions.c.seen_at <= now - IDLE, sessions.c.created_at <= now - ABSOLUTE)))


# --- tokens

# What a token may do: look, do the daily work, and change what is in force for everybody
READ, WORK, MANAGE = "read", "work", "manage"
SCOPES = (READ, WORK, MANAGE)


class Token(Struct, frozen=True, kw_only=True):
    """A token, of which only the hash of its secret and the secret's beginning are kept."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None


_TOKEN = [tokens.c[name] for name in Token.__struct_fields__]
_NOTE_USE_EVERY = timedelta(minutes=1)


def create_token(conn: Connection, name: str, now: datetime, scopes: Collection[str] = SCOPES) -> str:
    """A new API token; its secret. Raises Taken."""
    secret = PREFIX + secrets.token_urlsafe(32)
    if conn.execute(select(tokens.c.id).where(tokens.c.name == name)).first() is not None:
        raise Taken(f'there is a token "{name}" already; revoke it, or choose another name')
    kept = " ".join(scope for scope in SCOPES if scope in scopes)
    try:
        conn.execute(
            insert(tokens).values(name=name, prefix=secret[:12], hash=_hash(secret), created_at=now, scopes=kept)
        )
    except IntegrityError:
        raise Taken(f'there is a token "{name}" already') from None
    return secret


def read_token(conn: Connection, secret: str) -> Token | None:
    """The token of this secret, or None when it is none of ours or revoked."""
    row = conn.execute(select(*_TOKEN).where(tokens.c.hash == _hash(secret), tokens.c.revoked_at.is_(None))).first()
    return None if row is None else _token(row)


def list_tokens(conn: Connection) -> list[Token]:
    """Every token that is valid, by name."""
    query = select(*_TOKEN).where(tokens.c.revoked_at.is_(None)).order_by(tokens.c.name)
    return [_token(row) for row in conn.execute(query)]


def _token(row: Row[Any]) -> Token:
    return Token(**{**row._mapping, "scopes": tuple(row.scopes.split())})


def is_use_noted(token: Token, now: datetime) -> bool:
    """Whether it is noted closely enough when a token was used last."""
    return token.used_at is not None and now - token.used_at < _NOTE_USE_EVERY


def note_use(conn: Connection, token: Token, now: datetime) -> None:
    """Note that a token was used."""
    conn.execute(update(tokens).where(tokens.c.id == token.id).values(used_at=now))


def revoke_token(conn: Connection, name: str, now: datetime) -> bool:
    """End a token; False when there is none of that name. The name is free again."""
    ended = f"{name[:22]}~{now:%Y%m%d%H%M%S}{secrets.token_hex(1)}"  # 40 characters at most
    statement = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    return conn.execute(statement.values(revoked_at=now, name=ended)).rowcount == 1
