"""The simulated HubSpot, driven by HubSpot's own SDK over HTTP."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import urllib3
from hubspot import HubSpot
from hubspot.communication_preferences import PublicUpdateSubscriptionStatusRequest
from hubspot.crm import contacts, deals, lists, properties
from hubspot.crm.associations import v4
from hubspot.crm.objects import notes, tasks
from hubspot.utils.signature import Signature

from adapters.hubspot.sandbox.edge import signed_uri
from adapters.hubspot.sandbox.state import Record
from adapters.sandbox.server import Server, serve

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
EMAIL = "ann@example.com"


class Clock:
    """The time that a sandbox goes by; a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def sandbox(running: Server) -> Server:
    running.reset()
    return running


@pytest.fixture(scope="module")
def slow_clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running_by_clock(slow_clock: Clock) -> Iterator[Server]:
    with serve(clock=slow_clock) as server:
        yield server


@pytest.fixture
def timed(running_by_clock: Server) -> Server:
    running_by_clock.reset()
    return running_by_clock


def sdk(sandbox: Server, token: str = "pat-x") -> HubSpot:
    url = f"{sandbox.url}/hubspot"
    return HubSpot(access_token=token, host=url, base_url=url, retry=urllib3.Retry(0))


@pytest.fixture
def client(sandbox: Server) -> HubSpot:
    return sdk(sandbox)


def raw(client: HubSpot, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
    """What the SDK has no class for."""
    return client.api_request({"method": method, "path": path, "body": body, "qs": query})


def refused(call: Callable[[], Any]) -> Any:
    """The SDK's exception, with its body parsed as ``error``."""
    with pytest.raises(Exception, match="Reason") as caught:
        call()
    caught.value.error = json.loads(caught.value.body)
    return caught.value


def create(client: HubSpot, email: str = EMAIL, **more: Any) -> Any:
    body = contacts.SimplePublicObjectInputForCreate(properties={"email": email, **more}, associations=[])
    return client.crm.contacts.basic_api.create(body)


def update(client: HubSpot, key: str, by: str | None = None, **values: Any) -> Any:
    body = contacts.SimplePublicObjectInput(properties=values)
    more = {"id_property": by} if by else {}
    return client.crm.contacts.basic_api.update(key, body, **more)


def upsert(client: HubSpot, *items: tuple[str, dict], by: str = "email", traced: bool = False) -> Any:
    inputs = [
        contacts.SimplePublicObjectBatchInputUpsert(
            id=key, id_property=by, properties=values, object_write_trace_id=str(place) if traced else None
        )
        for place, (key, values) in enumerate(items)
    ]
    return client.crm.contacts.batch_api.upsert(contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))


def search(client: HubSpot, *filters: dict, **more: Any) -> Any:
    told = {"limit": 200, "after": "0", "sorts": [], "properties": ["email"], **more}
    groups = [{"filters": list(filters)}] if filters else []
    request = contacts.PublicObjectSearchRequest(filter_groups=groups, **told)
    return client.crm.contacts.search_api.do_search(request)


def by_email(email: str = EMAIL) -> dict:
    return {"propertyName": "email", "operator": "EQ", "value": email}


# one by one


def test_a_contact_is_created_with_what_hubspot_adds(client: HubSpot) -> None:
    made = create(client, firstname="Ann")
    assert made.properties["firstname"] == "Ann"
    assert made.properties["lifecyclestage"] == "lead"
    assert made.properties["hs_object_id"] == made.id
    assert made.created_at == made.updated_at
    assert made.archived is False


def test_values_are_always_text(sandbox: Server) -> None:
    url = f"{sandbox.url}/hubspot/crm/v3/objects/contacts"
    made = requests.post(url, json={"properties": {"company_size": 12}}, headers={"Authorization": "Bearer x"}).json()
    assert made["properties"]["company_size"] == "12"


def test_addresses_are_kept_in_lower_case(client: HubSpot) -> None:
    assert create(client, "Ann@Example.com").properties["email"] == EMAIL


def test_a_second_contact_with_the_address_is_a_conflict_that_names_the_first(client: HubSpot) -> None:
    made = create(client)
    problem = refused(lambda: create(client, "ANN@example.com"))
    assert (problem.status, problem.error["category"]) == (409, "CONFLICT")
    assert problem.error["message"] == f"Contact already exists. Existing ID: {made.id}"
    assert problem.error["correlationId"]


def test_a_contact_is_read_by_address_and_what_is_unset_is_null(client: HubSpot) -> None:
    made = create(client)
    read = client.crm.contacts.basic_api.get_by_id(EMAIL, id_property="email", properties=["email", "firstname"])
    assert (read.id, read.properties["firstname"]) == (made.id, None)


def test_history_is_read_on_demand(client: HubSpot) -> None:
    made = create(client)
    update(client, made.id, lifecyclestage="marketingqualifiedlead")
    read = client.crm.contacts.basic_api.get_by_id(made.id, properties_with_history=["lifecyclestage"])
    assert [one.value for one in read.properties_with_history["lifecyclestage"]] == ["marketingqualifiedlead", "lead"]


def test_contacts_are_listed_page_by_page(client: HubSpot) -> None:
    for n in range(3):
        create(client, f"a{n}@example.com")
    page = client.crm.contacts.basic_api.get_page(limit=2)
    assert len(page.results) == 2
    assert len(client.crm.contacts.basic_api.get_page(limit=2, after=page.paging.next.after).results) == 1


def test_an_unknown_contact_is_404(client: HubSpot) -> None:
    assert refused(lambda: client.crm.contacts.basic_api.get_by_id("999")).status == 404


def test_an_id_that_is_no_number_is_said_to_be_unusual(client: HubSpot) -> None:
    problem = refused(lambda: client.crm.contacts.basic_api.get_by_id(EMAIL))
    assert (problem.status, problem.error["context"]["id"]) == (404, [EMAIL])


def test_a_contact_is_updated_by_address_and_emptied_with_an_empty_text(sandbox: Server, client: HubSpot) -> None:
    create(client, firstname="Ann", city="Bonn")
    update(client, EMAIL, "email", firstname="", city="Ulm")
    held = sandbox.hubspot.contact(EMAIL)
    assert (held["firstname"], held["city"]) == ("", "Ulm")


def test_another_contacts_address_cannot_be_taken(client: HubSpot) -> None:
    create(client)
    other = create(client, "ben@example.com")
    assert refused(lambda: update(client, other.id, email=EMAIL)).status == 409


def test_an_archived_contact_is_gone_from_sight(client: HubSpot) -> None:
    made = create(client)
    client.crm.contacts.basic_api.archive(made.id)
    assert refused(lambda: client.crm.contacts.basic_api.get_by_id(made.id)).status == 404
    assert client.crm.contacts.basic_api.get_by_id(made.id, archived=True).archived
    assert create(client).id != made.id


# what is refused


@pytest.mark.parametrize(
    ("values", "code"),
    [
        pytest.param({"favourite_colour": "red"}, "PROPERTY_DOESNT_EXIST", id="unknown property"),
        pytest.param({"email": "ann(at)example.com"}, "INVALID_EMAIL", id="no address"),
        pytest.param({"hs_lead_status": "Accepted"}, "INVALID_OPTION", id="unknown option"),
        pytest.param({"lifecyclestage": "mql"}, "INVALID_OPTION", id="unknown stage"),
        pytest.param({"createdate": "1"}, "READ_ONLY_VALUE", id="read-only"),
        pytest.param({"hs_email_optout": "true"}, "READ_ONLY_VALUE", id="opt-out is not written"),
        pytest.param({"hubspot_owner_id": "9001"}, "INVALID_OWNER_ID", id="a user is no owner"),
        pytest.param({"hubspot_owner_id": "103"}, "INVALID_OWNER_ID", id="an owner who left"),
        pytest.param({"firstname": "x" * 70_000}, "PROPERTY_VALUE_TOO_LONG", id="too long"),
    ],
)
def test_a_wrong_value_refuses_the_record(sandbox: Server, client: HubSpot, values: dict, code: str) -> None:
    problem = refused(lambda: create(client, **{"email": EMAIL, **values}))
    assert (problem.status, problem.error["category"]) == (400, "VALIDATION_ERROR")
    assert problem.error["message"].startswith("Property values were not valid: [{")
    assert problem.error["errors"][0]["code"] == code
    assert not sandbox.hubspot.contacts


