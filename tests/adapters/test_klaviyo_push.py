"""What Klaviyo is asked to do, by its own SDK, and what its answers mean.

Catalogue: I2 and I6 (consent), J6 (channels), M2 (out), N3 (few calls), N4 (answers that are none).
"""

from typing import Any

import pytest

from adapters.contract import Again, BatchRefused, ConnectionRefused, Done, Refused, RetryLater, Unknown
from adapters.klaviyo import ADAPTER
from adapters.sandbox.server import Server
from app.contacts.action import (
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    Suppress,
    TrackEvent,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import Grant
from tests.adapters.making import NOW, client_of, delivery, push

ANN, PHONE = "ann@example.com", "+12025550123"
UPSERT, IMPORT = "/api/profile-import", "/api/profile-bulk-import-jobs"


@pytest.fixture
def client(vendors: Server) -> Any:
    return client_of(ADAPTER, vendors)


@pytest.fixture
def ann(vendors: Server) -> str:
    """The id of a profile that Klaviyo has."""
    return vendors.klaviyo.act("create_profile", email=ANN)


def write(client: Any, *deliveries: Any) -> list[Any]:
    return list(push(ADAPTER, client, *deliveries))


def profile(to: dict[str, str], **properties: Any) -> Any:
    named = {name.replace("__", "."): value for name, value in properties.items()}
    return delivery(UpsertContact(properties=named), **to)


def message(to: dict[str, str] | None = None, **properties: Any) -> Any:
    action = SendMessage(message="Pricing follow-up", rule="r", occurred_at=NOW, properties=properties)
    return delivery(action, **({"email": ANN} if to is None else to))


def paths(vendors: Server) -> list[str]:
    return [f"{call.method} {call.path}" for call in vendors.called("klaviyo")]


# Profiles -------------------------------------------------------------------------------------------------------------


def test_one_profile_is_upserted_and_answers_with_its_id(vendors, client):
    (done,) = write(client, profile({"email": ANN}, first_name="Ann", location__city="Berlin", properties__score=7))
    held = vendors.klaviyo.profile(ANN)
    assert done == Done(vendor_id=held.id, told={"first_name": "Ann", "location.city": "Berlin", "properties.score": 7})
    assert held.attributes["location"]["city"] == "Berlin"
    assert held.attributes["properties"]["score"] == 7
    assert paths(vendors) == [f"POST {UPSERT}"]


def test_profile_that_klaviyo_knows_is_named_by_its_id_alone(vendors, client, ann):
    (done,) = write(client, profile({"vendor_id": ann, "email": ANN, "phone": PHONE}, first_name="Ann"))
    (call,) = vendors.called("klaviyo")
    assert call.body["data"] == {"type": "profile", "id": ann, "attributes": {"first_name": "Ann"}}
    assert done.vendor_id == ann


def test_many_profiles_are_one_import(vendors, client):
    people = [profile({"email": f"p{n}@example.com"}, first_name=f"P{n}") for n in range(300)]
    outcomes = write(client, *people)
    assert len(vendors.called("klaviyo")) == 1
    assert all(isinstance(one, Done) and one.note.startswith("import job ") for one in outcomes)
    vendors.klaviyo.settle()
    assert vendors.klaviyo.profile("p299@example.com").attributes["first_name"] == "P299"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        pytest.param({"email": ANN}, {"email": "ben@example.com"}, True, id="known by their addresses"),
        pytest.param({"email": ANN, "vendor_id": "1"}, {"email": "ben@example.com"}, True, id="and one by its id too"),
        pytest.param({"vendor_id": "1"}, {"vendor_id": "2"}, False, id="known by their ids alone"),
    ],
)
def test_import_takes_those_who_have_an_address(one, other, together):
    group = ADAPTER.pushes[UpsertContact].group
    assert (group(profile(one)) == group(profile(other))) is together


def test_change_of_address_goes_by_id_and_alone():
    group = ADAPTER.pushes[UpsertContact].group
    moves = profile({"email": ANN, "vendor_id": "1"}, email="new@example.com")
    assert group(moves) != group(profile({"email": ANN, "vendor_id": "2"}))


