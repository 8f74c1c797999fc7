"""The smaller tools through the front door: connected by command, posted as they post, seen as the API shows it.

Catalogue: A1 (a failure is 401), A2 (durable accept), M5, M6.
"""

import base64
import hashlib
import hmac
from pathlib import Path

from app.runtime import Runtime
from app.setup import add_connection, address
from tests.app.doors import client
from tests.feeding import contact, drain, rows

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
