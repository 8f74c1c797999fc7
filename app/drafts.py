"""What people do with policies: write drafts, put them in force, go back. Each is in the audit log."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from adapters.registry import acting
from app.rules.policy import KINDS, SINGLE, Document, read_document
from app.runtime import Runtime
from app.store import drafts, notes, policies
from app.store.drafts import Draft
from app.store.policies import StaleDraft
from mappings.document import MAX_BYTES, InvalidDocument
from mappings.lines import Problem, located, problems_at
from mappings.mapping import shipped_text

MAX_NAME = 40


class Unknown(LookupError):
    """There is no such policy, version or draft."""


def check_name(kind: str, name: str) -> None:
    """Raises Unknown for what cannot be the name of a policy of this kind."""
    if kind not in KINDS:
        raise Unknown(f"there is no kind of policy {kind[:MAX_NAME]!r}; there are {', '.join(KINDS)}")
    if kind in SINGLE and name != kind:
        raise Unknown(f"there is one {kind} policy, and its name is {kind!r}")
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Unknown(f"a policy's name has 1 to {MAX_NAME} characters")


def in_force_text(conn: Connection, kind: str, name: str) -> str:
    """What is in force: the published text, else the one that Baton ships for it, else nothing."""
    version = policies.in_force(conn, kind, name)
    if version is not None:
        return version.body
    return shipped_text(name) if kind == "mapping" else ""


def save(
    runtime: Runtime,
    who: str,
    kind: str,
    name: str,
    body: str,
    revision: int,
    base: int | UnsetType | None = UNSET,
) -> Draft:
    """Keep a text as a policy's draft, valid or not. ``revision`` and ``base`` as in :func:`app.store.drafts.save`.

    Raises Overtaken where somebody else was first, and InvalidDocument for a text that cannot be stored at all.
    """
    check_name(kind, name)
    text = storable(body)
    with runtime.database.write() as conn:
        draft = drafts.save(conn, kind, name, text, who, runtime.clock(), revision, base)
        notes.write_audit(conn, who, "draft.save", _place(kind, name), runtime.clock(), f"revision {draft.revision}")
    return draft


def storable(body: str) -> str:
    """A text as it is stored: with plain line ends. Raises InvalidDocument for one that is too long or holds a NUL."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    if len(text.encode()) > MAX_BYTES:
        raise InvalidDocument([f"longer than {MAX_BYTES // 1024} KiB"])
    if "\0" in text:
        raise InvalidDocument(["holds a NUL character; take it out"])
    return text


def problems(conn: Connection, kind: str, name: str, text: str, beside: Sequence[Draft] = ()) -> list[Problem]:
    """All that keeps a text from being published, each with its line: what is wrong in it, and what other policies that
    are in force, or will be with it, ask of it or it of them."""
    try:
        document = read_as(kind, name, text)
    except InvalidDocument as error:
        return located(error, text)
    others, found = [], []
    for draft in beside:
        try:
            others.append(read_as(draft.kind, draft.name, draft.body))
        except InvalidDocument as error:
            found += [Problem(one) for one in error.problems]
    for said in policies.problems_together(conn, [*others, document], acting()):
        mine = said.partition(":")[0] == kind
        found += problems_at([said], text) if mine or not others else [Problem(said)]
    return found


def discard(runtime: Runtime, who: str, kind: str, name: str, revision: int) -> None:
    """Throw a draft away; its text stays in the audit log. Raises Unknown and Overtaken."""
    with runtime.database.write() as conn:
        draft = _draft(conn, kind, name)
        drafts.discard(conn, kind, name, revision)
        notes.write_audit(conn, who, "draft.discard", _place(kind, name), runtime.clock(), draft.body)


def publish(
    runtime: Runtime,
    who: str,
    kind: str,
    name: str,
    revision: int,
    note: str,
    beside: Sequence[tuple[str, str, int]] = (),
) -> int:
    """Put a draft in force; the number of its version. ``beside`` are drafts, as (kind, name, revision), that come into
    force in the same moment: policies that name each other.

    Raises Unknown without a draft, Overtaken where it was saved again, StaleDraft where another version was published
    since it was begun, and InvalidDocument with all that is wrong in it.
    """
    now = runtime.clock()
    try:
        with runtime.database.write() as conn:
            taken = []
            for one_kind, one_name, seen in [*beside, (kind, name, revision)]:
                draft = _draft(conn, one_kind, one_name)
                drafts.discard(conn, one_kind, one_name, seen)
                taken.append((read_as(one_kind, one_name, draft.body), draft.base))
            together = [document for document, _ in taken]
            for document, base in taken:
                number = policies.publish(conn, document, who, note, now, base, together, acting())
                _audit(conn, who, "policy.publish", document, number, base, note, now)
    except IntegrityError:  # the first version of a policy, twice at once
        raise StaleDraft(f"{_place(kind, name)}: another version was published in this moment") from None
    runtime.forget()
    return number


def roll_back(
    runtime: Runtime,
    who: str,
    kind: str,
    name: str,
    version: int,
    note: str,
    expected: int | UnsetType | None = UNSET,
) -> int:
    """Put the text of an older version in force again, as a new version; its number. A draft stays as it is.

    ``expected`` is the version that the author believes to be in force. Raises Unknown, StaleDraft, and InvalidDocument
    where the old text cannot be used any more.
    """
    now = runtime.clock()
    with runtime.database.write() as conn:
        old = policies.find(conn, kind, name, version)
        if old is None:
            raise Unknown(f"{_place(kind, name)} has no version {version}")
        current = policies.in_force(conn, kind, name)
        if current is not None and current.version == version:
            raise Unknown(f"version {version} is the one in force")
        document = read_as(kind, name, old.body)
        number = policies.publish(conn, document, who, note, now, expected, tools=acting())
        _audit(conn, who, "policy.roll_back", document, number, current.version if current else None, note, now)
    runtime.forget()
    return number


@lru_cache(32)
def read_as(kind: str, name: str, text: str) -> Document:
    """A text as the document of this very policy. Raises InvalidDocument, also where it is another one's."""
    document = read_document(text, kind)
    if (document.kind, document.name) != (kind, name):
        meant = _place(kind, name)
        raise InvalidDocument([f"{kind}: this is the text of {_place(document.kind, document.name)}, not of {meant}"])
    return document


def _draft(conn: Connection, kind: str, name: str) -> Draft:
    draft = drafts.find(conn, kind, name)
    if draft is None:
        raise Unknown(f"there is no draft of {_place(kind, name)}")
    return draft


def _place(kind: str, name: str) -> str:
    return kind if kind == name else f"{kind} {name}"


def _audit(
    conn: Connection, who: str, what: str, document: Document, number: int, before: int | None, note: str, now: datetime
) -> None:
    was = f"version {before}" if before else ""
    notes.write_audit(conn, who, what, f"{document.name}@{number}", now, note, was, f"version {number}")
