"""What people do about erasing somebody. Each is in the audit log, without a word of who it was."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import finding
from app.contacts.contact import Contact
from app.contacts.identity import EMAIL, PHONE, alias_key
from app.runtime import Runtime
from app.store import erasures, notes, people
from app.store.erasures import BY_HAND, DONE, STUCK, Erasure, Receipt
from app.store.vault import WrongKey
from app.views import as_text
from jobs.forgetting import forget


class NotErased(ValueError):
    """An erasure, or something about one, that cannot be done, with the reason."""


class KeptOut(Struct, frozen=True, kw_only=True):
    """The list of those who are kept out, to be applied again after an old backup was restored. Nobody can read an
    address from it, and without the installation's key nobody can try one."""

    pepper: str  # encrypted
    hashes: list[str]
    baton: str = "erased"


def find(runtime: Runtime, conn: Conn, text: str) -> list[int]:
    """Whom to erase by what they go by; nobody where only tools may know them. Raises NotErased where nobody can be
    found by it anywhere."""
    sought = _read(runtime, text)
    found = finding.who_is(conn, sought)
    if not found and sought.identity.kind not in (EMAIL, PHONE):
        raise NotErased("nobody here goes by it; tools can be asked by an e-mail address or a phone number")
    return found


def _read(runtime: Runtime, text: str) -> finding.Sought:
    try:
        return finding.read(runtime, text)
    except finding.NoName as reason:
        raise NotErased(str(reason)) from None


def erase(runtime: Runtime, who: str, contact_id: int, told_by: int = 0) -> int:
    """Erase somebody: forgotten here when this returns, asked of every tool; the erasure's id."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        home = people.survivor(conn, contact_id)
        number = erasures.ask(conn, home, who, now, told_by)
        notes.write_audit(conn, who, "contact.erase", str(home), now)
    forget(runtime, number)
    return number


def erase_unknown(runtime: Runtime, who: str, text: str) -> int:
    """Erase somebody of whom nothing is known here, by an address or a phone number: the tools are asked, and they are
    kept out from now on. Raises NotErased."""
    identity = _read(runtime, text).identity
    now = runtime.clock()
    with runtime.database.write() as conn:
        nobody = people.Person(id=0, version=0, state=Contact(first_seen_at=now), score=0.0)
        (contact_id,) = people.create(conn, [nobody], now)
        found = {alias_key(identity, 0): (identity, None, contact_id)}
        if people.adopt(conn, runtime.database, found, now) != {alias_key(identity, 0): contact_id}:
            raise NotErased("somebody goes by it since a moment ago; look again")
    return erase(runtime, who, contact_id)


def said_so(runtime: Runtime, who: str, erasure_id: int, connection_id: int) -> None:
    """Note that somebody was deleted by hand in a tool. Raises NotErased."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        found = erasures.receipts(conn, [erasure_id])[erasure_id]
        one = next((receipt for receipt in found if receipt.connection_id == connection_id), None)
        if one is None:
            raise NotErased("that tool is not asked to erase them")
        if one.status not in (BY_HAND, STUCK):
            raise NotErased(
                "that tool has done it" if one.status == DONE else "that tool was asked and has not answered"
            )
        erasures.set_receipt(
            conn, erasure_id, msgspec.structs.replace(one, status=DONE, at=now, note=f"deleted by hand, says {who}")
        )
        notes.write_audit(conn, who, "erasure.by_hand", str(erasure_id), now, f"connection {connection_id}")


def let_in(runtime: Runtime, who: str, text: str) -> None:
    """Keep somebody out no more who came back of their own will. Raises NotErased where they were not."""
    sought = _read(runtime, text)
    now = runtime.clock()
    with runtime.database.write() as conn:
        secret = erasures.known_pepper(conn, runtime.vault)
        hashes = (
            []
            if secret is None
            else [erasures.hash_of(alias_key(sought.identity, one), secret) for one in sought.connection_ids]
        )
        if not erasures.let_in(conn, hashes):
            raise NotErased("nobody of this name was erased")
        notes.write_audit(conn, who, "erasure.let_in", "somebody who came back", now)


# --- after a restored backup


def kept_out(runtime: Runtime) -> bytes:
    """The list of those who are kept out, as JSON."""
    with runtime.database.read() as conn:
        marks = notes.read_marks(conn)
        if erasures.PEPPER not in marks:
            raise NotErased("nobody was erased yet")
        return msgspec.json.encode(KeptOut(pepper=marks[erasures.PEPPER][0], hashes=erasures.kept_out(conn)))


def erase_again(runtime: Runtime, who: str, body: bytes) -> tuple[int, int]:
    """Erase those again who are on a list from after the backup; how many were here, of how many names on it. Raises
    NotErased."""
    try:
        said = msgspec.json.decode(body, type=KeptOut)
        secret = bytes.fromhex(runtime.vault.open(said.pepper.encode())["pepper"])
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise NotErased("this is no list of people who were erased") from None
    except WrongKey:
        raise NotErased("the list was written with another key than this installation's") from None
    with runtime.database.write() as conn:
        known = erasures.known_pepper(conn, runtime.vault)
        if known is None:
            erasures.set_pepper(conn, runtime.database, runtime.vault, secret, runtime.clock())
        elif known != secret:
            raise NotErased("the list is from another installation: its people were erased under another secret")
    wanted, found = frozenset(said.hashes), set()
    with runtime.database.snapshot() as conn:
        for key, contact_id in people.all_aliases(conn):
            if erasures.hash_of(key, secret) in wanted:
                found.add(contact_id)
    numbers = [erase(runtime, who, contact_id) for contact_id in sorted(found)]
    with runtime.database.write() as conn:  # also those of whom the backup knew nothing, but a tool may
        home = numbers[0] if numbers else erasures.newest(conn) or 0
        erasures.keep_out(conn, runtime.database, home, wanted)
    return len(found), len(wanted)


# --- as it is shown


def shown(runtime: Runtime, erasure: Erasure, receipts: list[Receipt]) -> dict[str, Any]:
    """An erasure as the API shows it."""
    return {
        "id": erasure.id,
        "contact_id": erasure.contact_id,
        "status": "waiting" if erasure.status == erasures.ASKED else erasure.status,
        "asked_by": erasure.asked_by,
        "asked_at": as_text(erasure.asked_at),
        "forgotten_at": as_text(erasure.forgotten_at),
        "ended_at": as_text(erasure.ended_at),
        "late": erasure.late,
        "late_at": as_text(erasure.late_at),
        "receipts": [_receipt(runtime, one) for one in receipts],
    }


def _receipt(runtime: Runtime, one: Receipt) -> dict[str, Any]:
    connection = runtime.connections().get(one.connection_id)
    return {
        "connection": connection.name if connection is not None else f"removed ({one.connection_id})",
        "connection_id": one.connection_id,
        "title": runtime.adapter(connection).title if connection is not None else "a connection that was removed",
        "status": one.status,
        "delivery_id": one.delivery_id,
        "at": as_text(one.at),
        "note": one.note,
    }
