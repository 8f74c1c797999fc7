"""Imports: contacts from files, contacts and history from tools; quiet, resumable, and with a report of what was left
out. On both databases. Catalogue: A9 (import), and what must not happen because of one.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from app.imports import acts
from app.imports.table import Encoding, Unusable, layout_of, rows_of
from app.runtime import Runtime
from app.setup import add_connection
from app.store import imports, tables
from app.store.engine import Conflict
from app.store.imports import Import
from jobs import importing, ingest, sweep
from tests.conftest import Clock
from tests.feeding import arrive, contact, drain, form, rows

PEOPLE = "E-Mail;Vorname;Firma;Newsletter\r\nann@acme.example;Ann;Acme;ja\r\nben@acme.example;Ben;;nein\r\n"
PROOF = "Double opt-in on www.example.com; the log is with our old tool"


def begin(runtime: Runtime, text: str | bytes, consent: acts.Consent | None = None, **columns: str) -> int:
    raw = text if isinstance(text, bytes) else text.encode()
    number, preview = acts.store_file(runtime, "people.csv", [raw[:7], raw[7:]], "ann")
    acts.begin_file(runtime, load(runtime, number), {**preview.columns, **columns}, "ann", consent)
    return number


def load(runtime: Runtime, number: int) -> Import:
    with runtime.database.read() as conn:
        found = imports.load(conn, number)
    assert found is not None
    return found


def run(runtime: Runtime, number: int, steps: int = 1000) -> Import:
    """Feed an import and work it off, as a worker would."""
    one = load(runtime, number)
    lease = importing.take(runtime, one)
    assert lease is not None
    feeder = importing.Feeder(runtime, one, lease)
    for _ in range(steps):
        more = feeder.step()
        drain(runtime)
        if not more:
            break
    with runtime.database.write() as conn:
        conn.execute(tables.lanes.delete())
    return load(runtime, number)


def skipped(runtime: Runtime, number: int) -> list[tuple[int, str]]:
    with runtime.database.read() as conn:
        return [(one.row, one.reason) for _, one in imports.skips(conn, number)]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "WAIT_SECONDS", 0.0)


def test_a_file_becomes_contacts_and_starts_nothing(runtime: Runtime, clock: Clock) -> None:
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    one = run(runtime, begin(runtime, PEOPLE, acts.Consent(proof=PROOF, column="Newsletter")))
    assert (one.status, one.settled, one.skipped, one.share) == ("done", 2, 0, 1.0)
    ann = contact(runtime, email="ann@acme.example")
    assert (ann["fields"]["first_name"], ann["fields"]["company"]) == ("Ann", "Acme")
    agreed = ann["consent"]["email"]["marketing"]
    assert (agreed["state"], agreed["proof"]["statement"]) == ("granted", PROOF)
    assert contact(runtime, email="ben@acme.example")["consent"]["email"]["marketing"]["state"] == "withdrawn"
    assert [one["id"] for one in ann["segments"]] == ["new_subscribers"], "state is right"
    assert ann["score"].total > 0
    clock.advance(days=1)
    sweep.ring(runtime)
    drain(runtime)
    assert rows(runtime, "enrolments") == []
    assert [row.kind for row in rows(runtime, "deliveries", "kind")] in ([], ["unsubscribe"])
    assert rows(runtime, "import_parts") == []


def test_what_happens_after_an_import_is_answered_as_ever(runtime: Runtime) -> None:
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    run(runtime, begin(runtime, PEOPLE))
    form(runtime, "newsletter", email="ann@acme.example", consent="yes")
    drain(runtime)
    assert [row.sequence for row in rows(runtime, "enrolments", "sequence")] == ["welcome"]
    kinds = {row.kind for row in rows(runtime, "deliveries", "kind")}
    assert "upsert_contact" in kinds, "the difference that the import made is written with the first real event"


def test_rows_that_cannot_be_taken_are_left_out_one_by_one_and_said_why(runtime: Runtime) -> None:
    text = "email,name,Name\nann@acme.example,Ann,x\nno address,Ben,y\n,,\n,Cem,z\ndan@acme.example,Dan,a,b,c\n"
    text += '"eve@acme.example","Eve\nfrom ""Acme""",\n'
    number = begin(runtime, text)
    one = run(runtime, number)
    assert (one.status, one.settled, one.skipped) == ("done", 5, 3)
    assert sorted(skipped(runtime, number)) == [
        (2, "“no address” is no e-mail address"),
        (3, "no e-mail address, phone number or external id"),
        (4, "has 5 cells where the file has 3 columns"),
    ]
    assert len(rows(runtime, "contacts")) == 2
    assert contact(runtime, email="eve@acme.example")["fields"]["full_name"] == 'Eve from "Acme"'
    assert rows(runtime, "inbox", "status", status="parked") == []


