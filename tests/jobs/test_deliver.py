"""What leaves, when, in which order, and what is done about answers that never came. Through real lanes and real SDKs
against the simulators, on both databases. Catalogue: G2, G3, I2, I6, N1, N3–N5."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from sqlalchemy import insert, select, update

from adapters.sandbox.server import Server, serve
from app.contacts.action import Urgency
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from app.store import budgets, claims, deliveries, lanes, policies, tables
from app.store.engine import Conflict
from jobs import breaker, deliver, ingest, landing, lane, reading
from mappings.document import load_yaml
from tests.adapters.making import Peer
from tests.conftest import make_runtime
from tests.feeding import arrive, contact, drain, form, notice, rows, visit


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        server.hubspot.configure(new_contact_stage="lead")
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server) -> Iterator[Runtime]:
    """An installation with a real clock, connected to the simulators."""
    runtime = make_runtime(request, request.param, tmp_path, now_utc)
    connect(runtime, vendors)
    yield runtime
    runtime.close()


@pytest.fixture
def one(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server) -> Iterator[Runtime]:
    """The same on SQLite only, for what has nothing to do with the database."""
    runtime = make_runtime(request, "sqlite", tmp_path, now_utc)
    connect(runtime, vendors)
    yield runtime
    runtime.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for profiles to gather, nor for retries to come due."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(landing, "THROTTLED_SECONDS", 0.1)
    monkeypatch.setattr(landing, "LOOK_AGAIN", timedelta(seconds=0.05))


def connect(runtime: Runtime, vendors: Server) -> None:
    hubspot = {"access_token": "t", "client_secret": "s"}
    add_connection(runtime, "hubspot", "hubspot", hubspot, f"{vendors.url}/hubspot")
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, f"{vendors.url}/klaviyo")
    add_connection(runtime, "alerts", "alerts", {"urls": vendors.url.replace("http", "json") + "/alerts"})


def settle(runtime: Runtime, seconds: float = 15.0) -> None:
    """Work until nothing is left that could be done now."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ingest.drain(runtime, 5)
        deliver.drain(runtime, 5)
        open_rows = [
            row for row in rows(runtime, "deliveries", "status", "reason") if row.status in ("pending", "sending")
        ]
        waiting = [row for row in rows(runtime, "inbox", "status") if row.status == "pending"]
        looked_up = [
            row for row in rows(runtime, "deliveries", "status", "reason") if row.status == "unknown" and not row.reason
        ]
        if not open_rows and not waiting and not looked_up:
            return
        time.sleep(0.05)


def ready_for_sales(runtime: Runtime, vendors: Server, email: str = "ann@acme.example", **known: str) -> str:
    """Somebody whose next look at the pricing page is worth a handoff; their id in HubSpot."""
    properties = {"email": email, "firstname": "Ann", "lastname": "Lee", "jobtitle": "Marketing Director", **known}
    made = vendors.hubspot.act("create_contact", **properties)
    body = [notice(runtime.clock(), int(made["id"]), "creation", portalId=1)]
    arrive(runtime, "hubspot", body)
    visitor = f"visitor-{email.split('@')[0]}".ljust(16, "x")
    for name in ("trial", "webinar", "guide", "event"):
        form(runtime, name, email=email, visitor_id=visitor, company="Acme")
    drain(runtime)
    return str(made["id"])


def look_at_pricing(runtime: Runtime, email: str = "ann@acme.example") -> None:
    visit(runtime, f"visitor-{email.split('@')[0]}".ljust(16, "x"), "/pricing")