@pytest.mark.parametrize(
    ("properties", "sent"),
    [
        pytest.param({"phone_number": "030 1234"}, {}, id="a phone that is not E.164 is left out"),
        pytest.param({"phone_number": "+1 202-555-0123"}, {"phone_number": PHONE}, id="one that can be is made so"),
        pytest.param({"phone_number": ""}, {"phone_number": None}, id="an emptied phone is cleared"),
        pytest.param({"organization": ""}, {"organization": None}, id="an emptied field is cleared"),
        pytest.param({"properties__ok": False}, {"properties": {"ok": False}}, id="no is a value"),
        pytest.param({"properties__n": 0}, {"properties": {"n": 0}}, id="zero is a value"),
        pytest.param(
            {"location__city": "Bonn", "location__zip": "1"}, {"location": {"city": "Bonn", "zip": "1"}}, id="a place"
        ),
    ],
)
def test_properties_are_sent_in_klaviyos_form(vendors, client, ann, properties, sent):
    write(client, profile({"vendor_id": ann}, **properties))
    (call,) = vendors.called("klaviyo")
    assert call.body["data"]["attributes"] == sent


def test_address_and_phone_of_two_profiles_are_for_a_person_to_decide(vendors, client, ann):
    vendors.klaviyo.act("create_profile", phone_number=PHONE)
    (refused,) = write(client, profile({"vendor_id": ann}, phone_number=PHONE))
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("409: two Klaviyo profiles share these identifiers")
    assert len(vendors.called("klaviyo")) == 1


# Events ---------------------------------------------------------------------------------------------------------------


def test_message_is_an_event_that_a_flow_starts_on(vendors, client, ann):
    wanted = message(path="/pricing")
    assert write(client, wanted) == [Done()]
    (event,) = vendors.klaviyo.happened("Baton: Pricing follow-up", ANN)
    assert event.properties["path"] == "/pricing"
    assert event.properties["baton_key"] == wanted.key
    assert event.timestamp == int(NOW.timestamp())


def test_event_is_stored_once_however_often_it_is_sent(vendors, client, ann):
    wanted = message()
    assert ADAPTER.pushes[SendMessage].again is Again.SAFE
    assert write(client, wanted) + write(client, wanted) == [Done(), Done()]
    (call, again) = vendors.called("klaviyo")
    assert call.body["data"]["attributes"]["unique_id"] == f"baton-{wanted.key}"
    assert call.body == again.body
    assert len(vendors.klaviyo.happened("Baton: Pricing follow-up")) == 1


def test_two_messages_of_one_second_are_both_stored(vendors, client, ann):
    for wanted in (message(), message()):
        write(client, wanted)
    assert len(vendors.klaviyo.happened("Baton: Pricing follow-up")) == 2


@pytest.mark.parametrize(
    ("to", "who"),
    [
        pytest.param({"vendor_id": "ID", "email": ANN, "phone": PHONE}, {"id": "ID"}, id="by id"),
        pytest.param({"email": ANN, "phone": PHONE}, {"email": ANN}, id="by address"),
        pytest.param({"phone": "+1 202-555-0123"}, {"phone_number": PHONE}, id="by phone"),
    ],
)
def test_event_names_its_profile_once_and_writes_nothing_to_it(vendors, client, ann, to, who):
    to = {name: ann if value == "ID" else value for name, value in to.items()}
    write(client, message(to))
    (call,) = vendors.called("klaviyo")
    sent = call.body["data"]["attributes"]["profile"]["data"]
    named = {key: value for key, value in {"id": sent.get("id"), **sent["attributes"]}.items() if value is not None}
    assert named == {name: ann if value == "ID" else value for name, value in who.items()}


@pytest.mark.parametrize("to", [{}, {"phone": "030 1234"}, {"external_id": "7"}])
def test_event_for_nobody_is_refused_unsent(vendors, client, to):
    assert isinstance(write(client, message(to))[0], Refused)
    assert not vendors.called("klaviyo")


def test_event_without_a_message_is_recorded_alike(vendors, client, ann):
    action = TrackEvent(name="Became MQL", occurred_at=NOW, properties={"score": 52})
    assert write(client, delivery(action, vendor_id=ann)) == [Done()]
    assert vendors.klaviyo.happened("Baton: Became MQL")[0].properties["score"] == 52


# Consent --------------------------------------------------------------------------------------------------------------

YES = Grant(NOW, "3", True, "form")


def test_opt_out_is_one_of_the_whole_channel(vendors, client, ann):
    vendors.klaviyo.act("subscribe", profile=ann)
    assert write(client, delivery(Unsubscribe(), email=ANN)) == [Done()]
    (call,) = vendors.called("klaviyo")
    assert "relationships" not in call.body["data"], "a list would make it less, or more, than was said"
    vendors.klaviyo.settle()
    assert vendors.klaviyo.profile(ann).email.consent == "UNSUBSCRIBED"