def test_an_import_that_is_killed_goes_on_and_takes_every_row_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS", 7)
    text = "email,first_name\n" + "".join(f"p{number}@acme.example,P{number}\n" for number in range(60))
    number = begin(runtime, text)
    half = run(runtime, number, steps=3)
    assert half.status == "running"
    assert 0 < half.fed < 60
    one = run(runtime, number)
    assert (one.status, one.settled, one.skipped) == ("done", 60, 0)
    assert len(rows(runtime, "contacts")) == 60
    assert len(rows(runtime, "events")) == 60


def test_who_lost_the_lease_feeds_nothing(runtime: Runtime) -> None:
    number = begin(runtime, PEOPLE)
    lease = importing.take(runtime, load(runtime, number))
    assert lease is not None
    with runtime.database.write() as conn:
        conn.execute(tables.lanes.delete())
    importing.work(runtime, load(runtime, number), lease, lambda *queues: None)
    assert load(runtime, number).fed == 0


def test_consent_needs_a_statement_and_no_file_lifts_an_opt_out(sqlite_runtime: Runtime, clock: Clock) -> None:
    number, preview = acts.store_file(sqlite_runtime, "a.csv", [PEOPLE.encode()], "ann")
    with pytest.raises(Unusable, match="statement"):
        acts.begin_file(
            sqlite_runtime,
            load(sqlite_runtime, number),
            preview.columns,
            "ann",
            acts.Consent(proof="", column="Newsletter"),
        )
    klaviyo = add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"webhook_secret": "klaviyo-test-secret"})
    arrive(sqlite_runtime, klaviyo.name, {"event": "Unsubscribed from Email Marketing", "email": "ann@acme.example"})
    drain(sqlite_runtime)
    clock.advance(days=1)
    run(sqlite_runtime, begin(sqlite_runtime, PEOPLE, acts.Consent(proof=PROOF)))
    ann = contact(sqlite_runtime, email="ann@acme.example")
    assert ann["suppressions"], "the person's own no stands"


