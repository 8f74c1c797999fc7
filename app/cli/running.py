"""What runs on: web, workers, simulators, the benchmark."""

import sys

import click

from app.cli.opened import opened


@click.command()
@click.option("--demo/--no-demo", default=True, help="On a first run without connections: play the sandbox story.")
def run(demo: bool) -> None:
    """Start everything on this machine: web, workers and, unless REDIS_URL is set, an embedded Valkey."""
    from app.logs import set_up_logs
    from app.run import run_all

    set_up_logs()
    run_all(demo)


@click.command()
def web() -> None:
    """Start the web server only; workers run elsewhere."""
    from app.run import run_web

    opened().close()
    run_web()


@click.command()
@click.option(
    "--queue",
    type=click.Choice(["ingest", "deliver", "rehearse", "rescore"]),
    help="Work this queue in this very process; rehearsals and new scores until none waits, behind all else.",
)
def worker(queue: str | None) -> None:
    """Start the workers only; the web server runs elsewhere."""
    from app.logs import set_up_logs
    from app.run import run_workers
    from app.settings import Settings

    set_up_logs()
    if queue == "rehearse":
        from jobs.rehearse import run as rehearse

        rehearse(Settings.from_environment())
    elif queue == "rescore":
        from jobs.rescore import run as rescore

        rescore(Settings.from_environment())
    elif queue:
        from jobs.worker import work

        work(Settings.from_environment(), queue)
    else:
        opened().close()
        run_workers()


@click.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=8100)
def sandbox(host: str, port: int) -> None:
    """Serve simulators of the tools that Baton acts in: they can be called, send webhooks, and fail when told to."""
    from adapters.sandbox.server import run_forever

    click.echo(f"Simulators at http://{host}:{port}/  (the base URL of each is …/ and its name: …/hubspot)")
    run_forever(host, port)


@click.command()
@click.option(
    "--database", default="", metavar="URL", help="An empty PostgreSQL database; else SQLite files of its own."
)
@click.option("--only", multiple=True, metavar="PART", help="Run this part only; may be given several times.")
@click.option("--quick", is_flag=True, help="Small sizes: whether it works, not how fast.")
@click.option(
    "--size", type=click.Choice(["usual", "full"]), default="usual", help="full: growth to a million contacts."
)
@click.option("--json", "file", type=click.Path(dir_okay=False), help="Write the figures to this file as well.")
def bench(database: str, only: tuple[str, ...], quick: bool, size: str, file: str | None) -> None:
    """Measure what Baton costs and holds on this machine, on installations of its own; your data is not touched.

    Ends with 1 if something was lost, wrong or doubled, with 2 if a part could not run.
    """
    from bench.command import bench

    sys.exit(bench(database, only, quick, size == "full", file))
