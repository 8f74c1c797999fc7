"""Mailchimp: signatures, what its webhooks mean, and what it takes from Baton, which a simulated account answers.

The vector was made with openssl from Mailchimp's documented recipe, not with this code:
``printf '%s.%s' "$T" "$BODY" | openssl dgst -sha256 -hmac mailchimp-test-secret``.

Catalogue: A1 (verify webhooks), A3 (redelivery), I2 (never un-suppress), I6 (spread), M5, M7 (sandbox).
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from adapters.contract import (
    Account,
    BatchRefused,
    ConnectionRefused,
    Done,
    InvalidSignature,
    Refused,
    RetryLater,
    Underway,
    Unknown,
    Unreadable,
)
from adapters.http import Http
from adapters.mailchimp.client import wrong_key
from adapters.mailchimp.push import event_name
from adapters.mailchimp.sandbox.account import hash_of
from adapters.mailchimp.sandbox.edge import signature as simulated
from adapters.mailchimp.signature import verify
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
from tests.adapters.making import NOW, arrived, client_of, delivery, push

ADAPTER = adapters()["mailchimp"]
SECRET = "mailchimp-test-secret"
STAMP = "1741564800"
BODY = (
    b"type=unsubscribe&fired_at=2025-03-10+00%3A00%3A00&data%5Baction%5D=unsub"
    b"&data%5Bemail%5D=ann%40example.com&data%5Blist_id%5D=l1"
)
DIGEST = "4767f1cdc9abb10902e70785a19fdfa8c6fd96c2444c9bad6679d1e0815fe3ee"
SIGNED = datetime(2025, 3, 10, tzinfo=UTC)
AUDIENCE, ANN = "a1b2c3d4e5", "ann@example.com"


def accepts(signature: str | None = f"t={STAMP},v1={DIGEST}", body: bytes = BODY, late: float = 0, **kept: str) -> bool:
    headers = {} if signature is None else {"x_mailchimp_signature": signature}
    try:
        verify(arrived(body, **headers), kept or {"signing_secret": SECRET}, SIGNED + timedelta(seconds=late))
    except InvalidSignature:
        return False
    return True


def test_vector_is_accepted_and_the_simulator_signs_alike():
    assert accepts()
    assert accepts(late=299)
    assert accepts(signing_secret="the next", signing_secret_previous=SECRET)
    assert simulated(SECRET, STAMP, BODY) == DIGEST


@pytest.mark.parametrize(
    "tampered",
    [
        pytest.param({"body": BODY + b"&x=1"}, id="a field more"),
        pytest.param({"body": BODY.replace(b"%5B", b"%5b")}, id="the same form in other escapes"),
        pytest.param({"signature": f"t=1741564801,v1={DIGEST}"}, id="a second later"),
        pytest.param({"signature": f"v1={DIGEST}"}, id="no time"),
        pytest.param({"signature": f"t={STAMP},v0={DIGEST}"}, id="another kind"),
        pytest.param({"signature": None}, id="missing"),
        pytest.param({"late": 301}, id="too old"),
        pytest.param({"late": -301}, id="too far ahead"),
        pytest.param({"signing_secret": "another"}, id="another secret"),
        pytest.param({"api_key": "k-us1"}, id="no secret"),
    ],
)
def test_its_tampered_twin_is_refused(tampered):
    assert not accepts(**tampered)


# --- what comes in


def told(kind: str, **data: str) -> list[Any]:
    pairs = {"type": kind, "fired_at": "2026-03-09 21:35:57", **{f"data[{name}]": text for name, text in data.items()}}
    return parsed(urlencode(pairs).encode())


def parsed(body: bytes) -> list[Any]:
    assert ADAPTER.parse is not None
    request = arrived(body, content_type="application/x-www-form-urlencoded")
    return list(ADAPTER.parse(request, mapping_file("mailchimp.yaml")))


def test_yes_is_the_persons_own_only_where_they_signed_up_themselves():
    for more, own in (({"ip_signup": "203.0.113.30"}, True), ({"ip_opt": "203.0.113.30"}, False), ({}, False)):
        consent = next(event for event in told("subscribe", email=ANN, **more) if event.type == "consent.changed")
        assert consent.properties["by_person"] is own
        assert "203.0.113.30" not in str(consent.properties)


def test_same_event_twice_is_one_and_another_audiences_is_another():
    keys = [told("unsubscribe", email=ANN, id="m1", list_id=audience)[0].source_key for audience in ("l1", "l1", "l2")]
    assert keys[0] == keys[1] != keys[2]


def test_person_whose_address_changed_is_the_same_person():
    (event,) = told("upemail", new_email="Ann.New@example.com", old_email=ANN, new_id="n1")
    assert {identity.value for identity in event.identities if identity.kind == "email"} == {"ann.new@example.com", ANN}
    assert event.fields == {"email": "ann.new@example.com"}


@pytest.mark.parametrize("action", ["unsub", "delete"])
def test_campaign_called_spam_is_a_complaint_also_of_whom_mailchimp_takes_out_for_it(action):
    types = {event.type for event in told("unsubscribe", email=ANN, action=action, reason="abuse")}
    assert "email.complained" in types
    assert ("contact.deleted" in types) is (action == "delete")
    assert len({event.source_key for event in told("unsubscribe", email=ANN, action=action, reason="abuse")}) == len(
        types
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"type=subscribe", "data", id="no data"),
        pytest.param(b"type=subscribe&data[email]=nobody", "valid e-mail", id="no address"),
        pytest.param(b"type=subscribe&data[email]=a@example.com&fired_at=soon", "fired_at", id="no time"),
        pytest.param(b'["a"]', "form", id="no form"),
    ],
)
def test_what_cannot_be_read_says_why(body, why):
    with pytest.raises(Unreadable, match=why):
        parsed(body)


# --- what goes out


@pytest.fixture
def account(vendors: Any) -> Any:
    vendors.vendors["mailchimp"].configure(calls_per_second=1000)
    return vendors.vendors["mailchimp"]


@pytest.fixture
def mailchimp(vendors: Any, account: Any) -> Any:
    return client_of(ADAPTER, vendors, api_key="k-us6", list=AUDIENCE)


def upsert(email: str = ANN, vendor_id: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=email, vendor_id=vendor_id)


YES = Subscribe(grant=Grant(NOW, "1", by_person=True, method="form"))


def test_profile_makes_nobody_a_subscriber_and_takes_nobody_back(account, mailchimp):
    (outcome,) = push(ADAPTER, mailchimp, upsert(email_address=ANN, FNAME="Ann"))
    assert outcome == Done(vendor_id=hash_of(ANN), told={"email_address": ANN, "FNAME": "Ann"})
    assert account.member(ANN)["status"] == "transactional"
    account.act("sign_up", email="ben@example.com")
    account.act("unsubscribe", email="ben@example.com")
    push(ADAPTER, mailchimp, upsert("ben@example.com", FNAME="Ben"))
    assert account.member("ben@example.com")["status"] == "unsubscribed"
    assert account.member("ben@example.com")["merge_fields"] == {"FNAME": "Ben"}


def asked_again(mailchimp, people, outcomes):
    """What came of deliveries that a batch has taken, when it is asked with their ticket."""
    again = [replace(one, ticket=outcome.ticket) for one, outcome in zip(people, outcomes, strict=True)]
    return push(ADAPTER, mailchimp, *again)


def test_many_profiles_leave_in_one_call_and_each_learns_what_became_of_it(vendors, account, mailchimp):
    people = [upsert(f"p{number}@example.com", FNAME=f"P{number}") for number in range(20)]
    outcomes = push(ADAPTER, mailchimp, *people)
    assert {type(outcome) for outcome in outcomes} == {Underway}
    assert len(vendors.called("mailchimp")) == 1
    became = asked_again(mailchimp, people, outcomes)
    assert {outcome.vendor_id for outcome in became} == set(account.members[AUDIENCE])
    assert [outcome.told for outcome in became] == [{"FNAME": f"P{number}"} for number in range(20)]
    assert {held["status"] for held in account.members[AUDIENCE].values()} == {"transactional"}
    assert len(vendors.called("mailchimp")) == 2, "where all went well nothing has to be looked up"


def test_batch_is_asked_until_it_is_through(account, mailchimp):
    account.configure(batch_seconds=3600)
    people = [upsert(f"p{number}@example.com", FNAME="P") for number in range(6)]
    outcomes = push(ADAPTER, mailchimp, *people)
    assert asked_again(mailchimp, people, outcomes) == outcomes
    account.results = {name: (0.0, results) for name, (_, results) in account.results.items()}
    assert {type(outcome) for outcome in asked_again(mailchimp, people, outcomes)} == {Done}


def test_members_that_a_batch_could_not_write_are_refused_alone(account, mailchimp):
    """A member whose address Mailchimp takes for invented, and one that was deleted for good."""
    account.act("sign_up", email="p7@example.com")
    push(ADAPTER, mailchimp, delivery(Erase(), email="p7@example.com"))
    people = [upsert(f"p{number}@example.com", FNAME="P") for number in range(9)] + [upsert("ann@invalid", FNAME="A")]
    became = asked_again(mailchimp, people, push(ADAPTER, mailchimp, *people))
    refused = {
        one.to.email: found.reason for one, found in zip(people, became, strict=True) if isinstance(found, Refused)
    }
    assert set(refused) == {"p7@example.com", "ann@invalid"}
    assert "permanently deleted" in refused["p7@example.com"]
    assert "looks fake" in refused["ann@invalid"]
    assert sum(isinstance(found, Done) for found in became) == 8


def test_members_that_failed_in_passing_are_written_anew(account, mailchimp):
    people = [upsert(f"p{number}@example.com", FNAME="P") for number in range(6)]
    outcomes = push(ADAPTER, mailchimp, *people)
    account.members.clear()
    ((name, (through, results)),) = account.results.items()
    passing = {"status_code": 503, "response": '{"title":"Service Unavailable"}'}
    account.results[name] = (through, [{**results[0], **passing}, *results[1:]])
    account.batches[name]["errored_operations"] = 1
    assert {type(outcome) for outcome in asked_again(mailchimp, people, outcomes)} == {Done}
    assert [held["email_address"] for held in account.members[AUDIENCE].values()] == ["p0@example.com"]


def test_batch_that_is_gone_is_handed_in_anew(account, mailchimp):
    people = [upsert(f"p{number}@example.com", FNAME="P") for number in range(6)]
    outcomes = push(ADAPTER, mailchimp, *people)
    account.batches.clear()
    anew = asked_again(mailchimp, people, outcomes)
    assert {outcome.ticket for outcome in anew} == set(account.batches)
    assert {outcome.ticket for outcome in anew} != {outcome.ticket for outcome in outcomes}


@pytest.mark.parametrize("spoil", ["no file", "cut off", "fewer than failed"])
def test_results_that_cannot_be_read_say_nothing_about_anybody(account, mailchimp, spoil):
    people = [upsert("ann@invalid"), *(upsert(f"p{number}@example.com", FNAME="P") for number in range(6))]
    outcomes = push(ADAPTER, mailchimp, *people)
    if spoil == "fewer than failed":
        account.batches[outcomes[0].ticket]["errored_operations"] = 2
    else:
        account.fault("empty200" if spoil == "no file" else "half", path="/batch-results/")
    assert {type(outcome) for outcome in asked_again(mailchimp, people, outcomes)} == {Unknown}


def test_thousand_changes_cost_few_calls_and_bring_nobody_back(vendors, account, mailchimp):
    """N3. A batch says later what became of each, and it never says "subscribed"."""
    account.act("sign_up", email="p7@example.com")
    account.act("unsubscribe", email="p7@example.com")
    before = len(vendors.called("mailchimp"))
    people, size = (
        [upsert(f"p{number}@example.com", FNAME="P") for number in range(1_000)],
        ADAPTER.pushes[UpsertContact].batch,
    )
    for start in range(0, len(people), size):
        some = people[start : start + size]
        assert {type(one) for one in asked_again(mailchimp, some, push(ADAPTER, mailchimp, *some))} == {Done}
    assert len(vendors.called("mailchimp")) - before <= 20
    statuses = Counter(held["status"] for held in account.members[AUDIENCE].values())
    assert statuses == {"transactional": 999, "unsubscribed": 1}


def test_batch_leaves_out_whom_it_could_double_and_says_when_it_is_refused_as_a_whole(vendors, account, mailchimp):
    group = ADAPTER.pushes[UpsertContact].group
    moved = [upsert("new@example.com", hash_of(ANN), email_address="new@example.com") for _ in range(2)]
    assert len({group(one) for one in [upsert(FNAME="A"), upsert("b@example.com", FNAME="B"), *moved]}) == 3
    nobody = [upsert("", FNAME="P") for _ in range(6)]
    assert {type(outcome) for outcome in push(ADAPTER, mailchimp, *nobody)} == {Refused}
    assert not vendors.called("mailchimp")
    account.fault("400", message="operation 3 is no operation")
    with pytest.raises(BatchRefused, match="operation 3"):
        push(ADAPTER, mailchimp, *[upsert(f"p{number}@example.com", FNAME="P") for number in range(6)])


def test_address_that_changed_moves_the_member_instead_of_making_another(account, mailchimp):
    push(ADAPTER, mailchimp, upsert(email_address=ANN, FNAME="Ann"))
    moved = upsert("new@example.com", hash_of(ANN), email_address="new@example.com")
    (outcome,) = push(ADAPTER, mailchimp, moved)
    assert outcome.vendor_id == hash_of("new@example.com")
    assert list(account.members[AUDIENCE]) == [hash_of("new@example.com")]
    gone = upsert("x@example.com", hash_of("gone@example.com"), email_address="x@example.com")
    (outcome,) = push(ADAPTER, mailchimp, gone)
    assert outcome.vendor_id == hash_of("x@example.com")


def test_parts_of_an_address_go_where_mailchimp_wants_them(account, mailchimp):
    push(ADAPTER, mailchimp, upsert(**{"ADDRESS.addr1": "Harbour 4", "ADDRESS.city": "Leith", "NOT_THERE": "x"}))
    assert account.member(ANN)["merge_fields"] == {"ADDRESS": {"addr1": "Harbour 4", "city": "Leith"}}


@pytest.mark.parametrize("action", [Unsubscribe(), Suppress(reason="bounces")])
def test_opt_out_elsewhere_stops_the_member_and_makes_none(account, mailchimp, action):
    assert push(ADAPTER, mailchimp, delivery(action, email=ANN)) == [Done(note="not in the audience")]
    assert not account.members.get(AUDIENCE)
    account.act("sign_up", email=ANN)
    assert push(ADAPTER, mailchimp, delivery(action, email=ANN)) == [Done()]
    assert account.member(ANN)["status"] == "unsubscribed"


def test_opt_out_stops_also_the_member_that_still_has_the_old_address(account, mailchimp):
    account.act("sign_up", email=ANN)
    moved = {"email": "ann.new@example.com", "vendor_id": hash_of(ANN)}
    assert push(ADAPTER, mailchimp, delivery(Unsubscribe(), **moved)) == [Done()]
    assert account.member(ANN)["status"] == "unsubscribed"


@pytest.mark.parametrize("action", [Unsubscribe(), Erase()])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b'{"title":"Resource Not Found","status":404}', ConnectionRefused), (b"<h1>404</h1>", Refused)],
    ids=["no audience", "no Mailchimp"],
)
def test_member_is_gone_only_where_there_is_an_audience_to_be_gone_from(peer, action, answer, expected):
    peer.answers(answer, status="404 Not Found")
    assert ADAPTER.connect is not None
    client = ADAPTER.connect(Account({"api_key": "k-us6", "list": "gone"}, peer.url, Http(allow_private=True)))
    if expected is ConnectionRefused:
        with pytest.raises(ConnectionRefused, match="no such audience"):
            push(ADAPTER, client, delivery(action, email=ANN))
    else:
        assert isinstance(push(ADAPTER, client, delivery(action, email=ANN))[0], expected)


def test_persons_own_yes_subscribes_and_whom_mailchimp_will_not_take_back_it_asks(account, mailchimp):
    (outcome,) = push(ADAPTER, mailchimp, delivery(YES, email=ANN))
    assert (outcome.vendor_id, account.member(ANN)["status"]) == (hash_of(ANN), "subscribed")
    account.act("unsubscribe", email=ANN)
    (outcome,) = push(ADAPTER, mailchimp, delivery(YES, email=ANN))
    assert account.member(ANN)["status"] == "pending"
    assert "confirm" in outcome.note


def test_double_opt_in_asks_everybody(vendors, account):
    asking = client_of(ADAPTER, vendors, api_key="k-us6", list=AUDIENCE, double_opt_in="yes")
    (outcome,) = push(ADAPTER, asking, delivery(YES, email=ANN))
    assert account.member(ANN)["status"] == "pending"
    assert "confirm" in outcome.note


def test_tags_are_mailchimps_lists(account, mailchimp):
    join = JoinList(list="Hot lead", rule="r", occurred_at=NOW)
    assert isinstance(push(ADAPTER, mailchimp, delivery(join, email=ANN))[0], RetryLater)
    account.act("sign_up", email=ANN)
    assert push(ADAPTER, mailchimp, delivery(join, email=ANN)) == [Done()]
    assert account.member(ANN)["tags"] == ["Hot lead"]
    push(ADAPTER, mailchimp, delivery(LeaveList(list="Hot lead"), email=ANN))
    assert account.member(ANN)["tags"] == []


def test_message_is_an_event_or_a_step_of_a_journey(account, mailchimp):
    account.act("sign_up", email=ANN)
    said = {"score": 55, "page": "x"}
    message = SendMessage(message="Pricing: follow-up!", rule="r", occurred_at=NOW, properties=said)
    assert push(ADAPTER, mailchimp, delivery(message, email=ANN)) == [Done()]
    (event,) = account.events
    assert event == {"email": ANN, "name": "Pricing_follow-up", "properties": {"score": "55", "page": "x"}}
    step = SendMessage(message="12/345", rule="r", occurred_at=NOW)
    assert push(ADAPTER, mailchimp, delivery(step, email=ANN)) == [Done()]
    assert account.journeys == [{"journey": "12", "step": "345", "email": ANN}]


@pytest.mark.parametrize(("name", "plain"), [("Ä", "__"), ("x" * 40, "x" * 30), ("Trial: started", "Trial_started")])
def test_name_of_an_event_is_one_that_mailchimp_takes(name, plain):
    assert event_name(name) == plain


def test_whoever_has_no_address_is_refused(mailchimp):
    for action in (UpsertContact(), Unsubscribe(), YES, LeaveList(list="x")):
        (outcome,) = push(ADAPTER, mailchimp, delivery(action))
        assert isinstance(outcome, Refused)
    outcomes = push(ADAPTER, mailchimp, *[upsert(email) for email in ("", *(f"p{n}@example.com" for n in range(6)))])
    assert [type(outcome) for outcome in outcomes] == [Refused, *[Underway] * 6]


def test_person_who_is_erased_is_deleted_for_good_under_both_addresses(account, mailchimp):
    account.act("sign_up", email=ANN)
    account.act("sign_up", email="ann.new@example.com")
    gone = delivery(Erase(), email="ann.new@example.com", vendor_id=hash_of(ANN))
    assert push(ADAPTER, mailchimp, gone) == [Done()]
    assert not account.members[AUDIENCE]
    assert push(ADAPTER, mailchimp, gone) == [Done(note="Mailchimp has no such member")]
    (outcome,) = push(ADAPTER, mailchimp, upsert(FNAME="Ann"))
    assert isinstance(outcome, Refused)
    assert "Forgotten" in outcome.reason


def test_refusal_comes_with_mailchimps_words(account, mailchimp):
    (outcome,) = push(ADAPTER, mailchimp, upsert("ann@invalid"))
    assert isinstance(outcome, Refused)
    assert "looks fake or invalid" in outcome.reason


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param("429", RetryLater, id="too many at once"),
        pytest.param("503", Unknown, id="broken"),
        pytest.param("html200", Unknown, id="a web page"),
    ],
)
def test_what_went_wrong_on_the_way(account, mailchimp, fault, expected):
    account.fault(fault)
    (outcome,) = push(ADAPTER, mailchimp, upsert(FNAME="Ann"))
    assert isinstance(outcome, expected)


def test_refused_key_stops_the_connection_and_a_bare_403_only_waits(vendors, account, mailchimp, peer):
    account.configure(api_key="another-us6")
    with pytest.raises(ConnectionRefused):
        push(ADAPTER, mailchimp, upsert(FNAME="Ann"))
    peer.answers(b"", status="403 Forbidden")
    assert ADAPTER.connect is not None
    throttled = ADAPTER.connect(Account({"api_key": "k-us6", "list": AUDIENCE}, peer.url, Http(allow_private=True)))
    (outcome,) = push(ADAPTER, throttled, upsert(FNAME="Ann"))
    assert isinstance(outcome, RetryLater)
    assert outcome.after == 60


def test_check_says_what_is_missing(account, mailchimp):
    assert ADAPTER.check is not None
    assert [one.works for one in ADAPTER.check(mailchimp)] == [True, True]
    account.configure(api_key="another-us6")
    assert {one.advice for one in ADAPTER.check(mailchimp)} == {
        "Mailchimp refuses the API key: make a new one and set it"
    }


def test_audience_that_nobody_named_is_the_only_one_there_is(vendors, account):
    lone = client_of(ADAPTER, vendors, api_key="k-us6")
    with pytest.raises(ConnectionRefused, match="no audiences"):
        push(ADAPTER, lone, upsert(FNAME="Ann"))
    account.act("sign_up", email="ben@example.com", audience="only")
    push(ADAPTER, lone, upsert(FNAME="Ann"))
    assert account.member(ANN)["list_id"] == "only"
    account.act("sign_up", email="ben@example.com", audience="second")
    unsure = client_of(ADAPTER, vendors, api_key="k-us6")
    with pytest.raises(ConnectionRefused, match="2 audiences"):
        push(ADAPTER, unsure, upsert(FNAME="Ann"))


@pytest.mark.parametrize(("key", "wrong"), [("0123abc-us6", False), ("0123abc", True), ("0123abc-", True), ("", False)])
def test_api_key_names_its_data_centre(key, wrong):
    assert bool(wrong_key(key)) is wrong
