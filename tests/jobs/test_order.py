"""The same stream in any order, with repeats: the same contacts and, while nothing has left, the same actions. R12."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.runtime import Runtime
from app.setup import add_connection
from app.store import inbox
from app.store.inbox import Arrival
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import PORTAL, SECRET, drain, rows

EXAMPLES = int(os.environ.get("BATON_ORDER_EXAMPLES", "15"))
PEOPLE = ("ann", "ben", "cleo")


def at(minute: int) -> int:
    return int((NOW - timedelta(minutes=58) + timedelta(minutes=minute)).timestamp() * 1000)


def hubspot_event(number: int, person: int, minute: int, name: str, value: str, **more: Any) -> tuple[str, str, Any]:
    body = {
        "eventId": number,
        "portalId": int(PORTAL),
        "occurredAt": at(minute),
        "objectId": person,
        "subscriptionType": "contact.propertyChange",
        "propertyName": name,
        "propertyValue": value,
        "changeSource": "CRM_UI",
        "sourceId": "userId:9",
        **more,
    }
    return ("webhook", "hubspot", [body])


def form(number: int, minute: int, name: str, **answers: str) -> tuple[str, str, Any]:
    return ("form", name, {"submission_id": f"s{number}", "submitted_at": at(minute), **answers})


def visit(number: int, minute: int, visitor: str, path: str) -> tuple[str, str, Any]:
    sent = (NOW - timedelta(minutes=58) + timedelta(minutes=minute)).isoformat()
    body = {"id": f"{number:032x}", "anonymous_id": visitor, "url": f"https://x.example{path}", "sent_at": sent}
    return ("track", "", body)


def klaviyo_event(number: int, minute: int, profile: str, topic: str, **told: Any) -> tuple[str, str, Any]:
    payload = {
        "data": {
            "type": "event",
            "id": f"k{number}",
            "attributes": {"timestamp": at(minute) // 1000, "event_properties": told},
            "relationships": {"profile": {"data": {"type": "profile", "id": profile}}},
        }
    }
    item = {"external_id": f"k{number}", "topic": f"event:klaviyo.{topic}", "payload": payload}
    return ("webhook", "klaviyo", {"data": [item], "meta": {}})


def stream(person: int) -> list[tuple[str, str, Any]]:
    """One person's history over four sources, in which much depends on what came first."""
    name, visitor, n = PEOPLE[person], f"{PEOPLE[person]}-visitor-0001", person * 100
    mail = f"{name}@acme.example"
    return [
        visit(n + 1, 1, visitor, "/blog"),
        visit(n + 2, 5, visitor, "/pricing"),
        form(n + 3, 10, "trial", email=mail, visitor_id=visitor, job_title="Marketing Director", consent="yes"),
        hubspot_event(n + 4, n + 1, 12, "email", mail),
        hubspot_event(n + 5, n + 1, 13, "firstname", "First"),
        hubspot_event(n + 6, n + 1, 15, "firstname", "Second"),
        visit(n + 7, 20, visitor, "/pricing"),
        klaviyo_event(
            n + 8, 21, f"01K{name}", "subscribed_to_email_marketing", email_address=mail, method="PREFERENCE_PAGE"
        ),
        form(n + 9, 30, "demo", email=mail, visitor_id=visitor, company="Acme"),
        visit(n + 10, 31, visitor, "/pricing"),
        *(
            [klaviyo_event(n + 11, 25, f"01K{name}", "unsubscribed_from_email_marketing", email_address=mail)]
            if person == 1
            else []
        ),
        *([hubspot_event(n + 12, n + 1, 28, "hs_sales_email_last_replied", str(at(28)))] if person == 2 else []),
        hubspot_event(n + 13, n + 1, 33, "hs_lead_status", "Not a Fit" if person == 0 else "NEW"),
        visit(n + 14, 40, visitor, "/pricing"),
        # What waits for a moment, and who is in which segment
        klaviyo_event(n + 15, 2, f"01K{name}", "viewed_product", email_address=mail, ProductName="Lamp"),
        klaviyo_event(n + 16, 41, f"01K{name}", "viewed_product", email_address=mail, ProductName="Lamp"),
        klaviyo_event(n + 17, 42, f"01K{name}", "checkout_started", **{"email_address": mail, "$event_id": "c1"}),
        *([klaviyo_event(n + 18, 43, f"01K{name}", "placed_order", email_address=mail)] if person == 2 else []),
    ]


STREAM = [arrival for person in range(len(PEOPLE)) for arrival in stream(person)]


def feed(runtime: Runtime, arrivals: list[tuple[str, str, Any]]) -> None:
    """Put requests in the inbox and work them off."""
    made = []
    for kind, route, body in arrivals:
        connection = runtime.connection(route if kind == "webhook" else {"form": "forms", "track": "site"}[kind])
        assert connection is not None
        made.append(
            Arrival(
                connection_id=connection.id,
                kind=kind,
                route=route if kind == "form" else "",
                received_at=NOW,
                body=json.dumps(body).encode(),
                headers={"content-type": "application/json"},
            )
        )
    with runtime.database.write() as conn:
        inbox.accept(conn, made)
    drain(runtime)


