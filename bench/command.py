"""`baton bench`: runs the parts one after the other, prints the table, and says by its exit code how it went."""

import json
import sqlite3
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from app.settings import InvalidSetting, Settings
from app.store.engine import Database
from bench.hub import tables_of_baton, version_of
from bench.machine import Noise, describe
from bench.parts import (
    coalescing,
    growth,
    imports,
    latency,
    limits,
    pages,
    rehearsal,
    rescore,
    sweep,
    urgent,
    webhooks,
    workers,
)
from bench.report import Figure, Measured, document, exit_code, table
from bench.setting import Bench

Part = Callable[[Bench], Iterator[Figure]]
PARTS: dict[str, Part] = {
    "webhooks": webhooks.measure,
    "latency": latency.measure,
    "coalescing": coalescing.measure,
    "limits": limits.measure,
    "urgent": urgent.measure,
    "growth": growth.measure,
    "pages": pages.measure,
    "rescore": rescore.measure,
    "sweep": sweep.measure,
    "rehearsal": rehearsal.measure,
    "imports": imports.measure,
    "workers": workers.measure,
}
POSTGRESQL_ONLY = frozenset(("workers",))


def bench(database: str, only: Sequence[str], quick: bool, full: bool, file: str | None) -> int:
    """Measure, print, and come back with the exit code. Raises ClickException for what cannot be asked."""
    url = _database_url(database)
    machine = describe(_look_at(url))
    click.echo("Baton on {cpus} CPUs, {system}, Python {python}, {database}".format(**machine))
    if url:
        click.echo("PostgreSQL's servers are counted among the other programs, and where they are named.")
    measured = []
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        run = Bench(Path(folder), url, quick, full)
        for name in _chosen(only, bool(url)):
            click.echo(f"measuring {name} …", err=True)
            measured.append(measure(name, PARTS[name], run))
    click.echo(f"\n{table(measured)}")
    if file:
        Path(file).write_text(json.dumps(document(machine, measured), indent=2) + "\n", encoding="utf-8")
    return exit_code(measured)


def measure(name: str, part: Part, run: Bench) -> Measured:
    """Run one part; what stops it stands in its place, beside the figures that it still got."""
    figures: list[Figure] = []
    began, noise, failure = time.monotonic(), Noise(), ""
    try:
        figures.extend(part(run))  # those before an error stay
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        click.echo(traceback.format_exc(), err=True)
    return Measured(name, figures, time.monotonic() - began, noise.share(), failure)


def _chosen(only: Sequence[str], postgresql: bool) -> list[str]:
    """The parts to run, in their usual order. Raises UsageError for one that is not there or cannot run here."""
    for name in only:
        if name not in PARTS:
            raise click.UsageError(f'there is no part "{name}"; there are {", ".join(PARTS)}')
        if name in POSTGRESQL_ONLY and not postgresql:
            raise click.UsageError(f"{name} needs PostgreSQL: --database postgresql://…")
    wanted = only or [name for name in PARTS if postgresql or name not in POSTGRESQL_ONLY]
    return [name for name in PARTS if name in wanted]


def _database_url(given: str) -> str:
    """The address as the rest of Baton takes it; empty for SQLite files of our own."""
    if not given:
        return ""
    try:
        url = Settings.from_environment({"DATABASE_URL": given}).database_url
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    if not url.startswith("postgresql"):
        raise click.UsageError("--database is for PostgreSQL; without it SQLite files of its own are used")
    return url


def _look_at(url: str) -> str:
    """The database's version. Raises ClickException where it cannot be reached, or holds an installation."""
    if not url:
        return f"SQLite {sqlite3.sqlite_version}"
    database = Database(url, pool_size=1)
    try:
        found = tables_of_baton(database)
        version = version_of(database)
    except SQLAlchemyError as error:
        raise click.ClickException(f"the database cannot be used: {error}") from None
    finally:
        database.close()
    if found:
        raise click.ClickException(
            f"this database holds tables of Baton already ({', '.join(found[:3])} …). The benchmark fills tables and "
            "drops them again: give it an empty database or schema"
        )
    return version
