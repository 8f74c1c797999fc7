"""Drip: what its webhooks mean, and what it takes from Baton. Catalogue: A3, I2, I6, M5, M7."""

import json
from typing import Any

import pytest

from adapters.contract import ConnectionRefused, Done, Refused, RetryLater, Unknown, Unreadable
from adapters.drip.client import ADDED
from adapters.registry import adapters
from app.contacts.action import (
    Erase,
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
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived, client_of, delivery, push

ADAPTER = adapters()["drip"]
TOM = "tom@example.com"
YES = Subscribe(grant=Grant(NOW, "1", by_person=True, method="form", proof={"text": "Yes, send me news"}))


def parsed(document: Any) -> list[Any]:
    assert ADAPTER.parse is not None
    return list(ADAPTER.parse(arrived(json.dumps(document).encode()), mapping_file("drip.yaml")))


def told(event: str = "subscriber.applied_tag", at: str = "2026-03-10T08:00:00Z", **properties: Any) -> dict[str, Any]:
    person = {"id": "s1", "email": TOM}
    return {"event": event, "data": {"subscriber": person, "properties": properties}, "occurred_at": at}


def test_repeat_is_known_by_what_happened_to_whom_when_and_how():
    keys = [
        parsed(one)[0].source_key
        for one in (told(tag="a"), told(tag="a"), told(tag="b"), told(at="2026-03-10T08:00:01Z", tag="a"))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("event", "told_", "kind"),
    [
        ("subscriber.performed_custom_event", {"action": "Suppressed"}, "custom:drip_event"),
        ("subscriber.performed_custom_event", {"action": "Bought!"}, "custom:bought"),
        ("subscriber.performed_custom_event", {"action": "Bought!", "baton_key": "k"}, "unknown"),
        ("subscriber.became_lead", {}, "custom:became_lead"),
    ],
)
def test_event_of_a_teams_own_is_custom_and_our_own_is_an_echo(event, told_, kind):
    assert parsed(told(event, **told_))[0].type == kind


@pytest.mark.parametrize(
    "document",
    [[], {}, {"event": "subscriber.created"}, {**told(), "event": "account.created"}, told(at="soon")],
    ids=["a list", "nothing", "no subscriber", "another's", "no time"],
)
def test_what_cannot_be_read_is_parked(document):
    with pytest.raises(Unreadable):
        parsed(document)


@pytest.fixture
def account(vendors: Any) -> Any:
    return vendors.vendors["drip"]


@pytest.fixture
def drip(vendors: Any, account: Any) -> Any:
    return client_of(ADAPTER, vendors, api_key="token", account_id="9999999")


def upsert(address: str = TOM, number: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=address, vendor_id=number)


def test_profile_makes_nobody_active_and_takes_nobody_back(account, drip):
    (outcome,) = push(ADAPTER, drip, upsert(email=TOM, first_name="Tom", **{"custom_fields.company": "Acme"}))
    held = account.subscribers[TOM]
    assert outcome.vendor_id == held["id"]
    assert (held["status"], held["first_name"], held["custom_fields"]) == (
        "unsubscribed",
        "Tom",
        {"company": "Acme", ADDED: held["custom_fields"][ADDED]},
    )
    account.act("sign_up", email="kim@example.com")
    account.act("unsubscribe", email="kim@example.com")
    push(ADAPTER, drip, upsert("kim@example.com", first_name="Kim"))
    assert account.subscribers["kim@example.com"]["status"] == "unsubscribed"


def test_many_profiles_leave_in_one_call_and_whoever_has_no_address_is_left_out(vendors, account, drip):
    people = [upsert(f"p{number}@example.com" if number else "", first_name="P") for number in range(20)]
    outcomes = push(ADAPTER, drip, *people)
    assert [type(outcome) for outcome in outcomes] == [Refused, *[Done] * 19]
    assert {held["status"] for held in account.subscribers.values()} == {"unsubscribed"}
    assert [call.path for call in vendors.called("drip")] == ["/v2/9999999/subscribers/batches"]


@pytest.mark.parametrize("action", [Unsubscribe(), Suppress(reason="bounces")])
def test_opt_out_elsewhere_stops_all_mail_and_spends_no_batch(vendors, account, drip, action):
    account.act("sign_up", email=TOM)
    assert push(ADAPTER, drip, delivery(action, email=TOM)) == [Done()]
    assert push(ADAPTER, drip, delivery(action, email="kim@example.com")) == [Done(note="Drip has no such subscriber")]
    assert {one["email"]: one["status"] for one in account.subscribers.values()} == {TOM: "unsubscribed"}
    assert not [call for call in vendors.called("drip") if "batches" in call.path]


def test_batches_have_a_limit_of_their_own():
    per_hour = {limit.name: limit.calls * 3_600 / limit.seconds for limit in ADAPTER.limits}
    assert per_hour["batches"] <= 50
    spending = {action for action, one in ADAPTER.pushes.items() if "batches" in one.limits}
    assert spending == {action for action, one in ADAPTER.pushes.items() if one.batch > 1}


def test_opt_out_reaches_the_subscriber_that_still_has_the_old_address(vendors, account, drip):
    number = account.act("sign_up", email="tom.old@example.com")
    account.act("sign_up", email=TOM)
    assert push(ADAPTER, drip, delivery(Unsubscribe(), email=TOM, vendor_id=number)) == [Done()]
    assert {one["status"] for one in account.subscribers.values()} == {"unsubscribed"}
    before = len(vendors.called("drip"))
    push(ADAPTER, drip, delivery(Unsubscribe(), email="tom.old@example.com", vendor_id=number))
    assert len(vendors.called("drip")) == before + 1


@pytest.mark.parametrize("others", [0, 12], ids=["alone", "in a batch"])
def test_address_that_changed_moves_the_subscriber_instead_of_making_another(account, drip, others):
    number = account.act("sign_up", email="tom.old@example.com")
    more = [upsert(f"p{index}@example.com", first_name="P") for index in range(others)]
    push(ADAPTER, drip, upsert(TOM, number, email=TOM, first_name="Tom"), *more)
    assert account.subscribers[TOM]["id"] == number
    assert "tom.old@example.com" not in account.subscribers


def test_yes_takes_nobody_back_who_has_left_drip_since(account, drip):
    yes = delivery(YES, email=TOM)
    account.act("sign_up", email=TOM)
    account.act("unsubscribe", email=TOM)
    (outcome,) = push(ADAPTER, drip, yes)
    assert isinstance(outcome, Refused)
    assert account.subscribers[TOM]["status"] == "unsubscribed"
    assert ADAPTER.pushes[Subscribe].find(drip, yes) is None
    account.subscribers[TOM]["unsubscribed_at"] = "2026-03-09T00:00:00Z"  # the day before they said yes
    (outcome,) = push(ADAPTER, drip, yes)
    assert isinstance(outcome, Done)
    account.subscribers[TOM]["status"] = "undeliverable"
    assert isinstance(push(ADAPTER, drip, yes)[0], Refused)


def test_whoever_baton_added_itself_has_left_nothing_until_they_do(account, drip):
    push(ADAPTER, drip, upsert(first_name="Tom"))
    yes = delivery(YES, email=TOM)
    (outcome,) = push(ADAPTER, drip, yes)
    assert (outcome.vendor_id, account.subscribers[TOM]["status"]) == (account.subscribers[TOM]["id"], "active")
    assert ADAPTER.pushes[Subscribe].find(drip, yes) == outcome
    account.act("unsubscribe", email=TOM)
    push(ADAPTER, drip, upsert(first_name="Thomas"))
    assert isinstance(push(ADAPTER, drip, yes)[0], Refused)
    (event,) = parsed({**told(), "data": {"subscriber": account.subscribers[TOM], "properties": {"tag": "a"}}})[:1]
    assert ADDED not in str(event.told)


def test_persons_own_yes_makes_them_active_with_its_proof(account, drip):
    (outcome,) = push(ADAPTER, drip, delivery(YES, email=TOM))
    assert outcome == Done(vendor_id=account.subscribers[TOM]["id"])
    held = account.subscribers[TOM]
    assert (held["status"], held["eu_consent"], held["eu_consent_message"]) == (
        "active",
        "granted",
        "Yes, send me news",
    )


def test_tags_are_drips_lists_and_events_start_its_workflows(account, drip):
    join = JoinList(list="Hot lead/1", rule="r", occurred_at=NOW)
    assert push(ADAPTER, drip, delivery(join, email=TOM)) == [Done()]
    assert account.subscribers[TOM]["tags"] == ["Hot lead/1"]
    leave = delivery(LeaveList(list="Hot lead/1"), email=TOM)
    assert push(ADAPTER, drip, leave) == [Done()]
    assert push(ADAPTER, drip, leave) == [Done(note="Drip has no such subscriber or tag")]
    message = delivery(SendMessage(message="Follow-up", rule="r", occurred_at=NOW, properties={"n": 1}), email=TOM)
    track = delivery(TrackEvent(name="Trial", occurred_at=NOW), email=TOM)
    assert push(ADAPTER, drip, message) == push(ADAPTER, drip, track) == [Done()]
    assert [event["action"] for event in account.events] == ["Follow-up", "Trial"]
    assert account.events[0]["properties"] == {"n": 1, "baton_key": message.key}


def test_person_who_is_erased_is_deleted_by_id_or_address(account, drip):
    number = account.act("sign_up", email=TOM)
    account.act("sign_up", email="kim@example.com")
    assert push(ADAPTER, drip, delivery(Erase(), email=TOM, vendor_id=number)) == [Done()]
    assert push(ADAPTER, drip, delivery(Erase(), email="kim@example.com")) == [Done()]
    assert not account.subscribers
    (outcome,) = push(ADAPTER, drip, delivery(Erase(), email=TOM))
    assert "no such" in outcome.note


@pytest.mark.parametrize(
    ("fault", "expected"), [("429", RetryLater), ("503", Unknown), ("html200", Unknown), ("done_then_drop", Unknown)]
)
def test_what_went_wrong_on_the_way(account, drip, fault, expected):
    account.fault(fault)
    (outcome,) = push(ADAPTER, drip, upsert(first_name="Tom"))
    assert isinstance(outcome, expected)


def test_refused_token_stops_the_connection_and_a_check_says_so(account, drip):
    assert ADAPTER.check is not None
    assert [one.works for one in ADAPTER.check(drip)] == [True]
    account.configure(api_key="another")
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, drip, upsert(first_name="Tom"))
    assert ADAPTER.check(drip)[0].advice == "Drip refuses the token"


def test_simulator_tells_in_drips_words(account, vendors):
    heard: list[Any] = []
    account.tell = lambda name, held, **told: heard.append((name, held["email"], told))
    account.act("sign_up", email=TOM)
    account.act("unsubscribe", email=TOM)
    assert [name for name, _, _ in heard] == ["created", "unsubscribed_all"]
    del account.tell


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("9f2c4d6e8a0b1c3d5e7f", False), ("", False), ("Bearer 9f2c", True), ("9f2c\n", True), ("schlüssel", True)],
)
def test_token_is_one_that_can_be_sent_and_an_account_is_a_number(key, wrong):
    settings = {setting.name: setting for setting in ADAPTER.settings}
    assert settings["api_key"].wrong is not None
    assert bool(settings["api_key"].wrong(key)) is wrong
    assert settings["account_id"].number
