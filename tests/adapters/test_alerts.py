"""Telling people through Apprise. Catalogue: G2 (the alert of a handoff), N4."""

from types import SimpleNamespace

import pytest
import requests
import responses

from adapters.alerts import ADAPTER
from adapters.alerts.push import alert, check, connect
from adapters.contract import Account, ConnectionRefused, Delivery, Done, Recipient, RetryLater
from app.contacts.action import Alert

HOOK = "https://hooks.example.com/sales"
CHAT = "https://chat.example.com/room"
TOLD = Delivery(
    id=1, key="k", action=Alert(title="Handoff: Ann Lee", body="On the pricing page"), to=Recipient(contact_id=1)
)


def client(urls: str, allow_private: bool = True):
    return connect(Account(settings={"urls": urls}, base_url="", http=SimpleNamespace(allow_private=allow_private)))


def jsons(*urls: str) -> str:
    return " ".join(url.replace("https", "jsons") for url in urls)


@responses.activate
def test_everybody_is_told_who_and_why():
    responses.post(HOOK)
    responses.post(CHAT)
    (outcome,) = alert(client(jsons(HOOK, CHAT)), [TOLD])
    assert outcome == Done(note="told by jsons, jsons")
    for call in responses.calls:
        said = call.request.body if isinstance(call.request.body, str) else call.request.body.decode()
        assert "Handoff: Ann Lee" in said
        assert "On the pricing page" in said


@responses.activate
def test_one_who_was_told_is_enough():
    responses.post(HOOK, status=500)
    responses.post(CHAT)
    (outcome,) = alert(client(jsons(HOOK, CHAT)), [TOLD])
    assert outcome == Done(note="told by jsons; not by jsons")


@responses.activate
@pytest.mark.parametrize(
    "answer",
    [{"status": 404}, {"status": 503}, {"body": requests.Timeout("late")}, {"body": requests.ConnectionError("gone")}],
    ids=["not found", "unavailable", "time-out", "connection lost"],
)
def test_when_nobody_could_be_told_it_is_tried_again(answer):
    responses.post(HOOK, **answer)
    (outcome,) = alert(client(jsons(HOOK)), [TOLD])
    assert outcome == RetryLater(reason="could not be told by jsons")


@pytest.mark.parametrize("url", ["dbus://", "syslog://", "windows://", "macosx://", "nothing://at.all", "just words"])
def test_what_is_no_address_of_people_is_refused(url):
    with pytest.raises(ConnectionRefused, match="no address that alerts can go to"):
        alert(client(url), [TOLD])


@responses.activate
@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "[::1]", "localhost"])
def test_private_addresses_are_refused_unless_allowed(host):
    with pytest.raises(ConnectionRefused):
        alert(client(f"json://{host}/hook", allow_private=False), [TOLD])
    assert not responses.calls


@responses.activate
def test_a_check_tells_nobody():
    (works,) = check(client(jsons(HOOK)))
    assert (works.capability, works.works) == ("Alert by jsons", True)
    (broken,) = check(client("nothing://at.all"))
    assert not broken.works
    assert not responses.calls


def test_the_addresses_are_secret():
    (urls,) = ADAPTER.settings
    assert (urls.name, urls.secret, urls.required) == ("urls", True, True)
