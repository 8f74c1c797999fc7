"""Starting scenarios: what they get, how it is signed, and what Make's answers mean. Catalogue: M3 (out), N4."""

import json

import pytest
from standardwebhooks import Webhook

from adapters.contract import Account, Again, BatchRefused, ConnectionRefused, Done, Refused, RetryLater, Unknown
from adapters.http import Http, recording
from adapters.make import ADAPTER
from adapters.make.push import connect
from app.contacts.action import SendMessage, TrackEvent
from tests.adapters.making import NOW, Peer, delivery, push

TRIAL = TrackEvent(name="Trial started", occurred_at=NOW, properties={"form": "trial"})


def scenario(peer: Peer, **settings: str):
    return connect(Account({"webhook_url": peer.url, **settings}, "", Http(allow_private=True)))


def heard(peer: Peer) -> tuple[dict[str, str], bytes]:
    """Headers and body of the last request."""
    head, _, body = peer.heard[-1].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


def test_scenario_gets_what_happened_and_to_whom(peer):
    peer.answers(b"Accepted")
    one = delivery(TRIAL, email="ann@example.com")
    assert push(ADAPTER, scenario(peer), one) == [Done(note="Accepted")]
    assert json.loads(heard(peer)[1]) == {
        "version": 1,
        "origin": "baton",
        "id": one.key,
        "type": "event",
        "name": "Trial started",
        "occurred_at": "2026-03-10T09:30:00Z",
        "contact": {"id": one.to.contact_id, "email": "ann@example.com", "phone": "", "external_id": ""},
        "data": {"form": "trial"},
    }


def test_message_is_one_that_the_scenario_sends(peer):
    peer.answers(b"Accepted")
    message = SendMessage(message="Welcome", rule="welcome", occurred_at=NOW)
    push(ADAPTER, scenario(peer), delivery(message, email="ann@example.com"))
    said = json.loads(heard(peer)[1])
    assert (said["type"], said["name"]) == ("message", "Welcome")


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a text of one's own"])
def test_requests_are_signed_as_standard_webhooks_has_it(peer, secret):
    peer.answers(b"Accepted")
    push(ADAPTER, scenario(peer, signing_secret=secret), delivery(TRIAL))
    headers, body = heard(peer)
    verifier = Webhook(secret) if secret.startswith("whsec_") else Webhook(secret.encode())
    verifier.verify(body, headers)
    with pytest.raises(Exception, match="No matching signature"):
        verifier.verify(body.replace(b"trial", b"trick"), headers)


def test_lists_bring_many_at_once_with_an_id_of_their_own(peer):
    peer.answers(b"Accepted")
    scene = scenario(peer, signing_secret="s", events_per_request="3")
    three = [delivery(TRIAL) for _ in range(3)]
    assert push(ADAPTER, scene, *three) == [Done(note="Accepted")] * 3
    headers, body = heard(peer)
    assert [said["id"] for said in json.loads(body)] == [one.key for one in three]
    Webhook(b"s").verify(body, headers)
    push(ADAPTER, scene, *three)
    assert heard(peer)[0]["webhook-id"] == headers["webhook-id"], "the same list"
    push(ADAPTER, scene, *three[:2])
    assert heard(peer)[0]["webhook-id"] != headers["webhook-id"], (
        "a receiver that drops what it has had would drop news"
    )
    push(ADAPTER, scene, three[0])
    assert [said["id"] for said in json.loads(heard(peer)[1])] == [three[0].key], "always a list"
    assert heard(peer)[0]["webhook-id"] == three[0].key


@pytest.mark.parametrize(("said", "most"), [("", 1), ("3", 3), ("9999", 500)])
def test_as_many_go_into_a_request_as_the_service_takes(said, most):
    assert ADAPTER.pushes[TrackEvent].of({"events_per_request": said}).batch == most


def test_what_a_service_refuses_in_a_list_is_looked_for_in_its_halves(peer):
    peer.answers(b"no such field", status="400 Bad Request")
    scene = scenario(peer, events_per_request="2")
    with pytest.raises(BatchRefused, match="no such field"):
        push(ADAPTER, scene, delivery(TRIAL), delivery(TRIAL))
    assert push(ADAPTER, scene, delivery(TRIAL)) == [Refused(reason="400: no such field")]


def test_api_key_goes_along(peer):
    peer.answers(b"Accepted")
    push(ADAPTER, scenario(peer, api_key="k-1"), delivery(TRIAL))
    assert heard(peer)[0]["x-make-apikey"] == "k-1"


def told_through(settings: dict[str, str], *, allow_private: bool):
    return connect(Account(settings, "", Http(allow_private, ADAPTER.secrets(settings))))


TOKEN, KEY = "k3ab1cq8x7w5v2u9t4s6r1p0o3n8m5l2", "key-0123456789"


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Oops"])
def test_whoever_looks_at_calls_cannot_start_the_scenario(peer, status):
    """The address's path and the webhook's key are all that it takes, and an answer may repeat both."""
    peer.answers(f"/{TOKEN}?v={KEY} {KEY}".encode(), status=status)
    scene = told_through({"webhook_url": f"{peer.url}/{TOKEN}?v=12345678", "api_key": KEY}, allow_private=True)
    with recording() as calls:
        (outcome,) = push(ADAPTER, scene, delivery(TRIAL))
    (call,) = calls
    assert call.url == f"{peer.url}/***", "to whom it went may be seen"
    assert TOKEN not in repr((call, outcome))
    assert KEY not in repr((call, outcome))


def test_address_is_not_told_where_it_is_refused_or_not_answered():
    closed = f"http://127.0.0.1:1/{TOKEN}"
    scene = told_through({"webhook_url": closed}, allow_private=False)
    with pytest.raises(ConnectionRefused, match="is not https") as refusal:
        push(ADAPTER, scene, delivery(TRIAL))
    assert TOKEN not in str(refusal.value)
    with recording() as calls:
        (outcome,) = push(ADAPTER, told_through({"webhook_url": closed}, allow_private=True), delivery(TRIAL))
    assert TOKEN not in repr((calls, outcome))


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        pytest.param("429 Too Many Requests", b"", RetryLater(reason="429: ", after=10.0), id="too many requests"),
        pytest.param("400 Bad Request", b"Queue is full.", RetryLater(reason="400: Queue is full."), id="a full queue"),
        pytest.param("400 Bad Request", b"no such field", Refused(reason="400: no such field"), id="another structure"),
        pytest.param("500 Oops", b"x", Unknown(reason="500: x"), id="trouble of Make's"),
    ],
)
def test_answers_mean(peer, status, body, means):
    peer.answers(body, status=status)
    (outcome,) = push(ADAPTER, scenario(peer), delivery(TRIAL))
    assert type(outcome) is type(means)
    assert outcome.reason.startswith(means.reason)
    assert getattr(outcome, "after", None) == getattr(means, "after", None)


@pytest.mark.parametrize("status", ["401 Unauthorized", "410 Gone"])
def test_webhook_that_is_gone_or_wants_a_key_stops_the_connection(peer, status):
    peer.answers(b"no", status=status)
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, scenario(peer), delivery(TRIAL))


def test_lost_answer_is_left_to_a_person(peer):
    peer.say = lambda connection: connection.close()
    (outcome,) = push(ADAPTER, scenario(peer), delivery(TRIAL))
    assert isinstance(outcome, Unknown)
    assert {one.again for one in ADAPTER.pushes.values()} == {Again.PARK}
