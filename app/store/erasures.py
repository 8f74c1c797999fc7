"""People who were erased: what was asked, that nothing is left, what each tool said, and who is kept out since."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, literal, or_, select, update

from app.contacts.action import Erase, kind_of
from app.store import notes
from app.store.deliveries import DEAD, PENDING, SENDING, SENT, UNKNOWN, WITHHELD
from app.store.engine import Database
from app.store.lists import Page, keyset
from app.store.many import Among
from app.store.tables import (
    aliases,
    attempts,
    calls,
    checkpoints,
    conflicts,
    contact_segments,
    contacts,
    decisions,
    deliveries,
    echoes,
    enrolments,
    erased_keys,
    erasure_receipts,
    erasures,
    events,
    handoffs,
    held_values,
    merges,
    readings,
    rehearsal_changes,
    rehearsal_events,
    reviews,
    shadows,
    shared_aliases,
    timers,
)
from app.store.vault import Vault

ASKED, CLEANING, WAITING, FINISHED = "asked", "cleaning", "waiting", "done"
STUCK, BY_HAND, DONE = "stuck", "by_hand", "done"
PEPPER = "erasure pepper"  # the mark that holds it, encrypted
ERASED = "about somebody who was erased"
_AT_ONCE = 500


class Erasure(Struct, frozen=True, kw_only=True):
    """One person's erasure. ``told_by`` is the connection that told of it, or 0."""

    id: int
    contact_id: int
    status: str
    asked_by: str
    asked_at: datetime
    told_by: int
    names: bytes | None
    began: int | None
    wrapped: bool
    forgotten_at: datetime | None
    ended_at: datetime | None
    late: int
    late_at: datetime | None


class Receipt(Struct, frozen=True, kw_only=True):
    """What one tool said. ``status``: waiting, stuck (a delivery that a person has to look at), by_hand, done."""

    connection_id: int
    status: str
    delivery_id: int | None
    at: datetime
    note: str = ""


# --- the hash by which they are kept out


def pepper(conn: Connection, database: Database, vault: Vault, now: datetime) -> bytes:
    """The secret that goes into every hash; made when it is first needed."""
    if (known := known_pepper(conn, vault)) is not None:
        return known
    set_pepper(conn, database, vault, secrets.token_bytes(32), now)
    made = known_pepper(conn, vault)
    assert made is not None
    return made


def known_pepper(conn: Connection, vault: Vault) -> bytes | None:
    """The secret, where anybody was ever erased."""
    found = notes.read_mark(conn, PEPPER)
    return None if found is None else _opened(vault, found)


@cache
def _opened(vault: Vault, sealed: str) -> bytes:
    return bytes.fromhex(vault.open(sealed.encode())["pepper"])


def set_pepper(conn: Connection, database: Database, vault: Vault, value: bytes, now: datetime) -> None:
    """Keep the secret, encrypted like all others."""
    notes.mark(conn, database, PEPPER, vault.seal({"pepper": value.hex()}).decode(), now)


def hash_of(key: str, secret: bytes) -> str:
    """An alias key as it is kept of those who were erased. Without the secret nobody can try addresses against it."""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


_FIND = Among(select(erased_keys.c.hash, erased_keys.c.erasure_id), erased_keys.c.hash)
_NEWEST = select(func.max(erased_keys.c.erasure_id))


def newest(conn: Connection) -> int | None:
    """The newest erasure that keeps somebody out, or None."""
    return conn.execute(_NEWEST).scalar()


def find(conn: Connection, vault: Vault, keys: Collection[str]) -> dict[str, int]:
    """Which of these alias keys belonged to somebody who was erased, with the erasure."""
    secret = known_pepper(conn, vault)
    if secret is None:
        return {}
    hashed = {hash_of(key, secret): key for key in keys}
    return {hashed[found]: erasure_id for found, erasure_id in _FIND.all(conn, hashed)}


