"""Bringing the database's schema to what this version of Baton needs."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from app.store.engine import Database

# Alembic is imported where it is used: a fifth of a second that most processes never need
if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6261746F6E  # "baton", for PostgreSQL's advisory lock


def _config(database: Database) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database"] = database
    return config


def go_alone(database: Database, conn: Connection) -> None:
    """Until this transaction ends, let other processes that start wait; SQLite's one write lock does that already."""
    if not database.is_sqlite:
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that are missing. Processes that start together wait for the first."""
    if revision == "head" and is_current(database):
        return
    from alembic import command

    with database.write() as conn:
        database.take_time(conn)
        go_alone(database, conn)
        config = _config(database)
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take migrations back."""
    from alembic import command

    with database.write() as conn:
        database.take_time(conn)
        config = _config(database)
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


def is_current(database: Database) -> bool:
    """Whether the schema is the one that this version needs."""
    with database.read() as conn:
        if not inspect(conn).has_table("alembic_version"):
            return False
        return bool(conn.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest())


def newest() -> str:
    """The revision of the newest migration: they are numbered, and their files begin with the number."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_", 1)[0]
