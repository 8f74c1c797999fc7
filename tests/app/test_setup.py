"""Making an installation ready: settings that say what is wrong with them, connections, and secrets that stay secret
(catalogue A1, Q5)."""

import io
import json
import logging
import os
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import select

from adapters.sandbox.server import serve
from app.cli import main
from app.runtime import Runtime, now_utc
from app.settings import InvalidSetting, Settings
from app.setup import InvalidConnection, add_connection, address, prepare
from app.store import connections, tables
from app.store.vault import Vault, WrongKey
from jobs import deliver
from tests.app.doors import Api
from tests.conftest import KEY, make_runtime, settings
from tests.feeding import drain, hubspot, hubspot_v3, klaviyo, notice, rows

# --- settings

WRONG = {
    "a port of letters": ({"BATON_PORT": "http"}, "BATON_PORT", "8000"),
    "a port that is negative": ({"BATON_PORT": "-1"}, "BATON_PORT", "8000"),
    "a port in superscript": ({"BATON_PORT": "²"}, "BATON_PORT", "8000"),
    "a port that does not exist": ({"BATON_PORT": "70000"}, "BATON_PORT", "65535"),
    "workers by name": ({"BATON_WORKERS": "many"}, "BATON_WORKERS", "2"),
    "hops that are half": ({"BATON_PROXY_HOPS": "0.5"}, "BATON_PROXY_HOPS", "0"),
    "neither yes nor no": ({"BATON_ALLOW_PRIVATE_TARGETS": "maybe"}, "BATON_ALLOW_PRIVATE_TARGETS", "1 or 0"),
    "another database": ({"DATABASE_URL": "mysql://u:canary-pass@db/x"}, "DATABASE_URL", "postgresql://"),
    "a database of no kind": ({"DATABASE_URL": "baton.db"}, "DATABASE_URL", "sqlite:///"),
    "a database url that is none": ({"DATABASE_URL": "postgresql://u:p@[::1/x"}, "DATABASE_URL", "postgresql://"),
    "a public url without a scheme": ({"BATON_PUBLIC_URL": "hub.example.com"}, "BATON_PUBLIC_URL", "https://"),
    "a public url with a query": ({"BATON_PUBLIC_URL": "https://hub.example.com/?a=1"}, "BATON_PUBLIC_URL", "https://"),
    "a redis of no kind": ({"REDIS_URL": "localhost:6379"}, "REDIS_URL", "redis://"),
}


