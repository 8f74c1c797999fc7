"""Salesforce: what it sends means, and what it takes from Baton. Catalogue: A1, A3, A6, I2, I6, M1, M5, M7."""

import base64
import json
from typing import Any

import pytest

from adapters.contract import (
    Account,
    BadItem,
    ConnectionRefused,
    Done,
    InvalidSignature,
    Refused,
    RetryLater,
    Unreadable,
)
from adapters.http import Http
from adapters.registry import adapters
from adapters.salesforce.client import Salesforce
from adapters.salesforce.names import full_id
from adapters.salesforce.sandbox.shapes import Problem
from adapters.salesforce.soap import ACK
from app.contacts.action import EnsureContact, Erase, UpsertContact
from app.contacts.event import EventType
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived, client_of, delivery, push

ADAPTER = adapters()["salesforce"]
ANN, BEN = "ann@example.com", "ben@example.com"
LEAD = "00Q5g00000AbCdEEAV"


@pytest.fixture
def org(vendors: Any) -> Any:
    return vendors.vendors["salesforce"]


@pytest.fixture
def crm(vendors: Any, org: Any) -> Any:
    return client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret-of-the-app")


def upsert(email: str = ANN, number: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=email, vendor_id=number)


def calls(vendors: Any) -> list[tuple[str, str]]:
    return [(call.method, call.path.removeprefix("/services/data/v62.0")) for call in vendors.called("salesforce")]


@pytest.mark.parametrize(
    ("said", "full"),
    [
        ("00Q5g00000AbCdE", LEAD),
        (LEAD, LEAD),
        ("001000000000Abc", "001000000000AbcAAE"),
        ("00Q5g00000AbCd", ""),
        ("00Q5g00000AbCdE!!!", ""),
        (None, ""),
        (17, ""),
    ],
)
def test_id_of_15_characters_and_the_same_of_18_are_one(said, full):
    assert full_id(said) == full


# --- what it sends


def parsed(body: Any, url: str = "https://hub.example.com/webhooks/salesforce", **settings: str) -> list[Any]:
    assert ADAPTER.parse is not None
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(ADAPTER.parse(arrived(data, url, settings=settings), mapping_file("salesforce.yaml")))


def message(*records: str) -> bytes:
    notifications = "".join(
        f'<Notification><Id>04l{number:012d}</Id><sObject xsi:type="sf:Lead">{record}</sObject></Notification>'
        for number, record in enumerate(records)
    )
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><notifications>'
        f"<OrganizationId>00D5g0000012345EAA</OrganizationId>{notifications}</notifications></e:Body></e:Envelope>"
    ).encode()


ONE = f"<sf:Id>{LEAD}</sf:Id><sf:Email>{ANN}</sf:Email><sf:Title/>"


def test_outbound_message_is_known_by_its_notification_and_one_of_another_organisation_is_parked():
    (event,) = parsed(message(ONE))
    assert (event.source_key, event.identity("salesforce")) == ("notification|04l000000000000|contact.updated", LEAD)
    assert parsed(message(ONE), organization_id="00D5g0000012345")[0].source_key == event.source_key
    with pytest.raises(Unreadable, match="not the one of this connection"):
        parsed(message(ONE), organization_id="00D5g0000099999")


def test_bad_notification_is_parked_alone_in_a_body_that_can_be_replayed():
    good, bad = parsed(message(ONE, "<sf:Id>0015g00000AccntAAB</sf:Id>"))
    assert good.type == EventType.CONTACT_UPDATED
    assert isinstance(bad, BadItem)
    with pytest.raises(Unreadable, match="Email"):
        parsed(bad.body)


CHANGED = b'{"ChangeEventHeader": {"entityName": "Lead", "recordIds": ["%s"], "commitTimestamp": "%s"}}'


@pytest.mark.parametrize(
    "body",
    [
        b"<html></html>",
        b"<a>",
        message(),
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>" * 50 + b"</a>" * 50,
        b"[]",
        b'["text"]',
        b"{}",
        b'{"Id": "00Q5g00000AbCdEEAV", "ChangeEventHeader": {}}',
        CHANGED % (b"00Q*", b"1773131400000"),
        CHANGED % (b"00Q5g00000AbCdE", b"soon"),
        b'{"attributes": {"type": "Task"}, "Id": "00T5g00000TaSkAEAV", "Status": "Completed"}',
        b'{"Id": "0065g00000OpPtyAAF", "Name": "Without a stage"}',
    ],
)
def test_what_cannot_be_read_is_parked(body):
    with pytest.raises(Unreadable):
        parsed(body)


