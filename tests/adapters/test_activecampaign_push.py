"""What ActiveCampaign is asked to do, over its API, and what its answers mean.

Catalogue: G2 (task and note), I2 and I6 (consent), M3 (out), N3 (few calls), N4 (answers that are none).
"""

from datetime import timedelta
from typing import Any

import pytest

from adapters.activecampaign import ADAPTER
from adapters.contract import Account, Again, BatchRefused, ConnectionRefused, Done, Refused, RetryLater, Unknown
from adapters.http import Http, HttpError, recording
from adapters.sandbox.server import Server
from adapters.sandbox.vendor import Answer, Request
from app.contacts.action import (
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    Erase,
    JoinList,
    LeaveList,
    SendMessage,
    Subscribe,
    TrackEvent,
    Unsubscribe,
    UpsertContact,
)
from app.contacts.consent import Grant
from tests.adapters.making import NOW, client_of, delivery, push

ANN, SAM = "ann@example.com", "sam@acme.example"
MARK = "baton-0123456789abcdef"


@pytest.fixture
def ac(vendors: Server) -> Any:
    vendors.activecampaign.configure(rate_limits=False)
    return vendors.activecampaign


@pytest.fixture
def newsletter(ac: Any) -> str:
    return next(iter(ac.lists))


@pytest.fixture
def client(vendors: Server, ac: Any, newsletter: str) -> Any:
    return client_of(ADAPTER, vendors, list=newsletter)


@pytest.fixture
def ann(ac: Any) -> str:
    """The number of a contact that ActiveCampaign has."""
    return str(ac.act("create_contact", email=ANN, first_name="Ann"))


def write(client: Any, *deliveries: Any) -> list[Any]:
    return list(push(ADAPTER, client, *deliveries))


def profile(to: dict[str, str], **properties: Any) -> Any:
    named = {name.replace("__", "."): value for name, value in properties.items()}
    return delivery(UpsertContact(properties=named), **to)


def calls(vendors: Server) -> list[str]:
    return [f"{call.method} {call.path.removeprefix('/api/3')}" for call in vendors.called("activecampaign")]


def find(client: Any, wanted: Any) -> Done | None:
    look = ADAPTER.pushes[type(wanted.action)].find
    assert look is not None
    return look(client, wanted)


# Contacts -------------------------------------------------------------------------------------------------------------


def test_contact_that_is_not_known_is_synced_by_address_and_answers_with_its_number(vendors, ac, client):
    (done,) = write(client, profile({"email": ANN}, first_name="Ann", fields__job_title="CTO"))
    held = ac.contact(ANN)
    assert done == Done(vendor_id=held.id, told={"first_name": "Ann", "fields.job_title": "CTO"})
    assert (held.first_name, list(held.fields.values())) == ("Ann", ["CTO"])
    assert calls(vendors) == ["GET /fields", "POST /contact/sync"]
    write(client, profile({"email": ANN}, fields__job_title="CEO"))
    assert calls(vendors)[2:] == ["POST /contact/sync"], "what fields are called is not asked again"


def test_contact_that_is_known_is_changed_by_number_even_where_its_address_changes(vendors, ac, client, ann):
    (done,) = write(client, profile({"vendor_id": ann, "email": ANN}, email="ann@new.example"))
    assert done.vendor_id == ann
    assert ac.contact(ann).email == "ann@new.example"
    assert calls(vendors) == [f"PUT /contacts/{ann}"]


def test_address_of_another_contact_is_for_a_person_to_decide(ac, client, ann):
    other = ac.act("create_contact", email="ben@example.com")
    (refused,) = write(client, profile({"vendor_id": other, "email": "ben@example.com"}, email=ANN))
    assert refused == Refused(reason="422: Email address already exists in the system")


@pytest.mark.parametrize(
    ("value", "held"),
    [(["a", "b"], "||a||b||"), (True, "true"), (7, "7"), (None, ""), ("", "")],
)
def test_values_are_written_as_fields_take_them(ac, client, ann, value, held):
    (number,) = [number for number, one in ac.fields.items() if one["perstag"] == "TOPICS"]
    for name in ("fields.topics", f"fields.{number}"):
        ac.contact(ann).fields.clear()
        write(client, delivery(UpsertContact(properties={name: value}), vendor_id=ann))
        assert ac.contact(ann).fields == {number: held}


