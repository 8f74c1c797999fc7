"""Kit: signatures, what its webhooks mean, and what it takes from Baton, which a simulated account answers.

The vector was made with openssl from Kit's documented recipe, not with this code:
``printf '%s.%s' "$T" "$BODY" | openssl dgst -sha256 -hmac kit-test-secret``.

Catalogue: A1 (verify webhooks), A3 (redelivery), A6 (batches), D7 (schema), I2 (never un-suppress), I6 (spread),
M5, M7, N8.
"""

import json
from datetime import UTC, datetime, timedelta
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
    Unknown,
    Unreadable,
    Window,
)
from adapters.http import BadAnswer, Http
from adapters.kit.sandbox.edge import signature as simulated
from adapters.kit.sequences import wrong_sequences
from adapters.kit.signature import verify
from adapters.registry import adapters
from app.contacts.action import (
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    Suppress,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import Grant
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived, client_of, delivery, polled, push

ADAPTER = adapters()["kit"]
SECRET, STAMP = "kit-test-secret", "1753797130"
BODY = b'{"delivery_id":1,"events":[]}'
DIGEST = "e1ab4f4ce3da9fcb52140339581442ce06e44fc0173a25825d401cf35a67d240"
SIGNED = datetime(2025, 7, 29, 13, 52, 10, tzinfo=UTC)
ADA = "ada@example.com"
YES = Subscribe(grant=Grant(NOW, "1", by_person=True, method="form"))


def accepts(header: str = f"t={STAMP},v1={DIGEST}", body: bytes = BODY, late: float = 0, **kept: str) -> bool:
    try:
        request = arrived(body, x_kit_signature=header)
        verify(request, kept or {"signing_secret": SECRET}, SIGNED + timedelta(seconds=late))
    except InvalidSignature:
        return False
    return True


def test_vector_is_accepted_and_the_simulator_signs_alike():
    assert accepts()
    assert accepts(header=f"t={STAMP},v1={'0' * 64},v1={DIGEST}"), "Kit signs with both secrets while it rotates them"
    assert accepts(signing_secret="the next", signing_secret_previous=SECRET)
    assert simulated(SECRET, STAMP, BODY) == DIGEST


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b" "}, id="a blank more"),
        pytest.param({"header": f"t=1753797131,v1={DIGEST}"}, id="a second later"),
        pytest.param({"header": f"v1={DIGEST}"}, id="no time"),
        pytest.param({"header": DIGEST}, id="not of the form"),
        pytest.param({"late": 301}, id="too old"),
        pytest.param({"late": -301}, id="too far ahead"),
        pytest.param({"signing_secret": "another"}, id="another secret"),
        pytest.param({"api_key": "k"}, id="no secret"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


# --- what comes in


def parsed(document: Any, url: str = "https://hub.example.com/webhooks/kit", at: datetime = NOW) -> list[Any]:
    assert ADAPTER.parse is not None
    return list(ADAPTER.parse(arrived(json.dumps(document).encode(), url, at=at), mapping_file("kit.yaml")))


def event(kind: str, number: str = "e1", **data: Any) -> dict[str, Any]:
    person = {"id": 7, "first_name": "Ada", "email_address": ADA, "state": "active", "fields": {"company": "Kit"}}
    return {"id": number, "type": kind, "created": "2026-03-09T21:35:57Z", "data": {"subscriber": person, **data}}


def older(state: str = "active", **fields: str) -> dict[str, Any]:
    return {"subscriber": {"id": 7, "email_address": ADA, "state": state, "fields": fields}}


def test_event_that_comes_again_in_another_delivery_is_the_same():
    twice = [parsed({"delivery_id": number, "events": [event("subscriber.created")]})[0] for number in (1, 2)]
    assert twice[0].source_key == twice[1].source_key
    other = parsed({"delivery_id": 1, "events": [event("subscriber.created", "e2")]})[0]
    assert other.source_key != twice[0].source_key


def test_one_bad_event_of_a_delivery_is_parked_in_a_body_of_its_own():
    nobody = {"id": "e2", "type": "subscriber.created", "data": {"subscriber": {"state": "active"}}}
    items = parsed(
        {"delivery_id": 5, "events": [event("subscriber.created"), nobody, event("subscriber.bounced", "e3")]}
    )
    assert [type(item) for item in items].count(BadItem) == 1
    (bad,) = [item for item in items if isinstance(item, BadItem)]
    assert json.loads(bad.body) == {"delivery_id": 5, "events": [nobody]}
    with pytest.raises(Unreadable, match="without an e-mail"):
        parsed(json.loads(bad.body))


def test_active_in_kit_is_consent_but_no_word_of_the_persons():
    (found,) = parsed({"delivery_id": 1, "events": [event("subscriber.activated")]})
    assert (found.type, found.properties["state"]) == ("consent.changed", "granted")
    assert "by_person" not in found.properties


def test_name_that_is_batons_own_cannot_be_claimed():
    (found,) = parsed({"delivery_id": 1, "events": [event("subscriber.suppressed")]})
    assert found.type == "custom:kit_event"


@pytest.mark.parametrize(
    ("state", "query", "kind"),
    [
        ("cancelled", "", "email.unsubscribed"),
        ("bounced", "", "email.bounced"),
        ("complained", "", "email.complained"),
        ("active", "", "contact.updated"),
        ("inactive", "?event=form.submitted&form=pricing", "form.submitted"),
        ("active", "?event=tag.added&tag=Hot+lead", "tag.added"),
    ],
)
def test_webhook_of_the_older_kind_means_what_its_address_or_the_state_says(state, query, kind):
    (found,) = parsed(older(state), f"https://hub.example.com/webhooks/kit/secret{query}")
    assert found.type == kind
    assert found.properties.get("form" if "form" in query else "tag") == (
        ("pricing" if "form" in query else "Hot lead") if query else None
    )


def test_older_webhook_is_known_again_on_the_same_day_only():
    keys = [
        parsed(body, at=at)[0].source_key
        for body, at in (
            (older(company="Acme"), NOW),
            (older(company="Acme"), NOW + timedelta(hours=1)),
            (older(company="Kit"), NOW),
            (older(company="Acme"), NOW + timedelta(days=1)),
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_purchase_that_is_refunded_is_another_event():
    bought = {"id": 8, "transaction_id": "t", "email_address": ADA, "total": 21, "currency": "EUR", "status": "paid"}
    (paid,), (back,) = parsed(bought), parsed({**bought, "status": "refunded"})
    assert (paid.type, back.type, paid.properties["value"]) == ("order.placed", "order.refunded", 21)
    assert paid.source_key != back.source_key


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"subscriber": {}},
        {"events": [{"type": "subscriber.created"}]},
        {"events": [{**event("subscriber.created"), "created": "soon"}]},
        {"transaction_id": "t", "email_address": "nobody"},
    ],
    ids=["a list", "nothing", "an empty subscriber", "no id", "no time", "a purchase of nobody"],
)
def test_what_cannot_be_read_is_parked(document):
    with pytest.raises(Unreadable):
        parsed(document)


