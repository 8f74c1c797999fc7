"""What people do through API, screens and links: each is written down, and what changes a contact becomes an event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection as Conn
from sqlalchemy import Select, select

from adapters.contract import Check
from app import erasure, repairs, views
from app.contacts.event import Event, EventType, Identity
from app.contacts.own_events import HANDOFF_CLAIMED
from app.mapping import rereading, sending
from app.mapping.rereading import NotBegun
from app.mapping.sending import NotSent
from app.receive import Refused, this_runtime, this_waker
from app.store import connections, counts, deliveries, handoffs, inbox, left, notes
from app.store.connections import Connection
from app.store.tables import deliveries as deliveries_table
from app.store.tables import handoffs as handoffs_table
from app.store.tables import inbox as inbox_table
from jobs.queue import DELIVER, INGEST, REHEARSE
from mappings.mapping import FieldMapping

DONE = {"status": "ok"}
MOST_AT_ONCE = 10_000


def begin_rehearsing() -> None:
    """Have a worker begin with the rehearsals that wait; without one the sweep does."""
    this_waker().wake(REHEARSE)


def replay_inbox(who: str, row_id: int) -> dict[str, str]:
    """Have one request read again."""
    runtime = this_runtime()
    with runtime.database.write() as conn:
        status = conn.execute(select(inbox_table.c.status).where(inbox_table.c.id == row_id)).scalar()
        if status is None:
            raise Refused(404, "there is no such request")
        if not inbox.replay(conn, [row_id]):
            raise Refused(409, "it waits to be read already")
        notes.write_audit(conn, who, "inbox.replay", str(row_id), runtime.clock())
    this_waker().wake(INGEST)
    return DONE


def replay_several(who: str, ids: Sequence[int]) -> int:
    """Have some requests read again; how many there were that did not wait for it already."""
    runtime = this_runtime()
    with runtime.database.write() as conn:
        count = inbox.replay(conn, ids)
        if count:
            notes.write_audit(conn, who, "inbox.replay", f"{count} requests", runtime.clock(), _listed(ids))
    this_waker().wake(INGEST)
    return count


def replay_parked(who: str, connection_id: int | None, reason: str | None = None) -> tuple[int, bool]:
    """Have parked requests read again, oldest first: of one connection or all, for one reason or any; how many, and
    whether some are left."""
    runtime = this_runtime()
    count, more = repairs.replay_parked(runtime, connection_id, MOST_AT_ONCE, reason)
    _note_several(who, "inbox.replay", f"{count} parked requests", connection_id, reason)
    this_waker().wake(INGEST)
    return count, more


def matching(found: Select[Any]) -> dict[str, Any]:
    """How many rows are found; of more than are counted as many as are, and that there are more."""
    with this_runtime().database.read() as conn:
        count = counts.up_to(conn, {"": found})[""]
    return {"matching": min(count, counts.COUNT_UP_TO), "cut": count > counts.COUNT_UP_TO}


def retry_several(who: str, ids: Sequence[int]) -> int:
    """Have some deliveries tried again; how many of them had been given up. Those of unknown outcome are left: for each
    of them somebody has to look first."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        dead = conn.execute(left.dead().where(deliveries_table.c.id.in_(ids))).scalars().all()
        count = deliveries.retry(conn, dead, now)
        if count:
            notes.write_audit(conn, who, "delivery.retry", f"{count} deliveries", now, _listed(dead))
    this_waker().wake(DELIVER)
    return count


def retry_dead(who: str, connection_id: int | None, kind: str | None, reason: str | None) -> tuple[int, bool]:
    """Have deliveries that were given up tried again, oldest first; how many, and whether some are left."""
    runtime = this_runtime()
    count, more = repairs.retry_dead(runtime, connection_id, kind, reason, MOST_AT_ONCE)
    _note_several(who, "delivery.retry", f"{count} deliveries", connection_id, reason, kind)
    this_waker().wake(DELIVER)
    return count, more


def _note_several(
    who: str, what: str, on: str, connection_id: int | None, reason: str | None, kind: str | None = None
) -> None:
    runtime = this_runtime()
    of = [f"of {views.connection_name(runtime, connection_id)}"] if connection_id is not None else []
    of += [f"that were to {kind.replace('_', ' ')}"] if kind else []
    of += [f"because of: {reason}"] if reason else []
    with runtime.database.write() as conn:
        notes.write_audit(conn, who, what, on, runtime.clock(), " ".join(of))


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))[:1_000]