def test_field_that_is_not_there_is_left_out_and_said(vendors, ac, client, ann):
    (done,) = write(client, profile({"vendor_id": ann}, first_name="Ann", fields__score=7, orgname="Acme"))
    assert done.note == "ActiveCampaign has no field for fields.score, orgname"
    assert done.told == {"first_name": "Ann", "fields.score": 7, "orgname": "Acme"}, "or it would come again for ever"
    (put,) = vendors.called("activecampaign", method="PUT")
    assert put.body == {"contact": {"firstName": "Ann"}}
    write(client, profile({"vendor_id": ann}, fields__score=8))
    assert len(vendors.called("activecampaign", method="PUT")) == 1, "nothing of it has a place there"


def test_many_contacts_are_one_import(vendors, ac, client):
    people = [profile({"email": f"p{n}@example.com"}, first_name=f"P{n}", fields__topics=["a"]) for n in range(250)]
    outcomes = write(client, *people)
    assert all(isinstance(one, Done) and one.note.startswith("import ") for one in outcomes)
    assert calls(vendors) == ["GET /fields", "POST /import/bulk_import"]
    assert ac.contact("p249@example.com").first_name == "P249"


@pytest.mark.parametrize(
    ("to", "properties", "together"),
    [
        pytest.param({"email": ANN}, {"first_name": "Ann"}, True, id="by address"),
        pytest.param({"email": ANN, "vendor_id": "1"}, {"first_name": "Ann"}, True, id="by address, and known"),
        pytest.param({"vendor_id": "1"}, {"first_name": "Ann"}, False, id="known by number alone"),
        pytest.param({"email": ANN, "vendor_id": "1"}, {"email": "new@example.com"}, False, id="whose address changes"),
        pytest.param({"email": ANN}, {"phone": ""}, False, id="with a field to be emptied"),
    ],
)
def test_import_takes_whom_it_can(to, properties, together):
    group = ADAPTER.pushes[UpsertContact].group
    one, other = profile(to, **properties), profile({"email": "ben@example.com"}, first_name="Ben")
    assert (group(one) == group(other)) is together


def test_import_subscribes_nobody(ac, client, ann, newsletter):
    ac.act("unsubscribe", contact=ann, list=newsletter)
    write(client, profile({"email": ANN}, first_name="A"), profile({"email": "ben@example.com"}, first_name="B"))
    assert ac.contact(ann).status(newsletter) == 2


def test_import_that_is_refused_is_halved(client):
    with pytest.raises(BatchRefused):
        write(client, profile({"email": ANN}, first_name="A"), profile({"email": "not an address"}, first_name="B"))


@pytest.mark.parametrize(
    ("told", "types"),
    [
        pytest.param({"queued_contacts": 2}, [Done, Done], id="all"),
        pytest.param({"queued_contacts": 1, "failureReasons": [{"contact": 1}]}, [Done, Refused], id="one, by place"),
        pytest.param(
            {"queued_contacts": 1, "failureReasons": [{"email": ANN, "failureReason": "invalid"}]},
            [Refused, Done],
            id="one, by address",
        ),
        pytest.param({"queued_contacts": 1}, BatchRefused, id="one, and which is not said"),
        pytest.param({"queued_contacts": 2, "Success": 0}, BatchRefused, id="none"),
    ],
)
def test_import_that_takes_some_says_so_although_it_answers_200(ac, client, monkeypatch, told, types):
    monkeypatch.setattr(ac, "answer", lambda request: (Answer(body={"Success": 1, "batchId": "b", **told}), False))
    people = [profile({"email": ANN}, first_name="Ann"), profile({"email": "ben@example.com"}, first_name="Ben")]
    if types is BatchRefused:
        with pytest.raises(BatchRefused):
            write(client, *people)
    else:
        assert [type(one) for one in write(client, *people)] == types


@pytest.mark.parametrize(
    "wanted",
    [
        Subscribe(grant=Grant(NOW, "3", True, "form")),
        AssignOwner(handoff=1),
        SendMessage(message="Welcome", rule="welcome", occurred_at=NOW),
        TrackEvent(name="x", occurred_at=NOW),
    ],
    ids=lambda wanted: type(wanted).__name__,
)
def test_setting_that_was_taken_away_meanwhile_is_named(vendors, ac, ann, wanted):
    (refused,) = write(client_of(ADAPTER, vendors), delivery(wanted, vendor_id=ann, email=ANN))
    assert isinstance(refused, Refused)
    assert not vendors.called("activecampaign")


