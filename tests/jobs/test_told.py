"""What sales was told of is a fact, and so is what is on its way to them: a late event that shows an earlier reason for
a handoff makes no second one of it, and takes none of its parts away."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from adapters.sandbox.server import Server
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType, Identity, position
from app.runtime import Runtime
from app.store import inbox, tables
from app.store.handoffs import HandoffRow
from jobs.planning import Planner
from jobs.told import ToldHandoffs
from jobs.unit import Work
from tests.conftest import NOW
from tests.contacts.making import event
from tests.feeding import drain, rows, visit
from tests.jobs.test_deliver import impatient, live, look_at_pricing, one, ready_for_sales, settle, vendors

__all__ = ["impatient", "live", "one", "vendors"]

PACKET = ("alert", "create_note", "create_task")


def open_handoff(runtime: Runtime, vendors: Server) -> datetime:
    """A handoff of which nothing has left; a moment at which there could have been one before."""
    ready_for_sales(runtime, vendors)
    before = runtime.clock()
    look_at_pricing(runtime)
    drain(runtime)
    assert packet(runtime) == {kind: ["pending"] for kind in PACKET}
    return before


def come_to_light(runtime: Runtime, at: datetime) -> None:
    """That she had looked at the prices before reaches us late."""
    visit(runtime, "visitor-ann".ljust(16, "x"), "/pricing", at)
    drain(runtime)


def packet(runtime: Runtime) -> dict[str, list[str]]:
    """What sales is to get, by kind: the states in which it is."""
    found: dict[str, list[str]] = {}
    for row in rows(runtime, "deliveries", "kind", "status"):
        if row.kind in PACKET:
            found.setdefault(row.kind, []).append(row.status)
    return {kind: sorted(states) for kind, states in sorted(found.items())}


def become(runtime: Runtime, kind: str, **values: Any) -> None:
    with runtime.database.write() as conn:
        conn.execute(update(tables.deliveries).where(tables.deliveries.c.kind == kind).values(attempts=1, **values))


def on_its_way(runtime: Runtime) -> None:
    become(runtime, "create_note", status="sending", fence=1)


def answer_lost(runtime: Runtime) -> None:
    become(runtime, "create_note", status="unknown")


def arrived(runtime: Runtime) -> None:
    become(runtime, "create_note", status="sent")
    with runtime.database.write() as conn:
        conn.execute(update(tables.handoffs).values(alerted_at=runtime.clock()))


def test_while_nothing_has_left_the_first_reason_counts(live: Runtime, vendors: Server) -> None:
    before = open_handoff(live, vendors)
    come_to_light(live, before)
    assert packet(live) == {kind: ["pending", "withheld"] for kind in PACKET}
    assert [row.status for row in rows(live, "handoffs", "status")] == ["withdrawn", "open"]


@pytest.mark.parametrize(("left", "state"), [(on_its_way, "sending"), (answer_lost, "unknown"), (arrived, "sent")])
def test_once_a_part_has_left_the_handoff_stays_with_all_its_parts(
    live: Runtime, vendors: Server, left: Callable[[Runtime], None], state: str
) -> None:
    before = open_handoff(live, vendors)
    left(live)
    come_to_light(live, before)
    assert packet(live) == {"alert": ["pending"], "create_note": [state], "create_task": ["pending"]}
    assert [row.status for row in rows(live, "handoffs", "status")] == ["open"]


def test_what_leaves_while_a_batch_is_worked_on_is_seen(
    one: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nothing is locked between reading and writing."""
    before = open_handoff(one, vendors)
    plan, met = Planner.plan, []

    def late(planner: Planner) -> None:
        if not met:
            on_its_way(one)
        met.append(1)
        plan(planner)

    monkeypatch.setattr(Planner, "plan", late)
    come_to_light(one, before)
    assert len(met) == 2, "once more, from the start"
    assert packet(one) == {"alert": ["pending"], "create_note": ["sending"], "create_task": ["pending"]}
    assert [row.status for row in rows(one, "handoffs", "status")] == ["open"]