@pytest.mark.parametrize(
    ("raw", "encoding", "separator", "headers"),
    [
        pytest.param("email,näme\nä@b.example,x\n".encode(), "utf-8", ",", ["email", "näme"], id="UTF-8"),
        pytest.param("email;ä\na@b.example;x\n".encode("utf-8-sig"), "utf-8-sig", ";", ["email", "ä"], id="a mark"),
        pytest.param("email;ß\na@b.example;x\n".encode("cp1252"), "cp1252", ";", ["email", "ß"], id="Windows"),
        pytest.param("email\tname\na@b.example\tx\n".encode("utf-16"), "utf-16", "\t", ["email", "name"], id="UTF-16"),
        pytest.param(b"email,Name,name,,Name\na@b.example,1,2,3,4\n", "utf-8", ",",
                     ["email", "Name", "name", "Column 4", "Name (2)"], id="repeated and missing names"),
        pytest.param(b'\n\nemail;text\na@b.example;"1,2,3;4\n5"\n', "utf-8", ";", ["email", "text"], id="blank lines"),
        pytest.param(b"email,a\rx@b.example,1\ry@b.example,2\r", "utf-8", ",", ["email", "a"], id="old Mac"),
        pytest.param(b"email\nx@b.example\n", "utf-8", ",", ["email"], id="one column"),
    ],
)  # fmt: skip
def test_files_are_read_as_people_have_them(raw: bytes, encoding: str, separator: str, headers: list[str]) -> None:
    seen = Encoding()
    for at in range(0, len(raw), 5):
        seen.add(raw[at : at + 5])
    layout = layout_of(raw, seen.name)
    assert (layout.encoding, layout.headers) == (encoding, headers)
    assert len(headers) == 1 or layout.separator == separator
    found = list(rows_of([raw[:9], raw[9:]], layout))
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))
    assert found
    assert all(not problem for _, _, problem in found)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"PK\x03\x04 and so on", "spreadsheet", id="a spreadsheet"),
        pytest.param(b'email,a\nx@b.example,"never closed' + b"x" * 300_000, "never closed", id="an open quote"),
    ],
)
def test_files_that_cannot_be_read_say_so(sqlite_runtime: Runtime, raw: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        acts.store_file(sqlite_runtime, "x.csv", [raw], "ann")
    assert rows(sqlite_runtime, "import_parts") == []


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param({"E-Mail": ""}, "who the person is", id="nobody named"),
        pytest.param({"Vorname": "nonsense"}, "no contact field", id="no such field"),
        pytest.param({"Vorname": "email"}, "two columns", id="one field twice"),
        pytest.param({"Nachname": "last_name"}, "no column", id="no such column"),
    ],
)
def test_columns_that_make_no_sense_are_refused(sqlite_runtime: Runtime, columns: dict[str, str], said: str) -> None:
    with pytest.raises(Unusable, match=said):
        begin(sqlite_runtime, PEOPLE, None, **columns)


def test_the_last_row_about_a_person_holds(sqlite_runtime: Runtime) -> None:
    run(sqlite_runtime, begin(sqlite_runtime, "email,city\n" + "".join(f"a@b.example,C{n}\n" for n in range(40))))
    assert contact(sqlite_runtime, email="a@b.example")["fields"]["city"] == "C39"


# --- tools


@pytest.fixture
def tools(clock: Clock) -> Iterator[Server]:
    with serve(clock=lambda: clock().timestamp()) as server:
        server.klaviyo.configure(rate_limits=False, job_seconds=0)
        server.hubspot.configure(search_lag=0, searches_per_second=0, calls_per_window=0)
        yield server


def connect(runtime: Runtime, tools: Server, kind: str, **settings: str) -> None:
    add_connection(runtime, kind, kind, settings, f"{tools.url}/{kind}")


@pytest.mark.usefixtures("unpaced")
def test_a_tools_contacts_and_history_come_quietly(runtime: Runtime, tools: Server, clock: Clock) -> None:
    klaviyo = tools.klaviyo
    for number in range(130):
        person = klaviyo.act("create_profile", email=f"p{number}@acme.example", first_name=f"P{number}")
        klaviyo.act("receive", profile=person)
        klaviyo.act("open", profile=person)
    klaviyo.act("unsubscribe", profile="p3@acme.example")
    clock.advance(days=2)
    connect(runtime, tools, "klaviyo", api_key="pk_1")
    called = len(tools.called("klaviyo"))
    one = run(runtime, acts.begin_connection(runtime, runtime.connections()[_id(runtime, "klaviyo")], "ann"))
    assert (one.status, one.skipped) == ("done", 0)
    assert len(rows(runtime, "contacts")) == 130
    shown = contact(runtime, email="p7@acme.example")
    assert shown["fields"]["first_name"] == "P7"
    assert shown["engagement"]["last_human_at"] is not None
    assert contact(runtime, email="p3@acme.example")["suppressions"]
    assert [row.kind for row in rows(runtime, "deliveries", "kind")] == []
    assert rows(runtime, "enrolments") == []
    assert {call.method for call in tools.called("klaviyo")[called:]} == {"GET"}, "nothing is written to the tool"
    assert len(tools.called("klaviyo")) - called < 12, "in pages, and nobody is asked for one by one"


