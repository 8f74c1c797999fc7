"""Segment: signatures, of batches too; the write key; and what calls become beyond the samples.

The vector was made with openssl from Segment's documented recipe, not with this code:
``openssl dgst -sha1 -hmac segment-test-secret``.

Catalogue: A1 (verify webhooks), A3 (redelivery), A8 (commerce), B2 (anonymous to known), M5.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from adapters.contract import BadItem, InvalidSignature, Unreadable
from adapters.registry import adapters
from adapters.segment.signature import verify
from app.contacts.event import EventType, Identity
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived

ADAPTER = adapters()["segment"]
SECRET = "segment-test-secret"
ONE = '{"type":"track","userId":"u-1","event":"Größe","messageId":"m1"}'.encode()
TWO = b'{"type":"page","userId":"u-1","messageId":"m2"}'
SIGNATURE = "addbc2bcfc299efd2abc9c5ed25faee85ea82a61"
SIGNED = {"x_signature": SIGNATURE}


def accepts(body: bytes = ONE, headers: dict[str, str] | None = None, route: str = "", **settings: str) -> bool:
    request = arrived(body, **(SIGNED if headers is None else headers))
    try:
        verify(_at(request, route), settings or {"shared_secret": SECRET}, NOW)
    except InvalidSignature:
        return False
    return True


def _at(request: Any, route: str) -> Any:
    return msgspec.structs.replace(request, route=route)


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({}, id="one event"),
        pytest.param({"body": b"[" + ONE + b"," + TWO + b"]"}, id="a batch, of which the first is signed"),
        pytest.param({"body": b"[" + ONE + b"]"}, id="a batch of one"),
        pytest.param({"body": b"[ " + json.dumps(json.loads(ONE)).encode() + b"]"}, id="a batch with blanks"),
        pytest.param({"headers": {"x_signature": SIGNATURE.upper()}}, id="in capitals"),
        pytest.param({"shared_secret": "the next", "shared_secret_previous": SECRET}, id="with the secret before"),
        pytest.param({"headers": basic("wk"), "write_key": "wk", "route": "v1/track"}, id="an SDK's write key"),
        pytest.param({"headers": {}, "body": b'{"writeKey":"wk","batch":[]}', "write_key": "wk"}, id="in the body"),
    ],
)
def test_what_segment_or_an_sdk_sends_is_accepted(sent):
    assert accepts(**sent)


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": ONE + b" "}, id="a blank behind the body"),
        pytest.param({"body": ONE.replace(b"u-1", b"u-2")}, id="a letter of the body"),
        pytest.param({"body": b"[" + TWO + b"," + ONE + b"]"}, id="a batch with the signed event elsewhere"),
        pytest.param({"body": b"[" * 50_000}, id="a tower of lists"),
        pytest.param({"body": b"[]"}, id="an empty batch"),
        pytest.param({"headers": {"x_signature": SIGNATURE[:-1]}}, id="without its end"),
        pytest.param({"headers": {"x_signature": "ä"}}, id="letters beyond ASCII"),
        pytest.param({"headers": {}}, id="no signature"),
        pytest.param({"shared_secret": "another"}, id="another secret"),
        pytest.param({"write_key": "wk"}, id="no shared secret"),
        pytest.param({"headers": basic("guess"), "write_key": "wk", "route": "v1/track"}, id="another write key"),
        pytest.param({"headers": basic(""), "write_key": "wk", "route": "v1/track"}, id="an empty write key"),
        pytest.param({"headers": {"authorization": "Basic ?"}, "write_key": "wk"}, id="no base64"),
        pytest.param({"headers": {}, "write_key": "wk", "route": "v1/batch", "body": b"{}"}, id="no write key"),
        pytest.param({"headers": {}, "write_key": "wk", "body": b"\xff"}, id="bytes that are no JSON"),
        pytest.param({"headers": {}, "route": "v1/track"}, id="an SDK where no write key is set"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


def parsed(document: Any, route: str = "") -> list[Any]:
    assert ADAPTER.parse is not None
    return list(ADAPTER.parse(_at(arrived(json.dumps(document).encode()), route), mapping_file("segment.yaml")))


def call(kind: str = "track", **more: Any) -> dict[str, Any]:
    return {"type": kind, "userId": "u-1", "messageId": "m", "timestamp": "2026-03-10T08:00:00Z", **more}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Order Completed", "order.placed"),
        ("order_completed", "order.placed"),
        ("Completed Order", "order.placed"),
        ("Order Cancelled", "order.refunded"),
        ("Checkout Started", "checkout.started"),
        ("Email Marked as Spam", "email.complained"),
        ("Push Notification Tapped", "push.opened"),
        ("Größe gewählt", "custom:größe_gewählt"),
        ("Suppressed", "custom:segment_suppressed"),
        ("Handoff Claimed", "custom:segment_handoff_claimed"),
        ("  ", "unknown"),
        (None, "unknown"),
        (7, "custom:7"),
    ],
)
def test_tracked_event_is_one_of_ours_or_custom_and_never_what_people_decide_in_baton(name, kind):
    assert parsed(call(event=name))[0].type == kind


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"total": 30, "revenue": 25}, 30),
        ({"revenue": "25.50"}, 25.5),
        ({"value": 0}, 0),
        ({"total": "free"}, None),
        ({}, None),
    ],
)
def test_order_is_worth_what_was_paid(told, value):
    (event,) = parsed(call(event="Order Completed", properties={"order_id": 7, "currency": "EUR", **told}))
    assert event.properties.get("value") == value
    assert (event.properties["order"], event.properties["currency"]) == (7, "EUR")


def test_page_script_cannot_speak_in_batons_place():
    said = {"consent": [{"state": "granted", "by_person": True}], "held": 1, "read_as": "x", "plan": "pro"}
    (event,) = parsed(call(event="Upgraded", properties=said))
    assert event.properties == {"event": "Upgraded", "plan": "pro"}
    (form,) = parsed(call(event="Form Submitted", properties={**said, "form_name": "demo"}))
    assert (form.type, form.properties["form"]) == (EventType.FORM_SUBMITTED, "demo")
    assert "consent" not in form.properties


@pytest.mark.parametrize(
    "nobody", ["undefined", "null", "0", " ", "anonymous", "[object Object]", "x" * 201, True, None]
)
def test_stand_in_for_an_id_makes_one_person_of_nobody(nobody):
    with pytest.raises(Unreadable, match="nobody"):
        parsed(call(userId=nobody, event="Clicked"))
    (event,) = parsed(call(userId=nobody, anonymousId="a-1", event="Clicked"))
    assert event.identities == (Identity("anonymous", "a-1"),)


@pytest.mark.parametrize(
    ("more", "email"),
    [
        ({"userId": "Ann@Example.com"}, "ann@example.com"),
        ({"traits": {"email": "ann@example.com"}}, "ann@example.com"),
        ({"context": {"traits": {"email": "ann@example.com"}}}, "ann@example.com"),
        ({"event": "Signed Up", "properties": {"email": "ann@example.com"}}, "ann@example.com"),
        ({"event": "Colleague Invited", "properties": {"email": "ben@example.com"}}, None),
        ({"type": "group", "groupId": "g", "traits": {"email": "office@example.com"}}, None),
        ({"traits": {"email": "ann@"}}, None),
    ],
)
def test_address_is_the_persons_only_where_the_spec_says_so(more, email):
    (event,) = parsed(call(**{"event": "Clicked", **more}))
    assert event.identity("email") == email


SENT = {"originalTimestamp": "2026-03-10T07:00:00Z", "sentAt": "2026-03-10T07:00:10Z"}


@pytest.mark.parametrize(
    ("told", "route", "at"),
    [
        pytest.param({"timestamp": "2026-03-10T08:00:00Z", **SENT}, "", "08:00:00", id="as Segment has worked it out"),
        pytest.param({"receivedAt": "2026-03-10T09:00:10Z", **SENT}, "", "09:00:00", id="worked out"),
        pytest.param({"timestamp": "2026-03-10T07:00:00Z", "sentAt": "2026-03-10T07:00:10Z"}, "v1/track", "09:29:50",
                     id="an SDK whose clock is late"),
        pytest.param({"timestamp": "2026-03-10T07:00:20Z", "sentAt": "2026-03-10T07:00:10Z"}, "v1/track", "09:30:00",
                     id="sent before it happened"),
        pytest.param({"timestamp": "2026-03-10T10:00:00+02:00"}, "", "08:00:00", id="with a time zone"),
        pytest.param({"receivedAt": "2026-03-10T09:00:10Z"}, "", "09:00:10", id="only when it was received"),
        pytest.param({}, "", "09:30:00", id="none"),
    ],
)  # fmt: skip
def test_time_of_a_call(told, route, at):
    (event,) = parsed({"type": "track", "event": "x", "userId": "u", "messageId": "m", **told}, route)
    assert event.occurred_at == datetime.fromisoformat(f"2026-03-10T{at}+00:00").astimezone(UTC)


def test_kind_of_call_is_the_path_where_the_body_does_not_say_it():
    (event,) = parsed({"userId": "u-1", "traits": {"firstName": "Ann"}}, "v1/identify")
    assert (event.type, event.fields) == (EventType.CONTACT_UPDATED, {"first_name": "Ann"})
    assert parsed({"userId": "u-1", "event": "x"}, "v1/t")[0].type == "custom:x"
    parked = parsed({"batch": [{"userId": "u-1", "event": "x"}, call(event="y")]}, "v1/batch")
    assert [isinstance(item, BadItem) for item in parked] == [True, False]


def test_parked_call_of_a_batch_can_be_replayed_alone():
    _, bad = parsed({"batch": [call(event="y"), call(event="z", timestamp="soon")], "sentAt": "2026-03-10T08:00:00Z"})
    mended = json.loads(bad.body.replace(b"soon", b"2026-03-10T08:00:00Z"))
    assert parsed(mended)[0].type == "custom:z"


def test_call_without_an_id_is_known_by_what_it_says_and_when():
    same = {"type": "track", "userId": "u", "event": "x", "properties": {"a": 1}}
    keys = [
        parsed({**same, **more})[0].source_key
        for more in (
            {"timestamp": "2026-03-10T08:00:00Z"},
            {"timestamp": "2026-03-10T08:00:00Z", "sentAt": "2026-03-10T08:00:09Z"},
            {"timestamp": "2026-03-10T08:00:01Z"},
            {},
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("body", [[], {"batch": []}, {"batch": [{}] * 2_501}])
def test_batch_of_nothing_or_too_much_is_parked_whole(body):
    with pytest.raises(Unreadable):
        parsed(body)