def judge(runtime: Runtime, verdict: str) -> None:
    """Sales says how it went."""
    (row,) = rows(runtime, "handoffs", "contact_id", "key")
    said = Event(
        type=EventType.SALES_VERDICT,
        occurred_at=runtime.clock(),
        source_key="the verdict",
        identities=(Identity("contact", str(row.contact_id)),),
        properties={"verdict": verdict, "handoff": row.key},
        actor="rep@acme.example",
    )
    with runtime.database.write() as conn:
        inbox.note(conn, [said], runtime.clock())
    drain(runtime)


def claimed(runtime: Runtime) -> None:
    """Somebody has seen it on their desk before anything left."""
    with runtime.database.write() as conn:
        conn.execute(update(tables.handoffs).values(status="claimed", claimed_at=runtime.clock(), claimed_by="rep"))


@pytest.mark.parametrize("told", [settle, claimed])
def test_what_sales_has_judged_is_not_handed_over_again(
    live: Runtime, vendors: Server, told: Callable[[Runtime], Any]
) -> None:
    before = open_handoff(live, vendors)
    told(live)
    judge(live, "nurture")
    opened, parts = rows(live, "handoffs", "key", "opened_at", "score"), packet(live)
    come_to_light(live, before)
    assert packet(live) == parts, "sales is told of nothing anew"
    assert rows(live, "handoffs", "key", "opened_at", "score") == opened
    assert [(row.status, row.verdict) for row in rows(live, "handoffs", "status", "verdict")] == [("closed", "nurture")]


def test_a_verdict_stands_where_there_should_have_been_no_handoff(live: Runtime, vendors: Server) -> None:
    """That they were talking already reaches us after sales has won them."""
    before = open_handoff(live, vendors)
    settle(live)
    judge(live, "won")
    assert stage(live) == "customer"
    booked = Event(
        type=EventType.MEETING_BOOKED,
        occurred_at=before,
        source_key="the meeting",
        identities=(Identity("email", "ann@acme.example"),),
        properties={"starts_at": (before + timedelta(days=3)).isoformat()},
    )
    with live.database.write() as conn:
        inbox.note(conn, [booked], live.clock())
    drain(live)
    (withheld, *_) = [row.summary for row in rows(live, "decisions", "what", "summary") if row.what == "handoff"]
    assert "already in conversation" in withheld
    assert stage(live) == "customer"
    assert [(row.status, row.verdict) for row in rows(live, "handoffs", "status", "verdict")] == [("closed", "won")]
    (state,) = [row.state for row in rows(live, "contacts", "state")]
    assert [(one["verdict"], "closed_at" in one) for one in json.loads(state)["handoffs"]] == [("won", True)]


def stage(runtime: Runtime) -> str:
    return str(json.loads(rows(runtime, "contacts", "state")[0].state)["stage"]["name"])


def told_of(contact_id: int, event: Event) -> HandoffRow:
    """A handoff that an event opened, and of which sales was told."""
    blank = dict.fromkeys(HandoffRow.__struct_fields__)
    known = {"key": "k", "contact_id": contact_id, "event_id": event.id, "opened_at": event.occurred_at, "rule": "r"}
    return HandoffRow(**{**blank, **known})


def test_what_opened_in_the_instant_of_the_checkpoint_but_after_it_is_recalled() -> None:
    before, opens = sorted((event("page.viewed", NOW, key=key) for key in "ab"), key=position)
    state = Contact(newest=position(before))
    told = ToldHandoffs([told_of(1, opens)])
    told.place({1: Work(None, state, events=[opens])}, {}, ())
    told.recall(state, opens)
    assert [one.key for one in state.handoffs] == ["k"]


def test_a_handoff_stays_with_whom_sales_was_told_of_where_its_event_moves() -> None:
    """It turns out that it was somebody else's visit."""
    first, opens = event("page.viewed", NOW - timedelta(hours=1)), event("page.viewed", NOW)
    ann, ben = Work(None, Contact(), events=[first]), Work(None, Contact(), events=[opens])
    told = ToldHandoffs([told_of(1, opens)])
    told.place({1: ann, 2: ben}, {}, {opens.id: 2})
    told.recall(ann.state, first)
    told.recall(ben.state, opens)
    assert [one.key for one in ann.state.handoffs] == ["k"]
    assert ben.state.handoffs == []
