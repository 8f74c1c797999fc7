"""Vendors that say wait, break, lie, hang or flood us: never early, never twice, never for ever. R8–R11, R28."""

import gzip
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from adapters import http
from adapters.contract import Again, Done, Push
from adapters.http import Http
from adapters.outcomes import outcome_of
from app.contacts.action import SendMessage, UpsertContact
from app.contacts.identity import EMAIL
from app.runtime import now_utc
from app.store import breakers, deliveries, lanes, notes
from app.store import people as people_store
from jobs import breaker, deliver, ingest, landing, orphans
from jobs.landing import backoff
from jobs.lane import Lane
from tests.chaos.conftest import MakeTown
from tests.chaos.town import Town
from tests.feeding import rows
from tests.stopwatch import Stopwatch

ANN = "ann@acme.example"


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for profiles to gather, or for a lost call to have come to its end."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "LOOK_AGAIN", timedelta(seconds=0.05))
    monkeypatch.setattr(orphans, "LOOK_LATER", 0.05)


def once(town: Town, seconds: float = 3.0) -> None:
    """Take in what has arrived, and send what is due now."""
    ingest.drain(town.runtime, seconds)
    deliver.drain(town.runtime, seconds)


def settle(town: Town, seconds: float) -> None:
    """Work until nothing is left."""
    watch = Stopwatch()
    while left := town.left():
        watch.within(seconds, left)
        once(town, 1)


def park_lost_calls(town: Town, monkeypatch: pytest.MonkeyPatch, tool: str, action: type) -> None:
    """Let a tool be one that neither takes such an action once nor can be asked about it."""
    connection = town.runtime.connection(tool)
    assert connection is not None
    pushes = town.runtime.adapter(connection).pushes
    monkeypatch.setitem(pushes, action, replace(pushes[action], again=Again.PARK))


# --- R8


@pytest.mark.process
@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        pytest.param(None, None, id="nothing said"),
        pytest.param(7, 7, id="seconds"),
        pytest.param("date", 30, id="a date"),
        pytest.param(10**9, 86_400, id="thirty years"),
        pytest.param("soon", None, id="garbage"),
        pytest.param("-5", None, id="the past"),
    ],
)
def test_r8_a_429_is_waited_for_as_long_as_was_said(make_town: MakeTown, said: Any, seconds: float | None) -> None:
    """R8: the next try is due when the vendor said (±20 %, never early, 24 h at most), and nothing is called before."""
    town = make_town("sqlite")
    if said == "date":
        said = format_datetime(now_utc() + timedelta(seconds=31), usegmt=True)
    town.vendors.hubspot.fault("429", path="/batch/upsert", **({} if said is None else {"retry_after": said}))
    town.arrive([town.sign_up(ANN)[0]])
    once(town)
    found = rows(town.runtime, "deliveries", "status", "not_before", "updated_at", "reason")
    (tried,) = [row for row in found if row.reason]
    wait = (tried.not_before - tried.updated_at).total_seconds()
    expected = landing.FIRST_DELAY if seconds is None else seconds
    assert tried.status == "pending"
    assert expected * 0.99 - (seconds == 30) <= wait <= expected * 1.25 + 0.1
    called = len(town.vendors.called("hubspot"))
    town.arrive([town.sign_up("ben@acme.example")[0]])
    watch = Stopwatch()
    once(town)
    if seconds is not None:
        watch.within(3, "No worker sleeps through a wait: others have things to send.")
        assert len(town.vendors.called("hubspot")) == called, "others wait as well: the limit is the account's"
        assert {row.status for row in rows(town.runtime, "deliveries", "status")} <= {"pending", "sent"}


def test_r8_the_schedule_of_tries_grows_to_an_hour_and_ends_after_two_days() -> None:
    """R8: 2, 8, 32, 128, 512, 2,048 s and then an hour each time, up to a fifth later, never earlier."""
    for attempt, seconds in enumerate([2, 8, 32, 128, 512, 2_048, 3_600, 3_600, 3_600], start=1):
        waits = [backoff(attempt) for _ in range(200)]
        assert seconds <= min(waits)
        assert max(waits) <= seconds * 1.2
    assert backoff(10_000) <= 3_600 * 1.2


@pytest.mark.parametrize("fault", ["500", "502", "503", "reset", "drop"])
def test_r8_what_breaks_is_tried_again_by_the_schedule(make_town: MakeTown, fault: str) -> None:
    """R8: after 500, 502, 503, a reset or no answer the next try is due in 2 s, up to a fifth later."""
    town = make_town("sqlite")
    town.vendors.hubspot.fault(fault, path="/batch/upsert")
    town.arrive([town.sign_up(ANN)[0]])
    once(town)
    (tried,) = [row for row in rows(town.runtime, "deliveries", "not_before", "updated_at", "reason") if row.reason]
    assert 1.9 <= (tried.not_before - tried.updated_at).total_seconds() <= 2.5


