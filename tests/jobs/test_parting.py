"""Undoing a merge: two contacts again, each as if the two had never met. Catalogue: B3."""

from collections.abc import Collection
from typing import Any

import pytest

from app.contacts.resolve import Sighting
from app.runtime import Runtime
from app.store import people
from jobs import ingest, parting
from tests.conftest import NOW
from tests.feeding import (
    arrive,
    contact,
    contacts,
    drain,
    form,
    hubspot,
    klaviyo,
    minutes,
    notice,
    rows,
    visit,
    without_sequences,
)


@pytest.fixture
def hub(runtime: Runtime) -> Runtime:
    without_sequences(runtime)
    hubspot(runtime)
    return runtime


def change(runtime: Runtime, minute: float, person: int, name: str, value: str) -> None:
    arrive(runtime, "hubspot", [notice(NOW - minutes(60 - minute), person, name=name, value=value)])
    drain(runtime)


def meet(runtime: Runtime) -> None:
    """Ann by her form, Ben by his record in HubSpot; then somebody types Ann's address into Ben's record."""
    form(runtime, "trial", at=NOW - minutes(70), email="ann@acme.example", first_name="Ann", job_title="Director")
    drain(runtime)
    change(runtime, 1, 7, "firstname", "Ben")
    change(runtime, 2, 7, "city", "Berlin")
    change(runtime, 3, 7, "email", "ann@acme.example")
    assert who(runtime, hubspot="7") == who(runtime, email="ann@acme.example")


def who(runtime: Runtime, **by: str) -> int:
    return int(contact(runtime, **by)["id"])


def undo(runtime: Runtime, merge_id: int | None = None) -> parting.Parting:
    last = merge_id or rows(runtime, "merges", "id")[-1].id
    made = parting.undo(runtime, last, "kim@team.example", "two people", lambda conn: None)
    drain(runtime)
    return made


def state(runtime: Runtime, **by: str) -> dict[str, Any]:
    """What is known of a contact, without what only says when we worked."""
    found = contact(runtime, **by)
    names = ("fields", "lifecycle_stage", "consent", "score", "segments", "touches", "engagement")
    return {name: found[name] for name in names}


def test_two_contacts_that_became_one_are_two_again(hub: Runtime) -> None:
    form(hub, "trial", at=NOW - minutes(70), email="ann@acme.example", first_name="Ann", job_title="Director")
    drain(hub)
    change(hub, 1, 7, "firstname", "Ben")
    change(hub, 2, 7, "city", "Berlin")
    ann, ben = state(hub, email="ann@acme.example"), state(hub, hubspot="7")
    change(hub, 3, 7, "email", "ann@acme.example")
    assert who(hub, hubspot="7") == who(hub, email="ann@acme.example")
    undo(hub)
    assert who(hub, hubspot="7") != who(hub, email="ann@acme.example")
    assert state(hub, email="ann@acme.example") == ann
    # HubSpot still says Ann's address of Ben's record; it is not his
    assert state(hub, hubspot="7") == ben


def test_what_they_share_makes_them_one_no_more(hub: Runtime) -> None:
    meet(hub)
    undo(hub)
    change(hub, 10, 7, "city", "Bonn")
    change(hub, 11, 7, "email", "ann@acme.example")
    form(hub, "demo", email="ann@acme.example", company="Acme")
    drain(hub)
    ann, ben = contact(hub, email="ann@acme.example"), contact(hub, hubspot="7")
    assert ann["id"] != ben["id"]
    assert (ann["fields"]["company"], ben["fields"]["city"]) == ("Acme", "Bonn")
    assert ben["email"] is None
    assert "company" not in ben["fields"]


def test_what_came_while_they_were_one_goes_where_its_identities_say(hub: Runtime) -> None:
    meet(hub)
    change(hub, 5, 7, "jobtitle", "Engineer")
    form(hub, "demo", email="ann@acme.example", company="Acme")
    drain(hub)
    made = undo(hub)
    assert contact(hub, hubspot="7")["fields"]["job_title"] == "Engineer"
    ann = contact(hub, email="ann@acme.example")["fields"]
    assert (ann["company"], ann["job_title"]) == ("Acme", "Director")
    assert made.split.stays_later + len(made.split.later) == 3  # the event in which they met among them


