"""What slips through the doors must not hurt ingest: on both databases every request is worked off or parked with a
reason, good ones go on, and workers that meet neither lock each other out nor make one person two."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from app import views
from app.contacts.event import Event, EventType, Identity
from app.runtime import Runtime
from app.store import inbox, lists, tables
from app.store.engine import Collision
from jobs import ingest, settle
from tests.conftest import NOW, Clock, make_runtime
from tests.feeding import arrive, contact, contacts, drain, form, hubspot, klaviyo, minutes, notice, rows

GOOD = 900_000
_good = iter(range(GOOD, GOOD + 10_000))


@pytest.fixture(autouse=True)
def log() -> Iterator[list[Any]]:
    """What is logged: a development log would draw each traceback with care, which takes its time."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One installation that all hostile requests of this file go through, one after the other."""
    made = make_runtime(request, request.param, tmp_path_factory.mktemp("hostile"), Clock())
    hubspot(made)
    klaviyo(made)
    yield made
    made.close()


def by_hubspot(**more: Any) -> tuple[str, str, Any]:
    return "hubspot", "webhook", [{**notice(NOW, 4711, name="firstname", value="Ann"), **more}]


def by_klaviyo(profile: Any = "01HOSTILE", topic: str = "event:klaviyo.opened_email", **attributes: Any) -> tuple:
    data = {
        "type": "event",
        "id": "e1",
        "attributes": {"timestamp": int(NOW.timestamp()), "event_properties": {"Subject": "Hi"}, **attributes},
        "relationships": {"profile": {"data": {"type": "profile", "id": profile}}},
    }
    return "klaviyo", "webhook", {"data": [{"topic": topic, "external_id": "x1", "payload": {"data": data}}]}


def by_form(**answers: Any) -> tuple[str, str, Any]:
    return "forms", "form", answers


def by_browser(**more: Any) -> tuple[str, str, Any]:
    seen = {"anonymous_id": "hostile-visitor-01", "url": "https://www.example.com/", "id": f"{1:032x}"}
    return "site", "track", {**seen, **more}


