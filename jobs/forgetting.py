"""Erasing somebody: forgotten here at once, then in every stored request, and in every tool, until each has said so.

Each step is a transaction of its own and may be done again. The names by which stored requests are gone through are
kept encrypted, and only for as long.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import structlog
from sqlalchemy import Connection as Conn

from app.contacts.action import Erase, kind_of
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType, Identity, event_id
from app.contacts.fold import fold
from app.contacts.identity import EMAIL, EXTERNAL, PHONE, SHARED_KINDS, alias_key
from app.contacts.redact import Pattern, pattern_of, without
from app.rules.decision import key_of
from app.runtime import Runtime, can_call
from app.store import deliveries, erasures, imports, inbox, log, notes, people
from app.store.deliveries import Planned
from app.store.erasures import BY_HAND, CLEANING, DONE, STUCK, WAITING, Erasure, Receipt

logger = structlog.get_logger("baton.forget")

SCAN = "erasure scan"  # the mark that says up to which request all were gone through
AT_ONCE = 500
SCAN_SECONDS = 1.0

Known = Sequence[tuple[Identity, int | None]]


def forget(runtime: Runtime, erasure_id: int) -> None:
    """Forget somebody here, and have every tool asked to. What is left, stored requests and tools, is gone through by
    :func:`look`."""
    with runtime.database.write() as conn:
        erasure = erasures.load(conn, erasure_id)
        if erasure is None:
            return
        if erasure.status == erasures.ASKED:
            _begin(runtime, conn, erasure, runtime.clock())
    _drop_history(runtime, erasure)


def look(runtime: Runtime) -> None:
    """Go on with all erasures that have not come to their end."""
    with runtime.database.read() as conn:
        found = erasures.open_ones(conn, erasures.ASKED, CLEANING, WAITING)
    for erasure in found:
        if erasure.status == erasures.ASKED:
            forget(runtime, erasure.id)
    if any(erasure.status != WAITING for erasure in found):
        _go_through_requests(runtime)
    if found:
        _collect_receipts(runtime)


# --- here, at once


def _begin(runtime: Runtime, conn: Conn, erasure: Erasure, now: datetime) -> None:
    contact_id = people.survivor(conn, erasure.contact_id)
    stored = people.load(conn, [contact_id], lock=True).get(contact_id)
    erasures.hold_aliases(conn, runtime.database)
    known = people.known_by(conn, [contact_id])[contact_id]
    state = stored.state if stored is not None else Contact()
    secret = erasures.pepper(conn, runtime.database, runtime.vault, now)
    erasures.keep_out(
        conn,
        runtime.database,
        erasure.id,
        [erasures.hash_of(key, secret) for key in _keys(conn, contact_id, known)],
    )
    _ask_tools(runtime, conn, erasure, contact_id, state, known, now)
    erasures.drop_values(conn, {str(held.value) for held in state.fields.values()})
    event = erased_event(contact_id, erasure)
    erasures.blank(conn, contact_id, msgspec.json.encode(fold(Contact(), event)).decode(), now)
    if event.id not in log.known(conn, {event.id}):
        log.append(conn, [log.Entry(event, contact_id, None)])
    erasures.drop_person(conn, contact_id, now)
    names = msgspec.json.encode(sorted({identity.value for identity, _ in known})).decode()
    erasures.change(
        conn,
        erasure.id,
        contact_id=contact_id,
        status=CLEANING,
        names=runtime.vault.seal({"names": names}),
        began=_scanned(conn),
    )


def erased_event(contact_id: int, erasure: Erasure) -> Event:
    """What stays in somebody's log: that they were erased, when and by whom."""
    key = f"erased|{contact_id}|{erasure.id}"
    return Event(
        type=EventType.CONTACT_ERASED,
        occurred_at=erasure.asked_at,
        received_at=erasure.asked_at,
        source_key=key,
        id=event_id(0, key),
        identities=(Identity("contact", str(contact_id)),),
        actor=erasure.asked_by,
    )


