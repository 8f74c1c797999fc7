"""The API for programs: a token everywhere, answers as its own document describes them, pages without gaps, and never
a 5xx."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from sqlalchemy import insert
from structlog.testing import capture_logs

from app.api.operation import OPERATIONS
from app.runtime import Runtime
from app.store import access, tables
from tests.app.doors import Api, client, open_app, token
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import arrive, drain, form, hubspot, minutes, notice, rows

ODD_TEXTS = {
    "html": "<script>alert(1)</script>",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈",
    "rtl": "שלום شكرا",
    "long": "x" * 10_000,
    "quotes": "'\";--\\%_",
}


@pytest.fixture(autouse=True)
def log() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The same for tests that only ask."""
    runtime = make_runtime(request, request.param, tmp_path_factory.mktemp("api"), Clock())
    fill(runtime)
    api = Api(runtime)
    yield api
    runtime.close()


@pytest.fixture
def api(runtime: Runtime) -> Api:
    """An API over an installation with something of everything."""
    fill(runtime)
    return Api(runtime)


def fill(runtime: Runtime) -> None:
    """Contacts, events, decisions, parked requests; deliveries and handoffs in each of their states."""
    hubspot(runtime)
    for number in range(1, 13):
        at = NOW - minutes(number)
        arrive(runtime, "hubspot", [notice(at, number, "creation"), notice(at, number, name="firstname", value="Ann")])
    for name, value in ODD_TEXTS.items():
        form(runtime, email=f"{name}@example.com", first_name=value, company=value, message=value)
    for _ in range(3):
        arrive(runtime, "hubspot", b'{"broken')
    drain(runtime)
    with runtime.database.write() as conn:
        for number, status in enumerate(("open", "open", "claimed", "closed", "withdrawn") * 2, 1):
            conn.execute(insert(tables.handoffs).values(**handoff(number, status)))
        for number, status in enumerate(("pending", "sending", "sent", "withheld", "unknown", "dead") * 2, 1):
            conn.execute(insert(tables.deliveries).values(**delivery(number, status)))


def handoff(number: int, status: str) -> dict[str, Any]:
    return {
        "key": f"{number:032x}", "contact_id": number, "rule": "ready", "opened_at": NOW, "status": status,
        "due_at": NOW + minutes(30), "score": 70.0, "reason": "asked for a call",
        "claimed_by": "Rita" if status == "claimed" else None, "verdict": "won" if status == "closed" else None,
    }  # fmt: skip