LONG = "x" * 10_000
HOSTILE: dict[str, tuple[str, str, Any]] = {
    # what PostgreSQL cannot store
    "NUL in a value": by_hubspot(propertyValue="a\0b"),
    "NUL in a property's name": by_hubspot(propertyName="a\0b"),
    "NUL in a change's source": by_hubspot(changeSource="CRM_UI", sourceId="userId:\0"),
    "NUL in a subscription's name": by_hubspot(subscriptionType="contact.\0"),
    "a lone surrogate": ("hubspot", "webhook", b'[{"subscriptionType":"a.b","objectId":"\\ud800"}]'),
    "half a surrogate pair in a form": ("forms", "form", b'{"email":"s@example.com","name":"\\udfff"}'),
    "NUL in a form": by_form(email="nul@example.com", name="a\0b"),
    "NUL in a Klaviyo id": by_klaviyo(profile="01\0H"),
    "NUL in a Klaviyo topic": by_klaviyo(topic="event:\0"),
    "NUL in a visit": by_browser(title="a\0b"),
    "a float that is none": ("hubspot", "webhook", b'[{"subscriptionType":"a.b","objectId":1,"x":1e400}]'),
    # numbers
    "an integer over 64 bits": by_hubspot(objectId=2**64),
    "an integer of 64 bits": by_hubspot(objectId=2**63 - 1),
    "an integer over 64 bits, as text": by_hubspot(objectId=str(2**70)),
    "an objectId that is a fraction": by_hubspot(objectId=1.5),
    "an objectId that is negative": by_hubspot(objectId=-1),
    "an objectId that is nought": by_hubspot(objectId=0),
    "an objectId that is true": by_hubspot(objectId=True),
    "an objectId that is a list": by_hubspot(objectId=[1]),
    "an objectId that is an object": by_hubspot(objectId={"a": 1}),
    "an objectId of control characters": by_hubspot(objectId="\x01\n\r\t\x7f"),
    "an objectId of 10,000 characters": by_hubspot(objectId=LONG),
    "an objectId that ends the key": by_hubspot(objectId="1:2:3"),
    "a value of 1e308": by_hubspot(propertyValue=1e308),
    "a revenue of 1e308": by_klaviyo(topic="event:klaviyo.placed_order", event_properties={"$value": 1e308}),
    "a revenue that is negative": by_klaviyo(topic="event:klaviyo.placed_order", event_properties={"$value": -1e308}),
    "a revenue that is text": by_klaviyo(topic="event:klaviyo.placed_order", event_properties={"$value": "NaN"}),
    "a value of a list": by_hubspot(propertyName="lifecyclestage", propertyValue=[1, {"a": [2]}]),
    "a stage of an object": by_hubspot(propertyName="lifecyclestage", propertyValue={"a": 1}),
    "a stage that is a number": by_hubspot(propertyName="lifecyclestage", propertyValue=7),
    "a property's name that is a number": by_hubspot(propertyName=7),
    # times
    "the year 1": by_hubspot(occurredAt="0001-01-01T00:00:00Z"),
    "before the year 1": by_hubspot(occurredAt="0001-01-01T00:00:00+14:00"),
    "the year 9999": by_hubspot(occurredAt="9999-12-31T23:59:59Z"),
    "after the year 9999": by_hubspot(occurredAt="9999-12-31T23:59:59-14:00"),
    "a time that is negative": by_hubspot(occurredAt=-1),
    "a time of minus 2^62": by_hubspot(occurredAt=-(2**62)),
    "a time of 2^62": by_hubspot(occurredAt=2**62),
    "a time that is a fraction": by_hubspot(occurredAt=1_790_000_000_000.5),
    "a time of 1e300": by_hubspot(occurredAt=1e300),
    "a time of 5,000 digits": by_hubspot(occurredAt="9" * 5_000),
    "a time in Arabic digits": by_hubspot(occurredAt="١٧٩٠٠٠٠٠٠٠"),
    "a time of superscripts": by_hubspot(occurredAt="²²²²²²²²²²"),
    "a time that is true": by_hubspot(occurredAt=True),
    "a time that is null": by_hubspot(occurredAt=None),
    "a Klaviyo time in the year 1": by_klaviyo(timestamp="0001-01-01T00:00:00+14:00"),
    "a Klaviyo time of 1e308": by_klaviyo(timestamp=1e308),
    "a Klaviyo time that is an object": by_klaviyo(timestamp={"$date": 1}),
    "a visit's time in the year 9999": by_browser(sent_at="9999-12-31T23:59:59-14:00"),
    "a form's time in the year 1": by_form(email="y@example.com", created_at="0001-01-01T00:00:00+14:00"),
    # identities
    "an address of 10,000 characters": by_form(email=f"{LONG}@example.com"),
    "an address of 10,000 characters from HubSpot": by_hubspot(propertyName="email", propertyValue=f"{LONG}@a.com"),
    "an address of control characters": by_form(email="a\x01\x02@example.com"),
    "a phone of 10,000 digits": by_form(email="p@example.com", phone="+" + "1" * 10_000),
    "a browser's id of 10,000 characters": by_browser(anonymous_id="v" * 10_000),
    "a browser's id in a form": by_form(email="v@example.com", visitor_id=LONG),
    "a Klaviyo id of 10,000 characters": by_klaviyo(profile=LONG),
    "a Klaviyo id that is a number": by_klaviyo(profile=7),
    "a Klaviyo id that is a list": by_klaviyo(profile=["01H"]),
    "a thousand merged contacts": by_hubspot(subscriptionType="contact.merge", mergedObjectIds=list(range(1, 1_000))),
    "ten thousand merged contacts": by_hubspot(
        subscriptionType="contact.merge", mergedObjectIds=list(range(2_000, 12_000))
    ),
    "a merge with itself": by_hubspot(subscriptionType="contact.merge", mergedObjectIds=[4711, 4711], newObjectId=4711),
    "a merge with nobody": by_hubspot(subscriptionType="contact.merge", objectId=None, mergedObjectIds=[]),
    # names
    "a property named __proto__": by_hubspot(propertyName="__proto__", propertyValue={"admin": True}),
    "a property with dots and quotes": by_hubspot(propertyName="a.b['c'].\"d\""),
    "a property of 10,000 characters": by_hubspot(propertyName=LONG),
    "a property without a name": by_hubspot(propertyName=""),
    "a subscription of 10,000 characters": by_hubspot(subscriptionType=f"contact.{LONG}"),
    "a subscription of dots": by_hubspot(subscriptionType="....."),
    "a custom event of 10,000 characters": by_klaviyo(topic=f"event:custom.{LONG}"),
    "a value of 500,000 characters": by_hubspot(propertyValue="x" * 500_000),
    "a name that is HTML": by_form(email="h@example.com", first_name="<script>alert(1)</script>", company='"><img>'),
    "a name that is a template": by_form(email="t@example.com", first_name="{{7*7}}{% for x in y %}${jndi:x}"),
    "a name of flags and joiners": by_form(email="f@example.com", first_name="🏴󠁧󠁢󠁥󠁮󠁧󠁿‍👨‍👩‍👧‍👦" * 50),
    "a name from right to left": by_form(email="r@example.com", first_name="\u202eevil\u202c\ufeff\u2066"),
    "a form's names of objects": ("forms", "form", b'{"email":"o@example.com","__proto__":{"x":1},"constructor":7}'),
    # not what the vendor sends
    "an item that is a list": ("hubspot", "webhook", [[1]]),
    "an item that is null": ("hubspot", "webhook", [None]),
    "a notice of nothing": ("hubspot", "webhook", [{"subscriptionType": None}]),
    "nothing at all": ("hubspot", "webhook", b""),
    "an event of Baton's that is none": ("site", "baton", b'[{"type":"contact.updated"}]'),
    "an event of Baton's in the year 1": (
        "site", "baton", b'[{"type":"timer.due","occurred_at":"0001-01-01T00:00:00Z","source_key":"x"}]',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("connection", "kind", "body"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_is_worked_off_or_parked_with_a_reason(
    hub: Runtime, connection: str, kind: str, body: Any
) -> None:
    last = max((row.id for row in rows(hub, "inbox", "id")), default=0)
    headers = {"content-type": "application/json"}
    arrive(hub, connection, body, kind=kind, route="contact" if kind == "form" else "", headers=headers)
    good = next(_good)
    arrive(hub, "hubspot", [notice(NOW, good, name="firstname", value="Good")])
    drain(hub)
    ours = [row for row in rows(hub, "inbox", "id", "status", "reason") if row.id > last]
    assert {row.status for row in ours} <= {"done", "parked"}
    for row in ours:
        assert row.status == "done" or (row.reason and "stumbled" not in row.reason), row.reason
    assert contact(hub, hubspot=str(good))["fields"] == {"first_name": "Good"}


def test_all_that_hostile_requests_left_behind_can_be_shown(hub: Runtime) -> None:
    with hub.database.read() as conn:
        for row in lists.contacts_page(conn, 200, None).rows:
            msgspec.json.encode(views.contact(hub, conn, row["id"]))
        for row in lists.events_page(conn, 200, None).rows:
            msgspec.json.encode(views.event(hub, row))
        for row in lists.inbox_page(conn, 200, None).rows:
            msgspec.json.encode(views.inbox(hub, lists.inbox_row(conn, row["id"]) or {}))


def test_a_clock_that_runs_ahead_makes_nothing_after_it_late(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW + timedelta(days=3650), 1, name="firstname", value="Future")])
    drain(runtime)
    arrive(runtime, "hubspot", [notice(NOW + minutes(1), 1, name="firstname", value="Now")], at=NOW + minutes(1))
    drain(runtime)
    assert contact(runtime, hubspot="1")["fields"] == {"first_name": "Now"}


def test_five_thousand_events_of_one_contact_in_one_batch(runtime: Runtime) -> None:
    hubspot(runtime)
    at = NOW - minutes(60)
    for start in range(0, 5_000, 500):
        batch = [
            notice(at + timedelta(milliseconds=one), 1, name="jobtitle", value=f"v{one}")
            for one in range(start, start + 500)
        ]
        random.Random(start).shuffle(batch)
        arrive(runtime, "hubspot", batch)
    began = time.process_time()
    assert drain(runtime) == 5_000
    assert time.process_time() - began < 10
    assert contact(runtime, hubspot="1")["fields"] == {"job_title": "v4999"}


def test_a_thousand_identities_of_one_event_make_one_person(runtime: Runtime) -> None:
    identities = tuple(Identity("email", f"a{number}@example.com") for number in range(1_000))
    event = Event(type=EventType.CONTACT_UPDATED, occurred_at=NOW, source_key="many", identities=identities)
    with runtime.database.write() as conn:
        inbox.note(conn, [event], NOW)
    assert drain(runtime) == 1
    assert contact(runtime, email="a0@example.com")["id"] == contact(runtime, email="a999@example.com")["id"]


# --- our own mistakes: one request over which we stumble costs no other


def again(runtime: Runtime) -> None:
    """Time passes, so that what waits for its next try is due."""
    with runtime.database.write() as conn:
        conn.execute(update(tables.inbox).values(not_before=None))


def _raise_for(monkeypatch: pytest.MonkeyPatch, value: str, error: BaseException) -> None:
    """Let a rule raise over one value."""
    step = settle.step

    def stumbles(state: Any, event: Event, policies: Any) -> Any:
        if value in event.properties.values():
            raise error
        return step(state, event, policies)

    monkeypatch.setattr(settle, "step", stumbles)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("no"), id="a value error"),
        pytest.param(KeyError("name\0with NUL"), id="a message with a NUL"),
        pytest.param(ExceptionGroup("several", [ValueError("one")]), id="a group of errors"),
        pytest.param(Collision("UNIQUE constraint failed: deliveries.key"), id="what is there already, for ever"),
    ],
)
def test_a_request_that_makes_a_rule_raise_is_parked_and_the_others_go_on(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    hubspot(runtime)
    _raise_for(monkeypatch, "poison", error)
    for number in range(1, 41):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="poison" if number == 17 else "fine")])
    assert drain(runtime) == 39
    (waits,) = rows(runtime, "inbox", "status", "reason", "attempts", status="pending")
    assert waits.reason == f"Baton stumbled over this request ({type(error).__name__})"
    for _ in range(5):
        again(runtime)
        assert drain(runtime) == 0
    (parked,) = rows(runtime, "inbox", "id", "reason", "attempts", status="parked")
    assert (parked.id, parked.attempts) == (17, 3)
    assert "stumbled over this request 3 times" in parked.reason
    monkeypatch.undo()
    with runtime.database.write() as conn:
        inbox.replay(conn, [17])
    assert drain(runtime) == 1, "mended and replayed, it is as good as any other"