# --- what is read


def snapshot(events: list[Any], email: str) -> dict[str, Any]:
    return {event.type: event for event in events if event.identity("email") == email}


def test_polling_reads_what_subscribers_hold_and_what_their_states_say(account, kit):
    account.act("sign_up", email=ADA, form=56, first_name="Ada")
    account.act("sign_up", email="ben@example.com", form=55)
    for email, act in (
        ("cleo@example.com", "bounce"),
        ("dan@example.com", "complain"),
        ("eve@example.com", "unsubscribe"),
    ):
        account.act("sign_up", email=email, form=56)
        account.act(act, email=email)
    found = polled(ADAPTER, kit, "subscribers")
    ada = snapshot(found, ADA)
    assert ada["contact.updated"].fields["first_name"] == "Ada"
    assert ada["consent.changed"].properties["state"] == "granted"
    assert "by_person" not in ada["consent.changed"].properties
    assert ada["consent.changed"].occurred_at <= ada["contact.updated"].occurred_at
    assert set(snapshot(found, "ben@example.com")) == {"contact.updated"}, "who has not confirmed said nothing yet"
    assert snapshot(found, "cleo@example.com")["email.bounced"].properties["permanent"] is True
    assert "email.complained" in snapshot(found, "dan@example.com")
    assert set(snapshot(found, "eve@example.com")) == {"contact.updated"}
    (left,) = polled(ADAPTER, kit, "left")
    assert (left.type, left.properties["state"]) == ("consent.changed", "withdrawn")
    assert left.occurred_at.isoformat(timespec="milliseconds") == account.left[
        account.subscriber("eve@example.com")["id"]
    ].replace("Z", "+00:00")