def _keys(conn: Conn, contact_id: int, known: Known) -> list[str]:
    """The alias keys of somebody that are theirs alone: a phone or browser that others use lets those in."""
    keys = {alias_key(identity, connection or 0): identity for identity, connection in known}
    shared = [key for key, identity in keys.items() if identity.kind in SHARED_KINDS]
    others = {
        key for key, seen in people.sightings(conn, shared).items() if any(one.person != contact_id for one in seen)
    }
    return [key for key in keys if key not in others]


def _ask_tools(
    runtime: Runtime, conn: Conn, erasure: Erasure, contact_id: int, state: Contact, known: Known, now: datetime
) -> None:
    planned: list[Planned] = []
    receipts: list[Receipt] = []
    seen = erasures.seen_in(conn, contact_id)
    for connection in runtime.connections().values():
        adapter = runtime.adapter(connection)
        if connection.id == erasure.told_by:
            receipts.append(
                Receipt(connection_id=connection.id, status=DONE, delivery_id=None, at=now, note="it told of it")
            )
            continue
        action = _named(connection.id, state, known)
        push = adapter.pushes.get(Erase)
        if push is not None and can_call(adapter, connection) and push.accepts(action, connection.settings):
            if action != Erase():
                planned.append(_planned(contact_id, erasure.id, connection.id, action))
        elif adapter.keeps_people and connection.id in seen:
            note = f"{adapter.title} cannot be asked by Baton: delete them there by hand, then say so here"
            receipts.append(_receipt(connection.id, BY_HAND, now, note))
    deliveries.plan(conn, runtime.database, planned, now)
    ids = deliveries.ids_of(conn, [one.key for one in planned])
    receipts += [_receipt(one.connection_id, WAITING, now, delivery_id=ids[one.key]) for one in planned]
    erasures.expect(conn, erasure.id, receipts)


def _receipt(connection_id: int, status: str, at: datetime, note: str = "", delivery_id: int | None = None) -> Receipt:
    return Receipt(connection_id=connection_id, status=status, delivery_id=delivery_id, at=at, note=note)


def _named(connection_id: int, state: Contact, known: Known) -> Erase:
    """By which names a tool may know somebody."""
    by_kind = {identity.kind: identity.value for identity, connection in reversed(known) if connection is None}
    vendor_id = next((identity.value for identity, connection in known if connection == connection_id), "")
    return Erase(
        vendor_id=vendor_id,
        email=state.email or by_kind.get(EMAIL, ""),
        phone=str(state.get("phone") or by_kind.get(PHONE, "")),
        external_id=by_kind.get(EXTERNAL, ""),
    )


def _planned(contact_id: int, erasure_id: int, connection_id: int, action: Erase) -> Planned:
    return Planned(
        key=key_of("erase", erasure_id, connection_id),
        contact_id=contact_id,
        connection_id=connection_id,
        kind=kind_of(action),
        urgency=int(action.urgency),
        action=action,
    )


def _drop_history(runtime: Runtime, erasure: Erasure) -> None:
    """Somebody's events, and what the requests that brought them say of them."""
    while True:
        with runtime.database.write() as conn:
            current = erasures.load(conn, erasure.id)
            if current is None or _drop_some(runtime, conn, current) == 0:
                return


def _drop_some(runtime: Runtime, conn: Conn, erasure: Erasure) -> int:
    kept = erased_event(erasure.contact_id, erasure).id
    found = erasures.some_events(conn, erasure.contact_id, kept)
    rows = {row_id for _, row_id in found if row_id is not None}
    shared = erasures.others_in(conn, rows, erasure.contact_id)
    names = names_of(runtime, erasure)
    bodies = inbox.bodies(conn, shared)
    changed = dict.fromkeys(rows - shared, b"")
    changed |= {row_id: thin for row_id, body in bodies.items() if (thin := without(body, names)) != body}
    inbox.blank(conn, changed)
    erasures.drop_events(conn, [seq for seq, _ in found])
    return len(found)


def names_of(runtime: Runtime, erasure: Erasure) -> list[str]:
    """By which names requests are gone through for somebody."""
    if erasure.names is None:
        return []
    return msgspec.json.decode(runtime.vault.open(erasure.names)["names"], type=list[str])


# --- in stored requests


