"""Calendly: signatures with their time, moved meetings, and whether its webhook is still switched on.

The vector was made with openssl from Calendly's documented recipe, not with this code:
``printf '%s.%s' "$T" "$BODY" | openssl dgst -sha256 -hmac calendly-test-key``.

Catalogue: A1 (verify webhooks), A3 and A4 (redelivery, order), C2 (in conversation), M5.
"""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.calendly.signature import verify
from adapters.contract import Account, InvalidSignature, Unreadable
from adapters.http import Http
from adapters.registry import adapters
from app.contacts.contact import Contact
from app.contacts.event import event_id, position
from app.contacts.fold import fold
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, Peer, arrived

ADAPTER = adapters()["calendly"]
SAMPLES = Path(__file__).parents[2] / "adapters" / "calendly" / "samples"
KEY = "calendly-test-key"
BODY = b'{"event":"invitee.created","payload":{"uri":"https://api.calendly.com/scheduled_events/A/invitees/B"}}'
SIGNED = datetime(2025, 3, 10, tzinfo=UTC)
STAMP = "1741564800"
DIGEST = "1e33d47b5915d97353bbde1cf738e67288cc14a30ff312175ab43d72cc05589c"
SIGNATURE = f"t={STAMP},v1={DIGEST}"


def accepts(signature: str | None = SIGNATURE, body: bytes = BODY, late: float = 0, **settings: str) -> bool:
    headers = {} if signature is None else {"calendly_webhook_signature": signature}
    try:
        verify(arrived(body, **headers), settings or {"signing_key": KEY}, SIGNED + timedelta(seconds=late))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param({}, id="as it is"),
        pytest.param({"signature": f"t={STAMP}, v1={DIGEST}"}, id="a blank behind the comma"),
        pytest.param({"signature": f"v1={DIGEST},t={STAMP}"}, id="the other way round"),
        pytest.param({"signature": f"t={STAMP},v1={'0' * 64},v1={DIGEST}"}, id="two signatures, one of them right"),
        pytest.param({"signature": f"t={STAMP},v0={'0' * 64},v1={DIGEST}"}, id="beside one of another kind"),
        pytest.param({"signing_key": "the next", "signing_key_previous": KEY}, id="with the key before"),
        pytest.param({"late": 299}, id="almost five minutes ago"),
        pytest.param({"late": -299}, id="almost five minutes ahead"),
    ],
)
def test_vector_is_accepted(spelled):
    assert accepts(**spelled)


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b" "}, id="a blank behind the body"),
        pytest.param({"body": BODY.replace(b"/B", b"/C")}, id="a letter of the body"),
        pytest.param({"signature": f"t=1741564801,v1={DIGEST}"}, id="a second later"),
        pytest.param({"signature": f"t={STAMP}.0,v1={DIGEST}"}, id="the same time in other words"),
        pytest.param({"signature": f"t={STAMP},t={STAMP},v1={DIGEST}"}, id="two times"),
        pytest.param({"signature": f"t={STAMP}"}, id="no signature in it"),
        pytest.param({"signature": f"v1={DIGEST}"}, id="no time in it"),
        pytest.param({"signature": f"t=,v1={DIGEST}"}, id="an empty time"),
        pytest.param({"signature": f"t={STAMP},v1={DIGEST.upper()}"}, id="in capitals"),
        pytest.param({"signature": f"t={STAMP},v1={DIGEST[:-1]}"}, id="without its end"),
        pytest.param({"signature": f"t={STAMP},v1=ä"}, id="letters beyond ASCII"),
        pytest.param({"signature": ""}, id="empty"),
        pytest.param({"signature": None}, id="missing"),
        pytest.param({"late": 301}, id="too old"),
        pytest.param({"late": -301}, id="too far ahead"),
        pytest.param({"signing_key": "another"}, id="another key"),
        pytest.param({"access_token": KEY}, id="no key"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


def sample(name: str) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def parsed(document: Any, **settings: str) -> list[Any]:
    assert ADAPTER.parse is not None
    request = arrived(json.dumps(document).encode(), settings=settings)
    events = list(ADAPTER.parse(request, mapping_file("calendly.yaml")))
    for event in events:
        event.connection_id, event.id = 1, event_id(1, event.source_key)
    return events


def folded(*names: str) -> Contact:
    contact = Contact()
    for event in sorted((event for name in names for event in parsed(sample(name))), key=position):
        contact = fold(contact, event)
    return contact


def open_meetings(contact: Contact) -> list[str]:
    return [key for key, signal in contact.conversation.items() if signal.closed_at is None]


def test_booked_meeting_is_a_conversation_with_its_host_until_it_is_canceled():
    contact = folded("booked-with-one-name")
    ((key, signal),) = contact.open_signals()
    assert (key, signal.kind) == ("meeting:scheduled_events/EVT1/invitees/INV1", "meeting")
    assert (signal.who, signal.until) == ("mona.host@example.com", datetime(2026, 3, 12, 14, 30, tzinfo=UTC))
    assert not open_meetings(folded("booked-with-one-name", "canceled"))


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("booked-with-one-name", "moved-the-old-one", "moved-the-new-one")))
)
def test_moved_meeting_is_one_meeting_and_none_was_lost_whatever_the_order(order):
    assert open_meetings(folded(*order)) == ["meeting:scheduled_events/EVT3/invitees/INV3"]
    types = [event.type for name in order for event in parsed(sample(name))]
    assert "meeting.canceled" not in types


