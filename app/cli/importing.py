"""``baton import``: contacts from a CSV file, or contacts and history from a connected tool."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.opened import opened

if TYPE_CHECKING:
    from app.imports.acts import Preview
    from app.runtime import Runtime
    from app.store.imports import Import

WHO = "command line"
_PIECE = 1024 * 1024


@click.command("import")
@click.argument("source", required=False)
@click.option(
    "--map", "chosen", multiple=True, metavar="COLUMN=FIELD", help="What a column is; an empty field: nothing."
)
@click.option(
    "--consent-proof", default="", help="How it can be proven that these people agreed; 10 characters at least."
)
@click.option("--consent-column", default="", help="Where yes or no stands; without it everybody in the file agreed.")
@click.option("--region", default="", help="Country of phone numbers without a country code: DE, US.")
@click.option("--preview", "only_look", is_flag=True, help="Show what would be taken, and import nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before it begins.")
@click.option("--resume", type=int, help="Follow an import that is under way, by its number.")
@click.option(
    "--report", type=click.Path(dir_okay=False, writable=True), help="Write what was skipped to this CSV file."
)
def import_(
    source: str | None,
    chosen: tuple[str, ...],
    consent_proof: str,
    consent_column: str,
    region: str,
    only_look: bool,
    yes: bool,
    resume: int | None,
    report: str | None,
) -> None:
    """Take in contacts from SOURCE: a CSV file, or the name of a connection (its contacts and history).

    Nobody is written to, handed over or led into a sequence because of it. It can be interrupted at any time: workers
    go on with it, and --resume follows it again.
    """
    from app.imports import acts
    from app.imports.table import Unusable
    from app.store import imports

    runtime = opened()
    try:
        if resume is not None:
            number = resume
        elif source is None:
            raise click.ClickException("say what to import: a CSV file, or a connection's name")
        elif Path(source).is_file():
            found = _file(runtime, Path(source), chosen, (consent_proof, consent_column), region, only_look, yes)
            if found is None:
                return
            number = found
        else:
            connection = runtime.connection(source)
            if connection is None:
                raise click.ClickException(f"there is neither a file nor a connection named {source}")
            number = acts.begin_connection(runtime, connection, WHO)
    except (Unusable, OSError) as error:
        raise click.ClickException(str(error)) from None
    with runtime.database.read() as conn:
        one = imports.load(conn, number)
    if one is None:
        raise click.ClickException(f"there is no import {number}")
    _tell(runtime, _follow(runtime, one), report)


def _file(
    runtime: "Runtime",
    file: Path,
    chosen: tuple[str, ...],
    consent: tuple[str, str],
    region: str,
    only_look: bool,
    yes: bool,
) -> int | None:
    """Store a file and begin to import it; its number, or None where it was only looked at."""
    from adapters.csv.rows import Consent
    from app.imports import acts
    from app.imports.table import Unusable
    from app.store import imports

    given = dict(one.partition("=")[::2] for one in chosen)
    number, preview = acts.store_file(runtime, file.name, _pieces(file), WHO)
    try:
        columns = {**preview.columns, **given}
        _show(preview, columns)
        if only_look or not (yes or click.confirm(f"Import {preview.total:,} rows?", default=True)):
            acts.discard(runtime, number)
            click.echo("Nothing was imported.")
            return None
        with runtime.database.read() as conn:
            one = imports.load(conn, number)
        assert one is not None
        proof, column = consent
        if column and not proof:
            raise Unusable("--consent-column needs --consent-proof: how it can be proven that these people agreed")
        acts.begin_file(runtime, one, columns, WHO, Consent(proof=proof, column=column) if proof else None, region)
    except (Unusable, click.Abort):
        acts.discard(runtime, number)
        raise
    return number


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened_file:
        while piece := opened_file.read(_PIECE):
            yield piece


def _show(preview: "Preview", columns: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{preview.total:,} rows, {preview.layout.encoding}, separated by {preview.layout.separator!r}")
    table.add_column("Column")
    table.add_column("becomes")
    table.add_column("for instance", overflow="fold")
    for place, header in enumerate(preview.layout.headers):
        cells = [row[place] for row in preview.rows if place < len(row) and row[place].strip()]
        table.add_row(header, columns.get(header) or "[dim]left out[/dim]", ", ".join(cells[:3])[:80])
    Console().print(table)


def _follow(runtime: "Runtime", one: "Import") -> "Import":
    """Work on an import in this process, beside what workers do, until it is over; as it is then."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from app.store import imports, lanes
    from jobs import importing, ingest

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        bar = progress.add_task(one.name, total=one.total)
        feeder, lease = None, None
        while one.is_open:
            lease = lease or importing.take(runtime, one)
            if lease is not None and feeder is None:
                feeder = importing.Feeder(runtime, one, lease)
            if feeder is None or not feeder.step():
                time.sleep(0.1)
            ingest.drain(runtime, 0.5)
            with runtime.database.read() as conn:
                one = imports.load(conn, one.id) or one
            progress.update(bar, completed=one.settled, total=one.total, description=one.reason or one.name)
        if lease is not None:
            lanes.give_back(runtime.database, lease)
    return one


def _tell(runtime: "Runtime", one: "Import", report: str | None) -> None:
    from app.imports.report import lines
    from app.store import imports

    with runtime.database.read() as conn:
        reasons = imports.reasons(conn, one.id)
    click.echo(f"Import {one.id}: {one.settled:,} read, {one.skipped:,} skipped.")
    for reason, count in reasons[:10]:
        click.echo(f"  {count:,} × {reason}")
    if report is not None:
        with Path(report).open("w", encoding="utf-8", newline="") as file, runtime.database.snapshot() as conn:
            file.writelines(lines(imports.all_skips(conn, one.id)))
        click.echo(f"What was skipped is in {report}.")
    if one.status != imports.DONE:
        raise click.ClickException(f"the import ended early: {one.reason or one.status}")