def retry_delivery(who: str, delivery_id: int) -> dict[str, str]:
    """Have one dead delivery, or one of unknown outcome, tried again."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        status = conn.execute(select(deliveries_table.c.status).where(deliveries_table.c.id == delivery_id)).scalar()
        if status is None:
            raise Refused(404, "there is no such delivery")
        if not deliveries.retry(conn, [delivery_id], now):
            raise Refused(409, f"it is {status}; only dead ones and those of unknown outcome can be tried again")
        notes.write_audit(conn, who, "delivery.retry", str(delivery_id), now)
    this_waker().wake(DELIVER)
    return DONE


def claim_handoff(handoff_id: int, who: str, by: str = "") -> dict[str, Any]:
    """Note that somebody takes care of a handoff. The first one has it; the same person may say so twice. Its clock
    stops at once; the contact's timeline follows from the event.

    ``who`` is who we know it is, a user or a token, and stands in the audit log; ``by`` is whom they say that it is,
    and stands on the handoff.
    """
    runtime, by = this_runtime(), by or who
    now = runtime.clock()
    with runtime.database.write() as conn:
        row = _handoff(conn, handoff_id)
        if row["status"] == "claimed" and row["claimed_by"] != by:
            raise Refused(409, f"{row['claimed_by']} has claimed it already")
        if row["status"] not in ("open", "claimed"):
            raise Refused(409, f"it is {row['status']}")
        if row["status"] == "open":
            handoffs.change(conn, {row["key"]: {"status": "claimed", "claimed_at": now, "claimed_by": by}})
            inbox.note(conn, [_claim(row, by, now)], now)
            notes.write_audit(conn, who, "handoff.claim", str(handoff_id), now, _said_to_be(by, who), after="claimed")
        shown = views.handoff(runtime, _handoff(conn, handoff_id))
    this_waker().wake(INGEST)
    return shown


def judge_handoff(handoff_id: int, verdict: str, who: str, note: str = "", by: str = "") -> dict[str, Any]:
    """Note how a handoff ended. The row changes at once; stage and automation follow from the event. ``who`` and ``by``
    as in :func:`claim_handoff`."""
    runtime, by = this_runtime(), by or who
    now = runtime.clock()
    with runtime.database.write() as conn:
        row = _handoff(conn, handoff_id)
        if row["status"] == "withdrawn":
            raise Refused(409, "it was withdrawn before anybody was told")
        if row["verdict"] == verdict:
            return views.handoff(runtime, row)
        if row["verdict"] not in (None, "accepted"):
            raise Refused(409, f"it was judged already: {row['verdict']}")
        changes = {"status": "closed", "verdict": verdict, "verdict_at": now, "verdict_by": by}
        handoffs.change(conn, {row["key"]: changes})
        inbox.note(conn, [_verdict(row, verdict, by, note, now)], now)
        before = row["verdict"] or ""
        notes.write_audit(
            conn, who, "handoff.verdict", str(handoff_id), now, _said_to_be(by, who), before=before, after=verdict
        )
        shown = views.handoff(runtime, _handoff(conn, handoff_id))
    this_waker().wake(INGEST)
    return shown


def _said_to_be(by: str, who: str) -> str:
    return f"said to be by {by}" if by != who else ""


# --- erasing


def erase(who: str, contact_id: int) -> int:
    """Erase somebody here, and have every tool asked to; the erasure's id."""
    number = erasure.erase(this_runtime(), who, contact_id)
    this_waker().wake(DELIVER)
    return number


def erase_by_name(who: str, text: str) -> int:
    """Erase whoever goes by an address, a phone number or an alias, also where only tools may know them."""
    runtime = this_runtime()
    try:
        with runtime.database.read() as conn:
            found = erasure.find(runtime, conn, text)
        if len(found) > 1:
            listed = ", ".join(map(str, found))
            raise Refused(409, f"several contacts go by it: {listed}; erase each by its number")
        if found:
            return erase(who, found[0])
        number = erasure.erase_unknown(runtime, who, text)
    except erasure.NotErased as refusal:
        raise Refused(400, str(refusal)) from None
    this_waker().wake(DELIVER)
    return number


def erased_by_hand(who: str, erasure_id: int, connection_id: int) -> None:
    """Note that somebody was deleted by hand in a tool."""
    try:
        erasure.said_so(this_runtime(), who, erasure_id, connection_id)
    except erasure.NotErased as refusal:
        raise Refused(409, str(refusal)) from None