def test_salesforce_hears_an_acknowledgement_where_it_wants_one():
    assert callable(ADAPTER.reply)
    assert ADAPTER.reply(arrived(message(ONE))) is ACK
    assert ADAPTER.reply(arrived(b'{"Id": "x"}')) is None


def test_record_that_a_flow_says_was_deleted_is_only_its_id():
    record = {"Id": LEAD, "Email": ANN, "LastModifiedDate": "2026-03-10T08:00:00Z"}
    (event,) = parsed(record, "https://hub.example.com/webhooks/salesforce?event=contact.deleted")
    assert (event.type, event.identities, event.told) == ("contact.deleted", (("salesforce", LEAD),), {})


def test_change_of_a_status_is_a_verdict_given_now_and_one_of_a_new_lead_is_not():
    header = {"entityName": "Lead", "recordIds": [LEAD], "transactionKey": "t", "commitTimestamp": 1773131400000}
    change = {"Status": "Unqualified", "Title": "CEO"}
    found = parsed({"ChangeEventHeader": {**header, "changeType": "UPDATE"}, **change})
    assert [event.type for event in found] == ["contact.updated", "sales.verdict"]
    found = parsed({"ChangeEventHeader": {**header, "changeType": "CREATE"}, **change})
    assert [event.type for event in found] == ["contact.created"]
    found = parsed({"ChangeEventHeader": {**header, "changeType": "GAP_DELETE"}})
    assert [event.type for event in found] == ["contact.deleted"]


def test_task_is_a_conversation_until_it_is_done_unless_it_is_ours():
    task = {"Id": "00T5g00000TaSkAEAV", "WhoId": LEAD, "CreatedDate": "2026-03-10T07:00:00Z"}
    ours = {**task, "Description": "Who\n\nbaton-0123456789abcdef"}
    done = {**task, "Status": "Completed", "CompletedDateTime": "2026-03-10T08:00:00Z"}
    assert [event.type for event in parsed({**task, "Status": "Not Started"})] == ["conversation.started"]
    assert parsed({**ours, "Status": "Not Started"}) == []
    assert [event.type for event in parsed(done)] == ["task.completed"]
    assert [event.type for event in parsed({**ours, **done})] == ["task.completed"]


def test_meeting_that_a_flow_tells_of_is_the_one_that_polling_finds():
    meeting = {"Id": "00U5g00000MeEtI", "WhoId": LEAD, "CreatedDate": "2026-03-10T07:00:00Z", "Subject": "Demo"}
    (booked,) = parsed({**meeting, "StartDateTime": "2026-03-12T09:00:00Z", "LastModifiedDate": "2026-03-10T07:00:00Z"})
    name = booked.properties["meeting"]
    assert (booked.type, booked.source_key) == ("meeting.booked", f"meeting|{name}|booked")
    assert booked.identity("salesforce")
    with pytest.raises(Unreadable, match="WhoId"):
        parsed({"Id": meeting["Id"], "Subject": "Demo"})
    assert parsed({**meeting, "WhoId": "0015g00000AcCoU"}) == [], "a meeting about an account is nobody's"


@pytest.mark.parametrize(
    "headers",
    [
        {"x_baton_secret": "s3cret"},
        {"authorization": "Bearer s3cret"},
        {"authorization": "Basic " + base64.b64encode(b"baton:s3cret").decode()},
        {"x_baton_secret": "older"},
    ],
)
def test_secret_in_a_header_proves_who_sends(headers):
    assert ADAPTER.verify is not None
    settings = {"webhook_secret": "s3cret", "webhook_secret_previous": "older"}
    ADAPTER.verify(arrived(b"{}", **headers), settings, NOW)
    for wrong in ({name: f"{value}=x" for name, value in headers.items()}, {}):
        with pytest.raises(InvalidSignature):
            ADAPTER.verify(arrived(b"{}", **wrong), settings, NOW)


# --- people


def test_whoever_is_new_becomes_a_lead_with_what_a_lead_must_have(org, crm):
    (outcome,) = push(ADAPTER, crm, delivery(EnsureContact(properties={"FirstName": "Ann"}), email=ANN))
    held = org.held(outcome.vendor_id)
    assert (held["FirstName"], held["LastName"], held["Company"]) == ("Ann", "[not provided]", "[not provided]")
    assert held["Email"] == ANN


def test_whoever_is_there_is_found_by_address_the_contact_before_the_lead(org, crm):
    lead, contact = org.act("add", email=ANN), org.act("add_contact", email="Ann@Example.com")
    other = org.act("add", email=BEN)
    outcomes = push(ADAPTER, crm, upsert(ANN, Title="CEO", City="Bern"), upsert(BEN, Title="CTO", City="Ulm"))
    assert [one.vendor_id for one in outcomes] == [contact, other]
    assert (org.held(contact)["Title"], org.held(contact)["MailingCity"]) == ("CEO", "Bern")
    assert (org.held(other)["Title"], org.held(other)["City"]) == ("CTO", "Ulm")
    assert org.held(lead)["Title"] is None