def test_contact_without_address_or_number_is_refused_unsent(vendors, client):
    assert isinstance(write(client, profile({"phone": "+12025550123"}, first_name="Ann"))[0], Refused)
    assert not calls(vendors)


def test_contact_that_has_to_be_there_is_made_and_one_that_is_there_costs_no_call(vendors, ac, client, ann):
    (made,) = write(client, delivery(EnsureContact(properties={}), email="ben@example.com"))
    assert made.vendor_id == ac.contact("ben@example.com").id
    assert write(client, delivery(EnsureContact(properties={}), email=ANN, vendor_id=ann)) == [Done(vendor_id=ann)]
    assert calls(vendors) == ["POST /contact/sync"]


# Consent and lists ----------------------------------------------------------------------------------------------------

YES = Grant(NOW, "3", True, "form")


def test_opt_out_leaves_every_list(vendors, ac, client, ann):
    for name in ("Newsletter", "Webinars"):
        ac.act("subscribe", contact=ann, list=name)
    assert write(client, delivery(Unsubscribe(), email=ANN)) == [Done(vendor_id=ann)]
    assert [ac.contact(ann).status(number) for number in ac.lists] == [2, 2]
    before = len(calls(vendors))
    assert write(client, delivery(Unsubscribe(), vendor_id=ann)) == [Done(vendor_id=ann, note="on no list")]
    assert calls(vendors)[before:] == [f"GET /contacts/{ann}/contactLists"]


def test_opt_out_of_somebody_unknown_is_none_to_write(client):
    assert write(client, delivery(Unsubscribe(), email=ANN)) == [Done(note="ActiveCampaign does not know them")]


def test_opt_out_finds_lists_beyond_the_first_twenty(ac, client, ann):
    for number in [ac.add_list(f"List {n}") for n in range(130)]:
        ac.act("subscribe", contact=ann, list=number)
    write(client, delivery(Unsubscribe(), vendor_id=ann))
    assert {place["status"] for place in ac.contact(ann).lists.values()} == {2}


def test_own_yes_puts_somebody_back_who_had_left_before(ac, client, ann, newsletter):
    ac.act("subscribe", contact=ann, list=newsletter)
    ac.act("unsubscribe", contact=ann, list=newsletter)
    later = Grant(NOW + timedelta(days=10_000), "3", True, "form")
    assert write(client, delivery(Subscribe(grant=later), vendor_id=ann)) == [Done(vendor_id=ann)]
    assert ac.contact(ann).status(newsletter) == 1
    assert write(client, delivery(Subscribe(grant=later), vendor_id=ann))[0].note == "was on the list already"


def test_own_yes_does_not_put_somebody_back_who_has_left_since(vendors, ac, client, ann, newsletter):
    """The person's newest word is in ActiveCampaign, and Baton has not heard it yet (I2)."""
    ac.act("subscribe", contact=ann, list=newsletter)
    ac.act("unsubscribe", contact=ann, list=newsletter)
    (refused,) = write(client, delivery(Subscribe(grant=YES), vendor_id=ann))
    assert refused == Refused(reason=f"after they said yes they have left list {newsletter} in ActiveCampaign")
    ac.contact(ann).lists[newsletter]["udate"] = None
    assert isinstance(write(client, delivery(Subscribe(grant=YES), vendor_id=ann))[0], Refused), "or nobody knows when"
    assert not vendors.called("activecampaign", method="POST")


def test_own_yes_mends_no_bounced_address(vendors, ac, client, ann, newsletter):
    ac.contact(ann).lists[newsletter] = {"status": 3, "sdate": None, "udate": None}
    later = Grant(NOW + timedelta(days=10_000), "3", True, "form")
    (refused,) = write(client, delivery(Subscribe(grant=later), vendor_id=ann))
    assert refused == Refused(reason=f"the contact has bounced on list {newsletter} in ActiveCampaign")
    assert not vendors.called("activecampaign", method="POST")


def test_own_yes_that_activecampaign_wants_confirmed_is_not_called_done(ac, client, ann, newsletter, monkeypatch):
    """A list may ask by mail first: until then nothing is sent to them, and another try would only ask again."""
    ac.contact(ann).lists[newsletter] = {"status": 0, "sdate": None, "udate": None}
    assert write(client, delivery(Subscribe(grant=YES), vendor_id=ann)) == [Done(vendor_id=ann)], "they confirmed here"
    monkeypatch.setattr(ac, "place", lambda one, number, *rest: one.lists.update({number: {"status": 0}}))
    ac.contact(ann).lists.clear()
    wanted = delivery(Subscribe(grant=YES), vendor_id=ann)
    (refused,) = write(client, wanted)
    assert isinstance(refused, Refused)
    assert "has not confirmed" in refused.reason
    assert find(client, wanted) is None
    ac.contact(ann).lists.clear()
    assert write(client, join(newsletter, vendor_id=ann))[0].note == "ActiveCampaign asks them to confirm first"