def test_a_visitor_who_was_taken_for_somebody_is_a_visitor_again(hub: Runtime) -> None:
    form(hub, "newsletter", at=NOW - minutes(40), email="ann@acme.example")
    drain(hub)
    visit(hub, "shared-tablet", "/careers", at=NOW - minutes(30))
    drain(hub)
    visitor = who(hub, anonymous="shared-tablet".ljust(16, "x"))
    form(hub, "trial", at=NOW - minutes(20), email="ann@acme.example", visitor_id="shared-tablet".ljust(16, "x"))
    drain(hub)
    assert "page.viewed" in contact(hub, email="ann@acme.example")["engagement"]["activity"]
    undo(hub)
    ann = contact(hub, email="ann@acme.example")
    assert "page.viewed" not in ann["engagement"]["activity"]
    # Later visits are hers again, and nothing takes the first one from the visitor
    visit(hub, "shared-tablet", "/pricing", at=NOW - minutes(10))
    form(hub, "demo", at=NOW - minutes(5), email="ann@acme.example", visitor_id="shared-tablet".ljust(16, "x"))
    drain(hub)
    assert contact(hub, email="ann@acme.example")["engagement"]["activity"]["page.viewed"]["count"] == 1
    found = contacts(hub, anonymous="shared-tablet".ljust(16, "x"))
    counts = {one["id"]: one["engagement"]["activity"]["page.viewed"]["count"] for one in found}
    assert counts == {ann["id"]: 1, visitor: 1}


def test_an_inner_merge_can_be_undone_while_an_outer_one_stands(hub: Runtime) -> None:
    form(hub, "trial", at=NOW - minutes(90), email="zoe@acme.example", first_name="Zoe")
    drain(hub)
    meet(hub)
    inner = rows(hub, "merges", "id")[-1].id
    arrive(hub, "hubspot", [notice(NOW - minutes(30), 9, name="email", value="ann@acme.example")])
    drain(hub)
    arrive(hub, "hubspot", [notice(NOW - minutes(29), 9, name="email", value="zoe@acme.example")])
    drain(hub)
    assert who(hub, hubspot="7") == who(hub, email="zoe@acme.example") == who(hub, email="ann@acme.example")
    undo(hub, inner)
    assert who(hub, email="zoe@acme.example") == who(hub, email="ann@acme.example") == who(hub, hubspot="9")
    ben = contact(hub, hubspot="7")
    assert ben["id"] != who(hub, email="zoe@acme.example")
    assert ben["fields"] == {"first_name": "Ben", "city": "Berlin"}
    assert "city" not in contact(hub, email="zoe@acme.example")["fields"]


def test_what_somebody_suppressed_by_hand_while_they_were_one_holds_for_both(hub: Runtime) -> None:
    from app.contacts.event import Event, Identity
    from app.contacts.own_events import SUPPRESSED_BY_HAND
    from app.store import inbox

    meet(hub)
    one = who(hub, hubspot="7")
    event = Event(
        type=SUPPRESSED_BY_HAND, occurred_at=NOW, source_key="hand", identities=(Identity("contact", str(one)),)
    )
    with hub.database.write() as conn:
        inbox.note(conn, [event], NOW)
    drain(hub)
    undo(hub)
    for by in ({"hubspot": "7"}, {"email": "ann@acme.example"}):
        assert [one.reason for one in contact(hub, **by)["suppressions"]] == ["manual"]