@pytest.mark.parametrize(("env", "name", "mend"), WRONG.values(), ids=WRONG)
def test_a_setting_of_no_use_is_named_with_what_to_write(env: dict[str, str], name: str, mend: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_environment(env)
    assert name in str(raised.value)
    assert mend in str(raised.value)
    assert "canary-pass" not in str(raised.value)


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    env = {"BATON_HOME": str(tmp_path), "BATON_PORT": "http", "DATABASE_URL": "", "BATON_SECRET_KEY": ""}
    result = CliRunner().invoke(main, ["connection", "list"], env=env)
    assert result.exit_code == 1
    assert "BATON_PORT" in result.output
    assert "Traceback" not in result.output


def test_a_key_that_is_none_is_told_how_to_be_made() -> None:
    made = Settings.from_environment({"BATON_SECRET_KEY": "canary-short"})
    with pytest.raises(InvalidSetting) as raised:
        _ = made.keys
    assert "generate_key" in str(raised.value)
    assert "canary-short" not in str(raised.value)


def test_everything_has_a_default_that_works(tmp_path: Path) -> None:
    made = Settings.from_environment({"BATON_HOME": str(tmp_path / "var")})
    assert made.database_url == f"sqlite:///{tmp_path}/var/baton.db"
    assert (made.public_url, made.proxy_hops, made.allow_private_targets) == ("http://127.0.0.1:8000", 0, False)


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_any_spelling_of_postgresql_will_do(scheme: str) -> None:
    made = Settings.from_environment({"DATABASE_URL": f"{scheme}u:p@db:5433/baton"})
    assert made.database_url == "postgresql+psycopg://u:p@db:5433/baton"


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    env = {"BATON_HOME": str(tmp_path / "var")}
    keys: list[tuple[str, ...]] = []
    threads = [
        threading.Thread(target=lambda: keys.append(Settings.from_environment(env).keys)) for _ in range(8)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert stat.S_IMODE((tmp_path / "var" / "secret.key").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "var") == ["secret.key"]


# --- connections

BAD_CONNECTIONS = {
    "a kind that does not exist": (("hubspott", "h", {}), "hubspot"),
    "a setting that does not exist": (("hubspot", "h", {"client_secrets": "x"}), "client_secret"),
    "no name": (("hubspot", "", {"client_secret": "x"}), "name"),
    "a name of 41 letters": (("hubspot", "h" * 41, {"client_secret": "x"}), "40"),
    "a name with a slash": (("hubspot", "a/b", {"client_secret": "x"}), "letters"),
    "a name with a NUL": (("hubspot", "a\0b", {"client_secret": "x"}), "letters"),
    "a name with an accent": (("hubspot", "é", {"client_secret": "x"}), "letters"),
    "a name of dots": (("hubspot", "..", {"client_secret": "x"}), "letters"),
    "a name that is taken": (("hubspot", "forms", {"client_secret": "x"}), "already"),
    "Baton's own name": (("hubspot", "baton", {"client_secret": "x"}), "baton"),
    "an address that is none": (("hubspot", "h", {"client_secret": "x"}, "ftp://x"), "ftp://x is not an address"),
    "an address without a host": (("hubspot", "h", {"client_secret": "x"}, "https://"), "https:// is not an address"),
}


@pytest.mark.parametrize(("given", "says"), BAD_CONNECTIONS.values(), ids=BAD_CONNECTIONS)
def test_a_connection_that_cannot_be_is_told_why(sqlite_runtime: Runtime, given: tuple, says: str) -> None:
    with pytest.raises(InvalidConnection) as raised:
        add_connection(sqlite_runtime, *given)
    assert says in str(raised.value)
    assert len(rows(sqlite_runtime, "connections", "id")) == 2


def test_each_connection_has_its_address(sqlite_runtime: Runtime) -> None:
    assert address(sqlite_runtime, hubspot(sqlite_runtime)) == "https://hub.example.com/webhooks/hubspot"
    forms = add_connection(sqlite_runtime, "forms", "newsletter", {})
    assert address(sqlite_runtime, forms) == "https://hub.example.com/forms/newsletter"


def test_ready_twice_is_ready_once(runtime: Runtime) -> None:
    before = {name: len(rows(runtime, name)) for name in ("connections", "policies")}
    prepare(runtime)
    prepare(runtime)
    assert {name: len(rows(runtime, name)) for name in ("connections", "policies")} == before


def command(runtime: Runtime, *words: str) -> Any:
    """A command on an installation."""
    env = {
        "BATON_HOME": str(runtime.settings.home),
        "DATABASE_URL": runtime.settings.database_url.replace("+psycopg", ""),
        "BATON_SECRET_KEY": KEY,
        "BATON_PUBLIC_URL": runtime.settings.public_url,
    }
    return CliRunner().invoke(main, list(words), env=env)


NAMES_A_CONNECTION = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, track: {name: Seen, through: %s}}]"


def test_policy_that_names_a_connection_that_does_not_exist_is_refused_and_one_of_a_known_tool_noted(
    sqlite_runtime: Runtime, tmp_path: Path
) -> None:
    def said(do: str, connection: str) -> tuple[int, str]:
        (tmp_path / "triggers.yaml").write_text(NAMES_A_CONNECTION % connection)
        result = command(sqlite_runtime, "policy", do, str(tmp_path / "triggers.yaml"))
        return result.exit_code, result.output

    for do in ("validate", "publish"):
        code, output = said(do, "hubspto")
        assert code != 0
        assert 'trigger 1 (t) names the connection "hubspto", which does not exist; did you mean "hubspot"?' in output
        code, output = said(do, "make")
        assert code == 0, output
        assert 'Note: triggers: trigger 1 (t) names the connection "make", which does not exist yet' in output
    add_connection(sqlite_runtime, "make", "make", {"webhook_url": "https://make.example/hook"})
    assert "Note" not in said("publish", "make")[1]


def test_policy_is_valid_by_itself_where_there_is_no_installation_yet(tmp_path: Path) -> None:
    (tmp_path / "triggers.yaml").write_text(NAMES_A_CONNECTION % "erp")
    env = {"BATON_HOME": str(tmp_path / "home"), "BATON_SECRET_KEY": KEY}
    result = CliRunner().invoke(main, ["policy", "validate", str(tmp_path / "triggers.yaml")], env=env)
    assert (result.exit_code, result.output.count("valid triggers")) == (0, 1)
    assert not (tmp_path / "home" / "baton.db").exists()


