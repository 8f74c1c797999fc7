"""Telling people through Apprise. Catalogue: G2 (the alert of a handoff), N4."""

import re
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


SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
WORKFLOW = "643e69f83c8944438d68119179a10a64/triggers/manual/paths/invoke?api-version=1&sp=%2Frun&sv=1.0&sig=KODuebWb"
TEAMS = (
    f"https://prod-23.westus.logic.azure.com:443/workflows/{WORKFLOW}",
    f"https://default12.34.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/{WORKFLOW}",
)


def said_by(body: str, url: str) -> str:
    """What is posted for an alert with this text."""
    told = Delivery(id=1, key="k", action=Alert(title="Handoff: Ann", body=body), to=Recipient(contact_id=1))
    assert isinstance(alert(client(url), [told])[0], Done)
    sent = responses.calls[-1].request.body
    return sent if isinstance(sent, str) else sent.decode()


@responses.activate
def test_slack_is_told_by_the_address_it_shows_and_nobody_calls_everybody_by_a_name():
    responses.post(SLACK, body="ok")
    said = said_by("Who: Ann <!channel> & co\nhttps://hub.example.com/h/1?a=1", SLACK)
    assert "&lt;!channel&gt; &amp; co" in said
    assert "<!" not in said
    assert "https://hub.example.com/h/1?a=1" in said


@responses.activate
@pytest.mark.parametrize("url", TEAMS)
def test_teams_is_told_by_the_address_that_a_workflow_shows(url):
    responses.post(re.compile(r"https://.*/workflows/643e69f83c8944438d68119179a10a64/.*"), status=202)
    said = said_by("x" * 1_200 + "\nhttps://hub.example.com/h/1?a=1", url)
    assert '"type": "AdaptiveCard"' in said
    assert "https://hub.example.com/h/1?a=1" in said


def test_retired_connectors_of_teams_say_what_to_use_instead():
    (broken,) = check(client("msteams://a/b/c"))
    assert "workflow" in broken.advice


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
