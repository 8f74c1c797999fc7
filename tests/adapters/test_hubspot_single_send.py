"""One e-mail to one person through HubSpot, by its own SDK, and what its answers mean.

Catalogue: J6 (channels), N4 (answers that are none), I2 (opt-outs).
"""

from typing import Any

import pytest

from adapters.contract import Account, Again, ConnectionRefused, Done, Refused, RetryLater, Unknown
from adapters.http import Http
from adapters.hubspot import ADAPTER
from adapters.hubspot.sandbox.state import SHELL
from adapters.hubspot.single_send import email_ids
from adapters.sandbox.server import Server
from app.contacts.action import SendMessage
from app.setup import InvalidConnection, check_settings
from tests.adapters.making import NOW, Peer, client_of, delivery, push

ANN = "ann@example.com"
TEXTS = {"subject": "Which plan fits?", "body_html": "<p>Hi there,</p>", "body_text": "Hi there,", "links": {}}
MARKETING, TRANSACTIONAL = "/marketing/v4/email/single-send", "/marketing/v3/transactional/single-email/send"


@pytest.fixture
def client(vendors: Server) -> Any:
    return client_of(ADAPTER, vendors, emails=f"*={SHELL}")


def message(purpose: str = "marketing", content: str = "welcome", email: str = ANN, **more: Any) -> Any:
    action = SendMessage(
        message="Welcome", rule="r", occurred_at=NOW, content=content, purpose=purpose, properties=TEXTS, **more
    )
    return delivery(action, email=email)


def send(client: Any, one: Any = None) -> Any:
    (outcome,) = push(ADAPTER, client, one or message())
    return outcome


def test_e_mail_is_filled_with_the_texts(vendors, client):
    one = message()
    assert isinstance(send(client, one), Done)
    (call,) = vendors.called("hubspot")
    assert call.path == MARKETING
    assert call.body == {
        "emailId": SHELL,
        "message": {"to": ANN, "sendId": one.key, "cc": [], "bcc": [], "replyTo": []},
        "contactProperties": {},
        "customProperties": TEXTS,
    }
    (mail,) = vendors.hubspot.mails
    assert mail["properties"]["subject"] == "Which plan fits?"
    (shown,) = [rows for title, _, rows, _ in vendors.hubspot.overview() if title == "E-mails sent"]
    assert shown[0][1:] == [ANN, "Baton's messages", "Which plan fits?", "Hi there,"]


def test_what_is_transactional_goes_by_its_own_call_also_to_who_opted_out(vendors, client):
    vendors.hubspot.act("create_contact", email=ANN)
    vendors.hubspot.act("opt_out", contact=ANN)
    assert isinstance(send(client, message("transactional")), Done)
    assert [call.path for call in vendors.called("hubspot")] == [TRANSACTIONAL]


def test_who_opted_out_in_hubspot_is_not_sent_marketing(vendors, client):
    vendors.hubspot.act("create_contact", email=ANN)
    vendors.hubspot.act("opt_out", contact=ANN)
    words = "PREVIOUSLY_UNSUBSCRIBED_PORTAL (the person has unsubscribed from all e-mail there)"
    assert send(client) == Refused(reason=f"HubSpot did not send it: {words}")
    assert vendors.hubspot.mails == []


def test_second_try_of_one_message_sends_nothing(vendors, client):
    one = message()
    send(client, one)
    again = send(client, one)
    assert isinstance(again, Done)
    assert again.note.startswith("sent before")
    assert len(vendors.hubspot.mails) == 1
    assert ADAPTER.pushes[SendMessage].again is Again.SAFE


def test_lost_answer_is_unknown(vendors, client):
    vendors.hubspot.fault("garbage", path=MARKETING)
    assert isinstance(send(client), Unknown)


def test_missing_scope_stops_this_message_and_nothing_else(vendors, client):
    vendors.hubspot.configure(single_send=False)
    refused = send(client)
    assert isinstance(refused, Refused)
    assert "give it the scope marketing-email" in refused.reason
    assert "transactional-email" in send(client, message("transactional")).reason