def _scanned(conn: Conn) -> int:
    return int(notes.read_mark(conn, SCAN) or 0)


def _go_through_requests(runtime: Runtime) -> None:
    """Go through some of the stored requests, for everybody who is being erased; round and round, so that somebody who
    comes to it later holds nobody up."""
    over = time.monotonic() + SCAN_SECONDS
    while time.monotonic() < over:
        with runtime.database.read() as conn:
            at, found = _scanned(conn), erasures.open_ones(conn, CLEANING)
            names = [name for erasure in found for name in names_of(runtime, erasure)]
            rows = inbox.after(conn, at, AT_ONCE) if found else []
        if not found:
            return
        pattern = pattern_of(names)
        changed = (
            {}
            if pattern is None
            else {
                row.id: without(row.body, names)
                for row in rows
                if pattern.search(row.body) or pattern.search(f"{row.url} {row.headers}".encode())
            }
        )
        position = rows[-1].id if len(rows) == AT_ONCE else 0
        with runtime.database.write() as conn:
            inbox.blank(conn, changed)
            notes.mark(conn, runtime.database, SCAN, str(position), runtime.clock())
            for erasure in found:
                _note_scanned(runtime, conn, erasure, position)


def _note_scanned(runtime: Runtime, conn: Conn, erasure: Erasure, position: int) -> None:
    wrapped = erasure.wrapped or position == 0
    # A second time at the end: so much was let go of meanwhile that the place where it began is beyond it
    if wrapped and (position >= (erasure.began or 0) or (position == 0 and erasure.wrapped)):
        pattern = pattern_of(names_of(runtime, erasure))
        if pattern is not None:
            about = partial(_speaks_of, pattern)
            notes.drop_refusals(conn, about)
            imports.blank_skips(conn, about)
        erasures.change(conn, erasure.id, status=WAITING, names=None, forgotten_at=runtime.clock())
    elif wrapped != erasure.wrapped:
        erasures.change(conn, erasure.id, wrapped=True)


def _speaks_of(pattern: Pattern, said: bytes) -> bool:
    return pattern.search(said) is not None


# --- in tools


def _collect_receipts(runtime: Runtime) -> None:
    now = runtime.clock()
    with runtime.database.read() as conn:
        found = erasures.open_ones(conn, CLEANING, WAITING)
        receipts = erasures.receipts(conn, [erasure.id for erasure in found])
        asked = [one.delivery_id for every in receipts.values() for one in every if one.delivery_id is not None]
        said = erasures.answers(conn, asked)
    for erasure in found:
        news = list(_news(receipts[erasure.id], said, now))
        standing = {one.connection_id: one.status for one in (*receipts[erasure.id], *news)}
        ends = erasure.status == WAITING and all(status == DONE for status in standing.values())
        if not news and not ends:
            continue
        with runtime.database.write() as conn:
            for one in news:
                erasures.set_receipt(conn, erasure.id, one)
            heard = receipts[erasure.id] if ends else [one for one in news if one.status == DONE]
            told = [one.delivery_id for one in heard if one.delivery_id is not None]
            erasures.drop_names(conn, told, deliveries.encode(Erase()).decode())
            if ends and not erasures.is_something_on_its_way(conn, erasure.contact_id):
                # What was on its way when it began has left its traces since
                erasures.drop_person(conn, erasure.contact_id, now)
                while _drop_some(runtime, conn, erasure):
                    pass
                erasures.change(conn, erasure.id, status=erasures.FINISHED, ended_at=now)
                logger.info("erased", erasure=erasure.id, contact=erasure.contact_id)


def _news(
    known: Collection[Receipt], said: Mapping[int, tuple[str, str, datetime]], now: datetime
) -> Sequence[Receipt]:
    """What tools said since. A delivery that is gone was forgotten with everything else: it has to be asked anew."""
    news = []
    for one in known:
        if one.delivery_id is None or one.status == DONE:
            continue
        status, note, at = said.get(one.delivery_id, (STUCK, "what was asked of it is gone; ask it by hand", now))
        if (status, note) != (one.status, one.note):
            news.append(msgspec.structs.replace(one, status=status, note=note, at=at))
    return news