def of_contacts(conn: Connection, ids: Collection[int]) -> dict[int, int]:
    """Which of these contacts were erased here, with the erasure."""
    mine = erasures.c.contact_id.in_(ids)
    query = select(erasures.c.contact_id, erasures.c.id).where(mine, erasures.c.status != ASKED)
    return {row.contact_id: row.id for row in conn.execute(query.order_by(erasures.c.id))}


def keep_out(conn: Connection, database: Database, erasure_id: int, hashes: Iterable[str]) -> None:
    """Keep those out who go by what these are made from."""
    rows = [{"hash": one, "erasure_id": erasure_id} for one in sorted(set(hashes))]
    if rows:
        conn.execute(database.insert(erased_keys).on_conflict_do_nothing(), rows)


def let_in(conn: Connection, hashes: Collection[str]) -> int:
    """Keep somebody out no more who came back of their own will; whether they were, in number of their names."""
    return conn.execute(delete(erased_keys).where(erased_keys.c.hash.in_(hashes))).rowcount


def kept_out(conn: Connection) -> list[str]:
    """Every hash."""
    return list(conn.execute(select(erased_keys.c.hash)).scalars())


def count_late(conn: Connection, counts: Mapping[int, int], now: datetime) -> None:
    """Note that something came about people who were erased: erasure → how much."""
    for erasure_id, count in sorted(counts.items()):
        conn.execute(
            update(erasures).where(erasures.c.id == erasure_id).values(late=erasures.c.late + count, late_at=now)
        )


# --- erasures


def ask(conn: Connection, contact_id: int, by: str, now: datetime, told_by: int = 0) -> int:
    """Note that somebody is to be erased; the erasure's id, also where it was asked for before and goes on."""
    open_ones = select(erasures.c.id).where(erasures.c.contact_id == contact_id, erasures.c.status != FINISHED)
    if (known := conn.execute(open_ones).scalar()) is not None:
        return int(known)
    values = {"contact_id": contact_id, "status": ASKED, "asked_by": by, "asked_at": now, "told_by": told_by}
    return int(conn.execute(insert(erasures).values(values).returning(erasures.c.id)).scalar_one())


def load(conn: Connection, erasure_id: int) -> Erasure | None:
    """One erasure, or None."""
    found = _load(conn, erasures.c.id == erasure_id)
    return found[0] if found else None


def page(conn: Connection, limit: int, before: int | None, status: str | None = None) -> Page:
    """Erasures, the newest first."""
    query = select(erasures) if status is None else select(erasures).where(erasures.c.status == status)
    return keyset(conn, query, erasures.c.id, limit, before, read=lambda row: _erasure(row._mapping))


def open_ones(conn: Connection, *statuses: str) -> list[Erasure]:
    """Erasures in one of these states, the oldest first."""
    return _load(conn, erasures.c.status.in_(statuses))


def _load(conn: Connection, which: ColumnElement[bool]) -> list[Erasure]:
    return [_erasure(row) for row in conn.execute(select(erasures).where(which).order_by(erasures.c.id)).mappings()]


def _erasure(row: Mapping[Any, Any]) -> Erasure:
    return Erasure(**{**row, "names": None if row["names"] is None else bytes(row["names"])})


def change(conn: Connection, erasure_id: int, **values: Any) -> None:
    """Change columns of an erasure."""
    conn.execute(update(erasures).where(erasures.c.id == erasure_id).values(**values))


# --- what is forgotten


def hold_aliases(conn: Connection, database: Database) -> None:
    """Let nobody add names until the transaction ends: who is not among those kept out yet would get in."""
    if not database.is_sqlite:  # there one writes at a time anyway
        conn.exec_driver_sql("LOCK TABLE aliases IN SHARE ROW EXCLUSIVE MODE")


def seen_in(conn: Connection, contact_id: int) -> set[int]:
    """The connections that told of somebody, or were told."""
    return {
        connection_id
        for table in (events, aliases, shadows, deliveries)
        for (connection_id,) in conn.execute(
            select(table.c.connection_id).where(table.c.contact_id == contact_id).distinct()
        )
        if connection_id
    }


