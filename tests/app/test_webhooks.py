"""The door for vendors: 202 only after the request is stored, 401 for what proves nothing, and nobody waits for Redis
(catalogue A2)."""

import hashlib
import hmac
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from structlog.testing import capture_logs

from app import repairs
from app.accept import Acceptor, Unavailable
from app.runtime import Runtime
from app.setup import add_connection, address
from app.store import inbox, notes
from app.store.inbox import Arrival
from jobs.queue import Waker
from tests.app.doors import client, open_app
from tests.conftest import NOW, Clock, make_runtime, settings
from tests.feeding import hubspot, hubspot_v3, klaviyo, notice, rows
from tests.servers import ValkeyServer, free_port

BASE = "https://hub.example.com"
BODY = json.dumps([notice(NOW, 1, name="firstname", value="Ann")]).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def log() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def web(sqlite_runtime: Runtime) -> FlaskClient:
    hubspot(sqlite_runtime)
    klaviyo(sqlite_runtime)
    return client(sqlite_runtime)


def signed(url: str = f"{BASE}/webhooks/hubspot", body: bytes = BODY, **more: Any) -> dict[str, str]:
    return {**JSON, **hubspot_v3(body, url, NOW, **more)}


# --- stored, then answered


def test_202_means_that_the_whole_request_is_stored(runtime: Runtime) -> None:
    hubspot(runtime)
    answer = client(runtime).post("/webhooks/hubspot?a=1", data=BODY, headers=signed(f"{BASE}/webhooks/hubspot?a=1"))
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    (row,) = rows(runtime, "inbox")
    assert (row.body, row.url, row.received_at) == (BODY, f"{BASE}/webhooks/hubspot?a=1", NOW)
    assert (row.kind, row.status) == ("webhook", "pending")
    assert json.loads(row.headers)["content-type"] == "application/json"


