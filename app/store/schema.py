"""Bringing the database's schema to what this version of Baton needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.store.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6261746F6E  # "baton", for PostgreSQL's advisory lock


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database"] = database
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations that are missing. Processes that start together wait for the first."""
    with database.write() as conn:
        if not database.is_sqlite:
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config = _config(database)
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take migrations back."""
    with database.write() as conn:
        config = _config(database)
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


def is_current(database: Database) -> bool:
    """Whether the schema is the one that this version needs."""
    head = ScriptDirectory.from_config(_config(database)).get_current_head()
    with database.read() as conn:
        return bool(MigrationContext.configure(conn).get_current_revision() == head)
