"""What scenarios send: signed or with a token, in whatever shape. Catalogue: A1, A3, D2, I2, M4 (in)."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from adapters.contract import BadItem, InvalidSignature, Unreadable
from adapters.make import ADAPTER
from adapters.make.signature import verify
from app.contacts.event import EventType, Identity
from mappings.mapping import mapping_file, read_mapping
from tests.adapters.making import NOW, arrived

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"type":"contact.updated","contact":{"email":"ann@example.com"}}'


def signed(secret: str = WHSEC, body: bytes = BODY, name: str = "msg_1", late: float = 0) -> dict[str, str]:
    """The headers that the Standard Webhooks library, which is not ours, makes for a body."""
    at = NOW - timedelta(seconds=late)
    signer = Webhook(secret) if secret.startswith("whsec_") else Webhook(base64.b64encode(secret.encode()).decode())
    signature = signer.sign(name, at, body.decode())
    return {"webhook_id": name, "webhook_timestamp": str(int(at.timestamp())), "webhook_signature": signature}


def accepts(headers: dict[str, str], body: bytes = BODY, **settings: str) -> bool:
    try:
        verify(arrived(body, **headers), settings or {"signing_secret": WHSEC, "source_token": "tok"}, NOW)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(
    ("headers", "settings"),
    [
        pytest.param(signed(), {}, id="signed"),
        pytest.param(signed(late=299), {}, id="almost five minutes ago"),
        pytest.param(signed("a text of one's own"), {"signing_secret": "a text of one's own"}, id="with another text"),
        pytest.param(signed(), {"signing_secret": "new", "signing_secret_previous": WHSEC}, id="the secret before"),
        pytest.param({**signed(), "webhook_signature": "v1,AAAA v1a,BBBB " + signed()["webhook_signature"]}, {},
                     id="several signatures"),
        pytest.param({"x_api_key": "tok"}, {}, id="a token"),
        pytest.param({"authorization": "Bearer tok"}, {}, id="a bearer token"),
        pytest.param({"authorization": "Basic " + base64.b64encode(b"baton:tok").decode()}, {}, id="Basic"),
    ],
)  # fmt: skip
def test_scenario_that_is_ours_is_heard(headers, settings):
    assert accepts(headers, **settings)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(signed(), BODY + b" ", id="another body"),
        pytest.param({**signed(), "webhook_id": "msg_2"}, BODY, id="another id"),
        pytest.param({**signed(), "webhook_timestamp": "1741600000"}, BODY, id="another time"),
        pytest.param(signed(late=301), BODY, id="too old"),
        pytest.param(signed(late=-301), BODY, id="too far ahead"),
        pytest.param(signed("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), BODY, id="another secret"),
        pytest.param({**signed(), "webhook_signature": "v1,"}, BODY, id="empty"),
        pytest.param({**signed(), "webhook_signature": "no comma"}, BODY, id="no signature"),
        pytest.param({**signed(), "webhook_signature": "v1,ä", "x_api_key": "tok"}, BODY, id="bad beside a token"),
        pytest.param({"x_api_key": "guess"}, BODY, id="another token"),
        pytest.param({"authorization": "Basic ?"}, BODY, id="no base64"),
        pytest.param({}, BODY, id="nothing"),
    ],
)
def test_stranger_is_refused(headers, body):
    assert not accepts(headers, body)


@pytest.mark.parametrize(("secret", "wrong"), [("", False), (WHSEC, False), ("own text", False), ("whsec_", True)])
def test_secret_without_anything_behind_its_mark_is_none(secret, wrong):
    (setting,) = [one for one in ADAPTER.settings if one.name == "signing_secret"]
    assert setting.wrong is not None
    assert bool(setting.wrong(secret)) is wrong


def test_nobody_signs_with_an_empty_key():
    moment = str(int(NOW.timestamp()))
    digest = hmac.digest(b"", f"msg_1.{moment}.".encode() + BODY, "sha256")
    headers = {"webhook_id": "msg_1", "webhook_timestamp": moment}
    headers["webhook_signature"] = "v1," + base64.b64encode(digest).decode()
    assert not accepts(headers, signing_secret="whsec_")


def parsed(document: Any, mapping: str = "", query: str = "", **headers: str) -> list[Any]:
    assert ADAPTER.parse is not None
    request = arrived(
        json.dumps(document).encode(), f"https://hub.example.com/webhooks/make{query}",
        content_type="application/json", **headers,
    )  # fmt: skip
    return list(ADAPTER.parse(request, read_mapping(mapping, "make") if mapping else mapping_file("make.yaml")))


ANN = {"contact": {"email": "ann@example.com"}}


def test_mapping_drawn_from_a_sample_reads_an_authors_own_shape():
    own = {"lead": {"mail": "Ann@Example.com", "plan": "pro"}, "answers": [{"text": "Acme"}], "when": "now"}
    assert ADAPTER.holds is not None
    names, _ = ADAPTER.holds(arrived(json.dumps(own).encode(), content_type="application/json"))
    assert names == {"lead.mail": "Ann@Example.com", "lead.plan": "pro", "answers.0.text": "Acme", "when": "now"}
    rows = (
        "kind: mapping\nname: make\nfields:\n- {contact: email, vendor: lead.mail}\n"
        "- {contact: company, vendor: answers.0.text}\n- {contact: custom.plan, vendor: lead.plan}"
    )
    (event,) = parsed(own, rows)
    assert event.identity("email") == "ann@example.com"
    assert event.fields == {"email": "ann@example.com", "company": "Acme", "custom.plan": "pro"}
    with pytest.raises(Unreadable, match="map the field"):
        parsed(own)


@pytest.mark.parametrize(
    ("said", "state", "own"),
    [
        ({"state": "granted", "by_person": True, "method": "form", "text": "Yes"}, "granted", True),
        ({"state": "granted", "by_person": True}, "granted", False),
        ("granted", "granted", False),
        ("withdrawn", "withdrawn", False),
        ("denied", "withdrawn", False),
        ("false", None, None),
        (False, None, None),
        ("", None, None),
        (True, None, None),
    ],
)
def test_consent_is_what_is_said_in_so_many_words(said, state, own):
    consents = [event for event in parsed({**ANN, "consent": {"email": said}}) if event.type == "consent.changed"]
    assert [event.properties["state"] for event in consents] == ([state] if state else [])
    assert [event.properties["by_person"] for event in consents] == ([own] if state else [])


@pytest.mark.parametrize(
    ("kind", "query", "type"),
    [
        ("order.placed", "", "order.placed"),
        ("custom:webinar", "", "custom:webinar"),
        ("", "?event=asset.downloaded", "asset.downloaded"),
        ("whatever", "", "contact.updated"),
        ("contact.erased", "", "unknown"),
        ("message.sent", "", "unknown"),
        ("custom:released", "", "unknown"),
    ],
)
def test_scenario_says_what_happened_but_not_what_baton_decides(kind, query, type):
    assert parsed({**ANN, "type": kind}, query=query)[0].type == type


def test_what_baton_itself_notes_is_no_property_of_a_scenarios():
    (event,) = parsed({**ANN, "type": "form.submitted", "held": [1], "properties": {"consent": [{}], "read_as": "x"}})
    assert set(event.properties) == {"form", "builder", "custom"}
    (event,) = parsed({**ANN, "type": "custom:x", "held": [1], "properties": {"consent": [{}], "a": 1}})
    assert event.properties == {"a": 1}


def test_yes_without_proof_is_nobodys_own_whatever_the_type_says():
    bare = {**ANN, "channel": "email", "state": "granted", "purpose": "marketing", "by_person": True, "actor": "ann"}
    for item, query in (({**bare, "type": "consent.changed"}, ""), (bare, "?event=consent.changed")):
        (event,) = parsed(item, query=query)
        assert event.type == EventType.UNKNOWN
        assert not {"by_person", "actor"} & set(event.properties)
    (event,) = parsed({**bare, "type": "custom:x", "properties": {"by_person": True}})
    assert "by_person" not in event.properties


def test_repeat_is_known_by_the_authors_key_the_requests_id_or_the_content():
    keys = {
        "key": [parsed({**ANN, "idempotency_key": "k", "n": n})[0].source_key for n in (1, 2)],
        "id": [parsed({**ANN, "n": n}, webhook_id="msg_1")[0].source_key for n in (1, 2)],
        "content": [parsed({**ANN, "n": 1})[0].source_key for _ in (1, 2)],
    }
    assert all(first == second for first, second in keys.values())
    assert len({first for first, _ in keys.values()}) == 3
    first, second = parsed([{**ANN, "n": 1}, {**ANN, "n": 2}], webhook_id="msg_1")
    assert first.source_key != second.source_key


def test_times_count_where_they_are_certain():
    assert parsed({**ANN, "occurred_at": "2026-03-10T10:00:00+02:00"})[0].occurred_at.hour == 8
    assert parsed({**ANN, "occurred_at": "03/10/2026 10:00"})[0].occurred_at == NOW


def test_stand_in_for_an_id_is_nobody():
    (event,) = parsed({"contact": {"email": "ann@example.com", "external_ids": {"external": "null"}}})
    assert event.identities == (Identity("email", "ann@example.com"),)


@pytest.mark.parametrize(
    "document", [[], [ANN] * 501, "text", {"contact": {"email": ""}}], ids=["empty", "too many", "a text", "nobody"]
)
def test_what_cannot_be_read_is_parked(document):
    with pytest.raises(Unreadable):
        parsed(document)
    good, bad = parsed([ANN, {"contact": {}}])
    assert good.type == EventType.CONTACT_UPDATED
    assert isinstance(bad, BadItem)


REQUEST = {"headers": {"host": "n8n.example", "cookie": "x"}, "params": {}, "query": {"a": "1"}}


@pytest.mark.parametrize(
    "wrapped",
    [
        pytest.param({**REQUEST, "body": ANN}, id="a request as Make passes it on"),
        pytest.param({**REQUEST, "body": ANN, "webhookUrl": "https://n8n", "executionMode": "test"}, id="as n8n does"),
        pytest.param([{"json": {**REQUEST, "body": ANN}, "pairedItem": 0}], id="an item of n8n's"),
        pytest.param({**REQUEST, "body": json.dumps(ANN)}, id="with its body as text"),
        pytest.param({**REQUEST, "body": [ANN]}, id="with a list"),
    ],
)
def test_webhook_that_is_passed_on_whole_is_its_body(wrapped):
    (event,) = parsed(wrapped)
    assert event.identity("email") == "ann@example.com"
    assert event.source_key == parsed(ANN)[0].source_key, "however it came it is the same"
    assert not event.properties, "and nobody's cookies are kept"
    assert ADAPTER.holds is not None
    names, _ = ADAPTER.holds(arrived(json.dumps(wrapped).encode(), content_type="application/json"))
    assert names == {"contact.email": "ann@example.com"}


@pytest.mark.parametrize("item", [{"body": "text", "headers": {}}, {"body": "{broken", "headers": {}}, {"body": None}])
def test_word_that_is_called_body_is_no_envelope(item):
    with pytest.raises(Unreadable, match="nobody is named"):
        parsed(item)