def delivery(number: int, status: str) -> dict[str, Any]:
    return {
        "key": f"{number:032x}", "contact_id": number, "connection_id": 3, "kind": "Note", "urgency": 1,
        "action": json.dumps({"type": "Note", "text": "hi"}), "status": status, "not_before": NOW, "created_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip


# --- who may ask

PATHS = [(one.method, re.sub(r"{\w+}", "1", one.path)) for one in OPERATIONS]
BAD_TOKENS = {
    "none": "",
    "no scheme": "secret",
    "another scheme": "Basic dXNlcjpwYXNz",
    "an empty one": "Bearer ",
    "a guess": "Bearer baton_guess",
    "one that is not ASCII": "Bearer \xe9\xff",
    "a long one": "Bearer " + "x" * 5_000,
    "SQL": "Bearer ' OR 1=1;--",
}


@pytest.mark.parametrize("given", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_without_a_valid_token_nothing_is_told_or_done(sqlite_runtime: Runtime, given: str) -> None:
    web = client(sqlite_runtime)
    for method, path in PATHS:
        answer = web.open(f"/api/v1{path}", method=method, headers={"Authorization": given} if given else {})
        assert answer.status_code == 401, path
        assert set(answer.json) == {"error"}


def test_the_document_needs_no_token_and_describes_every_operation(sqlite_runtime: Runtime) -> None:
    document = client(sqlite_runtime).get("/api/v1/openapi.json").json
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(one.method, f"/api/v1{one.path}") for one in OPERATIONS}
    served = {
        (method, rule.rule)
        for rule in open_app(sqlite_runtime).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and not rule.rule.endswith("openapi.json")
    }
    assert len(served) == len(described)


def test_a_revoked_token_is_none(sqlite_runtime: Runtime) -> None:
    api = Api(sqlite_runtime)
    api.get("/stats")
    with sqlite_runtime.database.write() as conn:
        assert access.revoke_token(conn, "tests", NOW)
    assert "error" in api.get("/stats", 401)
    assert token(sqlite_runtime), "its name is free again"


def test_tokens_are_stored_as_hashes(sqlite_runtime: Runtime) -> None:
    secret = token(sqlite_runtime)
    assert secret not in repr(rows(sqlite_runtime, "tokens"))


# --- pages

LISTS = (
    "/contacts", "/events", "/inbox", "/deliveries", "/decisions", "/handoffs", "/events?type=contact.updated",
    "/events?connection=hubspot", "/inbox?status=parked", "/deliveries?status=dead", "/handoffs?status=open",
    "/contacts/1/timeline", "/contacts/13/timeline", "/contacts/13/decisions", "/decisions?status=taken",
)  # fmt: skip


@pytest.mark.parametrize("limit", [1, 4])
def test_pages_hold_everything_once(asked: Api, limit: int) -> None:
    for path in LISTS if limit > 1 else LISTS[6:]:
        whole = asked.walk(path, 200)
        paged = asked.walk(path, limit)
        assert [_name(item) for item in paged] == [_name(item) for item in whole], path
        assert len({_name(item) for item in paged}) == len(paged), path


def test_a_timeline_of_one_instant_has_no_gaps(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW, 1, name="jobtitle", value=f"v{one}") for one in range(25)])
    drain(runtime)
    assert len(Api(runtime).walk("/contacts/1/timeline", 4)) == 25


def test_what_is_added_while_pages_are_walked_moves_nothing(api: Api, runtime: Runtime) -> None:
    before = [item["id"] for item in api.walk("/events", 200)]
    page = api.get("/events?limit=5")
    seen = [item["id"] for item in page["items"]]
    number = 100
    while page["next"]:
        number += 1
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="Late")])
        drain(runtime)
        page = api.get(f"/events?limit=5&cursor={page['next']}")
        seen += [item["id"] for item in page["items"]]
    assert seen == before


def _name(item: dict[str, Any]) -> str:
    return f"{item.get('source')}{item['id']}"


