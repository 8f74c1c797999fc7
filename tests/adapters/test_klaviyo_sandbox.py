"""The simulated Klaviyo, driven by Klaviyo's own SDK over HTTP."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from klaviyo_api import KlaviyoAPI

from adapters.klaviyo.sandbox.edge import signature
from adapters.sandbox.server import Server, serve

SECRET = "klaviyo-test-secret"
EMAIL = "ann@example.com"
PHONE = "+4930123456789"
HEADERS = {
    "Authorization": "Klaviyo-API-Key pk_x",
    "revision": "2026-10-15",
    "Content-Type": "application/vnd.api+json",
}


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
    running.klaviyo.configure(job_seconds=0)
    return running


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running_by_clock(clock: Clock) -> Iterator[Server]:
    with serve(clock=clock) as server:
        yield server


@pytest.fixture
def timed(running_by_clock: Server) -> Server:
    running_by_clock.reset()
    running_by_clock.klaviyo.configure(job_seconds=0)
    return running_by_clock


def sdk(sandbox: Server, key: str = "pk_x") -> KlaviyoAPI:
    return KlaviyoAPI(key, max_retries=1, test_host=f"{sandbox.url}/klaviyo")


@pytest.fixture
def client(sandbox: Server) -> KlaviyoAPI:
    return sdk(sandbox)


def refused(call: Callable[[], Any]) -> Any:
    """The SDK's exception, with its first error as ``error``."""
    with pytest.raises(Exception, match="Reason") as caught:
        call()
    (caught.value.error,) = json.loads(caught.value.body)["errors"]
    return caught.value


def post(sandbox: Server, path: str, body: Any, **headers: str | None) -> requests.Response:
    """A call as no SDK would make it; a header of None is left out."""
    return requests.post(f"{sandbox.url}/klaviyo{path}", json=body, headers={**HEADERS, **headers})


def person(email: str = EMAIL, **more: Any) -> dict:
    return {"type": "profile", "attributes": {"email": email, **more}}


def imported(client: KlaviyoAPI, email: str = EMAIL, **more: Any) -> Any:
    return client.Profiles.create_or_update_profile({"data": person(email, **more)}).data


def event(metric: str = "Baton Handoff", who: dict | None = None, **more: Any) -> dict:
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    attributes = {"properties": {}, "metric": named, "profile": {"data": who or person()}, **more}
    return {"data": {"type": "event", "attributes": attributes}}


def consent_job(kind: str, state: str, *people: dict, list_id: str = "", channel: str = "email", **more: Any) -> dict:
    profiles = [
        {
            "type": "profile",
            "attributes": {**one["attributes"], "subscriptions": {channel: {"marketing": {"consent": state}}}},
        }
        for one in people
    ]
    data = {"type": kind, "attributes": {"profiles": {"data": profiles}, **more}}
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def subscribe(client: KlaviyoAPI, *people: dict, **more: Any) -> None:
    job = consent_job("profile-subscription-bulk-create-job", "SUBSCRIBED", *(people or (person(),)), **more)
    client.Profiles.bulk_subscribe_profiles(job)


def unsubscribe(client: KlaviyoAPI, *people: dict, **more: Any) -> None:
    job = consent_job("profile-subscription-bulk-delete-job", "UNSUBSCRIBED", *(people or (person(),)), **more)
    client.Profiles.bulk_unsubscribe_profiles(job)


def suppression_job(kind: str, *people: dict) -> dict:
    return {"data": {"type": kind, "attributes": {"profiles": {"data": list(people)}}}}


def suppress(client: KlaviyoAPI, *people: dict) -> Any:
    job = suppression_job("profile-suppression-bulk-create-job", *(people or (person(),)))
    return client.Profiles.bulk_suppress_profiles(job)


def newsletter(sandbox: Server) -> str:
    return next(iter(sandbox.klaviyo.lists))


def reasons(sandbox: Server, email: str = EMAIL) -> list[str]:
    return [one["reason"] for one in sandbox.klaviyo.profile(email).email.suppression]


# what every call needs


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        pytest.param({"Authorization": None}, 401, "not_authenticated", id="no key"),
        pytest.param({"Authorization": "pk_x"}, 401, "not_authenticated", id="key without its word"),
        pytest.param({"Authorization": "Klaviyo-API-Key wrong"}, 401, "authentication_failed", id="wrong key"),
        pytest.param({"revision": None}, 400, "invalid", id="no revision"),
        pytest.param({"revision": "latest"}, 400, "invalid", id="no date"),
        pytest.param({"revision": "2023-02-22"}, 410, "gone", id="retired revision"),
        pytest.param({"Content-Type": "text/plain"}, 415, "unsupported_media_type", id="content type"),
    ],
)
def test_a_call_needs_key_revision_and_type(sandbox: Server, headers: dict, status: int, code: str) -> None:
    sandbox.klaviyo.configure(api_key="pk_x")
    answer = post(sandbox, "/api/profile-import", {"data": person()}, **headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_an_error_is_written_as_klaviyo_writes_it(sandbox: Server) -> None:
    (error,) = post(sandbox, "/api/profile-import", {}).json()["errors"]
    assert error["status"] == 400
    assert {"id", "code", "title", "detail", "source", "links", "meta"} <= set(error)
    assert error["source"] == {"pointer": "/data"}


def test_answers_are_json_api(sandbox: Server) -> None:
    answer = post(sandbox, "/api/profile-import/", {"data": person()})
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/vnd.api+json")


def test_malformed_json_is_400(sandbox: Server) -> None:
    answer = requests.post(f"{sandbox.url}/klaviyo/api/events", data=b"{", headers=HEADERS)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/profile-import", []),
        ("/api/profile-import", {"data": {"type": "profile", "attributes": "x"}}),
        ("/api/events", {"data": {"type": "event", "attributes": {"properties": []}}}),
        ("/api/profile-suppression-bulk-create-jobs", {"data": {"type": "x", "attributes": {"profiles": []}}}),
        ("/api/lists/X/relationships/profiles", {"data": {"type": "profile", "id": "01J"}}),
    ],
)
def test_a_body_of_another_shape_is_400(sandbox: Server, path: str, body: object) -> None:
    assert post(sandbox, path, body).status_code == 400


def test_client_endpoints_are_not_for_servers(sandbox: Server) -> None:
    assert post(sandbox, "/client/events", {}).status_code == 404
    assert sandbox.calls[-1].unexpected


