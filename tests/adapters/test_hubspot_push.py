"""What HubSpot is asked to do, by its own SDK, and what its answers mean.

Catalogue: C3 (a stage that HubSpot will not take back), G2 (task and note), G3 (the owner), I2 and I6 (consent), M1
(out), N3 (few calls), N4 (answers that are none).
"""

from typing import Any

import pytest

from adapters.contract import Again, BatchRefused, ConnectionRefused, Done, Refused, RetryLater, Unknown
from adapters.hubspot import ADAPTER
from adapters.sandbox.server import Server
from app.contacts.action import (
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    MoveStage,
    Subscribe,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import Grant
from tests.adapters.making import NOW, client_of, delivery, push

ANN = "ann@example.com"
UPSERT, UPDATE = "/batch/upsert", "/batch/update"


@pytest.fixture
def client(vendors: Server) -> Any:
    return client_of(ADAPTER, vendors, subscription_id="1")


@pytest.fixture
def ann(vendors: Server) -> str:
    """The id of a contact that HubSpot has."""
    return vendors.hubspot.act("create_contact", email=ANN)["id"]


def write(client: Any, *deliveries: Any) -> list[Any]:
    return list(push(ADAPTER, client, *deliveries))


def profile(email: str = ANN, vendor_id: str = "", **properties: Any) -> Any:
    return delivery(UpsertContact(properties=properties), email=email, vendor_id=vendor_id)


def task(**to: Any) -> Any:
    action = CreateTask(handoff=1, subject="Call Ann", body="Why now … baton-42", due_at=NOW, mark="baton-42")
    return delivery(action, **to)


def note(**to: Any) -> Any:
    return delivery(CreateNote(handoff=1, body="She asked … baton-42", at=NOW, mark="baton-42"), **to)


# Contacts -------------------------------------------------------------------------------------------------------------


def test_contact_that_hubspot_does_not_know_is_created_by_address(vendors, client):
    (done,) = write(client, profile(firstname="Ann", city=None))
    held = vendors.hubspot.contact(ANN)
    assert held["firstname"] == "Ann"
    assert done == Done(vendor_id=held["hs_object_id"], told={"firstname": "Ann", "city": "", "lifecyclestage": "lead"})


def test_contact_that_hubspot_knows_is_updated_by_id_and_may_change_its_address(vendors, client, ann):
    change = UpsertContact(properties={"email": "new@example.com"})
    (done,) = write(client, delivery(change, vendor_id=ann, email=ANN))
    assert done.vendor_id == ann
    assert [call.path for call in vendors.called("hubspot")] == ["/crm/v3/objects/contacts/batch/update"]
    assert vendors.hubspot.contact("new@example.com") is not None


def test_hundred_contacts_are_one_call(vendors, client):
    people = [profile(f"p{n}@example.com", firstname=f"P{n}") for n in range(100)]
    outcomes = write(client, *people)
    assert len(vendors.called("hubspot")) == 1
    assert [vendors.hubspot.contacts[done.vendor_id].properties["firstname"] for done in outcomes] == [
        f"P{n}" for n in range(100)
    ]
    assert ADAPTER.pushes[UpsertContact].batch == 100


def test_ids_and_addresses_go_in_different_calls():
    group = ADAPTER.pushes[UpsertContact].group
    assert group(profile()) == group(profile("ben@example.com")) != group(profile(vendor_id="7"))


@pytest.mark.parametrize(
    ("value", "sent"), [(True, "true"), (False, "false"), (0, "0"), (7.5, "7.5"), (None, ""), ("", "")]
)
def test_values_are_sent_as_the_texts_that_hubspot_takes(vendors, client, value, sent):
    write(client, profile(city=value))
    (call,) = vendors.called("hubspot")
    assert call.body["inputs"][0]["properties"] == {"email": ANN, "city": sent}


def test_one_bad_contact_of_several_is_refused_alone(vendors, client):
    vendors.hubspot.fault("partial207", emails=["p2@example.com"], message="no good")
    outcomes = write(client, *(profile(f"p{n}@example.com", firstname="A") for n in range(4)))
    assert [type(one) for one in outcomes] == [Done, Done, Refused, Done]
    assert outcomes[2].reason == "VALIDATION_ERROR: no good"


@pytest.mark.parametrize("category", ["RATE_LIMITS", "INTERNAL_ERROR"])
def test_item_that_fails_for_a_while_is_tried_again(vendors, client, ann, category):
    ben = vendors.hubspot.act("create_contact", email="ben@example.com")["id"]
    vendors.hubspot.fault("partial207", indexes=[0], category=category)
    outcomes = write(client, profile(vendor_id=ann, firstname="A"), profile(vendor_id=ben, firstname="B"))
    assert [type(one) for one in outcomes] == [RetryLater, Done]


def test_update_of_a_contact_that_is_no_more_is_refused_alone(vendors, client, ann):
    gone = vendors.hubspot.act("create_contact", email="gone@example.com")["id"]
    vendors.hubspot.act("delete_contact", contact=gone)
    known, missing = write(client, profile(vendor_id=ann, firstname="Ann"), profile("", gone, firstname="G"))
    assert isinstance(known, Done)
    assert isinstance(missing, Refused)


def test_batch_that_is_refused_whole_is_given_back_to_be_halved(vendors, client):
    vendors.hubspot.fault("400", message="one of these is wrong", times=2)
    with pytest.raises(BatchRefused, match="400: one of these is wrong"):
        write(client, profile(firstname="Ann"), profile("ben@example.com", firstname="Ben"))
    assert write(client, profile(firstname="Ann")) == [Refused(reason="400: one of these is wrong")]


def test_same_contact_twice_in_a_batch_is_given_back_to_be_halved(client, ann):
    twice = profile(vendor_id=ann, firstname="Ann"), profile(vendor_id=ann, firstname="Anne")
    with pytest.raises(BatchRefused, match="Duplicate IDs"):
        write(client, *twice)
    assert [type(one) for half in twice for one in write(client, half)] == [Done, Done]


def test_property_that_hubspot_does_not_have_is_refused_and_named(client):
    (refused,) = write(client, profile(no_such_property="1"))
    assert isinstance(refused, Refused)
    assert "no_such_property" in refused.reason


def test_contact_with_neither_id_nor_address_is_refused_and_the_others_go(vendors, client):
    nameless, known = write(client, profile("", phone="1"), profile(firstname="Ann"))
    assert (nameless.reason, known.told["firstname"]) == ("HubSpot needs an e-mail address to create a contact", "Ann")
    assert [type(one) for one in write(client, profile(""))] == [Refused]
    assert len(vendors.called("hubspot")) == 1


def test_contact_found_by_a_second_address_is_the_same_contact(vendors, client, ann):
    vendors.hubspot.act("add_secondary_email", contact=ann, email="ann.private@example.com")
    (done,) = write(client, profile("ann.private@example.com", firstname="Ann"))
    assert done.vendor_id == ann


def test_handoff_makes_sure_that_the_contact_is_there(vendors, client):
    (done,) = write(client, delivery(EnsureContact(properties={"firstname": "Ann"}), email=ANN))
    assert done.vendor_id == vendors.hubspot.contact(ANN)["hs_object_id"]


# Stages ---------------------------------------------------------------------------------------------------------------


def test_stage_that_goes_forward_is_read_back(vendors, client, ann):
    (done,) = write(client, profile(vendor_id=ann, lifecyclestage="customer"))
    assert (done.told["lifecyclestage"], done.note) == ("customer", "")
    assert vendors.called("hubspot", path="/batch/read")


def test_stage_that_hubspot_keeps_is_noticed_although_it_said_yes(vendors, client, ann):
    write(client, profile(vendor_id=ann, lifecyclestage="customer"))
    (done,) = write(client, profile(vendor_id=ann, lifecyclestage="lead", firstname="Ann"))
    assert done.told == {"lifecyclestage": "customer", "firstname": "Ann"}
    assert done.note == "HubSpot keeps the stage customer: it does not go back to lead"


def test_stage_is_set_back_in_two_steps_and_read_back(vendors, client, ann):
    write(client, profile(vendor_id=ann, lifecyclestage="customer"))
    action = MoveStage(stage="lead", property="lifecyclestage", reason="set by Rita")
    (done,) = write(client, delivery(action, vendor_id=ann))
    assert done == Done(vendor_id=ann, told={"lifecyclestage": "lead"})
    sent = [call.body["properties"]["lifecyclestage"] for call in vendors.called("hubspot", method="PATCH")]
    assert sent == ["", "lead"]
    assert vendors.hubspot.contact(ANN)["lifecyclestage"] == "lead"


def test_stage_that_is_another_in_the_end_is_a_refusal(vendors, client, ann):
    write(client, profile(vendor_id=ann, lifecyclestage="customer"))
    # The first step goes to nowhere: HubSpot then ignores the second
    client.contact.update = lambda *args, **more: type("Answer", (), {"data": b"{}", "status": 200})()
    (refused,) = write(client, delivery(MoveStage(stage="lead", property="lifecyclestage", reason=""), vendor_id=ann))
    assert refused == Refused(reason="HubSpot still holds the stage customer after it was set to lead")


# Owner, task, note ----------------------------------------------------------------------------------------------------


def owner(vendors: Server) -> dict[str, Any]:
    return next(one for one in vendors.hubspot.owners if not one["archived"])


def test_owner_is_found_by_address_once(vendors, client, ann):
    rita = owner(vendors)
    for _ in range(2):
        (done,) = write(client, delivery(AssignOwner(handoff=1, email=rita["email"]), vendor_id=ann))
        assert done.told == {"hubspot_owner_id": rita["id"]}
    assert vendors.hubspot.contact(ANN)["hubspot_owner_id"] == rita["id"]
    assert len(vendors.called("hubspot", path="/owners")) == 1


def test_owner_who_is_known_is_not_looked_up(vendors, client, ann):
    write(client, delivery(AssignOwner(handoff=1, owner_id=owner(vendors)["id"], email="x@example.com"), vendor_id=ann))
    assert not vendors.called("hubspot", path="/owners")


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (AssignOwner(handoff=1, email="nobody@example.com"), "HubSpot has no owner nobody@example.com"),
        (AssignOwner(handoff=1), "HubSpot has no owner (none named)"),
    ],
)
def test_owner_whom_hubspot_does_not_have_is_a_refusal(client, ann, action, reason):
    assert write(client, delivery(action, vendor_id=ann)) == [Refused(reason=reason)]


