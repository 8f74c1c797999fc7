"""A new version comes to a database that is full and in use. R21."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Float, Integer, LargeBinary, MetaData, Numeric, inspect, text

from app.runtime import Runtime, now_utc
from app.setup import prepare
from app.store import schema
from app.store.engine import Database
from tests.chaos.forks import ROOT, SHORT, Forks
from tests.chaos.town import Town
from tests.conftest import KEY, Fresh, settings
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.process

VERSIONS = schema.MIGRATIONS / "versions"
FIRST = "0001"
CODE = ("app", "adapters", "jobs", "mappings", "tests", "wsgi.py")
LARGE = ("inbox", "events", "contacts", "deliveries", "handoffs")

# What the old version does before this one comes: its own schema, policies and connections
FILL = """
import sys
from types import SimpleNamespace
from app.runtime import Runtime, now_utc
from app.settings import Settings
from app.setup import prepare
from tests.chaos.town import Town

runtime = Runtime(Settings.from_environment(), now_utc, pool_size=2)
prepare(runtime)
Town(runtime, SimpleNamespace(url=sys.argv[1]), None)
"""


def revisions() -> list[str]:
    """All migrations, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    return [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()][::-1]


# --- the old code beside the new one


@pytest.fixture
def old_code(tmp_path: Path) -> Path:
    """Baton as it was right before its newest migration, from the history."""

    def git(*command: str) -> bytes:
        return subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, check=True).stdout

    (newest,) = VERSIONS.glob(f"{schema.newest()}_*.py")
    try:
        added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest)).decode().strip()
        archive = git("archive", f"{added}^", *CODE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the history of this code is not here")
    folder = tmp_path / "old"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def test_r21_old_workers_work_on_while_a_new_version_comes(
    fresh: Fresh, tmp_path: Path, vendors: Any, old_code: Path
) -> None:
    """R21: the schema is upgraded under running workers of the version before, which work on beside new ones: the
    upgrade takes 5 s at most, 0 requests are lost, stumbled over or parked, 0 effects twice."""
    url = fresh()
    env = {
        "BATON_HOME": str(tmp_path), "DATABASE_URL": url.replace("+psycopg", ""), "REDIS_URL": "",
        "BATON_SECRET_KEY": KEY, "BATON_PUBLIC_URL": "https://hub.example.com", "BATON_ALLOW_PRIVATE_TARGETS": "1",
    }  # fmt: skip
    command = [sys.executable, "-c", FILL, vendors.url]
    subprocess.run(command, cwd=old_code, env={**env, "PYTHONPATH": str(old_code), "PATH": ""}, check=True)
    (tmp_path / "old_log").mkdir()
    old, new = Forks(tmp_path / "old_log", env, old_code), Forks(tmp_path, env)
    runtime = Runtime(settings(url, tmp_path), now_utc, pool_size=4)
    try:
        town = Town(runtime, vendors, new, connected=True)
        people = [f"p{number}@acme.example" for number in range(6)]

        def busy(seconds: float, name: str) -> None:
            """People do things for so long."""
            end, number = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                number += 1
                town.arrive([town.write(one) for one in people])
                town.arrive(town.get_ready(f"{name}{number}@acme.example"))
                time.sleep(0.5)

        assert not schema.is_current(runtime.database)
        town.arrive(town.sign_up(*people))
        elders = [old.start("drain", SHORT, seconds=120, until_empty=False) for _ in range(2)]
        busy(2, "before")
        watch = Stopwatch()
        prepare(runtime)
        watch.within(5)
        assert schema.is_current(runtime.database)
        town.cap()
        busy(2, "after")
        new.start("drain", SHORT, seconds=120, until_empty=False)
        busy(2, "beside")
        assert [old.wait(pid, 0) for pid in elders] == [None, None], old.said()
        for pid in elders:
            old.kill(pid)
        busy(1, "alone")
        town.drained(60)
        town.check()
        assert not [word for word in ("stumbled", "unreadable") if word in old.said()], old.said()[-3_000:]
        broken = ("stumbled", "unreadable", "lane_failed", "send_failed", "Traceback")
        assert not [word for word in broken if word in new.said()], new.said()[-3_000:]
    finally:
        old.end()
        new.end()
        runtime.close()


# --- what is stored


def contents(database: Database, of: dict[str, list[str]] | None = None) -> dict[str, tuple[int, str]]:
    """For each table how many rows it has and a checksum of them; only of these columns."""
    found = {}
    with database.read() as conn:
        for table, columns in (of or columns_of(database)).items():
            names = ", ".join(f'"{name}"' for name in columns)
            lines = sorted(repr(tuple(row)) for row in conn.execute(text(f'SELECT {names} FROM "{table}"')))  # noqa: S608
            found[table] = (len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())
    return found


def columns_of(database: Database) -> dict[str, list[str]]:
    """The tables of a database and the columns that they have."""
    with database.read() as conn:
        look = inspect(conn)
        return {
            table: [one["name"] for one in look.get_columns(table)]
            for table in look.get_table_names()
            if table != "alembic_version"
        }


def fill(database: Database, rows: int) -> None:
    """So many rows in each of the large tables, whatever their columns are at this revision."""
    if sqlite := database.is_sqlite:
        series = f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s)"  # noqa: S608
    else:
        series = f"generate_series(1, {rows}) AS s(n)"
    with database.write() as conn:
        database.take_time(conn)
        known = MetaData()
        known.reflect(conn, only=LARGE)
        for table in known.sorted_tables:
            values = {}
            for column in table.columns:
                if isinstance(column.type, Integer | Numeric | Float):
                    values[column.name] = "n"
                elif isinstance(column.type, LargeBinary):
                    values[column.name] = "CAST(n AS BLOB)" if sqlite else "n::text::bytea"
                else:
                    values[column.name] = f"'{column.name} ' || n"
            names = ", ".join(f'"{name}"' for name in values)
            chosen = ", ".join(values.values())
            conn.execute(text(f'INSERT INTO "{table.name}" ({names}) SELECT {chosen} FROM {series}'))  # noqa: S608