def test_all_that_is_wrong_is_named(client: HubSpot) -> None:
    problem = refused(lambda: create(client, shoe="9", hat="7"))
    assert [one["context"]["propertyName"] for one in problem.error["errors"]] == [["shoe"], ["hat"]]


@pytest.mark.parametrize("body", [{}, [], {"properties": None}, {"properties": []}])
def test_a_body_without_properties_is_400(sandbox: Server, body: object) -> None:
    url = f"{sandbox.url}/hubspot/crm/v3/objects/contacts"
    answer = requests.post(url, json=body, headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/crm/v3/objects/contacts", {"properties": {"email": {}}}),
        ("/crm/v3/objects/contacts/batch/read", {"inputs": "1"}),
        ("/crm/v3/objects/contacts/batch/upsert", {"inputs": [7]}),
        ("/crm/v3/objects/contacts/search", {"limit": "ten"}),
        ("/crm/v3/objects/tasks", {"properties": {"hs_timestamp": "1"}, "associations": [{"to": "1"}]}),
        ("/crm/v3/lists/1/memberships/add", {"ids": ["1"]}),
        ("/communication-preferences/v4/statuses/a%40example.com", ["UNSUBSCRIBED"]),
    ],
)
def test_a_body_of_another_shape_is_400(client: HubSpot, path: str, body: object) -> None:
    method = "PUT" if "/lists/" in path else "POST"
    answer = raw(client, method, path, body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_an_unknown_object_type_is_400(client: HubSpot) -> None:
    assert raw(client, "GET", "/crm/v3/objects/robots").status_code == 400


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}])
def test_no_token_is_401(sandbox: Server, header: dict) -> None:
    answer = requests.get(f"{sandbox.url}/hubspot/crm/v3/owners", headers=header)
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_a_wrong_token_is_401(sandbox: Server) -> None:
    sandbox.hubspot.configure(token="pat-right")
    assert refused(lambda: create(sdk(sandbox, "pat-wrong"))).status == 401
    assert create(sdk(sandbox, "pat-right"))


# stages


def test_the_lifecycle_stage_goes_forward(sandbox: Server, client: HubSpot) -> None:
    create(client)
    update(client, EMAIL, "email", lifecyclestage="salesqualifiedlead")
    assert sandbox.hubspot.contact(EMAIL)["lifecyclestage"] == "salesqualifiedlead"


def test_an_earlier_stage_is_ignored_without_a_word(sandbox: Server, client: HubSpot) -> None:
    create(client, lifecyclestage="customer")
    answer = update(client, EMAIL, "email", lifecyclestage="lead", city="Ulm")
    assert sandbox.hubspot.contact(EMAIL)["lifecyclestage"] == "customer"
    assert answer.properties["city"] == "Ulm"
    assert "lifecyclestage" not in answer.properties


def test_an_earlier_stage_is_taken_after_clearing(sandbox: Server, client: HubSpot) -> None:
    create(client, lifecyclestage="customer")
    update(client, EMAIL, "email", lifecyclestage="")
    update(client, EMAIL, "email", lifecyclestage="lead")
    assert sandbox.hubspot.contact(EMAIL)["lifecyclestage"] == "lead"


def test_a_batch_ignores_an_earlier_stage_too(sandbox: Server, client: HubSpot) -> None:
    create(client, lifecyclestage="customer")
    upsert(client, (EMAIL, {"lifecyclestage": "subscriber"}))
    assert sandbox.hubspot.contact(EMAIL)["lifecyclestage"] == "customer"


def test_people_may_go_back(sandbox: Server, client: HubSpot) -> None:
    create(client, lifecyclestage="customer")
    sandbox.hubspot.act("set_property", contact=EMAIL, name="lifecyclestage", value="lead")
    assert sandbox.hubspot.contact(EMAIL)["lifecyclestage"] == "lead"


# merging, erasing, several addresses


def merge(client: HubSpot, primary: str, other: str) -> Any:
    body = contacts.PublicMergeInput(primary_object_id=primary, object_id_to_merge=other)
    return client.crm.contacts.basic_api.merge(body)


def test_merging_keeps_the_primarys_values_and_fills_the_gaps(client: HubSpot) -> None:
    first = create(client, firstname="Ann")
    second = create(client, "ann@home.example", firstname="Anna", city="Ulm")
    merged = merge(client, first.id, second.id)
    assert merged.id == first.id
    assert (merged.properties["firstname"], merged.properties["city"]) == ("Ann", "Ulm")
    assert merged.properties["hs_additional_emails"] == "ann@home.example"
    assert merged.properties["hs_merged_object_ids"] == second.id


def test_a_merged_id_answers_with_the_survivor(client: HubSpot) -> None:
    first, second = create(client), create(client, "ann@home.example")
    merge(client, first.id, second.id)
    assert client.crm.contacts.basic_api.get_by_id(second.id).id == first.id