def eventually(holds: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What holds within this time."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return held


def statuses(runtime: Runtime, kind: str) -> list[str]:
    return [row.status for row in rows(runtime, "deliveries", "status", kind=kind)]


def calls(vendors: Server, path: str, method: str = "POST") -> list[Any]:
    return vendors.called("hubspot", method=method, path=path) + vendors.called("klaviyo", method=method, path=path)


# --- handoffs


def test_a_pricing_visit_with_a_high_score_becomes_task_note_and_alert(live: Runtime, vendors: Server) -> None:
    hubspot_id = ready_for_sales(live, vendors)
    look_at_pricing(live)
    settle(live)
    (task,) = vendors.hubspot.tasks.values()
    (note,) = vendors.hubspot.notes.values()
    assert ("contacts", hubspot_id) in {(kind, one) for kind, one in _linked(vendors, "tasks", task)}
    assert "Ann Lee" in task.properties["hs_task_subject"]
    assert "+5 Visited the pricing page" in task.properties["hs_task_body"]
    assert "https://hub.example.com/h/" in note.properties["hs_note_body"]
    assert "Ann Lee" in str(vendors.alerts[0])
    assert [row.status for row in rows(live, "handoffs")] == ["open"]
    assert contact(live, email="ann@acme.example")["lifecycle_stage"] == "mql"


def _linked(vendors: Server, kind: str, record: Any) -> list[tuple[str, str]]:
    state = vendors.hubspot.state()
    found = []
    for link in state.get("associations", state.get("links", [])):
        text = str(link)
        if record.id in text and "contacts" in text:
            found += [("contacts", one) for one in vendors.hubspot.contacts if one in text]
    return found


def test_a_handoff_of_somebody_hubspot_does_not_know_yet_is_linked_to_them_all_the_same(
    live: Runtime, vendors: Server
) -> None:
    visitor = "visitor-ann".ljust(16, "x")
    for name in ("trial", "webinar", "guide", "demo"):
        fields = {"full_name": "Ann Lee", "job_title": "Director", "company": "Acme"}
        form(live, name, email="ann@acme.example", visitor_id=visitor, **fields)
    visit(live, visitor, "/pricing")
    drain(live)  # everything is decided before anything is sent
    deliver.drain(live, 10)
    ((hubspot_id, _),) = vendors.hubspot.contacts.items()
    (task,) = vendors.hubspot.tasks.values()
    (note,) = vendors.hubspot.notes.values()
    assert ("contacts", hubspot_id) in _linked(vendors, "tasks", task)
    assert ("contacts", hubspot_id) in _linked(vendors, "notes", note)


def test_the_owner_of_the_contact_gets_the_handoff(one: Runtime, vendors: Server) -> None:
    owner = _an_owner(vendors)
    ready_for_sales(one, vendors, hubspot_owner_id=owner["id"])
    look_at_pricing(one)
    settle(one)
    (task,) = vendors.hubspot.tasks.values()
    assert task.properties["hubspot_owner_id"] == owner["id"]
    assert rows(one, "handoffs", "owner_id", "assigned_why") == [(owner["id"], "owns the contact")]


def test_where_nobody_is_named_no_owner_is_said_to_be_assigned(one: Runtime, vendors: Server) -> None:
    ready_for_sales(one, vendors)
    look_at_pricing(one)
    settle(one)
    found = {row.kind: (row.status, row.reason) for row in rows(one, "deliveries", "kind", "status", "reason")}
    assert found["assign_owner"] == ("withheld", "nobody is named to own it")
    assert found["create_task"][0] == "sent", "and nothing else waits for one"


def _an_owner(vendors: Server) -> dict[str, Any]:
    owners = vendors.hubspot.state()["owners"]
    found = next(iter(owners.values())) if isinstance(owners, dict) else owners[0]
    return found if isinstance(found, dict) else {name: getattr(found, name) for name in ("id", "email")}


def test_people_take_turns_when_nobody_owns_the_contact(one: Runtime, vendors: Server) -> None:
    publish_people(one, ["rita@example.com", "sam@example.com"], away="sam@example.com")
    publish_people(one, ["rita@example.com", "sam@example.com", "tom@example.com"], away="sam@example.com")
    for name in ("ann", "ben", "cleo"):
        email = f"{name}@acme.example"
        ready_for_sales(one, vendors, email)
        look_at_pricing(one, email)
        settle(one)
    assert [row.owner_email for row in rows(one, "handoffs", "owner_email")] == [
        "rita@example.com",
        "tom@example.com",
        "rita@example.com",
    ]


def publish_people(runtime: Runtime, emails: list[str], away: str) -> None:
    people = [
        {"name": email.split("@")[0].title(), "email": email, "absent_until": "2099-01-01" if email == away else None}
        for email in emails
    ]
    publish(runtime, "handoff", people=people)


def publish(runtime: Runtime, kind: str, **changes: Any) -> None:
    """Put the shipped policy in force with these parts changed."""
    document = {**load_yaml(default_documents()[kind].text, kind), **changes}
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(yaml.safe_dump(document, sort_keys=False)), "test", "", runtime.clock())
    runtime.forget()


def test_automation_stops_from_handoff_to_verdict(one: Runtime, vendors: Server) -> None:
    ready_for_sales(one, vendors)
    look_at_pricing(one)
    settle(one)
    assert statuses(one, "send_message") == ["withheld"]
    vendors.hubspot.act("verdict", contact="ann@acme.example", value="Nurture Further")
    moment = one.clock()
    body = notice(moment, int(_hubspot_id(one)), name="hs_lead_status", value="Nurture Further", portalId=1)
    arrive(one, "hubspot", [body])
    settle(one)
    assert [row.verdict for row in rows(one, "handoffs", "verdict", "status")] == ["nurture"]
    assert contact(one, email="ann@acme.example")["lifecycle_stage"] == "lead"
    form(one, "newsletter", email="ann@acme.example", newsletter="yes")
    drain(one)
    look_at_pricing(one)
    settle(one)
    assert statuses(one, "send_message") == ["withheld", "sent"]


