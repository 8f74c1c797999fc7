"""A handoff's clock end to end, on both databases: timers ring through the sweep, alerts leave through real lanes, and
what has left stays so whatever comes late. Catalogue: G4, G7."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from adapters.sandbox.server import Server, serve
from app import views
from app.contacts.event import Event, EventType, Identity
from app.contacts.own_events import HANDOFF_CLAIMED
from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import handoffs, inbox, lists, policies, tables
from jobs import deliver, landing, sweep
from tests.conftest import Clock, make_runtime
from tests.feeding import arrive, contact, drain, form, hubspot, notice, rows
from tests.rules.test_clock import DUE, FRIDAY, POLICY, REMIND

MAIL = "ann@acme.example"


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock(FRIDAY)


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, vendors: Server, monkeypatch: pytest.MonkeyPatch,
    unpaced: None,
) -> Iterator[Runtime]:  # fmt: skip
    """An installation with two ways to alert people, on a Friday evening in Berlin."""
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.0)
    runtime = make_runtime(request, request.param, tmp_path, clock)
    for name in ("slack", "pager"):
        add_connection(runtime, "alerts", name, {"urls": vendors.url.replace("http", "json") + f"/alerts/{name}"})
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(POLICY), "test", "", clock())
    runtime.forget()
    yield runtime
    runtime.close()


def work(runtime: Runtime) -> None:
    """All that there is to do now: timers, the inbox, what leaves; and what follows from that."""
    for _ in range(3):
        sweep.ring(runtime)
        drain(runtime)
        deliver.drain(runtime, 5)


def titles(vendors: Server) -> list[str]:
    """What people were told in each channel, the first one first, oldest first: ``slack Handoff for Rita``."""
    told = sorted(vendors.alerts, key=lambda one: (one["path"].endswith("/pager"), one["at"]))
    return [f"{one['path'].rsplit('/', 1)[-1]} {one['body']['title'].partition(': ')[0]}" for one in told]


def handoff(runtime: Runtime) -> dict[str, Any]:
    """The one handoff as the API shows it."""
    with runtime.database.read() as conn:
        (row,) = [one for one in lists.handoffs_page(conn, 10, None).rows if one["status"] != "withdrawn"]
    return views.handoff(runtime, row)


def decided(runtime: Runtime, outcome: str = "taken") -> list[str]:
    """What the clock decided, in the order in which it was."""
    return [row.what for row in rows(runtime, "decisions", "what", "rule", "outcome") if (row.rule, row.outcome) == ("clock", outcome)]  # noqa: E501  # fmt: skip


def open_one(runtime: Runtime) -> None:
    form(runtime, "demo", email=MAIL, first_name="Ann")
    work(runtime)


def claim(runtime: Runtime, by: str = "Rita") -> None:
    """As the button does."""
    row, now = handoff(runtime), runtime.clock()
    (key,) = [one.key for one in rows(runtime, "handoffs", "id", "key") if one.id == row["id"]]
    noted = Event(
        type=HANDOFF_CLAIMED, occurred_at=now, source_key=f"claimed|{key}", actor=by,
        identities=(Identity("contact", str(row["contact_id"])),),
    )  # fmt: skip
    with runtime.database.write() as conn:
        handoffs.change(conn, {key: {"status": "claimed", "claimed_at": now, "claimed_by": by}})
        inbox.note(conn, [noted], now)


def test_a_friday_evening_in_berlin(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    assert titles(vendors) == ["slack Handoff for Rita"]
    shown = handoff(hub)
    assert (shown["due_at"], shown["remind_at"], shown["overdue"]) == (DUE, REMIND, False)
    assert "by 2026-05-26 09:20 CEST" in vendors.alerts[0]["body"]["message"]

    clock.now = REMIND - timedelta(seconds=1)
    work(hub)
    assert len(vendors.alerts) == 1

    clock.now = REMIND
    work(hub)
    assert titles(vendors)[1:] == ["slack Reminder for Rita"]
    assert handoff(hub)["reminded_at"] == REMIND

    clock.now = DUE + timedelta(seconds=5)
    work(hub)
    assert titles(vendors)[2:] == ["pager Escalated to Pia"]
    shown = handoff(hub)
    assert (shown["escalated_at"], shown["escalated_to"], shown["overdue"]) == (clock.now, "pia@example.com", True)
    assert decided(hub) == ["reminder", "escalation"]

    clock.advance(days=3)
    work(hub)
    assert len(vendors.alerts) == 3


@pytest.mark.parametrize("when", [REMIND - timedelta(minutes=1), REMIND + timedelta(minutes=1)])
def test_a_claim_stops_it(hub: Runtime, clock: Clock, vendors: Server, when: datetime) -> None:
    open_one(hub)
    clock.now = when
    work(hub)
    before = len(vendors.alerts)
    claim(hub)
    work(hub)
    assert rows(hub, "timers", "key") == []
    clock.now = DUE + timedelta(days=1)
    work(hub)
    assert len(vendors.alerts) == before
    assert decided(hub)[-1] == "claim"
    assert not handoff(hub)["overdue"]


def test_a_claim_that_is_read_after_the_timer_takes_the_escalation_back(hub: Runtime, clock: Clock) -> None:
    open_one(hub)
    clock.now = DUE
    sweep.ring(hub)
    drain(hub)
    (waiting,) = rows(hub, "deliveries", "status", status="pending", connection_id=_id(hub, "pager"))
    assert waiting.status == "pending"
    clock.now = DUE - timedelta(seconds=1)  # she was a second faster
    claim(hub)
    clock.now = DUE
    work(hub)
    assert decided(hub, "superseded") == ["escalation"]
    (withheld,) = rows(hub, "deliveries", "status", connection_id=_id(hub, "pager"))
    assert withheld.status == "withheld"


def _id(runtime: Runtime, name: str) -> int:
    found = runtime.connection(name)
    assert found is not None
    return found.id


def test_what_rang_during_an_outage_is_said_once_late_and_in_order(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    clock.now = DUE + timedelta(hours=10)
    work(hub)
    work(hub)
    assert titles(vendors) == ["slack Handoff for Rita", "slack Reminder for Rita", "pager Escalated to Pia"]
    assert decided(hub) == ["reminder", "escalation"]
    assert "It was due at 2026-05-26 09:20 CEST." in vendors.alerts[-1]["body"]["message"]


def test_a_late_event_repeats_nothing_that_has_left(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    clock.now = DUE
    work(hub)
    told = titles(vendors)
    assert len(told) == 3
    # She had asked two hours earlier already, which reaches us only now: another reason, the same handoff
    form(hub, "demo", email=MAIL, submitted_at=str(int((FRIDAY - timedelta(hours=2)).timestamp() * 1000)))
    work(hub)
    clock.advance(days=2)
    work(hub)
    assert titles(vendors) == told
    assert decided(hub) == ["reminder", "escalation"]
    shown = handoff(hub)
    assert (shown["status"], shown["escalated_to"]) == ("open", "pia@example.com")


def test_a_late_event_leaves_the_running_clock_as_it_is(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    clock.now = REMIND - timedelta(minutes=5)
    form(hub, "demo", email=MAIL, submitted_at=str(int((FRIDAY - timedelta(hours=2)).timestamp() * 1000)))
    work(hub)
    assert handoff(hub)["due_at"] == DUE  # what sales was told
    for moment in (REMIND, DUE, DUE + timedelta(hours=1)):
        clock.now = moment
        work(hub)
    assert titles(vendors) == ["slack Handoff for Rita", "slack Reminder for Rita", "pager Escalated to Pia"]


def test_a_late_event_that_undoes_the_reason_does_not_stop_the_clock(
    hub: Runtime, clock: Clock, vendors: Server
) -> None:
    """Sales knows of the person; a deal that was there all along comes to light. It is still theirs to judge."""
    hubspot(hub)
    arrive(hub, "hubspot", [notice(FRIDAY - timedelta(days=9), 1, "creation"), notice(FRIDAY, 1, name="email", value=MAIL)])  # noqa: E501  # fmt: skip
    open_one(hub)
    _talks_with_sales(hub, FRIDAY - timedelta(days=1))
    work(hub)
    assert handoff(hub)["status"] == "open"
    clock.now = REMIND
    work(hub)
    _talks_with_sales(hub, FRIDAY - timedelta(days=2))
    clock.now = DUE
    work(hub)
    assert titles(vendors) == ["slack Handoff for Rita", "slack Reminder for Rita", "pager Escalated to Pia"]
    assert decided(hub) == ["reminder", "escalation"]


def _talks_with_sales(runtime: Runtime, since: datetime) -> None:
    said = Event(
        type=EventType.CONVERSATION_STARTED,
        occurred_at=since,
        source_key=f"chat|{since}",
        identities=(Identity("contact", str(contact(runtime, email=MAIL)["id"])),),
        properties={"thread": "1", "kind": "chat", "until": (since + timedelta(days=30)).isoformat()},
    )
    with runtime.database.write() as conn:
        inbox.note(conn, [said], runtime.clock())


def test_where_the_first_channel_fails_the_second_is_used_at_once(hub: Runtime, clock: Clock, vendors: Server) -> None:
    broken = hub.vault.seal({"urls": "json://127.0.0.1:9"})
    with hub.database.write() as conn:
        change = update(tables.connections).where(tables.connections.c.name == "slack")
        conn.execute(change.values(settings=broken, version=2))
    hub.forget()
    form(hub, "demo", email=MAIL, first_name="Ann")
    drain(hub)
    clock.advance(seconds=1)  # or the failure would be at the very instant of the form
    for _ in range(landing.FAILURES):
        work(hub)
    assert titles(vendors) == ["pager Escalated to Ole"]  # Pia is away until Tuesday
    assert handoff(hub)["escalated_to"] == "ole@example.com"
    clock.now = DUE
    work(hub)
    assert len(vendors.alerts) == 1


def test_a_merge_rings_once(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    hubspot(hub)
    arrive(hub, "hubspot", [notice(FRIDAY, 7, "creation"), notice(FRIDAY, 7, name="email", value="ann@other.example")])
    drain(hub)
    arrive(hub, "hubspot", [notice(FRIDAY + timedelta(minutes=1), 7, name="email", value=MAIL)])
    work(hub)
    clock.now = DUE
    work(hub)
    assert titles(vendors) == ["slack Handoff for Rita", "slack Reminder for Rita", "pager Escalated to Pia"]


def test_two_handoffs_that_a_merge_brings_together_are_judged_one_by_one(
    hub: Runtime, clock: Clock, vendors: Server
) -> None:
    open_one(hub)
    hubspot(hub)
    arrive(hub, "hubspot", [notice(FRIDAY, 7, "creation"), notice(FRIDAY, 7, name="email", value="ann@other.example")])
    form(hub, "demo", at=FRIDAY + timedelta(minutes=1), email="ann@other.example")
    work(hub)
    assert [row.alerted_at is None for row in rows(hub, "handoffs", "alerted_at")] == [False, False]
    arrive(hub, "hubspot", [notice(FRIDAY + timedelta(minutes=2), 7, name="email", value=MAIL)])
    work(hub)
    assert [row.status for row in rows(hub, "handoffs", "status")] == ["open", "open"]
    for number, verdict in enumerate(("nurture", "won")):
        clock.advance(minutes=5)
        row = rows(hub, "handoffs", "key", "contact_id")[number]
        said = Event(
            type=EventType.SALES_VERDICT,
            occurred_at=clock(),
            source_key=verdict,
            identities=(Identity("contact", str(row.contact_id)),),
            properties={"verdict": verdict, "handoff": row.key},
            actor="Rita",
        )
        with hub.database.write() as conn:
            inbox.note(conn, [said], clock())
        work(hub)
    assert [(row.status, row.verdict) for row in rows(hub, "handoffs", "status", "verdict")] == [
        ("closed", "nurture"),
        ("closed", "won"),
    ]
    clock.advance(minutes=5)
    form(hub, "webinar", at=FRIDAY, email=MAIL)  # what comes late is folded in with both
    work(hub)
    assert [row.status for row in rows(hub, "handoffs", "status")] == ["closed", "closed"]


def test_a_verdict_of_not_a_fit_ends_clock_and_marketing(hub: Runtime, clock: Clock, vendors: Server) -> None:
    open_one(hub)
    clock.advance(minutes=5)
    said = Event(
        type=EventType.SALES_VERDICT,
        occurred_at=clock(),
        source_key="verdict",
        identities=(Identity("contact", str(contact(hub, email=MAIL)["id"])),),
        properties={"verdict": "not_a_fit"},
        actor="Rita",
    )
    with hub.database.write() as conn:
        inbox.note(conn, [said], clock())
    work(hub)
    clock.now = datetime(2027, 5, 26, tzinfo=UTC)
    work(hub)
    assert len(vendors.alerts) == 1
    assert "not_a_fit" in [one.reason for one in contact(hub, email=MAIL)["suppressions"]]