def test_task_is_due_linked_and_the_owners(vendors, client, ann):
    rita = owner(vendors)
    action = CreateTask(
        handoff=1, subject="Call Ann", body="Why now … baton-42", due_at=NOW, mark="baton-42", email=rita["email"]
    )
    (done,) = write(client, delivery(action, vendor_id=ann))
    (made,) = vendors.hubspot.tasks.values()
    assert done.note == f"task {made.id}"
    wanted = {
        "hs_task_subject": "Call Ann",
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
        "hubspot_owner_id": rita["id"],
    }
    assert wanted.items() <= made.properties.items()
    assert made.properties["hs_timestamp"].startswith("2026-03-10T09:30:00")
    assert vendors.hubspot.links["tasks", made.id]["contacts"][ann] == [204]
    assert len(vendors.called("hubspot", method="POST")) == 1, "linked in the same call"


def test_task_of_an_owner_who_is_not_known_is_made_for_nobody(vendors, client, ann):
    action = CreateTask(handoff=1, subject="s", body="b", due_at=NOW, mark="m", email="nobody@example.com")
    (done,) = write(client, delivery(action, vendor_id=ann))
    assert isinstance(done, Done)
    assert not next(iter(vendors.hubspot.tasks.values())).properties.get("hubspot_owner_id")