def test_a_merge_can_make_a_new_id(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.configure(merge_makes_new_id=True)
    first, second = create(client), create(client, "ann@home.example")
    merged = merge(client, first.id, second.id)
    assert merged.id not in (first.id, second.id)
    assert client.crm.contacts.basic_api.get_by_id(first.id).id == merged.id


def test_a_second_merge_is_followed_to_the_end(client: HubSpot) -> None:
    first, second, third = (create(client, f"a{n}@example.com") for n in range(3))
    merge(client, second.id, third.id)
    merge(client, first.id, second.id)
    assert client.crm.contacts.basic_api.get_by_id(third.id).id == first.id


def test_a_contact_is_not_merged_with_itself(client: HubSpot) -> None:
    made = create(client)
    assert refused(lambda: merge(client, made.id, made.id)).status == 400


def purge(client: HubSpot, key: str, by: str | None = None) -> None:
    client.crm.contacts.basic_api.purge(contacts.PublicGdprDeleteInput(object_id=key, id_property=by))


def test_an_erased_contact_is_gone_and_stays_out(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    purge(client, EMAIL, "email")
    assert not sandbox.hubspot.contacts
    assert refused(lambda: client.crm.contacts.basic_api.get_by_id(made.id)).status == 404
    assert refused(lambda: create(client)).status == 400


def test_an_unknown_address_is_kept_out(client: HubSpot) -> None:
    purge(client, EMAIL, "email")
    assert "GDPR" in refused(lambda: create(client)).error["message"]


def test_an_unknown_id_cannot_be_erased(client: HubSpot) -> None:
    assert refused(lambda: purge(client, "999")).status == 404


def test_a_secondary_address_finds_the_same_contact(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    sandbox.hubspot.act("add_secondary_email", contact=EMAIL, email="ann@home.example")
    (result,) = upsert(client, ("ann@home.example", {"email": "ann@home.example", "city": "Ulm"})).results
    assert (result.id, result.new) == (made.id, False)
    held = sandbox.hubspot.contact(EMAIL)
    assert (held["email"], held["hs_additional_emails"]) == (EMAIL, "ann@home.example")


def test_a_secondary_address_can_become_the_primary_one(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    sandbox.hubspot.act("add_secondary_email", contact=EMAIL, email="ann@home.example")
    update(client, made.id, email="ann@home.example")
    held = sandbox.hubspot.contact("ann@home.example")
    assert (held["email"], held["hs_additional_emails"]) == ("ann@home.example", EMAIL)
    assert refused(lambda: create(client)).status == 409


# batches


def test_an_upsert_creates_and_changes(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    answer = upsert(client, (EMAIL, {"city": "Ulm"}), ("ben@example.com", {"city": "Bonn"}))
    assert {one.properties["email"]: one.new for one in answer.results} == {EMAIL: False, "ben@example.com": True}
    assert sandbox.hubspot.contacts[made.id].properties["city"] == "Ulm"
    assert answer.status == "COMPLETE"


def test_results_do_not_come_in_the_order_of_the_inputs(client: HubSpot) -> None:
    emails = [f"a{n}@example.com" for n in range(5)]
    answer = upsert(client, *((email, {}) for email in emails))
    assert [one.properties["email"] for one in answer.results] != emails


def test_without_trace_ids_one_bad_item_refuses_all(sandbox: Server, client: HubSpot) -> None:
    items = ((EMAIL, {"city": "Ulm"}), ("ben@example.com", {"shoe": "9"}))
    assert refused(lambda: upsert(client, *items)).status == 400
    assert not sandbox.hubspot.contacts


def test_with_trace_ids_the_good_items_are_written_and_the_bad_ones_named(sandbox: Server, client: HubSpot) -> None:
    items = ((EMAIL, {"city": "Ulm"}), ("ben@example.com", {"shoe": "9"}), ("no address", {}))
    answer = upsert(client, *items, traced=True)
    assert [one.object_write_trace_id for one in answer.results] == ["0"]
    assert [one.context["objectWriteTraceId"] for one in answer.errors] == [["1"], ["2"]]
    assert {one.category for one in answer.errors} == {"VALIDATION_ERROR"}
    assert answer.num_errors == 2
    assert sandbox.calls[-1].status == 207


def test_a_part_of_a_batch_fails_on_demand(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.fault("partial207", indexes=[1], category="RATE_LIMITS", message="busy")
    answer = upsert(client, *((f"a{n}@example.com", {}) for n in range(3)), traced=True)
    (error,) = answer.errors
    assert (error.category, error.message, error.context) == ("RATE_LIMITS", "busy", {"objectWriteTraceId": ["1"]})
    assert len(sandbox.hubspot.contacts) == 2


def test_named_people_of_a_batch_fail_on_demand(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.fault("partial207", emails=["a2@example.com"])
    answer = upsert(client, *((f"a{n}@example.com", {}) for n in range(3)))
    assert [one.context for one in answer.errors] == [{"ids": ["a2@example.com"]}]


def test_a_share_of_a_batch_fails_on_demand(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.fault("partial207", share=0.5)
    answer = upsert(client, *((f"a{n}@example.com", {}) for n in range(50)))
    assert 10 < answer.num_errors < 40
    assert len(answer.results) + answer.num_errors == 50


def test_one_id_twice_refuses_the_batch(sandbox: Server, client: HubSpot) -> None:
    problem = refused(lambda: upsert(client, (EMAIL, {}), ("Ann@example.com", {}), traced=True))
    assert (problem.status, problem.error["context"]["ids"]) == (400, [EMAIL])
    assert "Duplicate IDs found in batch input" in problem.error["message"]
    assert not sandbox.hubspot.contacts


def test_a_batch_has_at_most_a_hundred_items(client: HubSpot) -> None:
    assert len(upsert(client, *((f"a{n}@example.com", {}) for n in range(100))).results) == 100
    assert refused(lambda: upsert(client, *((f"a{n}@example.com", {}) for n in range(101)))).status == 400


def test_an_empty_batch_is_refused(client: HubSpot) -> None:
    assert refused(lambda: upsert(client)).status == 400


def test_an_upsert_needs_a_property_that_tells_records_apart(client: HubSpot) -> None:
    problem = refused(lambda: upsert(client, ("Ulm", {}), by="city"))
    assert problem.error["message"] == "Unable to perform update/upsert by non-unique 0-1 property city"


def test_an_upsert_by_a_property_of_ones_own_creates_once(sandbox: Server, client: HubSpot) -> None:
    own = properties.PropertyCreate(
        name="baton_key",
        label="Key",
        type="string",
        field_type="text",
        group_name="engagement",
        has_unique_value=True,
    )
    client.crm.properties.core_api.create("tasks", own)
    body = {
        "inputs": [
            {"id": "k-1", "idProperty": "baton_key", "properties": {"hs_timestamp": "2026-11-23T09:00:00Z"}},
        ]
    }
    for _ in range(2):
        assert raw(client, "POST", "/crm/v3/objects/tasks/batch/upsert", body).status_code == 200
    assert [one.properties["baton_key"] for one in sandbox.hubspot.tasks.values()] == ["k-1"]


def batch_create(client: HubSpot, *items: dict, traced: bool = False) -> Any:
    inputs = [
        contacts.SimplePublicObjectBatchInputForCreate(
            properties=item, associations=[], object_write_trace_id=str(place) if traced else None
        )
        for place, item in enumerate(items)
    ]
    body = contacts.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    return client.crm.contacts.batch_api.create(body)


def test_a_batch_create_names_the_contact_that_exists(client: HubSpot) -> None:
    made = create(client)
    answer = batch_create(client, {"email": EMAIL}, {"email": "ben@example.com"}, traced=True)
    assert len(answer.results) == 1
    (error,) = answer.errors
    assert (error.category, error.context["existingId"]) == ("CONFLICT", [made.id])


def test_a_batch_create_without_trace_ids_is_a_conflict_as_a_whole(sandbox: Server, client: HubSpot) -> None:
    create(client)
    assert refused(lambda: batch_create(client, {"email": "ben@example.com"}, {"email": EMAIL})).status == 409
    assert len(sandbox.hubspot.contacts) == 1


def test_a_batch_create_of_one_address_twice_is_refused(sandbox: Server, client: HubSpot) -> None:
    assert refused(lambda: batch_create(client, {"email": EMAIL}, {"email": EMAIL})).status == 400
    assert not sandbox.hubspot.contacts


def test_a_batch_update_names_what_does_not_exist(client: HubSpot) -> None:
    made = create(client)
    body = contacts.BatchInputSimplePublicObjectBatchInput(
        inputs=[
            contacts.SimplePublicObjectBatchInput(id=made.id, properties={"city": "Ulm"}),
            contacts.SimplePublicObjectBatchInput(id="999", properties={"city": "Ulm"}),
        ]
    )
    answer = client.crm.contacts.batch_api.update(body)
    assert [one.id for one in answer.results] == [made.id]
    assert (answer.errors[0].category, answer.errors[0].context) == ("OBJECT_NOT_FOUND", {"ids": ["999"]})


def batch_read(client: HubSpot, *keys: str, by: str | None = None) -> Any:
    body = contacts.BatchReadInputSimplePublicObjectId(
        inputs=[{"id": key} for key in keys], id_property=by, properties=["email"], properties_with_history=[]
    )
    return client.crm.contacts.batch_api.read(body)


def test_a_batch_read_names_what_it_did_not_find(client: HubSpot) -> None:
    made = create(client)
    answer = batch_read(client, made.id, "998", "999")
    assert [one.properties["email"] for one in answer.results] == [EMAIL]
    assert answer.errors[0].context == {"ids": ["998", "999"]}


def test_a_batch_read_by_address(client: HubSpot) -> None:
    made = create(client)
    assert [one.id for one in batch_read(client, EMAIL, by="email").results] == [made.id]


def test_a_batch_is_archived(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    body = contacts.BatchInputSimplePublicObjectId(inputs=[{"id": made.id}])
    client.crm.contacts.batch_api.archive(body)
    assert sandbox.hubspot.contacts[made.id].archived


# search


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({"propertyName": "city", "operator": "EQ", "value": "ulm"}, {"a"}, id="equal, whatever the case"),
        pytest.param({"propertyName": "city", "operator": "NEQ", "value": "Ulm"}, {"b", "c"}, id="not equal"),
        pytest.param({"propertyName": "city", "operator": "HAS_PROPERTY"}, {"a", "b"}, id="has a value"),
        pytest.param({"propertyName": "city", "operator": "NOT_HAS_PROPERTY"}, {"c"}, id="has none"),
        pytest.param({"propertyName": "city", "operator": "IN", "values": ["ulm", "bonn"]}, {"a", "b"}, id="one of"),
        pytest.param({"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*b@*"}, {"b"}, id="a part"),
        pytest.param(
            {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"}, {"a", "b", "c"}, id="since"
        ),
        pytest.param({"propertyName": "lastmodifieddate", "operator": "LT", "value": "0"}, set(), id="before"),
        pytest.param(
            {"propertyName": "createdate", "operator": "BETWEEN", "value": "1", "highValue": "9999999999999"},
            {"a", "b", "c"},
            id="between",
        ),
    ],
)
def test_search_filters(sandbox: Server, client: HubSpot, wanted: dict, found: set) -> None:
    sandbox.hubspot.configure(search_lag=0)
    upsert(client, ("a@x.example", {"city": "Ulm"}), ("b@x.example", {"city": "Bonn"}), ("c@x.example", {}))
    assert {one.properties["email"][0] for one in search(client, wanted).results} == found


def test_search_sorts_and_pages(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.configure(search_lag=0, searches_per_second=0)
    upsert(client, *((f"a{n}@example.com", {}) for n in range(5)))
    first = search(client, sorts=["-email"], limit=3)
    assert [one.properties["email"][:2] for one in first.results] == ["a4", "a3", "a2"]
    assert first.total == 5
    rest = search(client, sorts=["-email"], limit=3, after=first.paging.next.after)
    assert [one.properties["email"][:2] for one in rest.results] == ["a1", "a0"]
    assert rest.paging is None


def test_a_new_contact_is_not_found_at_once(timed: Server, slow_clock: Clock) -> None:
    client = sdk(timed)
    create(client)
    assert search(client, by_email()).total == 0
    slow_clock.now += 3
    assert search(client, by_email()).total == 1


def test_a_changed_contact_is_found_as_it_was(timed: Server, slow_clock: Clock) -> None:
    client = sdk(timed)
    create(client, city="Ulm")
    slow_clock.now += 10
    update(client, EMAIL, "email", city="Bonn")
    assert search(client, properties=["city"]).results[0].properties["city"] == "Ulm"
    slow_clock.now += 10
    assert search(client, properties=["city"]).results[0].properties["city"] == "Bonn"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"limit": 201}, id="page too large"),
        pytest.param({"limit": 200, "after": "9900"}, id="past ten thousand"),
        pytest.param({"query": "x" * 3001}, id="query too long"),
        pytest.param({"sorts": ["shoe"]}, id="unknown sort"),
    ],
)
def test_search_has_limits(client: HubSpot, more: dict) -> None:
    assert refused(lambda: search(client, **more)).status == 400


def test_search_pages_up_to_ten_thousand(timed: Server, slow_clock: Clock) -> None:
    for n in range(10_050):
        timed.hubspot.contacts[str(n)] = Record(str(n), "contacts", 0, 0)
    client = sdk(timed)
    page = search(client, limit=200, after="9800")
    assert len(page.results) == 200
    assert refused(lambda: search(client, limit=200, after=page.paging.next.after)).status == 400


def test_search_refuses_a_filter_on_an_unknown_property(client: HubSpot) -> None:
    create(client)
    client_problem = refused(lambda: search(client, {"propertyName": "shoe", "operator": "EQ", "value": "9"}))
    assert client_problem.status == 400


def test_search_has_its_own_limit_and_no_headers_that_say_so(timed: Server, slow_clock: Clock) -> None:
    client = sdk(timed)
    for _ in range(5):
        search(client)
    problem = refused(lambda: search(client))
    assert (problem.status, problem.error["policyName"]) == (429, "SECONDLY")
    assert not [name for name in problem.headers if "ratelimit" in name.lower()]
    slow_clock.now += 1
    assert search(client).total == 0


# tasks, notes, deals, associations


def task(client: HubSpot, *contact_ids: str, type_id: int = 204, **more: str) -> Any:
    associations = [
        {"to": {"id": one}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}
        for one in contact_ids
    ]
    values = {"hs_timestamp": "2026-11-23T09:00:00Z", "hs_task_subject": "Call Ann", **more}
    body = tasks.SimplePublicObjectInputForCreate(properties=values, associations=associations)
    return client.crm.objects.tasks.basic_api.create(body)


def test_a_task_is_made_for_a_contact(client: HubSpot) -> None:
    contact = create(client)
    made = task(client, contact.id, hs_task_priority="HIGH", hubspot_owner_id="101")
    read = client.crm.objects.tasks.basic_api.get_by_id(made.id, associations=["contacts"], properties=["hs_timestamp"])
    assert read.properties["hs_timestamp"] == "2026-11-23T09:00:00Z"
    assert [(one.id, one.type) for one in read.associations["contacts"].results] == [(contact.id, "task_to_contact")]


def test_a_task_for_a_contact_that_does_not_exist_is_refused_whole(sandbox: Server, client: HubSpot) -> None:
    problem = refused(lambda: task(client, "999"))
    assert (problem.status, problem.error["context"]["objectId"]) == (400, ["999"])
    assert not sandbox.hubspot.tasks


def test_a_task_with_a_notes_association_type_is_refused(client: HubSpot) -> None:
    contact = create(client)
    assert refused(lambda: task(client, contact.id, type_id=202)).status == 400


def test_a_task_must_be_due(client: HubSpot) -> None:
    problem = refused(lambda: task(client, hs_timestamp=""))
    assert problem.error["errors"][0]["context"]["propertyName"] == ["hs_timestamp"]


def test_a_due_date_in_milliseconds_is_kept_as_a_date(client: HubSpot) -> None:
    assert task(client, hs_timestamp="1795424400000").properties["hs_timestamp"] == "2026-11-23T09:00:00Z"


def test_tasks_have_no_idempotency(sandbox: Server, client: HubSpot) -> None:
    task(client)
    task(client)
    assert len(sandbox.hubspot.tasks) == 2


def test_tasks_are_made_and_read_in_batches(client: HubSpot) -> None:
    values = {"hs_timestamp": "2026-11-23T09:00:00Z", "hs_task_subject": "x"}
    inputs = [tasks.SimplePublicObjectBatchInputForCreate(properties=values, associations=[]) for _ in range(2)]
    made = client.crm.objects.tasks.batch_api.create(
        tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    )
    body = tasks.BatchReadInputSimplePublicObjectId(
        inputs=[{"id": one.id} for one in made.results], properties=["hs_task_subject"], properties_with_history=[]
    )
    read = client.crm.objects.tasks.batch_api.read(body)
    assert [one.properties["hs_task_subject"] for one in read.results] == ["x", "x"]


def test_tasks_are_searched_with_a_lag(timed: Server, slow_clock: Clock) -> None:
    client = sdk(timed)
    task(client)
    request = tasks.PublicObjectSearchRequest(filter_groups=[], sorts=[], properties=[], limit=10, after="0")
    assert client.crm.objects.tasks.search_api.do_search(request).total == 0
    slow_clock.now += 3
    assert client.crm.objects.tasks.search_api.do_search(request).total == 1


def test_a_note_is_made_for_a_contact(sandbox: Server, client: HubSpot) -> None:
    contact = create(client)
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]
    body = notes.SimplePublicObjectInputForCreate(
        properties={"hs_timestamp": "2026-11-23T09:00:00Z", "hs_note_body": "Ready"},
        associations=[{"to": {"id": contact.id}, "types": types}],
    )
    made = client.crm.objects.notes.basic_api.create(body)
    assert sandbox.hubspot.notes[made.id].properties["hs_note_body"] == "Ready"


def test_a_number_must_be_one(client: HubSpot) -> None:
    body = deals.SimplePublicObjectInputForCreate(properties={"dealname": "x", "amount": "much"}, associations=[])
    problem = refused(lambda: client.crm.deals.basic_api.create(body))
    assert problem.error["errors"][0]["code"] == "INVALID_NUMBER"


def own_date(client: HubSpot) -> None:
    made = properties.PropertyCreate(
        name="trial_end", label="x", type="date", field_type="date", group_name="contactinformation"
    )
    client.crm.properties.core_api.create("contacts", made)


@pytest.mark.parametrize("value", ["2026-11-23", "1795392000000"])
def test_a_date_is_a_day(client: HubSpot, value: str) -> None:
    own_date(client)
    assert create(client, trial_end=value).properties["trial_end"] == "2026-11-23"


def test_a_date_is_at_midnight(client: HubSpot) -> None:
    own_date(client)
    problem = refused(lambda: create(client, trial_end="1795392000001"))
    assert problem.error["errors"][0]["code"] == "INVALID_DATE"


def test_two_records_are_linked_the_usual_way(client: HubSpot) -> None:
    contact, made = create(client), task(client)
    answer = client.crm.associations.v4.basic_api.create_default("tasks", made.id, "contacts", contact.id)
    assert sorted(one.association_spec.association_type_id for one in answer.results) == [203, 204]
    page = client.crm.associations.v4.basic_api.get_page("contacts", contact.id, "tasks")
    assert [one.to_object_id for one in page.results] == [made.id]


def test_linking_twice_links_once(client: HubSpot) -> None:
    contact, made = create(client), task(client)
    for _ in range(2):
        client.crm.associations.v4.basic_api.create_default("tasks", made.id, "contacts", contact.id)
    assert len(client.crm.associations.v4.basic_api.get_page("contacts", contact.id, "tasks").results) == 1


def test_what_does_not_exist_is_not_linked(client: HubSpot) -> None:
    made = task(client)
    call = client.crm.associations.v4.basic_api.create_default
    assert refused(lambda: call("tasks", made.id, "contacts", "999")).status == 404


def test_many_pairs_are_linked(client: HubSpot) -> None:
    contact, made = create(client), task(client)
    body = v4.BatchInputPublicDefaultAssociationMultiPost(
        inputs=[
            v4.PublicDefaultAssociationMultiPost(_from={"id": made.id}, to={"id": contact.id}),
            v4.PublicDefaultAssociationMultiPost(_from={"id": made.id}, to={"id": "999"}),
        ]
    )
    answer = client.crm.associations.v4.batch_api.create_default("tasks", "contacts", body)
    assert len(answer.results) == 1
    assert answer.errors[0].context["toObjectId"] == ["999"]


def test_the_contacts_of_many_deals_are_read_and_a_lonely_deal_is_an_error(sandbox: Server, client: HubSpot) -> None:
    contact = create(client)
    deal = sandbox.hubspot.act("create_deal", contacts=[EMAIL])
    lonely = sandbox.hubspot.act("create_deal")
    body = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": deal["id"]}, {"id": lonely["id"]}])
    answer = client.crm.associations.v4.batch_api.get_page("deals", "contacts", body)
    (result,) = answer.results
    assert (result._from.id, [one.to_object_id for one in result.to]) == (deal["id"], [contact.id])
    assert answer.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"


def test_version_4_tells_ids_as_numbers(sandbox: Server, client: HubSpot) -> None:
    contact, made = create(client), task(client)
    client.crm.associations.v4.basic_api.create_default("tasks", made.id, "contacts", contact.id)
    answer = raw(client, "GET", f"/crm/v4/objects/contacts/{contact.id}/associations/tasks").json()
    assert answer["results"][0]["toObjectId"] == int(made.id)


def test_a_deal_is_read(sandbox: Server, client: HubSpot) -> None:
    deal = sandbox.hubspot.act("create_deal", dealname="Big", amount=900)
    read = client.crm.deals.basic_api.get_by_id(deal["id"], properties=["dealname", "amount", "dealstage"])
    assert (read.properties["amount"], read.properties["dealstage"]) == ("900", "appointmentscheduled")


def test_deals_are_read_by_their_number_too(sandbox: Server, client: HubSpot) -> None:
    deal = sandbox.hubspot.act("create_deal")
    answer = raw(client, "POST", "/crm/v3/objects/0-3/batch/read", {"inputs": [{"id": deal["id"]}]})
    assert answer.json()["results"][0]["id"] == deal["id"]


# owners, properties, lists


def test_an_owner_is_found_by_address(client: HubSpot) -> None:
    (owner,) = client.crm.owners.owners_api.get_page(email="ada.rep@example.com", limit=100).results
    assert (owner.id, owner.user_id) == ("101", 9001)


def test_owners_who_left_are_not_listed(client: HubSpot) -> None:
    assert [one.id for one in client.crm.owners.owners_api.get_page().results] == ["101", "102"]
    assert [one.id for one in client.crm.owners.owners_api.get_page(archived=True).results] == ["103"]


def test_an_owner_is_read_by_id_or_user_id(client: HubSpot) -> None:
    assert client.crm.owners.owners_api.get_by_id(101).email == "ada.rep@example.com"
    assert client.crm.owners.owners_api.get_by_id(9002, id_property="userId").id == "102"
    assert refused(lambda: client.crm.owners.owners_api.get_by_id(9002)).status == 404


def test_a_property_of_ones_own_is_made_and_then_takes_values(client: HubSpot) -> None:
    own = properties.PropertyCreate(
        name="baton_score", label="Score", type="number", field_type="number", group_name="contactinformation"
    )
    assert client.crm.properties.core_api.create("contacts", own).hubspot_defined is False
    assert create(client, baton_score="12.5").properties["baton_score"] == "12.5"
    assert refused(lambda: client.crm.properties.core_api.create("contacts", own)).status == 409


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "Baton Score"}, id="name"),
        pytest.param({"type": "colour"}, id="type"),
        pytest.param({"groupName": "nogroup"}, id="group"),
        pytest.param({"type": "enumeration"}, id="options"),
        pytest.param({"label": None}, id="label"),
    ],
)
def test_a_property_that_makes_no_sense_is_refused(client: HubSpot, change: dict) -> None:
    usual = {"name": "x", "label": "X", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    assert raw(client, "POST", "/crm/v3/properties/contacts", {**usual, **change}).status_code == 400


def test_properties_are_listed_and_read(client: HubSpot) -> None:
    names = [one.name for one in client.crm.properties.core_api.get_all("contacts").results]
    assert {"email", "lifecyclestage", "hs_lead_status"} <= set(names)
    stage = client.crm.properties.core_api.get_by_name("contacts", "lifecyclestage")
    assert [one.value for one in stage.options][:2] == ["subscriber", "lead"]
    assert refused(lambda: client.crm.properties.core_api.get_by_name("contacts", "shoe")).status == 404


def test_options_can_be_added(client: HubSpot) -> None:
    held = client.crm.properties.core_api.get_by_name("contacts", "hs_lead_status").options
    more = [*held, properties.OptionInput(label="Accepted", value="Accepted", hidden=False)]
    client.crm.properties.core_api.update("contacts", "hs_lead_status", properties.PropertyUpdate(options=more))
    assert create(client, hs_lead_status="Accepted").properties["hs_lead_status"] == "Accepted"


def test_own_properties_are_archived_and_hubspots_are_not(client: HubSpot) -> None:
    own_date(client)
    client.crm.properties.core_api.archive("contacts", "trial_end")
    assert refused(lambda: client.crm.properties.core_api.get_by_name("contacts", "trial_end")).status == 404
    assert refused(lambda: client.crm.properties.core_api.archive("contacts", "email")).status == 400


def test_property_groups_are_made(client: HubSpot) -> None:
    made = properties.PropertyGroupCreate(name="baton", label="Baton", display_order=1)
    assert client.crm.properties.groups_api.create("contacts", made).name == "baton"
    assert "baton" in [one.name for one in client.crm.properties.groups_api.get_all("contacts").results]


def test_contacts_are_put_onto_a_list(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    answer = client.crm.lists.memberships_api.add("1", [made.id, "999"])
    assert (answer.records_ids_added, answer.record_ids_missing) == ([made.id], ["999"])
    assert [one.record_id for one in client.crm.lists.memberships_api.get_page("1").results] == [made.id]


def test_contacts_are_taken_off_a_list(client: HubSpot) -> None:
    made = create(client)
    client.crm.lists.memberships_api.add("1", [made.id])
    assert client.crm.lists.memberships_api.remove("1", [made.id]).record_ids_removed == [made.id]
    assert client.crm.lists.memberships_api.get_page("1").results == []


def test_members_are_exchanged(client: HubSpot) -> None:
    old, new = create(client), create(client, "ben@example.com")
    client.crm.lists.memberships_api.add("1", [old.id])
    change = lists.MembershipChangeRequest(record_ids_to_add=[new.id], record_ids_to_remove=[old.id])
    answer = client.crm.lists.memberships_api.add_and_remove("1", change)
    assert (answer.records_ids_added, answer.record_ids_removed) == ([new.id], [old.id])


def test_the_lists_of_a_contact(client: HubSpot) -> None:
    made = create(client)
    client.crm.lists.memberships_api.add("1", [made.id])
    assert [one.list_id for one in client.crm.lists.memberships_api.get_lists("0-1", made.id).results] == ["1"]


def test_a_dynamic_list_takes_nobody_by_hand(client: HubSpot) -> None:
    made = client.crm.lists.lists_api.create(
        lists.ListCreateRequest(name="Hot", processing_type="DYNAMIC", object_type_id="0-1")
    )
    assert refused(lambda: client.crm.lists.memberships_api.add(made.list.list_id, ["1"])).status == 400


def test_a_list_that_does_not_exist_is_404(client: HubSpot) -> None:
    assert refused(lambda: client.crm.lists.memberships_api.add("99", ["1"])).status == 404


def test_lists_are_found_by_name(client: HubSpot) -> None:
    assert client.crm.lists.lists_api.get_by_name("Newsletter", "0-1").list.list_id == "1"
    found = client.crm.lists.lists_api.do_search(lists.ListSearchRequest(query="news", offset=0, count=10))
    assert [one.name for one in found.lists] == ["Newsletter"]
    assert client.crm.lists.lists_api.get_by_id("1").list.processing_type == "MANUAL"


# communication preferences

V4 = "/communication-preferences/v4"


def status(client: HubSpot, email: str = EMAIL) -> dict[int, str]:
    answer = raw(client, "GET", f"{V4}/statuses/{quote(email)}", channel="EMAIL").json()
    return {one["subscriptionId"]: one["status"] for one in answer["results"]}


def set_status(client: HubSpot, state: str, email: str = EMAIL, **more: Any) -> requests.Response:
    body = {"subscriptionId": 1, "statusState": state, "channel": "EMAIL", **more}
    return raw(client, "POST", f"{V4}/statuses/{quote(email)}", body)


def test_a_person_has_no_status_at_first(client: HubSpot) -> None:
    assert status(client) == {1: "NOT_SPECIFIED", 2: "NOT_SPECIFIED", 3: "NOT_SPECIFIED"}


def test_a_person_is_subscribed_to_one_kind(client: HubSpot) -> None:
    assert set_status(client, "SUBSCRIBED").json()["results"][0]["status"] == "SUBSCRIBED"
    assert status(client)[1] == "SUBSCRIBED"
    assert status(client)[2] == "NOT_SPECIFIED"


def test_an_opt_out_of_everything_marks_the_contact(sandbox: Server, client: HubSpot) -> None:
    create(client)
    answer = raw(client, "POST", f"{V4}/statuses/{quote(EMAIL)}/unsubscribe-all", channel="EMAIL")
    assert answer.json()["status"] == "COMPLETE"
    assert set(status(client).values()) == {"UNSUBSCRIBED"}
    assert sandbox.hubspot.contact(EMAIL)["hs_email_optout"] == "true"
    assert (
        raw(client, "GET", f"{V4}/statuses/{quote(EMAIL)}/unsubscribe-all", channel="EMAIL").json()["results"][0][
            "status"
        ]
        == "UNSUBSCRIBED"
    )


def test_an_opt_out_outlives_the_contact(client: HubSpot) -> None:
    raw(client, "POST", f"{V4}/statuses/{quote(EMAIL)}/unsubscribe-all", channel="EMAIL")
    create(client)
    read = client.crm.contacts.basic_api.get_by_id(EMAIL, id_property="email", properties=["hs_email_optout"])
    assert read.properties["hs_email_optout"] == "true"


def test_version_4_lifts_an_opt_out_and_says_so(sandbox: Server, client: HubSpot) -> None:
    create(client)
    sandbox.hubspot.act("opt_out", contact=EMAIL)
    answer = set_status(client, "SUBSCRIBED").json()["results"][0]
    assert answer["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    assert sandbox.hubspot.contact(EMAIL)["hs_email_optout"] == "false"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"subscriptionId": 99}, id="unknown kind"),
        pytest.param({"channel": "SMS"}, id="channel"),
        pytest.param({"statusState": "MAYBE"}, id="state"),
        pytest.param({"legalBasis": "LEGITIMATE_INTEREST_PQL"}, id="basis without explanation"),
    ],
)
def test_a_status_that_makes_no_sense_is_refused(client: HubSpot, change: dict) -> None:
    state = change.pop("statusState", "SUBSCRIBED")
    assert set_status(client, state, **change).status_code == 400


def test_the_channel_is_required(client: HubSpot) -> None:
    assert raw(client, "GET", f"{V4}/statuses/{quote(EMAIL)}").status_code == 400


def test_statuses_are_written_and_read_in_batches(client: HubSpot) -> None:
    one = {"subscriberIdString": EMAIL, "subscriptionId": 1, "statusState": "UNSUBSCRIBED", "channel": "EMAIL"}
    assert raw(client, "POST", f"{V4}/statuses/batch/write", {"inputs": [one]}).status_code == 200
    answer = raw(client, "POST", f"{V4}/statuses/batch/read", {"inputs": [EMAIL]}, channel="EMAIL").json()
    assert answer["results"][0]["statuses"][0]["status"] == "UNSUBSCRIBED"


def test_many_people_opt_out_at_once(client: HubSpot) -> None:
    path = f"{V4}/statuses/batch/unsubscribe-all"
    raw(client, "POST", path, {"inputs": [EMAIL, "ben@example.com"]}, channel="EMAIL")
    answer = raw(client, "POST", f"{path}/read", {"inputs": [EMAIL]}, channel="EMAIL").json()
    assert answer["results"][0]["wideStatuses"][0]["status"] == "UNSUBSCRIBED"


def test_the_kinds_are_listed(client: HubSpot) -> None:
    found = raw(client, "GET", f"{V4}/definitions").json()["results"]
    old = client.communication_preferences.definition_api.get_page().subscription_definitions
    assert [one["id"] for one in found] == [one.id for one in old] == ["1", "2", "3"]


def old_request() -> PublicUpdateSubscriptionStatusRequest:
    return PublicUpdateSubscriptionStatusRequest(email_address=EMAIL, subscription_id="1")


def test_version_3_subscribes_and_unsubscribes(client: HubSpot) -> None:
    api = client.communication_preferences.status_api
    assert api.subscribe(old_request()).status == "SUBSCRIBED"
    assert api.unsubscribe(old_request()).status == "NOT_SUBSCRIBED"
    assert status(client)[1] == "UNSUBSCRIBED"
    assert api.get_email_status(EMAIL).subscription_statuses[0].status == "NOT_SUBSCRIBED"


def test_version_3_brings_nobody_back(client: HubSpot) -> None:
    api = client.communication_preferences.status_api
    api.unsubscribe(old_request())
    assert refused(lambda: api.subscribe(old_request())).status == 400


# conversations


@pytest.mark.parametrize("base", ["/conversations/v3/conversations", "/conversations/conversations/2026-09"])
def test_a_thread_is_read(sandbox: Server, client: HubSpot, base: str) -> None:
    contact = create(client)
    thread = sandbox.hubspot.act("new_message", contact=EMAIL, text="Hi")["thread"]
    held = raw(client, "GET", f"{base}/threads/{thread}").json()
    assert (held["associatedContactId"], held["status"]) == (contact.id, "OPEN")
    found = raw(client, "GET", f"{base}/threads", associatedContactId=contact.id).json()
    assert [one["id"] for one in found["results"]] == [thread]


def test_the_messages_of_a_thread(sandbox: Server, client: HubSpot) -> None:
    create(client)
    thread = sandbox.hubspot.act("new_message", contact=EMAIL, text="Hi")["thread"]
    sandbox.hubspot.act("new_message", thread=thread, text="Hello", direction="OUTGOING")
    held = raw(client, "GET", f"/conversations/v3/conversations/threads/{thread}/messages").json()["results"]
    assert [(one["direction"], one["text"]) for one in held] == [("INCOMING", "Hi"), ("OUTGOING", "Hello")]


def test_a_closed_thread_says_so(sandbox: Server, client: HubSpot) -> None:
    create(client)
    thread = sandbox.hubspot.act("new_message", contact=EMAIL)["thread"]
    sandbox.hubspot.act("close_thread", thread=thread)
    held = raw(client, "GET", f"/conversations/v3/conversations/threads/{thread}").json()
    assert (held["status"], "closedAt" in held) == ("CLOSED", True)


# paths with a date


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/crm/objects/2026-09/contacts", None),
        ("POST", "/crm/objects/2026-09/contacts/batch/read", {"inputs": [{"id": EMAIL}], "idProperty": "email"}),
        ("GET", "/crm/owners/2026-09", None),
        ("GET", "/crm/owners/2026-09/101", None),
        ("GET", "/crm/properties/2026-09/contacts", None),
        ("GET", "/crm/lists/2026-09/1/memberships", None),
        ("GET", "/communication-preferences/2026-09/definitions", None),
        ("GET", "/communication-preferences/2026-09/status/email/a%40example.com", None),
        ("POST", "/communication-preferences/2026-09/unsubscribe", {"emailAddress": EMAIL, "subscriptionId": "1"}),
    ],
)
def test_paths_with_a_date_lead_to_the_same(client: HubSpot, method: str, path: str, body: object) -> None:
    create(client)
    assert raw(client, method, path, body).status_code == 200