@pytest.mark.usefixtures("unpaced")
def test_hubspots_deals_come_with_their_contacts(sqlite_runtime: Runtime, tools: Server, clock: Clock) -> None:
    hubspot = tools.hubspot
    ann = hubspot.act("create_contact", email="ann@acme.example", lifecyclestage="lead")["id"]
    deal = hubspot.act("create_deal", contacts=[ann])["id"]
    clock.advance(days=30)
    hubspot.act("move_deal", deal=deal, stage="closedwon")
    clock.advance(days=1)
    connect(sqlite_runtime, tools, "hubspot", access_token="t", client_secret="s")
    one = run(sqlite_runtime, acts.begin_connection(sqlite_runtime, _only(sqlite_runtime, "hubspot"), "ann"))
    assert one.status == "done"
    types = sorted(row.type for row in rows(sqlite_runtime, "events", "type"))
    assert types.count("deal.stage_changed") == 2
    assert contact(sqlite_runtime, email="ann@acme.example")["lifecycle_stage"]
    assert rows(sqlite_runtime, "handoffs") == []


@pytest.mark.usefixtures("unpaced")
def test_a_refused_key_ends_an_import_and_a_missing_scope_leaves_out_a_part(
    sqlite_runtime: Runtime, tools: Server
) -> None:
    connect(sqlite_runtime, tools, "klaviyo", api_key="pk_1")
    tools.klaviyo.act("create_profile", email="ann@acme.example")
    tools.klaviyo.fault("403", times=1, path="/api/events")
    number = acts.begin_connection(sqlite_runtime, _only(sqlite_runtime, "klaviyo"), "ann")
    with pytest.raises(Unusable, match="already"):
        acts.begin_connection(sqlite_runtime, _only(sqlite_runtime, "klaviyo"), "ann")
    one = run(sqlite_runtime, number)
    assert (one.status, one.skipped) == ("done", 1)
    assert "events:read" in skipped(sqlite_runtime, number)[0][1]
    tools.klaviyo.fault("401", times=1)
    ended = run(sqlite_runtime, acts.begin_connection(sqlite_runtime, _only(sqlite_runtime, "klaviyo"), "ann"))
    assert ended.status == "failed"
    assert "credentials" in ended.reason