def test_of_a_rotated_secret_the_old_value_stays_valid_until_the_next_rotation(runtime: Runtime) -> None:
    hubspot(runtime)
    web = Api(runtime).client
    body = json.dumps([notice(runtime.clock(), 1)]).encode()

    def answers(*secrets: str) -> list[int]:
        url = "https://hub.example.com/webhooks/hubspot"
        signed = [hubspot_v3(body, url, runtime.clock(), secret) for secret in secrets]
        return [web.post("/webhooks/hubspot", data=body, headers=headers).status_code for headers in signed]

    result = command(runtime, "connection", "rotate", "hubspot", "--set", "client_secret=second")
    assert "the old client_secret" in result.output
    runtime.forget()
    assert answers("a-client-secret", "second", "third") == [202, 202, 401]
    command(runtime, "connection", "rotate", "hubspot", "--set", "client_secret=third")
    runtime.forget()
    assert answers("a-client-secret", "second", "third") == [401, 202, 202]
    for words in (["--set", "colour=red"], ["--set", "client_secret"]):
        result = command(runtime, "connection", "rotate", "hubspot", *words)
        assert result.exit_code != 0
        assert "Traceback" not in result.output


def test_secret_that_takes_the_place_of_a_secret_address_says_what_the_address_is(sqlite_runtime: Runtime) -> None:
    """As the README of Kit says: the tool shows its secret only when it has got an address."""
    first = command(sqlite_runtime, "connection", "add", "kit", "--set", "api_key=k").output.strip()
    assert first.startswith("https://hub.example.com/webhooks/kit/")
    result = command(sqlite_runtime, "connection", "rotate", "kit", "--set", "signing_secret=s3")
    assert "Its address is https://hub.example.com/webhooks/kit now" in result.output
    result = command(sqlite_runtime, "connection", "rotate", "kit", "--set", "api_key=k2")
    assert "address" not in result.output, "the same one is no news"


# --- the vault


def test_what_an_old_key_sealed_can_be_read_while_that_key_is_listed() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Vault((old,)).seal({"token": "canary"})
    both = Vault((new, old))
    assert both.open(sealed) == {"token": "canary"}
    assert Vault((new,)).open(both.reseal(sealed)) == {"token": "canary"}
    with pytest.raises(WrongKey) as raised:
        Vault((new,)).open(sealed)
    assert "BATON_SECRET_KEY" in str(raised.value)


# --- canaries: what must never be seen where it has no business

CANARIES = {
    "client_secret": "canary-client-secret",
    "access_token": "pat-canary-access-token",
    "api_key": "pk_canary_api_key",
    "webhook_secret": "canary-webhook-secret",
    "flow_secret": "canary-flow-secret",
}
EMAIL = "canary.person@example.com"
# Where a person's address belongs: what arrived, what is known of whom, what was sent
PERSONAL = {
    "inbox": {"body", "url", "headers"},
    "refusals": {"body", "url", "headers"},
    "events": {"body"},
    "contacts": {"state", "email", "name"},
    "aliases": {"key", "value"},
    "shadows": {"ref", "properties"},
    "echoes": {"ref"},
    "merges": {"key", "parts"},
    "deliveries": {"action", "result", "reason"},
    "decisions": {"summary", "gates"},
    "calls": {"url", "request", "answer"},
    "attempts": {"reason"},
    "held_values": {"value"},
    "handoffs": {"reason", "owner_email", "owner_name", "owner_id"},
    "policies": {"body"},
}


