"""``baton doctor``, ``baton replay`` and ``baton retry``: what is wrong, and having it done again."""

import sys

import click

from app.cli.opened import named, opened


@click.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--parked", is_flag=True, help="Everything that is parked.")
@click.option("--connection", "name", help="Only of this connection.")
def replay(ids: tuple[int, ...], parked: bool, name: str | None) -> None:
    """Have requests in the inbox read again, after a mapping was mended for instance."""
    from app import repairs
    from app.store import notes

    runtime = opened()
    if not ids and not parked:
        raise click.ClickException("say which: their numbers, or --parked")
    chosen = None if name is None else named(runtime, name).id
    count = repairs.replay(runtime, ids)
    if parked:
        count += repairs.replay_parked(runtime, chosen)[0]
    with runtime.database.write() as conn:
        notes.write_audit(conn, "command line", "inbox.replay", f"{count} requests", runtime.clock(), name or "")
    click.echo(f"{count} will be read again.")


@click.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--dead", is_flag=True, help="Everything that was given up.")
@click.option("--connection", "name", help="Only of this connection.")
def retry(ids: tuple[int, ...], dead: bool, name: str | None) -> None:
    """Have deliveries tried again, after what the tool refused was mended for instance."""
    from app import repairs
    from app.store import deliveries, notes

    runtime = opened()
    if not ids and not dead:
        raise click.ClickException("say which: their numbers, or --dead")
    chosen = None if name is None else named(runtime, name).id
    with runtime.database.write() as conn:
        count = deliveries.retry(conn, ids, runtime.clock()) if ids else 0
    if dead:
        count += repairs.retry_dead(runtime, chosen)[0]
    with runtime.database.write() as conn:
        notes.write_audit(conn, "command line", "delivery.retry", f"{count} deliveries", runtime.clock(), name or "")
    click.echo(f"{count} will be tried again.")


@click.command()
def doctor() -> None:
    """Say which part is ill, since when, and what to do.

    Ends with 1 if a part is ILL; what only deserves a look is no fault.
    """
    from app.health import examine

    findings = examine(opened(prepare=False))
    for finding in findings:
        mark = "ok  " if finding.fine else "ILL " if finding.grave else "look"
        about = f"{finding.part} {finding.name}".rstrip()
        when = f" since {finding.since:%Y-%m-%d %H:%M:%S} UTC" if finding.since else ""
        when += f", last at {finding.last_at:%Y-%m-%d %H:%M:%S} UTC" if finding.last_at else ""
        click.echo(f"{mark} {about}: {finding.title}{when}{'. ' if finding.says else ''}{finding.says}")
        if finding.advice:
            click.echo(f"     → {finding.advice}")
    if any(finding.grave for finding in findings):
        sys.exit(1)