def test_two_hundred_leave_in_one_call_each_with_an_outcome_of_its_own(vendors, org, crm):
    known = [org.act("add", email=f"p{number}@example.com") for number in range(199)]
    gone = org.act("add", email="gone@example.com")
    org.act("delete", who=gone)
    crm.fields("Lead")
    before = len(calls(vendors))
    people = [upsert(f"p{number}@example.com", name, Title="CEO") for number, name in enumerate(known)]
    outcomes = push(ADAPTER, crm, *people, upsert("gone@example.com", gone, Title="CEO"))
    assert [type(one) for one in outcomes] == [Done] * 199 + [Refused]
    assert "ENTITY_IS_DELETED" in outcomes[-1].reason
    assert calls(vendors)[before:] == [("PATCH", "/composite/sobjects"), ("GET", "/queryAll")]


def test_lead_that_was_converted_and_a_record_that_was_merged_are_written_to_where_they_went(org, crm):
    lead, loser = org.act("add", email=ANN), org.act("add", email=BEN)
    contact = org.act("convert", email=ANN)
    winner = org.act("add", email="ben.b@example.com")
    org.act("merge", winner=winner, loser=loser)
    outcomes = push(ADAPTER, crm, upsert(ANN, lead, City="Bern"), upsert(BEN, loser, City="Ulm"))
    assert [one.vendor_id for one in outcomes] == [contact, winner]
    assert (org.held(contact)["MailingCity"], org.held(winner)["City"]) == ("Bern", "Ulm")
    assert f"{lead} is {contact} by now" in outcomes[0].note


def test_value_that_is_refused_does_not_cost_the_others(org, crm):
    lead = org.act("add", email=ANN)
    told = {"Tier__c": "lukewarm", "Title": "CEO", "Score__c": "17.5", "Unheard__c": "x", "NumberOfEmployees": 12}
    (outcome,) = push(ADAPTER, crm, upsert(ANN, lead, **told))
    held = org.held(lead)
    assert (held["Title"], held["Score__c"], held["NumberOfEmployees"], held["Tier__c"]) == ("CEO", 17.5, 12, None)
    assert outcome.told == told
    assert "Tier__c was left out" in outcome.note
    assert "Lead has no Unheard__c" in outcome.note
    (outcome,) = push(ADAPTER, crm, upsert(BEN, Tier__c="lukewarm", Title="CTO", Score__c=""))
    assert (org.held(outcome.vendor_id)["Title"], org.held(outcome.vendor_id)["Tier__c"]) == ("CTO", None)


def test_field_that_the_user_does_not_see_is_left_out_and_what_is_the_accounts_too(org, crm):
    org.configure(hidden=["Title"])
    contact = org.act("add_contact", email=ANN)
    (outcome,) = push(ADAPTER, crm, upsert(ANN, contact, Title="CEO", Company="Initech", LastName="", FirstName="Ann"))
    assert outcome == Done(vendor_id=contact, told=outcome.told, note="Contact has no Title that may be written")
    assert (org.held(contact)["FirstName"], org.held(contact)["LastName"]) == ("Ann", "Doe")
    assert org.look(org.held(contact), "Account.Name") == "Acme"


def test_lead_whose_answer_was_lost_is_found_instead_of_made_again(org, crm):
    crm.fields("Lead")
    org.fault("done_then_drop", method="POST", path="/composite/sobjects")
    one = upsert(FirstName="Ann")
    (outcome,) = push(ADAPTER, crm, one)
    assert isinstance(outcome, RetryLater)
    assert outcome.after == 60  # by then it is there, or never will be
    (outcome,) = push(ADAPTER, crm, one)
    assert [held["Id"] for held in org.records["Lead"].values()] == [outcome.vendor_id]


def test_external_id_keeps_two_writers_from_making_one_person_twice(vendors, org):
    org.configure(external_id="Baton_Id__c")
    crm = client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret", external_id="Baton_Id__c")
    (first,) = push(ADAPTER, crm, upsert(FirstName="Ann"))
    key = org.held(first.vendor_id)["Baton_Id__c"]
    org.held(first.vendor_id)["Email"] = "changed.by.a.rep@example.com"
    (second,) = push(ADAPTER, crm, upsert(FirstName="Anna"))
    assert (second.vendor_id, len(org.records["Lead"])) == (first.vendor_id, 1)
    push(ADAPTER, crm, upsert("a@example.com", first.vendor_id, Email="a@example.com"))
    assert org.held(first.vendor_id)["Baton_Id__c"] not in (key, None)