def test_opt_outs_of_a_channel_leave_together_and_those_without_an_address_are_refused(vendors, client):
    people = [delivery(Unsubscribe(), email=f"p{n}@example.com") for n in range(99)]
    outcomes = write(client, *people, delivery(Unsubscribe(), phone=PHONE))
    assert outcomes[:99] == [Done()] * 99
    assert outcomes[99] == Refused(reason="Klaviyo stops email by address, and none is known")
    assert len(vendors.called("klaviyo")) == 1
    group = ADAPTER.pushes[Unsubscribe].group
    assert group(people[0]) != group(delivery(Unsubscribe(channel="sms"), phone=PHONE))


def test_opt_out_of_texts_goes_by_phone(vendors, client):
    assert write(client, delivery(Unsubscribe(channel="sms"), phone="+1 202-555-0123", email=ANN)) == [Done()]
    (call,) = vendors.called("klaviyo")
    (sent,) = call.body["data"]["attributes"]["profiles"]["data"]
    assert sent["attributes"]["phone_number"] == PHONE
    assert "email" not in sent["attributes"]


def test_suppression_stops_mail_whatever_the_consent(vendors, client, ann):
    vendors.klaviyo.act("subscribe", profile=ann)
    outcomes = write(client, delivery(Suppress(reason="bounces"), email=ANN), delivery(Suppress(), phone=PHONE))
    assert outcomes == [Done(), Refused(reason="no e-mail address to suppress")]
    vendors.klaviyo.settle()
    held = vendors.klaviyo.profile(ann)
    assert [one["reason"] for one in held.email.suppression] == ["USER_SUPPRESSED"]
    assert not held.can_receive_email


def test_persons_own_yes_subscribes_them_to_the_list_and_lifts_what_it_may(vendors, client, ann):
    number = next(iter(vendors.klaviyo.lists))
    vendors.klaviyo.act("unsubscribe", profile=ann)
    assert write(client, delivery(Subscribe(grant=YES, list=number), email=ANN, vendor_id=ann)) == [Done()]
    (call,) = vendors.called("klaviyo")
    assert call.body["data"]["attributes"]["custom_source"] == "Baton: form"
    assert call.body["data"]["relationships"]["list"]["data"]["id"] == number
    vendors.klaviyo.settle()
    assert vendors.klaviyo.profile(ann).email.consent == "SUBSCRIBED"
    assert ann in vendors.klaviyo.lists[number]["members"]


def test_yes_without_a_list_names_none(vendors, client, ann):
    write(client, delivery(Subscribe(grant=YES), email=ANN))
    (call,) = vendors.called("klaviyo")
    assert "relationships" not in call.body["data"]


def test_yes_needs_an_address(client):
    (refused,) = write(client, delivery(Subscribe(grant=YES, channel="sms"), email=ANN))
    assert refused == Refused(reason="Klaviyo subscribes to sms by address, and none is known")


def test_only_subscribing_can_lift_anything(vendors, client, ann):
    """Every other write leaves the opt-out as it is."""
    number = next(iter(vendors.klaviyo.lists))
    vendors.klaviyo.act("unsubscribe", profile=ann)
    vendors.klaviyo.act("suppress", profile=ann)
    for wanted in (
        profile({"email": ANN, "vendor_id": ann}, first_name="Ann"),
        message({"vendor_id": ann}),
        delivery(JoinList(list=number, rule="r", occurred_at=NOW), vendor_id=ann),
        delivery(Suppress(), email=ANN),
        delivery(Unsubscribe(), email=ANN),
    ):
        write(client, wanted)
    write(client, profile({"email": ANN}, first_name="A"), profile({"email": "ben@example.com"}, first_name="B"))
    vendors.klaviyo.settle()
    held = vendors.klaviyo.profile(ann)
    assert held.email.consent == "UNSUBSCRIBED"
    assert "USER_SUPPRESSED" in {one["reason"] for one in held.email.suppression}
    assert not held.can_receive_email