def test_what_was_sent_along_in_secret_is_not_kept(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    headers = {**JSON, "X-Baton-Secret": "flow-secret", "Authorization": "Bearer x", "Cookie": "a=b"}
    assert web.post("/webhooks/klaviyo", data=b"{}", headers=headers).status_code == 202
    (row,) = rows(sqlite_runtime, "inbox", "headers", "url")
    assert {"flow-secret", "Bearer", "cookie"} & set(json.loads(row.headers).values()) == set()
    assert set(json.loads(row.headers)) <= {"content-type", "user-agent"}


def test_the_answer_comes_after_the_commit(sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    hubspot(sqlite_runtime)
    accept, seen = inbox.accept, []

    def slow(conn: Any, arrivals: list[Arrival]) -> None:
        accept(conn, arrivals)
        time.sleep(0.1)
        seen.append(len(rows(sqlite_runtime, "inbox")))

    monkeypatch.setattr(inbox, "accept", slow)
    assert client(sqlite_runtime).post("/webhooks/hubspot", data=BODY, headers=signed()).status_code == 202
    assert seen == [0]
    assert len(rows(sqlite_runtime, "inbox")) == 1


def test_a_database_that_is_away_is_a_503_and_never_a_2xx(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def away(*_: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(inbox, "accept", away)
    answer = web.post("/webhooks/hubspot", data=BODY, headers=signed())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "INSERT" not in answer.text
    monkeypatch.undo()
    assert web.post("/webhooks/hubspot", data=BODY, headers=signed()).status_code == 202


def test_a_database_that_does_not_answer_in_time_is_a_503(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    monkeypatch.setattr("app.accept.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(inbox, "accept", lambda *_: stuck.wait(5))
    began = time.monotonic()
    assert web.post("/webhooks/hubspot", data=BODY, headers=signed()).status_code == 503
    assert time.monotonic() - began < 2
    stuck.set()


def test_a_table_that_is_gone_is_a_503_or_500_and_never_a_2xx(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    runtime = make_runtime(request, "postgresql", tmp_path, clock)
    hubspot(runtime)
    web = client(runtime)
    with runtime.database.write() as conn:
        conn.execute(text("ALTER TABLE inbox RENAME TO gone"))
    assert web.post("/webhooks/hubspot", data=BODY, headers=signed()).status_code in (500, 503)
    runtime.close()


# --- requests that share a commit


def arrival(body: bytes = BODY, **more: Any) -> Arrival:
    return Arrival(**{"connection_id": 1, "kind": "webhook", "received_at": NOW, "body": body, **more})


def test_many_at_once_are_all_stored_in_few_commits(runtime: Runtime) -> None:
    acceptor = Acceptor(runtime, Waker(""))
    threads = [threading.Thread(target=acceptor.store, args=(arrival(b"%d" % one),)) for one in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {row.body for row in rows(runtime, "inbox", "body")} == {b"%d" % one for one in range(60)}


def test_a_request_that_cannot_be_stored_takes_no_other_with_it(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = make_runtime(request, "postgresql", tmp_path, clock)
    acceptor = Acceptor(runtime, Waker(""))
    held, accept, sizes = threading.Event(), inbox.accept, []

    def first_waits(conn: Any, arrivals: list[Arrival]) -> None:
        if not sizes:
            held.wait(5)
        sizes.append(len(arrivals))
        accept(conn, arrivals)

    monkeypatch.setattr(inbox, "accept", first_waits)
    outcomes: dict[int, str] = {}

    def store(number: int) -> None:
        try:
            acceptor.store(arrival(b"%d" % number, url="a\0b" if number == 5 else ""))
            outcomes[number] = "stored"
        except Unavailable:
            outcomes[number] = "refused"

    threads = [threading.Thread(target=store, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    held.set()
    for thread in threads:
        thread.join(10)
    assert outcomes == {number: "refused" if number == 5 else "stored" for number in range(10)}
    assert max(sizes) > 1, "they did share a commit"
    assert {row.body for row in rows(runtime, "inbox", "body")} == {b"%d" % one for one in range(10) if one != 5}
    runtime.close()


def test_after_a_fork_requests_are_stored_again(sqlite_runtime: Runtime) -> None:
    acceptor = Acceptor(sqlite_runtime, Waker(""))
    acceptor.store(arrival())
    acceptor._thread = threading.Thread()  # a forked child has the object, but not the thread
    acceptor.store(arrival())
    assert len(rows(sqlite_runtime, "inbox")) == 2


# --- HubSpot's proof: over the address that the world sees


SPELLINGS = {
    "as configured": (BASE, "/webhooks/hubspot", ""),
    "with a query": (BASE, "/webhooks/hubspot", "b=2&a=1&a=0&empty=&flag"),
    "a query with %3A and %2F": (BASE, "/webhooks/hubspot", "next=https%3A%2F%2Fx.example%2Fy"),
    "a query with lower-case escapes": (BASE, "/webhooks/hubspot", "next=https%3a%2f%2fx.example"),
    "a query with plus and space": (BASE, "/webhooks/hubspot", "q=a+b%20c"),
    "a query in UTF-8": (BASE, "/webhooks/hubspot", "name=%C3%A9"),
    "a path prefix": ("https://www.example.com/tools/baton", "/webhooks/hubspot", ""),
    "a port": ("https://hub.example.com:8443", "/webhooks/hubspot", "a=1"),
    "http": ("http://hub.example.com", "/webhooks/hubspot", ""),
}


@pytest.mark.parametrize(("base", "path", "query"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_valid_request_is_taken_whatever_the_proxy_made_of_it(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, base: str, path: str, query: str
) -> None:
    runtime = make_runtime(request, "sqlite", tmp_path, clock, BATON_PUBLIC_URL=base)
    hubspot(runtime)
    from urllib.parse import unquote

    # HubSpot undoes some escapes before it signs; those in these queries are among them, the others stay
    url = f"{base}{path}" + (f"?{query}" if query else "")
    plain = url
    for code in ("%3A", "%3a", "%2F", "%2f"):
        plain = plain.replace(code, unquote(code))
    web = client(runtime)
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    for more in ({}, forged, {"X-Forwarded-For": "1.2.3.4", "Forwarded": "host=evil.example", "X-Forwarded-Port": "1"}):
        answer = web.post(f"{path}?{query}" if query else path, data=BODY, headers={**signed(plain), **more})
        assert answer.status_code == 202, answer.text
    runtime.close()


FORGERIES = {
    "signed for another host": f"{BASE}.evil.example/webhooks/hubspot",
    "signed for another path": f"{BASE}/webhooks/klaviyo",
    "signed for another query": f"{BASE}/webhooks/hubspot?a=2",
    "signed for http": "http://hub.example.com/webhooks/hubspot",
    "signed for what Host says": "http://localhost/webhooks/hubspot",
}


@pytest.mark.parametrize("url", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("hops", ["0", "1"])
def test_a_request_that_was_signed_for_another_address_is_refused(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, url: str, hops: str
) -> None:
    runtime = make_runtime(request, "sqlite", tmp_path, clock, BATON_PROXY_HOPS=hops)
    hubspot(runtime)
    host = url.split("/")[2]
    forged = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": url.split(":")[0]}
    answer = client(runtime).post("/webhooks/hubspot", data=BODY, headers={**signed(url), **forged})
    assert answer.status_code == 401
    assert not rows(runtime, "inbox")
    runtime.close()


def flipped(headers: dict[str, str], name: str) -> dict[str, str]:
    value = headers[name]
    return {**headers, name: value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1]}


UNPROVEN = {
    "no signature": (JSON, BODY),
    "an empty signature": ({**signed(), "X-HubSpot-Signature-v3": ""}, BODY),
    "another signature": (flipped(signed(), "X-HubSpot-Signature-v3"), BODY),
    "another secret": (signed(secret="not-the-secret"), BODY),
    "no time": ({key: value for key, value in signed().items() if "Timestamp" not in key}, BODY),
    "another time": ({**signed(), "X-HubSpot-Request-Timestamp": str(int(NOW.timestamp() * 1000) + 1)}, BODY),
    "a time of letters": ({**signed(), "X-HubSpot-Request-Timestamp": "now"}, BODY),
    "a time of superscripts": ({**signed(), "X-HubSpot-Request-Timestamp": "\xb2\xb3"}, BODY),
    "a time of 5,000 digits": ({**signed(), "X-HubSpot-Request-Timestamp": "1" * 5_000}, BODY),
    "a signature that is not ASCII": ({**signed(), "X-HubSpot-Signature-v3": "\xe9\xff"}, BODY),
    "one byte more": (signed(), BODY + b" "),
    "another byte": (signed(), BODY.replace(b"Ann", b"Bob")),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "body"), UNPROVEN.values(), ids=UNPROVEN)
def test_what_proves_nothing_is_refused_and_kept(
    web: FlaskClient, sqlite_runtime: Runtime, headers: dict[str, str], body: bytes
) -> None:
    answer = web.post("/webhooks/hubspot", data=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json["error"]
    assert not rows(sqlite_runtime, "inbox")
    (kept,) = rows(sqlite_runtime, "refusals")
    assert (kept.body, kept.url) == (body, f"{BASE}/webhooks/hubspot")
    assert kept.reason == answer.json["error"]


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 202), (299, 202), (301, 401), (10**9, 401)])
def test_a_signature_is_good_for_five_minutes_both_ways(web: FlaskClient, seconds: int, status: int) -> None:
    from datetime import timedelta

    headers = {**JSON, **hubspot_v3(BODY, f"{BASE}/webhooks/hubspot", NOW + timedelta(seconds=seconds))}
    assert web.post("/webhooks/hubspot", data=BODY, headers=headers).status_code == status


def test_while_a_secret_is_changed_the_old_and_the_new_one_are_good(sqlite_runtime: Runtime) -> None:
    added = hubspot(sqlite_runtime)
    from app.store import connections

    secrets = {**added.settings, "client_secret": "new", "client_secret_previous": added.settings["client_secret"]}
    with sqlite_runtime.database.write() as conn:
        connections.change_settings(conn, sqlite_runtime.vault, added.id, secrets)
    sqlite_runtime.forget()
    web = client(sqlite_runtime)
    for secret, status in (("new", 202), (added.settings["client_secret"], 202), ("", 401), ("other", 401)):
        assert web.post("/webhooks/hubspot", data=BODY, headers=signed(secret=secret)).status_code == status


def test_without_a_secret_nothing_is_believed(sqlite_runtime: Runtime) -> None:
    add_connection(sqlite_runtime, "klaviyo", "bare", {"api_key": "pk_1"})
    web = client(sqlite_runtime)
    for headers in ({}, {"X-Baton-Secret": ""}, {"X-Baton-Secret": "x"}, {"Klaviyo-Signature": "x"}):
        assert web.post("/webhooks/bare", data=b"{}", headers=headers).status_code == 401
    assert web.post("/webhooks/bare/guess", data=b"{}").status_code == 401


# --- Klaviyo's proof


def klaviyo_signed(body: bytes, secret: str = "klaviyo-test-secret") -> dict[str, str]:
    stamp = NOW.isoformat()
    mac = hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return {"Klaviyo-Signature": mac, "Klaviyo-Timestamp": stamp, "Klaviyo-Webhook-Id": "w1", **JSON}


def test_klaviyo_system_webhooks_are_signed(web: FlaskClient) -> None:
    body = b'{"data":[],"meta":{}}'
    assert web.post("/webhooks/klaviyo", data=body, headers=klaviyo_signed(body)).status_code == 202
    assert web.post("/webhooks/klaviyo", data=body + b" ", headers=klaviyo_signed(body)).status_code == 401
    assert web.post("/webhooks/klaviyo", data=body, headers=klaviyo_signed(body, "other")).status_code == 401
    bad = {**klaviyo_signed(body), "X-Baton-Secret": "flow-secret", "Klaviyo-Signature": "0" * 64}
    assert web.post("/webhooks/klaviyo", data=body, headers=bad).status_code == 401, "a signature alone counts"


def test_klaviyo_flow_webhooks_bring_a_secret(web: FlaskClient) -> None:
    for secret, status in (("flow-secret", 202), ("flow-secre", 401), ("", 401), ("klaviyo-test-secret", 401)):
        headers = {**JSON, "X-Baton-Secret": secret}
        assert web.post("/webhooks/klaviyo", data=b"{}", headers=headers).status_code == status
    assert web.post("/webhooks/klaviyo", data=b"{}", headers={"X-Baton-Secret": "\xe9"}).status_code == 401


# --- who is refused, and how much of it is kept


def test_refusals_are_counted_and_bounded(
    web: FlaskClient, sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "KEEP_REFUSALS", 5)
    monkeypatch.setattr("app.webhooks.REFUSALS_PER_SECOND", 10_000)
    for number in range(8):
        web.post("/webhooks/hubspot", data=b"%d" % number, headers=JSON)
    assert web.post("/webhooks/klaviyo", data=b"x" * 600_000).status_code == 401
    kept = rows(sqlite_runtime, "refusals", "body")
    assert [row.body for row in kept[:-1]] == [b"3", b"4", b"5", b"6", b"7"]
    assert len(kept[-1].body) == notes.MAX_REFUSED_BODY
    with sqlite_runtime.database.read() as conn:
        counted = {count for count, _, _ in notes.refusals_by_connection(conn).values()}
    assert counted == {8, 1}


def test_a_flood_of_forgeries_does_not_become_a_flood_of_writes(web: FlaskClient, sqlite_runtime: Runtime) -> None:
    began = time.monotonic()
    answers = [web.post("/webhooks/hubspot", data=b"x").status_code for _ in range(60)]
    seconds = int(time.monotonic() - began) + 2
    assert set(answers) == {401}
    assert len(rows(sqlite_runtime, "refusals", "id")) <= 10 * seconds
    assert web.post("/webhooks/klaviyo", data=b"x").status_code == 401
    assert rows(sqlite_runtime, "refusals", "id", connection_id=sqlite_runtime.connection("klaviyo").id)  # type: ignore


def test_a_refusal_that_cannot_be_noted_is_still_a_401(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(notes, "refuse", away)
    assert web.post("/webhooks/hubspot", data=b"x").status_code == 401


def test_a_refusal_tells_no_secret(web: FlaskClient, log: list[Any]) -> None:
    answer = web.post("/webhooks/hubspot", data=b"x", headers=signed())
    for told in (answer.text, repr(log)):
        assert "a-client-secret" not in told
        assert signed()["X-HubSpot-Signature-v3"] not in told


# --- what is not a webhook

ODD = {
    "an unknown connection": ("POST", "/webhooks/nobody", {}, 404),
    "a connection with a NUL": ("POST", "/webhooks/hub%00spot", {}, 404),
    "a connection of 5,000 letters": ("POST", f"/webhooks/{'x' * 5_000}", {}, 404),
    "forms have a door of their own": ("POST", "/webhooks/forms", {}, 404),
    "the site has a door of its own": ("POST", "/webhooks/site", {}, 404),
    "a look": ("GET", "/webhooks/hubspot", {}, 405),
    "a deletion": ("DELETE", "/webhooks/hubspot", {}, 405),
    "a body that is packed": ("POST", "/webhooks/hubspot", {"Content-Encoding": "gzip"}, 415),
    "a body that is packed twice": ("POST", "/webhooks/hubspot", {"Content-Encoding": "br, gzip"}, 415),
    "a secret in the path of one that signs": ("POST", "/webhooks/hubspot/secret", {}, 401),
    "an empty secret": ("POST", "/webhooks/hubspot/", {}, 404),
    "a deeper path": ("POST", "/webhooks/hubspot/a/b", {}, 404),
}


@pytest.mark.parametrize(("method", "path", "headers", "status"), ODD.values(), ids=ODD)
def test_what_is_no_webhook_is_told_so(
    web: FlaskClient, sqlite_runtime: Runtime, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = web.open(path, method=method, data=BODY, headers={**signed(), **headers})
    assert answer.status_code == status
    assert "error" in answer.json
    assert not rows(sqlite_runtime, "inbox")


def test_a_body_over_the_limit_is_refused_before_it_is_read(web: FlaskClient) -> None:
    body = b"[" + b" " * (5 * 1024 * 1024) + b"]"
    answer = web.post("/webhooks/hubspot", data=body, headers=signed(body=body))
    assert answer.status_code == 413
    assert "KiB" in answer.json["error"]


def test_the_length_has_to_be_announced_where_no_signature_covers_the_body(sqlite_runtime: Runtime) -> None:
    klaviyo(sqlite_runtime)
    web = client(sqlite_runtime)
    headers = {"Transfer-Encoding": "chunked", "X-Baton-Secret": "flow-secret"}
    environ = {"wsgi.input_terminated": True}
    for path in ("/forms/contact", "/track"):
        assert web.post(path, headers=headers, environ_overrides=environ).status_code == 411


# --- nobody waits for Redis


def latencies(web: FlaskClient, count: int = 60) -> list[float]:
    taken = []
    for _ in range(count):
        began = time.monotonic()
        assert web.post("/webhooks/hubspot", data=BODY, headers=signed()).status_code == 202
        taken.append(time.monotonic() - began)
    return sorted(taken)


@pytest.mark.parametrize("how", ["absent", "frozen", "silent", "wrong"])
def test_a_redis_that_is_ill_slows_no_answer(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, how: str
) -> None:
    server, listener = None, None
    url = f"redis://127.0.0.1:{free_port()}/0"
    if how == "frozen":
        server = ValkeyServer(tmp_path)
        server.start()
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        url = server.url
    elif how == "silent":  # takes connections and says nothing
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    elif how == "wrong":
        url = "redis://:wrong@nowhere.invalid:1/0"
    runtime = make_runtime(request, "sqlite", tmp_path, clock, REDIS_URL=url)
    hubspot(runtime)
    try:
        taken = latencies(client(runtime))
        assert taken[-1] < 0.3, taken[-5:]
        assert len(rows(runtime, "inbox", "id")) == 60
    finally:
        runtime.close()
        if server is not None and server.process is not None:
            server.process.send_signal(signal.SIGCONT)
            server.stop()
        if listener is not None:
            listener.close()


def test_no_vendor_is_called_before_the_answer(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_client(*_: Any) -> None:
        raise AssertionError("a vendor's client was made while a request waited")

    monkeypatch.setattr(Runtime, "client", no_client)
    assert web.post("/webhooks/hubspot", data=BODY, headers=signed()).status_code == 202


def test_settings_of_another_installation_are_not_mixed_up(
    sqlite_runtime: Runtime, tmp_path: Path, clock: Clock
) -> None:
    """A key that does not fit is an error at the door, and not an unsigned way in."""
    from cryptography.fernet import Fernet

    hubspot(sqlite_runtime)
    other = settings(sqlite_runtime.settings.database_url, tmp_path, BATON_SECRET_KEY=Fernet.generate_key().decode())
    runtime = Runtime(other, clock)
    answer = open_app(runtime).test_client().post("/webhooks/hubspot", data=BODY, headers=signed())
    assert answer.status_code >= 500
    assert not rows(sqlite_runtime, "inbox")
    runtime.close()


# --- tools that sign nothing


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ANN = b"type=update&date_time=2026-03-10T03:20:00-06:00&contact[id]=41&contact[email]=ann@example.com"


def test_secret_in_the_address_is_the_old_or_the_new_one_while_it_is_rotated(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "activecampaign", "ac", {"webhook_token": "first-token"})
    web = client(sqlite_runtime)

    def answers(*tokens: str) -> list[int]:
        return [web.post(f"/webhooks/ac/{token}", data=ANN, headers=FORM).status_code for token in tokens]

    assert answers("first-token", "second-token", "First-token") == [202, 401, 401]
    assert repairs.rotate_settings(sqlite_runtime, made, {"webhook_token": "second-token"}) == ["webhook_token"]
    assert answers("first-token", "second-token", "third-token") == [202, 202, 401]
    rotated = sqlite_runtime.connection("ac")
    assert rotated is not None
    repairs.rotate_settings(sqlite_runtime, rotated, {"webhook_token": "third-token"})
    assert answers("first-token", "second-token", "third-token") == [401, 202, 202]
    assert web.post("/webhooks/ac", data=ANN, headers=FORM).status_code == 401
    assert not any("token" in row.url for row in rows(sqlite_runtime, "inbox", "url"))


def test_secret_in_the_address_is_made_up_where_none_is_given(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "activecampaign", "ac", {})
    shown = address(sqlite_runtime, made)
    token = shown.removeprefix(f"{BASE}/webhooks/ac/")
    assert len(token) >= 24
    url = f"/webhooks/ac/{token}?event=form.submitted"
    assert client(sqlite_runtime).post(url, data=ANN, headers=FORM).status_code == 202
    (row,) = rows(sqlite_runtime, "inbox", "url")
    assert row.url == f"{BASE}/webhooks/ac/…?event=form.submitted"


def test_vendor_hears_what_it_wants_to_hear_of_what_it_sent(sqlite_runtime: Runtime) -> None:
    path = address(sqlite_runtime, add_connection(sqlite_runtime, "salesforce", "crm", {})).removeprefix(BASE)
    web = client(sqlite_runtime)
    answer = web.post(path, data=b"<Envelope/>", headers={"Content-Type": "text/xml"})
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert b"<Ack>true</Ack>" in answer.data
    answer = web.post(path, data=b"{}", headers=JSON)
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    assert [row.body for row in rows(sqlite_runtime, "inbox", "body")] == [b"<Envelope/>", b"{}"]
