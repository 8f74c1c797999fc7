"""``baton token`` and ``baton user``: who may call the API, and who may sign in."""

import click

from app.cli.opened import opened


@click.group()
def token() -> None:
    """Tokens for the API."""


@token.command("create")
@click.argument("name")
def token_create(name: str) -> None:
    """Make a token and print it; it is not shown again."""
    from app.store import access

    runtime = opened()
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

    runtime = opened()
    with runtime.database.write() as conn:
        if not access.revoke_token(conn, name, runtime.clock()):
            raise click.ClickException(f'there is no token "{name}"')
    click.echo(f"{name} is revoked.")


@click.group()
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
    runtime = opened()
    with runtime.database.write() as conn:
        try:
            access.create_user(conn, email, name, role, password, runtime.clock())
        except (access.Taken, access.WeakPassword) as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{email} may sign in at {runtime.settings.public_url}/admin/")