def test_one_event_that_makes_a_rule_raise_costs_the_others_of_its_batch_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot(runtime)
    _raise_for(monkeypatch, "poison", ValueError("no"))
    batch = [notice(NOW, number, name="firstname", value="fine") for number in range(1, 101)]
    batch[41]["propertyValue"] = "poison"
    arrive(runtime, "hubspot", batch)
    for _ in range(6):
        drain(runtime)
        again(runtime)
    assert len(rows(runtime, "events")) == 99
    (parked,) = rows(runtime, "inbox", "reason", "parent_id", "body", status="parked")
    assert parked.parent_id == 1
    assert "ValueError" in parked.reason
    assert b"poison" in parked.body
    monkeypatch.undo()
    with runtime.database.write() as conn:
        inbox.replay(conn, [row.id for row in rows(runtime, "inbox", "id", status="parked")])
    assert drain(runtime) == 1
    assert contact(runtime, hubspot="42")["fields"] == {"first_name": "poison"}
    arrive(runtime, "hubspot", batch)
    assert drain(runtime) == 0, "sent again, none of them is new"


def test_an_adapter_that_raises_costs_no_other_request(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    hubspot(runtime)
    adapter_of = Runtime.adapter

    def parse(request: Any, mapping: Any) -> Iterator[Event]:
        items = json.loads(request.body)
        yield from adapter_of(runtime, runtime.connection("hubspot")).parse(request, mapping)  # type: ignore
        if items[0]["objectId"] == 3:
            raise AttributeError("'NoneType' object has no attribute 'x'")

    monkeypatch.setattr(Runtime, "adapter", lambda self, one: replace(adapter_of(self, one), parse=parse))
    for number in range(1, 6):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="fine")])
    assert drain(runtime) == 4
    (parked,) = rows(runtime, "inbox", "id", "reason", status="parked")
    assert (parked.id, parked.reason) == (3, "Baton stumbled over this request (AttributeError); please report it")
    assert not contacts(runtime, hubspot="3"), "nothing of it is taken"


