"""The smaller tools through the front door: connected by command, posted as they post, seen as the API shows it.

Catalogue: A1 (a failure is 401), A2 (durable accept), M5, M6.
"""

import base64
import hashlib
import hmac
from pathlib import Path

import msgspec
from flask.testing import FlaskClient

from app.runtime import Runtime
from app.setup import add_connection, address
from tests.app.doors import client
from tests.feeding import contact, contacts, drain, rows

SAMPLES = Path(__file__).parents[2] / "adapters"
JSON = {"Content-Type": "application/json"}


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def mac(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_typeform_response_becomes_a_contact_and_a_forged_one_does_not(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "typeform", "typeform", {"webhook_secret": "s3"})
    assert address(sqlite_runtime, made) == "https://hub.example.com/webhooks/typeform"
    web, body = client(sqlite_runtime), sample("typeform/samples/all-kinds-of-answers.json")
    forged = web.post("/webhooks/typeform", data=body, headers={**JSON, "Typeform-Signature": "sha256=AAAA"})
    assert forged.status_code == 401
    signed = {**JSON, "Typeform-Signature": f"sha256={mac('s3', body)}"}
    assert [web.post("/webhooks/typeform", data=body, headers=signed).status_code for _ in range(2)] == [202, 202]
    assert drain(sqlite_runtime) == 1
    found = contact(sqlite_runtime, email="callum.adeyemi@example.com")
    assert found["fields"]["first_name"] == "Callum"
    assert found["consent"]["email"]["marketing"]["state"] == "granted"
    assert {row.status for row in rows(sqlite_runtime, "inbox", "status")} == {"done"}


def test_tool_without_a_signing_secret_gets_an_address_that_is_the_secret(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "typeform", "typeform", {})
    path = address(sqlite_runtime, made).removeprefix("https://hub.example.com")
    assert len(path) > len("/webhooks/typeform/") + 24
    web, body = client(sqlite_runtime), sample("typeform/samples/all-kinds-of-answers.json")
    assert web.post("/webhooks/typeform", data=body, headers=JSON).status_code == 401
    assert web.post("/webhooks/typeform/guess", data=body, headers=JSON).status_code == 401
    assert web.post(path, data=body, headers=JSON).status_code == 202
    assert path.rpartition("/")[2] not in rows(sqlite_runtime, "inbox", "url")[0].url


def test_sdk_that_is_pointed_at_baton_gets_its_answer_and_its_person(sqlite_runtime: Runtime) -> None:
    add_connection(sqlite_runtime, "segment", "product", {"write_key": "wk"})
    web = client(sqlite_runtime)
    head = {"Authorization": f"Basic {base64.b64encode(b'wk:').decode()}"}
    known = {"userId": "u-1", "anonymousId": "browser-of-u-1", "traits": {"email": "ann@example.com"}}
    seen = {"anonymousId": "browser-of-u-1", "name": "Home", "properties": {"url": "https://www.example.com/"}}
    sent = [("page", seen), ("identify", {**known, "traits": {}}), ("identify", known)]
    for number, (kind, body) in enumerate(sent):
        answer = web.post(f"/webhooks/product/v1/{kind}", json={**body, "messageId": f"m{number}"}, headers=head)
        assert (answer.status_code, answer.json) == (200, {"success": True})
    assert web.post("/webhooks/product/v1/track", json=known).status_code == 401
    assert web.post("/webhooks/product/v1/dance", json=known, headers=head).status_code == 404
    drain(sqlite_runtime)
    (ann,) = contacts(sqlite_runtime, email="ann@example.com")
    assert ann == contact(sqlite_runtime, external="u-1") == contact(sqlite_runtime, anonymous="browser-of-u-1")
    assert {row.route for row in rows(sqlite_runtime, "inbox", "route")} == {"v1/page", "v1/identify"}


def test_browsers_of_any_site_may_post_to_a_collector_only(sqlite_runtime: Runtime) -> None:
    add_connection(sqlite_runtime, "segment", "segment", {"write_key": "wk"})
    web = client(sqlite_runtime)
    asked = web.options("/webhooks/segment/v1/t")
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert web.options("/webhooks/segment/secret").status_code == 405
    answer = web.post("/webhooks/segment/v1/p", data=b'{"writeKey":"wk"}', headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_secret_and_path_of_a_collector_go_together(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "segment", "segment", {})
    path = address(sqlite_runtime, made).removeprefix("https://hub.example.com")
    web, body = client(sqlite_runtime), {"userId": "u-1", "event": "x"}
    assert web.post(f"{path}/v1/track", json=body).status_code == 200
    assert web.post("/webhooks/segment/guess/v1/track", json=body).status_code == 401
    ((url, route),) = rows(sqlite_runtime, "inbox", "url", "route")
    assert (url, route) == ("https://hub.example.com/webhooks/segment/…/v1/track", "v1/track")


def looks(web: FlaskClient, path: str) -> list[int]:
    return [web.open(path, method=method).status_code for method in ("GET", "HEAD")]


def test_tool_that_looks_before_it_sends_finds_somebody(sqlite_runtime: Runtime) -> None:
    path = address(sqlite_runtime, add_connection(sqlite_runtime, "mailchimp", "mailchimp", {}))
    add_connection(sqlite_runtime, "typeform", "typeform", {})
    web, path = client(sqlite_runtime), path.removeprefix("https://hub.example.com")
    assert looks(web, "/webhooks/mailchimp") == looks(web, path) == [200, 200]
    assert looks(web, "/webhooks/mailchimp/guess") == [401, 401]
    assert looks(web, "/webhooks/nobody") == [404, 404]
    assert looks(web, "/webhooks/typeform") == [405, 405]
    assert not rows(sqlite_runtime, "inbox")


def test_form_with_a_secret_takes_what_its_builder_signed_and_nothing_else(sqlite_runtime: Runtime) -> None:
    made = add_connection(sqlite_runtime, "forms", "lead", {"webhook_secret": "s3"})
    assert address(sqlite_runtime, made) == "https://hub.example.com/forms/lead"
    web, body = client(sqlite_runtime), sample("forms/samples/tally.json")
    assert web.post("/forms/lead", data=body, headers=JSON).status_code == 401
    assert web.post("/forms/lead", data=body, headers={**JSON, "Tally-Signature": mac("s3", body)}).status_code == 202
    assert web.post("/forms/open", data=body, headers=JSON).status_code == 202
    assert [row.route for row in rows(sqlite_runtime, "inbox", "route")] == ["lead", "open"]
    assert len(rows(sqlite_runtime, "refusals")) == 1


def test_analytics_hears_of_a_lead_whose_browser_it_knows_and_of_nobody_else(sqlite_runtime: Runtime) -> None:
    settings = {"measurement_id": "G-ABC123", "api_secret": "a-secret-of-ga4"}
    add_connection(sqlite_runtime, "ga4", "ga4", settings, base_url="http://127.0.0.1:1")
    web = client(sqlite_runtime)
    for person in ({"email": "ann@example.com", "ga_client_id": "GA1.1.12.34"}, {"email": "ben@example.com"}):
        assert web.post("/forms/demo", json=person).status_code == 202
    drain(sqlite_runtime)
    told = [msgspec.json.decode(row.action) for row in rows(sqlite_runtime, "deliveries", "action", kind="track_event")]
    assert [one["name"] for one in told] == ["stage.changed", "handoff.opened"]
    assert {one["about"]["client_id"] for one in told} == {"GA1.1.12.34"}
    assert "example.com" not in str(told)