def test_note_is_linked(vendors, client, ann):
    (done,) = write(client, note(vendor_id=ann))
    (made,) = vendors.hubspot.notes.values()
    assert done.note == f"note {made.id}"
    assert made.properties["hs_note_body"] == "She asked … baton-42"
    assert vendors.hubspot.links["notes", made.id]["contacts"][ann] == [202]


@pytest.mark.parametrize("make", [task, note])
def test_lost_answer_is_looked_up_before_anything_is_sent_again(vendors, client, ann, make):
    wanted = make(vendor_id=ann)
    found_by = ADAPTER.pushes[type(wanted.action)]
    assert found_by.again is Again.LOOK
    assert found_by.find(client, wanted) is None
    vendors.hubspot.fault("done_then_drop", method="POST", path="/objects/")
    (lost,) = write(client, wanted)
    assert isinstance(lost, Unknown)
    done = found_by.find(client, wanted)
    assert done is not None
    assert "found on looking" in done.note


def test_other_tasks_of_the_contact_are_not_ours(client, ann):
    write(client, delivery(CreateTask(handoff=2, subject="s", body="baton-41", due_at=NOW, mark="baton-41"), vendor_id=ann))  # noqa: E501  # fmt: skip
    assert ADAPTER.pushes[CreateTask].find(client, task(vendor_id=ann)) is None


