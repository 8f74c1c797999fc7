"""Imports on the screens, in the API and on the command line, and how complete webhooks are. Catalogue: A5, A9."""

import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from app.cli import main
from app.imports import acts
from app.imports.table import Unusable
from app.runtime import Runtime
from app.setup import add_connection
from app.store import access, imports
from jobs import importing
from tests.app.screens import Browser, new_app
from tests.conftest import KEY, Clock
from tests.feeding import contact, drain, form, rows
from tests.jobs.test_import import PEOPLE, PROOF, load, run

ADMIN = "/admin/import"


@pytest.fixture
def app(sqlite_runtime: Runtime) -> Flask:
    return new_app(sqlite_runtime)


@pytest.fixture
def marketer(app: Flask) -> Browser:
    return Browser(app, "marketer")


def upload(browser: Browser, text: bytes, name: str = "people.csv") -> Any:
    file = io.BytesIO(text), name
    fields = {"csrf_token": browser.token(ADMIN), "file": file}
    return browser.client.post(f"{ADMIN}/file", base_url="https://hub.example.com", data=fields)


def test_a_file_is_looked_at_then_imported_then_reported_on(sqlite_runtime: Runtime, marketer: Browser) -> None:
    answer = upload(marketer, PEOPLE.encode() + b"nobody;X;;\r\n=cmd();Y;;\r\n")
    page = marketer.says(answer)
    assert '<option value="first_name" selected>' in page
    assert "4 rows" in page
    assert rows(sqlite_runtime, "contacts") == [], "nothing is taken before somebody says so"
    address = answer.headers["Location"]
    fields = {"column0": "email", "column1": "first_name", "consent": "column", "consent_column": "Newsletter"}
    assert "statement" in marketer.says(marketer.post(f"{address}/begin", fields, on=address))
    assert "Begun" in marketer.says(marketer.post(f"{address}/begin", {**fields, "proof": PROOF}, on=address))
    assert "<progress" in marketer.read(address)
    run(sqlite_runtime, 1)
    page = marketer.read(address)
    assert "is no e-mail address" in page
    assert "<progress" not in page
    report = marketer.read(f"{address}/skipped.csv").splitlines()
    assert report[0] == "row,reason,what it held"
    assert report[1] == '3,“nobody” is no e-mail address,"nobody, X, , "'
    assert report[2].endswith("'=cmd(), Y, , \"") or "'=cmd()" in report[2], "no spreadsheet runs what a stranger wrote"
    assert contact(sqlite_runtime, email="ann@acme.example")["name"] == "Ann"
    said = {row.what for row in rows(sqlite_runtime, "audit", "what")}
    assert {"import.file", "import.begin"} <= said
    assert "already" in marketer.says(marketer.post(f"{address}/stop", on=address))


def test_a_file_that_is_none_is_refused_in_words(marketer: Browser) -> None:
    assert "spreadsheet" in marketer.says(upload(marketer, b"PK\x03\x04zip"))
    assert "empty" in marketer.says(upload(marketer, b""))
    answer = marketer.post(f"{ADMIN}/file", {}, on=ADMIN)
    assert "Choose a file" in marketer.says(answer)


def test_a_file_that_was_looked_at_can_be_thrown_away(sqlite_runtime: Runtime, marketer: Browser) -> None:
    address = upload(marketer, PEOPLE.encode()).headers["Location"]
    assert "Stopped" in marketer.says(marketer.post(f"{address}/stop", on=address))
    assert rows(sqlite_runtime, "import_parts") == []
    assert "before" in marketer.says(marketer.post(f"{address}/begin", {"column0": "email"}, on=ADMIN))


def test_a_viewer_sees_no_rows_of_a_file(app: Flask, marketer: Browser) -> None:
    address = upload(marketer, PEOPLE.encode()).headers["Location"]
    assert "Ann" in marketer.read(address)
    page = Browser(app, "viewer").read(address)
    assert "Ann" not in page
    assert "not for viewers" in page