def test_polling_goes_through_all_pages_and_reads_nobody_twice(account, kit, monkeypatch):
    monkeypatch.setattr("adapters.kit.poll.PAGE", 2)
    for number in range(5):
        account.act("sign_up", email=f"p{number}@example.com", form=56)
    read = [event.identity("email") for event in polled(ADAPTER, kit, "subscribers") if event.type == "contact.updated"]
    assert sorted(read) == [f"p{number}@example.com" for number in range(5)]


def test_polling_asks_for_whole_days_and_from_the_day_before(vendors, account, kit):
    """Kit's filter may know days only, and whether "after" means the day itself is not said."""
    stream = ADAPTER.stream("subscribers")
    assert stream.overlap == timedelta(days=1)
    upto = datetime(2026, 3, 10, 0, 5, tzinfo=UTC)
    window = Window(since=upto - stream.overlap, until=upto + stream.every)
    stream.fetch(kit, window, mapping_file("kit.yaml"))
    (call,) = vendors.called("kit")
    assert call.query["updated_after"] == ["2026-03-09"], "whatever it means, from the 10th on nothing is missed"
    assert call.query["status"] == ["all"]


@pytest.mark.parametrize(
    "answer", [{}, {"subscribers": {}}, {"subscribers": [], "pagination": {"has_next_page": True, "end_cursor": None}}]
)
def test_page_that_says_too_little_is_no_page(peer, answer):
    peer.answers(json.dumps(answer).encode(), "Content-Type: application/json")
    lone = ADAPTER.connect(Account({"api_key": "k"}, peer.url, Http(allow_private=True)))
    with pytest.raises(BadAnswer):
        ADAPTER.stream("subscribers").fetch(lone, Window(since=NOW, until=NOW), mapping_file("kit.yaml"))


def test_whoever_has_left_without_a_time_is_parked(account):
    with pytest.raises(Unreadable, match="canceled_at"):
        list(
            ADAPTER.stream("left").parse(
                arrived(b'[{"id": 1, "email_address": "a@example.com"}]'), mapping_file("kit.yaml")
            )
        )


# --- what goes out


@pytest.fixture
def account(vendors: Any) -> Any:
    return vendors.vendors["kit"]


@pytest.fixture
def kit(vendors: Any, account: Any) -> Any:
    return client_of(ADAPTER, vendors, api_key="kit-secret-key")


@pytest.fixture
def asking(vendors: Any, account: Any) -> Any:
    return client_of(ADAPTER, vendors, form="55")


def upsert(email: str = ADA, vendor_id: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=email, vendor_id=vendor_id)


def test_profile_makes_nobody_active_and_takes_nobody_back(account, kit):
    (outcome,) = push(ADAPTER, kit, upsert(email_address=ADA, first_name="Ada", **{"fields.company": "Kit"}))
    held = account.subscriber(ADA)
    assert outcome.vendor_id == str(held["id"])
    assert (held["state"], held["first_name"], held["fields"]["company"]) == ("inactive", "Ada", "Kit")
    account.act("sign_up", email="ben@example.com", form=56)
    account.act("unsubscribe", email="ben@example.com")
    push(ADAPTER, kit, upsert("ben@example.com", first_name="Ben"))
    assert account.subscriber("ben@example.com")["state"] == "cancelled"


def test_field_that_the_account_lacks_is_said_and_not_taken_for_told(account, kit):
    (outcome,) = push(ADAPTER, kit, upsert(first_name="Ada", **{"fields.shoe": "38", "fields.company": ""}))
    assert outcome.note == "Kit has no field shoe: make it there"
    assert outcome.told == {"first_name": "Ada", "fields.company": ""}


def test_address_that_changed_moves_the_subscriber_instead_of_making_another(account, kit):
    number = str(account.act("sign_up", email="old@example.com"))
    push(ADAPTER, kit, upsert(ADA, number, email_address=ADA, first_name="Ada"))
    assert [one["email_address"] for one in account.subscribers.values()] == [ADA]
    account.act("sign_up", email="new@example.com")
    (outcome,) = push(ADAPTER, kit, upsert("new@example.com", number, email_address="new@example.com"))
    assert "already been taken" in outcome.reason


def test_whom_somebody_deleted_in_kit_is_not_made_anew(account, kit):
    (outcome,) = push(ADAPTER, kit, upsert(ADA, "999", first_name="Ada"))
    assert "has deleted subscriber 999" in outcome.reason
    assert not account.subscribers