# Consent and lists ----------------------------------------------------------------------------------------------------

YES = Grant(NOW, "3", True, "form")


def test_opt_out_is_one_of_everything(vendors, client, ann):
    assert write(client, delivery(Unsubscribe(), email=ANN, vendor_id=ann)) == [Done()]
    (call,) = vendors.called("hubspot")
    assert (call.path, call.query) == (
        f"/communication-preferences/v4/statuses/{ANN}/unsubscribe-all",
        {"channel": ["EMAIL"]},
    )
    assert ANN in vendors.hubspot.opted_out


def test_opt_out_needs_an_address(client):
    (refused,) = write(client, delivery(Unsubscribe()))
    assert refused == Refused(reason="HubSpot stops e-mail by address, and none is known")


def test_address_with_odd_letters_stays_one_part_of_the_path(vendors, client):
    write(client, delivery(Unsubscribe(), email="a/b?c#d%@example.com"))
    (call,) = vendors.called("hubspot")
    assert call.path.endswith("/statuses/a/b?c#d%@example.com/unsubscribe-all")
    assert call.query == {"channel": ["EMAIL"]}


def test_persons_own_yes_is_written_with_its_legal_basis(vendors):
    number = str(next(iter(_subscriptions(vendors))))
    client = client_of(ADAPTER, vendors, subscription_id=number)
    assert write(client, delivery(Subscribe(grant=YES), email=ANN)) == [Done()]
    (call,) = vendors.called("hubspot")
    assert call.body == {
        "subscriptionId": int(number),
        "statusState": "SUBSCRIBED",
        "channel": "EMAIL",
        "legalBasis": "CONSENT_WITH_NOTICE",
        "legalBasisExplanation": "form on 2026-03-10 09:30 UTC, recorded by Baton",
    }


def _subscriptions(vendors: Server) -> Any:
    from adapters.hubspot.sandbox.schema import SUBSCRIPTIONS

    return SUBSCRIPTIONS


@pytest.mark.parametrize(
    ("action", "settings", "can"),
    [
        pytest.param(Subscribe(grant=YES), {"subscription_id": "7"}, True, id="a yes to marketing"),
        pytest.param(Subscribe(grant=YES), {}, False, id="a yes, with no subscription type to write it to"),
        pytest.param(Subscribe(grant=YES), {"subscription_id": "news"}, False, id="a type that is no number"),
        pytest.param(Subscribe(grant=YES, channel="sms"), {"subscription_id": "7"}, False, id="a yes to texts"),
        pytest.param(Subscribe(grant=YES, purpose="events"), {"subscription_id": "7"}, False, id="a narrower yes"),
        pytest.param(Unsubscribe(), {}, True, id="a no"),
        pytest.param(Unsubscribe(purpose="events"), {}, True, id="a narrower no stops everything"),
        pytest.param(Unsubscribe(channel="sms"), {}, False, id="a no to texts, which HubSpot does not send"),
    ],
)
def test_what_hubspot_can_be_told_of_consent(action, settings, can):
    assert ADAPTER.pushes[type(action)].accepts(action, settings) is can


def on(kind: Any, number: str, **to: Any) -> Any:
    more = {"rule": "r", "occurred_at": NOW} if kind is JoinList else {}
    return delivery(kind(list=number, **more), **to)


def test_list_is_joined_and_left_by_many_at_once(vendors, client, ann):
    number = next(iter(vendors.hubspot.lists))
    ben = vendors.hubspot.act("create_contact", email="ben@example.com")["id"]
    assert write(client, *(on(JoinList, number, vendor_id=one) for one in (ann, ben))) == [Done(), Done()]
    assert write(client, on(JoinList, number, vendor_id=ann)) == [Done()], "again does no harm"
    assert write(client, on(LeaveList, number, vendor_id=ben)) == [Done()]
    assert len(vendors.called("hubspot")) == 3
    assert [str(one) for one in vendors.hubspot.lists[number]["members"]] == [ann]