def test_a_file_that_is_still_being_stored_says_so_and_can_be_thrown_away(
    sqlite_runtime: Runtime, marketer: Browser
) -> None:
    database = sqlite_runtime.database
    told: list[str] = []

    def pieces() -> Any:
        yield PEOPLE.encode() + b"x" * imports.PART_BYTES
        with database.read() as conn:
            (one,) = imports.page(conn, 1, None).rows
        address = f"{ADMIN}/{one.id}"
        answer = marketer.get(address)
        told.append(answer.get_data(as_text=True))
        assert "connect-src 'self'" in answer.headers["Content-Security-Policy"], "its script looks again"
        told.append(marketer.says(marketer.post(f"{address}/begin", {"column0": "email"}, on=ADMIN)))
        told.append(marketer.says(marketer.post(f"{address}/stop", on=ADMIN)))
        yield b"x" * imports.PART_BYTES

    with pytest.raises(Unusable, match="thrown away"):
        acts.store_file(sqlite_runtime, "people.csv", pieces(), "Ann")
    assert "being stored" in told[0]
    assert "Not begun: the file is still being stored" in told[1]
    assert "Stopped" in told[2]
    assert rows(sqlite_runtime, "import_parts") == [], "nothing of it is left"


def test_of_two_who_decide_about_an_import_the_second_undoes_nothing(sqlite_runtime: Runtime) -> None:
    number, preview = acts.store_file(sqlite_runtime, "people.csv", [PEOPLE.encode()], "Ann")
    database = sqlite_runtime.database
    with database.read() as conn:
        draft = imports.load(conn, number)
    assert draft is not None
    acts.begin_file(sqlite_runtime, draft, preview.columns, "Ann")
    with pytest.raises(Unusable, match="begun or thrown away"):
        acts.begin_file(sqlite_runtime, draft, {"E-Mail": "email"}, "Bob")
    acts.discard(sqlite_runtime, number)
    with database.read() as conn:
        begun = imports.load(conn, number)
    assert begun is not None
    assert (begun.status, begun.plan["columns"]) == (
        "waiting",
        {name: field for name, field in preview.columns.items() if field},
    )
    with database.write() as conn:
        imports.advance(conn, number, status=imports.DONE)
    assert not acts.stop(sqlite_runtime, begun, "Bob")
    with database.read() as conn:
        over = imports.load(conn, number)
    assert over is not None
    assert over.status == "done"


def test_a_tool_is_imported_from_the_screen(sqlite_runtime: Runtime, marketer: Browser) -> None:
    assert "No connected tool" in marketer.read(ADMIN)
    add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    assert "profiles, events" in marketer.read(ADMIN)
    answer = marketer.post(f"{ADMIN}/connection", {"connection": "klaviyo"}, on=ADMIN)
    assert "Begun" in marketer.says(answer)
    again = marketer.post(f"{ADMIN}/connection", {"connection": "klaviyo"}, on=ADMIN)
    assert "being imported already" in marketer.says(again)
    assert marketer.post(f"{ADMIN}/connection", {"connection": "nowhere"}, on=ADMIN).status_code == 404


# --- the API


