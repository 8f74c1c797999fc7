"""Typeform: signatures, and what responses become beyond the samples.

The vector was made with openssl from Typeform's documented recipe, not with this code:
``openssl dgst -sha256 -hmac typeform-test-secret -binary | base64``.

Catalogue: A1 (verify webhooks), A3 (redelivery), A7 (forms), M5.
"""

import json
from typing import Any

import pytest

from adapters.contract import InvalidSignature, Unreadable
from adapters.registry import adapters
from adapters.typeform.signature import verify
from app.contacts.event import EventType
from mappings.mapping import mapping_file, read_mapping
from tests.adapters.making import NOW, arrived

ADAPTER = adapters()["typeform"]
SECRET = "typeform-test-secret"
BODY = (
    '{"event_id":"01KJ9X2Q9Y3M4N5P6R7S8T9V0W","event_type":"form_response","form_response":{"form_id":"mU5a4k",'
    '"token":"b4b2","submitted_at":"2026-03-10T07:14:15Z","definition":{"id":"mU5a4k","title":"Größe","fields":[]},'
    '"answers":[]}}'
).encode()
HEAD = "kind: mapping\nname: typeform\nfields:\n"
SIGNATURE = "sha256=/lfGFWXPf7qCz/upx706QqGxyFfVBns15nsrHjx5aJQ="


def accepts(signature: str | None = SIGNATURE, body: bytes = BODY, **settings: str) -> bool:
    headers = {} if signature is None else {"typeform_signature": signature}
    try:
        verify(arrived(body, **headers), settings or {"webhook_secret": SECRET}, NOW)
    except InvalidSignature:
        return False
    return True


def test_vector_is_accepted_also_while_the_secret_is_replaced():
    assert accepts()
    assert accepts(webhook_secret="the-next-one", webhook_secret_previous=SECRET)


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b"\n"}, id="a line feed behind the body"),
        pytest.param({"body": BODY.replace("ö".encode(), b"o")}, id="a letter of the body"),
        pytest.param({"body": b""}, id="no body"),
        pytest.param({"signature": SIGNATURE.removeprefix("sha256=")}, id="without its mark"),
        pytest.param({"signature": SIGNATURE.replace("sha256", "sha1")}, id="another mark"),
        pytest.param({"signature": SIGNATURE.rstrip("=")}, id="without its padding"),
        pytest.param({"signature": SIGNATURE.lower()}, id="in small letters"),
        pytest.param({"signature": "sha256="}, id="empty"),
        pytest.param({"signature": "sha256=ä"}, id="letters beyond ASCII"),
        pytest.param({"signature": "sha256=\udcff"}, id="bytes that are no text"),
        pytest.param({"signature": None}, id="missing"),
        pytest.param({"webhook_secret": "another"}, id="another secret"),
        pytest.param({"webhook_secret": ""}, id="no secret"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


def response(**more: Any) -> dict[str, Any]:
    return {
        "event_id": "e1",
        "event_type": "form_response",
        "form_response": {"form_id": "f", "token": "t1", "submitted_at": "2026-03-10T07:14:15Z", **more},
    }


def parsed(document: Any, mapping: str = "") -> list[Any]:
    read = read_mapping(mapping, "typeform") if mapping else mapping_file("typeform.yaml")
    assert ADAPTER.parse is not None
    return list(ADAPTER.parse(arrived(json.dumps(document).encode(), content_type="application/json"), read))


def answer(kind: str, value: Any, ref: str = "ref", question: str = "") -> dict[str, Any]:
    return {"type": kind, kind: value, "field": {"id": ref, "ref": ref, "type": question or kind}}


def test_response_that_is_sent_again_is_known_by_its_token():
    answers = [answer("email", "ann@example.com")]
    (first,) = parsed(response(answers=answers))
    (again,) = parsed({**response(answers=answers), "event_id": "e2"})
    (other,) = parsed(response(answers=answers, token="t2"))
    assert first.source_key == again.source_key != other.source_key


def test_variable_of_the_forms_logic_is_no_answer_of_the_person_unless_a_row_says_so():
    said = response(
        answers=[answer("email", "ann@example.com")],
        variables=[
            {"key": "name", "type": "text", "text": "segment-b"},
            {"key": "score", "type": "number", "number": 0},
        ],
        calculated={"score": 0},
        ending={"id": "e", "ref": "qualified"},
    )
    (event,) = parsed(said)
    assert event.fields == {"email": "ann@example.com"}
    assert event.properties["custom"] == {"name": "segment-b", "score": 0, "ending": "qualified"}
    (event,) = parsed(said, HEAD + "- {contact: email, vendor: email}\n- {contact: custom.end, vendor: ending}")
    assert event.fields["custom.end"] == "qualified"


def test_survey_without_an_address_is_kept_and_is_news_once_a_row_finds_the_address():
    said = response(answers=[answer("text", "ann@example.com, or call me", "who", "long_text")])
    (nameless,) = parsed(said)
    assert (nameless.type, nameless.identities) == (EventType.FORM_SUBMITTED, ())
    rows = (
        "kind: mapping\nname: typeform\nfields:\n- {contact: email, vendor: who, transform: [{split: ','}, {pick: 0}]}"
    )
    (named,) = parsed(said, rows)
    assert named.identity("email") == "ann@example.com"
    assert named.source_key != nameless.source_key


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param(response(answers=[answer("email", "ann@example")]), "not valid", id="an address that is none"),
        pytest.param(response(submitted_at="0001-01-01T00:00:00Z"), "unfinished", id="never sent in"),
        pytest.param({**response(), "event_type": "form_response_partial"}, "unfinished", id="a partial response"),
        pytest.param(response(token=""), None, id="known by its event"),
        pytest.param({"event_type": "form_response", "form_response": {"answers": []}}, "token", id="no id at all"),
        pytest.param({"event_type": "form_response"}, "form_response is missing", id="no response"),
        pytest.param([response()], "one JSON object", id="a list"),
    ],
)
def test_what_cannot_be_a_response_says_why(document, why):
    if why is None:
        assert parsed(document)
        return
    with pytest.raises(Unreadable, match=why):
        parsed(document)


def test_mapping_can_be_drawn_from_a_page_of_responses():
    assert ADAPTER.holds is not None
    said = response(answers=[answer("text", "Acme", "company", "short_text")])["form_response"]
    page = {"total_items": 2, "items": [{**said, "landed_at": said["submitted_at"]}, {"landed_at": "later"}]}
    names, _ = ADAPTER.holds(arrived(json.dumps(page).encode(), content_type="application/json"))
    assert names["company"] == "Acme"


@pytest.mark.parametrize("items", [None, {}, "no list"])
def test_items_that_are_no_list_are_no_page(items):
    with pytest.raises(Unreadable, match="list of responses"):
        parsed({"items": items})
