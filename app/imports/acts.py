"""Beginning, following and stopping imports, from the command line, the screens and the API."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError

from adapters.csv.rows import TARGETS, Consent
from adapters.submissions.labels import field_of
from app.imports.table import HEAD_BYTES, Encoding, Layout, Unusable, layout_of, rows_of, sample_of
from app.runtime import Runtime
from app.setup import add_connection
from app.store import imports, notes
from app.store.connections import Connection
from app.store.engine import Conflict
from app.store.imports import DRAFT, OPEN, PART_BYTES, STOPPED, Import
from jobs.importing import CSV, history

__all__ = [  # beside what is here, what screens and the command need of it
    "TARGETS", "Consent", "Preview", "begin_connection", "begin_file", "discard", "history", "preview_of", "shown",
    "stop", "store_file", "suggest",
]  # fmt: skip

MAX_BYTES = 2 * 1024 * 1024 * 1024
NAMES = {  # what exports call columns, beside what forms call fields; letters and digits
    "emailaddress": "email", "primaryemail": "email", "mail": "email", "externalid": "external_id",
    "contactid": "external_id", "userid": "external_id", "stage": "lifecycle_stage",
    "lifecyclestage": "lifecycle_stage",
    "unsubscribed": "email_opt_out", "optout": "email_opt_out", "unsubscribedfromallemail": "email_opt_out",
    "tags": "tags", "labels": "tags", "postalcode": "zip", "phonenumber": "phone", "stateregion": "state",
}  # fmt: skip


class Preview(msgspec.Struct, frozen=True):
    """What a file looks like: how it is written, its first rows, what its columns are likely to be, how many rows."""

    layout: Layout
    rows: list[list[str]]
    columns: dict[str, str]
    total: int


def suggest(headers: Iterable[str]) -> dict[str, str]:
    """Which contact field each column is likely to be, each field once; an empty text for those without any."""
    found: dict[str, str] = {}
    for header in headers:
        plain = "".join(letter for letter in header.lower() if letter.isalnum())
        target = NAMES.get(plain) or (plain if plain in TARGETS else None) or field_of(header) or ""
        known = target.replace("_", "") if target not in TARGETS else target
        found[header] = known if known in TARGETS and known not in found.values() else ""
    return found


def store_file(runtime: Runtime, name: str, pieces: Iterable[bytes], who: str) -> tuple[int, Preview]:
    """Keep a file as the draft of an import; its number and what it looks like. Raises Unusable."""
    connection = runtime.connection(CSV) or add_connection(runtime, CSV, CSV, {}, who=who)
    encoding, head, number, size = Encoding(), b"", 0, 0
    with runtime.database.write() as conn:
        import_id = imports.add(conn, connection.id, CSV, name, {}, who, runtime.clock(), status=DRAFT)
    try:
        for piece in _parts(pieces):
            size += len(piece)
            if size > MAX_BYTES:
                raise Unusable(f"the file is larger than {MAX_BYTES >> 30} GiB; split it")
            encoding.add(piece)
            head = head or piece[:HEAD_BYTES]
            with runtime.database.write() as conn:
                imports.add_part(conn, import_id, number, piece)
            number += 1
        preview = _preview(runtime, import_id, head, encoding.name)
        plan = {"layout": msgspec.to_builtins(preview.layout), "columns": preview.columns}
        with runtime.database.write() as conn:
            imports.move(conn, import_id, (DRAFT,), plan=msgspec.json.encode(plan).decode(), total=preview.total)
            notes.write_audit(conn, who, "import.file", name, runtime.clock(), f"{preview.total} rows")
    except Unusable:
        discard(runtime, import_id)
        raise
    except Conflict:
        raise Unusable("it was thrown away while it was still being stored") from None
    return import_id, preview


def _parts(pieces: Iterable[bytes]) -> Iterable[bytes]:
    held = b""
    for piece in pieces:
        held += piece
        while len(held) >= PART_BYTES:
            yield held[:PART_BYTES]
            held = held[PART_BYTES:]
    if held:
        yield held


def _preview(runtime: Runtime, import_id: int, head: bytes, encoding: str) -> Preview:
    layout = layout_of(head, encoding)
    with runtime.database.snapshot() as conn:
        total = sum(1 for _ in rows_of(imports.parts(conn, import_id), layout))
    return Preview(layout, sample_of(head, layout), suggest(layout.headers), total)


def preview_of(runtime: Runtime, one: Import) -> Preview:
    """A stored file once more as it looks, with the columns as they were last chosen."""
    layout = msgspec.convert(one.plan["layout"], Layout)
    with runtime.database.read() as conn:
        head = (imports.part(conn, one.id, 0) or b"")[:HEAD_BYTES]
    return Preview(layout, sample_of(head, layout), dict(one.plan.get("columns") or {}), one.total or 0)


def discard(runtime: Runtime, import_id: int) -> None:
    """Let go of a file that is not imported."""
    with suppress(Conflict), runtime.database.write() as conn:
        imports.move(conn, import_id, (DRAFT,), status=STOPPED, reason="not imported", ended_at=runtime.clock())
        imports.drop_parts(conn, import_id)


def begin_file(
    runtime: Runtime,
    one: Import,
    columns: Mapping[str, str],
    who: str,
    consent: Consent | None = None,
    region: str = "",
) -> None:
    """Import a stored file with these columns: header → contact field. Raises Unusable for what makes no sense, and
    where it was begun or thrown away before."""
    if one.is_being_stored:
        raise Unusable("the file is still being stored; try again in a moment")
    headers = one.plan["layout"]["headers"]
    chosen = {header: target for header, target in columns.items() if target}
    for header, target in chosen.items():
        if header not in headers:
            raise Unusable(f"the file has no column “{header}”; it has {', '.join(headers)}")
        if target not in TARGETS and not target.startswith("custom."):
            raise Unusable(
                f"there is no contact field “{target}”; choose one of {', '.join(TARGETS)}, or custom.<name>"
            )
    twice = [target for target in chosen.values() if list(chosen.values()).count(target) > 1]
    if twice:
        raise Unusable(f"two columns are {twice[0]}: choose one")
    if not {"email", "phone", "external_id"} & set(chosen.values()):
        raise Unusable("no column says who the person is: one has to be email, phone or external_id")
    if consent is not None and len(consent.proof.strip()) < 10:
        raise Unusable("consent needs a statement of how it can be proven: where, when and to what people agreed")
    if consent is not None and consent.column and consent.column not in headers:
        raise Unusable(f"the file has no column “{consent.column}”")
    plan = {**one.plan, "columns": chosen, "region": region or None}
    plan["consent"] = msgspec.to_builtins(consent) if consent is not None else None
    try:
        with runtime.database.write() as conn:
            imports.move(conn, one.id, (DRAFT,), plan=msgspec.json.encode(plan).decode(), status=imports.WAITING)
            notes.write_audit(conn, who, "import.begin", one.name, runtime.clock(), f"{one.total} rows")
    except Conflict:
        raise Unusable("it was begun or thrown away before") from None


def begin_connection(runtime: Runtime, connection: Connection, who: str) -> int:
    """Import a connection's contacts and history; the import's number. Raises Unusable where it cannot be read."""
    title = runtime.adapter(connection).title
    if not connection.sends:
        raise Unusable(f"{connection.name} is {connection.status}: mend or resume it first")
    if not history(runtime, connection):
        raise Unusable(f"{title} cannot be imported: it has no history to read, or its credentials are not set")
    now = runtime.clock()
    try:
        with runtime.database.write() as conn:
            import_id = imports.add(conn, connection.id, connection.kind, connection.name, {}, who, now)
            notes.write_audit(conn, who, "import.begin", connection.name, now)
    except IntegrityError:
        with runtime.database.read() as conn:
            one = imports.open_of(conn, connection.id)
        which = f" (import {one.id})" if one else ""
        raise Unusable(f"{connection.name} is being imported already{which}") from None
    return import_id


def stop(runtime: Runtime, one: Import, who: str) -> bool:
    """Stop an import: what was taken stays; whether there was anything to stop."""
    now = runtime.clock()
    try:
        with runtime.database.write() as conn:
            imports.move(conn, one.id, (DRAFT, *OPEN), status=STOPPED, reason=f"stopped by {who}", ended_at=now)
            imports.drop_parts(conn, one.id)
            notes.write_audit(conn, who, "import.stop", one.name, now)
    except Conflict:
        return False
    return True


def shown(one: Import) -> dict[str, Any]:
    """An import as the API shows it."""
    return {
        "id": one.id, "source": one.source, "name": one.name, "status": one.status, "reason": one.reason,
        "total": one.total, "read": one.fed, "done": one.settled, "skipped": one.skipped, "events": one.events,
        "share": one.share, "asked_by": one.asked_by, "created_at": one.created_at, "ended_at": one.ended_at,
    }  # fmt: skip