@pytest.fixture
def ask(sqlite_runtime: Runtime, app: Flask) -> Any:
    with sqlite_runtime.database.write() as conn:
        token = access.create_token(conn, "test", sqlite_runtime.clock())
    client = app.test_client()

    def call(path: str, method: str = "GET", **more: Any) -> Any:
        return client.open(f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {token}"}, **more)

    return call


def test_the_api_shows_begins_and_stops_imports(sqlite_runtime: Runtime, ask: Any) -> None:
    assert ask("/imports").get_json() == {"items": [], "next": None}
    assert ask("/imports", "POST", json={"connection": "nowhere"}).status_code == 404
    assert ask("/imports", "POST", json={"connection": "forms"}).status_code == 409
    add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    made = ask("/imports", "POST", json={"connection": "klaviyo"})
    assert made.status_code == 201
    number = made.get_json()["id"]
    assert ask("/imports", "POST", json={"connection": "klaviyo"}).status_code == 409
    shown = ask(f"/imports/{number}").get_json()
    assert (shown["status"], shown["source"], shown["skips"]) == ("waiting", "klaviyo", [])
    assert ask(f"/imports/{number}/stop", "POST").get_json()["status"] == "stopped"
    assert ask(f"/imports/{number}/stop", "POST").status_code == 409
    first = ask("/imports?limit=1").get_json()
    assert [one["id"] for one in first["items"]] == [number]


def test_completeness_is_counted_by_day_and_way(sqlite_runtime: Runtime, ask: Any, clock: Clock, app: Flask) -> None:
    from app.store import polls

    klaviyo = add_connection(sqlite_runtime, "klaviyo", "klaviyo", {"api_key": "pk_1"}, "http://127.0.0.1:9")
    for way, count in (("webhook", 90), ("poll", 10), ("webhook", 5)):
        with sqlite_runtime.database.write() as conn:
            polls.count(conn, sqlite_runtime.database, {(klaviyo.id, way): count}, clock())
        clock.advance(days=1)
    (shown,) = [one for one in ask("/completeness").get_json()["items"] if one["connection"] == "klaviyo"]
    assert (shown["received"], shown["refilled"], shown["share"]) == (95, 10, round(95 / 105, 4))
    assert [(day["received"], day["refilled"]) for day in shown["days"]] == [(90, 0), (0, 10), (5, 0)]
    assert [stream["name"] for stream in shown["streams"]] == ["profiles", "events", "suppressions"]
    page = Browser(app, "viewer").read("/admin/connections/klaviyo")
    assert "In 30 days webhooks brought" in page
    assert "90 by webhook, 0 by reading" in page
    form(sqlite_runtime, email="ann@acme.example")
    drain(sqlite_runtime)
    metrics = app.test_client().get("/metrics").get_data(as_text=True)
    assert 'baton_events_by_way_total{connection="klaviyo",way="poll"} 10.0' in metrics
    assert 'baton_events_by_way_total{connection="forms",way="form"} 1.0' in metrics


# --- the command


@pytest.fixture
def command(tmp_path: Path, sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("BATON_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", sqlite_runtime.settings.database_url)
    monkeypatch.setenv("BATON_SECRET_KEY", KEY)
    monkeypatch.setattr(importing, "WAIT_SECONDS", 0.0)
    file = tmp_path / "people.csv"
    file.write_bytes(PEOPLE.encode() + b"nobody;X;;\r\n")

    def call(*words: str) -> Any:
        return CliRunner().invoke(main, ["import", *words])

    call.file = str(file)  # type: ignore[attr-defined]
    return call


def test_the_command_shows_then_imports_and_reports(command: Any, sqlite_runtime: Runtime, tmp_path: Path) -> None:
    looked = command(command.file, "--preview")
    assert looked.exit_code == 0, looked.output
    assert "first_name" in looked.output
    assert rows(sqlite_runtime, "contacts") == []
    report = tmp_path / "skipped.csv"
    told = command(
        command.file, "--yes", "--map", "Firma=", "--consent-column", "Newsletter", "--consent-proof", PROOF,
        "--report", str(report),
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "3 read, 1 skipped" in told.output
    assert "nobody" in report.read_text(encoding="utf-8")
    ann = contact(sqlite_runtime, email="ann@acme.example")
    assert "company" not in ann["fields"]
    again = command("--resume", "2")
    assert "3 read" in again.output, "what is over is only told"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([], "say what to import", id="nothing"),
        pytest.param(["nowhere"], "neither a file nor a connection", id="nothing of that name"),
        pytest.param(["--resume", "77"], "no import 77", id="no such import"),
        pytest.param(["forms"], "cannot be imported", id="no history"),
    ],
)
def test_the_command_says_what_is_wrong(command: Any, words: list[str], said: str) -> None:
    answer = command(*words)
    assert answer.exit_code == 1
    assert said in answer.output


def test_consent_without_proof_imports_nothing(command: Any, sqlite_runtime: Runtime) -> None:
    answer = command(command.file, "--yes", "--consent-column", "Newsletter")
    assert answer.exit_code == 1
    assert "proof" in answer.output
    assert load(sqlite_runtime, 1).status == imports.STOPPED
    assert rows(sqlite_runtime, "import_parts") == []
