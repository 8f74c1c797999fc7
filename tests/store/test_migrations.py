"""The migrations make exactly the tables that the code knows, on both databases, however often and by however many."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.setup import prepare
from app.store import schema
from app.store.engine import Database
from app.store.tables import metadata
from tests.conftest import KEY, Clock, Fresh, make_runtime
from tests.feeding import drain, form, rows


def test_the_migrations_make_what_the_tables_say(fresh: Fresh) -> None:
    database = Database(fresh(), pool_size=2)
    schema.upgrade(database)
    with database.read() as conn:
        differences = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)
    database.close()
    assert differences == []


def test_columns_defaults_and_indexes_are_those_that_the_tables_would_get(fresh: Fresh) -> None:
    migrated, made = Database(fresh(), pool_size=2), Database(fresh(), pool_size=2)
    schema.upgrade(migrated)
    with made.write() as conn:
        metadata.create_all(conn)
    ours, theirs = shape(migrated), shape(made)
    ours.pop("alembic_version")
    migrated.close()
    made.close()
    assert ours == theirs


def shape(database: Database) -> dict[str, Any]:
    """Every table with its columns, keys and indexes as the database describes them."""
    found: dict[str, Any] = {}
    with database.read() as conn:
        look = inspect(conn)
        for table in look.get_table_names():
            columns = [
                (one["name"], str(one["type"]), one["nullable"], str(one["default"])) for one in look.get_columns(table)
            ]
            indexes = sorted(
                (
                    str(one["name"]),
                    tuple(map(str, one["column_names"])),
                    bool(one["unique"]),
                    " ".join(str(one.get("dialect_options", {}).get(f"{conn.dialect.name}_where", "")).split()),
                )
                for one in look.get_indexes(table)
            )
            unique = sorted(tuple(one["column_names"]) for one in look.get_unique_constraints(table))
            found[table] = (columns, look.get_pk_constraint(table)["constrained_columns"], indexes, unique)
    return found


def test_again_changes_nothing(fresh: Fresh) -> None:
    database = Database(fresh(), pool_size=2)
    assert not schema.is_current(database)
    schema.upgrade(database)
    before = shape(database)
    for _ in range(2):
        schema.upgrade(database)
    assert schema.is_current(database)
    assert shape(database) == before
    database.close()


def test_what_was_taken_back_can_be_made_again(fresh: Fresh) -> None:
    database = Database(fresh(), pool_size=2)
    schema.upgrade(database)
    before = shape(database)
    schema.downgrade(database, "base")
    assert set(shape(database)) <= {"alembic_version"}
    assert not schema.is_current(database)
    schema.upgrade(database)
    assert shape(database) == before
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_stored_outlives_another_start(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, kind: str
) -> None:
    runtime = make_runtime(request, kind, tmp_path, clock)
    form(runtime, email="ann@example.com")
    drain(runtime)
    before = {table.name: rows(runtime, table.name) for table in metadata.sorted_tables}
    prepare(runtime)
    assert {table.name: rows(runtime, table.name) for table in metadata.sorted_tables} == before
    runtime.close()


@pytest.mark.process
def test_processes_that_start_together_wait_for_the_first(fresh: Fresh, tmp_path: Path) -> None:
    url = fresh()
    env = {
        "BATON_HOME": str(tmp_path / "home"),
        "DATABASE_URL": url.replace("+psycopg", ""),
        "BATON_SECRET_KEY": KEY,
        "PATH": "",
    }
    command = [sys.executable, "-m", "app.cli", "connection", "list"]
    started = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, [error for _, error in said]
    assert len({output for output, _ in said}) == 1
    assert "forms" in said[0][0]
    database = Database(url, pool_size=2)
    assert schema.is_current(database)
    with database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM connections")).scalar() == 2
        assert (
            conn.execute(text("SELECT count(*) FROM policies WHERE status = 'published'")).scalar()
            == conn.execute(text("SELECT count(*) FROM policies")).scalar()
        )
    database.close()


def test_the_newest_migration_is_the_one_that_alembic_would_run_last() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert schema.newest() == ScriptDirectory.from_config(config).get_current_head()


@pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
def test_what_changes_often_has_room_for_it(fresh: Fresh) -> None:
    """As a migrated database and as the code's own tables have it; the comparison above knows nothing of it."""
    made = Database(fresh(), pool_size=1)
    schema.upgrade(made)
    drawn = Database(fresh(), pool_size=1)
    metadata.create_all(drawn.engine)
    options = text("SELECT relname, reloptions FROM pg_class WHERE relkind = 'r' AND reloptions IS NOT NULL ORDER BY 1")
    for database in (made, drawn):
        with database.read() as conn:
            assert [tuple(row) for row in conn.execute(options)] == [
                ("checkpoints", ["fillfactor=70"]),
                ("contacts", ["fillfactor=70"]),
            ]
        database.close()