def test_lost_answer_to_a_yes_is_looked_up(vendors, ac, client, ann, newsletter):
    wanted = delivery(Subscribe(grant=YES), vendor_id=ann)
    assert ADAPTER.pushes[Subscribe].again is Again.LOOK
    assert find(client, wanted) is None
    ac.fault("done_then_drop", method="POST")
    assert isinstance(write(client, wanted)[0], Unknown)
    assert find(client, wanted) == Done(vendor_id=ann)


def join(name: str, **to: str) -> Any:
    return delivery(JoinList(list=name, rule="r", occurred_at=NOW), **to)


def test_list_is_joined_once_and_never_by_who_has_left_it(vendors, ac, client, ann, newsletter):
    assert write(client, join(newsletter, vendor_id=ann)) == [Done(vendor_id=ann)]
    assert write(client, join(newsletter, vendor_id=ann))[0].note == "was on the list already"
    ac.act("unsubscribe", contact=ann, list=newsletter)
    (refused,) = write(client, join(newsletter, vendor_id=ann))
    assert refused == Refused(reason=f"the contact has unsubscribed from list {newsletter} in ActiveCampaign")
    assert ac.contact(ann).status(newsletter) == 2
    assert len(vendors.called("activecampaign", method="POST")) == 1


def test_who_leaves_a_list_between_the_look_and_the_write_is_not_put_back(ac, client, ann, newsletter):
    """Without the source that says "of their own wish" ActiveCampaign itself refuses."""
    ac.act("subscribe", contact=ann, list=newsletter)
    ac.act("unsubscribe", contact=ann, list=newsletter)
    ac.faults.clear()
    places = client.pages
    client.pages = lambda *args, **more: iter(())
    (refused,) = write(client, join(newsletter, vendor_id=ann))
    client.pages = places
    assert isinstance(refused, Refused)
    assert ac.contact(ann).status(newsletter) == 2


def test_only_a_persons_own_yes_ever_subscribes(ac, client, ann, newsletter):
    """Every other write leaves those who have left where they are (I2)."""
    ac.act("subscribe", contact=ann, list=newsletter)
    ac.act("unsubscribe", contact=ann, list=newsletter)
    for wanted in (
        profile({"email": ANN, "vendor_id": ann}, first_name="A"),
        profile({"email": ANN}, first_name="Ann"),
        join(newsletter, vendor_id=ann),
        join("tag:VIP", vendor_id=ann),
        delivery(LeaveList(list="tag:VIP"), vendor_id=ann),
        delivery(Unsubscribe(), vendor_id=ann),
        task(ann),
        note(ann),
    ):
        write(client, wanted)
    assert ac.contact(ann).status(newsletter) == 2


@pytest.mark.parametrize(
    ("action", "settings", "can"),
    [
        pytest.param(Subscribe(grant=YES), {"list": "3"}, True, id="a yes, with a list for it"),
        pytest.param(Subscribe(grant=YES), {}, False, id="a yes, without one"),
        pytest.param(Subscribe(grant=YES, channel="sms"), {"list": "3"}, False, id="a yes to texts"),
        pytest.param(Subscribe(grant=YES, purpose="events"), {"list": "3"}, False, id="a narrower yes"),
        pytest.param(Unsubscribe(), {}, True, id="a no"),
        pytest.param(Unsubscribe(channel="sms"), {}, False, id="a no to texts"),
        pytest.param(JoinList(list="3", rule="r", occurred_at=NOW), {}, True, id="a list by number"),
        pytest.param(JoinList(list="Newsletter", rule="r", occurred_at=NOW), {}, False, id="a list by name"),
        pytest.param(JoinList(list="tag:VIP", rule="r", occurred_at=NOW), {}, True, id="a tag"),
        pytest.param(JoinList(list="tag: ", rule="r", occurred_at=NOW), {}, False, id="a tag without a name"),
        pytest.param(LeaveList(list="tag:VIP"), {}, True, id="a tag to be taken away"),
        pytest.param(LeaveList(list="3"), {}, False, id="a list to be left, which is an unsubscribe"),
        pytest.param(AssignOwner(handoff=1), {}, False, id="an owner, without a pipeline"),
        pytest.param(AssignOwner(handoff=1), {"deal_pipeline": "1", "deal_stage": "2"}, True, id="an owner"),
        pytest.param(
            AssignOwner(handoff=1),
            {"deal_pipeline": "1", "deal_stage": "2", "handoffs": "no"},
            False,
            id="an owner, where sales works elsewhere",
        ),
        pytest.param(EnsureContact(), {"handoffs": "no"}, False, id="a handoff, where sales works elsewhere"),
        pytest.param(TrackEvent(name="x", occurred_at=NOW), {}, False, id="an event, without event tracking"),
    ],
)
def test_what_can_be_carried_out(action, settings, can):
    assert ADAPTER.pushes[type(action)].accepts(action, settings) is can


