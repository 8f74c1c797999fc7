"""Salesforce: handoffs, consent and campaigns, and what is polled of it. Catalogue: A5, I2, M1, M3, M5, M7."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import Done, Refused, RetryLater, Unknown
from adapters.registry import adapters
from app.contacts.action import AssignOwner, CreateTask, JoinList, LeaveList, Unsubscribe
from app.contacts.event import Ref
from mappings.kinds import NUMBER, YES_NO
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, client_of, delivery, polled, push, yes

ADAPTER = adapters()["salesforce"]
MAPPING = mapping_file("salesforce.yaml")
ANN, BEN, REP = "ann@example.com", "ben@example.com", "rep@crm.example"
MARK = "baton-0123456789abcdef"


@pytest.fixture
def org(vendors: Any) -> Any:
    return vendors.vendors["salesforce"]


@pytest.fixture
def crm(vendors: Any, org: Any) -> Any:
    return client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret-of-the-app")


# --- handoffs


def task(email: str = ANN, number: str = "", owner: str = REP) -> Any:
    action = CreateTask(handoff=1, subject="Call Ann", body=f"Who\n\n{MARK}", due_at=NOW, mark=MARK, email=owner)
    return delivery(action, email=email, vendor_id=number)


def test_handoff_leaves_an_owner_and_a_task_where_the_lead_is_by_now(org, crm):
    rep, lead = org.act("add_user", email=REP), org.act("add", email=ANN)
    contact = org.act("convert", email=ANN)
    assign = delivery(AssignOwner(handoff=1, owner_id="12345678", email=REP), email=ANN, vendor_id=lead)
    (owned,), (tasked,) = push(ADAPTER, crm, assign), push(ADAPTER, crm, task(number=lead))
    assert (owned.vendor_id, tasked.vendor_id) == (contact, contact)
    assert (org.held(contact)["OwnerId"], owned.told) == (rep, {"Owner.Email": REP})
    (held,) = org.records["Task"].values()
    assert (held["WhoId"], held["OwnerId"], held["Priority"], held["Status"], held["ActivityDate"]) == (
        *(contact, rep, "High", "Not Started"),
        "2026-03-10",
    )


def test_task_whose_answer_was_lost_is_looked_up_by_its_mark(org, crm):
    lead = org.act("add", email=ANN)
    org.fault("done_then_drop", method="POST", path="/sobjects/Task")
    one = task(number=lead, owner="")
    find = ADAPTER.pushes[CreateTask].find
    assert find is not None
    assert find(crm, one) is None
    assert isinstance(push(ADAPTER, crm, one)[0], Unknown)
    found = find(crm, one)
    assert found is not None
    assert found.vendor_id == lead
    assert len(org.records["Task"]) == 1


def test_handoff_to_nobody_and_about_nobody(org, crm):
    assign = delivery(AssignOwner(handoff=1, email="nobody@crm.example"), email=ANN)
    assert isinstance(push(ADAPTER, crm, assign)[0], Refused)
    assert isinstance(push(ADAPTER, crm, task())[0], RetryLater)
    for kind in (AssignOwner, CreateTask):
        assert not ADAPTER.pushes[kind].accepts(None, {"handoffs": "no"})


# --- consent


def test_no_marks_every_record_that_the_person_may_be(org, crm):
    lead, contact = org.act("add", email=ANN), org.act("add_contact", email=ANN)
    known = org.act("add", email="ann.old@example.com")
    assert isinstance(push(ADAPTER, crm, delivery(Unsubscribe(), email=ANN, vendor_id=known))[0], Done)
    assert all(org.held(name)["HasOptedOutOfEmail"] for name in (lead, contact, known))
    assert push(ADAPTER, crm, delivery(Unsubscribe(), email=ANN))[0].note == "was so already"
    assert push(ADAPTER, crm, delivery(Unsubscribe(), email=BEN))[0].note == "Salesforce has no such person"
    assert not ADAPTER.pushes[Unsubscribe].accepts(Unsubscribe(channel="sms"), {})


def test_yes_takes_no_mark_away_that_may_be_later(org, crm):
    lead = org.act("add", email=ANN, HasOptedOutOfEmail=True)
    now = datetime.now(UTC)
    (outcome,) = push(ADAPTER, crm, yes(now - timedelta(hours=1), ANN))
    assert isinstance(outcome, Refused)
    assert org.held(lead)["HasOptedOutOfEmail"] is True
    assert isinstance(push(ADAPTER, crm, yes(now + timedelta(hours=1), ANN))[0], Done)  # the lead was not changed since
    assert org.held(lead)["HasOptedOutOfEmail"] is False
    assert push(ADAPTER, crm, yes(now, BEN))[0].note == "Salesforce has no such person"


def test_field_history_says_when_the_mark_was_made(org, crm):
    lead = org.act("add", email=ANN, HasOptedOutOfEmail=True)
    org.act("remember", name=lead, field="HasOptedOutOfEmail", at="2026-03-01T08:00:00.000+0000")
    assert isinstance(push(ADAPTER, crm, yes(datetime(2026, 2, 1, tzinfo=UTC), ANN))[0], Refused)
    assert isinstance(push(ADAPTER, crm, yes(datetime(2026, 3, 2, tzinfo=UTC), ANN))[0], Done)
    assert org.held(lead)["HasOptedOutOfEmail"] is False


@pytest.mark.parametrize("how", ["hidden", "read_only"])
def test_mark_or_owner_that_the_user_may_not_write_is_a_persons_to_mend(org, crm, how):
    org.configure(**{how: ["HasOptedOutOfEmail", "OwnerId"]})
    org.act("add_user", email=REP)
    org.act("add", email=ANN)
    assign = delivery(AssignOwner(handoff=1, email=REP), email=ANN)
    for one, field in ((delivery(Unsubscribe(), email=ANN), "HasOptedOutOfEmail"), (assign, "OwnerId")):
        (outcome,) = push(ADAPTER, crm, one)
        assert isinstance(outcome, Refused)
        assert f"may not see and write {field} of Lead and Contact" in outcome.reason


# --- campaigns


def test_campaigns_are_lists(org, crm):
    campaign, lead, contact = org.act("add_campaign", name="Webinar"), org.act("add", email=ANN), ""
    contact = org.act("add_contact", email=BEN)
    people = [
        delivery(JoinList(list=campaign, rule="r", occurred_at=NOW), email=email)
        for email in (ANN, BEN, "new@example.com")
    ]
    outcomes = push(ADAPTER, crm, *people)
    assert [type(one) for one in outcomes] == [Done, Done, RetryLater]
    members = [(one["LeadId"], one["ContactId"]) for one in org.records["CampaignMember"].values()]
    assert members == [(lead, None), (None, contact)]
    assert push(ADAPTER, crm, people[0])[0].note == "was in the campaign already"
    out = delivery(LeaveList(list=campaign), email=BEN)
    assert push(ADAPTER, crm, out) == [Done(vendor_id=contact)]
    assert push(ADAPTER, crm, out)[0].note == "was not in the campaign"
    assert not ADAPTER.pushes[JoinList].accepts(JoinList(list="3", rule="r", occurred_at=NOW), {})


# --- reading


def test_polling_tells_what_people_are_and_what_became_of_them(org, crm):
    rep = org.act("add_user", email=REP)
    lead, kim = org.act("add", email=ANN), org.act("add", email="kim@example.com", OwnerId=rep, City="Bern")
    contact = org.act("convert", email=ANN, opportunity="Big deal")
    gone, loser = org.act("add", email="gone@example.com"), org.act("add", email="kim2@example.com")
    org.act("delete", who=gone)
    org.act("merge", winner=kim, loser=loser)
    found = polled(ADAPTER, crm, "leads")
    by_id = {
        event.identities[0].value: event for event in found if event.type in ("contact.updated", "contact.deleted")
    }
    assert (by_id[kim].fields["owner_email"], by_id[kim].fields["city"]) == (REP, "Bern")
    assert (by_id[gone].type, by_id[gone].identities) == ("contact.deleted", (("salesforce", gone),))
    merged = {
        event.properties["merged"][0]: event.properties["survivor"] for event in found if event.type.endswith("merged")
    }
    assert merged == {lead: contact, loser: kim}
    (verdict,) = (event for event in found if event.type == "sales.verdict")
    assert (verdict.identities[0].value, verdict.properties["verdict"]) == (contact, "accepted")
    (read,) = polled(ADAPTER, crm, "contacts")
    assert (read.fields["company"], "owner_email" in read.fields) == ("Acme", False)  # its owner is the app's user
    (deal,) = polled(ADAPTER, crm, "deals")
    assert (deal.identities[0].value, deal.properties["stage"], deal.properties["closed"]) == (
        contact,
        "Prospecting",
        False,
    )


@pytest.mark.parametrize(("asked", "answered"), [(3, 2_000), (500, 3)], ids=["as asked", "fewer than asked"])
def test_pages_go_on_behind_the_last_id(org, crm, monkeypatch, asked, answered):
    monkeypatch.setattr("adapters.salesforce.poll.PAGE", asked)
    org.configure(page=answered)
    people = [org.act("add", email=f"p{number}@example.com") for number in range(7)]
    assert [event.identities[0].value for event in polled(ADAPTER, crm, "leads")] == people


def test_tasks_and_won_deals_are_polled(org, crm):
    contact = org.act("add_contact", email=ANN)
    ours = push(ADAPTER, crm, task(number=contact, owner=""))[0].note.removeprefix("task ")
    theirs = org.act("add_task", who=ANN, subject="Send the quote")
    (started,) = polled(ADAPTER, crm, "tasks")
    assert (started.type, started.properties["task"]) == ("conversation.started", theirs)
    org.act("complete", task=theirs)
    org.act("complete", task=ours)
    assert {event.properties["task"] for event in polled(ADAPTER, crm, "tasks")} == {ours, theirs}
    deal = org.act("open_deal", who=ANN, name="Big", stage="Proposal", amount=5000.0)
    org.act("move_deal", deal=deal, stage="Closed Won")
    (won,) = polled(ADAPTER, crm, "deals")
    assert (won.properties["outcome"], won.properties["closed"], won.properties["value"]) == ("won", True, 5000)


def test_meetings_are_polled_booked_moved_and_called_off(org, crm):
    now = org.clock
    org.act("add", email=ANN)
    org.clock = lambda: now() - 600
    meeting = org.act("book", who=ANN, at="2030-01-01T09:00:00.000+0000", until="2030-01-01T10:00:00.000+0000")
    (booked,) = polled(ADAPTER, crm, "meetings")
    assert (booked.type, booked.properties["meeting"], booked.properties["name"]) == ("meeting.booked", meeting, "Demo")
    assert booked.properties["ends_at"] == "2030-01-01T10:00:00+00:00"
    org.clock = now
    org.act("move", meeting=meeting, at="2030-01-02T09:00:00.000+0000")
    again, moved = polled(ADAPTER, crm, "meetings")
    assert again.source_key == booked.source_key, "it was booked once"
    assert (moved.type, moved.properties["starts_at"]) == ("conversation.started", "2030-01-02T09:00:00+00:00")
    assert (moved.properties["kind"], moved.properties["thread"]) == ("meeting", meeting)
    assert moved.occurred_at > booked.occurred_at
    org.act("call_off", meeting=meeting)
    (off,) = polled(ADAPTER, crm, "meetings")
    assert (off.type, off.properties["meeting"]) == ("meeting.canceled", meeting)


def test_meeting_that_stands_for_others_is_none_and_a_private_one_says_only_when(vendors, org, crm):
    org.act("add", email=ANN)
    at = "2030-01-01T09:00:00.000+0000"
    org.act("book", who=ANN, at=at, IsChild=True)
    org.act("book", who=ANN, at=at, IsRecurrence=True)
    private = org.act("book", who=ANN, at=at, subject="Their illness", IsPrivate=True)
    (one,) = polled(ADAPTER, crm, "meetings")
    assert one.properties["meeting"] == private
    assert "Their illness" not in str(one)
    org.configure(hidden=["IsPrivate", "OwnerId"])
    fresh = client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret-of-the-app")
    assert len(polled(ADAPTER, fresh, "meetings")) == 1, "a field that the user does not see costs no meeting"


def test_bounced_address_is_told_once(org, crm):
    org.act("add", email=ANN)
    org.act("bounce", who=ANN)
    (bounced,) = (event for event in polled(ADAPTER, crm, "leads") if event.type == "email.bounced")
    assert (bounced.properties["recipient"], bounced.properties["permanent"]) == (ANN, True)
    org.act("edit", who=ANN, Title="CEO")
    assert bounced.source_key in {event.source_key for event in polled(ADAPTER, crm, "leads")}


def test_lookup_reads_leads_contacts_and_whom_tasks_and_deals_are_about(org, crm):
    assert ADAPTER.lookup is not None
    lead, contact = org.act("add", email=ANN), org.act("add_contact", email=BEN)
    call, deal = org.act("add_task", who=lead), org.act("open_deal", who=contact)
    refs = [Ref("contact", lead), Ref("contact", contact), Ref("task", call), Ref("deal", deal)]
    found = ADAPTER.lookup(crm, [*refs, Ref("contact", "00Q5g00000AbCdEEAV")], MAPPING, datetime.now(UTC))
    assert set(found) == set(refs)
    assert found[refs[0]].identities == (("salesforce", lead), ("email", ANN))
    assert found[refs[1]].events[0].fields["company"] == "Acme"
    assert (found[refs[2]].contacts, found[refs[3]].contacts) == ((("salesforce", lead),), (("salesforce", contact),))


def test_schema_lists_fields_under_the_names_of_mappings(org, crm):
    assert ADAPTER.schema is not None
    found = {one.name: one for one in ADAPTER.schema(crm)}
    assert {"Street", "Company", "Status", "NumberOfEmployees", "MobilePhone"} <= set(found)
    assert not [name for name in found if name.startswith("Mailing")]
    assert (found["NumberOfEmployees"].kind, found["HasOptedOutOfEmail"].kind) == (NUMBER, YES_NO)
    assert found["Status"].options[0] == "Open - Not Contacted"


def test_check_says_what_the_user_may_not_see(vendors, org, crm):
    assert ADAPTER.check is not None
    assert all(one.works for one in ADAPTER.check(crm))
    org.configure(hidden=["HasOptedOutOfEmail"])
    fresh = client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret")
    failed = {one.capability: one.advice for one in ADAPTER.check(fresh) if not one.works}
    assert set(failed) == {"Leads", "Contacts"}
    assert "HasOptedOutOfEmail" in failed["Leads"]
    org.configure(client_secret="another")
    (refused,) = ADAPTER.check(client_of(ADAPTER, vendors, client_id="key", client_secret="s3cret"))
    assert "invalid_client" in refused.advice
