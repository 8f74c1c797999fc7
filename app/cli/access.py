"""``baton token`` and ``baton user``: who may call the API, and who may sign in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from app.cli.opened import opened

if TYPE_CHECKING:
    from app.runtime import Runtime
    from app.store.users import Account

_ME = "command line"
_ROLE = click.Choice(["admin", "marketer", "sales", "viewer"])


@contextmanager
def _telling() -> Iterator[None]:
    """Say why something was not done."""
    from app.receive import Refused

    try:
        yield
    except Refused as refusal:
        raise click.ClickException(str(refusal.description)) from None


@click.group()
def token() -> None:
    """Tokens for the API."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "work", "manage"]),
    help="What it may do: look, do the daily work, change what is in force. All of it unless given.",
)
def token_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token and print it; it is not shown again."""
    from app import accounts
    from app.store.access import SCOPES

    with _telling():
        click.echo(accounts.create_token(opened(), _ME, name, scopes or SCOPES))


@token.command("list")
def token_list() -> None:
    """Every token that is valid: what it may do, and when it was used last."""
    from app.store import access

    with opened().database.read() as conn:
        for one in access.list_tokens(conn):
            used = f"used {one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "never used"
            click.echo(f"{one.name:40} {one.prefix}…  {' '.join(one.scopes):16}  {used}")


@token.command("revoke")
@click.argument("name")
def token_revoke(name: str) -> None:
    """End a token's life at once."""
    from app import accounts

    with _telling():
        accounts.revoke_token(opened(), _ME, name)
    click.echo(f"{name} is revoked.")


@click.group()
def user() -> None:
    """People who may sign in."""


@user.command("create")
@click.argument("email")
@click.option("--name", default="")
@click.option("--role", type=_ROLE, default="admin")
@click.option("--password", envvar="BATON_PASSWORD", help="At least 12 characters; asked for if not given.")
def user_create(email: str, name: str, role: str, password: str | None) -> None:
    """Let somebody sign in at /admin/."""
    from app.store import access, notes

    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    runtime = opened()
    with runtime.database.write() as conn:
        try:
            access.create_user(conn, email, name, role, password, runtime.clock())
        except (access.Taken, access.WeakPassword) as error:
            raise click.ClickException(str(error)) from None
        notes.write_audit(conn, _ME, "user.create", email.strip().lower(), runtime.clock(), after=role)
    click.echo(f"{email} may sign in at {runtime.settings.public_url}/admin/")


@user.command("list")
def user_list() -> None:
    """Everybody who may sign in, or might once."""
    from app.store import users

    with opened().database.read() as conn:
        for one in users.listed(conn):
            state = "shut out" if not one.active else "invited" if one.invited else ""
            seen = f"signed in {one.signed_in_at:%Y-%m-%d %H:%M}" if one.signed_in_at else "never signed in"
            click.echo(f"{one.email:40} {one.role:8}  {seen}  {state}".rstrip())


@user.command("role")
@click.argument("email")
@click.argument("role", type=_ROLE)
def user_role(email: str, role: str) -> None:
    """Give somebody another role."""
    from app import accounts

    runtime = opened()
    with _telling():
        accounts.change_role(runtime, _ME, _named(runtime, email).id, role)
    click.echo(f"{email} is {role} now.")


@user.command("reset")
@click.argument("email")
def user_reset(email: str) -> None:
    """Take somebody's password away and print the link behind which they choose a new one."""
    from app import accounts

    runtime = opened()
    with _telling():
        click.echo(accounts.reset(runtime, _ME, _named(runtime, email).id, rescue=True))


@user.command("deactivate")
@click.argument("email")
def user_deactivate(email: str) -> None:
    """Let somebody in no more; they are out at once."""
    from app import accounts

    runtime = opened()
    with _telling():
        accounts.shut_out(runtime, _ME, _named(runtime, email).id)
    click.echo(f"{email} is shut out.")


def _named(runtime: "Runtime", email: str) -> "Account":
    from app.store import users

    with runtime.database.read() as conn:
        found = next((one for one in users.listed(conn) if one.email == email.strip().lower()), None)
    if found is None:
        raise click.ClickException(f"there is no user {email}; `baton user list` shows all")
    return found