# Tags -----------------------------------------------------------------------------------------------------------------


def test_tag_is_made_once_and_found_whatever_its_case(vendors, ac, client, ann):
    assert write(client, join("tag:Very important", vendor_id=ann)) == [Done(vendor_id=ann)]
    assert calls(vendors) == ["GET /tags", "POST /tags", "POST /contactTags"]
    write(client, join("tag:VERY IMPORTANT", vendor_id=ann))
    assert calls(vendors)[3:] == ["POST /contactTags"]
    assert ac.tags_of(ann) == ["Very important"]
    write(client, delivery(LeaveList(list="tag:very important"), email=ANN))
    assert ac.tags_of(ann) == []


def test_tag_beyond_the_first_hundred_is_found(ac, client, ann):
    for n in range(120):
        ac.act("add_tag", contact=ann, tag=f"tag {n}")
    ac.act("remove_tag", contact=ann, tag="tag 119")
    write(client, join("tag:tag 119", vendor_id=ann))
    assert "tag 119" in ac.tags_of(ann)
    write(client, delivery(LeaveList(list="tag:tag 119"), vendor_id=ann))
    assert "tag 119" not in ac.tags_of(ann)


def test_tag_that_somebody_else_makes_in_the_same_moment_is_taken(ac, client, ann):
    real, asked = client._find_tag, []

    def late(name: str) -> str:
        asked.append(name)
        if len(asked) == 1:
            ac.tags[ac.new_id()] = "VIP"
            return ""
        return str(real(name))

    client._find_tag = late
    assert write(client, join("tag:VIP", vendor_id=ann)) == [Done(vendor_id=ann)]
    assert list(ac.tags.values()) == ["VIP"]


def test_tag_that_was_deleted_is_made_anew_with_the_next(ac, client, ann):
    write(client, join("tag:VIP", vendor_id=ann))
    ac.contact(ann).tags.clear()
    ac.tags.clear()
    assert isinstance(write(client, join("tag:VIP", vendor_id=ann))[0], Refused)
    assert write(client, join("tag:VIP", vendor_id=ann)) == [Done(vendor_id=ann)]


def test_tag_that_is_not_there_is_taken_away_already(client, ann):
    assert write(client, delivery(LeaveList(list="tag:VIP"), vendor_id=ann)) == [
        Done(vendor_id=ann, note="had no such tag")
    ]


# Messages and events --------------------------------------------------------------------------------------------------


def message(ann: str = "", **more: Any) -> Any:
    action = SendMessage(message="Welcome", rule="welcome", occurred_at=NOW, **more)
    return delivery(action, vendor_id=ann, email=ANN)


def test_message_starts_the_automation_that_is_named_for_it(vendors, ac, ann):
    number = next(iter(ac.automations))
    client = client_of(ADAPTER, vendors, automations=f"welcome={number}")
    wanted = message(ann)
    assert ADAPTER.pushes[SendMessage].accepts(wanted.action, client.settings)
    assert not ADAPTER.pushes[SendMessage].accepts(message(channel="push").action, client.settings)
    assert not ADAPTER.pushes[SendMessage].accepts(wanted.action, {})
    (done,) = write(client, wanted)
    assert (done.vendor_id, done.note.split(",")[0]) == (ann, f"automation {number}")
    assert [run["contact"] for run in ac.runs] == [ann]