def test_duplicate_rule_leaves_it_to_a_person_unless_told_otherwise(vendors, org, crm):
    known = org.act("add", email=BEN, last_name="Lee", company="Globex")
    org.configure(duplicate_rule="warn")
    one = upsert(LastName="Lee", Company="Globex")
    (outcome,) = push(ADAPTER, crm, one)
    assert isinstance(outcome, Refused)
    assert known in outcome.reason
    saving = client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret", duplicates="save")
    assert isinstance(push(ADAPTER, saving, one)[0], Done)


def test_whoever_has_no_address_is_left_out(crm):
    outcomes = push(ADAPTER, crm, upsert("", FirstName="X"), upsert(ANN, FirstName="Ann"))
    assert [type(one) for one in outcomes] == [Refused, Done]


def test_person_who_is_erased_is_deleted_as_contact_as_lead_and_as_the_lead_that_it_was(org, crm):
    lead = org.act("add", email=ANN)
    contact = org.act("convert", email=ANN)
    again = org.act("add", email=ANN)
    (outcome,) = push(ADAPTER, crm, delivery(Erase(), email=ANN, vendor_id=lead))
    assert isinstance(outcome, Done)
    assert all(org.held(name)["IsDeleted"] for name in (lead, contact, again))
    (outcome,) = push(ADAPTER, crm, delivery(Erase(), email=ANN, vendor_id=lead))
    assert outcome.note == "Salesforce has no such person"
    assert isinstance(push(ADAPTER, crm, delivery(Erase()))[0], Refused)


# --- what goes wrong


def test_token_that_has_ended_is_renewed_and_the_call_made_again(vendors, org, crm):
    push(ADAPTER, crm, upsert(FirstName="Ann"))
    org.act("end_sessions")
    assert isinstance(push(ADAPTER, crm, upsert(FirstName="Anna"))[0], Done)
    assert calls(vendors).count(("POST", "/services/oauth2/token")) == 2


def test_refused_app_stops_the_connection(org, crm):
    org.configure(client_secret="another")
    with pytest.raises(ConnectionRefused, match="invalid_client"):
        push(ADAPTER, crm, upsert(FirstName="Ann"))


def told(peer: Any, status: int, answer: Any) -> Salesforce:
    """A client with a token, that is always answered the same."""
    body = b"gone" if answer is None else json.dumps(answer).encode()
    peer.answers(body, f"Content-Type: {'application/json' if answer else 'text/plain'}", status=f"{status} X")
    crm = Salesforce(Account({"client_id": "key"}, peer.url, Http(allow_private=True)))
    crm._token = "token"
    crm._log_in = lambda: "another"  # type: ignore[method-assign]
    return crm


@pytest.mark.parametrize(
    ("status", "code", "text", "expected", "after"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", RetryLater, 900),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", RetryLater, 15),
        (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", RetryLater, None),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights", Refused, None),
        (503, "SERVER_UNAVAILABLE", "busy", RetryLater, 60),
        (400, "MALFORMED_QUERY", "unexpected token", Refused, None),
    ],
)
def test_refusals_are_told_apart_by_their_code(peer, status, code, text, expected, after):
    (outcome,) = push(ADAPTER, told(peer, status, [{"message": text, "errorCode": code}]), upsert(FirstName="Ann"))
    assert isinstance(outcome, expected)
    assert code in outcome.reason
    assert getattr(outcome, "after", None) == after
    assert outcome.reason.startswith("429") is (code == "REQUEST_LIMIT_EXCEEDED")  # by which all others wait, too


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (403, [{"message": "The REST API is not enabled", "errorCode": "API_DISABLED_FOR_ORG"}]),
        (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]),
        (404, None),
    ],
)
def test_what_the_user_may_not_do_at_all_stops_the_connection(peer, status, answer):
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, told(peer, status, answer), upsert(FirstName="Ann"))


def test_row_that_is_locked_waits_alone(org, crm):
    lead, other = org.act("add", email=ANN), org.act("add", email=BEN)
    plain = org.change

    def locked(name: str, fields: Any, by_api: bool = False) -> Any:
        if name == lead:
            raise Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        return plain(name, fields, by_api)

    org.change = locked
    try:
        outcomes = push(ADAPTER, crm, upsert(ANN, lead, Title="CEO"), upsert(BEN, other, Title="CTO"))
    finally:
        del org.change
    assert [type(one) for one in outcomes] == [RetryLater, Done]
