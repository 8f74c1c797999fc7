"""What all simulated vendors share: the record of calls, faults, the control API, the page, webhooks' manners."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
import requests

from adapters.sandbox.server import Server, run_forever, serve
from adapters.sandbox.vendor import Windows

BEARER = {"Authorization": "Bearer pat-secret"}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def sandbox(running: Server) -> Server:
    running.reset()
    return running


def create(sandbox: Server, email: str = "ann@example.com", timeout: float = 5) -> requests.Response:
    return requests.post(
        f"{sandbox.url}/hubspot/crm/v3/objects/contacts",
        json={"properties": {"email": email}},
        headers=BEARER,
        timeout=timeout,
    )


def control(sandbox: Server, path: str, **body: object) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/{path}", json=body)


# the record of calls


def test_a_call_is_recorded_with_what_was_asked_and_answered(sandbox: Server) -> None:
    create(sandbox)
    (call,) = sandbox.called("hubspot")
    assert (call.n, call.method, call.path, call.status) == (1, "POST", "/crm/v3/objects/contacts", 201)
    assert call.body == {"properties": {"email": "ann@example.com"}}
    assert call.answer["properties"]["email"] == "ann@example.com"
    assert not call.unexpected


def test_calls_are_read_over_http_from_a_number_on(sandbox: Server) -> None:
    create(sandbox)
    create(sandbox, "ben@example.com")
    calls = requests.get(f"{sandbox.url}/_sandbox/calls", params={"vendor": "hubspot", "since": 1}).json()
    assert [(call["n"], call["body"]["properties"]["email"]) for call in calls] == [(2, "ben@example.com")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", calls[0]["at"])


def test_credentials_are_not_recorded(sandbox: Server) -> None:
    create(sandbox)
    assert "pat-secret" not in requests.get(f"{sandbox.url}/_sandbox/calls").text


def test_an_unknown_path_is_404_and_flagged(sandbox: Server) -> None:
    answer = requests.get(f"{sandbox.url}/hubspot/crm/v9/robots", headers=BEARER)
    assert answer.status_code == 404
    assert sandbox.calls[-1].unexpected


def test_an_unknown_vendor_is_404_and_flagged(sandbox: Server) -> None:
    assert requests.get(f"{sandbox.url}/mailchimp/lists").status_code == 404
    assert sandbox.calls[-1].unexpected


def test_a_wrong_method_is_405_and_flagged(sandbox: Server) -> None:
    assert requests.put(f"{sandbox.url}/hubspot/crm/v3/objects/contacts", headers=BEARER).status_code == 405
    assert sandbox.calls[-1].unexpected


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN}', b"\xff\xfe"])
def test_malformed_json_is_400(sandbox: Server, body: bytes) -> None:
    url = f"{sandbox.url}/hubspot/crm/v3/objects/contacts"
    assert requests.post(url, data=body, headers=BEARER).status_code == 400


def test_slashes_at_the_end_are_accepted(sandbox: Server) -> None:
    assert requests.get(f"{sandbox.url}/hubspot/crm/v3/owners/", headers=BEARER).status_code == 200
    assert requests.get(f"{sandbox.url}/hubspot//crm/v3/owners", headers=BEARER).status_code == 200


def test_a_connection_is_kept_for_the_next_call(sandbox: Server) -> None:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc)
    for _ in range(3):
        connection.request("GET", "/hubspot/crm/v3/owners", headers=BEARER)
        assert connection.getresponse().read()
        if _ == 0:
            first = connection.sock
    assert connection.sock is first
    connection.close()


def test_a_body_that_is_too_large_is_refused(sandbox: Server) -> None:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc)
    connection.request("POST", "/alerts", headers={"Content-Length": "99999999999"})
    assert connection.getresponse().status == 413


def test_a_call_that_breaks_off_is_not_done(sandbox: Server) -> None:
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert not sandbox.alerts


def test_an_own_mistake_is_answered_500_and_flagged(sandbox: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.hubspot, "enter", lambda *_: 1 / 0)
    assert create(sandbox).status_code == 500
    assert sandbox.calls[-1].unexpected


def test_stopping_ends_open_connections() -> None:
    server = serve()
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    connection.request("GET", "/hubspot/crm/v3/owners", headers=BEARER)
    connection.getresponse().read()
    server.stop()
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=1)
    assert connection.sock.recv(1) == b""


def test_running_forever_tells_its_address_and_ends_when_stopped() -> None:
    started: list[Server] = []
    thread = threading.Thread(target=run_forever, args=("127.0.0.1", 0, started.append))
    thread.start()
    while not started:
        time.sleep(0.01)
    assert requests.get(started[0].url).status_code == 200
    started[0].stop()
    thread.join(5)
    assert not thread.is_alive()


# faults


def fault(sandbox: Server, kind: str, **more: object) -> None:
    answer = control(sandbox, "faults", vendor="hubspot", fault=kind, **more)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 503])
def test_an_error_fault_answers_in_the_vendors_words_without_doing_anything(sandbox: Server, status: int) -> None:
    fault(sandbox, str(status))
    answer = create(sandbox)
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert not sandbox.hubspot.contacts


def test_an_error_fault_can_be_a_lie(sandbox: Server) -> None:
    fault(sandbox, "500", done=True)
    assert create(sandbox).status_code == 500
    assert sandbox.hubspot.contact("ann@example.com")


def test_fault_502_is_a_page_of_a_gateway(sandbox: Server) -> None:
    fault(sandbox, "502")
    answer = create(sandbox)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")


@pytest.mark.parametrize("after", [3, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
def test_fault_429_can_say_when_to_come_back(sandbox: Server, after: int | str) -> None:
    fault(sandbox, "429", retry_after=after)
    assert create(sandbox).headers["Retry-After"] == str(after)


def test_fault_429_of_hubspot_says_nothing_by_itself(sandbox: Server) -> None:
    fault(sandbox, "429")
    assert "Retry-After" not in create(sandbox).headers


def test_fault_html200(sandbox: Server) -> None:
    fault(sandbox, "html200")
    answer = create(sandbox)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert not sandbox.hubspot.contacts


def test_fault_empty200(sandbox: Server) -> None:
    fault(sandbox, "empty200")
    answer = create(sandbox)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not sandbox.hubspot.contacts


def test_fault_error200(sandbox: Server) -> None:
    fault(sandbox, "error200")
    answer = create(sandbox)
    assert (answer.status_code, answer.json()["status"]) == (200, "error")
    assert not sandbox.hubspot.contacts


def test_fault_garbage(sandbox: Server) -> None:
    fault(sandbox, "garbage")
    answer = create(sandbox)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_dropped_call_is_not_done(sandbox: Server, kind: str) -> None:
    fault(sandbox, kind)
    with pytest.raises(requests.ConnectionError):
        create(sandbox)
    assert not sandbox.hubspot.contacts
    assert (sandbox.calls[-1].status, sandbox.calls[-1].fault) == (0, kind)


def test_fault_reset_is_a_reset(sandbox: Server) -> None:
    fault(sandbox, "reset")
    address = urlsplit(sandbox.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"GET /hubspot/crm/v3/owners HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_fault_done_then_drop_loses_the_answer_only(sandbox: Server) -> None:
    fault(sandbox, "done_then_drop")
    with pytest.raises(requests.ConnectionError):
        create(sandbox)
    assert sandbox.hubspot.contact("ann@example.com")
    assert sandbox.calls[-1].status == 0
    assert sandbox.calls[-1].answer["properties"]["email"] == "ann@example.com"


def test_fault_done_then_slow_does_it_at_once(sandbox: Server) -> None:
    fault(sandbox, "done_then_slow", seconds=30)
    with pytest.raises(requests.Timeout):
        create(sandbox, timeout=0.2)
    assert sandbox.hubspot.contact("ann@example.com")


def test_fault_slow_answers_in_the_end(sandbox: Server) -> None:
    fault(sandbox, "slow", seconds=0.2)
    before = time.monotonic()
    assert create(sandbox).status_code == 201
    assert time.monotonic() - before >= 0.2


def test_fault_slow_does_nothing_meanwhile(sandbox: Server) -> None:
    fault(sandbox, "slow", seconds=30)
    with pytest.raises(requests.Timeout):
        create(sandbox, timeout=0.1)
    assert not sandbox.hubspot.contacts


def test_a_slow_call_to_an_account_that_is_no_more_is_not_done(sandbox: Server) -> None:
    fault(sandbox, "slow", seconds=0.2)
    with pytest.raises(requests.Timeout):
        create(sandbox, timeout=0.05)
    sandbox.reset()
    time.sleep(0.3)
    assert not sandbox.calls
    assert not sandbox.hubspot.contacts


def test_fault_drip_sends_byte_by_byte(sandbox: Server) -> None:
    fault(sandbox, "drip", seconds=0.001)
    assert create(sandbox).json()["properties"]["email"] == "ann@example.com"


def test_fault_drip_outlasts_a_timeout_per_read(sandbox: Server) -> None:
    fault(sandbox, "drip", seconds=0.05)
    answer = requests.get(f"{sandbox.url}/hubspot/crm/v3/owners", headers=BEARER, stream=True, timeout=0.5)
    assert answer.raw.read(3) == b'{"r'
    answer.close()


def test_fault_half_ends_too_early(sandbox: Server) -> None:
    fault(sandbox, "half")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        create(sandbox)
    assert sandbox.hubspot.contact("ann@example.com")


def test_fault_endless_never_ends(sandbox: Server) -> None:
    fault(sandbox, "endless")
    answer = requests.get(f"{sandbox.url}/hubspot/crm/v3/owners", headers=BEARER, stream=True, timeout=5)
    assert len(answer.raw.read(1_000_000)) == 1_000_000
    answer.close()


def test_a_fault_happens_once_unless_said_otherwise(sandbox: Server) -> None:
    fault(sandbox, "500")
    assert [create(sandbox).status_code for _ in range(2)] == [500, 201]


def test_a_fault_happens_so_many_times(sandbox: Server) -> None:
    fault(sandbox, "500", times=2)
    assert [create(sandbox).status_code for _ in range(3)] == [500, 500, 201]


def test_a_fault_meets_a_share_of_the_calls(sandbox: Server) -> None:
    fault(sandbox, "500", share=0.5)
    statuses = [create(sandbox, f"a{n}@example.com").status_code for n in range(40)]
    assert 8 < statuses.count(500) < 32


def test_a_fault_is_for_a_method_and_a_part_of_the_path(sandbox: Server) -> None:
    fault(sandbox, "500", match={"method": "POST", "path": "/contacts"})
    assert requests.get(f"{sandbox.url}/hubspot/crm/v3/objects/contacts", headers=BEARER).status_code == 200
    assert requests.get(f"{sandbox.url}/hubspot/crm/v3/owners", headers=BEARER).status_code == 200
    assert create(sandbox).status_code == 500


def test_a_fault_is_for_one_vendor(sandbox: Server) -> None:
    fault(sandbox, "500")
    assert requests.post(f"{sandbox.url}/alerts", json={}).status_code == 200


def test_faults_are_listed_and_cleared(sandbox: Server) -> None:
    fault(sandbox, "500")
    waiting = requests.get(f"{sandbox.url}/_sandbox/faults").json()
    assert [one["fault"] for one in waiting["hubspot"]] == ["500"]
    requests.delete(f"{sandbox.url}/_sandbox/faults")
    assert create(sandbox).status_code == 201


def test_an_unknown_fault_is_refused_with_what_is_wrong(sandbox: Server) -> None:
    answer = control(sandbox, "faults", vendor="hubspot", fault="418")
    assert answer.status_code == 400
    assert "418" in answer.json()["error"]


def test_faults_can_be_set_in_process(sandbox: Server) -> None:
    sandbox.hubspot.fault("503", path="/contacts", times=1)
    assert create(sandbox).status_code == 503


# the control API


def test_state_is_all_that_a_vendor_holds(sandbox: Server) -> None:
    create(sandbox)
    state = requests.get(f"{sandbox.url}/_sandbox/state", params={"vendor": "hubspot"}).json()
    assert state["contacts"][0]["properties"]["email"] == "ann@example.com"


def test_state_without_a_vendor_is_that_of_all(sandbox: Server) -> None:
    assert set(requests.get(f"{sandbox.url}/_sandbox/state").json()) == {*sandbox.vendors, "alerts"}


def test_an_act_is_done_as_a_person_would(sandbox: Server) -> None:
    answer = control(sandbox, "act", vendor="hubspot", do="create_contact", email="ann@example.com")
    assert answer.json()["done"]["properties"]["email"] == "ann@example.com"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({"vendor": "hubspot", "do": "sing"}, "it has add_secondary_email", id="unknown act"),
        pytest.param({"vendor": "hubspot", "do": "verdict"}, "contact", id="missing argument"),
        pytest.param({"vendor": "hubspot", "do": "reply", "contact": "999"}, "999", id="unknown contact"),
        pytest.param({"vendor": "acme", "do": "sing"}, "there are hubspot", id="unknown vendor"),
    ],
)
def test_an_act_that_makes_no_sense_is_refused_with_the_reason(sandbox: Server, body: dict, says: str) -> None:
    answer = control(sandbox, "act", **body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_settings_are_changed_by_name(sandbox: Server) -> None:
    assert control(sandbox, "settings", vendor="hubspot", token="right").json()["token"] == "right"
    assert create(sandbox).status_code == 401
    assert control(sandbox, "settings", vendor="hubspot", colour="red").status_code == 400


def test_reset_begins_anew(sandbox: Server) -> None:
    control(sandbox, "settings", vendor="hubspot", search_lag=0)
    create(sandbox)
    fault(sandbox, "500")
    sandbox.hubspot.hook(f"{sandbox.url}/alerts", secret="s")
    control(sandbox, "reset")
    assert not sandbox.calls
    assert not sandbox.hubspot.hooks
    assert sandbox.hubspot.settings.search_lag == 3.0
    assert create(sandbox).status_code == 201
    assert sandbox.calls[-1].n == 1


def test_an_unknown_control_path_names_the_known_ones(sandbox: Server) -> None:
    answer = requests.get(f"{sandbox.url}/_sandbox/dance")
    assert answer.status_code == 404
    assert "POST /_sandbox/act" in answer.json()["error"]


def test_other_web_pages_cannot_use_the_control_api(sandbox: Server) -> None:
    url = f"{sandbox.url}/_sandbox/reset"
    assert requests.post(url, headers={"Origin": "https://evil.example"}).status_code == 403
    assert requests.post(url, headers={"Origin": sandbox.url}).status_code == 200


# alerts


def test_an_alert_is_kept_as_json(sandbox: Server) -> None:
    answer = requests.post(f"{sandbox.url}/alerts/T0/B0/x", json={"text": "Ann is ready"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert sandbox.alerts[0]["body"] == {"text": "Ann is ready"}
    assert sandbox.alerts[0]["path"] == "/T0/B0/x"


def test_an_alert_is_kept_from_a_form(sandbox: Server) -> None:
    requests.post(f"{sandbox.url}/alerts", data={"text": "Ann is ready"})
    assert sandbox.alerts[0]["body"] == {"text": ["Ann is ready"]}


def test_alerts_can_fail_too(sandbox: Server) -> None:
    sandbox.services["alerts"].fault("503")
    assert requests.post(f"{sandbox.url}/alerts", json={}).status_code == 503
    assert not sandbox.alerts


@pytest.mark.parametrize("path", ["webhooks", "act", "settings"])
def test_alerts_have_no_webhooks_acts_or_settings(sandbox: Server, path: str) -> None:
    answer = control(sandbox, path, vendor="alerts")
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        f'"alerts" only takes what is sent to it; webhooks, acts and settings are those of {", ".join(sandbox.vendors)}'
    )
    assert list(sandbox.vendors)[:3] == ["hubspot", "klaviyo", "activecampaign"]


def test_resetting_forgets_alerts_and_their_faults(sandbox: Server) -> None:
    requests.post(f"{sandbox.url}/alerts", json={"text": "Ann is ready"})
    sandbox.services["alerts"].fault("503")
    sandbox.reset()
    assert sandbox.alerts == []
    assert requests.post(f"{sandbox.url}/alerts", json={}).status_code == 200


def test_an_unknown_vendor_is_named_with_those_there_are(sandbox: Server) -> None:
    answer = control(sandbox, "settings", vendor="hubspto")
    there = ", ".join([*sandbox.vendors, "alerts"])
    assert answer.json()["error"] == f'there is no vendor "hubspto"; there are {there}'


# the page


def test_the_page_shows_what_the_tools_hold_and_the_calls(sandbox: Server) -> None:
    create(sandbox)
    page = requests.get(sandbox.url)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "ann@example.com" in page.text
    assert "/crm/v3/objects/contacts" in page.text


def test_the_page_runs_nothing_that_somebody_sent(sandbox: Server) -> None:
    hostile = "<script>alert(1)</script>"
    sandbox.hubspot.act("create_contact", email="ann@example.com", firstname=hostile)
    requests.get(f"{sandbox.url}/hubspot/{hostile}", headers=BEARER)
    requests.post(f"{sandbox.url}/alerts", json={hostile: hostile})
    page = requests.get(sandbox.url)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


# webhooks' manners (their signatures are tested with their vendors)


def hooked(sandbox: Server, **options: object) -> None:
    answer = control(sandbox, "webhooks", vendor="hubspot", url=f"{sandbox.url}/alerts", secret="s", **options)
    assert answer.status_code == 200, answer.text


def contacts_made(sandbox: Server, number: int) -> None:
    for n in range(number):
        sandbox.hubspot.act("create_contact", email=f"a{n}@example.com")
    assert sandbox.hubspot.settle()


def events(sandbox: Server) -> list[dict]:
    return [event for alert in sandbox.alerts for event in alert["body"]]


def creations(sandbox: Server) -> list[int]:
    return [event["objectId"] for event in events(sandbox) if event["subscriptionType"] == "contact.creation"]


def test_webhooks_come_in_the_order_of_the_changes_by_default(sandbox: Server) -> None:
    hooked(sandbox)
    contacts_made(sandbox, 5)
    assert creations(sandbox) == sorted(creations(sandbox))
    assert len(creations(sandbox)) == 5


def test_delay_and_batch_make_bundles(sandbox: Server) -> None:
    hooked(sandbox, delay_ms=150, batch=4, topics=["contact.creation"])
    contacts_made(sandbox, 10)
    assert [len(alert["body"]) for alert in sandbox.alerts] == [4, 4, 2]


def test_shuffled_webhooks_lose_none(sandbox: Server) -> None:
    hooked(sandbox, delay_ms=150, shuffle=True, topics=["contact.creation"])
    contacts_made(sandbox, 20)
    assert creations(sandbox) != sorted(creations(sandbox))
    assert len(set(creations(sandbox))) == 20


def test_repeated_webhooks_come_twice(sandbox: Server) -> None:
    hooked(sandbox, repeats=1.0, topics=["contact.creation"])
    contacts_made(sandbox, 5)
    assert sorted(creations(sandbox)) == sorted([*set(creations(sandbox))] * 2)
    assert {event["attemptNumber"] for event in events(sandbox)} == {0, 1}


def test_a_refused_webhook_comes_again_with_growing_waits(sandbox: Server) -> None:
    hooked(sandbox, retry_ms=50, topics=["contact.creation"])
    sandbox.services["alerts"].fault("503", times=3)
    contacts_made(sandbox, 1)
    (event,) = events(sandbox)
    assert event["attemptNumber"] == 3
    times = [call.at for call in sandbox.called("alerts")]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[0] >= 0.05
    assert waits[1] >= 0.1
    assert waits[2] >= 0.2


def test_a_webhook_that_nobody_answers_comes_again(sandbox: Server) -> None:
    hooked(sandbox, retry_ms=20, timeout=0.1, topics=["contact.creation"])
    sandbox.services["alerts"].fault("slow", seconds=0.5)
    contacts_made(sandbox, 1)
    sent = requests.get(f"{sandbox.url}/_sandbox/webhooks", params={"vendor": "hubspot"}).json()
    assert [one["problem"] for one in sent] == ["ReadTimeout", ""]


def test_webhooks_are_given_up_in_the_end(sandbox: Server) -> None:
    hooked(sandbox, retry_ms=1, attempts=3, topics=["contact.creation"])
    sandbox.services["alerts"].fault("500", times=99)
    contacts_made(sandbox, 1)
    assert len(sandbox.called("alerts")) == 3


def test_settling_says_when_webhooks_still_wait(sandbox: Server) -> None:
    hooked(sandbox, delay_ms=60_000)
    sandbox.hubspot.act("create_contact", email="a@example.com")
    assert not requests.get(f"{sandbox.url}/_sandbox/settle", params={"seconds": 0.05}).json()["settled"]


def test_webhooks_can_be_switched_off(sandbox: Server) -> None:
    hooked(sandbox)
    requests.delete(f"{sandbox.url}/_sandbox/webhooks", params={"vendor": "hubspot"})
    contacts_made(sandbox, 1)
    assert not sandbox.alerts


def test_what_was_sent_can_be_looked_up(sandbox: Server) -> None:
    hooked(sandbox, topics=["contact.creation"])
    contacts_made(sandbox, 1)
    (sent,) = requests.get(f"{sandbox.url}/_sandbox/webhooks", params={"vendor": "hubspot"}).json()
    assert (sent["status"], sent["events"], sent["body"][0]["subscriptionType"]) == (200, 1, "contact.creation")


def test_no_more_is_bundled_than_the_vendor_does(sandbox: Server) -> None:
    answer = control(sandbox, "webhooks", vendor="hubspot", url="http://127.0.0.1:1", batch=101)
    assert answer.json()["error"] == "HubSpot sends at most 100 events at a time"
    assert control(sandbox, "webhooks", vendor="klaviyo", url="http://127.0.0.1:1").json()["batch"] == 1000


def test_an_unknown_option_of_a_webhook_is_refused(sandbox: Server) -> None:
    answer = control(sandbox, "webhooks", vendor="hubspot", url="http://127.0.0.1:1", loud=True)
    assert answer.status_code == 400
    assert "loud" in answer.json()["error"]


# limits and ids


def test_ids_of_an_earlier_run_do_not_come_again() -> None:
    ids = []
    for start in (1_800_000_000.0, 1_800_000_060.0):
        with serve(clock=lambda start=start: start) as server:
            contact = server.hubspot.act("create_contact", email="ann@example.com")["id"]
            profile = server.klaviyo.act("create_profile", email="ann@example.com")
            ids.append((contact, profile, server.klaviyo.act("open", profile=profile)["event"]))
    assert not set(ids[0]) & set(ids[1])


def test_a_window_rolls() -> None:
    now = 100.0
    windows = Windows(lambda: now)
    limits = [(2, 10.0)]
    assert windows.take("calls", limits) == 0
    now = 104.0
    assert windows.take("calls", limits) == 0
    now = 105.0
    assert windows.take("calls", limits) == 5.0
    now = 110.0
    assert windows.take("calls", limits) == 0
    assert windows.take("calls", limits) == 4.0


def test_bodies_are_json_or_text_in_the_record(sandbox: Server) -> None:
    requests.post(f"{sandbox.url}/alerts", data=b"plain words")
    assert json.dumps(sandbox.calls[-1].body) == '"plain words"'