def test_lost_answer_to_an_enrolment_is_looked_up_since_a_second_would_send_again(vendors, ac, ann):
    client = client_of(ADAPTER, vendors, automations=f"welcome={next(iter(ac.automations))}")
    wanted = message(ann)
    ac.clock, real = (lambda: (NOW - timedelta(days=2)).timestamp()), ac.clock
    write(client, wanted)
    ac.clock = real
    assert find(client, wanted) is None, "that was another time"
    ac.fault("done_then_drop", path="contactAutomations")
    assert isinstance(write(client, wanted)[0], Unknown)
    found = find(client, wanted)
    assert found is not None
    assert found.note.endswith("found on looking")


def test_event_is_one_of_event_tracking(vendors, ac, ann):
    url = f"{vendors.url}/activecampaign/event"
    client = client_of(ADAPTER, vendors, event_key="k", event_account="25", event_url=url)
    action = TrackEvent(name="Became a marketing qualified lead today", occurred_at=NOW, properties={"score": 52})
    assert write(client, delivery(action, email=ANN)) == [Done()]
    assert ac.events == [
        {"event": "Became a marketing qualified lea", "eventdata": '{"score":52}', "email": ANN},
    ]
    assert isinstance(write(client, delivery(action, vendor_id=ann))[0], Refused)
    assert ADAPTER.pushes[TrackEvent].again is Again.PARK


def test_key_of_event_tracking_is_not_kept_with_the_call(vendors, ac, ann):
    url = f"{vendors.url}/activecampaign/event"
    client = client_of(ADAPTER, vendors, event_key="a-secret-key", event_account="25", event_url=url)
    with recording() as kept:
        assert write(client, delivery(TrackEvent(name="x", occurred_at=NOW), email=ANN)) == [Done()]
    (exchange,) = kept
    assert "a-secret-key" not in exchange.request
    assert "event=x" in exchange.request


def test_event_that_was_not_tracked_is_seen_although_the_answer_says_200(vendors, ac):
    client = client_of(
        ADAPTER, vendors, event_key="k", event_account="25", event_url=f"{vendors.url}/activecampaign/event"
    )
    (refused,) = write(client, delivery(TrackEvent(name="x", occurred_at=NOW), email="nobody@example.com"))
    assert isinstance(refused, Refused)
    assert "could not be tracked" in refused.reason


# Handoffs -------------------------------------------------------------------------------------------------------------


def task(ann: str, email: str = SAM) -> Any:
    body = f"Score 52, on the pricing page.\n{MARK}"
    action = CreateTask(handoff=1, subject="Call Ann", body=body, due_at=NOW, mark=MARK, email=email)
    return delivery(action, vendor_id=ann, email=ANN)


def note(ann: str) -> Any:
    action = CreateNote(handoff=1, body=f"Why now: pricing. {MARK}", at=NOW, mark=MARK)
    return delivery(action, vendor_id=ann)


def test_task_is_the_owners_and_on_the_contact(ac, client, ann):
    (done,) = write(client, task(ann))
    (held,) = ac.tasks
    assert done.note == f"task {held['id']}"
    assert (held["relid"], held["ownerType"], held["dealTasktype"]) == (ann, "contact", "3")
    assert (held["duedate"], held["assignee"]) == ("2026-03-10T09:30:00+00:00", next(iter(ac.users)))


def test_task_for_somebody_who_is_no_user_has_no_owner(ac, client, ann):
    assert isinstance(write(client, task(ann, "nobody@acme.example"))[0], Done)
    assert "assignee" not in ac.tasks[0]


@pytest.mark.parametrize("make", [task, note], ids=["task", "note"])
def test_lost_answer_is_looked_up_by_our_mark(ac, client, ann, make):
    wanted = make(ann)
    assert ADAPTER.pushes[type(wanted.action)].again is Again.LOOK
    assert find(client, wanted) is None
    ac.fault("done_then_drop", method="POST")
    assert isinstance(write(client, wanted)[0], Unknown)
    found = find(client, wanted)
    assert found is not None
    assert found.note.endswith("found on looking")


def test_note_stands_on_the_contact(ac, client, ann):
    write(client, note(ann))
    assert [(one["relid"], one["reltype"]) for one in ac.notes] == [(ann, "Subscriber")]


def owner(ann: str, email: str = SAM) -> Any:
    return delivery(AssignOwner(handoff=1, email=email), vendor_id=ann, email=ANN)