def test_campaign_on_the_booking_link_is_the_persons_arrival():
    contact = folded("booked-with-questions")
    assert [(touch.source, touch.entry) for touch in contact.touches] == [("newsletter", "meeting Demo, 30 minutes")]
    assert not folded("booked-with-one-name").touches


@pytest.mark.parametrize("wanted", ["Demo, 30 minutes", "TYPE1", "https://api.calendly.com/event_types/type1", ""])
def test_kind_of_meeting_that_counts(wanted):
    wanted = wanted if "," not in wanted else "intro, TYPE1"
    assert parsed(sample("booked-with-one-name"), event_types=wanted)[0].type == "meeting.booked"


def test_kind_of_meeting_that_does_not_count_is_kept_without_its_person():
    (event,) = parsed(sample("booked-with-questions"), event_types="Job interview")
    assert (event.type, event.identities, event.fields) == ("unknown", (), {})
    assert "aiko" not in json.dumps(event.properties).lower()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param([], "one JSON object", id="a list"),
        pytest.param({"event": "invitee.created"}, "payload", id="no payload"),
        pytest.param({"event": "invitee.created", "payload": {"email": "a@example.com"}}, "uri", id="no uri"),
        pytest.param({"payload": {"uri": "x"}}, "without an event", id="no event"),
        pytest.param({"event": "invitee.created", "payload": {"event": {}, "invitee": {}}}, "2021", id="the first API"),
    ],
)
def test_what_cannot_be_read_says_why(document, why):
    with pytest.raises(Unreadable, match=why):
        parsed(document)


def checked(peer: Peer, *answers: tuple[str, str]) -> list[tuple[str, bool, str]]:
    """What a check finds when Calendly answers this, one after the other."""
    waiting = iter(answers)

    def say(connection: Any) -> None:
        status, body = next(waiting)
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())

    peer.say = say
    assert ADAPTER.connect is not None
    assert ADAPTER.check is not None
    client = ADAPTER.connect(Account({"access_token": "tok"}, peer.url, Http(allow_private=True)))
    return [(one.capability, one.works, one.advice) for one in ADAPTER.check(client)]


ME = ("200 OK", json.dumps({"resource": {"current_organization": "https://api.calendly.com/organizations/O"}}))


def test_check_tells_of_a_webhook_that_calendly_switched_off(peer):
    hooks = [
        {"callback_url": "https://hub.example.com/webhooks/calendly/secret", "state": "active"},
        {"callback_url": "https://old.example.com/x", "state": "disabled"},
    ]
    found = checked(peer, ME, ("200 OK", json.dumps({"collection": hooks})))
    assert [works for _, works, _ in found] == [True, False]
    assert "secret" not in str(found)
    assert b"Bearer tok" in peer.heard[0]
    assert b"organization=https%3A%2F%2Fapi.calendly.com%2Forganizations%2FO" in peer.heard[1]


@pytest.mark.parametrize(
    ("answers", "advice"),
    [
        pytest.param([("401 No", "{}")], "make a new one", id="a token that is refused"),
        pytest.param([ME, ("403 No", "{}")], "paid plan", id="a plan without webhooks"),
        pytest.param([ME, ("200 OK", '{"collection": []}')], "README", id="no webhook"),
        pytest.param([("200 OK", "[]")], "BadAnswer", id="something else"),
    ],
)
def test_check_says_what_to_do(peer, answers, advice):
    ((_, works, said),) = checked(peer, *answers)
    assert not works
    assert advice in said


def test_time_of_a_webhook_that_says_none_is_when_it_came():
    (event,) = parsed({"event": "user.created", "payload": {"uri": "https://api.calendly.com/users/U"}})
    assert (event.type, event.occurred_at) == ("unknown", NOW)
