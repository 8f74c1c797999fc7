"""Policies as files: everything that is in force, and what files would change; all of it is put in force or none."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection

from adapters.registry import acting
from app.rules.policy import Document, read_document
from app.runtime import Runtime
from app.store import drafts, notes, policies
from app.store.drafts import Draft
from mappings.document import InvalidDocument
from mappings.mapping import SHIPPED, default_text

Key = tuple[str, str]  # kind and name
MOST_BYTES = 2 * 1024 * 1024  # of all texts that are taken at once
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same policies make the same archive


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


def pack(files: Mapping[str, str]) -> bytes:
    """The files in a ZIP archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), text, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def unpack(given: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The texts in files that somebody sent, as (name, bytes): each is one policy's YAML, or a ZIP archive of such.
    Raises InvalidDocument."""
    found: dict[str, str] = {}
    left = MOST_BYTES
    for name, body in given:
        texts = _in_archive(name, body, left) if body[:4] == b"PK\x03\x04" else {name: body}
        for file, text in texts.items():
            left -= len(text)
            if left < 0:
                raise InvalidDocument([_too_much(name)])
            try:
                found[file] = str(text, "utf-8-sig")
            except UnicodeDecodeError:
                raise InvalidDocument([f"{file}: not a text in UTF-8; save it as one and send it again"]) from None
    if not found:
        raise InvalidDocument(["There is no YAML file in it."])
    return found


def _in_archive(name: str, body: bytes, most: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for one in archive.infolist():
                if one.is_dir() or one.filename.startswith("__MACOSX/") or not one.filename.endswith((".yaml", ".yml")):
                    continue
                with archive.open(one) as file:  # what an archive says of sizes is anybody's word
                    found[one.filename] = file.read(most + 1)
                most -= len(found[one.filename])
                if most < 0:
                    raise InvalidDocument([_too_much(name)])
    # RuntimeError: what zipfile says of a password, and of a way of packing that it does not know
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError):
        raise InvalidDocument([f"{name}: a ZIP archive that cannot be opened"]) from None
    return found


def _too_much(name: str) -> str:
    return f"{name}: more than {MOST_BYTES // 1024**2} MiB of texts; send fewer at once"


class Change(Struct, frozen=True):
    """What a file says that is not in force: its text, the one that is, and the draft that there is."""

    document: Document
    before: str
    draft: Draft | None

    @property
    def is_draft(self) -> bool:
        """Whether the draft says so already."""
        return self.draft is not None and self.draft.body == self.document.text


def changes(conn: Connection, documents: Sequence[Document]) -> list[Change]:
    """What would change if these were in force, in their order."""
    current = in_force(conn)
    return [
        Change(one, current.get((one.kind, one.name), ""), drafts.find(conn, one.kind, one.name))
        for one in documents
        if current.get((one.kind, one.name)) != one.text
    ]


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
        changed = [change.document for change in changes(conn, documents)]
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
