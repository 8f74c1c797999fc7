"""Marketo: what webhooks and activities mean, and what it takes from Baton. Catalogue: A3, A5, I2, I6, M1, M5, M7."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import (
    Account,
    ConnectionRefused,
    Done,
    InvalidSignature,
    Refused,
    RetryLater,
    Unknown,
    Unreadable,
)
from adapters.http import Http
from adapters.marketo.client import Marketo, until_midnight
from adapters.registry import adapters
from app.contacts.action import (
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Suppress,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.event import Ref
from mappings.kinds import NUMBER, YES_NO
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived, client_of, delivery, polled, push, yes

ADAPTER = adapters()["marketo"]
MAPPING = mapping_file("marketo.yaml")
ANN, BEN = "ann@example.com", "ben@example.com"
URL = "https://hub.example.com/webhooks/marketo"


@pytest.fixture
def base(vendors: Any) -> Any:
    return vendors.vendors["marketo"]


@pytest.fixture
def marketo(vendors: Any, base: Any) -> Any:
    return client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret-of-it", campaigns="welcome=1012")


def upsert(address: str = ANN, number: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=address, vendor_id=number)


# --- webhooks


def parsed(document: Any, url: str = URL) -> list[Any]:
    assert ADAPTER.parse is not None
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(ADAPTER.parse(arrived(body, url, content_type="application/json"), MAPPING))


@pytest.mark.parametrize(
    "document",
    [[], {}, "text", {"lead": {"firstName": "Ann"}}, b'{"email": "ann@example.com", "title": "said "no""}'],
    ids=["a list", "nothing", "a text", "nobody", "a token that broke the JSON"],
)
def test_what_cannot_be_read_is_parked(document):
    with pytest.raises(Unreadable):
        parsed(document)


def test_template_without_a_time_is_one_a_day_and_with_one_each_its_own():
    one = {"id": 17, "email": ANN, "title": "null", "firstName": "Ann"}
    (event,) = parsed(one, f"{URL}?event=form.submitted&form=demo")
    assert (event.type, event.properties["form"]) == ("form.submitted", "demo")
    assert event.fields == {"email": ANN, "first_name": "Ann"}
    assert event.source_key == parsed(one, f"{URL}?event=form.submitted&form=demo")[0].source_key
    timed = [parsed({**one, "datetime": f"2026-03-10 09:0{n}:00"})[0].source_key for n in range(2)]
    assert len({event.source_key, *timed}) == 3


def test_secret_in_a_header_proves_who_sends():
    assert ADAPTER.verify is not None
    settings = {"webhook_secret": "s3cret", "webhook_secret_previous": "older"}
    for known in ("s3cret", "older"):
        ADAPTER.verify(arrived(b"{}", x_baton_secret=known), settings, NOW)
    for wrong in ({}, {"x_baton_secret": "another"}):
        with pytest.raises(InvalidSignature):
            ADAPTER.verify(arrived(b"{}", **wrong), settings, NOW)


# --- leads


def test_leads_are_written_by_address_and_then_by_id_each_with_an_outcome(base, marketo):
    outcomes = push(ADAPTER, marketo, upsert(ANN, firstName="Ann"), upsert("not an address", firstName="X"))
    assert [type(one) for one in outcomes] == [Done, Refused]
    assert "1003" in outcomes[1].reason
    number = outcomes[0].vendor_id
    (outcome,) = push(ADAPTER, marketo, upsert("ann.lee@example.com", number, email="ann.lee@example.com"))
    assert (outcome.vendor_id, base.leads[int(number)]["email"]) == (number, "ann.lee@example.com")
    (outcome,) = push(ADAPTER, marketo, upsert(BEN, "999999999", firstName="Ben"))
    assert "1004" in outcome.reason
    assert isinstance(push(ADAPTER, marketo, upsert("", firstName="X"))[0], Refused)


def test_three_hundred_leave_in_one_call(vendors, base, marketo):
    people = [upsert(f"p{number}@example.com", firstName="P") for number in range(300)]
    assert all(isinstance(one, Done) for one in push(ADAPTER, marketo, *people))
    assert [call.path for call in vendors.called("marketo")] == ["/identity/oauth/token", "/rest/v1/leads.json"]


def test_two_leads_of_one_address_are_left_to_a_person(base, marketo):
    base.act("add", email=ANN)
    base.act("add", email=ANN)
    (outcome,) = push(ADAPTER, marketo, upsert(firstName="Ann"))
    assert "1007" in outcome.reason


# --- consent


def test_no_and_a_bounce_mark_every_lead_that_the_person_may_be(base, marketo):
    first, second = base.act("add", email=ANN), base.act("add", email="ann.old@example.com")
    (outcome,) = push(ADAPTER, marketo, delivery(Unsubscribe(), email=ANN, vendor_id=str(second)))
    assert isinstance(outcome, Done)
    assert [base.leads[number]["unsubscribed"] for number in (first, second)] == [True, True]
    push(ADAPTER, marketo, delivery(Suppress(reason="bounces"), email=ANN))
    assert (base.leads[first]["emailInvalid"], base.leads[first]["emailInvalidCause"]) == (True, "bounces")
    assert push(ADAPTER, marketo, delivery(Unsubscribe(), email=BEN))[0].note == "Marketo has no such lead"


def test_yes_takes_nobody_back_who_may_have_left_since(base, marketo):
    number, now = base.act("add", email=ANN), datetime.now(UTC)
    assert push(ADAPTER, marketo, yes(now, ANN))[0].note == "was not unsubscribed"
    base.act("unsubscribe", email=ANN)
    assert isinstance(push(ADAPTER, marketo, yes(now - timedelta(hours=1), ANN))[0], Refused)
    assert base.leads[number]["unsubscribed"] is True
    changed, base.leads[number]["updatedAt"] = base.leads[number]["updatedAt"], None
    assert isinstance(push(ADAPTER, marketo, yes(now + timedelta(hours=1), ANN))[0], Refused)
    base.leads[number]["updatedAt"] = changed
    assert isinstance(push(ADAPTER, marketo, yes(now + timedelta(hours=1), ANN))[0], Done)
    assert base.leads[number]["unsubscribed"] is False
    base.leads[number]["emailInvalid"] = True
    assert isinstance(push(ADAPTER, marketo, yes(now + timedelta(hours=2), ANN))[0], Refused)
    assert push(ADAPTER, marketo, yes(now, BEN))[0].note == "Marketo has no such lead"


# --- lists, campaigns, erasure


def test_lists_are_joined_and_left_by_number(base, marketo):
    number = base.act("add", email=ANN)
    people = [delivery(JoinList(list="7", rule="r", occurred_at=NOW), email=email) for email in (ANN, BEN)]
    assert [type(one) for one in push(ADAPTER, marketo, *people)] == [Done, RetryLater]
    assert base.members[7] == {number}
    assert isinstance(push(ADAPTER, marketo, delivery(LeaveList(list="7"), email=ANN))[0], Done)
    assert base.members[7] == set()
    assert not ADAPTER.pushes[JoinList].accepts(JoinList(list="VIP", rule="r", occurred_at=NOW), {})


def test_message_runs_the_campaign_that_is_named_for_it(base, marketo):
    number = base.act("add", email=ANN)
    message = SendMessage(message="welcome", rule="r", occurred_at=NOW, properties={"plan": "Pro"})
    accepts = ADAPTER.pushes[SendMessage].accepts
    assert accepts(message, {"campaigns": "welcome=1012"})
    assert not accepts(message, {})
    assert isinstance(push(ADAPTER, marketo, delivery(message, email=ANN))[0], Done)
    assert base.runs == [{"campaign": 1012, "lead": number, "tokens": [{"name": "{{my.plan}}", "value": "Pro"}]}]


@pytest.mark.parametrize("fault", ["503", "html200", "done_then_drop"])
def test_message_that_was_not_asked_for_yet_is_tried_again_and_one_whose_answer_was_lost_is_not(base, marketo, fault):
    base.act("add", email=ANN)
    message = delivery(SendMessage(message="welcome", rule="r", occurred_at=NOW), email=ANN)
    for path, expected in (("/identity", RetryLater), ("/leads.json", RetryLater), ("/trigger.json", Unknown)):
        base.fault(fault, path=path)
        assert isinstance(push(ADAPTER, marketo, message)[0], expected)


def test_person_who_is_erased_is_deleted_under_id_and_address(base, marketo):
    known = base.act("add", email="ann.old@example.com")
    base.act("add", email=ANN)
    erase = delivery(Erase(), email=ANN, vendor_id=str(known))
    assert push(ADAPTER, marketo, erase) == [Done()]
    assert not base.leads
    assert push(ADAPTER, marketo, erase)[0].note == "Marketo has no such lead"
    assert isinstance(push(ADAPTER, marketo, delivery(Erase()))[0], Refused)


# --- what goes wrong, with a 200


def test_token_that_has_ended_is_renewed(vendors, base, marketo):
    push(ADAPTER, marketo, upsert(firstName="Ann"))
    base.act("end_tokens")
    assert isinstance(push(ADAPTER, marketo, upsert(firstName="Anna"))[0], Done)


def test_refused_service_stops_the_connection(vendors, base):
    base.configure(client_secret="another")
    marketo = client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret-of-it")
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, marketo, upsert(firstName="Ann"))


@pytest.mark.parametrize(
    ("code", "expected", "begins"),
    [
        ("606", RetryLater, "429"),
        ("615", RetryLater, "429"),
        ("607", RetryLater, "429"),
        ("608", RetryLater, "423"),
        ("713", RetryLater, "423"),
        ("604", Unknown, "503"),
        ("611", Unknown, "503"),
        ("709", Refused, "400"),
    ],
)
def test_refusals_are_told_apart_by_their_code(peer, code, expected, begins):
    peer.answers(
        json.dumps({"requestId": "1", "success": False, "errors": [{"code": code, "message": "no"}]}).encode(),
        "Content-Type: application/json",
    )
    marketo = Marketo(Account({}, peer.url, Http(allow_private=True)))
    marketo._token, marketo._ends = "token", float("inf")
    (outcome,) = push(ADAPTER, marketo, upsert(firstName="Ann"))
    assert isinstance(outcome, expected)
    assert outcome.reason.startswith(f"{begins}: {code}")


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 3, 10, 4, 59, tzinfo=UTC), 120),  # 23:59 in Chicago, in summer
        (datetime(2026, 1, 10, 5, 0, tzinfo=UTC), 3_660),  # 23:00, in winter
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), 88_260),  # 0:30, on a day of 25 hours
    ],
)
def test_day_of_calls_ends_at_midnight_in_chicago(now, seconds):
    assert until_midnight(now) == seconds


@pytest.mark.parametrize(("fault", "expected"), [("503", Unknown), ("html200", Unknown), ("done_then_drop", Unknown)])
def test_what_went_wrong_on_the_way(base, marketo, fault, expected):
    marketo.session()
    base.fault(fault)
    assert isinstance(push(ADAPTER, marketo, upsert(firstName="Ann"))[0], expected)


# --- polling


def test_activities_are_read_page_by_page(base, marketo):
    base.configure(page=2)
    ann, ben = base.act("add", email=ANN), base.act("add", email=BEN)
    base.act("unsubscribe", email=ANN)
    base.act("click", email=ANN)
    base.act("click", email=BEN, bot=True)
    base.act("merge", winner=ANN, loser=BEN)
    left, clicked, scanned, merged = polled(ADAPTER, marketo, "activities")
    assert (left.type, left.identities) == ("email.unsubscribed", (("marketo", str(ann)),))
    assert (clicked.type, clicked.machine, clicked.properties["message"]) == ("email.clicked", None, "Newsletter")
    assert "bot" in scanned.machine
    assert (merged.properties["survivor"], merged.properties["merged"]) == (str(ann), [str(ben)])


def test_changed_and_deleted_leads_are_read(base, marketo):
    ann = base.act("add", email=ANN, firstName="Ann", unsubscribed=True)
    ben = base.act("add", email=BEN)
    push(ADAPTER, marketo, delivery(Erase(), email=BEN))
    found = polled(ADAPTER, marketo, "leads")
    assert [event.type for event in found] == ["contact.updated", "email.unsubscribed"]
    assert (found[0].identity("marketo"), found[0].fields["first_name"]) == (str(ann), "Ann")
    (gone,) = polled(ADAPTER, marketo, "deletions")
    assert (gone.type, gone.identities) == ("contact.deleted", (("marketo", str(ben)),))
    assert ADAPTER.lookup is not None
    read = ADAPTER.lookup(marketo, [Ref("contact", str(ann)), Ref("contact", "1")], MAPPING, datetime.now(UTC))
    assert [record.identities for record in read.values()] == [(("marketo", str(ann)), ("email", ANN))]


def test_schema_and_check(base, marketo):
    assert ADAPTER.schema is not None
    assert ADAPTER.check is not None
    found = {one.name: one.kind for one in ADAPTER.schema(marketo)}
    assert (found["numberOfEmployees"], found["unsubscribed"]) == (NUMBER, YES_NO)
    assert all(one.works for one in ADAPTER.check(marketo))