def test_a_request_whose_worker_dies_each_time_is_parked(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW, 1, name="firstname", value="kills")])
    for _ in range(inbox.MAX_ATTEMPTS):
        _, claimed = inbox.claim(runtime.database, 50)
        assert [row.id for row in claimed] == [1]
        with runtime.database.write() as conn:  # the worker is gone, and its claim runs out
            conn.execute(update(tables.inbox).values(claimed_until=NOW - timedelta(days=9999)))
    arrive(runtime, "hubspot", [notice(NOW, 2, name="firstname", value="fine")])
    drain(runtime)
    drain(runtime)
    assert [row.status for row in rows(runtime, "inbox", "status")] == ["parked", "done"]


@pytest.mark.parametrize(("tries", "taken"), [(0, [50]), (1, [32, 18]), (2, [8] * 6 + [2]), (3, [1] * 50)])
def test_what_workers_died_of_is_taken_in_ever_smaller_company(runtime: Runtime, tries: int, taken: list[int]) -> None:
    hubspot(runtime)
    for number in range(1, 51):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="x")])
    with runtime.database.write() as conn:
        conn.execute(update(tables.inbox).values(attempts=tries))
    found = [len(inbox.claim(runtime.database, 50)[1]) for _ in taken]
    assert sorted(found) == sorted(taken)
    assert inbox.claim(runtime.database, 50)[1] == []


