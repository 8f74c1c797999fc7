"""The ``baton`` command. Each command imports what it needs when it runs, so that help is there at once."""

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.runtime import Runtime


def _runtime(prepare: bool = True) -> "Runtime":
    """The runtime that the environment describes, ready for use."""
    from app.runtime import Runtime
    from app.settings import InvalidSetting, Settings
    from app.setup import prepare as make_ready

    try:
        settings = Settings.from_environment()
        settings.home.mkdir(parents=True, exist_ok=True)
        runtime = Runtime(settings, pool_size=4)
        if prepare:
            make_ready(runtime)
    except InvalidSetting as error:
        raise click.ClickException(str(error)) from None
    return runtime


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="baton")
def main() -> None:
    """Baton keeps the one true state of every contact between your tools, and decides what may happen next."""


# --- running


@main.command()
@click.option("--demo/--no-demo", default=True, help="On a first run without connections: play the sandbox story.")
def run(demo: bool) -> None:
    """Start everything on this machine: web, workers and, unless REDIS_URL is set, an embedded Valkey."""
    from app.logs import set_up_logs
    from app.run import run_all

    set_up_logs()
    run_all(demo)


@main.command()
def web() -> None:
    """Start the web server only; workers run elsewhere."""
    from app.run import run_web

    _runtime().close()
    run_web()


@main.command()
@click.option("--queue", type=click.Choice(["ingest", "deliver"]), help="Work this queue in this very process.")
def worker(queue: str | None) -> None:
    """Start the workers only; the web server runs elsewhere."""
    from app.logs import set_up_logs
    from app.run import run_workers
    from app.settings import Settings

    set_up_logs()
    if queue:
        from jobs.worker import work

        work(Settings.from_environment(), queue)
    else:
        _runtime().close()
        run_workers()


@main.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=8100)
def sandbox(host: str, port: int) -> None:
    """Serve simulators of HubSpot and Klaviyo that real SDKs can talk to, with their webhooks and their faults."""
    from adapters.sandbox.server import run_forever

    click.echo(f"Simulators at http://{host}:{port}/  (base URLs: …/hubspot and …/klaviyo)")
    run_forever(host, port)


@main.command()
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


# --- connections


@main.group()
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
    from app.setup import InvalidConnection, add_connection, address

    runtime = _runtime()
    try:
        added = add_connection(runtime, kind, name or kind, _settings_of(pairs), base_url)
    except InvalidConnection as error:
        raise click.ClickException(str(error)) from None
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

    runtime = _runtime()
    for one in sorted(runtime.connections().values(), key=lambda one: one.name):
        state = one.status + (f" ({one.status_reason})" if one.status_reason else "")
        click.echo(f"{one.name:20} {one.kind:12} {state:10} {address(runtime, one)}")


@connection.command("check")
@click.argument("name")
def connection_check(name: str) -> None:
    """Try what the connection's credentials can do, with calls that change nothing."""
    from app.repairs import check_connection

    runtime = _runtime()
    one = _named(runtime, name)
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
    from app.setup import InvalidConnection

    runtime = _runtime()
    one = _named(runtime, name)
    try:
        kept = rotate_settings(runtime, one, _settings_of(pairs))
    except InvalidConnection as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is changed." + (f" Still valid as well: the old {', '.join(kept)}." if kept else ""))


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

    runtime = _runtime()
    one = _named(runtime, name)
    with runtime.database.write() as conn:
        connections.set_status(conn, one.id, status, reason, runtime.clock())
        notes.write_audit(conn, "command line", f"connection.{status}", name, runtime.clock(), reason)
    click.echo(f"{name} is {status}.")


def _named(runtime: "Runtime", name: str) -> Any:
    one = runtime.connection(name)
    if one is None:
        raise click.ClickException(f'there is no connection "{name}"; `baton connection list` shows all')
    return one


# --- people and tokens


@main.group()
def token() -> None:
    """Tokens for the API."""


@token.command("create")
@click.argument("name")
def token_create(name: str) -> None:
    """Make a token and print it; it is not shown again."""
    from app.store import access

    runtime = _runtime()
    with runtime.database.write() as conn:
        try:
            secret = access.create_token(conn, name, runtime.clock())
        except access.Taken as error:
            raise click.ClickException(str(error)) from None
    click.echo(secret)


@token.command("revoke")
@click.argument("name")
def token_revoke(name: str) -> None:
    """End a token's life at once."""
    from app.store import access

    runtime = _runtime()
    with runtime.database.write() as conn:
        if not access.revoke_token(conn, name, runtime.clock()):
            raise click.ClickException(f'there is no token "{name}"')
    click.echo(f"{name} is revoked.")


@main.group()
def user() -> None:
    """People who may sign in."""


@user.command("create")
@click.argument("email")
@click.option("--name", default="")
@click.option("--role", type=click.Choice(["admin", "marketer", "sales", "viewer"]), default="admin")
@click.option("--password", envvar="BATON_PASSWORD", help="At least 12 characters; asked for if not given.")
def user_create(email: str, name: str, role: str, password: str | None) -> None:
    """Let somebody sign in at /admin/."""
    from app.store import access

    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    runtime = _runtime()
    with runtime.database.write() as conn:
        try:
            access.create_user(conn, email, name, role, password, runtime.clock())
        except (access.Taken, access.WeakPassword) as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{email} may sign in at {runtime.settings.public_url}/admin/")