def test_refused_token_stops_the_connection(vendors, client):
    vendors.hubspot.configure(token="another")
    with pytest.raises(ConnectionRefused):
        send(client)


def test_e_mail_that_hubspot_does_not_have_is_refused(vendors):
    refused = send(client_of(ADAPTER, vendors, emails="*=99"))
    assert isinstance(refused, Refused)
    assert "Email 99 does not exist" in refused.reason


def test_nobody_without_an_address_is_written_to(vendors, client):
    assert send(client, message(email="")) == Refused(reason="HubSpot sends to an e-mail address, and none is known")
    assert vendors.called("hubspot") == []


def test_e_mail_that_was_taken_out_of_the_settings_is_named(vendors):
    assert send(client_of(ADAPTER, vendors)) == Refused(reason='no e-mail is named for "welcome" in the setting emails')


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(b'{"status": "PENDING", "statusId": "s-1"}', Done, id="queued"),
        pytest.param(b'{"status": "COMPLETE", "sendResult": "QUEUED"}', Done, id="queued with a result"),
        pytest.param(b'{"status": "COMPLETE", "sendResult": "THROTTLED"}', RetryLater, id="too many"),
        pytest.param(b'{"status": "COMPLETE", "sendResult": "IDEMPOTENT_FAIL"}', Unknown, id="cannot tell"),
        pytest.param(b'{"status": "COMPLETE", "sendResult": "NON_MARKETABLE_CONTACT"}', Refused, id="no marketing"),
        pytest.param(b'{"status": "CANCELED"}', Refused, id="canceled"),
        pytest.param(b'{"status": "COMPLETE", "sendResult": "SOMETHING_NEW"}', Refused, id="a word of tomorrow"),
        pytest.param(b"{}", Unknown, id="nothing"),
        pytest.param(b"", Unknown, id="no body"),
    ],
)
def test_answers_are_what_hubspot_says_and_not_its_status_code(answer, kind):
    peer = Peer()
    try:
        peer.answers(answer)
        settings = {"access_token": "t", "emails": "*=1"}
        assert ADAPTER.connect is not None
        assert isinstance(send(ADAPTER.connect(Account(settings, peer.url, Http(allow_private=True)))), kind)
    finally:
        peer.stop()


# Which e-mail ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("emails", "one", "email"),
    [
        pytest.param("welcome=1, *=2", message(), 1, id="its own"),
        pytest.param("welcome=1, *=2", message(content="other"), 2, id="the one for all"),
        pytest.param("welcome=1", message(content="other"), None, id="none"),
        pytest.param("r=3", message(content=""), 3, id="without texts, by its rule"),
        pytest.param("*=2", message(content=""), None, id="without texts the one for all would be empty"),
        pytest.param("*=2", message(channel="sms"), None, id="no e-mail"),
        pytest.param("", message(), None, id="no setting"),
    ],
)
def test_message_goes_through_hubspot_where_an_e_mail_is_named_for_it(vendors, emails, one, email):
    assert ADAPTER.pushes[SendMessage].accepts(one.action, {"emails": emails}) is (email is not None)
    if email is not None:
        send(client_of(ADAPTER, vendors, emails=emails), one)
        assert vendors.called("hubspot")[0].body["emailId"] == email


@pytest.mark.parametrize(
    ("emails", "said"),
    [
        pytest.param("welcome", 'emails: "welcome" is not a message and the id of its e-mail', id="no id"),
        pytest.param("welcome=abc", "as in welcome=123456", id="no number"),
        pytest.param("=5", '"=5" is not a message', id="no message"),
        pytest.param("a=1, a=2", '"a" stands there twice', id="twice"),
    ],
)
def test_setting_that_cannot_be_read_is_refused_with_what_is_wrong(emails, said):
    with pytest.raises(InvalidConnection, match=said):
        check_settings("hubspot", {"emails": emails})
    check_settings("hubspot", {"emails": " welcome = 1 ,*=2, "})


def test_setting_is_read_with_blanks_and_commas_as_people_write_them():
    assert email_ids(" welcome = 1 ,*=2, ") == {"welcome": 1, "*": 2}