def test_the_account_is_read(client: KlaviyoAPI) -> None:
    assert client.Accounts.get_accounts().data[0].id == "SANDBX"


# profiles


def test_an_import_creates_and_then_changes(sandbox: Server) -> None:
    assert post(sandbox, "/api/profile-import", {"data": person()}).status_code == 201
    answer = post(sandbox, "/api/profile-import", {"data": person(first_name="Ann")})
    assert (answer.status_code, answer.json()["data"]["attributes"]["first_name"]) == (200, "Ann")
    assert len(sandbox.klaviyo.profiles) == 1


def test_an_import_finds_a_profile_by_any_identifier(client: KlaviyoAPI) -> None:
    made = imported(client, external_id="hs-1", phone_number=PHONE)
    for name, value in (("external_id", "hs-1"), ("phone_number", PHONE), ("email", "ANN@example.com")):
        data = {"data": {"type": "profile", "attributes": {name: value}}}
        assert client.Profiles.create_or_update_profile(data).data.id == made.id


def test_identifiers_of_two_profiles_are_a_conflict(client: KlaviyoAPI) -> None:
    imported(client)
    other = imported(client, "ben@example.com", external_id="hs-2")
    problem = refused(lambda: imported(client, external_id="hs-2"))
    assert (problem.status, problem.error["code"]) == (409, "duplicate_profile")
    assert problem.error["meta"] == {"duplicate_profile_id": other.id}


@pytest.mark.parametrize("phone", ["030 123456", "4930123456789", "+0123456789", "+49 30 123456789"])
def test_a_wrong_phone_number_refuses_the_whole_profile(sandbox: Server, phone: str) -> None:
    answer = post(sandbox, "/api/profile-import", {"data": person(phone_number=phone)})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"]["pointer"] == "/data/attributes/phone_number"
    assert not sandbox.klaviyo.profiles


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({}, id="no identifier"),
        pytest.param({"email": "ann(at)example.com"}, id="no address"),
        pytest.param({"email": EMAIL, "colour": "red"}, id="unknown attribute"),
        pytest.param({"email": EMAIL, "location": {"planet": "Mars"}}, id="unknown part of a location"),
        pytest.param({"email": EMAIL, "first_name": 7}, id="wrong type"),
        pytest.param({"email": EMAIL, "properties": {"x": "x" * 110_000}}, id="too large"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(sandbox: Server, attributes: dict) -> None:
    answer = post(sandbox, "/api/profile-import", {"data": {"type": "profile", "attributes": attributes}})
    assert answer.status_code == 400
    assert not sandbox.klaviyo.profiles


def test_another_type_is_refused(sandbox: Server) -> None:
    answer = post(sandbox, "/api/profile-import", {"data": {**person(), "type": "person"}})
    assert answer.json()["errors"][0]["source"]["pointer"] == "/data/type"


def test_null_clears_and_what_is_left_out_stays(sandbox: Server) -> None:
    post(sandbox, "/api/profile-import", {"data": person(first_name="Ann", properties={"a": 1})})
    post(sandbox, "/api/profile-import", {"data": person(first_name=None, properties={"b": 2})})
    held = sandbox.klaviyo.profile(EMAIL).attributes
    assert (held["first_name"], held["properties"]) == (None, {"a": 1, "b": 2})


def test_properties_are_appended_and_unset(sandbox: Server) -> None:
    post(sandbox, "/api/profile-import", {"data": person(properties={"tags": ["a", "b"], "old": 1})})
    change = {"append": {"tags": "c"}, "unappend": {"tags": "a"}, "unset": "old"}
    post(sandbox, "/api/profile-import", {"data": {**person(), "meta": {"patch_properties": change}}})
    assert sandbox.klaviyo.profile(EMAIL).attributes["properties"] == {"tags": ["b", "c"]}


def test_a_profile_is_created_once(client: KlaviyoAPI) -> None:
    made = client.Profiles.create_profile({"data": person()}).data
    problem = refused(lambda: client.Profiles.create_profile({"data": person()}))
    assert (problem.status, problem.error["meta"]["duplicate_profile_id"]) == (409, made.id)


def test_a_profile_is_updated(client: KlaviyoAPI) -> None:
    made = imported(client)
    data = {"type": "profile", "id": made.id, "attributes": {"first_name": "Ann", "email": "ann@new.example"}}
    changed = client.Profiles.update_profile(made.id, {"data": data}).data
    assert (changed.attributes.first_name, changed.attributes.email) == ("Ann", "ann@new.example")
    assert imported(client, "ann@new.example").id == made.id


def test_another_profiles_address_cannot_be_taken(client: KlaviyoAPI) -> None:
    made = imported(client)
    imported(client, "ben@example.com")
    data = {"type": "profile", "id": made.id, "attributes": {"email": "ben@example.com"}}
    assert refused(lambda: client.Profiles.update_profile(made.id, {"data": data})).status == 409


def test_an_unknown_profile_is_404(client: KlaviyoAPI) -> None:
    problem = refused(lambda: client.Profiles.get_profile("01J"))
    assert (problem.status, problem.error["code"]) == (404, "not_found")


def test_consent_is_read_on_demand(sandbox: Server, client: KlaviyoAPI) -> None:
    made = imported(client)
    assert client.Profiles.get_profile(made.id).data.attributes.subscriptions is None
    read = client.Profiles.get_profile(made.id, additional_fields_profile=["subscriptions"]).data
    marketing = read.attributes.subscriptions.email.marketing
    assert (marketing.consent, marketing.can_receive_email_marketing) == ("NEVER_SUBSCRIBED", True)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ('equals(email,"A@example.com")', ["a"]),
        ('any(email,["a@example.com","b@example.com"])', ["a", "b"]),
        ('equals(phone_number,"+4930123456789")', ["b"]),
        ('any(external_id,["x","y"])', ["c"]),
        ('equals(email,"nobody@example.com")', []),
        ("greater-than(updated,2020-01-01T00:00:00Z)", ["a", "b", "c"]),
        ("less-than(created,2020-01-01T00:00:00Z)", []),
        ('equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")', ["c"]),
        ("greater-or-equal(subscriptions.email.marketing.suppression.timestamp,2020-01-01T00:00:00Z)", ["c"]),
        ('and(equals(email,"a@example.com"),equals(email,"b@example.com"))', []),
    ],
)
def test_profiles_are_filtered(sandbox: Server, client: KlaviyoAPI, wanted: str, found: list) -> None:
    imported(client, "a@example.com")
    imported(client, "b@example.com", phone_number=PHONE)
    imported(client, "c@example.com", external_id="y")
    suppress(client, person("c@example.com"))
    answer = client.Profiles.get_profiles(filter=wanted, sort="email")
    assert [one.attributes.email[0] for one in answer.data] == found


