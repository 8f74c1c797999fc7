"""``baton connection``: the tools that Baton is connected to."""

import sys

import click

from app.cli.opened import named, opened


@click.group()
def connection() -> None:
    """The tools that Baton is connected to."""


def _settings_of(pairs: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise click.BadParameter(f'"{pair}" should be name=value', param_hint="--set")
        settings[name.strip()] = value.strip()
    return settings


@connection.command("add")
@click.argument("kind")
@click.option("--name", help="What to call it; it is part of the webhook address. Default: the kind.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting; see `baton connection kinds`.")
@click.option("--base-url", default="", help="Where the vendor's API is, if not where it usually is.")
def connection_add(kind: str, name: str | None, pairs: tuple[str, ...], base_url: str) -> None:
    """Connect a tool and print the address that it sends its webhooks to. Works before and while Baton runs."""
    from app.setup import BASE_URL, NAME, InvalidConnection, add_connection, address

    runtime = opened()
    try:
        added = add_connection(runtime, kind, name or kind, _settings_of(pairs), base_url)
    except InvalidConnection as error:
        option = {NAME: "; see --name", BASE_URL: "; see --base-url"}.get(error.setting, "")
        raise click.ClickException(f"{error}{option}") from None
    click.echo(address(runtime, added) or f"{added.name} is connected; it only sends.")


@connection.command("kinds")
def connection_kinds() -> None:
    """The kinds of tools that can be connected, and their settings."""
    from adapters.registry import adapters

    for adapter in adapters().values():
        click.echo(f"{adapter.name}  {adapter.title}")
        for setting in adapter.settings:
            click.echo(f"    {setting.name:26} {setting.help}")


@connection.command("list")
def connection_list() -> None:
    """All connections: kind, state and address. Secrets are not shown."""
    from app.setup import address

    runtime = opened()
    for one in sorted(runtime.connections().values(), key=lambda one: one.name):
        state = one.status + (f" ({one.status_reason})" if one.status_reason else "")
        click.echo(f"{one.name:20} {one.kind:12} {state:10} {address(runtime, one)}")


@connection.command("check")
@click.argument("name")
def connection_check(name: str) -> None:
    """Try what the connection's credentials can do, with calls that change nothing."""
    from app.repairs import check_connection

    runtime = opened()
    one = named(runtime, name)
    checks = check_connection(runtime, one)
    for check in checks:
        click.echo(
            f"{'ok     ' if check.works else 'MISSING'} {check.capability}"
            + (f": {check.advice}" if check.advice else "")
        )
    if not checks:
        click.echo("nothing to check: this connection calls nobody")
    if not all(check.works for check in checks):
        sys.exit(1)


@connection.command("rotate")
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", required=True, help="The new value of a setting.")
def connection_rotate(name: str, pairs: tuple[str, ...]) -> None:
    """Change settings. Of a secret that signs webhooks the old value stays valid until it is replaced once more."""
    from app.repairs import rotate_settings
    from app.setup import InvalidConnection, address

    runtime = opened()
    one = named(runtime, name)
    before = address(runtime, one)
    try:
        kept = rotate_settings(runtime, one, _settings_of(pairs))
    except InvalidConnection as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is changed." + (f" Still valid as well: the old {', '.join(kept)}." if kept else ""))
    runtime.forget()
    if (now := address(runtime, named(runtime, name))) != before:
        click.echo(f"Its address is {now} now.")


@connection.command("pause")
@click.argument("name")
@click.option("--reason", default="paused by hand")
def connection_pause(name: str, reason: str) -> None:
    """Let nothing leave through a connection; what comes in is kept and processed."""
    _set_status(name, "paused", reason)


@connection.command("resume")
@click.argument("name")
def connection_resume(name: str) -> None:
    """Let things leave again."""
    _set_status(name, "active", "")


def _set_status(name: str, status: str, reason: str) -> None:
    from app.store import connections, notes

    runtime = opened()
    one = named(runtime, name)
    with runtime.database.write() as conn:
        connections.set_status(conn, one.id, status, reason, runtime.clock())
        notes.write_audit(conn, "command line", f"connection.{status}", name, runtime.clock(), reason)
    click.echo(f"{name} is {status}.")
