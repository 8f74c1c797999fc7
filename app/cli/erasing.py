"""``baton erase`` and ``baton erasure``: forgetting people, and keeping them out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from app.cli.opened import named, opened

if TYPE_CHECKING:
    from app.runtime import Runtime

_ME = "command line"


@contextmanager
def _telling() -> Iterator[None]:
    """Say why something was not done."""
    from app.erasure import NotErased

    try:
        yield
    except NotErased as refusal:
        raise click.ClickException(str(refusal)) from None


@click.command()
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def erase(who: str, yes: bool) -> None:
    """Erase a person here and in every tool. This cannot be undone.

    WHO is an e-mail address, a phone number, or an alias such as hubspot:123 or contact:5.
    """
    from app import erasure

    runtime = opened()
    with _telling():
        with runtime.database.read() as conn:
            found = erasure.find(runtime, conn, who)
        if len(found) > 1:
            raise click.ClickException(
                f"several contacts go by it: {', '.join(f'contact:{one}' for one in found)}; erase each by its number"
            )
        about = f"contact {found[0]}" if found else "nobody that Baton knows; its tools will be asked all the same"
        if not yes:
            click.confirm(f"That is {about}. Erase them for good?", abort=True)
        number = erasure.erase(runtime, _ME, found[0]) if found else erasure.erase_unknown(runtime, _ME, who)
        click.echo(f"Forgotten here (erasure {number}). What the tools say: baton erasure list")
        for one in _shown(runtime, number)["receipts"]:
            click.echo(f"  {one['connection']}: {_stands(one)}")


@click.command("subject-access")
@click.argument("who")
@click.argument("file", type=click.File("wb"), default="-")
def subject_access(who: str, file: BinaryIO) -> None:
    """Write everything that is kept about a person, as JSON, for who asks to see it.

    WHO is an e-mail address, a phone number, or an alias such as hubspot:123 or contact:5.
    """
    import msgspec

    from app import finding, portability

    runtime = opened()
    try:
        with runtime.database.read() as conn:
            found = finding.find(runtime, conn, who)
    except finding.NoName as reason:
        raise click.ClickException(str(reason)) from None
    if not found:
        raise click.ClickException("nobody goes by it here")
    for contact_id in found:
        said = portability.disclose(runtime, _ME, contact_id)
        file.write(msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")


@click.group()
def erasure() -> None:
    """People who were erased: what tools said, and who is kept out."""


@erasure.command("list")
def erasure_list() -> None:
    """The newest erasures, and what each tool has said."""
    from app.store import erasures as stored

    runtime = opened()
    with runtime.database.read() as conn:
        found = stored.page(conn, 50, None).rows
    for one in found:
        shown = _shown(runtime, one.id)
        late = f", {shown['late']} kept out since" if shown["late"] else ""
        asked = f"asked {shown['asked_at']} by {one.asked_by}"
        click.echo(f"{one.id}  contact {one.contact_id}  {shown['status']}  {asked}{late}")
        for receipt in shown["receipts"]:
            click.echo(f"     {receipt['connection']}: {_stands(receipt)}")


@erasure.command("by-hand")
@click.argument("number", type=int)
@click.argument("connection")
def erasure_by_hand(number: int, connection: str) -> None:
    """Say that a person was deleted by hand in a tool that cannot be asked."""
    from app import erasure as doing

    runtime = opened()
    with _telling():
        doing.said_so(runtime, _ME, number, named(runtime, connection).id)
    click.echo("Noted.")


@erasure.command("let-in")
@click.argument("who")
def erasure_let_in(who: str) -> None:
    """Keep somebody out no more who came back of their own will."""
    from app import erasure as doing

    with _telling():
        doing.let_in(opened(), _ME, who)
    click.echo("They are let in again.")


@erasure.command("export")
@click.argument("file", type=click.File("wb"))
def erasure_export(file: BinaryIO) -> None:
    """Write the list of those who are kept out. Keep it beside your backups: nobody can read an address from it."""
    from app import erasure as doing

    with _telling():
        file.write(doing.kept_out(opened()))


@erasure.command("again")
@click.argument("file", type=click.File("rb"))
def erasure_again(file: BinaryIO) -> None:
    """Erase those again who are on such a list, after an older backup was restored."""
    from app import erasure as doing

    with _telling():
        people, names = doing.erase_again(opened(), _ME, file.read())
    click.echo(f"{people} were here again and are erased; {names} names are kept out.")


def _shown(runtime: "Runtime", number: int) -> dict[str, Any]:
    from app import erasure as doing
    from app.store import erasures as stored

    with runtime.database.read() as conn:
        one = stored.load(conn, number)
        assert one is not None
        return doing.shown(runtime, one, stored.receipts(conn, [number])[number])


def _stands(receipt: dict[str, str]) -> str:
    words = {"waiting": "asked, not answered yet", "stuck": "stuck", "by_hand": "to be done by hand", "done": "done"}
    return words[receipt["status"]] + (f" ({receipt['note']})" if receipt["note"] else "")