def test_r8_a_name_that_does_not_resolve_is_tried_again(make_town: MakeTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """R8: no DNS: it certainly was not sent, so it waits like anything else, also where a lost call would wait for a
    person; and no credentials are blamed."""
    import socket

    town = make_town("sqlite")
    park_lost_calls(town, monkeypatch, "hubspot", UpsertContact)

    def nowhere(*args: Any, **kw: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", nowhere)
        town.arrive([town.sign_up(ANN)[0]])
        once(town)
    found = rows(town.runtime, "deliveries", "status", "reason", kind="upsert_contact")
    assert {row.status for row in found} == {"pending"}
    assert any("resol" in row.reason for row in found if row.reason), found


# --- R9


def test_r9_calls_that_are_carried_out_and_never_answered(make_town: MakeTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """R9: 10 % of all calls are carried out and then time out: 0 effects twice, and nothing is parked where one can
    look."""
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(breaker, "FAILURES", 1_000)
    town = make_town("sqlite")
    for vendor in (town.vendors.hubspot, town.vendors.klaviyo):
        vendor.fault("done_then_drop", method="POST", share=0.1, times=10_000)
    people = [f"p{number}@acme.example" for number in range(12)]
    town.arrive(town.sign_up(*people))
    for _ in range(4):
        town.arrive([town.write(one) for one in people])
    for number in range(8):
        town.arrive(town.get_ready(f"r{number}@acme.example"))
    settle(town, 40)
    town.check()


def test_r9_what_nobody_can_look_up_is_parked_and_not_sent_again(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R9: where the vendor neither takes a thing once nor can be asked, lost calls wait for a person, 0 are resent."""
    town = make_town("sqlite")
    park_lost_calls(town, monkeypatch, "klaviyo", SendMessage)
    town.vendors.klaviyo.fault("done_then_drop", path="/api/events")
    town.arrive([*town.sign_up(ANN), town.write(ANN)])
    for _ in range(3):
        once(town, 1)
    (parked,) = rows(town.runtime, "deliveries", "status", "reason", kind="send_message")
    assert parked.status == "unknown"
    assert "nobody can tell" in parked.reason
    assert len(town.vendors.called("klaviyo", path="/api/events")) == 1


# --- R10


@pytest.fixture
def hostile() -> Iterator[str]:
    """A server that answers as its path says, as badly as it can."""
    bomb = _bomb()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            kind = self.path.strip("/")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if kind == "bomb":
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(bomb)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            try:
                if kind == "bomb":
                    self.wfile.write(bomb)
                for _ in range(600 if kind == "loris" else 0):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
                while kind == "endless":
                    self.wfile.write(b" " * 65_536)
                if kind == "malformed":
                    self.wfile.write(b'{"results": [')
            except OSError:
                pass
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _bomb() -> bytes:
    """1 GiB of zeros in a MiB: 1,024 gzip members of a MiB each."""
    return gzip.compress(bytes(1 << 20), 9) * 1_024


@pytest.mark.process
@pytest.mark.parametrize("kind", ["loris", "endless", "bomb", "malformed"])
def test_r10_a_hostile_answer_ends_in_time_and_takes_no_memory(
    hostile: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """R10: a byte at a time, an endless body, 1 GiB of gzip, broken JSON: over in 15 s (here 1.5 s), 20 MiB at most."""
    monkeypatch.setattr(http, "TOTAL_SECONDS", 1.5)
    client = Http(allow_private=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watch = Stopwatch()
    with pytest.raises((http.BadAnswer, urllib3.exceptions.HTTPError, OSError)) as caught:
        client.call("GET", f"{hostile}/{kind}", {})
    watch.within(3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
    outcome = outcome_of(caught.value)
    assert type(outcome).__name__ == "Unknown"


@pytest.mark.parametrize("fault", ["garbage", "html200", "empty200", "error200", "half"])
@pytest.mark.parametrize("tool", ["hubspot", "klaviyo"])
def test_r10_a_success_that_is_none_is_tried_again_and_the_worker_lives(
    make_town: MakeTown, tool: str, fault: str
) -> None:
    """R10: wrong type, 200 with something else, half a body: the row waits for another try, and others go on. HubSpot
    answers with what it did, Klaviyo with an empty body, so that anything would pass for a success there."""
    town = make_town("sqlite")
    vendor, path, kind = {
        "hubspot": (town.vendors.hubspot, "/batch/upsert", "upsert_contact"),
        "klaviyo": (town.vendors.klaviyo, "/api/events", "send_message"),
    }[tool]
    vendor.fault(fault, path=path)
    town.arrive([*town.sign_up(ANN), town.write(ANN)])
    once(town)
    connection = town.runtime.connection(tool)
    assert connection is not None
    states = {row.status for row in rows(town.runtime, "deliveries", "status", connection_id=connection.id, kind=kind)}
    lost = (tool, fault) != ("klaviyo", "half")  # half of nothing is all of it
    assert ("pending" in states) == lost
    assert not states & {"dead", "unknown"}
    settle(town, 15)
    town.check()


# --- R11


@pytest.mark.parametrize("bad", [[0], [99], [0, 99], [50], list(range(1, 100))], ids=lambda bad: f"{len(bad)}")
def test_r11_bad_items_of_a_batch_are_parted_from_the_good_ones(make_town: MakeTown, bad: list[int]) -> None:
    """R11: 1–99 bad ones of 100, first or last: the good ones are sent once, the bad ones isolated, and a single bad
    one takes at most log2(n) + 1 rounds of halving."""
    from adapters.contract import BatchRefused, Delivery, Recipient, Refused
    from app.contacts.action import LeaveList

    town = make_town("sqlite")
    connection = town.runtime.connection("hubspot")
    lease = lanes.take(town.runtime.database, "deliver:test", "me")
    assert connection is not None
    assert lease is not None
    taken: list[int] = []
    depth: list[int] = []

    def send(client: Any, items: Any) -> list[Any]:
        depth.append(len(items))
        if any(one.id in bad for one in items):
            if len(items) > 1:
                raise BatchRefused("one of these is bad")
            return [Refused(reason="bad")]
        taken.extend(one.id for one in items)
        return [Done()] * len(items)

    lane = Lane(town.runtime, connection, lease, lambda: None)
    items = [
        Delivery(id=n, key=str(n), action=LeaveList(list="1"), to=Recipient(contact_id=n, email=f"p{n}@x.example"))
        for n in range(100)
    ]
    outcomes = lane._send(Push(send, batch=100, limits=()), items)
    assert sorted(taken) == [n for n in range(100) if n not in bad]
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == bad
    if len(bad) == 1:
        assert len(depth) <= 2 * 7 + 1  # two halves for each of log2(100) rounds


@pytest.mark.parametrize("bad", [[0], [19], list(range(19))], ids=["first", "last", "all but one"])
def test_r11_a_207_costs_no_good_item(make_town: MakeTown, bad: list[int]) -> None:
    """R11: HubSpot's 207: the good ones are done in that one call, the bad ones are dead with their reason, and each
    outcome is whose it is."""
    town = make_town("sqlite")
    people = [f"p{number:02}@acme.example" for number in range(20)]
    refused = {people[number] for number in bad}
    town.vendors.hubspot.fault("partial207", path="/batch/upsert", emails=sorted(refused))
    town.arrive([town.sign_up(one)[0] for one in people])
    once(town)
    hubspot = town.runtime.connection("hubspot")
    assert hubspot is not None
    found = rows(
        town.runtime, "deliveries", "contact_id", "status", "reason", connection_id=hubspot.id, kind="upsert_contact"
    )
    emails, ids = known_as(town, hubspot.id)
    assert {emails[row.contact_id]: row.status for row in found} == {
        one: "dead" if one in refused else "sent" for one in people
    }
    assert all("VALIDATION_ERROR" in row.reason for row in found if row.status == "dead")
    held = {one.properties["email"]: key for key, one in town.vendors.hubspot.contacts.items()}
    assert ids == held
    assert set(held) == set(people) - refused
    assert len(town.vendors.called("hubspot", path="/batch/upsert")) == 1


def known_as(town: Town, connection_id: int) -> tuple[dict[int, str], dict[str, str]]:
    """The address of each contact by its number here, and the number at a tool by the address."""
    numbers = [row.id for row in rows(town.runtime, "contacts", "id")]
    with town.runtime.database.read() as conn:
        known, there = people_store.known_by(conn, numbers), people_store.vendor_ids(conn, numbers)
    emails = {key: one.value for key, names in known.items() for one, _ in names if one.kind == EMAIL}
    return emails, {emails[key]: ids[connection_id][-1] for key, ids in there.items() if connection_id in ids}


# --- R28


def test_r28_a_vendor_that_fails_is_left_alone_probed_and_taken_up_again(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R28: 100 messages for a vendor that answers 500: left alone after 10 calls at most, one probe a pause, 0 dropped,
    all sent within two pauses of its recovery."""
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(breaker, "PAUSE_SECONDS", 2.0)
    town = make_town("sqlite")
    people = [f"p{number}@acme.example" for number in range(100)]
    town.arrive(town.sign_up(*people))
    settle(town, 20)
    town.vendors.klaviyo.fault("500", path="/api/events", times=10_000)
    town.arrive([town.write(one) for one in people])
    began = time.monotonic()
    once(town, 1)
    assert len(town.vendors.called("klaviyo", path="/api/events")) <= 10
    klaviyo = town.runtime.connection("klaviyo")
    assert klaviyo is not None
    with town.runtime.database.read() as conn:
        assert breakers.resting(notes.read_marks(conn), klaviyo.id, now_utc())
    while time.monotonic() - began < 5:
        once(town, 0.5)
        time.sleep(0.05)
    probes = len(town.vendors.called("klaviyo", path="/api/events")) - 5
    assert probes <= 5 + 3, "calls that were under way when it opened, and one each pause"
    town.vendors.klaviyo.faults.clear()
    watch = Stopwatch()
    settle(town, 15)
    watch.within(2 * 2.0 + 4)
    town.check()
    assert not rows(town.runtime, "deliveries", "id", status=deliveries.DEAD)