def drop_person(conn: Connection, contact_id: int, now: datetime) -> None:
    """Delete or blank everything about somebody but their events, what is on its way, and what their erasure needs.
    May be done again, for what has come to its end since."""
    refs = select(shadows.c.ref).where(shadows.c.contact_id == contact_id)
    addresses = select(literal("email:") + aliases.c.value).where(
        aliases.c.contact_id == contact_id, aliases.c.kind == "email"
    )
    conn.execute(delete(echoes).where(or_(echoes.c.ref.in_(refs), echoes.c.ref.in_(addresses))))
    everybody = _merged_into(conn, contact_id)
    for table in (aliases, shared_aliases, shadows, timers, checkpoints, contact_segments, conflicts):
        conn.execute(delete(table).where(table.c.contact_id == contact_id))
    for table in (rehearsal_changes, rehearsal_events):
        conn.execute(delete(table).where(table.c.contact_id.in_(everybody)))
    _drop_deliveries(conn, contact_id)
    said = update(decisions).where(decisions.c.contact_id == contact_id, decisions.c.summary != ERASED)
    conn.execute(said.values(summary=ERASED, gates="[]"))
    mine = update(handoffs).where(handoffs.c.contact_id == contact_id)
    conn.execute(mine.values(reason=ERASED))
    conn.execute(mine.where(handoffs.c.status.in_(("open", "claimed"))).values(status="withdrawn"))
    conn.execute(
        update(enrolments)
        .where(enrolments.c.contact_id == contact_id, enrolments.c.ended_at.is_(None))
        .values(ended_at=now, exit="opted_out", paused=False)
    )
    conn.execute(
        update(reviews).where(reviews.c.contact_id == contact_id, reviews.c.status == "open").values(status="withdrawn")
    )
    met = update(merges).where(or_(merges.c.winner_id.in_(everybody), merges.c.loser_id.in_(everybody)))
    conn.execute(met.values(key=ERASED, parts=None, undone_why=None))


def _merged_into(conn: Connection, contact_id: int) -> set[int]:
    """Somebody with all contacts that they were before, whichever way these came together."""
    found, last = {contact_id}, {contact_id}
    while last:
        into = select(contacts.c.id).where(contacts.c.merged_into.in_(last))
        last = set(conn.execute(into).scalars()) - found
        found |= last
    return found


def _drop_deliveries(conn: Connection, contact_id: int) -> None:
    kept = (deliveries.c.kind == kind_of(Erase)) | _on_its_way()
    gone = select(deliveries.c.id).where(deliveries.c.contact_id == contact_id, ~kept)
    _blank_calls(conn, gone)
    conn.execute(delete(attempts).where(attempts.c.delivery_id.in_(gone)))
    conn.execute(delete(deliveries).where(deliveries.c.contact_id == contact_id, ~kept))


def _blank_calls(conn: Connection, of: Any) -> None:
    """What was said in calls that were made for these deliveries, also about others in the same call."""
    made = select(attempts.c.call_id).where(attempts.c.delivery_id.in_(of), attempts.c.call_id.is_not(None))
    conn.execute(update(calls).where(calls.c.id.in_(made)).values(url=ERASED, request=ERASED, answer=ERASED))


def _on_its_way() -> ColumnElement[bool]:
    """What is being called, or was and has a ticket: the tool has yet to write it."""
    return or_(deliveries.c.status == SENDING, and_(deliveries.c.status == PENDING, deliveries.c.result.is_not(None)))


def is_something_on_its_way(conn: Connection, contact_id: int, connection_id: int | None = None) -> bool:
    """Whether calls about somebody may be under way, or a tool has yet to work them off, other than those that ask to
    erase them."""
    query = select(deliveries.c.id).where(
        deliveries.c.contact_id == contact_id, _on_its_way(), deliveries.c.kind != kind_of(Erase)
    )
    if connection_id is not None:
        query = query.where(deliveries.c.connection_id == connection_id)
    return conn.execute(query.limit(1)).first() is not None