def _opaque(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


NONSENSE = {
    "limit of nought": "/events?limit=0",
    "limit of 201": "/events?limit=201",
    "limit below nought": "/events?limit=-1",
    "limit of a word": "/events?limit=many",
    "limit of a fraction": "/events?limit=1.5",
    "limit in Arabic digits": "/events?limit=٣",
    "limit of 5,000 digits": f"/events?limit={'1' * 5_000}",
    "a cursor of ours that is none": "/events?cursor=x",
    "a cursor that is not ASCII": "/events?cursor=é",
    "a cursor of NULs": f"/events?cursor={_opaque(chr(0) * 3)}",
    "a cursor that is negative": f"/events?cursor={_opaque('-1')}",
    "a cursor over 64 bits": f"/events?cursor={_opaque(str(2**64))}",
    "a cursor of 5,000 digits": f"/events?cursor={_opaque('1' * 5_000)}",
    "a cursor of 1_0": f"/events?cursor={_opaque('1_0')}",
    "a cursor of another list": f"/contacts/1/timeline?cursor={_opaque('12')}",
    "a timeline's cursor elsewhere": f"/events?cursor={_opaque('1~event~2')}",
    "a timeline's cursor beyond all time": f"/contacts/1/timeline?cursor={_opaque(f'{2**60}~event~2')}",
    "a timeline's cursor of another source": f"/contacts/1/timeline?cursor={_opaque('1~users~2')}",
    "a parameter that does not exist": "/events?colour=red",
    "an unknown status": "/inbox?status=lost",
    "an unknown connection": "/events?connection=nobody",
    "a contact that is no number": "/events?contact=ann",
    "a contact over 64 bits": f"/events?contact={2**64}",
    "an alias without a kind": "/contacts?alias=123",
    "an unknown stage": "/contacts?stage=vip",
    "a NUL in a search": "/contacts?q=a%00b",
    "a NUL in an address": "/contacts?email=a%00b@example.com",
    "a NUL in an alias": "/contacts?alias=hubspot:%00",
    "a NUL in a type": "/events?type=%00",
}


@pytest.mark.parametrize("path", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_a_400_that_says_what_is_wrong(asked: Api, path: str) -> None:
    answer = asked.get(path, 400)
    assert answer["error"]
    assert len(answer["error"]) < 400


MISSING = (
    "/contacts/999", f"/contacts/{2**63}", f"/contacts/{10**30}", "/contacts/999/timeline", "/contacts/999/decisions",
    "/inbox/999", f"/inbox/{2**63}", "/deliveries/999", f"/deliveries/{2**64}", "/contacts/ann", "/nothing",
    "/contacts/-1", "/contacts/1.5", "/contacts/%00",
)  # fmt: skip


@pytest.mark.parametrize("path", MISSING, ids=lambda path: path[:40])
def test_what_is_not_there_is_a_404(asked: Api, path: str) -> None:
    assert asked.get(path, 404)["error"]


def test_filters_find_what_they_name(asked: Api) -> None:
    assert {item["status"] for item in asked.walk("/inbox?status=parked", 50)} == {"parked"}
    assert {item["type"] for item in asked.walk("/events?type=contact.created", 50)} == {"contact.created"}
    assert {item["connection"] for item in asked.walk("/events?connection=forms", 50)} == {"forms"}
    assert {item["contact_id"] for item in asked.walk("/events?contact=2", 50)} == {2}
    assert asked.get("/events?type=no.such")["items"] == []
    assert [one["email"] for one in asked.get("/contacts?email=HTML@Example.com")["items"]] == ["html@example.com"]
    assert len(asked.get("/contacts?alias=hubspot:3")["items"]) == 1
    assert asked.get("/contacts?alias=hubspot:99999")["items"] == []
    assert len(asked.get("/contacts?q=html")["items"]) == 1
    assert asked.get("/contacts?q=%25")["items"] == [], "a percent sign is no wildcard"


def test_odd_texts_come_back_as_they_were_sent(asked: Api) -> None:
    for name, value in ODD_TEXTS.items():
        (found,) = asked.get(f"/contacts?email={name}@example.com")["items"]
        assert found["fields"]["first_name"][:40] == value[:40], name
    answer = asked.call("GET", "/contacts?email=html@example.com")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


# --- what is done


def test_a_parked_request_is_replayed_once(api: Api, runtime: Runtime) -> None:
    (parked, *_) = api.get("/inbox?status=parked")["items"]
    assert api.post(f"/inbox/{parked['id']}/replay") == {"status": "ok"}
    assert "waits" in api.post(f"/inbox/{parked['id']}/replay", 409)["error"]
    drain(runtime)
    assert api.get(f"/inbox/{parked['id']}")["status"] == "parked"
    assert api.get(f"/inbox/{parked['id']}")["body"] == '{"broken'
    api.post("/inbox/999/replay", 404)
    api.post(f"/inbox/{10**20}/replay", 404)


def test_only_dead_deliveries_and_those_of_unknown_outcome_are_tried_again(api: Api) -> None:
    for item in api.walk("/deliveries", 50):
        retried = item["status"] in ("dead", "unknown")
        api.post(f"/deliveries/{item['id']}/retry", 200 if retried else 409)
    assert {item["status"] for item in api.walk("/deliveries", 50)} == {"pending", "sending", "sent", "withheld"}
    api.post("/deliveries/999/retry", 404)


def test_a_handoff_shows_its_clock_and_a_claim_stops_it(api: Api, runtime: Runtime, clock: Clock) -> None:
    form(runtime, "demo", email="clock@example.com")
    drain(runtime)
    (one,) = [item for item in api.get("/handoffs?status=open")["items"] if item["rule"] == "asked_for_contact"]
    assert (one["overdue"], one["reminded_at"], one["escalated_at"], one["escalated_to"]) == (False, None, None, None)
    assert one["opened_at"] < one["remind_at"] < one["due_at"]
    assert len(rows(runtime, "timers", "key", contact_id=one["contact_id"])) == 2
    clock.advance(minutes=1)
    api.post(f"/handoffs/{one['id']}/claim", by="Ann")
    drain(runtime)
    assert rows(runtime, "timers", "key", contact_id=one["contact_id"]) == []
    said = api.get(f"/contacts/{one['contact_id']}/decisions")["items"]
    assert "Handoff claimed by Ann: its clock stops" in [decision["summary"] for decision in said]


def test_the_first_to_claim_a_handoff_has_it(api: Api) -> None:
    (one, *_) = api.get("/handoffs?status=open")["items"]
    assert api.post(f"/handoffs/{one['id']}/claim", by="Ann")["claimed_by"] == "Ann"
    assert api.post(f"/handoffs/{one['id']}/claim", by="Ann")["status"] == "claimed"
    assert "Ann" in api.post(f"/handoffs/{one['id']}/claim", 409, by="Bob")["error"]
    for status in ("closed", "withdrawn"):
        (other, *_) = api.get(f"/handoffs?status={status}")["items"]
        api.post(f"/handoffs/{other['id']}/claim", 409, by="Ann")
    (other, *_) = api.get("/handoffs?status=open")["items"]
    assert api.post(f"/handoffs/{other['id']}/claim")["claimed_by"] == "token tests"


def test_a_handoff_is_judged_once_but_what_was_accepted_may_be_won(api: Api, runtime: Runtime) -> None:
    (one, *_) = api.get("/handoffs?status=open")["items"]
    path = f"/handoffs/{one['id']}/verdict"
    before = len(rows(runtime, "inbox"))
    assert api.post(path, verdict="accepted", by="Ann", note="<b>good</b>")["verdict"] == "accepted"
    api.post(path, verdict="accepted")
    assert len(rows(runtime, "inbox")) == before + 1, "said twice, noted once"
    assert api.post(path, verdict="won")["verdict"] == "won"
    assert "won" in api.post(path, 409, verdict="lost")["error"]
    (gone, *_) = api.get("/handoffs?status=withdrawn")["items"]
    api.post(f"/handoffs/{gone['id']}/verdict", 409, verdict="won")
    api.post("/handoffs/999/verdict", 404, verdict="won")


BODIES = {
    "no verdict": (b"{}", 400),
    "another verdict": (b'{"verdict":"maybe"}', 400),
    "a verdict that is a list": (b'{"verdict":["won"]}', 400),
    "a list": (b"[]", 400),
    "nothing": (b"", 400),
    "no JSON": (b"{verdict:won}", 400),
    "deep JSON": (b"[" * 60_000, 400),
    "a large body": (b'{"note":"' + b"x" * 70_000 + b'"}', 413),
    "a note with a NUL": (b'{"verdict":"won","note":"a\\u0000b"}', 400),
    "a lone surrogate": (b'{"verdict":"won","note":"\\ud800"}', 400),
    "a note that is too long": (json.dumps({"verdict": "won", "note": "x" * 2_001}).encode(), 400),
    "a name that is a number": (b'{"verdict":"won","by":7}', 400),
    "bytes that are no UTF-8": (b'{"verdict":"won","by":"\xff"}', 400),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_a_verdict_that_is_none_is_refused(sqlite_runtime: Runtime, body: bytes, status: int) -> None:
    with sqlite_runtime.database.write() as conn:
        conn.execute(insert(tables.handoffs).values(**handoff(1, "open")))
    answer = Api(sqlite_runtime).call("POST", "/handoffs/1/verdict", data=body)
    assert answer.status_code == status
    assert answer.json["error"]
    assert not rows(sqlite_runtime, "inbox")


def test_wrong_methods_are_a_405(sqlite_runtime: Runtime) -> None:
    api = Api(sqlite_runtime)
    for method, path in (("POST", "/stats"), ("DELETE", "/contacts/1"), ("GET", "/inbox/1/replay"), ("PUT", "/events")):
        assert api.call(method, path).status_code == 405


# --- as its document says

EXAMPLES, ON_POSTGRESQL = 10, 4  # what is answered is made by the same code; the queries are not


@pytest.fixture(scope="module")
def asked_on_both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, Api]]:
    """The same installation on SQLite and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("both")
    runtimes = [make_runtime(request, kind, folder, Clock()) for kind in ("sqlite", "postgresql")]
    for runtime in runtimes:
        fill(runtime)
    yield Api(runtimes[0]), Api(runtimes[1])
    for runtime in runtimes:
        runtime.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode)
def test_each_answer_is_as_the_document_says(asked_on_both: tuple[Api, Api], mode: GenerationMode) -> None:
    """Any parameters and bodies, right and wrong ones: no 5xx, no status or shape that is not in the document."""
    for found in described(asked_on_both[0]).get_all_operations():
        _answers_as_described(asked_on_both, found.ok(), mode)


def _answers_as_described(apis: tuple[Api, Api], operation: Any, mode: GenerationMode) -> None:
    """To think up what is asked takes longest, hence both databases are asked the same."""
    examples = count(1)

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=EXAMPLES, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def holds(case: Case) -> None:
        for api in apis if next(examples) <= ON_POSTGRESQL else apis[:1]:
            response = case.call(app=api.client.application, headers={"Authorization": f"Bearer {api.secret}"})
            assert response.status_code < 500, f"{case.formatted_path} {case.query}"
            assert str(response.status_code) in case.operation.definition.raw["responses"], response.text
            case.operation.validate_response(response)

    holds()


def test_the_shapes_of_full_lists_are_as_the_document_says(asked: Api) -> None:
    schema = described(asked)
    for path in ("/contacts", "/events", "/inbox", "/deliveries", "/decisions", "/handoffs", "/reviews", "/stats"):
        schema[f"/api/v1{path}"]["GET"].validate_response(asked.call("GET", path))
    for path, template in (("/contacts/13", "contact_id"), ("/inbox/1", "row_id"), ("/deliveries/1", "delivery_id")):
        operation = schema[f"/api/v1/{path.split('/')[1]}/{{{template}}}"]["GET"]
        operation.validate_response(asked.call("GET", path))


def described(api: Api) -> Any:
    """The API's document as schemathesis reads it, over the same application."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", api.client.application)


def test_times_are_written_with_their_zone(asked: Api) -> None:
    (event, *_) = asked.get("/events?type=contact.created&limit=1")["items"]
    from datetime import datetime

    assert datetime.fromisoformat(event["occurred_at"]).utcoffset() == timedelta(0)


def test_what_was_left_is_counted_first_and_done_again_when_confirmed(api: Api, runtime: Runtime) -> None:
    look = api.post("/inbox/replay", connection="hubspot")
    assert look == {"matching": 3, "cut": False, "done": 0, "more": True}
    assert api.post("/inbox/replay", reason="another one")["matching"] == 0
    assert api.post("/inbox/replay", confirm=True) == {"matching": 3, "cut": False, "done": 3, "more": False}
    assert api.get("/inbox?status=parked")["items"] == []
    assert api.post("/deliveries/retry", type="Note")["matching"] == 2
    assert api.post("/deliveries/retry", type="Note", confirm=True)["done"] == 2
    assert api.get("/deliveries?status=dead")["items"] == []
    assert len(api.get("/deliveries?status=unknown")["items"]) == 2, "for each of them somebody has to look first"
    api.post("/deliveries/retry", 404, connection="none")
    api.post("/deliveries/retry", 400, confirm="yes")
    said = [(row.who, row.what, row.on) for row in rows(runtime, "audit", "who", "what", "on", who="token tests")]
    assert said == [
        ("token tests", "inbox.replay", "3 parked requests"),
        ("token tests", "delivery.retry", "2 deliveries"),
    ]