def test_associations_have_dated_paths_too(client: HubSpot) -> None:
    contact, made = create(client), task(client)
    path = f"/crm/objects/2026-09/tasks/{made.id}/associations/default/contacts/{contact.id}"
    assert raw(client, "PUT", path).status_code == 200
    body = {"inputs": [{"id": made.id}]}
    assert raw(client, "POST", "/crm/associations/2026-09/tasks/contacts/batch/read", body).status_code == 200


# limits


def test_the_limits_are_in_the_headers(client: HubSpot) -> None:
    headers = raw(client, "GET", "/crm/v3/owners").headers
    assert headers["X-HubSpot-RateLimit-Max"] == "190"
    assert headers["X-HubSpot-RateLimit-Remaining"] == "189"
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert headers["X-HubSpot-RateLimit-Daily"] == "650000"
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "649999"


def test_more_than_190_calls_in_ten_seconds_are_refused(timed: Server, slow_clock: Clock) -> None:
    client = sdk(timed)
    timed.hubspot.configure(calls_per_window=3)
    answers = [raw(client, "GET", "/crm/v3/owners") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    told = answers[3].json()
    assert (told["errorType"], told["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "Retry-After" not in answers[3].headers
    slow_clock.now += 10
    assert raw(client, "GET", "/crm/v3/owners").status_code == 200


def test_the_day_has_an_end(timed: Server, slow_clock: Clock) -> None:
    timed.hubspot.configure(calls_per_day=1)
    answers = [raw(sdk(timed), "GET", "/crm/v3/owners") for _ in range(2)]
    assert answers[1].json()["policyName"] == "DAILY"
    slow_clock.now += 86_400
    assert raw(sdk(timed), "GET", "/crm/v3/owners").status_code == 200


# webhooks


def hooked(sandbox: Server, **options: Any) -> str:
    url = f"{sandbox.url}/alerts/webhooks/hubspot?a=b"
    sandbox.hubspot.hook(url, secret=SECRET, **options)
    return url


def told(sandbox: Server) -> list[dict]:
    """The events that arrived."""
    assert sandbox.hubspot.settle()
    bodies = [alert["body"] for alert in sandbox.alerts]
    return [event for body in bodies for event in (body if isinstance(body, list) else [body])]


def of(events: list[dict], kind: str) -> list[dict]:
    return [event for event in events if event["subscriptionType"] == kind]


def test_webhooks_are_signed_as_the_sdk_checks(sandbox: Server, client: HubSpot) -> None:
    url = hooked(sandbox)
    create(client)
    assert told(sandbox)
    call = sandbox.called("alerts")[0]
    assert Signature.is_valid(
        signature=call.headers["x-hubspot-signature-v3"],
        client_secret=SECRET,
        request_body=call.sent.decode(),
        http_uri=url,
        signature_version="v3",
        timestamp=call.headers["x-hubspot-request-timestamp"],
    )


def test_crm_webhooks_carry_the_old_signature_beside_it(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox)
    create(client)
    assert told(sandbox)
    call = sandbox.called("alerts")[0]
    assert call.headers["x-hubspot-signature"] == hashlib.sha256(SECRET.encode() + call.sent).hexdigest()
    assert call.headers["x-hubspot-signature-version"] == "v1"


def test_another_address_can_be_signed_than_called(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, signed_url="https://baton.example.com/webhooks/hubspot")
    create(client)
    assert told(sandbox)
    call = sandbox.called("alerts")[0]
    assert Signature.is_valid(
        signature=call.headers["x-hubspot-signature-v3"],
        client_secret=SECRET,
        request_body=call.sent.decode(),
        http_uri="https://baton.example.com/webhooks/hubspot",
        signature_version="v3",
        timestamp=call.headers["x-hubspot-request-timestamp"],
    )


def test_some_characters_of_a_signed_address_are_decoded() -> None:
    assert signed_uri("https://x.example/a%3Ab%20c%2Fd?e=%40f%26#g") == "https://x.example/a:b%20c/d?e=@f%26"


def test_a_creation_comes_after_its_property_changes_and_names_no_address_of_its_own(
    sandbox: Server, client: HubSpot
) -> None:
    hooked(sandbox)
    made = create(client, firstname="Ann")
    events = told(sandbox)
    kinds = [(event["subscriptionType"], event.get("propertyName")) for event in events]
    assert kinds[-1] == ("contact.creation", None)
    assert ("contact.propertyChange", "firstname") in kinds
    assert {event["objectId"] for event in events} == {int(made.id)}
    assert [event["propertyName"] for event in events if EMAIL in json.dumps(event)] == ["email"]


def test_our_writes_come_back_as_an_integrations(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox)
    create(client)
    update(client, EMAIL, "email", city="Ulm")
    event = told(sandbox)[-1]
    assert (event["changeSource"], event["sourceId"]) == ("INTEGRATION", str(event["appId"]))
    assert (event["propertyName"], event["propertyValue"], event["attemptNumber"]) == ("city", "Ulm", 0)
    assert event["occurredAt"] > 1_700_000_000_000


def test_echoes_can_be_switched_off(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, echo=False)
    create(client)
    sandbox.hubspot.act("set_property", contact=EMAIL, name="city", value="Ulm")
    assert [event["changeSource"] for event in told(sandbox)] == ["CRM_UI"]


def test_what_people_do_comes_from_the_screens(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    sandbox.hubspot.act("verdict", contact=EMAIL, value="CONNECTED")
    (event,) = told(sandbox)
    assert (event["changeSource"], event["sourceId"]) == ("CRM_UI", "userId:9001")
    assert (event["propertyName"], event["propertyValue"]) == ("hs_lead_status", "CONNECTED")


def test_a_verdict_that_the_property_lacks_is_added_by_the_admin(sandbox: Server, client: HubSpot) -> None:
    create(client)
    sandbox.hubspot.act("verdict", contact=EMAIL, value="Not a Fit")
    assert sandbox.hubspot.contact(EMAIL)["hs_lead_status"] == "Not a Fit"
    assert update(client, EMAIL, "email", hs_lead_status="Not a Fit")


def test_what_does_not_change_tells_nothing(sandbox: Server, client: HubSpot) -> None:
    create(client, city="Ulm")
    hooked(sandbox)
    update(client, EMAIL, "email", city="Ulm")
    assert told(sandbox) == []


def test_events_come_in_the_new_style(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, object_style="object")
    create(client)
    kinds = {event["subscriptionType"]: event for event in told(sandbox)}
    assert set(kinds) == {"object.propertyChange", "object.creation"}
    assert kinds["object.propertyChange"]["objectTypeId"] == "0-1"
    assert kinds["object.propertyChange"]["isSensitive"] is False


def test_an_array_has_at_most_a_hundred_events(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, delay_ms=200)
    upsert(client, *((f"a{n}@example.com", {"city": "Ulm"}) for n in range(60)))
    assert len(told(sandbox)) == 240
    assert max(len(alert["body"]) for alert in sandbox.alerts) == 100


def test_event_ids_are_not_unique(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, delay_ms=100)
    ids = [create(client, f"a{n}@example.com").id for n in range(3)]
    sandbox.hubspot.act("delete_contact", contacts=ids)
    gone = of(told(sandbox), "contact.deletion")
    assert [event["objectId"] for event in gone] == [int(one) for one in ids]
    assert len({event["eventId"] for event in gone}) == 1


def test_a_date_is_told_in_milliseconds(sandbox: Server, client: HubSpot) -> None:
    own_date(client)
    hooked(sandbox)
    create(client, trial_end="2026-11-23")
    values = {event.get("propertyName"): event.get("propertyValue") for event in told(sandbox)}
    assert values["trial_end"] == "1795392000000"


def test_a_merge_tells_who_survives_and_who_is_gone(sandbox: Server, client: HubSpot) -> None:
    sandbox.hubspot.configure(merge_makes_new_id=True)
    first, second = create(client), create(client, "ann@home.example")
    hooked(sandbox)
    survivor = sandbox.hubspot.act("merge_contacts", primary=first.id, other=second.id)
    merged, *gone = told(sandbox)
    assert merged["subscriptionType"] == "contact.merge"
    assert merged["primaryObjectId"] == int(first.id)
    assert merged["newObjectId"] == int(survivor["id"])
    assert merged["mergedObjectIds"] == [int(first.id), int(second.id)]
    assert {event["subscriptionType"] for event in gone} == {"contact.deletion"}


def test_a_privacy_deletion_is_told_by_id_alone(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    hooked(sandbox, object_style="object")
    sandbox.hubspot.act("privacy_delete", contact=EMAIL)
    (event,) = told(sandbox)
    assert (event["subscriptionType"], event["objectId"]) == ("contact.privacyDeletion", int(made.id))
    assert "example.com" not in json.dumps(event)


def test_a_deal_tells_its_birth_and_both_sides_of_its_links(sandbox: Server, client: HubSpot) -> None:
    contact = create(client)
    hooked(sandbox)
    deal = sandbox.hubspot.act("create_deal", contacts=[EMAIL], dealname="Big")
    sandbox.hubspot.act("move_deal", deal=deal["id"], stage="closedwon")
    events = told(sandbox)
    (there,) = of(events, "deal.associationChange")
    (back,) = of(events, "contact.associationChange")
    assert (there["fromObjectId"], there["toObjectId"]) == (int(deal["id"]), int(contact.id))
    assert (back["associationType"], back["associationTypeId"]) == ("CONTACT_TO_DEAL", 4)
    assert of(events, "deal.propertyChange")[-1]["propertyValue"] == "closedwon"


def test_a_message_tells_only_its_thread(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    thread = sandbox.hubspot.act("new_message", contact=EMAIL)["thread"]
    sandbox.hubspot.act("close_thread", thread=thread)
    events = told(sandbox)
    kinds = ["conversation.creation", "conversation.newMessage", "conversation.propertyChange"]
    assert [event["subscriptionType"] for event in events] == kinds
    assert {event["objectId"] for event in events} == {int(thread)}
    assert events[1]["messageType"] == "MESSAGE"


def test_a_note_among_colleagues_is_a_comment(sandbox: Server, client: HubSpot) -> None:
    create(client)
    thread = sandbox.hubspot.act("new_message", contact=EMAIL)["thread"]
    hooked(sandbox)
    sandbox.hubspot.act("new_message", thread=thread, type="COMMENT", direction="OUTGOING")
    assert [event["messageType"] for event in told(sandbox)] == ["COMMENT"]


def test_a_booked_meeting_is_seen_on_the_contact(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    meeting = sandbox.hubspot.act("book_meeting", contact=EMAIL, at="2026-12-01T10:00:00Z")
    changed = [event.get("propertyName") for event in told(sandbox)]
    assert "engagements_last_meeting_booked" in changed
    read = client.crm.objects.meetings.basic_api.get_by_id(meeting["id"], properties=["hs_meeting_start_time"])
    assert read.properties["hs_meeting_start_time"] == "2026-12-01T10:00:00Z"


def test_a_reply_is_seen_on_the_contact(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    sandbox.hubspot.act("reply", contact=EMAIL)
    (event,) = told(sandbox)
    assert event["propertyName"] == "hs_sales_email_last_replied"
    assert event["propertyValue"].isdecimal()


def test_an_opt_out_is_seen_on_the_contact_and_in_the_statuses(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    sandbox.hubspot.act("opt_out", contact=EMAIL)
    changed = {event["propertyName"]: event["propertyValue"] for event in told(sandbox)}
    assert changed["hs_email_optout"] == "true"
    assert set(status(client).values()) == {"UNSUBSCRIBED"}


def test_an_opt_out_of_one_kind(sandbox: Server, client: HubSpot) -> None:
    create(client)
    hooked(sandbox)
    sandbox.hubspot.act("opt_out", contact=EMAIL, subscription=2)
    assert [event["propertyName"] for event in told(sandbox)] == ["hs_email_optout_2"]
    assert status(client)[1] == "NOT_SPECIFIED"


def test_a_rep_completes_a_task(sandbox: Server, client: HubSpot) -> None:
    made = task(client)
    sandbox.hubspot.act("set_property", object="tasks", id=made.id, name="hs_task_status", value="COMPLETED")
    assert sandbox.hubspot.tasks[made.id].properties["hs_task_status"] == "COMPLETED"


def test_a_workflow_posts_a_whole_contact_in_the_old_shape(sandbox: Server, client: HubSpot) -> None:
    made = create(client, firstname="Ann")
    hooked(sandbox)
    sandbox.hubspot.act("workflow_webhook", contact=EMAIL)
    (body,) = told(sandbox)
    assert (body["vid"], body["properties"]["firstname"]) == (int(made.id), {"value": "Ann"})
    assert body["properties"]["createdate"]["value"].isdecimal()
    assert body["identity-profiles"][0]["identities"][0]["value"] == EMAIL


def test_a_workflow_posts_what_its_author_picked(sandbox: Server, client: HubSpot) -> None:
    made = create(client)
    hooked(sandbox)
    sandbox.hubspot.act("workflow_webhook", contact=EMAIL, properties=["email"], campaign="Spring")
    assert told(sandbox) == [{"hs_object_id": made.id, "email": EMAIL, "campaign": "Spring"}]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_workflows_webhook_is_signed_twice(sandbox: Server, client: HubSpot, version: str) -> None:
    create(client)
    url = hooked(sandbox)
    sandbox.hubspot.act("workflow_webhook", contact=EMAIL)
    assert told(sandbox)
    call = sandbox.called("alerts")[0]
    assert call.headers["x-hubspot-signature-version"] == "v2"
    assert Signature.is_valid(
        signature=call.headers["x-hubspot-signature" + ("-v3" if version == "v3" else "")],
        client_secret=SECRET,
        request_body=call.sent.decode(),
        http_uri=url,
        signature_version=version,
        timestamp=call.headers["x-hubspot-request-timestamp"],
    )


@pytest.mark.parametrize(("status_", "tries"), [(400, 1), (429, 2), (500, 2)])
def test_a_workflow_gives_up_at_a_4xx_other_than_429(
    sandbox: Server, client: HubSpot, status_: int, tries: int
) -> None:
    create(client)
    hooked(sandbox, retry_ms=10)
    sandbox.services["alerts"].fault(str(status_))
    sandbox.hubspot.act("workflow_webhook", contact=EMAIL)
    sandbox.hubspot.settle()
    assert len(sandbox.called("alerts")) == tries


def test_crm_webhooks_come_again_after_a_4xx(sandbox: Server, client: HubSpot) -> None:
    hooked(sandbox, retry_ms=10, delay_ms=50)
    sandbox.services["alerts"].fault("400")
    create(client)
    assert {event["attemptNumber"] for event in told(sandbox)} == {1}
