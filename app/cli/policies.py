"""``baton policy``: mappings and rules, between files and what is in force."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from app.cli.opened import opened


@click.group()
def policy() -> None:
    """Mappings and rules: look, check, publish."""


@policy.command("list")
def policy_list() -> None:
    """The published version of each policy."""
    from app.store import policies

    runtime = opened()
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

    runtime = opened()
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
    """Say what is wrong with policy files, all at once; also which connections they name that this installation does
    not have, where there is one."""
    from adapters.registry import acting
    from app.rules.policy import check_together

    wrong, documents = False, []
    for file in files:
        try:
            document = _read_file(file)
            documents.append(document)
            click.echo(f"{file}: a valid {document.kind}")
        except click.ClickException as error:
            wrong = True
            click.echo(error.message, err=True)
    connected, models = _connected(), {document.kind: document.model for document in documents}
    for problem in check_together(models, connected, acting()):
        wrong = True
        click.echo(problem, err=True)
    if connected is not None:
        _say_what_comes_later(documents, connected)
    if wrong:
        sys.exit(1)


def _connected() -> dict[str, str] | None:
    """The connections of the installation that the environment describes, name → kind; None where there is none yet."""
    from pathlib import Path

    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from app.store import connections

    runtime = opened(prepare=False)
    file = make_url(runtime.settings.database_url).database
    if runtime.database.is_sqlite and not Path(str(file)).exists():
        return None
    try:
        with runtime.database.read() as conn:
            return connections.kinds(conn)
    except SQLAlchemyError:
        return None


def _say_what_comes_later(documents: list[Any], connected: Mapping[str, str]) -> None:
    from adapters.registry import acting
    from app.rules.references import later_connections

    for line in later_connections({one.kind: one.model for one in documents}, connected, acting()):
        click.echo(f"Note: {line}", err=True)


@policy.command("lint")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), required=False)
def policy_lint(file: str | None) -> None:
    """Say what could be better about the messages of a content file, or of the content in force."""
    from app.messages import findings
    from app.rules.content import ContentDocument, compile_content

    if file is None:
        content = opened().rulebook().policies.content
    else:
        model = _read_file(file).model
        if not isinstance(model, ContentDocument):
            raise click.ClickException(f"{file}: only content can be looked through; its kind is {model.kind}")
        content = compile_content(model, file)
    found = findings(content)
    for line in found:
        click.echo(line)
    click.echo(f"{len(content.messages)} messages, {len(found)} things could be better")


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
    from adapters.registry import acting
    from app.store import connections, notes, policies
    from mappings.document import InvalidDocument

    runtime, tools = opened(), acting()
    with runtime.database.write() as conn:
        for document in documents:
            try:
                number = policies.publish(conn, document, author, note, runtime.clock(), beside=documents, tools=tools)
            except InvalidDocument as error:
                raise click.ClickException(str(error)) from None
            notes.write_audit(conn, author, "policy.publish", f"{document.name}@{number}", runtime.clock(), note)
            click.echo(f"{document.kind} {document.name}: version {number} is in force")
        connected = connections.kinds(conn)
    _say_what_comes_later(documents, connected)


@policy.command("versions")
@click.argument("kind")
@click.argument("name", required=False)
def policy_versions(kind: str, name: str | None) -> None:
    """All versions of a policy, the newest first. KIND is scoring, handoff …; a mapping has a NAME as well."""
    from app.store import policies

    runtime = opened()
    with runtime.database.read() as conn:
        found = policies.versions(conn, kind, name or _only_name(kind))
    if not found:
        raise click.ClickException(f"there is no version of {kind} {name or ''}".rstrip())
    for version in reversed(found):
        mark = "in force" if version.status == policies.PUBLISHED else ""
        published = f"{version.published_at:%Y-%m-%d %H:%M}" if version.published_at else ""
        click.echo(f"version {version.version:<4} {published:16} {mark:9} {version.author}: {version.note}")


@policy.command("show")
@click.argument("kind")
@click.argument("name", required=False)
@click.option("--version", type=int, help="Instead of what is in force.")
@click.option("--draft", is_flag=True, help="What is being written, instead of what is in force.")
def policy_show(kind: str, name: str | None, version: int | None, draft: bool) -> None:
    """The text of a policy."""
    click.echo(_text(kind, name or _only_name(kind), "draft" if draft else version), nl=False)


@policy.command("diff")
@click.argument("kind")
@click.argument("name", required=False)
@click.option("--from", "before", type=int, help="A version; without it, what is in force.")
@click.option("--to", "after", type=int, help="A version; without it, the draft.")
def policy_diff(kind: str, name: str | None, before: int | None, after: int | None) -> None:
    """What a draft changes, or what differs between two versions: in words, then line by line."""
    from app.policies import difference

    name = name or _only_name(kind)
    found = difference(_text(kind, name, before), _text(kind, name, "draft" if after is None else after))
    if found.same:
        click.echo("Nothing differs.")
        return
    for said in found.words or ():
        click.echo(f"# {said}")
    signs = {"same": " ", "new": "+", "gone": "-"}
    for line in found.lines:
        if line.sign == "skipped":
            click.echo(f"… {line.skipped} lines the same")
        else:
            colour = {"new": "green", "gone": "red"}.get(line.sign)
            click.secho(f"{signs[line.sign]} {line.text}", fg=colour)


@policy.command("roll-back")
@click.argument("kind")
@click.argument("name", required=False)
@click.option("--version", type=int, required=True, help="The version whose text shall be in force again.")
@click.option("--note", required=True, help="Why; it stands beside the new version.")
@click.option("--author", default="command line")
def policy_roll_back(kind: str, name: str | None, version: int, note: str, author: str) -> None:
    """Put the text of an older version in force again, as a new version."""
    from app import drafts
    from mappings.document import InvalidDocument

    name = name or _only_name(kind)
    try:
        number = drafts.roll_back(opened(), author, kind, name, version, note)
    except (drafts.Unknown, InvalidDocument) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{kind} {name}: version {number} is in force, with the text of version {version}")


def _only_name(kind: str) -> str:
    """The name of a kind of which there is one policy."""
    from app.rules.policy import KINDS, SINGLE

    if kind not in KINDS:
        raise click.ClickException(f"there is no kind of policy {kind!r}; there are {', '.join(KINDS)}")
    if kind not in SINGLE:
        raise click.ClickException(f"which {kind}? Give its name as well: baton policy … {kind} hubspot")
    return kind


def _text(kind: str, name: str, which: int | str | None) -> str:
    """A version's text, the draft's, or for None what is in force."""
    from app.policies import standing
    from app.store import policies

    with opened().database.read() as conn:
        found = standing(conn, kind, name)
        if found is None:
            raise click.ClickException(f"there is no {kind} {name}")
        if which is None:
            return found.text
        if which == "draft":
            if found.draft is None:
                raise click.ClickException(f"there is no draft of {kind} {name}")
            return found.draft.body
        version = policies.find(conn, kind, name, int(which))
    if version is None:
        raise click.ClickException(f"{kind} {name} has no version {which}")
    return version.body


@policy.command("export")
@click.argument("folder", type=click.Path(file_okay=False))
def policy_export(folder: str) -> None:
    """Write every policy and mapping that is in force to a folder, one file each."""
    from pathlib import Path

    from app import policy_files

    with opened().database.read() as conn:
        files = policy_files.as_files(policy_files.in_force(conn))
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (target / name).write_bytes(text.encode())
        click.echo(target / name)


@policy.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--note", default="imported")
def policy_import(folder: str, note: str) -> None:
    """Put in force what a folder's files say, where they differ from what is; all of it or nothing."""
    from pathlib import Path

    from app import policy_files
    from mappings.document import InvalidDocument

    files, problems = {}, []
    for file in sorted(Path(folder).glob("*.yaml")):
        try:
            files[str(file)] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            problems.append(f"{file}: not a text in UTF-8")
    try:
        if problems:
            policy_files.read(files)
            raise InvalidDocument([])
        made = policy_files.put_in_force(opened(), "command line", files, note)
    except InvalidDocument as error:
        nothing = "Nothing was changed."
        raise click.ClickException("\n".join([*problems, *error.problems, nothing])) from None
    for one in made:
        click.echo(f"{one.kind} {one.name}: version {one.version} is in force")
    if not made:
        click.echo("Nothing differs from what is in force.")