def test_what_comes_in_meanwhile_hardly_waits(sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS", 2)
    text = "email\n" + "".join(f"p{number}@acme.example\n" for number in range(100))
    one = load(sqlite_runtime, begin(sqlite_runtime, text))
    lease = importing.take(sqlite_runtime, one)
    assert lease is not None
    feeder = importing.Feeder(sqlite_runtime, one, lease)
    for _ in range(30):
        feeder.step()
    assert len(rows(sqlite_runtime, "inbox", "id", status="pending")) == importing.MAX_PENDING
    assert ingest.drain(sqlite_runtime, 10) == 2 * importing.MAX_PENDING


def test_files_that_nobody_imports_and_old_reports_are_let_go(sqlite_runtime: Runtime, clock: Clock) -> None:
    number = run(sqlite_runtime, begin(sqlite_runtime, PEOPLE + "nobody;;;\r\n")).id
    draft, _ = acts.store_file(sqlite_runtime, "left.csv", [PEOPLE.encode()], "ann")
    clock.advance(days=8)
    sweep.tidy(sqlite_runtime)
    assert load(sqlite_runtime, draft).status == "stopped"
    assert rows(sqlite_runtime, "import_parts") == []
    assert len(skipped(sqlite_runtime, number)) == 1
    clock.advance(days=90)
    sweep.tidy(sqlite_runtime)
    assert skipped(sqlite_runtime, number) == []


def test_a_tool_is_imported_once_at_a_time_and_the_database_sees_to_it(runtime: Runtime, tools: Server) -> None:
    """Nobody looks before they begin, so that of two who begin at the same moment one is told of the other."""
    connect(runtime, tools, "klaviyo", api_key="pk_1")
    klaviyo = runtime.connection("klaviyo")
    assert klaviyo is not None
    number = acts.begin_connection(runtime, klaviyo, "ann")
    with pytest.raises(Unusable, match=rf"already \(import {number}\)"):
        acts.begin_connection(runtime, klaviyo, "ben")
    assert [row.asked_by for row in rows(runtime, "imports", "asked_by")] == ["ann"]
    assert acts.stop(runtime, load(runtime, number), "ann")
    assert acts.begin_connection(runtime, klaviyo, "ben") > number
    for _ in range(2):  # files wait for one another
        begin(runtime, PEOPLE)


def test_an_import_can_be_stopped(sqlite_runtime: Runtime) -> None:
    number = begin(sqlite_runtime, PEOPLE)
    assert acts.stop(sqlite_runtime, load(sqlite_runtime, number), "ann")
    assert not acts.stop(sqlite_runtime, load(sqlite_runtime, number), "ann")
    one = load(sqlite_runtime, number)
    lease = importing.take(sqlite_runtime, one)
    assert lease is not None
    assert not importing.Feeder(sqlite_runtime, one, lease).step()
    assert rows(sqlite_runtime, "import_parts") == []


def test_what_waited_for_a_tool_leaves_with_what_an_import_says(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    form(sqlite_runtime, "newsletter", email="ann@acme.example", first_name="An", consent="yes")
    drain(sqlite_runtime)
    (before,) = rows(sqlite_runtime, "deliveries", "id", "action", kind="upsert_contact")
    assert '"An"' in before.action
    run(sqlite_runtime, begin(sqlite_runtime, PEOPLE))
    (after,) = rows(sqlite_runtime, "deliveries", "id", "action", kind="upsert_contact")
    assert '"Ann"' in after.action


def test_what_is_stopped_while_it_is_fed_stays_stopped(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    one = load(runtime, begin(runtime, PEOPLE))
    lease = importing.take(runtime, one)
    assert lease is not None
    clock, stopped = runtime.clock, []

    def stops_it_first() -> Any:
        if not stopped:
            stopped.append(True)
            assert acts.stop(runtime, one, "ann")
        return clock()

    monkeypatch.setattr(runtime, "clock", stops_it_first)
    with pytest.raises(Conflict):
        importing.Feeder(runtime, one, lease).step()
    assert (load(runtime, one.id).status, load(runtime, one.id).fed) == ("stopped", 0)
    assert rows(runtime, "inbox") == []


def test_a_request_that_is_parked_on_the_way_does_not_hold_up_the_end(sqlite_runtime: Runtime) -> None:
    one = load(sqlite_runtime, begin(sqlite_runtime, PEOPLE))
    lease = importing.take(sqlite_runtime, one)
    assert lease is not None
    feeder = importing.Feeder(sqlite_runtime, one, lease)
    assert feeder.step()
    with sqlite_runtime.database.write() as conn:
        conn.execute(tables.inbox.update().values(status="parked", reason="could not be read"))
    assert not feeder.step()
    ended = load(sqlite_runtime, one.id)
    assert (ended.status, ended.fed, ended.settled) == ("done", 2, 0)


def _id(runtime: Runtime, name: str) -> int:
    return _only(runtime, name).id


def _only(runtime: Runtime, name: str) -> Any:
    runtime.forget()
    found = runtime.connection(name)
    assert found is not None
    return found
