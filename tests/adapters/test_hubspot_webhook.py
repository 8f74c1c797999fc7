"""What is made of HubSpot's webhooks, beside the samples: keys, order, whose they are, what cannot be read.

Catalogue: A3 (redelivery), A4 (times to order by), A6 (batches), A11 (quarantine), C2 (deal stages), D4 (what the table
lacks is held), M1 (in).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import BadItem, Unreadable
from adapters.hubspot import ADAPTER
from adapters.hubspot.webhook import parse
from adapters.snapshot import held_in
from app.contacts.event import Event, Ref
from mappings.mapping import mapping_file, read_mapping
from tests.adapters.making import NOW, arrived

MAPPING = mapping_file(ADAPTER.mapping)
AT = 1_773_129_600_000


def notice(**more: Any) -> dict[str, Any]:
    """One event of an app webhook, with what is not None."""
    told = {
        "eventId": 100,
        "subscriptionId": 25,
        "portalId": 62515,
        "appId": 7,
        "occurredAt": AT,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 1246965,
        "changeSource": "CRM_UI",
        "propertyName": "firstname",
        "propertyValue": "Ann",
        **more,
    }
    return {name: value for name, value in told.items() if value is not None}


def other(kind: str, **more: Any) -> dict[str, Any]:
    """A notice without a property."""
    return notice(subscriptionType=kind, propertyName=None, propertyValue=None, **more)


def read(body: Any, mapping=MAPPING, **more: Any) -> list[Event | BadItem]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(parse(arrived(raw, **more), mapping))


def one(body: Any, **more: Any) -> Event:
    (event,) = read(body, **more)
    assert isinstance(event, Event)
    return event


def reason(body: Any, **more: Any) -> str:
    with pytest.raises(Unreadable) as refused:
        read(body, **more)
    return str(refused.value)


# Redelivery -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"attemptNumber": 3}, id="a later attempt"),
        pytest.param({"subscriptionId": 99}, id="another subscription"),
        pytest.param({"subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}, id="told as an object"),
        pytest.param({"objectId": "1246965"}, id="the id as a text"),
    ],
)
def test_same_change_told_again_has_the_same_key(change):
    assert one([notice(**change)]).source_key == one([notice()]).source_key


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"objectId": 1246966}, id="another contact under the same eventId"),
        pytest.param({"portalId": 1}, id="another account"),
        pytest.param({"subscriptionType": "contact.creation"}, id="another kind"),
        pytest.param({"propertyName": "lastname"}, id="another property"),
        pytest.param({"propertyValue": "Anne"}, id="another value"),
        pytest.param({"propertyValue": ""}, id="no value"),
        pytest.param({"occurredAt": AT + 1}, id="another time"),
        pytest.param({"eventId": 101}, id="another eventId"),
    ],
)
def test_other_change_has_another_key(change):
    assert one([notice(**change)]).source_key != one([notice()]).source_key


def test_both_sides_of_an_association_are_two_events():
    sides = [
        other("contact.associationChange", objectId=None, fromObjectId=1, toObjectId=2),
        other("contact.associationChange", objectId=None, fromObjectId=2, toObjectId=1),
    ]
    assert len({event.source_key for event in read(sides)}) == 2


def test_workflows_record_that_comes_again_is_the_same_event():
    record = {"vid": 1, "properties": {"firstname": {"value": "Ann"}, "lastmodifieddate": {"value": str(AT)}}}
    turned = {"properties": dict(reversed(record["properties"].items())), "vid": 1}
    assert one(record).source_key == one(turned, at=NOW + timedelta(days=3)).source_key
    changed = {**record, "properties": {**record["properties"], "firstname": {"value": "Anne"}}}
    assert one(record).source_key != one(changed).source_key


def test_record_that_says_nothing_of_its_time_is_told_apart_by_the_day():
    record = {"email": "ann@example.com"}
    assert one(record).source_key == one(record, at=NOW + timedelta(hours=3)).source_key
    assert one(record).source_key != one(record, at=NOW + timedelta(days=1)).source_key


def test_same_record_for_two_workflows_is_two_events():
    record, url = {"email": "ann@example.com"}, "https://hub.example.com/webhooks/x?event="
    assert len({one(record, url=url + name).source_key for name in ("form.submitted", "asset.downloaded")}) == 2


def test_reply_that_two_events_tell_of_is_one():
    change = notice(propertyName="hs_sales_email_last_replied", propertyValue=str(AT), eventId=7, occurredAt=AT + 9000)
    record = {"id": "1246965", "properties": {"hs_sales_email_last_replied": datetime.fromtimestamp(AT / 1000, UTC).isoformat()}}  # noqa: E501  # fmt: skip
    keys = {event.source_key for body in ([change], record) for event in read(body) if event.type == "email.replied"}
    assert len(keys) == 1


# Batches --------------------------------------------------------------------------------------------------------------


def test_one_bad_item_of_a_hundred_is_parked_and_ninety_nine_go_on():
    items = [notice(objectId=n, eventId=n) for n in range(1, 101)]
    items[41]["occurredAt"] = "yesterday"
    made = read(items)
    (bad,) = [item for item in made if isinstance(item, BadItem)]
    assert len(made) == 100
    assert bad.reason == "occurredAt is not a time: 'yesterday'"
    # Parked in a body that can be replayed alone, once it was mended
    assert reason(bad.body) == bad.reason
    mended = json.loads(bad.body)
    mended[0]["occurredAt"] = AT
    assert one(mended).identity("hubspot") == "42"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "the body is empty", id="nothing"),
        pytest.param(b"[]", "an empty list", id="an empty list"),
        pytest.param(b"{", "not JSON", id="half a body"),
        pytest.param(b"<html>", "not JSON", id="a web page"),
        pytest.param(b'[{"objectId":1,"objectId":2}]', "the same key twice", id="a key twice"),
        pytest.param(b"[" * 100 + b"]" * 100, "nested deeper", id="deep nesting"),
        pytest.param([1], "should be an object, not a int", id="a number"),
        pytest.param([[notice()]], "should be an object, not a list", id="a list in a list"),
        pytest.param([notice(objectId=True)], "not as HubSpot sends them", id="an id that is yes"),
        pytest.param([notice(objectId=None)], "without an objectId", id="no id"),
        pytest.param([notice(objectId="1 OR 1=1")], "is no id", id="an id that is none"),
        pytest.param([notice(objectId="9" * 41)], "is no id", id="an id without end"),
        pytest.param([other("deal.creation", objectId=None)], "a deal event without an objectId", id="a nameless deal"),
        pytest.param([other("deal.creation", objectId="a/b")], "is no id", id="a deal's id that is none"),
        pytest.param([notice(occurredAt=10**18)], "not a time", id="a time beyond time"),
        pytest.param([other("contact.merge", objectId=None)], "without an objectId", id="a merge of nobody"),
        pytest.param({"firstname": "Ann"}, "neither a contact id nor an e-mail", id="a record of nobody"),
        pytest.param({"id": 1, "properties": []}, "properties should be an object", id="a record without properties"),
    ],
)
def test_what_cannot_be_read_says_why(body, why):
    assert why in reason(body)


def test_more_events_than_hubspot_ever_sends_are_refused_unread():
    assert reason([other("company.creation", eventId=n) for n in range(1001)]) == "more than 1000 events in one request"


@pytest.mark.parametrize("portal", [62515, "62515"])
def test_other_accounts_events_are_parked(portal):
    mine = {"portal_id": "62515"}
    assert one([notice(portalId=portal)], settings=mine).type == "contact.updated"
    assert reason([notice(portalId=33)], settings=mine) == "from HubSpot account 33; this connection is account 62515"
    assert "account None" in reason([notice(portalId=None)], settings=mine)


# What it means --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [AT, str(AT), float(AT), "2026-03-10T08:00:00Z", "2026-03-10 08:00:00+00:00", "2026-03-10T09:00:00+01:00"]
)
def test_time_is_understood_in_every_spelling(told):
    assert one([notice(occurredAt=told)]).occurred_at == datetime(2026, 3, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize("told", [None, ""])
def test_event_without_a_time_happened_when_it_came(told):
    assert one([notice(occurredAt=told)]).occurred_at == NOW


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        pytest.param("closedwon", "won", id="HubSpot's won"),
        pytest.param("closedlost", "lost", id="HubSpot's lost"),
        pytest.param("111", "won", id="an own won"),
        pytest.param("222", "won", id="a second own won"),
        pytest.param("333", "lost", id="an own lost"),
        pytest.param("444", "", id="any other"),
    ],
)
def test_own_pipelines_say_which_stages_are_the_end(stage, outcome):
    body = [notice(subscriptionType="deal.propertyChange", propertyName="dealstage", propertyValue=stage)]
    event = one(body, settings={"won_stages": "111, 222", "lost_stages": "333"})
    assert event.refs == (Ref("deal", "1246965"),)
    assert (event.properties["outcome"], event.properties["closed"]) == (outcome, bool(outcome))


@pytest.mark.parametrize(
    ("change", "actor"),
    [
        pytest.param({"sourceId": "userId:9"}, "HubSpot user 9", id="a person in the CRM"),
        pytest.param({"sourceId": "userId:9", "changeSource": None}, "HubSpot user 9", id="a person, no more said"),
        pytest.param({"sourceId": "userId:9", "changeSource": "INTEGRATION"}, None, id="software for a person"),
        pytest.param({"sourceId": "7"}, None, id="an app"),
        pytest.param({}, None, id="nobody named"),
    ],
)
def test_only_a_person_in_hubspot_is_an_actor(change, actor):
    assert one([notice(**change)]).actor == actor


@pytest.mark.parametrize("secret", [{"propertyValue": "REDACTED"}, {"propertyValue": "flu", "isSensitive": True}])
@pytest.mark.parametrize("kind", ["contact.propertyChange", "company.propertyChange"])
def test_sensitive_value_is_kept_nowhere(kind, secret):
    event = one([notice(subscriptionType=kind, propertyName="email", **secret)])
    assert event.fields == event.told == {}
    assert event.identity("email") is None
    assert "flu" not in str(event)


def test_value_that_the_table_lacks_is_held_and_one_that_says_nothing_is_not():
    event = one([notice(propertyName="lifecyclestage", propertyValue="99")])
    assert (event.type, event.fields) == ("contact.updated", {})
    assert [(held.vendor, held.value, held.reason) for held in held_in(event)] == [("lifecyclestage", "99", "unmapped")]
    assert held_in(one([notice(propertyName="hs_lead_status", propertyValue="NEW")])) == []


def test_emptied_property_clears_the_field_where_its_row_says_so():
    assert one([notice(propertyName="hubspot_owner_id", propertyValue="")]).fields == {"owner_id": None}
    assert one([notice(propertyName="company", propertyValue="")]).fields == {}


def test_row_that_skips_empty_values_skips_the_record():
    mapping = read_mapping("kind: mapping\nname: m\nfields: [{contact: company, vendor: company, blank: skip}]", "m")
    event = one({"id": 1, "properties": {"company": "", "firstname": "Ann"}}, mapping=mapping)
    assert (event.type, event.fields, event.told) == ("unknown", {}, {})
    assert '"company" is empty' in event.properties["skipped"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("form.submited", "is no event type", id="a slip of the pen"),
        pytest.param("custom:", "is no event type", id="a name that is missing"),
        pytest.param("custom:suppressed", "what people decide in Baton", id="what only people decide"),
        pytest.param("custom:released", "what people decide in Baton", id="and take back"),
    ],
)
def test_workflows_address_names_an_event_or_the_record_is_parked(name, why):
    assert why in reason({"id": 1}, url=f"https://hub.example.com/webhooks/x?event={name}")


def test_workflows_address_gives_the_record_its_meaning():
    made = one({"id": 1}, url="https://hub.example.com/webhooks/x?a=1&event=custom:trial_started")
    assert made.type == "custom:trial_started"


@pytest.mark.parametrize(
    ("record", "identities"),
    [
        pytest.param({"vid": 7}, {("hubspot", "7")}, id="the old shape"),
        pytest.param({"id": "7", "properties": {}}, {("hubspot", "7")}, id="the API's shape"),
        pytest.param({"hs_object_id": 7}, {("hubspot", "7")}, id="picked properties"),
        pytest.param({"properties": {"hs_object_id": "7"}}, {("hubspot", "7")}, id="picked, within"),
        pytest.param({"objectId": 7, "email": "Ann@Example.com"}, {("hubspot", "7"), ("email", "ann@example.com")}, id="both"),  # noqa: E501
        pytest.param({"id": "lead-7", "email": "ann@example.com"}, {("email", "ann@example.com")}, id="an id that is none"),  # noqa: E501
    ],
)  # fmt: skip
def test_workflows_record_names_its_contact(record, identities):
    assert {tuple(identity) for identity in one(record).identities} == identities


def test_workflows_record_from_the_future_happened_when_it_came():
    record = {"id": 1, "properties": {"lastmodifieddate": "2031-01-01T00:00:00Z"}}
    assert one(record).occurred_at == NOW


def test_verdict_that_stands_in_a_record_is_no_news_unless_the_workflow_says_so():
    record, url = {"id": 1, "properties": {"hs_lead_status": "Won"}}, "https://hub.example.com/webhooks/x"
    assert [event.type for event in read(record)] == ["contact.updated"]
    named = [event.type for event in read(record, url=f"{url}?event=sales.verdict")]
    assert named == ["contact.updated", "sales.verdict"]


@pytest.mark.parametrize("value", ["", "false", "no"])
def test_record_without_an_opt_out_is_no_consent(value):
    events = read({"id": 1, "properties": {"hs_email_optout": value}})
    assert [event.type for event in events] == ["contact.updated"]