def test_decisions_and_enrolments_go_with_whom_they_are_about_and_nothing_is_sent_anew(runtime: Runtime) -> None:
    hubspot(runtime)
    klaviyo(runtime, api_key="k")
    answers = {
        "email": "ben@acme.example",
        "job_title": "Marketing Director",
        "visitor_id": "ben-at-work".ljust(16, "x"),
    }
    for number, name in enumerate(("trial", "webinar", "guide", "event")):
        form(runtime, name, at=NOW - minutes(50 - number), consent="yes", **answers)
    visit(runtime, "ben-at-work", "/pricing", at=NOW - minutes(44))
    drain(runtime)
    form(runtime, "newsletter", at=NOW - minutes(60), email="ann@acme.example", consent="yes")
    drain(runtime)
    before = {name: contact(runtime, email=f"{name}@acme.example") for name in ("ann", "ben")}

    def messages() -> Collection[Any]:
        found = rows(runtime, "deliveries", "key", "kind", "status")
        return {row.key for row in found if row.kind == "send_message" and row.status != "withheld"}

    arrive(runtime, "hubspot", [notice(NOW - minutes(30), 5, "merge", primaryObjectId=5, mergedObjectIds=[6])])
    for person, name in ((5, "ann"), (6, "ben")):
        arrive(runtime, "hubspot", [notice(NOW - minutes(31), person, name="email", value=f"{name}@acme.example")])
    drain(runtime)
    assert who(runtime, email="ann@acme.example") == who(runtime, email="ben@acme.example")
    sent = messages()
    undo(runtime)
    ann, ben = (contact(runtime, email=f"{name}@acme.example") for name in ("ann", "ben"))
    assert messages() <= sent
    assert [one["sequence"] for one in ben["enrolments"]] == [one["sequence"] for one in before["ben"]["enrolments"]]
    events = {row.id: row.contact_id for row in rows(runtime, "events", "id", "contact_id")}
    for row in rows(runtime, "decisions", "contact_id", "event_id", "outcome"):
        if row.outcome != "superseded" and row.event_id in events:
            assert row.contact_id == events[row.event_id]
    rolls = {row.key: row.contact_id for row in rows(runtime, "enrolments", "key", "contact_id")}
    assert set(rolls.values()) <= {ann["id"], ben["id"]}


def test_a_merge_is_not_undone_twice_nor_after_an_erasure(hub: Runtime) -> None:
    meet(hub)
    last = rows(hub, "merges", "id")[-1].id
    undo(hub)
    with pytest.raises(parting.CannotPart, match="undone already"):
        undo(hub, last)


def test_who_takes_in_events_meanwhile_begins_again(hub: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    meet(hub)
    owners, parted = people.owners, []

    def owners_and_then_parted(*given: Any) -> dict[str, int]:
        found = owners(*given)
        if not parted:  # another process parts the two just after whose the address is was read
            parted.append(parting.undo(hub, rows(hub, "merges", "id")[-1].id, "kim", "", lambda conn: None))
        return found

    monkeypatch.setattr("jobs.settle.people.owners", owners_and_then_parted)
    arrive(hub, "hubspot", [notice(NOW, 7, name="city", value="Bonn")])
    assert ingest.drain(hub, 60)
    assert parted
    ben = contact(hub, hubspot="7")
    assert ben["id"] == parted[0].loser or ben["id"] == parted[0].home
    assert ben["id"] != who(hub, email="ann@acme.example")
    assert ben["fields"]["city"] == "Bonn"
    assert "city" not in contact(hub, email="ann@acme.example")["fields"]


def test_sightings_are_worked_out_from_what_each_did() -> None:
    from datetime import timedelta

    from app.contacts.event import Event, Identity
    from app.contacts.parting import Case, Logged, part

    def event(minute: int, *identities: tuple[str, str]) -> Event:
        at = NOW + timedelta(minutes=minute)
        named = tuple(Identity(*one) for one in identities)
        return Event(type="page.viewed", occurred_at=at, source_key=str(minute), identities=named, id=f"{minute:032x}")

    browser = ("anonymous", "b1")
    log = [
        Logged(1, event(1, ("email", "a@x.example"), browser), None),
        Logged(2, event(2, ("email", "b@x.example"), browser), 2),
        Logged(3, event(3, ("email", "b@x.example"), browser), None),
    ]
    case = Case(
        home=1, loser=2, merge=1, last_seq=2, inside={2}, shared={"anonymous:b1"}, answers={},
        keys={"email:a@x.example": 1, "email:b@x.example": 2},
    )  # fmt: skip
    split = part(case, log)
    assert split.later == {log[2].event.id}
    first, second, third = (one.event.occurred_at for one in log)
    found = sorted(split.sightings["anonymous:b1"], key=lambda one: one.person)
    assert found == [Sighting(1, first, first), Sighting(2, second, third)]
