"""What people do through API, screens and links: each is written down, and what changes a contact becomes an event."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Conn
from sqlalchemy import select

from app import views
from app.contacts.event import Event, EventType, Identity
from app.receive import Refused, this_runtime, this_waker
from app.store import decided, deliveries, inbox, notes
from app.store.tables import deliveries as deliveries_table
from app.store.tables import handoffs as handoffs_table
from app.store.tables import inbox as inbox_table
from jobs.queue import DELIVER, INGEST

DONE = {"status": "ok"}


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


def claim_handoff(handoff_id: int, by: str) -> dict[str, Any]:
    """Note that somebody takes care of a handoff. The first one has it; the same person may say so twice."""
    runtime = this_runtime()
    now = runtime.clock()
    with runtime.database.write() as conn:
        row = _handoff(conn, handoff_id)
        if row["status"] == "claimed" and row["claimed_by"] != by:
            raise Refused(409, f"{row['claimed_by']} has claimed it already")
        if row["status"] not in ("open", "claimed"):
            raise Refused(409, f"it is {row['status']}")
        if row["status"] == "open":
            decided.set_handoffs(conn, {row["key"]: {"status": "claimed", "claimed_at": now, "claimed_by": by}})
            notes.write_audit(conn, by, "handoff.claim", str(handoff_id), now)
        return views.handoff(runtime, _handoff(conn, handoff_id))


def judge_handoff(handoff_id: int, verdict: str, by: str, note: str = "") -> dict[str, Any]:
    """Note how a handoff ended. The row changes at once; stage and automation follow from the event."""
    runtime = this_runtime()
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
        decided.set_handoffs(conn, {row["key"]: changes})
        inbox.note(conn, [_verdict(row, verdict, by, note, now)], now)
        notes.write_audit(conn, by, "handoff.verdict", str(handoff_id), now, verdict)
        shown = views.handoff(runtime, _handoff(conn, handoff_id))
    this_waker().wake(INGEST)
    return shown


def _handoff(conn: Conn, handoff_id: int) -> dict[str, Any]:
    row = conn.execute(select(handoffs_table).where(handoffs_table.c.id == handoff_id)).first()
    if row is None:
        raise Refused(404, "there is no such handoff")
    return dict(row._mapping)


def _verdict(row: dict[str, Any], verdict: str, by: str, note: str, now: datetime) -> Event:
    return Event(
        type=EventType.SALES_VERDICT,
        occurred_at=now,
        source_key=f"verdict|{row['key']}|{verdict}|{now.isoformat()}",
        identities=(Identity("contact", str(row["contact_id"])),),
        properties={"verdict": verdict, "handoff": row["key"], **({"note": note} if note else {})},
        actor=by,
    )