def _hubspot_id(runtime: Runtime) -> str:
    shown = contact(runtime, email="ann@acme.example")
    return next(alias["value"] for alias in shown["aliases"] if alias["kind"] == "hubspot")


# --- consent


def test_an_opt_out_in_one_tool_is_written_to_the_other(live: Runtime, vendors: Server) -> None:
    ready_for_sales(live, vendors)
    settle(live)
    body = notice(live.clock(), int(_hubspot_id(live)), name="hs_email_optout", value="true", portalId=1)
    arrive(live, "hubspot", [body])
    settle(live)
    (call,) = calls(vendors, "/api/profile-subscription-bulk-delete-jobs")
    assert "ann@acme.example" in str(call.body)
    assert not calls(vendors, "unsubscribe-all"), "HubSpot said it: it need not be told"


def test_an_address_that_bounces_in_one_tool_is_stopped_in_the_other(live: Runtime, vendors: Server) -> None:
    ready_for_sales(live, vendors)
    publish(live, "triggers", triggers=[])
    form(live, "newsletter", email="ann@acme.example", newsletter="yes")
    settle(live)
    (profile,) = vendors.klaviyo.profiles.values()
    assert not profile.email.suppression
    record = {"vid": int(_hubspot_id(live)), "properties": {"email": {"value": "ann@acme.example"}}}
    arrive(live, "hubspot", record, query="?event=email.bounced&permanent=true&reason=no+such+mailbox")
    settle(live)
    assert len(calls(vendors, "/api/profile-suppression-bulk-create-jobs")) == 1
    assert eventually(lambda: profile.email.suppression), "Klaviyo works its jobs off by and by"
    arrive(live, "hubspot", [notice(live.clock(), int(_hubspot_id(live)), name="company", value="Acme 2", portalId=1)])
    settle(live)
    assert len(calls(vendors, "/api/profile-suppression-bulk-create-jobs")) == 1, "told once"