def test_profiles_are_looked_up_many_at_a_time(client: KlaviyoAPI) -> None:
    ids = [imported(client, f"a{n}@example.com").id for n in range(3)]
    wanted = f"any(id,{json.dumps(ids[:2])})"
    assert {one.id for one in client.Profiles.get_profiles(filter=wanted).data} == set(ids[:2])


@pytest.mark.parametrize(
    "wanted",
    ["equals(colour,'red')", "contains(email,'a')", "equals(email)", "email=a", "greater-than(created,'soon')"],
)
def test_a_filter_that_makes_no_sense_is_refused(client: KlaviyoAPI, wanted: str) -> None:
    assert refused(lambda: client.Profiles.get_profiles(filter=wanted)).status == 400


def test_an_unknown_query_parameter_is_refused(sandbox: Server) -> None:
    answer = requests.get(f"{sandbox.url}/klaviyo/api/metrics", params={"page[size]": 10}, headers=HEADERS)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["detail"] == "'page_size' is not a valid field for the resource 'metric'."


def test_profiles_come_in_pages_with_a_cursor(client: KlaviyoAPI) -> None:
    for n in range(5):
        imported(client, f"a{n}@example.com")
    page = client.Profiles.get_profiles(page_size=2, sort="email")
    seen = [one.attributes.email for one in page.data]
    while page.links.next:
        (cursor,) = parse_qs(urlsplit(page.links.next).query)["page[cursor]"]
        page = client.Profiles.get_profiles(page_size=2, sort="email", page_cursor=cursor)
        seen += [one.attributes.email for one in page.data]
    assert seen == [f"a{n}@example.com" for n in range(5)]


def test_a_whole_link_is_no_cursor(client: KlaviyoAPI) -> None:
    for n in range(3):
        imported(client, f"a{n}@example.com")
    link = client.Profiles.get_profiles(page_size=2).links.next
    assert refused(lambda: client.Profiles.get_profiles(page_size=2, page_cursor=link)).status == 400


def test_a_page_has_at_most_a_hundred_profiles(sandbox: Server) -> None:
    answer = requests.get(f"{sandbox.url}/klaviyo/api/profiles", params={"page[size]": 101}, headers=HEADERS)
    assert answer.status_code == 400


def test_only_the_asked_fields_are_shown(sandbox: Server, client: KlaviyoAPI) -> None:
    imported(client)
    query = {"fields[profile]": "email"}
    answer = requests.get(f"{sandbox.url}/klaviyo/api/profiles", params=query, headers=HEADERS)
    assert answer.json()["data"][0]["attributes"] == {"email": EMAIL}


# imports, merges, erasure


def import_job(*people: dict, list_id: str = "") -> dict:
    data = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": list(people)}}}
    if list_id:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": list_id}]}}
    return {"data": data}


def test_an_import_job_takes_a_moment(timed: Server, clock: Clock) -> None:
    timed.klaviyo.configure(job_seconds=5)
    client = sdk(timed)
    job = client.Profiles.bulk_import_profiles(import_job(person())).data
    assert (job.attributes.status, len(timed.klaviyo.profiles)) == ("queued", 0)
    clock.now += 6
    done = client.Profiles.get_bulk_import_profiles_job(job.id).data.attributes
    assert (done.status, done.completed_count, done.failed_count) == ("complete", 1, 0)
    assert timed.klaviyo.profile(EMAIL)


