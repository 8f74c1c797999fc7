"""A handoff's own page and its history: the clock, who was told how, who has it, and what was said by whom.

Catalogue: G2, G4, G5.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from adapters.sandbox.server import Server, serve
from app.contacts.event import Event, EventType
from app.handoff_links import link
from app.rules.policy import read_document
from app.runtime import Runtime
from app.setup import add_connection
from app.store import log, policies, tables
from jobs import deliver, landing, sweep
from tests.app.doors import Api
from tests.app.screens import HOSTILE, SITE, Browser, add_user, new_app
from tests.app.test_handoff_page import _SIGNED
from tests.conftest import Clock
from tests.feeding import drain, form, hubspot, rows
from tests.rules.test_clock import DUE, FRIDAY, POLICY, REMIND


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock(FRIDAY)


@pytest.fixture
def hub(runtime: Runtime, clock: Clock, vendors: Server, monkeypatch: pytest.MonkeyPatch, unpaced: None) -> Runtime:
    """One handoff, opened on a Friday evening in Berlin, and two ways to tell people of it."""
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.0)
    for name in ("slack", "pager"):
        add_connection(runtime, "alerts", name, {"urls": vendors.url.replace("http", "json") + f"/alerts/{name}"})
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(POLICY), "test", "", clock())
    runtime.forget()
    form(runtime, "demo", email="ann@acme.example", first_name="Ann", message=HOSTILE)
    work(runtime)
    return runtime


def work(runtime: Runtime) -> None:
    for _ in range(3):
        sweep.ring(runtime)
        drain(runtime)
        deliver.drain(runtime, 5)


def the_one(runtime: Runtime) -> str:
    (row,) = rows(runtime, "handoffs", "id")
    return f"/admin/handoffs/{row.id}"


def test_the_page_says_who_why_now_how_long_and_how_to_begin(hub: Runtime, clock: Clock) -> None:
    clock.advance(hours=1)  # after ten of its minutes the weekend began
    page = Browser(new_app(hub), "sales").read(the_one(hub))
    for words in (
        "Ann", "Asked for a demo", "20 minutes left", "2026-05-26 09:20 CEST",
        "Outside business hours the clock stands still", "the owner is reminded", "Pia is told",
        "Nobody has it yet", "Given to Rita", "How to begin", "Hi Ann",
        "+25", "Filled in a form", "Handed to sales", "Alert people through slack", "Claim", "Say how it went",
        "mailto:ann@acme.example",
    ):  # fmt: skip
        assert words in page, words
    assert "/admin/deliveries/" not in page  # which sales may not see


def test_where_nobody_owns_it_the_team_is_reminded(hub: Runtime) -> None:
    with hub.database.write() as conn:
        conn.execute(update(tables.handoffs).values(owner_id="", owner_email="", owner_name=""))
    page = Browser(new_app(hub), "sales").read(the_one(hub))
    assert "the team is reminded" in page
    assert "the owner is reminded" not in page


def test_every_step_of_its_clock_stands_there_with_who_was_told_and_how(hub: Runtime, clock: Clock) -> None:
    clock.now = REMIND
    work(hub)
    clock.now = DUE + timedelta(minutes=7)
    work(hub)
    page = Browser(new_app(hub), "admin").read(the_one(hub))
    for words in ("Overdue by 7 minutes", "pia@example.com was told", "Reminded", "Escalated",
                  "Handoff escalated to Pia: nobody had taken it by 2026-05-26 09:20 CEST", ">pager</a>"):  # fmt: skip
        assert words in page, words
    assert page.index("Handed to sales") < page.index(">Reminded<") < page.index(">Escalated<")


def test_claim_and_verdict_stand_there_with_who_said_so_and_who_noted_it(hub: Runtime, clock: Clock) -> None:
    api, address = Api(hub), the_one(hub)
    number = address.rsplit("/", 1)[1]
    clock.now = REMIND
    work(hub)
    clock.advance(minutes=1)
    api.post(f"/handoffs/{number}/claim", by="Sam of sales")
    sales = Browser(new_app(hub), "sales")
    page = sales.read(address)  # before the event is read the row says so
    assert "Sam of sales has it" in page
    assert "Claimed</span> by Sam of sales" in page
    assert "noted by token tests" in page
    clock.advance(minutes=1)
    said = sales.says(sales.post(f"{address}/verdict", {"verdict": "accepted", "note": HOSTILE, "back": address}))
    assert "Noted: accepted" in said
    work(hub)
    clock.advance(hours=1)
    path = link(hub.settings, rows(hub, "handoffs", "key")[0].key).removeprefix(SITE)
    rep = new_app(hub).test_client()
    signed = _SIGNED.search(rep.get(path, base_url=SITE).text)
    assert signed is not None
    rep.post(path, base_url=SITE, data={"verdict": "won", "signed": signed[1], "name": "Kim"})
    work(hub)
    page = Browser(new_app(hub), "sales").read(address)
    for words in ("Taken within 21 minutes", "in time", "Judged: Accepted</span> by sales@team.example",
                  "Judged: Won</span> by Kim", "noted by whoever has the link"):  # fmt: skip
        assert words in page, words
    assert "<script>alert" not in page
    assert page.count("Claimed</span> by Sam of sales") == 1


def test_the_audit_log_names_the_token_not_whom_it_named(hub: Runtime) -> None:
    api, number = Api(hub), the_one(hub).rsplit("/", 1)[1]
    shown = api.post(f"/handoffs/{number}/claim", by="ceo@team.example")
    assert shown["claimed_by"] == "ceo@team.example"
    api.post(f"/handoffs/{number}/verdict", verdict="won", by="ceo@team.example", note="great")
    noted = [(row.who, row.what, row.detail, row.before, row.after) for row in rows(hub, "audit", "who", "what", "detail", "before", "after") if row.what.startswith("handoff.")]  # noqa: E501  # fmt: skip
    assert noted == [
        ("token tests", "handoff.claim", "said to be by ceo@team.example", "", "claimed"),
        ("token tests", "handoff.verdict", "said to be by ceo@team.example", "", "won"),
    ]


def test_the_api_has_the_same(hub: Runtime, clock: Clock) -> None:
    api, number = Api(hub), the_one(hub).rsplit("/", 1)[1]
    clock.now = REMIND
    work(hub)
    shown = api.get(f"/handoffs/{number}")
    assert shown["clock"] == {
        "left": 10.0, "taken": None, "due": "2026-05-26 09:20 CEST", "open": True, "goes_on": "2026-05-26T07:10:00Z",
        "second": "Pia",
    }  # fmt: skip
    assert [step["what"] for step in shown["history"]] == ["opened", "assigned", "reminder"]
    reminder: dict[str, Any] = shown["history"][-1]
    assert [(one["connection"], one["status"]) for one in reminder["told"]] == [("slack", "sent")]
    api.get("/handoffs/999", status=404)


def test_what_a_crm_says_names_the_crm(hub: Runtime, clock: Clock) -> None:
    crm = hubspot(hub)
    at = clock.advance(minutes=3)
    said = Event(
        type=EventType.SALES_VERDICT, occurred_at=at, connection_id=crm.id, source_key="field|1",
        actor="rita@example.com", properties={"verdict": "nurture"},
    )  # fmt: skip
    with hub.database.write() as conn:
        log.append(conn, [log.Entry(said, rows(hub, "contacts", "id")[0].id, None)])
    page = Browser(new_app(hub), "sales").read(the_one(hub))
    assert "Judged: Nurture</span> by rita@example.com" in page
    assert "noted by hubspot" in page


def test_the_list_shows_those_of_one_owner(hub: Runtime, clock: Clock) -> None:
    form(hub, "demo", email="ben@acme.example", first_name="Ben")
    work(hub)
    add_user(hub, "sales")
    names = {str(row.owner_email) for row in rows(hub, "handoffs", "owner_email")}
    sales = Browser(new_app(hub), "sales")
    page = sales.read("/admin/handoffs")
    assert ">Ann<" in page
    assert ">Ben<" in page
    one = sorted(names)[0]
    page = sales.read(f"/admin/handoffs?owner={one}")
    assert page.count("/claim") == [row.owner_email for row in rows(hub, "handoffs", "owner_email")].count(one)
    assert f'<option value="{one}" selected>' in page
    assert "Choose “Anybody”" in sales.read("/admin/handoffs?owner=sales@team.example")
    assert ">Ann<" in sales.read("/admin/handoffs?owner=nobody@at.all")  # nonsense counts as not asked


def test_a_page_of_a_handoff_that_is_not_there_says_so(hub: Runtime) -> None:
    assert Browser(new_app(hub), "sales").get("/admin/handoffs/999").status_code == 404
