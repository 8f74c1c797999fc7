"""What HubSpot holds of a contact, read by its own SDK, and which contacts a deal, meeting, task or thread is about.

Catalogue: A5 (look before deciding), B1, B3 and B5 (identities, merges, secondary addresses), M1.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import Record
from adapters.hubspot import ADAPTER
from adapters.hubspot.read import check, contact_record, lookup
from adapters.sandbox.server import Server
from app.contacts.event import Identity, Ref
from mappings.mapping import mapping_file, read_mapping
from tests.adapters.making import NOW, client_of

MAPPING = mapping_file(ADAPTER.mapping)
LATER = datetime(2099, 1, 1, tzinfo=UTC)  # the sandbox goes by today's clock


@pytest.fixture
def client(vendors: Server) -> Any:
    return client_of(ADAPTER, vendors)


def person(vendors: Server, email: str = "ann@example.com", **properties: str) -> str:
    return str(vendors.hubspot.act("create_contact", email=email, **properties)["id"])


def read(client: Any, *refs: Ref, mapping: Any = MAPPING) -> dict[Ref, Record]:
    return lookup(client, refs, mapping, LATER)


def record(**properties: Any) -> Record:
    return contact_record({"id": "1", "properties": properties}, MAPPING, NOW)


# Contacts -------------------------------------------------------------------------------------------------------------


def test_contacts_are_read_a_hundred_at_a_time_with_what_the_mapping_reads(vendors, client):
    refs = [Ref("contact", person(vendors, f"p{n}@example.com", company="Acme")) for n in range(120)]
    found = read(client, *refs)
    assert {ref: one.identities[0].value for ref, one in found.items()} == {ref: ref.value for ref in refs}
    calls = vendors.called("hubspot")
    assert [len(call.body["inputs"]) for call in calls] == [100, 20]
    assert set(MAPPING.sources) <= set(calls[0].body["properties"])
    assert found[refs[0]].events[0].fields["company"] == "Acme"


def test_contact_that_hubspot_does_not_have_is_left_out(vendors, client):
    known, gone = Ref("contact", person(vendors)), Ref("contact", person(vendors, "gone@example.com"))
    vendors.hubspot.act("delete_contact", contact=gone.value)
    assert list(read(client, known, gone, Ref("contact", "404404"))) == [known]


def test_contact_that_was_merged_away_is_its_survivor(vendors, client):
    kept, other = person(vendors), person(vendors, "ann.old@example.com")
    vendors.hubspot.act("merge_contacts", primary=kept, other=other)
    found = read(client, Ref("contact", other))[Ref("contact", other)]
    assert {Identity("hubspot", kept), Identity("hubspot", other)} <= set(found.identities)
    assert {Identity("email", "ann@example.com"), Identity("email", "ann.old@example.com")} <= set(found.identities)


def test_secondary_addresses_are_the_same_person(vendors, client):
    ann = person(vendors)
    vendors.hubspot.act("add_secondary_email", contact=ann, email="Ann.Private@example.com")
    found = read(client, Ref("contact", ann))[Ref("contact", ann)]
    assert Identity("email", "ann.private@example.com") in found.identities


def test_contact_is_a_snapshot_as_of_its_last_change():
    made = record(email="Ann@Example.com", firstname="Ann", company=None, lastmodifieddate="2026-03-01T08:00:00Z")
    (event,) = made.events
    assert event.occurred_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert event.fields == {"email": "ann@example.com", "first_name": "Ann"}
    assert event.told == {"email": "Ann@Example.com", "firstname": "Ann", "lastmodifieddate": "2026-03-01T08:00:00Z"}
    assert event.source_key == record(lastmodifieddate="2026-03-01T08:00:00Z").events[0].source_key


@pytest.mark.parametrize("said", [None, "", "soon", "2031-01-01T00:00:00Z"])
def test_contact_that_does_not_say_when_is_as_of_now(said):
    assert record(lastmodifieddate=said).events[0].occurred_at == NOW


def test_stage_reply_and_opt_out_that_a_contact_holds_are_events():
    made = record(
        lifecyclestage="customer",
        hs_email_optout="true",
        hs_sales_email_last_replied="2026-03-02T08:00:00Z",
        hs_lead_status="Won",
        lastmodifieddate="2026-03-05T08:00:00Z",
    )
    assert [event.type for event in made.events] == [
        "contact.updated",
        "stage.changed",
        "email.unsubscribed",
        "email.replied",
    ], "and a lead status that has stood there for who knows how long is no verdict"


@pytest.mark.parametrize(
    ("listed", "ids"),
    [("200;300", ["200", "300"]), ("200, 300", ["200", "300"]), ("", []), (None, []), (";;", [])],
)
def test_ids_of_merged_contacts_are_its_own(listed, ids):
    made = record(hs_merged_object_ids=listed)
    assert [one.value for one in made.identities] == ["1", *ids]


def test_mapping_says_what_is_asked_for(vendors, client):
    mapping = read_mapping("kind: mapping\nname: m\nfields: [{contact: custom.budget, vendor: budget}]", "m")
    read(client, Ref("contact", person(vendors)), mapping=mapping)
    (call,) = vendors.called("hubspot")
    assert "budget" in call.body["properties"]
    assert "jobtitle" not in call.body["properties"]


# Whom something is about ----------------------------------------------------------------------------------------------


def test_deal_and_meeting_say_which_contacts_they_are_about(vendors, client):
    ann, ben = person(vendors), person(vendors, "ben@example.com")
    deal = Ref("deal", vendors.hubspot.act("create_deal", contacts=[ann, ben])["id"])
    meeting = Ref("meeting", vendors.hubspot.act("book_meeting", contact=ann)["id"])
    alone = Ref("deal", vendors.hubspot.act("create_deal")["id"])
    found = read(client, deal, meeting, alone)
    assert set(found[deal].contacts) == {Identity("hubspot", ann), Identity("hubspot", ben)}
    assert found[meeting].contacts == (Identity("hubspot", ann),)
    assert found[alone] == Record(), "it is known that there are none"


def test_thread_says_who_writes(vendors, client):
    ann = person(vendors)
    thread = Ref("thread", vendors.hubspot.act("new_message", contact=ann)["thread"])
    found = read(client, thread, Ref("thread", "404404"))
    assert found[thread].contacts == (Identity("hubspot", ann),)
    assert found[Ref("thread", "404404")] == Record()


def test_thread_that_cannot_be_read_now_is_an_error(vendors, client):
    vendors.hubspot.fault("500", path="/threads/")
    with pytest.raises(Exception, match="500"):
        read(client, Ref("thread", "1"))


def test_check_says_what_a_token_may_do(vendors, client):
    assert all(one.works for one in check(client))
    for fault in ("401", "403", "500"):
        vendors.hubspot.fault(fault)
    advice = [one.advice for one in check(client)]
    assert advice[0] == "HubSpot refuses the access token: make a new one and set it"
    assert advice[1] == "give the app the scope crm.objects.owners.read"
    assert "500" in advice[2]
