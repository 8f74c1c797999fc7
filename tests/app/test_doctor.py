"""`baton doctor` names each illness with what to do about it, and ends with 1 if one is grave."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import insert, text, update

from app.cli import main
from app.runtime import Runtime, now_utc
from app.store import breakers, connections, notes, tables
from jobs import sweep
from tests.app.doors import client
from tests.conftest import KEY, make_runtime
from tests.feeding import arrive, drain, form, hubspot, minutes
from tests.servers import ValkeyServer, free_port


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    """An installation in good health: a command looks at the real clock."""
    made = make_runtime(request, request.param, tmp_path, now_utc)
    hubspot(made)
    sweep.ring(made)
    yield made
    made.close()


def doctor(hub: Runtime, **more: str) -> Result:
    """What the doctor says, without a traceback in any case."""
    env = {
        "BATON_HOME": str(hub.settings.home),
        "DATABASE_URL": hub.settings.database_url.replace("+psycopg", ""),
        "BATON_SECRET_KEY": KEY,
        "REDIS_URL": "",
        **more,
    }
    result = CliRunner().invoke(main, ["doctor"], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def ill(result: Result, *says: str) -> None:
    """It is grave: it stands in a line that says ILL, with advice below."""
    assert result.exit_code == 1, result.output
    found = _found(result, "ILL", *says)
    assert "→" in found, result.output


def to_look_at(result: Result, *says: str) -> None:
    """It deserves a look, and is no fault."""
    assert result.exit_code == 0, result.output
    _found(result, "look", *says)


def _found(result: Result, mark: str, *says: str) -> str:
    lines = result.output.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(mark) and all(word.lower() in line.lower() for word in says):
            return "\n".join(lines[number : number + 2])
    raise AssertionError(f"no line says {mark} and {says}:\n{result.output}")


def change(hub: Runtime, statement: Any) -> None:
    with hub.database.write() as conn:
        conn.execute(statement)


def delivery(status: str) -> dict[str, Any]:
    now = now_utc()
    return {
        "key": "0" * 32, "contact_id": 1, "connection_id": 3, "kind": "Note", "urgency": 1, "action": "{}",
        "status": status, "not_before": now, "created_at": now, "updated_at": now,
    }  # fmt: skip


def test_who_is_well_is_told_so(hub: Runtime) -> None:
    result = doctor(hub)
    assert result.exit_code == 0, result.output
    assert "ILL" not in result.output
    for part in ("database", "queue", "workers", "inbox", "hubspot", "forms", "site"):
        assert part in result.output


def test_a_database_that_cannot_be_reached(hub: Runtime) -> None:
    url = f"postgresql://u:canary@127.0.0.1:{free_port()}/baton"
    result = doctor(hub, DATABASE_URL=url)
    ill(result, "database")
    assert "canary" not in result.output


def test_a_database_that_is_none(hub: Runtime, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but it is longer than a header of one" * 20)
    ill(doctor(hub, DATABASE_URL=f"sqlite:///{tmp_path / 'text.db'}"), "database")


def test_a_database_of_another_version(hub: Runtime) -> None:
    change(hub, text("UPDATE alembic_version SET version_num = 'older'"))
    ill(doctor(hub), "database", "schema")


def test_an_empty_database_is_not_filled_by_looking(hub: Runtime, tmp_path: Path) -> None:
    ill(doctor(hub, DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}"), "database")
    ill(doctor(hub, DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}"), "database")


def test_a_key_that_does_not_fit(hub: Runtime) -> None:
    result = doctor(hub, BATON_SECRET_KEY=Fernet.generate_key().decode())
    ill(result, "secrets")
    assert "BATON_SECRET_KEY" in result.output


def test_a_setting_that_is_none(hub: Runtime) -> None:
    result = doctor(hub, BATON_PORT="http")
    assert result.exit_code == 1
    assert "BATON_PORT" in result.output


@pytest.mark.parametrize("how", ["absent", "with another password"])
def test_a_redis_that_does_not_answer(hub: Runtime, how: str, tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    server = ValkeyServer(tmp_path / "valkey")
    if how != "absent":
        server.start()
        Redis.from_url(server.url).config_set("requirepass", "right")
        url = server.url.replace("redis://", "redis://:canary@")
    result = doctor(hub, REDIS_URL=url)
    server.stop()
    to_look_at(result, "redis")
    assert "canary" not in result.output


def test_workers_that_have_gone_and_workers_that_never_were(hub: Runtime) -> None:
    change(hub, update(tables.marks).where(tables.marks.c.name == "swept").values(at=now_utc() - minutes(9)))
    ill(doctor(hub), "workers", "since")
    change(hub, tables.marks.delete())
    ill(doctor(hub), "workers")


def test_a_request_that_waits_too_long(hub: Runtime) -> None:
    form(hub, email="ann@example.com", at=now_utc() - minutes(3))
    ill(doctor(hub), "inbox", "since")
    drain(hub)
    assert doctor(hub).exit_code == 0


def test_parked_requests(hub: Runtime) -> None:
    arrive(hub, "hubspot", b'{"broken')
    drain(hub)
    to_look_at(doctor(hub), "1 request parked")


@pytest.mark.parametrize("status", ["dead", "unknown"])
def test_deliveries_that_need_a_person(hub: Runtime, status: str) -> None:
    change(hub, insert(tables.deliveries).values(**delivery(status)))
    ill(doctor(hub), "1 delivery")


def test_a_connection_whose_credentials_are_refused(hub: Runtime) -> None:
    one = hub.connection("hubspot")
    assert one is not None
    with hub.database.write() as conn:
        connections.set_status(conn, one.id, connections.BROKEN, "401: the token was revoked", now_utc())
    result = doctor(hub)
    ill(result, "hubspot", "broken", "since", "token was revoked")
    assert "baton connection rotate hubspot" in result.output


def test_a_connection_that_somebody_paused(hub: Runtime) -> None:
    one = hub.connection("hubspot")
    assert one is not None
    with hub.database.write() as conn:
        connections.set_status(conn, one.id, connections.PAUSED, "spring cleaning", now_utc())
    to_look_at(doctor(hub), "hubspot", "paused", "spring cleaning")


def test_a_vendor_that_fails_again_and_again(hub: Runtime) -> None:
    one = hub.connection("hubspot")
    assert one is not None
    now = now_utc()
    with hub.database.write() as conn:
        breakers.save(conn, hub.database, one.id, breakers.Failing(50, now + minutes(1)), now)
    ill(doctor(hub), "hubspot", "fails again")


def test_requests_that_were_refused(hub: Runtime) -> None:
    assert client(hub).post("/webhooks/hubspot", data=b"x").status_code == 401
    result = doctor(hub)
    ill(result, "hubspot", "1 request was refused", "x-hubspot-signature")
    assert "a-client-secret" not in result.output


def test_a_token_that_may_not_do_everything(hub: Runtime) -> None:
    one = hub.connection("hubspot")
    assert one is not None
    missing = {"capability": "write contacts", "works": False, "advice": "add crm.objects.contacts.write"}
    with hub.database.write() as conn:
        connections.set_checks(conn, one.id, [missing], now_utc())
    result = doctor(hub)
    to_look_at(result, "hubspot", "write contacts")
    assert "crm.objects.contacts.write" in result.output


def test_everything_paused(hub: Runtime) -> None:
    with hub.database.write() as conn:
        notes.mark(conn, hub.database, notes.PAUSED, '{"by":"Ann","reason":"wrong prices"}', now_utc())
    to_look_at(doctor(hub), "everything is paused", "wrong prices")


def test_several_illnesses_are_all_named(hub: Runtime) -> None:
    change(hub, tables.marks.delete())
    change(hub, insert(tables.deliveries).values(**delivery("dead")))
    form(hub, email="ann@example.com", at=now_utc() - minutes(3))
    result = doctor(hub)
    for part in ("workers", "inbox", "delivery"):
        ill(result, part)