@pytest.mark.parametrize("action", [Unsubscribe(), Suppress(reason="bounces")])
def test_opt_out_elsewhere_stops_all_whom_the_person_may_be_and_makes_nobody(account, kit, action):
    assert push(ADAPTER, kit, delivery(action, email=ADA)) == [Done(note="Kit has no such subscriber")]
    assert not account.subscribers
    number = str(account.act("sign_up", email="old@example.com", form=56))
    account.act("sign_up", email=ADA, form=56)
    assert push(ADAPTER, kit, delivery(action, email=ADA, vendor_id=number)) == [Done(vendor_id=number)]
    assert {one["state"] for one in account.subscribers.values()} == {"cancelled"}


def test_complaint_in_kit_is_not_made_an_opt_out(account, kit):
    account.act("sign_up", email=ADA)
    account.act("complain", email=ADA)
    push(ADAPTER, kit, delivery(Unsubscribe(), email=ADA))
    assert account.subscriber(ADA)["state"] == "complained"


def test_persons_own_yes_makes_whoever_is_new_active(account, kit):
    (outcome,) = push(ADAPTER, kit, delivery(YES, email=ADA))
    assert (outcome.vendor_id, outcome.note) == (str(account.subscriber(ADA)["id"]), "")
    assert account.subscriber(ADA)["state"] == "active"
    assert ADAPTER.pushes[Subscribe].find(kit, delivery(YES, email=ADA)) == Done(vendor_id=outcome.vendor_id)
    assert push(ADAPTER, kit, delivery(YES, email=ADA)) == [outcome]


@pytest.mark.parametrize("left", [NOW + timedelta(seconds=1), NOW, None], ids=["since", "at once", "nobody knows"])
def test_yes_takes_nobody_back_who_has_left_kit_since(account, asking, left):
    number = account.act("sign_up", email=ADA, form=56)
    account.act("unsubscribe", email=ADA)
    account.left[number] = left and left.isoformat()
    (outcome,) = push(ADAPTER, asking, delivery(YES, email=ADA))
    assert "not surely before" in outcome.reason
    assert account.subscriber(ADA)["state"] == "cancelled"


def test_whoever_left_before_they_said_yes_is_asked_by_kit_and_not_without_a_form(account, kit, asking):
    number = account.act("sign_up", email=ADA, form=56)
    account.act("unsubscribe", email=ADA)
    account.left[number] = "2026-03-09T00:00:00Z"
    (outcome,) = push(ADAPTER, kit, delivery(YES, email=ADA))
    assert "name one in the setting form" in outcome.reason
    assert account.subscriber(ADA)["state"] == "cancelled"
    (outcome,) = push(ADAPTER, asking, delivery(YES, email=ADA))
    assert outcome == Done(vendor_id=str(number), note="Kit asks them to confirm")
    assert account.subscriber(ADA)["state"] == "inactive"
    assert ADAPTER.pushes[Subscribe].find(asking, delivery(YES, email=ADA)) is None


@pytest.mark.parametrize("state", ["bounced", "complained"])
def test_yes_leaves_alone_whom_kit_does_not_write_to(account, asking, state):
    account.act("sign_up", email=ADA)
    account.subscriber(ADA)["state"] = state
    assert push(ADAPTER, asking, delivery(YES, email=ADA)) == [Refused(reason=f"they are {state} in Kit")]
    assert account.subscriber(ADA)["state"] == state


def test_double_opt_in_asks_everybody_and_needs_a_form(vendors, account):
    asked = client_of(ADAPTER, vendors, form="55", double_opt_in="yes")
    (outcome,) = push(ADAPTER, asked, delivery(YES, email=ADA))
    assert (outcome.note, account.subscriber(ADA)["state"]) == ("Kit asks them to confirm", "inactive")
    without = client_of(ADAPTER, vendors, double_opt_in="yes")
    assert isinstance(push(ADAPTER, without, delivery(YES, email="ben@example.com"))[0], Refused)