class _Parrot(BaseHTTPRequestHandler):
    """A vendor that refuses everything, and repeats in its answer what it was told: the body, or the headers too."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        heard = f"{self.rfile.read(length)!r} {self.headers if self.path.startswith('/headers') else ''}"
        said = json.dumps({"message": f"refused: {heard}"}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def parrot() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Parrot)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """All that is logged, tracebacks too, as it is written in production."""
    text = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(file=text),
        cache_logger_on_first_use=False,
    )
    with caplog.at_level(logging.DEBUG):
        yield text
    structlog.configure(**before)


def live(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A little of everything: good and bad requests, page views, a delivery and failures; what the web answered."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    api = Api(runtime)
    web, now = api.client, runtime.clock()
    body = json.dumps([notice(now, 1, "creation"), notice(now, 1, name="email", value=EMAIL)]).encode()
    url = "https://hub.example.com/webhooks/hubspot"
    good = hubspot_v3(body, url, now, CANARIES["client_secret"])
    flow = {"X-Baton-Secret": CANARIES["flow_secret"]}
    answers = [
        web.post("/webhooks/hubspot", data=body, headers=good),
        web.post("/webhooks/hubspot", data=body + b" ", headers=good),
        web.post("/webhooks/klaviyo", data=b"x", headers={"X-Baton-Secret": "no"}),
        web.post("/webhooks/klaviyo", data=json.dumps({"email": EMAIL, "event": "x"}), headers=flow),
        web.post("/webhooks/klaviyo", data=b'{"broken', headers=flow),
        web.post(f"/webhooks/klaviyo/{CANARIES['flow_secret']}x", data=b"{}"),
        web.post("/forms/contact", data={"email": EMAIL, "first_name": "Canary", "message": "call me"}),
        web.post("/forms/contact", data={"email": f"{EMAIL}\0"}),
    ]
    for _ in range(3):
        drain(runtime)
        deliver.drain(runtime, 10)
    for path in ("/connections", "/stats", "/inbox", "/deliveries", "/events", "/decisions", "/contacts", "/handoffs"):
        answers.append(api.call("GET", path))
        if path in ("/inbox", "/deliveries", "/contacts"):
            answers += [api.call("GET", f"{path}/{item['id']}") for item in answers[-1].json["items"]]
    answers += [web.get(path) for path in ("/metrics", "/readyz", "/healthz", "/api/v1/openapi.json", "/admin/login")]
    return [f"{answer.headers}{answer.text}" for answer in answers]


@pytest.mark.parametrize("vendor", ["willing", "unwilling", "parrot"])
def test_secrets_and_addresses_are_nowhere_but_where_they_belong(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    logged: io.StringIO,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    parrot: str,
    vendor: str,
) -> None:
    runtime = make_runtime(request, "sqlite", tmp_path, now_utc)
    with serve("127.0.0.1", 0) as tools:
        for kind in ("hubspot", "klaviyo"):
            base = {"unwilling": parrot, "parrot": f"{parrot}/headers"}.get(vendor, f"{tools.url}/{kind}")
            names = [setting.name for setting in runtime.adapter(_kind(kind)).settings]
            given = {name: value for name, value in CANARIES.items() if name in names}
            extra = {"portal_id": "62515"} if kind == "hubspot" else {}
            add_connection(runtime, kind, kind, {**given, **extra}, base)
        answers = live(runtime, monkeypatch)
    assert any(row.status for row in rows(runtime, "calls", "status")), "vendors were called"
    written = logged.getvalue() + caplog.text
    assert written
    assert not [name for name, secret in CANARIES.items() if secret in written]
    assert EMAIL not in written
    assert in_database(runtime, EMAIL) <= {(table, column) for table, names in PERSONAL.items() for column in names}
    for one in runtime.connections().values():
        assert "canary" not in repr(one)
    assert KEY not in repr(runtime.settings)
    told = {name for name, secret in CANARIES.items() if [answer for answer in answers if secret in answer]}
    told |= {name for name, secret in CANARIES.items() if in_database(runtime, secret)}
    runtime.close()
    assert not told


def _kind(kind: str) -> Any:
    return type("Kind", (), {"kind": kind})()


def in_database(runtime: Runtime, text: str) -> set[tuple[str, str]]:
    """(table, column) wherever a text is stored."""
    found = set()
    with runtime.database.read() as conn:
        for table in tables.metadata.sorted_tables:
            for row in conn.execute(select(table)).mappings():
                for name, value in row.items():
                    kept = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    if text in kept:
                        found.add((table.name, name))
    return found


def test_at_rest_secrets_are_encrypted(runtime: Runtime) -> None:
    hubspot(runtime, access_token="canary-token")
    klaviyo(runtime, api_key="canary-key")
    assert not in_database(runtime, "canary")
    assert not in_database(runtime, "a-client-secret")
    with runtime.database.read() as conn:
        found = connections.load_by_name(conn, runtime.vault, "hubspot")
    assert found is not None
    assert found.settings["access_token"] == "canary-token"
    other = Runtime(
        settings(runtime.database.url, runtime.settings.home, BATON_SECRET_KEY=Fernet.generate_key().decode())
    )
    with pytest.raises(WrongKey):
        other.connections()
    other.close()