def connect(runtime: Runtime) -> None:
    """Tools that could be written to, but never are here: nothing is delivered."""
    token = {"access_token": "t", "client_secret": SECRET, "portal_id": PORTAL}
    add_connection(runtime, "hubspot", "hubspot", token, "http://127.0.0.1:9")
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, "http://127.0.0.1:9")
    add_connection(runtime, "alerts", "alerts", {"urls": "json://127.0.0.1:9"})
    from app.store import connections

    with runtime.database.write() as conn:
        for name in ("hubspot", "klaviyo"):
            found = runtime.connection(name)
            assert found is not None
            connections.set_status(conn, found.id, connections.PAUSED, "", NOW)  # no look-ups either
    runtime.forget()


def outcome(runtime: Runtime) -> dict[str, Any]:
    """What must not depend on the order: contacts with their state, what was decided, what waits to leave."""
    people: dict[int, str] = {}
    for table in ("shared_aliases", "aliases"):
        named = {}
        for row in rows(runtime, table, "key", "contact_id"):
            named[row.contact_id] = min(named.get(row.contact_id, row.key), row.key)
        people |= named
    states = {}
    for row in rows(runtime, "contacts", "id", "state", "email", "name", "stage", "score", merged_into=None):
        state = json.loads(row.state)
        states[people.get(row.id, f"?{row.id}")] = (state, row.email, row.name, row.stage, row.score)
    decided = sorted(
        (people[row.contact_id], row.key, row.outcome, row.summary)
        for row in rows(runtime, "decisions", "contact_id", "key", "outcome", "summary")
        if row.outcome != "superseded"
    )
    planned = sorted(
        (
            people[row.contact_id],
            row.connection_id,
            row.kind,
            row.status,
            json.dumps(_stable(row.action), sort_keys=True),
        )
        for row in rows(runtime, "deliveries", "contact_id", "connection_id", "kind", "status", "action", "reason")
        if not (row.status == "withheld" and "reached us late" in (row.reason or ""))
    )
    handed = sorted(
        (people[row.contact_id], row.key, row.status, row.score)
        for row in rows(runtime, "handoffs", "contact_id", "key", "status", "score")
        if row.status != "withdrawn"
    )
    members = sorted((people[row.contact_id], row.segment) for row in rows(runtime, "contact_segments"))
    timers = sorted((people[row.contact_id], row.key, row.due_at) for row in rows(runtime, "timers"))
    return {
        "members": members,
        "timers": timers,
        "states": states,
        "decisions": decided,
        "deliveries": planned,
        "handoffs": handed,
    }


def _stable(action: str) -> Any:
    return json.loads(action)


@pytest.fixture(scope="module")
def expected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of the stream in the order in which it happened, one request at a time, on SQLite."""
    runtime = make_runtime(request, "sqlite", tmp_path_factory.mktemp("expected"), Clock())
    connect(runtime)
    for arrival in sorted(STREAM, key=_moment):
        feed(runtime, [arrival])
    found = outcome(runtime)
    runtime.close()
    assert len(found["states"]) == len(PEOPLE)
    assert {key for _, key, _ in found["timers"]} >= {"waiting"}
    assert {segment for _, segment in found["members"]} >= {"new_subscribers", "first_time_buyers", "ready_for_sales"}
    assert found["handoffs"], "the stream has to lead to a handoff, or this proves little"
    assert {row[3] for row in found["deliveries"]} == {"pending", "withheld"}
    return found


def _moment(arrival: tuple[str, str, Any]) -> int:
    kind, _, body = arrival
    if kind == "form":
        return int(body["submitted_at"])
    if kind == "track":
        from datetime import datetime

        return int(datetime.fromisoformat(body["sent_at"]).timestamp() * 1000)
    if isinstance(body, list):
        return int(body[0]["occurredAt"])
    return int(body["data"][0]["payload"]["data"]["attributes"]["timestamp"]) * 1000


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[tuple[str, str, Any]]]:
    """The stream shuffled, with some requests repeated, in batches of any size."""
    shuffled = draw(st.permutations(STREAM))
    repeats = draw(st.lists(st.sampled_from(STREAM), max_size=8))
    mixed = list(shuffled)
    for again in repeats:
        mixed.insert(draw(st.integers(0, len(mixed))), again)
    cuts = sorted(draw(st.sets(st.integers(1, len(mixed) - 1), max_size=12)))
    return [mixed[a:b] for a, b in zip([0, *cuts], [*cuts, len(mixed)], strict=True)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_r12_any_order_ends_the_same(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, expected: dict[str, Any]
) -> None:
    """R12: everybody's events in any order, in batches of any size, some repeated: the same people, decisions, waiting
    deliveries, handoffs, segments and timers as in the order in which they happened. (Nightly: 2,000 cases.)"""

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
    @given(deliveries())
    def check(batches: list[list[tuple[str, str, Any]]]) -> None:
        folder: Path = tmp_path_factory.mktemp("order")
        runtime = make_runtime(request, kind, folder, Clock())
        try:
            connect(runtime)
            for batch in batches:
                feed(runtime, batch)
            found = outcome(runtime)
        finally:
            runtime.close()
        for part, wanted in expected.items():
            assert found[part] == wanted, part

    check()