def test_owner_is_given_the_open_deal_or_a_new_one(vendors, ac, ann):
    client = client_of(ADAPTER, vendors, deal_pipeline="7", deal_stage="9", deal_currency="EUR")
    other, sam = ac.new_id(), next(iter(ac.users))
    ac.users[other] = {"email": "eve@acme.example", "firstName": "Eve", "lastName": "E"}
    assert find(client, owner(ann)) is None
    write(client, owner(ann))
    (deal,) = ac.deals.values()
    assert (deal["group"], deal["stage"], deal["owner"], deal["currency"], deal["value"]) == ("7", "9", sam, "eur", "0")
    found = find(client, owner(ann))
    assert found is not None
    write(client, owner(ann, "eve@acme.example"))
    assert [one["owner"] for one in ac.deals.values()] == [other]
    ac.act("move_deal", deal=deal["id"], status="1")
    write(client, owner(ann))
    assert len(ac.deals) == 2, "a deal that was won is no open one"


def test_owner_who_is_no_user_is_for_a_person_to_mend(vendors, ac, ann):
    client = client_of(ADAPTER, vendors, deal_pipeline="7", deal_stage="9")
    (refused,) = write(client, owner(ann, "nobody@acme.example"))
    assert refused == Refused(reason="ActiveCampaign has no user nobody@acme.example")


@pytest.mark.parametrize("make", [task, note, owner], ids=["task", "note", "owner"])
def test_handoff_of_somebody_who_is_not_there_yet_waits(vendors, ac, make):
    client = client_of(ADAPTER, vendors, deal_pipeline="7", deal_stage="9")
    wanted = make("")
    wanted = delivery(wanted.action, email="new@example.com")
    assert isinstance(write(client, wanted)[0], RetryLater)


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param("429", RetryLater, id="too many calls"),
        pytest.param("500", Unknown, id="broken"),
        pytest.param("502", Unknown, id="broken in front"),
        pytest.param("503", Unknown, id="away"),
        pytest.param("400", Refused, id="refused"),
        pytest.param("403", Refused, id="not for this key, which works otherwise"),
        pytest.param("html200", Unknown, id="a web page that says 200"),
        pytest.param("empty200", Unknown, id="nothing, and 200"),
        pytest.param("garbage", Unknown, id="broken JSON"),
        pytest.param("drop", Unknown, id="no answer"),
        pytest.param("done_then_drop", Unknown, id="done, and no answer"),
    ],
)
def test_answer_decides_what_becomes_of_it(ac, client, ann, fault, outcome):
    for wanted in (profile({"email": ANN}, first_name="A"), join("tag:VIP", vendor_id=ann), note(ann)):
        ac.fault(fault, method="POST")
        (found,) = write(client, wanted)
        assert isinstance(found, outcome), found


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param({}, Unknown, id="nothing in it"),
        pytest.param([], Unknown, id="a list"),
        pytest.param({"contacts": []}, Unknown, id="something else"),
        pytest.param({"errors": [{"title": "Not saved"}]}, Refused, id="errors"),
        pytest.param({"succeeded": 0, "message": "Not saved"}, Refused, id="succeeded 0"),
        pytest.param({"success": False, "contact": {"id": "1"}}, Refused, id="success false"),
    ],
)
def test_success_that_is_none_is_seen(ac, client, monkeypatch, body, outcome):
    answer = ac.answer

    def lies(request: Request) -> tuple[Answer, bool]:
        return (Answer(body=body), False) if request.method == "POST" else answer(request)

    monkeypatch.setattr(ac, "answer", lies)
    (found,) = write(client, profile({"email": ANN}, first_name="Ann"))
    assert isinstance(found, outcome)
    if isinstance(found, Refused) and body.get("message"):
        assert body["message"] in found.reason


def test_waiting_time_is_heeded(ac, client):
    ac.fault("429", retry_after=7)
    assert write(client, profile({"email": ANN}, first_name="Ann"))[0].after == 7


def test_sixth_call_in_a_second_is_too_many(vendors, ac, client, ann):
    ac.configure(rate_limits=True)
    found = [write(client, note(ann))[0] for _ in range(7)]
    assert [type(one) for one in found[:5]] == [Done] * 5
    assert isinstance(found[6], RetryLater)
    assert found[6].after >= 1
    (limit,) = [limit for limit in ADAPTER.limits if limit.name == "default"]
    assert limit.calls / limit.seconds < ac.settings.calls_per_second
    assert limit.even


def test_wrong_key_stops_the_connection(ac, client):
    ac.configure(api_key="another")
    with pytest.raises(ConnectionRefused, match="403"):
        write(client, profile({"email": ANN}, first_name="Ann"))


def answered(status: int, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=body or {"message": "no"}, headers=named)