def test_a_job_ends_by_itself(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.configure(job_seconds=0.05)
    client.Profiles.bulk_import_profiles(import_job(person()))
    assert sandbox.klaviyo.settle(2)
    assert sandbox.klaviyo.profile(EMAIL)


def test_an_import_job_takes_the_good_profiles_and_names_the_bad(sandbox: Server) -> None:
    answer = post(
        sandbox, "/api/profile-bulk-import-jobs", import_job(person("b@x.example", phone_number="1"), person())
    )
    number = answer.json()["data"]["id"]
    assert sandbox.klaviyo.profile(EMAIL)
    assert not sandbox.klaviyo.profile("b@x.example")
    (error,) = sdk(sandbox).Profiles.get_errors_for_bulk_import_profiles_job(number).data
    assert error.attributes.source.pointer == "/data/attributes/profiles/data/0/attributes/phone_number"


def test_an_import_puts_people_onto_lists(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Profiles.bulk_import_profiles(import_job(person(), list_id=newsletter(sandbox)))
    assert list(sandbox.klaviyo.lists[newsletter(sandbox)]["members"]) == [sandbox.klaviyo.profile(EMAIL).id]
    assert sandbox.klaviyo.profile(EMAIL).email.consent == "NEVER_SUBSCRIBED"


def test_an_import_has_at_most_ten_thousand_profiles(sandbox: Server) -> None:
    body = import_job(*[person()] * 10_001)
    assert post(sandbox, "/api/profile-bulk-import-jobs", body).status_code == 400


def test_an_unknown_job_is_404(client: KlaviyoAPI) -> None:
    assert refused(lambda: client.Profiles.get_bulk_import_profiles_job("01J")).status == 404


def merge_job(destination: str, *sources: str) -> dict:
    related = {"profiles": {"data": [{"type": "profile", "id": one} for one in sources]}}
    return {"data": {"type": "profile-merge", "id": destination, "relationships": related}}


def test_a_merge_moves_all_and_ends_the_source(sandbox: Server, client: KlaviyoAPI) -> None:
    source, destination = imported(client, "old@example.com", first_name="Ann"), imported(client)
    client.Events.create_event(event(who=person("old@example.com"), unique_id="e-1"))
    assert client.Profiles.merge_profiles(merge_job(destination.id, source.id)).data.id == destination.id
    assert refused(lambda: client.Profiles.get_profile(source.id)).status == 404
    held = sandbox.klaviyo.profile(EMAIL)
    assert held.attributes["first_name"] == "Ann"
    assert [one.profile for one in sandbox.klaviyo.happened("Baton Handoff")] == [destination.id]


def test_a_merge_leaves_a_tombstone(sandbox: Server, client: KlaviyoAPI) -> None:
    source, destination = imported(client, "old@example.com"), imported(client)
    client.Profiles.merge_profiles(merge_job(destination.id, source.id))
    (tombstone,) = sandbox.klaviyo.happened("Merged Profile", EMAIL)
    assert tombstone.properties["$event_id"] == f"merge_tombstone:{source.id}:{destination.id}"
    assert tombstone.properties["MergeType"] == "Merged via API"
    assert tombstone.properties["$extra"]["KlaviyoID"] == source.id


def test_a_merge_keeps_an_opt_out(sandbox: Server, client: KlaviyoAPI) -> None:
    source, destination = imported(client, "old@example.com"), imported(client)
    unsubscribe(client, person("old@example.com"))
    client.Profiles.merge_profiles(merge_job(destination.id, source.id))
    assert reasons(sandbox) == ["UNSUBSCRIBE"]


def test_one_profile_is_merged_at_a_time(client: KlaviyoAPI) -> None:
    ids = [imported(client, f"a{n}@example.com").id for n in range(3)]
    assert refused(lambda: client.Profiles.merge_profiles(merge_job(*ids))).status == 400


def erasure(who: dict) -> dict:
    return {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": who}}}}


def test_an_erased_profile_is_gone_with_its_events(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event())
    client.Data_Privacy.request_profile_deletion(erasure(person()))
    assert not sandbox.klaviyo.profiles
    assert not sandbox.klaviyo.happened("Baton Handoff")


def test_an_erasure_takes_exactly_one_identifier(client: KlaviyoAPI) -> None:
    both = erasure(person(phone_number=PHONE))
    assert refused(lambda: client.Data_Privacy.request_profile_deletion(both)).status == 400


# events


def test_an_event_is_accepted_with_its_profile_and_metric(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event(properties={"score": 91}, value=9.99, value_currency="EUR", unique_id="b-1"))
    (held,) = sandbox.klaviyo.happened("Baton Handoff", EMAIL)
    assert held.properties == {"score": 91, "$value": 9.99, "$value_currency": "EUR", "$event_id": "b-1"}
    assert sandbox.calls[-1].status == 202


def test_the_first_event_with_an_id_wins(sandbox: Server, client: KlaviyoAPI) -> None:
    for score in (1, 2):
        client.Events.create_event(event(properties={"score": score}, unique_id="b-1"))
    assert [one.properties["score"] for one in sandbox.klaviyo.happened("Baton Handoff")] == [1]


def test_an_id_counts_for_one_profile_and_metric(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event(unique_id="b-1"))
    client.Events.create_event(event("Baton Stage", unique_id="b-1"))
    client.Events.create_event(event(who=person("ben@example.com"), unique_id="b-1"))
    assert len(sandbox.klaviyo.events) == 3


def test_without_an_id_a_second_keeps_one_event(timed: Server, clock: Clock) -> None:
    client = sdk(timed)
    client.Events.create_event(event())
    clock.now += 0.5
    client.Events.create_event(event())
    assert len(timed.klaviyo.happened("Baton Handoff")) == 1
    clock.now += 0.5
    client.Events.create_event(event())
    assert len(timed.klaviyo.happened("Baton Handoff")) == 2


def test_an_event_writes_what_it_says_about_the_profile(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event(who=person(first_name="Ann")))
    assert sandbox.klaviyo.profile(EMAIL).attributes["first_name"] == "Ann"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"time": "1989-12-31T00:00:00Z"}, id="before 1990"),
        pytest.param({"time": "2099-01-01T00:00:00Z"}, id="more than a year ahead"),
        pytest.param({"time": "tomorrow"}, id="no date"),
        pytest.param({"value": "9.99"}, id="value is no number"),
        pytest.param({"properties": {str(n): n for n in range(401)}}, id="too many properties"),
        pytest.param({"metric": None}, id="no metric"),
        pytest.param({"profile": None}, id="no profile"),
        pytest.param({"profile": {"data": {"type": "profile", "attributes": {}}}}, id="nobody"),
        pytest.param({"profile": {"data": {"type": "profile", "attributes": {"phone_number": "1"}}}}, id="wrong phone"),
        pytest.param({"colour": "red"}, id="unknown field"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(sandbox: Server, change: dict) -> None:
    assert post(sandbox, "/api/events", event(**change)).status_code == 400
    assert not sandbox.klaviyo.events


def bulk(*items: tuple[dict, list[dict]]) -> dict:
    def bare(one: dict) -> dict:
        attributes = {name: value for name, value in one["data"]["attributes"].items() if name != "profile"}
        return {"type": "event", "attributes": attributes}

    data = [
        {
            "type": "event-bulk-create",
            "attributes": {"profile": {"data": who}, "events": {"data": [bare(one) for one in events]}},
        }
        for who, events in items
    ]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": data}}}}


def test_events_are_created_in_bulk(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.bulk_create_events(
        bulk((person(), [event(unique_id="1"), event(unique_id="2")]), (person("b@x.example"), [event(unique_id="1")]))
    )
    assert len(sandbox.klaviyo.happened("Baton Handoff")) == 3


@pytest.mark.parametrize("stored", [True, False])
def test_an_id_that_repeats_refuses_them_all(sandbox: Server, client: KlaviyoAPI, stored: bool) -> None:
    if stored:
        client.Events.create_event(event(unique_id="1"))
    events = [event(unique_id="2"), event(unique_id="1"), *([] if stored else [event(unique_id="1")])]
    assert refused(lambda: client.Events.bulk_create_events(bulk((person(), events)))).status == 400
    assert len(sandbox.klaviyo.events) == int(stored)


def test_a_bulk_has_at_most_a_thousand_events(sandbox: Server) -> None:
    events = [event(unique_id=str(n)) for n in range(501)]
    body = bulk((person(), events), (person("b@x.example"), events))
    assert post(sandbox, "/api/event-bulk-create-jobs", body).status_code == 400


def test_events_are_read_with_their_metrics_and_profiles(client: KlaviyoAPI) -> None:
    client.Events.create_event(event(unique_id="1"))
    answer = client.Events.get_events(include=["metric", "profile"], sort="datetime", page_size=200)
    (held,) = answer.data
    assert held.attributes.event_properties == {"$event_id": "1"}
    included = {one["id"]: one["attributes"] for one in answer.included}
    assert included[held.relationships.metric.data.id]["name"] == "Baton Handoff"
    assert included[held.relationships.profile.data.id]["email"] == EMAIL


def test_events_are_filtered_by_time_metric_and_profile(timed: Server, clock: Clock) -> None:
    client = sdk(timed)
    for metric, when in (("A", "2026-11-01T00:00:00Z"), ("B", "2026-11-02T00:00:00Z"), ("A", "2026-11-03T00:00:00Z")):
        client.Events.create_event(event(metric, time=when))
    number = timed.klaviyo.metric("A")
    wanted = f'greater-or-equal(datetime,2026-11-02T00:00:00Z),equals(metric_id,"{number}")'
    assert len(client.Events.get_events(filter=wanted).data) == 1
    assert len(client.Events.get_events(filter="less-than(timestamp,1793577600)").data) == 1
    assert len(client.Events.get_events(filter=f'equals(profile_id,"{timed.klaviyo.profile(EMAIL).id}")').data) == 3
    assert client.Events.get_events(filter='equals(profile_id,"01J")').data == []


def test_events_come_newest_first_unless_asked(client: KlaviyoAPI) -> None:
    for day in ("03", "01", "02"):
        client.Events.create_event(event(time=f"2026-11-{day}T00:00:00Z"))
    newest_first = [one.attributes.timestamp for one in client.Events.get_events().data]
    assert newest_first == sorted(newest_first, reverse=True)
    assert [one.attributes.timestamp for one in client.Events.get_events(sort="datetime").data] == newest_first[::-1]


def test_a_page_has_two_hundred_events_whatever_was_asked(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    for n in range(201):
        sandbox.klaviyo.act("event", profile=EMAIL, metric="X", unique_id=str(n))
    page = client.Events.get_events(page_size=1000)
    assert len(page.data) == 200
    (cursor,) = parse_qs(urlsplit(page.links.next).query)["page[cursor]"]
    assert len(client.Events.get_events(page_size=1000, page_cursor=cursor).data) == 1


def test_events_can_appear_late(timed: Server, clock: Clock) -> None:
    timed.klaviyo.configure(event_lag=60)
    client = sdk(timed)
    client.Events.create_event(event())
    assert client.Events.get_events().data == []
    clock.now += 60
    assert len(client.Events.get_events().data) == 1


def test_one_event_is_read(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event(unique_id="1"))
    number = sandbox.klaviyo.events[0].id
    assert client.Events.get_event(number).data.id == number


def test_metrics_tell_their_integration(client: KlaviyoAPI) -> None:
    client.Events.create_event(event())
    kinds = {one.attributes.name: one.attributes.integration["name"] for one in client.Metrics.get_metrics().data}
    assert kinds["Baton Handoff"] == "API"
    assert kinds["Opened Email"] == "Klaviyo"
    assert len(client.Metrics.get_metrics(filter="equals(integration.name,'API')").data) == 1


# consent


def test_subscribing_is_consent(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client, list_id=newsletter(sandbox), custom_source="Baton")
    held = sandbox.klaviyo.profile(EMAIL)
    assert (held.email.consent, held.can_receive_email) == ("SUBSCRIBED", True)
    assert held.id in sandbox.klaviyo.lists[newsletter(sandbox)]["members"]
    (told,) = sandbox.klaviyo.happened("Subscribed to Email Marketing", EMAIL)
    assert (told.properties["method"], told.properties["custom_method_detail"]) == ("API_V3_SUBSCRIBE", "Baton")
    assert sandbox.klaviyo.happened("Subscribed to List", EMAIL)


def test_subscribing_lifts_an_opt_out(sandbox: Server, client: KlaviyoAPI) -> None:
    unsubscribe(client)
    suppress(client)
    assert reasons(sandbox) == ["UNSUBSCRIBE", "USER_SUPPRESSED"]
    subscribe(client)
    assert reasons(sandbox) == []
    assert sandbox.klaviyo.profile(EMAIL).can_receive_email


def test_subscribing_does_not_mend_a_dead_address(sandbox: Server, client: KlaviyoAPI) -> None:
    imported(client)
    sandbox.klaviyo.act("bounce", profile=EMAIL)
    subscribe(client)
    assert reasons(sandbox) == ["HARD_BOUNCE"]
    assert not sandbox.klaviyo.profile(EMAIL).can_receive_email


def test_a_list_with_double_opt_in_asks_first(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.configure(double_opt_in=True)
    made = client.Lists.create_list({"data": {"type": "list", "attributes": {"name": "Slow"}}}).data
    subscribe(client, list_id=made.id)
    assert sandbox.klaviyo.profile(EMAIL).email.consent == "NEVER_SUBSCRIBED"
    sandbox.klaviyo.act("confirm", profile=EMAIL, list=made.id)
    assert sandbox.klaviyo.profile(EMAIL).email.consent == "SUBSCRIBED"


def test_a_historical_import_must_say_when(sandbox: Server) -> None:
    job = consent_job("profile-subscription-bulk-create-job", "SUBSCRIBED", person(), historical_import=True)
    assert post(sandbox, "/api/profile-subscription-bulk-create-jobs", job).status_code == 400


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(person(properties={"a": 1}), id="properties are not for this call"),
        pytest.param({"type": "profile", "attributes": {}}, id="nobody"),
        pytest.param(person(phone_number="1"), id="wrong phone"),
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(sandbox: Server, who: dict) -> None:
    job = consent_job("profile-subscription-bulk-create-job", "SUBSCRIBED", who)
    assert post(sandbox, "/api/profile-subscription-bulk-create-jobs", job).status_code == 400


def test_sms_is_a_channel_of_its_own(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client, person(phone_number=PHONE), channel="sms")
    held = sandbox.klaviyo.profile(EMAIL)
    assert (held.sms.consent, held.email.consent) == ("SUBSCRIBED", "NEVER_SUBSCRIBED")
    assert sandbox.klaviyo.happened("Subscribed to SMS Marketing", EMAIL)


def test_unsubscribing_without_a_list_is_from_everything(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client)
    unsubscribe(client)
    held = sandbox.klaviyo.profile(EMAIL)
    assert (held.email.consent, reasons(sandbox), held.can_receive_email) == ("UNSUBSCRIBED", ["UNSUBSCRIBE"], False)


def test_unsubscribing_from_a_list_that_one_is_on_leaves_the_rest(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client, list_id=newsletter(sandbox))
    unsubscribe(client, list_id=newsletter(sandbox))
    held = sandbox.klaviyo.profile(EMAIL)
    assert held.email.consent == "SUBSCRIBED"
    assert [one["list_id"] for one in held.email.list_suppressions] == [newsletter(sandbox)]
    assert held.id not in sandbox.klaviyo.lists[newsletter(sandbox)]["members"]


def test_unsubscribing_from_a_list_that_one_is_not_on_is_from_everything(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client)
    unsubscribe(client, list_id=newsletter(sandbox))
    assert reasons(sandbox) == ["UNSUBSCRIBE"]


def test_suppressing_leaves_consent_alone(sandbox: Server, client: KlaviyoAPI) -> None:
    subscribe(client)
    job = suppress(client).data
    held = sandbox.klaviyo.profile(EMAIL)
    assert (held.email.consent, reasons(sandbox), held.can_receive_email) == ("SUBSCRIBED", ["USER_SUPPRESSED"], False)
    assert client.Profiles.get_bulk_suppress_profiles_job(job.id).data.attributes.status == "complete"


def test_unsuppressing_takes_back_only_what_was_done_by_hand(sandbox: Server, client: KlaviyoAPI) -> None:
    unsubscribe(client)
    suppress(client)
    job = suppression_job("profile-suppression-bulk-delete-job", person())
    client.Profiles.bulk_unsuppress_profiles(job)
    assert reasons(sandbox) == ["UNSUBSCRIBE"]


@pytest.mark.parametrize(
    ("path", "most", "body"),
    [
        (
            "/api/profile-subscription-bulk-create-jobs",
            1000,
            lambda people: consent_job("profile-subscription-bulk-create-job", "SUBSCRIBED", *people),
        ),
        (
            "/api/profile-subscription-bulk-delete-jobs",
            100,
            lambda people: consent_job("profile-subscription-bulk-delete-job", "UNSUBSCRIBED", *people),
        ),
        (
            "/api/profile-suppression-bulk-create-jobs",
            100,
            lambda people: suppression_job("profile-suppression-bulk-create-job", *people),
        ),
    ],
)
def test_jobs_have_a_largest_size(sandbox: Server, path: str, most: int, body: Callable[[list], dict]) -> None:
    people = [person(f"a{n}@example.com") for n in range(most + 1)]
    assert post(sandbox, path, body(people[:-1])).status_code == 202
    assert post(sandbox, path, body(people)).status_code == 400


# lists


def members(*ids: str) -> dict:
    return {"data": [{"type": "profile", "id": one} for one in ids]}


def test_profiles_are_put_onto_a_list_without_consent(sandbox: Server, client: KlaviyoAPI) -> None:
    made = imported(client)
    client.Lists.add_profiles_to_list(newsletter(sandbox), members(made.id))
    assert [one.id for one in client.Lists.get_profile_ids_for_list(newsletter(sandbox)).data] == [made.id]
    assert [one.attributes.email for one in client.Lists.get_profiles_for_list(newsletter(sandbox)).data] == [EMAIL]
    assert sandbox.klaviyo.profile(EMAIL).email.consent == "NEVER_SUBSCRIBED"
    assert [one.id for one in client.Profiles.get_lists_for_profile(made.id).data] == [newsletter(sandbox)]


def test_profiles_are_taken_off_a_list(sandbox: Server, client: KlaviyoAPI) -> None:
    made = imported(client)
    client.Lists.add_profiles_to_list(newsletter(sandbox), members(made.id))
    client.Lists.remove_profiles_from_list(newsletter(sandbox), members(made.id))
    assert client.Lists.get_profile_ids_for_list(newsletter(sandbox)).data == []


def test_a_list_takes_a_thousand_profiles_at_a_time(sandbox: Server) -> None:
    path = f"/api/lists/{newsletter(sandbox)}/relationships/profiles"
    assert post(sandbox, path, members(*["01J"] * 1001)).status_code == 400


def test_a_list_takes_no_unknown_profile(sandbox: Server, client: KlaviyoAPI) -> None:
    assert refused(lambda: client.Lists.add_profiles_to_list(newsletter(sandbox), members("01J"))).status == 404


def test_an_unknown_list_is_404(client: KlaviyoAPI) -> None:
    assert refused(lambda: client.Lists.add_profiles_to_list("XXXXXX", members("01J"))).status == 404


def test_lists_are_made_and_found(client: KlaviyoAPI) -> None:
    made = client.Lists.create_list({"data": {"type": "list", "attributes": {"name": "VIP"}}}).data
    assert [one.id for one in client.Lists.get_lists(filter='equals(name,"VIP")').data] == [made.id]
    assert client.Lists.get_list(made.id).data.attributes.name == "VIP"
    assert len(client.Lists.get_lists().data) == 2


# limits


def test_the_limits_are_in_the_headers(sandbox: Server) -> None:
    headers = post(sandbox, "/api/events", event()).headers
    assert headers["ratelimit-limit"] == "350, 350;w=1, 3500;w=60"
    assert headers["ratelimit-remaining"] == "349"
    assert headers["ratelimit-reset"] == "1"


def test_a_burst_is_throttled_with_only_the_seconds_to_wait(timed: Server, clock: Clock) -> None:
    timed.klaviyo.configure(limits={"POST /api/events": [2, 3]})
    answers = [post(timed, "/api/events", event(unique_id=str(n))) for n in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    assert answers[2].headers["Retry-After"] == "1"
    assert "ratelimit-limit" not in answers[2].headers
    assert answers[2].json()["errors"][0]["code"] == "throttled"
    clock.now += 1
    assert post(timed, "/api/events", event(unique_id="4")).status_code == 202


def test_a_steady_stream_is_throttled_by_the_minute(timed: Server, clock: Clock) -> None:
    timed.klaviyo.configure(limits={"POST /api/events": [2, 3]})
    for n in range(3):
        clock.now += 1
        assert post(timed, "/api/events", event(unique_id=str(n))).status_code == 202
    clock.now += 1
    assert post(timed, "/api/events", event()).headers["Retry-After"] == "57"


def test_each_route_has_its_own_limit(timed: Server) -> None:
    paths = ("accounts", "accounts", "metrics")
    answers = [requests.get(f"{timed.url}/klaviyo/api/{path}", headers=HEADERS).status_code for path in paths]
    assert answers == [200, 429, 200]


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 503])
def test_faults_are_in_klaviyos_words(sandbox: Server, status: int) -> None:
    sandbox.klaviyo.fault(str(status))
    answer = post(sandbox, "/api/events", event())
    assert (answer.status_code, answer.json()["errors"][0]["status"]) == (status, status)
    assert not sandbox.klaviyo.events


def test_a_throttling_fault_says_when_to_come_back(sandbox: Server) -> None:
    sandbox.klaviyo.fault("429")
    assert post(sandbox, "/api/events", event()).headers["Retry-After"] == "1"
    sandbox.klaviyo.fault("429", retry_after="soon")
    assert post(sandbox, "/api/events", event()).headers["Retry-After"] == "soon"


# webhooks


def hooked(sandbox: Server, **options: Any) -> None:
    sandbox.klaviyo.hook(f"{sandbox.url}/alerts/webhooks/klaviyo", secret=SECRET, **options)


def told(sandbox: Server) -> list[dict]:
    """The events that arrived."""
    assert sandbox.klaviyo.settle()
    return [one for alert in sandbox.alerts for one in alert["body"]["data"]]


def test_the_signature_is_that_of_the_vector() -> None:
    body = (
        b'{"data":[{"external_id":"4L3cwQae2TX","topic":"event:klaviyo.sent_sms"}],"meta":{"klaviyo_webhook_id":'
        b'"a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"}}'
    )
    expected = "5aa0e720d80b3a04ca04baf3c65cdfe31da57504af69fee8da29c35d45f0596b"
    assert signature(SECRET, body, "Thu, 04 Jan 2024 18:05:25 GMT") == expected


def test_system_webhooks_are_signed(sandbox: Server, client: KlaviyoAPI) -> None:
    hooked(sandbox)
    client.Events.create_event(event())
    assert told(sandbox)
    call = sandbox.called("alerts")[0]
    date = call.headers["klaviyo-timestamp"]
    expected = hmac.new(SECRET.encode(), call.sent + date.encode(), hashlib.sha256).hexdigest()
    assert call.headers["klaviyo-signature"] == expected
    assert parsedate_to_datetime(date).tzinfo is not None
    meta = call.body["meta"]
    assert call.headers["klaviyo-webhook-id"] == meta["klaviyo_webhook_id"]
    assert meta["klaviyo_account_id"] == "SANDBX"


def test_an_event_tells_the_profiles_id_and_no_address(sandbox: Server, client: KlaviyoAPI) -> None:
    hooked(sandbox)
    client.Events.create_event(event(properties={"score": 91}, unique_id="b-1"))
    (one,) = told(sandbox)
    data = one["payload"]["data"]
    assert (one["topic"], one["external_id"]) == ("event:api.baton_handoff", data["id"])
    assert data["relationships"]["profile"]["data"]["id"] == sandbox.klaviyo.profile(EMAIL).id
    assert data["attributes"]["event_properties"] == {"score": 91, "$event_id": "b-1"}
    assert " " in data["attributes"]["datetime"]
    assert EMAIL not in json.dumps(one)


@pytest.mark.parametrize(
    ("act", "more", "topic", "says"),
    [
        ("receive", {}, "event:klaviyo.received_email", {"Email Domain": "example.com"}),
        ("open", {}, "event:klaviyo.opened_email", {"machine_open": False}),
        ("machine_open", {}, "event:klaviyo.opened_email", {"machine_open": True}),
        ("click", {"url": "https://x.example/a"}, "event:klaviyo.clicked_email", {"URL": "https://x.example/a"}),
        ("bot_click", {}, "event:klaviyo.clicked_email", {"Bot Click": True}),
        ("bounce", {}, "event:klaviyo.bounced_email", {"Bounce Type": "Hard"}),
        ("bounce", {"kind": "soft"}, "event:klaviyo.bounced_email", {"Bounce Type": "Soft"}),
        ("spam", {}, "event:klaviyo.marked_email_as_spam", {"Campaign Name": "Newsletter 1"}),
        ("suppress", {"method": "BOT_PROTECTION"}, "event:klaviyo.manually_suppressed_from_email_marketing",
         {"suppression_method": "BOT_PROTECTION", "email_address": EMAIL}),
        ("unsuppress", {}, "event:klaviyo.manually_unsuppressed_from_email_marketing", {"email_address": EMAIL}),
        ("subscribe", {}, "event:klaviyo.subscribed_to_email_marketing", {"method": "FORM", "email_address": EMAIL}),
        ("unsubscribe", {}, "event:klaviyo.unsubscribed_from_email_marketing", {"method": "PREFERENCE_PAGE"}),
        ("event", {"metric": "Placed Order", "value": 9.5, "unique_id": "o-1"}, "event:api.placed_order",
         {"$value": 9.5, "$event_id": "o-1"}),
    ],
)  # fmt: skip
def test_what_people_do_is_told(sandbox: Server, act: str, more: dict, topic: str, says: dict) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    hooked(sandbox, echo=False)
    sandbox.klaviyo.act(act, profile=EMAIL, **more)
    one = told(sandbox)[-1]
    assert one["topic"] == topic
    assert says.items() <= one["payload"]["data"]["attributes"]["event_properties"].items()


@pytest.mark.parametrize(
    ("more", "excluded"),
    [({}, True), ({"kind": "soft"}, False), ({"kind": "soft", "add_exclusion": True}, True)],
)
def test_a_bounce_may_end_an_address(sandbox: Server, more: dict, excluded: bool) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    sandbox.klaviyo.act("bounce", profile=EMAIL, **more)
    (bounced,) = sandbox.klaviyo.happened("Bounced Email")
    assert bounced.properties["$extra"]["$bounce_delivery_info"]["add_exclusion"] is excluded
    assert reasons(sandbox) == (["HARD_BOUNCE"] if excluded else [])


def test_a_complaint_is_an_opt_out(sandbox: Server) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    sandbox.klaviyo.act("spam", profile=EMAIL)
    assert reasons(sandbox) == ["SPAM_COMPLAINT"]


def test_leaving_a_list_is_two_events_of_one_second(timed: Server) -> None:
    timed.klaviyo.act("create_profile", email=EMAIL)
    timed.klaviyo.act("subscribe", profile=EMAIL, list="Newsletter")
    timed.klaviyo.hook(f"{timed.url}/alerts", secret=SECRET)
    timed.klaviyo.act("unsubscribe", profile=EMAIL, list="Newsletter")
    both = told(timed)
    assert [one["topic"].rpartition(".")[2] for one in both] == [
        "unsubscribed_from_list",
        "unsubscribed_from_email_marketing",
    ]
    assert len({one["payload"]["data"]["attributes"]["timestamp"] for one in both}) == 1


def test_leaving_everything_leaves_every_list(sandbox: Server) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    sandbox.klaviyo.act("subscribe", profile=EMAIL, list="Newsletter")
    sandbox.klaviyo.act("unsubscribe", profile=EMAIL)
    held = sandbox.klaviyo.profile(EMAIL)
    assert (held.email.consent, reasons(sandbox)) == ("UNSUBSCRIBED", ["UNSUBSCRIBE"])
    assert held.id not in sandbox.klaviyo.lists[newsletter(sandbox)]["members"]
    assert len(sandbox.klaviyo.happened("Unsubscribed from List", EMAIL)) == 1
    assert len(sandbox.klaviyo.happened("Unsubscribed from Email Marketing", EMAIL)) == 1


def test_people_merge_profiles(sandbox: Server) -> None:
    for email in (EMAIL, "old@example.com"):
        sandbox.klaviyo.act("create_profile", email=email)
    hooked(sandbox)
    sandbox.klaviyo.act("merge_profiles", source="old@example.com", destination=EMAIL)
    (one,) = told(sandbox)
    assert one["topic"] == "event:klaviyo.merged_profile"
    assert one["payload"]["data"]["relationships"]["profile"]["data"]["id"] == sandbox.klaviyo.profile(EMAIL).id


def test_our_own_consent_calls_come_back(sandbox: Server, client: KlaviyoAPI) -> None:
    hooked(sandbox)
    subscribe(client, list_id=newsletter(sandbox))
    unsubscribe(client)
    suppress(client)
    assert [one["topic"].rpartition(".")[2] for one in told(sandbox)] == [
        "subscribed_to_list",
        "subscribed_to_email_marketing",
        "unsubscribed_from_email_marketing",
        "manually_suppressed_from_email_marketing",
    ]


def test_echoes_can_be_switched_off(sandbox: Server, client: KlaviyoAPI) -> None:
    hooked(sandbox, echo=False)
    subscribe(client)
    client.Events.create_event(event())
    sandbox.klaviyo.act("open", profile=EMAIL)
    assert [one["topic"] for one in told(sandbox)] == ["event:klaviyo.opened_email"]


def test_a_flow_posts_the_template_unsigned_with_its_secret(sandbox: Server) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL, phone_number=PHONE)
    sandbox.klaviyo.hook(flow_url=f"{sandbox.url}/alerts/flow", flow_secret="shared")
    sandbox.klaviyo.act("flow_webhook", profile=EMAIL, event="Placed Order", properties={"total": 9})
    assert sandbox.klaviyo.settle()
    (call,) = sandbox.called("alerts")
    assert call.headers["x-baton-secret"] == "shared"
    assert "klaviyo-signature" not in call.headers
    body = {"profile_id", "email", "phone_number", "event", "event_id", "time", "properties"}
    assert set(call.body) == body
    assert (call.body["email"], call.body["event"], call.body["properties"]) == (EMAIL, "Placed Order", {"total": 9})


@pytest.mark.parametrize(("status", "tries"), [(400, 1), (429, 2), (503, 2)])
def test_a_flow_gives_up_at_a_4xx_other_than_429(sandbox: Server, status: int, tries: int) -> None:
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    sandbox.klaviyo.hook(flow_url=f"{sandbox.url}/alerts/flow", retry_ms=10)
    sandbox.services["alerts"].fault(str(status))
    sandbox.klaviyo.act("flow_webhook", profile=EMAIL)
    sandbox.klaviyo.settle()
    assert len(sandbox.called("alerts")) == tries


def webhook(sandbox: Server, **more: Any) -> dict:
    attributes = {"name": "Baton", "endpoint_url": f"{sandbox.url}/alerts", "secret_key": SECRET, **more}
    topics = {"data": [{"type": "webhook-topic", "id": "event:klaviyo.opened_email"}]}
    return {"data": {"type": "webhook", "attributes": attributes, "relationships": {"webhook-topics": topics}}}


def test_a_webhook_made_by_the_api_gets_its_topics_and_no_others(sandbox: Server, client: KlaviyoAPI) -> None:
    made = client.Webhooks.create_webhook(webhook(sandbox)).data
    sandbox.klaviyo.act("create_profile", email=EMAIL)
    sandbox.klaviyo.act("open", profile=EMAIL)
    sandbox.klaviyo.act("click", profile=EMAIL)
    assert [one["topic"] for one in told(sandbox)] == ["event:klaviyo.opened_email"]
    assert sandbox.called("alerts")[0].headers["klaviyo-webhook-id"] == made.id


def test_a_webhook_is_disabled_and_deleted(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.configure(rate_limits=False)
    made = client.Webhooks.create_webhook(webhook(sandbox)).data
    change = {"data": {"type": "webhook", "id": made.id, "attributes": {"enabled": False}}}
    assert client.Webhooks.update_webhook(made.id, change).data.attributes.enabled is False
    assert [one.id for one in client.Webhooks.get_webhooks().data] == [made.id]
    client.Webhooks.delete_webhook(made.id)
    assert refused(lambda: client.Webhooks.get_webhook(made.id)).status == 404


def test_a_short_secret_is_refused(sandbox: Server, client: KlaviyoAPI) -> None:
    assert refused(lambda: client.Webhooks.create_webhook(webhook(sandbox, secret_key="short"))).status == 400


def test_an_account_has_at_most_ten_webhooks(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.configure(rate_limits=False)
    for _ in range(10):
        client.Webhooks.create_webhook(webhook(sandbox))
    assert refused(lambda: client.Webhooks.create_webhook(webhook(sandbox))).status == 400


def test_most_accounts_may_make_no_webhooks(sandbox: Server, client: KlaviyoAPI) -> None:
    sandbox.klaviyo.configure(webhooks_allowed=False)
    problem = refused(lambda: client.Webhooks.create_webhook(webhook(sandbox)))
    assert (problem.status, problem.error["code"]) == (403, "permission_denied")


def test_the_topics_are_listed(client: KlaviyoAPI) -> None:
    ids = [one.id for one in client.Webhooks.get_webhook_topics().data]
    assert {"event:klaviyo.opened_email", "event:klaviyo.unsubscribed_from_list"} <= set(ids)


def test_the_state_is_all_that_klaviyo_holds(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event())
    suppress(client)
    state = requests.get(f"{sandbox.url}/_sandbox/state", params={"vendor": "klaviyo"}).json()
    assert state["profiles"][0]["email"] == EMAIL
    assert state["events"][0]["metric"] == "Baton Handoff"
    assert list(state["suppressions"]) == [EMAIL]
    assert state["jobs"][0]["status"] == "complete"


def test_the_page_shows_profiles_and_events(sandbox: Server, client: KlaviyoAPI) -> None:
    client.Events.create_event(event())
    page = requests.get(sandbox.url).text
    assert EMAIL in page
    assert "Baton Handoff" in page