@pytest.mark.parametrize(
    ("action", "can"),
    [
        pytest.param(Subscribe(grant=YES), True, id="a yes to e-mail"),
        pytest.param(Subscribe(grant=YES, channel="sms"), True, id="a yes to texts"),
        pytest.param(Subscribe(grant=YES, channel="push"), False, id="a yes to push"),
        pytest.param(Subscribe(grant=YES, purpose="events"), False, id="a narrower yes"),
        pytest.param(Unsubscribe(), True, id="a no"),
        pytest.param(Unsubscribe(purpose="events"), True, id="a narrower no stops the channel"),
        pytest.param(Unsubscribe(channel="push"), False, id="a no to push"),
    ],
)
def test_what_klaviyo_can_be_told_of_consent(action, can):
    assert ADAPTER.pushes[type(action)].accepts(action, {}) is can


# Lists ----------------------------------------------------------------------------------------------------------------


def test_list_is_joined_and_left_without_touching_consent(vendors, client, ann):
    number = next(iter(vendors.klaviyo.lists))
    join = JoinList(list=number, rule="r", occurred_at=NOW)
    outcomes = write(client, delivery(join, vendor_id=ann), delivery(join, email="ben@example.com"))
    assert outcomes[0] == Done()
    assert isinstance(outcomes[1], RetryLater | Refused), "lists are changed by profile id"
    assert ann in vendors.klaviyo.lists[number]["members"]
    assert write(client, delivery(LeaveList(list=number), vendor_id=ann)) == [Done()]
    assert ann not in vendors.klaviyo.lists[number]["members"]
    assert vendors.klaviyo.profile(ann).email.consent == "NEVER_SUBSCRIBED"


def test_list_that_klaviyo_does_not_have_is_a_refusal(client, ann):
    (refused,) = write(client, delivery(LeaveList(list="XXXXXX"), vendor_id=ann))
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("404")


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param("429", RetryLater, id="too many calls"),
        pytest.param("500", Unknown, id="broken"),
        pytest.param("502", Unknown, id="broken in front"),
        pytest.param("503", Unknown, id="away"),
        pytest.param("400", Refused, id="refused"),
        pytest.param("html200", Unknown, id="a web page that says 200"),
        pytest.param("empty200", Unknown, id="nothing that says 200"),
        pytest.param("error200", Unknown, id="an error that says 200"),
        pytest.param("drop", Unknown, id="no answer"),
        pytest.param("reset", Unknown, id="a connection cut"),
        pytest.param("done_then_drop", Unknown, id="done, and no answer"),
    ],
)
@pytest.mark.parametrize("make", [lambda: profile({"email": ANN}, first_name="Ann"), message], ids=["profile", "event"])
def test_answer_decides_what_becomes_of_it(vendors, client, make, fault, outcome):
    vendors.klaviyo.fault(fault)
    (made,) = write(client, make())
    assert isinstance(made, outcome)
    assert len(vendors.called("klaviyo")) == 1, "the SDK tried again by itself"


@pytest.mark.parametrize("fault", ["empty200", "garbage", "half"])
@pytest.mark.parametrize("many", [1, 2])
def test_success_without_the_answer_that_belongs_to_it_is_unknown(vendors, client, fault, many):
    vendors.klaviyo.fault(fault)
    outcomes = write(client, *(profile({"email": f"p{n}@example.com"}, first_name="Ann") for n in range(many)))
    assert [type(one) for one in outcomes] == [Unknown] * many


@pytest.mark.parametrize("fault", ["401", "403"])
def test_refused_key_stops_the_connection(vendors, client, fault):
    vendors.klaviyo.fault(fault)
    with pytest.raises(ConnectionRefused, match=fault):
        write(client, message())


def test_import_that_is_refused_whole_is_given_back_to_be_halved(vendors, client):
    people = [profile({"email": f"p{n}@example.com"}, first_name="A") for n in range(2)]
    vendors.klaviyo.fault("400", message="one of these is wrong")
    with pytest.raises(BatchRefused, match="one of these is wrong"):
        write(client, *people)


@pytest.mark.parametrize(("said", "after"), [(7, 7.0), ("soon", None), ("1.5", 1.5), ("-1", None)])
def test_wait_that_klaviyo_asks_for_is_passed_on(vendors, client, said, after):
    vendors.klaviyo.fault("429", retry_after=said)
    (later,) = write(client, message())
    assert isinstance(later, RetryLater)
    assert later.after == after


def test_newest_revision_is_asked_for_and_no_older_one_taken(vendors, client):
    write(client, message())
    (call,) = vendors.called("klaviyo")
    assert call.headers["revision"] == "2026-10-15"
    assert call.headers["x-klaviyo-revision-fall-forward-opt-out"] == "1"