def test_an_opt_out_that_hubspot_has_held_for_long_does_not_undo_a_later_yes(
    one: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot_id = vendors.hubspot.act("create_contact", email="ann@acme.example")["id"]
    vendors.hubspot.act("opt_out", contact="ann@acme.example")
    arrive(one, "hubspot", [notice(one.clock(), int(hubspot_id), "creation", portalId=1)])
    drain(one)
    assert _email_consent(one) == "withdrawn"
    form(one, "newsletter", email="ann@acme.example", newsletter="yes")
    drain(one)
    assert _email_consent(one) == "granted"
    monkeypatch.setattr(reading, "READ_HOLDS", timedelta(0))  # everything is read anew
    for company in ("Acme 1", "Acme 2"):
        vendors.hubspot.act("set_property", contact="ann@acme.example", name="company", value=company)
        body = notice(one.clock(), int(hubspot_id), name="company", value=company, portalId=1)
        arrive(one, "hubspot", [body])
        drain(one)
    assert contact(one, email="ann@acme.example")["fields"]["company"] == "Acme 2"
    assert _email_consent(one) == "granted"


def _email_consent(runtime: Runtime) -> str:
    return str(contact(runtime, email="ann@acme.example")["consent"]["email"]["marketing"]["state"])


# --- what an answer tells


def test_a_vendors_id_is_learned_from_its_answer(live: Runtime) -> None:
    form(live, "contact", email="ann@acme.example")
    settle(live)
    (name,) = rows(live, "aliases", "contact_id", "value", kind="hubspot")
    assert name.contact_id == contact(live, email="ann@acme.example")["id"]
    assert not rows(live, "inbox", "id", kind="baton"), "nothing has to be worked out"


def test_an_id_that_is_another_contacts_already_makes_the_two_one_person(live: Runtime, vendors: Server) -> None:
    """HubSpot knows two of a person's addresses; we met them as two people."""
    form(live, "contact", email="ann@acme.example")
    settle(live)
    (known,) = vendors.hubspot.contacts.values()
    with vendors.hubspot.lock:
        known.properties["hs_additional_emails"] = "ann@home.example"
        vendors.hubspot.unique["contacts", "email", "ann@home.example"] = known.id
    form(live, "contact", email="ann@home.example", first_name="Ann")
    settle(live)
    settle(live)
    assert contact(live, email="ann@acme.example")["id"] == contact(live, email="ann@home.example")["id"]
    assert len(rows(live, "merges", "id")) == 1


# --- lists


@pytest.mark.parametrize("tool", ["hubspot", "klaviyo"])
def test_a_trigger_puts_people_on_a_list_and_takes_them_off(one: Runtime, vendors: Server, tool: str) -> None:
    number = a_list(vendors, tool)
    joins = {"id": "guides", "label": "Reads guides", "on": ["form.submitted"], "too_old_hours": 24, "once_in_days": 0}
    publish(one, "triggers", triggers=[{**joins, "join": {"list": number, "through": tool}}])
    form(one, "newsletter", email="ann@acme.example", newsletter="yes")
    settle(one)
    assert statuses(one, "join_list") == ["sent"]
    assert len(members(vendors, tool, number)) == 1
    publish(one, "triggers", triggers=[{**joins, "leave": {"list": number, "through": tool}}])
    form(one, "goodbye", email="ann@acme.example")
    settle(one)
    assert statuses(one, "leave_list") == ["sent"]
    assert not members(vendors, tool, number)


def test_nobody_is_put_on_a_list_who_may_not_be_written_to(one: Runtime, vendors: Server) -> None:
    number = a_list(vendors, "klaviyo")
    trigger = {"id": "guides", "label": "Reads guides", "on": ["form.submitted"]}
    publish(one, "triggers", triggers=[{**trigger, "join": {"list": number, "through": "klaviyo"}}])
    form(one, "demo", email="ann@acme.example")
    settle(one)
    assert not calls(vendors, "relationships/profiles")
    (decision,) = rows(one, "decisions", "outcome", "summary", what="list")
    assert decision.outcome == "withheld"
    assert "no consent for email marketing is on record" in decision.summary


def a_list(vendors: Server, tool: str) -> str:
    if tool == "hubspot":
        return str(vendors.hubspot.add_list("Guides")["listId"])
    return next(iter(vendors.klaviyo.lists))


def members(vendors: Server, tool: str, number: str) -> Any:
    return getattr(vendors, tool).lists[number]["members"]


def test_no_write_lifts_an_opt_out_without_the_persons_later_consent(one: Runtime, vendors: Server) -> None:
    form(one, "newsletter", email="ann@acme.example", newsletter="yes")
    drain(one)
    # The opt-out arrives while the subscription is on its way out
    from tests.jobs.test_order import klaviyo_event

    _, _, body = klaviyo_event(1, 0, "01KANN", "unsubscribed_from_email_marketing", email_address="ann@acme.example")
    body["data"][0]["payload"]["data"]["attributes"]["timestamp"] = int(one.clock().timestamp()) + 1
    vendors.klaviyo.act("create_profile", email="ann@acme.example")
    arrive(one, "klaviyo", body)
    settle(one)
    assert not calls(vendors, "/api/profile-subscription-bulk-create-jobs")
    assert "sent" not in statuses(one, "subscribe")


# --- lost answers, refusals, limits


def test_a_lost_answer_to_an_upsert_is_sent_again_because_that_does_no_harm(live: Runtime, vendors: Server) -> None:
    vendors.hubspot.fault("done_then_drop", path="/batch/upsert")
    form(live, "contact", email="ann@acme.example")
    settle(live)
    assert len(calls(vendors, "/batch/upsert")) == 2
    assert len(vendors.hubspot.contacts) == 1
    assert statuses(live, "upsert_contact")[0] == "sent"


def test_a_lost_answer_to_a_task_is_looked_up_and_not_sent_again(live: Runtime, vendors: Server) -> None:
    ready_for_sales(live, vendors)
    settle(live)
    vendors.hubspot.fault("done_then_drop", path="/objects/tasks", method="POST")
    look_at_pricing(live)
    settle(live)
    assert len(vendors.hubspot.tasks) == 1
    assert statuses(live, "create_task") == ["sent"]
    (task,) = rows(live, "deliveries", "id", "reason", kind="create_task")
    assert "found on looking" in task.reason
    assert [row.outcome for row in rows(live, "attempts", "outcome", delivery_id=task.id)] == ["unknown", "done"]


def test_a_task_whose_call_never_arrived_is_looked_up_and_then_sent(one: Runtime, vendors: Server) -> None:
    ready_for_sales(one, vendors)
    settle(one)
    vendors.hubspot.fault("drop", path="/objects/tasks", method="POST")
    look_at_pricing(one)
    settle(one)
    assert len(vendors.hubspot.tasks) == 1
    assert statuses(one, "create_task") == ["sent"]


@pytest.mark.parametrize("fault", ["html200", "empty200", "garbage"])
def test_a_success_that_is_none_is_not_taken_for_one(one: Runtime, vendors: Server, fault: str) -> None:
    vendors.hubspot.fault(fault, path="/batch/upsert")
    form(one, "contact", email="ann@acme.example")
    settle(one)
    assert len(calls(vendors, "/batch/upsert")) == 2
    outcomes = [row.outcome for row in rows(one, "attempts", "outcome")]
    assert outcomes.count("unknown") == 1


def test_one_bad_contact_of_many_is_refused_alone(live: Runtime, vendors: Server) -> None:
    for number in range(8):
        form(live, "contact", email=f"p{number}@acme.example", first_name="Ann")
    drain(live)
    vendors.hubspot.fault("partial207", path="/batch/upsert", emails=["p3@acme.example"])
    settle(live)
    found = rows(live, "deliveries", "status", "reason", kind="upsert_contact")
    hubspot = live.connection("hubspot")
    assert hubspot is not None
    mine = rows(live, "deliveries", "status", kind="upsert_contact", connection_id=hubspot.id)
    assert sorted(row.status for row in mine) == ["dead"] + ["sent"] * 7, found
    assert len(calls(vendors, "/batch/upsert")) == 1


def test_a_batch_refused_as_a_whole_is_halved_until_the_bad_one_is_alone(one: Runtime, vendors: Server) -> None:
    from adapters.contract import BatchRefused, Done, Push
    from app.contacts.action import LeaveList

    sizes: list[int] = []

    def send(client: Any, items: Any) -> list[Any]:
        sizes.append(len(items))
        if any(item.to.email == "p5@acme.example" for item in items):
            if len(items) > 1:
                raise BatchRefused("one of these is bad")
            from adapters.contract import Refused

            return [Refused(reason="bad")]
        return [Done()] * len(items)

    from adapters.contract import Delivery, Recipient
    from jobs.lane import Lane

    lease = lanes.take(one.database, "deliver:test", "me")
    connection = one.connection("hubspot")
    assert lease is not None
    assert connection is not None
    lane = Lane(one, connection, lease, lambda: None)
    items = [
        Delivery(id=n, key=str(n), action=LeaveList(list="1"), to=Recipient(contact_id=n, email=f"p{n}@acme.example"))
        for n in range(16)
    ]
    outcomes = lane._send(Push(send, batch=100), items)
    assert [type(outcome).__name__ for outcome in outcomes].count("Refused") == 1
    assert type(outcomes[5]).__name__ == "Refused"
    assert len(sizes) <= 2 * 4 + 1


def test_a_refused_token_stops_the_connection_and_loses_nothing(live: Runtime, vendors: Server) -> None:
    vendors.hubspot.fault("401", path="/batch/upsert")
    form(live, "contact", email="ann@acme.example")
    settle(live, 2)
    broken = live.connection("hubspot")
    assert broken is not None
    assert broken.status == "broken"
    assert "refuses our credentials" in broken.status_reason
    hubspot = rows(live, "deliveries", "status", "attempts", kind="upsert_contact", connection_id=broken.id)
    assert hubspot == [("pending", 0)]
    from app.repairs import check_connection

    check_connection(live, broken)
    settle(live)
    assert statuses(live, "upsert_contact")[0] == "sent"


def test_retry_after_is_obeyed(one: Runtime, vendors: Server) -> None:
    vendors.hubspot.fault("429", path="/batch/upsert", retry_after=1)
    form(one, "contact", email="ann@acme.example")
    settle(one)
    first, second = (call.at for call in calls(vendors, "/batch/upsert"))
    assert _seconds(second) - _seconds(first) >= 1.0


def _seconds(moment: Any) -> float:
    return float(moment) if isinstance(moment, int | float) else moment.timestamp()


def test_what_the_vendor_will_never_take_is_dead_with_request_and_answer(live: Runtime, vendors: Server) -> None:
    vendors.klaviyo.fault("400", path="/api/profile-import")
    form(live, "newsletter", email="ann@acme.example", newsletter="yes")
    settle(live)
    klaviyo = live.connection("klaviyo")
    assert klaviyo is not None
    (row,) = rows(live, "deliveries", "id", "status", kind="upsert_contact", connection_id=klaviyo.id)
    assert row.status == "dead"
    from app.store import lists

    with live.database.read() as conn:
        found = lists.delivery_row(conn, row.id)
    assert found is not None
    (tried,) = found["tries"]
    assert "ann@acme.example" in tried["request"]
    assert tried["status"] == 400
    assert "Authorization" not in tried["request"]
    from app.store import deliveries

    with live.database.write() as conn:
        assert deliveries.retry(conn, [row.id], live.clock()) == 1
    settle(live)
    assert rows(live, "deliveries", "status", id=row.id) == [("sent",)]


def test_a_vendor_that_only_fails_is_left_alone_and_then_tried_again(one: Runtime, vendors: Server) -> None:
    vendors.hubspot.fault("500", path="/batch/upsert", times=50)
    for number in range(60):
        form(one, "contact", email=f"p{number}@acme.example")
    drain(one)
    with one.database.write() as conn:  # one call each, so that there are many to fail
        conn.execute(update(tables.deliveries).values(slot=None))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        deliver.drain(one, 1)
    tried = len(calls(vendors, "/batch/upsert"))
    assert tried <= 10
    hubspot = one.connection("hubspot")
    assert hubspot is not None
    assert {row.status for row in rows(one, "deliveries", "status", connection_id=hubspot.id)} == {"pending"}
    assert f"breaker:{hubspot.id}" in {row.name for row in rows(one, "marks", "name")}


def test_calls_for_which_our_time_runs_out_say_nothing_about_the_vendor(
    one: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call = lane.Lane._before_call
    monkeypatch.setattr(lane.Lane, "_before_call", lambda self, work: not work.exchanges and before_call(self, work))
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.0)
    ready_for_sales(one, vendors)
    look_at_pricing(one)
    drain(one)  # a profile with a stage takes two calls: to write it, and to read back what the vendor made of it
    end = time.monotonic() + 10
    while time.monotonic() < end and not _tried(one) > breaker.FAILURES:
        deliver.drain(one, 1)
    assert _tried(one) > breaker.FAILURES
    assert not [row.name for row in rows(one, "marks", "name") if row.name.startswith("breaker:")]


def _tried(runtime: Runtime) -> int:
    return max(row.attempts for row in rows(runtime, "deliveries", "attempts"))


# --- order and pace


def test_a_lane_waits_a_little_for_more_and_sends_it_without_being_opened_anew(one: Runtime, vendors: Server) -> None:
    form(one, "contact", email="ann@acme.example", company="Acme")
    drain(one)
    worker = threading.Thread(target=deliver.drain, args=(one, 20.0), kwargs={"linger": 3.0})
    worker.start()
    assert eventually(lambda: calls(vendors, "/batch/upsert"))
    assert eventually(lambda: not [row for row in rows(one, "deliveries", "status") if row.status != "sent"])
    before = len(calls(vendors, "/batch/upsert"))
    form(one, "contact", email="ben@acme.example", company="Acme")
    drain(one)
    assert eventually(lambda: len(calls(vendors, "/batch/upsert")) > before)
    worker.join(20)
    hubspot = one.connection("hubspot")
    assert hubspot is not None
    assert [row.fence for row in rows(one, "lanes", "fence", name=f"deliver:{hubspot.id}")] == [1]


def test_profiles_that_change_often_leave_once_and_together(live: Runtime, vendors: Server) -> None:
    for number in range(30):
        for change in range(5):
            form(live, f"form{change}", email=f"p{number}@acme.example", company=f"Acme {change}")
        drain(live)
    settle(live)
    assert len(calls(vendors, "/batch/upsert")) == 1
    assert {record.properties["company"] for record in vendors.hubspot.contacts.values()} == {"Acme 4"}


@pytest.mark.parametrize(("said", "calls"), [({}, 5), ({"events_per_request": "3"}, 2)], ids=["one by one", "lists"])
def test_whoever_is_told_says_how_many_come_at_once(one: Runtime, said: dict[str, str], calls: int) -> None:
    peer = Peer()
    peer.answers(b"Accepted")
    add_connection(one, "make", "service", {"webhook_url": peer.url, "calls_per_second": "1000", **said})
    told = "kind: triggers\ntriggers: [{id: t, label: T, on: [form.submitted], track: {name: Asked, through: service}}]"
    with one.database.write() as conn:
        policies.publish(conn, read_document(told), "test", "", one.clock())
    one.forget()
    for number in range(5):
        form(one, email=f"p{number}@acme.example")
    settle(one)
    peer.stop()
    assert len(peer.heard) == calls
    tracked = [row.status for row in rows(one, "deliveries", "kind", "status") if row.kind == "track_event"]
    assert tracked == ["sent"] * 5


def test_what_is_urgent_leaves_first(one: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ready_for_sales(one, vendors, "ann@acme.example")
    settle(one)
    for number in range(40):
        form(one, "contact", email=f"p{number}@acme.example")
    look_at_pricing(one)
    drain(one)
    begun: list[str] = []
    call = lane.Lane._call

    def noted(self: lane.Lane, work: landing.Work) -> landing.Work:
        if self.connection.name == "hubspot":
            begun.extend(claimed.kind for claimed, _ in work.items)
        return call(self, work)

    monkeypatch.setattr(lane.Lane, "_call", noted)
    settle(one)
    assert begun.index("create_task") < begun.index("upsert_contact")
    assert begun.count("upsert_contact") >= 40


@pytest.mark.process
def test_a_rate_limit_is_shared_by_all_workers_and_never_passed(live: Runtime) -> None:
    from adapters.contract import RateLimit

    limit = RateLimit("default", 20, 1)
    starts: list[float] = []
    lock = threading.Lock()

    def work() -> None:
        for _ in range(10):
            with live.database.write() as conn:
                wait = budgets.reserve(conn, live.database, 7, [limit])
            with lock:  # when the call will be made: a lane goes on claiming while its calls wait
                starts.append(time.monotonic() + wait)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    starts.sort()
    assert all(later - earlier >= 0.9 for earlier, later in zip(starts, starts[20:], strict=False))
    assert starts[-1] - starts[0] <= 2.6


def test_a_burst_limit_may_be_used_up_at_once_and_no_further(one: Runtime) -> None:
    from adapters.contract import RateLimit

    limit = RateLimit("minute", 10, 60, even=False)
    with one.database.write() as conn:
        waits = [budgets.reserve(conn, one.database, 8, [limit]) for _ in range(12)]
    assert waits[:10] == [0.0] * 10
    assert all(55 < wait <= 63 for wait in waits[10:])


def test_only_one_worker_has_a_lane_and_a_late_one_writes_nothing(live: Runtime) -> None:
    first = lanes.take(live.database, "deliver:1", "a", seconds=0.2)
    assert first is not None
    assert lanes.take(live.database, "deliver:1", "b") is None
    time.sleep(0.3)
    second = lanes.take(live.database, "deliver:1", "b")
    assert second is not None
    assert second.fence > first.fence
    assert not lanes.renew(live.database, first)
    with live.database.write() as conn, pytest.raises(Conflict):
        lanes.hold(conn, first)


def test_what_a_dead_worker_was_sending_is_found_and_finished(live: Runtime, vendors: Server) -> None:
    ready_for_sales(live, vendors)
    settle(live)
    look_at_pricing(live)
    drain(live)
    # As if the worker had died right after it marked them: an upsert may be repeated, a task is looked up first
    with live.database.write() as conn:
        conn.execute(
            update(tables.deliveries).where(tables.deliveries.c.status == "pending").values(status="sending", fence=1)
        )
    settle(live)
    assert len(vendors.hubspot.tasks) == 1
    assert {row.status for row in rows(live, "deliveries", "status")} <= {"sent", "withheld"}


def test_what_is_written_to_one_slot_leaves_in_order_however_urgent(live: Runtime, vendors: Server) -> None:
    form(live, "contact", email="ann@acme.example", company="Old")
    drain(live)
    deliver.drain(live, 5)
    table, hubspot = tables.deliveries, connection_id(live, "hubspot")
    with live.database.write() as conn:
        older = conn.execute(select(table).where(table.c.connection_id == hubspot)).mappings().first()
        assert older is not None
        conn.execute(update(table).where(table.c.id == older["id"]).values(status="sending", fence=1))
        newer = {**older, "id": None, "key": "f" * 32, "status": "pending", "urgency": Urgency.BULK, "attempts": 0}
        newer["not_before"] = live.clock() - timedelta(seconds=9)
        del newer["id"]
        conn.execute(insert(table).values(newer))
    with live.database.read() as conn:
        assert claims.ready(conn, hubspot, 10) == [], "the older one may still arrive, or be sent again"
    with live.database.write() as conn:
        conn.execute(update(table).where(table.c.id == older["id"]).values(status="sent"))
    with live.database.read() as conn:
        assert [one.key for one in claims.ready(conn, hubspot, 10)] == ["f" * 32]


def connection_id(runtime: Runtime, name: str) -> int:
    found = runtime.connection(name)
    assert found is not None
    return found.id


@pytest.mark.parametrize("fault", ["500", "reset", "429", "401"])
def test_a_profile_that_changes_while_an_older_one_fails_takes_its_place(
    live: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    vendors.hubspot.fault(fault, path="/batch/upsert")
    form(live, "contact", email="ann@acme.example", company="Old")
    drain(live)
    record = landing.Landing.record

    def meanwhile(self: Any, works: Any) -> None:
        monkeypatch.setattr(landing.Landing, "record", record)
        form(live, "contact", email="ann@acme.example", company="New")
        drain(live)
        record(self, works)

    monkeypatch.setattr(landing.Landing, "record", meanwhile)
    deliver.drain(live, 5)
    mend(live, "hubspot")
    settle(live)
    assert [one.properties["company"] for one in vendors.hubspot.contacts.values()] == ["New"]
    ended = [row.status for row in rows(live, "deliveries", "status", kind="upsert_contact", connection_id=3)]
    assert ended[:2] == ["withheld", "sent"]


def test_a_profile_that_changes_while_an_older_one_is_left_behind_takes_its_place(
    live: Runtime, vendors: Server
) -> None:
    form(live, "contact", email="ann@acme.example", company="Old")
    drain(live)
    with live.database.write() as conn:  # as if the worker had died right after it marked it
        conn.execute(update(tables.deliveries).values(status="sending", fence=1))
    form(live, "contact", email="ann@acme.example", company="New")
    drain(live)
    settle(live)
    assert [one.properties["company"] for one in vendors.hubspot.contacts.values()] == ["New"]


def test_of_dead_profiles_of_one_contact_the_newest_is_tried_again(live: Runtime, vendors: Server) -> None:
    for company in ("Old", "New"):
        vendors.hubspot.fault("400", path="/batch/upsert")
        form(live, "contact", email="ann@acme.example", company=company)
        settle(live)
    dead = [row.id for row in rows(live, "deliveries", "id", status="dead")]
    assert len(dead) == 2
    with live.database.write() as conn:
        assert deliveries.retry(conn, dead, live.clock()) == 2
    settle(live)
    assert [one.properties["company"] for one in vendors.hubspot.contacts.values()] == ["New"]


def test_a_dead_profile_that_a_newer_one_has_followed_puts_nothing_back(one: Runtime, vendors: Server) -> None:
    vendors.hubspot.fault("400", path="/batch/upsert")
    for company in ("Old", "New"):
        form(one, "contact", email="ann@acme.example", company=company)
        settle(one)
    (dead,) = rows(one, "deliveries", "id", status="dead")
    with one.database.write() as conn:
        assert deliveries.retry(conn, [dead.id], one.clock()) == 1
    settle(one)
    assert rows(one, "deliveries", "status", "reason", id=dead.id) == [("withheld", deliveries.REPLACED)]
    assert [one.properties["company"] for one in vendors.hubspot.contacts.values()] == ["New"]


def mend(runtime: Runtime, name: str) -> None:
    from app.store import connections

    found = runtime.connection(name)
    assert found is not None
    with runtime.database.write() as conn:
        connections.set_status(conn, found.id, connections.ACTIVE, "", runtime.clock())
    runtime.forget()


def test_a_paused_connection_sends_nothing_and_loses_nothing(one: Runtime, vendors: Server) -> None:
    from app.store import connections

    hubspot = one.connection("hubspot")
    assert hubspot is not None
    with one.database.write() as conn:
        connections.set_status(conn, hubspot.id, connections.PAUSED, "holidays", one.clock())
    one.forget()
    form(one, "contact", email="ann@acme.example")
    settle(one, 1)
    assert not vendors.called("hubspot")
    with one.database.write() as conn:
        connections.set_status(conn, hubspot.id, connections.ACTIVE, "", one.clock())
    one.forget()
    settle(one)
    assert len(vendors.hubspot.contacts) == 1


def test_a_message_goes_out_once_however_often_its_answer_is_lost(live: Runtime, vendors: Server) -> None:
    form(live, "newsletter", email="ann@acme.example", newsletter="yes", visitor_id="visitor-annxxxxx")
    drain(live)
    vendors.klaviyo.fault("done_then_drop", path="/api/events", times=2)
    visit(live, "visitor-annxxxxx", "/pricing")
    settle(live)
    assert len(calls(vendors, "/api/events")) == 3
    assert len(vendors.klaviyo.happened("Baton: Pricing follow-up")) == 1
    assert contact(live, email="ann@acme.example")["messages"] == 1


def test_a_round_of_sending_ends_with_its_last_lane(
    one: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "LOOK_SECONDS", 60.0)
    form(one, email="ann@acme.example")
    ingest.drain(one, 5)
    began = time.monotonic()
    assert deliver.drain(one, 20)
    assert time.monotonic() - began < 20
    assert "sent" in {row.status for row in rows(one, "deliveries", "status")}
