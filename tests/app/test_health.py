"""What is wrong, as `baton doctor`, Home and a connection's page tell it: one set of questions, small ones."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event

from app import health, repairs
from app.admin import troubles
from app.cli import main
from app.runtime import Runtime
from app.setup import InvalidConnection
from app.store import breakers, connections, counts, inbox, notes, pauses, search
from app.store.breakers import Failing
from tests.app.screens import Browser, change_delivery, fill, new_app
from tests.conftest import KEY, Clock, settings
from tests.feeding import arrive, drain, form, hubspot, klaviyo, minutes, rows


def findings(runtime: Runtime) -> dict[str, health.Finding]:
    return {f"{one.part} {one.name}".rstrip(): one for one in health.examine(runtime)}


def wrong(runtime: Runtime) -> set[str]:
    return {part for part, one in findings(runtime).items() if not one.fine}


def work(runtime: Runtime) -> None:
    """Leave the mark that a worker leaves."""
    with runtime.database.write() as conn:
        notes.mark(conn, runtime.database, "swept", "", runtime.clock())


def test_a_new_installation_at_work_is_well(runtime: Runtime) -> None:
    work(runtime)
    assert wrong(runtime) == set()
    assert set(findings(runtime)) == {
        "database", "queue", "workers", "sending", "inbox", "scores", "connection forms", "connection site"
    }  # fmt: skip


def test_a_database_that_is_away_is_the_only_thing_said(tmp_path: Path) -> None:
    runtime = Runtime(settings("postgresql://nobody@127.0.0.1:9/none", tmp_path))
    (found,) = health.examine(runtime)
    assert (found.part, found.grave) == (health.DATABASE, True)
    assert "DATABASE_URL" in found.advice
    runtime.close()


def test_a_database_of_another_version_is_the_only_thing_said(tmp_path: Path) -> None:
    runtime = Runtime(settings(f"sqlite:///{tmp_path}/new.db", tmp_path))
    (found,) = health.examine(runtime)
    assert "schema" in found.title
    runtime.close()


def _stop_working(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        notes.mark(conn, runtime.database, "swept", "", runtime.clock() - minutes(2))


def _leave_unread(runtime: Runtime) -> None:
    arrive(runtime, "forms", {"email": "ann@acme.example"}, kind="form", at=runtime.clock() - minutes(2))


def _park(runtime: Runtime) -> None:
    arrive(runtime, "site", b"no JSON", kind="track")
    drain(runtime)


def _pause_sequence(name: str) -> Callable[[Runtime], None]:
    def pause(runtime: Runtime) -> None:
        with runtime.database.write() as conn:
            pauses.begin(conn, name, "ann@team.example", "a typo", runtime.clock())

    return pause


def _leave(status: str) -> Callable[[Runtime], None]:
    def leave(runtime: Runtime) -> None:
        hubspot(runtime, access_token="t")
        form(runtime, email="ann@acme.example")
        drain(runtime)
        change_delivery(runtime, rows(runtime, "deliveries", "id")[0].id, status=status)

    return leave


def _set(status: str) -> Callable[[Runtime], None]:
    def change(runtime: Runtime) -> None:
        connection = hubspot(runtime)
        with runtime.database.write() as conn:
            connections.set_status(conn, connection.id, status, "the token is refused", runtime.clock())
        runtime.forget()

    return change


def _check(runtime: Runtime) -> None:
    connection = hubspot(runtime)
    checks = [{"capability": "read contacts", "works": False, "advice": "add the scope"}]
    with runtime.database.write() as conn:
        connections.set_checks(conn, connection.id, checks, runtime.clock())
    runtime.forget()


def _fail(runtime: Runtime) -> None:
    connection = hubspot(runtime)
    with runtime.database.write() as conn:
        state = Failing(5, runtime.clock() + minutes(1))
        breakers.save(conn, runtime.database, connection.id, state, runtime.clock())


def _refuse(runtime: Runtime) -> None:
    connection = hubspot(runtime)
    with runtime.database.write() as conn:
        notes.refuse(conn, runtime.database, connection.id, "no signature", "", {}, b"", runtime.clock())


def _have_texts_of_nobody(runtime: Runtime) -> None:
    klaviyo(runtime, api_key="pk_x")


def _pause_all(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        notes.mark(conn, runtime.database, notes.PAUSED, '{"by":"ann","reason":"wrong prices"}', runtime.clock())


@pytest.mark.parametrize(
    ("happens", "part", "grave", "route"),
    [
        pytest.param(_stop_working, "workers", True, "", id="nobody works"),
        pytest.param(_leave_unread, "inbox", True, "inbox", id="inbox behind"),
        pytest.param(_park, "parked", False, "inbox", id="parked"),
        pytest.param(_leave("dead"), "dead", True, "deliveries", id="dead"),
        pytest.param(_leave("unknown"), "unknown", True, "deliveries", id="unknown"),
        pytest.param(_set("broken"), "connection hubspot", True, "connection", id="broken"),
        pytest.param(_set("paused"), "connection hubspot", False, "connection", id="paused"),
        pytest.param(_check, "connection hubspot", False, "connection", id="check failed"),
        pytest.param(_fail, "connection hubspot", True, "connection", id="fails"),
        pytest.param(_refuse, "connection hubspot", True, "connection", id="refused"),
        pytest.param(_have_texts_of_nobody, "content", False, "messages", id="shipped texts"),
        pytest.param(_pause_sequence("welcome"), "sequences welcome", False, "sequence", id="sequence paused"),
        pytest.param(_pause_sequence("*"), "sequences", False, "sequences", id="all sequences paused"),
        pytest.param(_pause_all, "sending", False, None, id="all paused"),
    ],
)
def test_what_is_wrong_is_found_by_all_who_ask(
    sqlite_runtime: Runtime, happens: Callable[[Runtime], None], part: str, grave: bool, route: str | None
) -> None:
    work(sqlite_runtime)
    happens(sqlite_runtime)
    assert wrong(sqlite_runtime) == {part}
    found = findings(sqlite_runtime)[part]
    assert found.grave is grave
    assert found.title
    assert found.advice.endswith((".", "?")), "what to do is said in a sentence"
    shown = troubles.of_all(health.examine(sqlite_runtime))
    assert [one.route for one in shown] == ([] if route is None else [route])
    admin = Browser(new_app(sqlite_runtime), "admin")
    assert found.title in admin.read("/admin/")
    if found.part == health.CONNECTION:
        assert found.title in admin.read("/admin/connections/hubspot")
        assert found.title in admin.read("/admin/connections")


def test_refusals_of_long_ago_are_no_news(sqlite_runtime: Runtime, clock: Clock) -> None:
    _refuse(sqlite_runtime)
    clock.advance(hours=2)
    work(sqlite_runtime)
    assert wrong(sqlite_runtime) == set()


def test_the_gravest_comes_first(sqlite_runtime: Runtime) -> None:
    _park(sqlite_runtime)
    _stop_working(sqlite_runtime)
    assert [one.finding.part for one in troubles.of_all(health.examine(sqlite_runtime))] == ["workers", "parked"]


def test_looking_costs_the_same_however_much_there_is(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """No question may read a whole table: each stops at a limit or is about tables that stay small."""
    fill(runtime)
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(runtime.database.engine, "before_cursor_execute", note)
    health.examine(runtime)
    event.remove(runtime.database.engine, "before_cursor_execute", note)
    asked = [
        one for one in seen if any(f"FROM {name}" in one for name in ("inbox", "deliveries", "events", "handoffs"))
    ]
    assert asked
    for one in asked:
        tables_read = sum(one.count(f"FROM {name} ") for name in ("inbox", "deliveries", "events", "handoffs"))
        assert one.count("LIMIT") >= tables_read, one
    monkeypatch.setattr(counts, "COUNT_UP_TO", 1)
    with runtime.database.read() as conn:
        assert counts.up_to(conn, counts.waiting(), 1)["inbox.parked"] == 2
        assert "1+ requests parked" in {
            one.title[:18] for one in health.look(runtime, conn, counts.up_to(conn, counts.waiting(), 1))
        }


# --- the doctor


def test_the_doctor_says_it_line_by_line(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env = {"BATON_HOME": str(tmp_path), "DATABASE_URL": sqlite_runtime.database.url, "BATON_SECRET_KEY": KEY}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    _set("paused")(sqlite_runtime)
    ill = CliRunner().invoke(main, ["doctor"])
    assert ill.exit_code == 1, ill.output
    assert "ok   database: reachable" in ill.output
    assert "ILL  workers: Nobody is working" in ill.output
    assert (
        "look connection hubspot: hubspot is paused since 2026-11-22 12:00:00 UTC. The token is refused." in ill.output
    )
    assert "→ Start `baton run`" in ill.output
    monkeypatch.setenv("BATON_SECRET_KEY", base64.urlsafe_b64encode(bytes(32)).decode())
    assert "ILL  secrets: The stored secrets cannot be read" in CliRunner().invoke(main, ["doctor"]).output


# --- repairs


def test_a_new_secret_leaves_the_old_one_valid_for_a_while(sqlite_runtime: Runtime) -> None:
    made = hubspot(sqlite_runtime)
    assert repairs.rotate_settings(sqlite_runtime, made, {"client_secret": "a-new-one"}) == ["client_secret"]
    changed = sqlite_runtime.connection("hubspot")
    assert changed is not None
    assert changed.settings["client_secret_previous"] == "a-client-secret"
    with pytest.raises(InvalidConnection):
        repairs.rotate_settings(sqlite_runtime, changed, {"no_such_setting": "x"})


def test_parked_requests_are_read_again_once_each(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "TOGETHER", 2)
    klaviyo(runtime)
    for name in ("site", "klaviyo", "site", "site", "site", "klaviyo"):
        arrive(runtime, name, b"no JSON", kind="track" if name == "site" else "webhook")
    drain(runtime)
    site = runtime.connection("site")
    assert site is not None
    assert repairs.replay_parked(runtime, site.id, most=2) == (2, True)
    assert repairs.replay_parked(runtime, site.id) == (2, False)
    assert repairs.replay_parked(runtime) == (2, False)
    assert repairs.replay_parked(runtime) == (0, False)
    assert {row.status for row in rows(runtime, "inbox", "status")} == {"pending"}


# --- searching the inbox


def _found(runtime: Runtime, text: str, limit: int = 10, before: int | None = None, **filters: Any) -> Any:
    with runtime.database.snapshot() as conn:
        return search.search_inbox(conn, text, limit, before, **filters)


def test_requests_are_found_by_what_stands_in_them_however_it_is_written(runtime: Runtime) -> None:
    as_form = {"content-type": "application/x-www-form-urlencoded"}
    for body, headers in (
        (b'{"email": "Ann@Acme.example"}', {}),
        (b"email=ann%40acme.example&name=Ann+Archer", as_form),
        ('{"name": "Zoë \\"Z\\""}'.encode(), {}),
        (b'{"name": "Zo\\u00eb"}', {}),
        (b"\xff\xfe\x00not text", {"user-agent": "Odd/1.0"}),
        (b"", {}),
    ):
        arrive(runtime, "forms", body, kind="form", headers=headers)
    numbers = [row.id for row in rows(runtime, "inbox", "id")]

    def at(text: str) -> list[int]:
        return sorted(numbers.index(row["id"]) for row in _found(runtime, text).rows)

    assert at("ann@acme.example") == [0, 1]
    assert at("ann archer") == [1]
    assert at("zoë") == [2, 3]
    assert at('"z"') == [2]
    assert at("odd/1") == [4]
    assert at("not text") == [4]
    assert at("nobody") == []
    assert "body" not in _found(runtime, "odd/1").rows[0]


def test_a_search_reads_so_much_and_says_where_to_go_on(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        arrive(runtime, "forms" if number % 2 else "site", {"number": number, "kind": "some"})
    ids = [row.id for row in rows(runtime, "inbox", "id")]
    monkeypatch.setattr(search, "SEARCHED_REQUESTS", 5)
    first = _found(runtime, '"number": 0')
    assert (list(first.rows), first.older, first.cut) == ([], ids[7], True)
    second = _found(runtime, '"number": 0', before=first.older)
    third = _found(runtime, '"number": 0', before=second.older)
    assert [row["id"] for row in third.rows] == [ids[0]]
    assert (third.older, third.cut) == (None, False)
    page = _found(runtime, "some", limit=3)
    assert ([row["id"] for row in page.rows], page.older, page.cut) == (ids[:8:-1], ids[9], False)
    forms = runtime.connection("forms")
    assert forms is not None
    of_forms = _found(runtime, "some", connection_id=forms.id, status=inbox.PENDING)
    assert [row["id"] for row in of_forms.rows] == ids[11:2:-2]
    monkeypatch.setattr(search, "SEARCHED_BYTES", 60)
    assert len(_found(runtime, "some").rows) < 5