def test_one_that_was_tried_often_does_not_make_the_company_before_it_smaller(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(1, 4):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="x")])
    for row_id, tries in ((1, 2), (2, 2), (3, inbox.MAX_ATTEMPTS)):
        with runtime.database.write() as conn:
            conn.execute(update(tables.inbox).where(tables.inbox.c.id == row_id).values(attempts=tries))
    assert [row.id for row in inbox.claim(runtime.database, 50)[1]] == [1, 2]
    assert inbox.claim(runtime.database, 50)[1] == []
    assert [row.status for row in rows(runtime, "inbox", "status")] == ["pending", "pending", "parked"]


def test_a_batch_that_took_longer_than_its_claim_is_tried_with_fewer_rows(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot(runtime)
    for number in range(1, 9):
        arrive(runtime, "hubspot", [notice(NOW, number, name="firstname", value="x")])
    sizes, settle = [], ingest.settle

    def slowly(one: Runtime, claim: int, readings: Any) -> int:
        sizes.append(len(readings))
        if len(readings) > 2:  # the time is over, and another worker has them
            with one.database.write() as conn:
                conn.execute(update(tables.inbox).values(claim=1, claimed_until=NOW - timedelta(days=9999)))
        return settle(one, claim, readings)

    monkeypatch.setattr(ingest, "settle", slowly)
    assert drain(runtime) == 8
    assert sizes == [8, 4, 2, 2, 2, 2], "never again as many"


# --- workers that meet


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Run these in threads that start together; what each returned. Raises what any of them raised."""
    gate, results, errors = threading.Barrier(len(work)), [None] * len(work), []

    def run(place: int) -> None:
        try:
            gate.wait(10)
            results[place] = work[place]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "they lock each other out"
    if errors:
        raise errors[0]
    return results


def claims(runtime: Runtime, count: int) -> list[tuple[int, list[inbox.InboxRow]]]:
    """Claims of one row each."""
    return [inbox.claim(runtime.database, 1) for _ in range(count)]


def test_a_person_that_several_workers_meet_first_at_once_is_one_contact(runtime: Runtime) -> None:
    for round_ in range(5):
        for number in range(4):
            form(runtime, email=f"new{round_}@example.com", first_name=f"N{number}", at=NOW + timedelta(seconds=number))
        taken = claims(runtime, 4)
        at_once(*(lambda one=one: ingest.run(runtime, *one) for one in taken))
    assert [row.status for row in rows(runtime, "inbox", "status") if row.status != "done"] == []
    for round_ in range(5):
        assert contact(runtime, email=f"new{round_}@example.com")["fields"]["first_name"] == "N3"
    assert len(rows(runtime, "contacts")) == 5


def test_the_same_request_twice_at_once_is_taken_once(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(5):
        body = [notice(NOW, number, name="firstname", value="Ann")]
        for _ in range(4):
            arrive(runtime, "hubspot", body)
        at_once(*(lambda one=one: ingest.run(runtime, *one) for one in claims(runtime, 4)))
    assert len(rows(runtime, "events")) == 5
    assert {row.status for row in rows(runtime, "inbox", "status")} == {"done"}


def test_contacts_that_two_workers_merge_at_once_are_merged_once(runtime: Runtime) -> None:
    hubspot(runtime)
    for number in range(8):
        arrive(runtime, "hubspot", [notice(NOW - minutes(9), 100 + number, name="firstname", value="Ann")])
        form(runtime, email=f"m{number}@example.com", at=NOW - minutes(8))
    drain(runtime)
    for number in range(8):
        for minute in (5, 4):
            arrive(
                runtime,
                "hubspot",
                [notice(NOW - minutes(minute), 100 + number, name="email", value=f"m{number}@example.com")],
            )
    taken = claims(runtime, 16)
    for pair in range(0, 16, 2):
        at_once(*(lambda one=one: ingest.run(runtime, *one) for one in taken[pair : pair + 2]))
    assert len(rows(runtime, "merges")) == 8
    assert {row.status for row in rows(runtime, "inbox", "status")} == {"done"}
    for number in range(8):
        assert contact(runtime, email=f"m{number}@example.com") == contact(runtime, hubspot=str(100 + number))


def test_four_workers_on_overlapping_contacts_neither_deadlock_nor_lose_anything(runtime: Runtime) -> None:
    hubspot(runtime)
    rng = random.Random(7)
    people, count = range(1, 13), 60
    for number in range(count):
        chosen = rng.sample(people, 4)
        at = NOW - timedelta(seconds=rng.randrange(3_600))
        batch = [notice(at, one, name="firstname", value=f"{number}") for one in chosen]
        who = rng.choice(chosen)
        batch.append(notice(at, who, name="email", value=f"p{who}@example.com"))
        arrive(runtime, "hubspot", batch)
        if number % 3 == 0:
            one = rng.choice(people)
            form(runtime, email=f"p{one}@example.com", visitor_id=f"visitor-{one % 5}xxxxxxxx", at=at)
    sent = len(rows(runtime, "inbox"))
    at_once(*(lambda: _work(runtime) for _ in range(4)))
    kept = rows(runtime, "inbox", "status", "reason")
    assert [row for row in kept[:sent] if row.status != "done"] == []
    assert len(rows(runtime, "events", "id", type="contact.updated")) >= count * 4
    states = {row.contact_id for row in rows(runtime, "events", "contact_id")}
    assert len([one for one in states if one is not None]) == len(people)


def _work(runtime: Runtime) -> None:
    """Work small claims off until nothing is left."""
    while True:
        claim, taken = inbox.claim(runtime.database, 3)
        if not taken:
            return
        ingest.run(runtime, claim, taken)