def test_contact_that_is_no_more_joins_no_list_and_the_others_do(vendors, client, ann):
    number = next(iter(vendors.hubspot.lists))
    known, gone = write(client, on(JoinList, number, vendor_id=ann), on(JoinList, number, vendor_id="404404"))
    assert isinstance(known, Done)
    assert isinstance(gone, Refused)


def test_different_lists_go_in_different_calls():
    group = ADAPTER.pushes[JoinList].group
    assert group(on(JoinList, "1", vendor_id="1")) != group(on(JoinList, "2", vendor_id="1"))


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param("429", RetryLater, id="too many calls"),
        pytest.param("500", Unknown, id="broken"),
        pytest.param("502", Unknown, id="broken in front"),
        pytest.param("503", Unknown, id="away"),
        pytest.param("400", Refused, id="refused"),
        pytest.param("409", Refused, id="in conflict"),
        pytest.param("html200", Unknown, id="a web page that says 200"),
        pytest.param("empty200", Unknown, id="nothing that says 200"),
        pytest.param("error200", Unknown, id="an error that says 200"),
        pytest.param("garbage", Unknown, id="half an answer that says 200"),
        pytest.param("drop", Unknown, id="no answer"),
        pytest.param("reset", Unknown, id="a connection cut"),
        pytest.param("done_then_drop", Unknown, id="done, and no answer"),
        pytest.param("half", Unknown, id="half an answer"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda ann: profile(firstname="Ann"), id="a contact"),
        pytest.param(lambda ann: task(vendor_id=ann), id="a task"),
        pytest.param(lambda ann: delivery(Unsubscribe(), email=ANN), id="an opt-out"),
    ],
)
def test_answer_decides_what_becomes_of_it(vendors, client, ann, make, fault, outcome):
    vendors.hubspot.fault(fault, method="POST")
    calls = len(vendors.called("hubspot"))
    (made,) = write(client, make(ann))
    assert isinstance(made, outcome)
    assert len(vendors.called("hubspot")) == calls + 1, "the SDK tried again by itself"


@pytest.mark.parametrize("fault", ["html200", "empty200", "error200"])
def test_erasure_is_done_only_when_hubspot_says_so(vendors, client, ann, fault):
    vendors.hubspot.fault(fault)
    (made,) = write(client, delivery(Erase(), vendor_id=ann))
    assert isinstance(made, Unknown)
    assert ann in vendors.hubspot.contacts


@pytest.mark.parametrize("fault", ["401", "403"])
def test_refused_credentials_stop_the_connection(vendors, client, fault):
    vendors.hubspot.fault(fault)
    with pytest.raises(ConnectionRefused, match=fault):
        write(client, profile(firstname="Ann"))


@pytest.mark.parametrize(("said", "after"), [(7, 7.0), ("2.5", 2.5), ("soon", None), (None, None), ("-1", None)])
def test_wait_that_hubspot_asks_for_is_passed_on(vendors, client, said, after):
    vendors.hubspot.fault("429", retry_after=said)
    (later,) = write(client, profile(firstname="Ann"))
    assert later.after == after


def test_contact_that_an_answer_does_not_mention_is_unknown(vendors, client):
    client.ask = lambda call, *args, **more: {"results": [], "numErrors": 1}
    outcomes = write(client, profile(firstname="A"), profile("ben@example.com", firstname="B"))
    assert [type(one) for one in outcomes] == [Unknown, Unknown]


def test_refused_token_is_noticed_when_the_stage_is_read_back(vendors, client, ann):
    vendors.hubspot.fault("401", path="/batch/read")
    with pytest.raises(ConnectionRefused):
        write(client, profile(vendor_id=ann, lifecyclestage="customer"))


def test_stage_that_cannot_be_read_back_is_still_done(vendors, client, ann):
    vendors.hubspot.fault("500", path="/batch/read")
    (done,) = write(client, profile(vendor_id=ann, lifecyclestage="customer"))
    assert isinstance(done, Done)


def test_token_goes_with_each_call_and_is_never_shown(vendors):
    vendors.hubspot.configure(token="pat-secret")
    (done,) = write(client_of(ADAPTER, vendors, access_token="pat-secret"), profile(firstname="Ann"))
    assert isinstance(done, Done)
    with pytest.raises(ConnectionRefused) as refused:
        write(client_of(ADAPTER, vendors, access_token="pat-wrong"), profile(firstname="Ann"))
    assert "pat-wrong" not in str(refused.value)