def test_r21_each_step_up_down_and_up_again_changes_no_row(fresh: Fresh) -> None:
    """R21: a filled database, one migration after the other: what was there is the same after each step up, after the
    step down, and after the step up again."""
    database = Database(fresh(), pool_size=2)
    schema.upgrade(database, FIRST)
    fill(database, 500)
    for before, after in zip(revisions(), revisions()[1:], strict=False):
        columns, content = columns_of(database), contents(database)
        assert all(content[table][0] == 500 for table in LARGE)
        schema.upgrade(database, after)
        assert contents(database, columns) == content, f"up to {after}"
        schema.downgrade(database, before)
        assert (columns_of(database), contents(database)) == (columns, content), f"down to {before}"
        schema.upgrade(database, after)
        assert contents(database, columns) == content, f"up to {after} again"
    database.close()


def test_r21_what_old_code_writes_fits_the_new_tables(fresh: Fresh) -> None:
    """R21: rows as the version before the newest migration writes them are taken by the new tables: no column that it
    knows is gone, and none that it does not know is asked for."""
    database = Database(fresh(), pool_size=2)
    steps = revisions()
    schema.upgrade(database, steps[-2])
    known = columns_of(database)
    schema.upgrade(database)
    with database.read() as conn:
        look = inspect(conn)
        for table, columns in known.items():
            now = {one["name"]: one for one in look.get_columns(table)}
            assert set(columns) <= set(now), table
            asked = [
                name
                for name, one in now.items()
                if name not in columns and not one["nullable"] and one["default"] is None
            ]
            assert not asked, f"{table}: {asked}"
    database.close()


@pytest.mark.parametrize(
    "rows", [pytest.param(20_000, id="20,000"), pytest.param(1_000_000, id="1,000,000", marks=pytest.mark.chaos)]
)
def test_r21_an_upgrade_keeps_others_waiting_for_five_seconds_at_most(fresh: Fresh, rows: int) -> None:
    """R21: all migrations together, at a million rows in each large table (CI: 20,000): 5 s at most."""
    database = Database(fresh(), pool_size=2)
    schema.upgrade(database, FIRST)
    fill(database, rows)
    watch = Stopwatch()
    schema.upgrade(database)
    print(f"{database.engine.dialect.name}: {rows:,} rows: {watch.seconds:.2f} s")
    watch.within(5)
    database.close()