BLOCKED = Answer(status=403, raw=b"<html>Blocked</html>", content_type="text/html")
ME = answered(200, {"user": {"id": "1"}})


@pytest.mark.parametrize(
    ("answers", "means"),
    [
        pytest.param([answered(403, Retry_After="9")], RetryLater(reason="429: no", after=9), id="says when"),
        pytest.param([answered(403, RateLimit_Remaining="0")], RetryLater(reason="429: no"), id="none is left"),
        pytest.param([answered(403, {"message": "Rate limit exceeded"})], RetryLater, id="says so"),
        pytest.param([answered(403), answered(429, Retry_After="3")], RetryLater, id="the look is one too many"),
        pytest.param([answered(403), answered(503)], RetryLater, id="the look finds nobody"),
        pytest.param([BLOCKED, ME], RetryLater, id="a firewall's"),
        pytest.param([answered(403), ME], Refused, id="not for this user"),
        pytest.param([answered(403), answered(403)], ConnectionRefused, id="not for this key"),
    ],
)
def test_403_is_told_apart(client, ac, ann, monkeypatch, answers, means):
    """A refused key stops everything until somebody looks: it has to be one (N4)."""
    coming = iter(answers)
    monkeypatch.setattr(ac, "answer", lambda request: (next(coming), False))
    if means is ConnectionRefused:
        with pytest.raises(ConnectionRefused):
            write(client, note(ann))
        return
    (found,) = write(client, note(ann))
    assert isinstance(found, means) if isinstance(means, type) else found == means
    assert next(coming, None) is None


@pytest.mark.parametrize("body", [{"succeeded": 0, "message": "Not removed"}, {"errors": [{"title": "Not removed"}]}])
def test_tag_and_person_that_were_not_deleted_are_seen_although_the_answer_says_200(ac, client, ann, monkeypatch, body):
    ac.act("add_tag", contact=ann, tag="VIP")
    answer = ac.answer
    monkeypatch.setattr(
        ac, "answer", lambda asked: (Answer(body=body), False) if asked.method == "DELETE" else answer(asked)
    )
    leave = delivery(LeaveList(list="tag:VIP"), vendor_id=ann)
    for wanted in (leave, delivery(Erase(vendor_id=ann), vendor_id=ann)):
        (found,) = write(client, wanted)
        assert isinstance(found, Refused), found
        assert "Not removed" in found.reason


def test_plan_without_deals_stops_only_what_needs_them(ac, client, ann):
    ac.configure(deals=False)
    (refused,) = write(client, task(ann))
    assert refused == Refused(reason="403: the key works, but its user or the plan may not do this")
    assert isinstance(write(client, note(ann))[0], Done)


def test_address_that_is_none_of_an_account_stops_the_connection(client):
    with pytest.raises(ConnectionRefused, match="not the address"):
        client.outcome(HttpError(404, "<html>not found</html>", {}))


def test_unpaid_account_stops_the_connection(client):
    with pytest.raises(ConnectionRefused, match="billing"):
        client.outcome(HttpError(402, "{}", {}))


@pytest.mark.parametrize("base", ["", "/", "/api/3", "/api/3/"])
def test_address_may_end_as_people_copy_it(vendors, ac, base):
    assert ADAPTER.connect is not None
    url = f"{vendors.url}/activecampaign{base}"
    client = ADAPTER.connect(Account({"api_key": "k"}, url, Http(allow_private=True)))
    assert isinstance(write(client, profile({"email": ANN}, first_name="Ann"))[0], Done)


def test_key_stands_in_no_record_of_a_call(vendors, ac, client):
    write(client, profile({"email": ANN}, first_name="Ann"))
    assert all("api-token" not in call.headers for call in vendors.called("activecampaign"))


# --- erasing: N8


def test_a_person_is_deleted_by_number_or_address_and_once_is_enough(vendors: Server, ac: Any, client: Any) -> None:
    ann = str(ac.act("create_contact", email=ANN))
    sam = str(ac.act("create_contact", email=SAM))

    assert write(client, delivery(Erase(email=ANN), email=ANN)) == [Done()]
    assert write(client, delivery(Erase(vendor_id=sam), vendor_id=sam)) == [Done()]

    assert ann not in ac.contacts
    assert sam not in ac.contacts
    gone = [Done(note="ActiveCampaign has no such contact")]
    assert write(client, delivery(Erase(vendor_id=sam), vendor_id=sam)) == gone
    assert write(client, delivery(Erase(email=ANN), email=ANN)) == gone
