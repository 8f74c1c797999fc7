"""What a tool takes at once and works off later: each delivery waits for what became of it, through real lanes against
the simulated Mailchimp, on both databases. Catalogue: G2, N3, N8."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.mailchimp.sandbox.account import hash_of
from adapters.sandbox.server import Server, serve
from app import erasure
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from jobs import deliver, forgetting, ingest, landing
from tests.conftest import make_runtime
from tests.feeding import contact, drain, form, rows

AUDIENCE = "a1b2c3d4e5"


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        server.vendors["mailchimp"].configure(calls_per_second=1000, batch_seconds=3600)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server) -> Iterator[Runtime]:
    runtime = make_runtime(request, request.param, tmp_path, now_utc)
    settings = {"api_key": "k-us6", "list": AUDIENCE}
    add_connection(runtime, "mailchimp", "mailchimp", settings, f"{vendors.url}/mailchimp")
    yield runtime
    runtime.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)


def sign_up(runtime: Runtime, count: int) -> None:
    """So many people who are written to Mailchimp in one batch."""
    for number in range(count):
        form(runtime, "newsletter", email=f"p{number}@example.com", first_name=f"P{number}", newsletter="yes")
    drain(runtime)
    deliver.drain(runtime, 5)


def profiles(runtime: Runtime) -> list[Any]:
    return rows(runtime, "deliveries", "status", "reason", "result", "contact_id", kind="upsert_contact")


def get_through(account: Any) -> None:
    """Let all batches be through now."""
    account.configure(batch_seconds=0)
    account.results = {name: (0.0, results) for name, (_, results) in account.results.items()}


def settle(runtime: Runtime) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        ingest.drain(runtime, 5)
        deliver.drain(runtime, 5)
        forgetting.look(runtime)
        if not [one for one in rows(runtime, "deliveries", "status") if one.status in ("pending", "sending")]:
            return
        time.sleep(0.05)


def test_each_member_of_a_batch_ends_by_itself(live: Runtime, vendors: Server) -> None:
    account = vendors.vendors["mailchimp"]
    account.forgotten.add((AUDIENCE, hash_of("p3@example.com")))
    sign_up(live, 8)
    under_way = profiles(live)
    assert {one.status for one in under_way} == {"pending"}
    assert {one.reason for one in under_way} == {f"Mailchimp works it off in batch {next(iter(account.batches))}"}
    get_through(account)
    settle(live)
    ends = {one.contact_id: one for one in profiles(live)}
    bad = contact(live, email="p3@example.com")["id"]
    assert Counter(one.status for one in ends.values()) == {"sent": 7, "dead": 1}
    assert "permanently deleted" in ends[bad].reason
    assert len(account.batches) == 1, "what is worked off is asked about and not sent again"


def test_what_is_newer_is_written_and_not_what_the_batch_said_of_the_older(live: Runtime, vendors: Server) -> None:
    account = vendors.vendors["mailchimp"]
    sign_up(live, 8)
    form(live, "newsletter", email="p5@example.com", first_name="Pia", newsletter="yes")
    drain(live)
    newer = [one for one in profiles(live) if one.contact_id == contact(live, email="p5@example.com")["id"]]
    assert [(one.status, one.result) for one in newer] == [("pending", None)]
    get_through(account)
    settle(live)
    assert {one.status for one in profiles(live)} == {"sent"}
    assert account.member("p5@example.com")["merge_fields"]["FNAME"] == "Pia"


def test_what_is_planned_once_more_is_not_sent_again(live: Runtime, vendors: Server) -> None:
    """While a batch is under way Mailchimp is not known to hold what is in it, whatever else its people do."""
    account = vendors.vendors["mailchimp"]
    sign_up(live, 8)
    for _ in range(2):
        form(live, "newsletter", email="p5@example.com", first_name="P5", newsletter="yes")
        drain(live)
        deliver.drain(live, 1)
    assert {one.status for one in profiles(live)} == {"pending"}
    get_through(account)
    settle(live)
    assert {one.status for one in profiles(live)} == {"sent"}
    assert len(account.batches) == 1
    assert not [one for one in vendors.called("mailchimp", method="PUT") if "merge_fields" in one.body]


def test_lost_answer_to_the_question_keeps_the_ticket(live: Runtime, vendors: Server) -> None:
    account = vendors.vendors["mailchimp"]
    sign_up(live, 8)
    get_through(account)
    account.fault("503", path="/batches/")
    settle(live)
    assert {one.status for one in profiles(live)} == {"sent"}
    assert len(account.batches) == 1


def test_nobody_is_erased_while_a_batch_could_still_bring_them_back(live: Runtime, vendors: Server) -> None:
    account = vendors.vendors["mailchimp"]
    sign_up(live, 8)
    gone = int(contact(live, email="p5@example.com")["id"])
    erasure.erase(live, "dpo", gone)
    for _ in range(3):
        forgetting.look(live)
        deliver.drain(live, 1)
        time.sleep(0.05)
    assert "p5@example.com" in {one["email_address"] for one in account.members[AUDIENCE].values()}
    get_through(account)
    end = time.monotonic() + 15
    while {one.status for one in rows(live, "erasures", "status")} != {"finished"} and time.monotonic() < end:
        settle(live)
    assert "p5@example.com" not in {one["email_address"] for one in account.members[AUDIENCE].values()}
    assert not [one for one in profiles(live) if one.contact_id == gone]