def test_tags_are_kits_lists_and_are_made_where_they_are_missing(vendors, account, kit):
    join, leave = JoinList(list="Hot lead", rule="r", occurred_at=NOW), LeaveList(list="hot LEAD")
    assert isinstance(push(ADAPTER, kit, delivery(join, email=ADA))[0], RetryLater)
    number = account.act("sign_up", email=ADA)
    assert push(ADAPTER, kit, delivery(join, email=ADA)) == [Done()]
    assert push(ADAPTER, kit, delivery(join, email=ADA, vendor_id=str(number))) == [Done(vendor_id=str(number))]
    assert [one["name"] for one in account.tags.values()] == ["Hot lead"]
    assert list(account.tagged.values()) == [{number}]
    calls = len(vendors.called("kit"))
    assert push(ADAPTER, kit, delivery(leave, email=ADA)) == [Done()]
    assert len(vendors.called("kit")) == calls + 1, "a tag's number is known from then on"
    assert list(account.tagged.values()) == [set()]
    assert push(ADAPTER, kit, delivery(leave, email=ADA))[0].note == "Kit has no such subscriber or tag"
    assert push(ADAPTER, kit, delivery(LeaveList(list="Cold"), email=ADA)) == [Done(note="Kit has no such tag")]


def test_message_is_a_place_in_the_sequence_that_is_named_for_it(vendors, account):
    kit = client_of(ADAPTER, vendors, sequences="welcome=12, gone=99")
    accepts = ADAPTER.pushes[SendMessage].accepts
    welcome, gone, other = (SendMessage(message=name, rule="r", occurred_at=NOW) for name in ("welcome", "gone", "x"))
    assert [accepts(one, kit.settings) for one in (welcome, gone, other)] == [True, True, False]
    assert isinstance(push(ADAPTER, kit, delivery(welcome, email=ADA))[0], RetryLater)
    number = str(account.act("sign_up", email=ADA, form=56))
    for to in ({"email": ADA}, {"email": ADA, "vendor_id": number}):
        assert push(ADAPTER, kit, delivery(welcome, **to)) == [Done(vendor_id=number, note="sequence 12")]
    assert [one["number"] for one in account.places if one["kind"] == "sequence"] == ["12"]
    assert "no sequence 99" in push(ADAPTER, kit, delivery(gone, email=ADA))[0].reason
    account.act("unsubscribe", email=ADA)
    assert push(ADAPTER, kit, delivery(welcome, email=ADA)) == [
        Refused(reason="they are cancelled in Kit, which sends them nothing")
    ]
    assert [bool(wrong_sequences(text)) for text in ("welcome", "welcome=12")] == [True, False]


def test_erasure_stops_mail_and_is_left_to_a_person_since_kit_deletes_nobody(account, kit):
    assert push(ADAPTER, kit, delivery(Erase(), email=ADA)) == [Done(note="Kit has no such subscriber")]
    number = account.act("sign_up", email=ADA, form=56)
    (outcome,) = push(ADAPTER, kit, delivery(Erase(), email=ADA, vendor_id=str(number)))
    assert isinstance(outcome, Refused)
    assert f"only by hand: subscriber {number}" in outcome.reason
    assert account.subscriber(ADA)["state"] == "cancelled"


def test_whoever_has_no_address_is_refused(kit):
    for action in (UpsertContact(), Unsubscribe(), YES, LeaveList(list="x"), Erase()):
        assert isinstance(push(ADAPTER, kit, delivery(action))[0], Refused)


@pytest.mark.parametrize(
    ("fault", "expected"), [("429", RetryLater), ("500", Unknown), ("html200", Unknown), ("done_then_drop", Unknown)]
)
def test_what_went_wrong_on_the_way(account, kit, fault, expected):
    account.fault(fault)
    assert isinstance(push(ADAPTER, kit, upsert(first_name="Ada"))[0], expected)


def test_empty_answer_is_not_taken_for_a_yes(account, kit):
    account.fault("empty200")
    assert isinstance(push(ADAPTER, kit, delivery(YES, email=ADA))[0], Unknown)


def test_refused_key_stops_the_connection_and_a_check_says_so(vendors, account, kit):
    assert [one.works for one in ADAPTER.check(kit)] == [True]
    assert [one.works for one in ADAPTER.check(client_of(ADAPTER, vendors, form="55"))] == [True, True]
    assert ADAPTER.check(client_of(ADAPTER, vendors, form="57"))[1].advice == "the account has no form 57"
    account.configure(api_key="another")
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, kit, upsert(first_name="Ada"))
    assert "refuses the API key" in ADAPTER.check(kit)[0].advice
    assert "kit-secret-key" not in repr([call.shown() for call in vendors.called("kit")])


def test_fields_of_the_account_are_listed(kit):
    assert [one.name for one in ADAPTER.schema(kit)] == [
        "email_address",
        "first_name",
        "fields.last_name",
        "fields.company",
    ]


def test_rate_limit_is_below_kits():
    (limit,) = ADAPTER.limits
    assert limit.calls / limit.seconds < 2