def drop_values(conn: Connection, values: Collection[str]) -> None:
    """Delete values without a place in a mapping that may be somebody's own."""
    if values:
        conn.execute(delete(held_values).where(held_values.c.value.in_(values)))


def blank(conn: Connection, contact_id: int, state: str, now: datetime) -> None:
    """Leave nothing of somebody in the list of contacts but that they were erased."""
    values = {"state": state, "email": None, "name": None, "stage": None, "score": 0.0, "updated_at": now}
    conn.execute(update(contacts).where(contacts.c.id == contact_id).values(**values, version=contacts.c.version + 1))


def some_events(conn: Connection, contact_id: int, but: str) -> list[tuple[int, int | None]]:
    """Some of somebody's events, as (seq, the request they came with), except one."""
    query = (
        select(events.c.seq, events.c.inbox_id)
        .where(events.c.contact_id == contact_id, events.c.id != but)
        .limit(_AT_ONCE)
    )
    return [(seq, row_id) for seq, row_id in conn.execute(query)]


def drop_events(conn: Connection, numbers: Sequence[int]) -> None:
    """Delete events, and what mended mappings read in their payloads since: last, for what is being read just now
    waits for these events."""
    gone = conn.execute(delete(events).where(events.c.seq.in_(numbers)).returning(events.c.id)).scalars().all()
    conn.execute(delete(readings).where(readings.c.event_id.in_(gone)))


def others_in(conn: Connection, rows: Collection[int], contact_id: int) -> set[int]:
    """Those of these requests that also told of somebody else."""
    query = select(events.c.inbox_id).where(events.c.inbox_id.in_(rows), events.c.contact_id != contact_id).distinct()
    return set(conn.execute(query).scalars())


# --- receipts


def expect(conn: Connection, erasure_id: int, found: Sequence[Receipt]) -> None:
    """Note which tools have to forget somebody, and how that is asked of them."""
    if found:
        rows = [
            {"erasure_id": erasure_id, **{name: getattr(one, name) for name in Receipt.__struct_fields__}}
            for one in found
        ]
        conn.execute(insert(erasure_receipts), rows)


def receipts(conn: Connection, erasure_ids: Collection[int]) -> dict[int, list[Receipt]]:
    """What tools said, by erasure."""
    found: dict[int, list[Receipt]] = {erasure_id: [] for erasure_id in erasure_ids}
    query = select(erasure_receipts).where(erasure_receipts.c.erasure_id.in_(erasure_ids))
    for row in conn.execute(query.order_by(erasure_receipts.c.connection_id)).mappings():
        found[row["erasure_id"]].append(Receipt(**{name: row[name] for name in Receipt.__struct_fields__}))
    return found


def set_receipt(conn: Connection, erasure_id: int, receipt: Receipt) -> None:
    """Write down what a tool said."""
    conn.execute(
        update(erasure_receipts)
        .where(erasure_receipts.c.erasure_id == erasure_id, erasure_receipts.c.connection_id == receipt.connection_id)
        .values(status=receipt.status, at=receipt.at, note=receipt.note)
    )


def answers(conn: Connection, delivery_ids: Collection[int]) -> dict[int, tuple[str, str, datetime]]:
    """How deliveries stand that ask tools to erase: id → status of the receipt, what was said, when."""
    stands = {SENT: DONE, DEAD: STUCK, UNKNOWN: STUCK, WITHHELD: STUCK}
    query = select(deliveries.c.id, deliveries.c.status, deliveries.c.reason, deliveries.c.updated_at)
    return {
        delivery_id: (stands.get(status, WAITING), reason or "", at)
        for delivery_id, status, reason, at in conn.execute(query.where(deliveries.c.id.in_(delivery_ids)))
    }


def drop_names(conn: Connection, delivery_ids: Collection[int], action: str) -> None:
    """Forget by which names tools were asked to erase somebody, now that they have."""
    if delivery_ids:
        _blank_calls(conn, select(deliveries.c.id).where(deliveries.c.id.in_(delivery_ids)))
        conn.execute(update(deliveries).where(deliveries.c.id.in_(delivery_ids)).values(action=action))