# --- policies


@main.group()
def policy() -> None:
    """Mappings and rules: look, check, publish."""


@policy.command("list")
def policy_list() -> None:
    """The published version of each policy."""
    from app.store import policies

    runtime = _runtime()
    with runtime.database.read() as conn:
        for version in policies.published(conn):
            click.echo(
                f"{version.kind:12} {version.name:20} version {version.version:<4} "
                f"{version.published_at:%Y-%m-%d %H:%M}  {version.author}: {version.note}"
            )


@policy.command("segments")
def policy_segments() -> None:
    """How many are in each segment, and which are weak, empty or nearly the same as another."""
    from app import segments

    runtime = _runtime()
    with runtime.database.read() as conn:
        found, audit = segments.listed(runtime, conn), segments.audit(runtime, conn)
    weak, empty = {one["id"] for one in audit["weak"]}, {one["id"] for one in audit["empty"]}
    for one in found:
        remark = "empty" if one["id"] in empty else f"weak: fewer than {audit['weak_below']}"
        remark = remark if one["id"] in weak | empty else ""
        click.echo(f"{one['id']:40} {one['contacts']:>10}  {remark}".rstrip())
    for one in audit["overlapping"]:
        click.echo(f"{' and '.join(one['segments'])} are nearly the same: {one['share']:.0%} are in both")


@policy.command("validate")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False), required=True)
def policy_validate(files: tuple[str, ...]) -> None:
    """Say what is wrong with policy files, all at once."""
    wrong = False
    for file in files:
        try:
            document = _read_file(file)
            click.echo(f"{file}: a valid {document.kind}")
        except click.ClickException as error:
            wrong = True
            click.echo(error.message, err=True)
    if wrong:
        sys.exit(1)


@policy.command("publish")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False), required=True)
@click.option("--note", default="", help="Why; it stands beside the version.")
@click.option("--author", default="command line")
def policy_publish(files: tuple[str, ...], note: str, author: str) -> None:
    """Put policy files in force, as new versions; all of them or none."""
    _publish([_read_file(file) for file in files], note, author)


def _read_file(file: str) -> Any:
    from pathlib import Path

    from app.rules.policy import read_document
    from mappings.document import InvalidDocument

    try:
        return read_document(Path(file).read_text(encoding="utf-8"), file)
    except InvalidDocument as error:
        raise click.ClickException(str(error)) from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: not a text in UTF-8") from None


def _publish(documents: list[Any], note: str, author: str) -> None:
    from app.store import notes, policies

    runtime = _runtime()
    with runtime.database.write() as conn:
        for document in documents:
            number = policies.publish(conn, document, author, note, runtime.clock())
            notes.write_audit(conn, author, "policy.publish", f"{document.name}@{number}", runtime.clock(), note)
            click.echo(f"{document.kind} {document.name}: version {number} is in force")


@policy.command("export")
@click.argument("folder", type=click.Path(file_okay=False))
def policy_export(folder: str) -> None:
    """Write every published policy to a folder, one file each."""
    from pathlib import Path

    from app.store import policies
    from mappings.mapping import default_text

    runtime = _runtime()
    with runtime.database.read() as conn:
        found = policies.published(conn)
    texts = {f"mapping-{kind}.yaml": default_text(f"{kind}.yaml") for kind in ("forms", "hubspot", "klaviyo")}
    texts |= {f"{v.kind}.yaml" if v.kind == v.name else f"{v.kind}-{v.name}.yaml": v.body for v in found}
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in sorted(texts.items()):
        (target / name).write_text(text, encoding="utf-8")
        click.echo(target / name)


@policy.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--note", default="imported")
def policy_import(folder: str, note: str) -> None:
    """Put in force what a folder's files say, where they differ from what is."""
    from pathlib import Path

    from app.store import policies
    from mappings.mapping import default_text

    documents = [_read_file(str(file)) for file in sorted(Path(folder).glob("*.yaml"))]
    runtime = _runtime()
    with runtime.database.read() as conn:
        current = {(version.kind, version.name): version.body for version in policies.published(conn)}
    for kind in ("forms", "hubspot", "klaviyo"):
        current.setdefault(("mapping", kind), default_text(f"{kind}.yaml"))
    changed = [document for document in documents if current.get((document.kind, document.name)) != document.text]
    if not changed:
        click.echo("Nothing differs from what is in force.")
        return
    _publish(changed, note, "command line")


# --- work


@main.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--parked", is_flag=True, help="Everything that is parked.")
@click.option("--connection", "name", help="Only of this connection.")
def replay(ids: tuple[int, ...], parked: bool, name: str | None) -> None:
    """Have requests in the inbox read again, after a mapping was mended for instance."""
    from app import repairs

    runtime = _runtime()
    if not ids and not parked:
        raise click.ClickException("say which: their numbers, or --parked")
    chosen = None if name is None else _named(runtime, name).id
    count = repairs.replay(runtime, ids)
    if parked:
        count += repairs.replay_parked(runtime, chosen)[0]
    click.echo(f"{count} will be read again.")


@main.command()
def doctor() -> None:
    """Say which part is ill, since when, and what to do.

    Ends with 1 if a part is ILL; what only deserves a look is no fault.
    """
    from app.health import examine

    findings = examine(_runtime(prepare=False))
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


if __name__ == "__main__":
    main()
