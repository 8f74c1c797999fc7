"""Policies as files: everything that is in force, and putting in force what files say, all of it or nothing."""

from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Connection

from adapters.registry import acting
from app.rules.policy import Document, read_document
from app.runtime import Runtime
from app.store import notes, policies
from mappings.document import InvalidDocument
from mappings.mapping import SHIPPED, default_text

Key = tuple[str, str]  # kind and name


class Published(Struct, frozen=True):
    """A policy that was put in force."""

    kind: str
    name: str
    version: int


def in_force(conn: Connection) -> dict[Key, str]:
    """The text of each policy and mapping that is in force; also the mappings that are as shipped."""
    shipped = {("mapping", name): default_text(f"{name}.yaml") for name in SHIPPED}
    return shipped | {(version.kind, version.name): version.body for version in policies.published(conn)}


def as_files(texts: Mapping[Key, str]) -> dict[str, str]:
    """file name → text, in the order of names. What a file is about stands in it; its name is for people."""
    files: dict[str, str] = {}
    for (kind, name), text in sorted(texts.items()):
        stem = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
        file = stem = kind if kind == name else f"{kind}-{stem}"
        while f"{file}.yaml" in files:
            file += "_"
        files[f"{file}.yaml"] = text
    return files


def read(files: Mapping[str, str]) -> list[Document]:
    """The documents in files, by file name. Raises InvalidDocument with all that is wrong in all of them."""
    problems: list[str] = []
    found: dict[Key, tuple[str, Document]] = {}
    for file, text in sorted(files.items()):
        try:
            document = read_document(text, file)
        except InvalidDocument as error:
            problems += error.problems
            continue
        key = (document.kind, document.name)
        if key in found:
            problems.append(
                f"{file}: {' '.join(dict.fromkeys(key))} is in {found[key][0]} already; leave one of them out"
            )
        found[key] = (file, document)
    if problems:
        raise InvalidDocument(problems)
    return [document for _, document in found.values()]


def put_in_force(runtime: Runtime, who: str, files: Mapping[str, str], note: str) -> list[Published]:
    """Publish what files say, where it differs from what is in force; what was published. Raises InvalidDocument with
    all that is wrong, and then nothing has changed."""
    documents = read(files)
    now, made, problems = runtime.clock(), list[Published](), list[str]()
    with runtime.database.write() as conn:
        current = in_force(conn)
        changed = [one for one in documents if current.get((one.kind, one.name)) != one.text]
        for document in changed:
            try:
                number = policies.publish(conn, document, who, note, now, beside=changed, tools=acting())
            except InvalidDocument as error:
                problems += [problem for problem in error.problems if problem not in problems]
                continue
            notes.write_audit(conn, who, "policy.publish", f"{document.name}@{number}", now, note)
            made.append(Published(document.kind, document.name, number))
        if problems:
            raise InvalidDocument(problems)  # which takes back what was published before it
    runtime.forget()
    return made
