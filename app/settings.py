"""Everything Baton reads from its environment, in one place."""

import os
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.numbers import whole

_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~/-]*)?")


class InvalidSetting(ValueError):
    """An environment variable has a value that cannot be used; the message says which and what to write."""


@dataclass(frozen=True)
class Settings:
    """The settings of one Baton installation. All have working defaults."""

    home: Path
    database_url: str
    redis_url: str
    public_url: str
    host: str
    port: int
    workers: int
    proxy_hops: int
    allow_private_targets: bool
    secret_keys: tuple[str, ...] = field(repr=False)

    @classmethod
    def from_environment(cls, env: "os._Environ[str] | dict[str, str] | None" = None) -> "Settings":
        """The settings that ``BATON_…``, ``DATABASE_URL`` and ``REDIS_URL`` say.

        Raises InvalidSetting where a value is of no use.
        """
        env = os.environ if env is None else env
        home = Path(env.get("BATON_HOME") or "var").absolute()
        host = env.get("BATON_HOST") or "127.0.0.1"
        port = _whole(env, "BATON_PORT", 8000)
        if port > 65535:
            raise InvalidSetting(f"BATON_PORT={port} is not a port; they go up to 65535")
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
        return cls(
            home=home,
            database_url=_database_url(env.get("DATABASE_URL") or f"sqlite:///{home / 'baton.db'}"),
            redis_url=_redis_url(env.get("REDIS_URL") or ""),
            public_url=_public_url(env.get("BATON_PUBLIC_URL") or f"http://{shown}:{port}"),
            host=host,
            port=port,
            workers=_whole(env, "BATON_WORKERS", 2),
            proxy_hops=_whole(env, "BATON_PROXY_HOPS", 0),
            allow_private_targets=_yes(env, "BATON_ALLOW_PRIVATE_TARGETS"),
            secret_keys=tuple(key.strip() for key in env.get("BATON_SECRET_KEY", "").split(",") if key.strip()),
        )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys that secrets are encrypted with, newest first: from ``BATON_SECRET_KEY``, else from a file that
        is made on first use and readable by its owner only."""
        if self.secret_keys:
            return tuple(_fernet_key(key) for key in self.secret_keys)
        file = self.home / "secret.key"
        if not file.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            fresh = self.home / f".secret.{secrets.token_hex(8)}"
            fresh.touch(mode=0o600)
            fresh.write_text(Fernet.generate_key().decode() + "\n")
            try:
                os.link(fresh, file)  # fails where another process was first, so that all use the same key
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return (file.read_text().strip(),)

    @property
    def https(self) -> bool:
        """Whether visitors reach Baton by https."""
        return self.public_url.startswith("https://")


def _database_url(url: str) -> str:
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            url = "postgresql+psycopg://" + url.removeprefix(plain)
    try:
        make_url(url)
        known = url.startswith(("postgresql+psycopg://", "sqlite:///"))
    except (ArgumentError, ValueError):
        known = False
    if not known:
        raise InvalidSetting(
            f"DATABASE_URL={url.split('@')[-1]!r} is neither postgresql://… nor sqlite:///path/to/file.db"
        )
    return url


def _redis_url(url: str) -> str:
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise InvalidSetting(f"REDIS_URL={url.split('@')[-1]!r} should begin with redis://, rediss:// or unix://")
    return url


def _public_url(url: str) -> str:
    if not _PUBLIC_URL.fullmatch(url):
        raise InvalidSetting(
            f"BATON_PUBLIC_URL={url!r} should be https://… and a host, with a path if need be, and nothing after it"
        )
    return url.rstrip("/")


def _whole(env: "os._Environ[str] | dict[str, str]", name: str, default: int) -> int:
    text = env.get(name) or str(default)
    found = whole(text, 999_999_999)
    if found is None:
        raise InvalidSetting(f"{name}={text!r} is not a whole number; leave it out for {default}")
    return found


def _yes(env: "os._Environ[str] | dict[str, str]", name: str) -> bool:
    text = (env.get(name) or "").lower()
    if text not in ("", "0", "1", "true", "false", "yes", "no"):
        raise InvalidSetting(f"{name}={text!r} should be 1 or 0")
    return text in ("1", "true", "yes")


def _fernet_key(key: str) -> str:
    try:
        Fernet(key)
    except ValueError:
        raise InvalidSetting(
            "BATON_SECRET_KEY is not a key: make one with "
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None
    return key