def let_in(who: str, text: str) -> None:
    """Keep somebody out no more who came back of their own will."""
    try:
        erasure.let_in(this_runtime(), who, text)
    except erasure.NotErased as refusal:
        raise Refused(400, str(refusal)) from None


# --- mappings


def read_again(who: str, name: str, days: int, vendor: str = "", parked: bool = False) -> int:
    """Have what came in lately read again by the mapping in force; the number under which its progress is kept."""
    try:
        made = rereading.begin(this_runtime(), who, name, days, vendor, parked=parked)
    except NotBegun as refusal:
        raise Refused(409, str(refusal)) from None
    this_waker().wake(INGEST)
    return made


def send_to_one(who: str, connection: Connection, mapping: FieldMapping, contact_id: int, seen: str) -> int:
    """Send a tool what a mapping writes of one contact, as it was shown; the delivery's id."""
    try:
        made = sending.send(this_runtime(), who, connection, mapping, contact_id, seen)
    except NotSent as refusal:
        raise Refused(409, str(refusal)) from None
    this_waker().wake(DELIVER)
    return made


# --- the switches


def pause_connection(who: str, name: str, reason: str) -> None:
    """Let nothing leave through a connection; what comes in is kept and processed."""
    _switch(who, name, connections.PAUSED, reason)


def resume_connection(who: str, name: str) -> None:
    """Let things leave through a connection again."""
    _switch(who, name, connections.ACTIVE, "")
    this_waker().wake(DELIVER)


def _switch(who: str, name: str, status: str, reason: str) -> None:
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        known = connections.load_by_name(conn, runtime.vault, name)
        if known is None:
            raise Refused(404, f"there is no connection {name[:60]!r}")
        if known.status == status:
            raise Refused(409, f"it is {status} already")
        connections.set_status(conn, known.id, status, reason, now)
        notes.write_audit(conn, who, f"connection.{status}", name, now, reason)
    runtime.forget()


def pause_all(who: str, reason: str) -> None:
    """Let nothing leave through any connection; what comes in is kept and processed."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        if notes.PAUSED in notes.read_marks(conn):
            raise Refused(409, "everything is paused already")
        value = msgspec.json.encode({"by": who, "reason": reason}).decode()
        notes.mark(conn, runtime.database, notes.PAUSED, value, now)
        notes.write_audit(conn, who, "sending.paused", "all connections", now, reason)


def resume_all(who: str) -> None:
    """Let things leave again, through every connection that is not paused itself."""
    runtime = this_runtime()
    with runtime.database.write() as conn:
        if notes.PAUSED not in notes.read_marks(conn):
            raise Refused(409, "nothing is paused as a whole")
        notes.clear_mark(conn, notes.PAUSED)
        notes.write_audit(conn, who, "sending.resumed", "all connections", runtime.clock())
    this_waker().wake(DELIVER)


def check_connection(who: str, name: str) -> Sequence[Check]:
    """Try a connection's credentials with calls that change nothing, and keep what came of it."""
    runtime = this_runtime()
    connection = runtime.connection(name)
    if connection is None:
        raise Refused(404, f"there is no connection {name[:60]!r}")
    checks = repairs.check_connection(runtime, connection)
    with runtime.database.write() as conn:
        notes.write_audit(conn, who, "connection.check", name, runtime.clock())
    if checks and all(one.works for one in checks):
        this_waker().wake(DELIVER)  # one that was broken is active again
    return checks


def _handoff(conn: Conn, handoff_id: int) -> dict[str, Any]:
    row = conn.execute(select(handoffs_table).where(handoffs_table.c.id == handoff_id)).first()
    if row is None:
        raise Refused(404, "there is no such handoff")
    return dict(row._mapping)


def _claim(row: dict[str, Any], by: str, now: datetime) -> Event:
    return Event(
        type=HANDOFF_CLAIMED,
        occurred_at=now,
        source_key=f"claimed|{row['key']}",
        identities=(Identity("contact", str(row["contact_id"])),),
        properties={"handoff": row["key"]},
        actor=by,
    )


def _verdict(row: dict[str, Any], verdict: str, by: str, note: str, now: datetime) -> Event:
    return Event(
        type=EventType.SALES_VERDICT,
        occurred_at=now,
        source_key=f"verdict|{row['key']}|{verdict}|{now.isoformat()}",
        identities=(Identity("contact", str(row["contact_id"])),),
        properties={"verdict": verdict, "handoff": row["key"], **({"note": note} if note else {})},
        actor=by,
    )
