"""What becomes of a request: events, people, state and decisions; on both databases."""

from app.contacts.event import Event, Identity, event_id
from app.runtime import Runtime
from app.store import inbox
from tests.conftest import NOW
from tests.feeding import arrive, contact, contacts, drain, form, hubspot, minutes, notice, rows, visit


def test_a_batch_becomes_events_and_contacts(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW, 1, "creation"), notice(NOW, 1, name="firstname", value="Ann")])
    assert drain(runtime) == 2
    assert contact(runtime, hubspot="1")["fields"] == {"first_name": "Ann"}
    assert [row.status for row in rows(runtime, "inbox")] == ["done"]


def test_a_repeated_request_changes_nothing(runtime: Runtime) -> None:
    hubspot(runtime)
    body = [notice(NOW, 1, name="firstname", value="Ann")]
    for _ in range(3):
        arrive(runtime, "hubspot", body)
    assert drain(runtime) == 1
    arrive(runtime, "hubspot", body)
    assert drain(runtime) == 0
    assert len(rows(runtime, "events")) == 1


def test_one_bad_item_is_parked_and_the_others_go_on(runtime: Runtime) -> None:
    hubspot(runtime)
    good = [notice(NOW, number, name="firstname", value="Ann") for number in range(1, 100)]
    arrive(runtime, "hubspot", [*good[:50], {**good[0], "occurredAt": "yesterday"}, *good[50:]])
    assert drain(runtime) == 99
    parked = rows(runtime, "inbox", "status", "reason", "parent_id", status="parked")
    assert [(row.reason, row.parent_id) for row in parked] == [("occurredAt is not a time: 'yesterday'", 1)]


def test_late_events_end_in_the_same_state(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW, 1, name="firstname", value="newest")])
    drain(runtime)
    arrive(runtime, "hubspot", [notice(NOW - minutes(5), 1, name="firstname", value="older")])
    drain(runtime)
    assert contact(runtime, hubspot="1")["fields"] == {"first_name": "newest"}


def test_visits_before_a_form_belong_to_who_filled_it_in(runtime: Runtime) -> None:
    visit(runtime, "visitor-1", "/pricing", at=NOW - minutes(10))
    drain(runtime)
    nameless = rows(runtime, "contacts", "id")[0].id
    form(runtime, email="ann@example.com", visitor_id="visitor-1xxxxxxx")
    drain(runtime)
    ann = contact(runtime, email="ann@example.com")
    assert ann["id"] == nameless
    assert ann["engagement"]["activity"]["page.viewed"]["count"] == 1
    assert any(piece["rule"] == "pricing_page" for piece in _pieces(ann))


def test_an_anonymous_visitor_never_wins_over_a_known_person(runtime: Runtime) -> None:
    form(runtime, email="ann@example.com", at=NOW - minutes(20))
    drain(runtime)
    known = contact(runtime, email="ann@example.com")["id"]
    visit(runtime, "visitor-2", "/pricing", at=NOW - minutes(10))
    drain(runtime)
    form(runtime, email="ann@example.com", visitor_id="visitor-2xxxxxxx")
    drain(runtime)
    ann = contact(runtime, email="ann@example.com")
    assert ann["id"] == known
    assert ann["engagement"]["activity"]["page.viewed"]["count"] == 1
    assert [row.loser_id for row in rows(runtime, "merges")] == [2]


def test_a_shared_browser_does_not_make_two_people_one(runtime: Runtime) -> None:
    form(runtime, email="ann@example.com", visitor_id="visitor-3xxxxxxx", at=NOW - minutes(30))
    visit(runtime, "visitor-3", "/pricing", at=NOW - minutes(25))
    form(runtime, email="bob@example.com", visitor_id="visitor-3xxxxxxx", at=NOW - minutes(20))
    visit(runtime, "visitor-3", "/careers", at=NOW - minutes(10))
    drain(runtime)
    assert _paths(runtime, "ann@example.com") == ["/pricing"]
    assert _paths(runtime, "bob@example.com") == ["/careers"]


def test_two_contacts_that_meet_are_merged(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", [notice(NOW - minutes(3), 1, name="firstname", value="Ann")])
    form(runtime, email="ann@example.com", at=NOW - minutes(2), job_title="CEO")
    drain(runtime)
    assert len(rows(runtime, "contacts")) == 2
    arrive(runtime, "hubspot", [notice(NOW, 1, name="email", value="ann@example.com")])
    drain(runtime)
    ann = contact(runtime, email="ann@example.com")
    assert ann == contact(runtime, hubspot="1")
    assert ann["fields"]["first_name"] == "Ann"
    assert ann["fields"]["job_title"] == "CEO"


def test_a_role_address_merges_nobody(runtime: Runtime) -> None:
    for name in ("ann", "bob"):
        visitor = f"visitor-{name}xxxxx"
        form(runtime, email=f"{name}@acme.example", visitor_id=visitor, at=NOW - minutes(9))
        form(runtime, email="info@acme.example", visitor_id=visitor)
    drain(runtime)
    assert len({contact(runtime, email=f"{name}@acme.example")["id"] for name in ("ann", "bob", "info")}) == 3


def test_a_shared_phone_merges_nobody(runtime: Runtime) -> None:
    form(runtime, email="ann@example.com", phone="+1 202 555 0123")
    form(runtime, email="bob@example.com", phone="+1 202 555 0123")
    drain(runtime)
    assert len(contacts(runtime, phone="+12025550123")) == 2


def test_an_unknown_type_is_kept_and_counted(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(
        runtime, "hubspot", [{"subscriptionType": "galaxy.exploded", "portalId": 62515, "objectId": 1, "eventId": 4}]
    )
    assert drain(runtime) == 1
    (event,) = rows(runtime, "events", "type", "contact_id")
    assert (event.type, event.contact_id) == ("unknown", None)


def test_what_cannot_be_read_is_parked_whole_and_can_be_replayed(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", b'{"broken')
    drain(runtime)
    (row,) = rows(runtime, "inbox")
    assert (row.status, row.body) == ("parked", b'{"broken')
    assert row.reason.startswith("not JSON")
    from app.store import inbox

    with runtime.database.write() as conn:
        assert inbox.replay(conn, [row.id]) == 1
    drain(runtime)
    assert [row.status for row in rows(runtime, "inbox")] == ["parked"]


def _pieces(shown: dict) -> list:
    import msgspec

    return [msgspec.structs.asdict(piece) for piece in shown["score"].contributions]


def _paths(runtime: Runtime, email: str) -> list[str]:
    import json

    found = rows(runtime, "events", "body", contact_id=contact(runtime, email=email)["id"], type="page.viewed")
    return [json.loads(row.body)["properties"]["path"] for row in found]


def test_an_event_between_two_of_the_same_moment_overtakes_no_decision(runtime: Runtime) -> None:
    """Tools that count in milliseconds say of several things that they happened at once; their order is by id then."""
    form(runtime, "newsletter", email="ann@acme.example", newsletter="yes", at=NOW - minutes(5))
    drain(runtime)
    keys = sorted((f"view {number}" for number in range(3)), key=lambda key: event_id(0, key))
    for key in (keys[0], keys[2], keys[1]):
        seen = Event(
            type="page.viewed",
            occurred_at=NOW,
            source_key=key,
            identities=(Identity("email", "ann@acme.example"),),
            properties={"path": "/pricing"},
        )
        with runtime.database.write() as conn:
            inbox.note(conn, [seen], NOW)
        drain(runtime)
    outcomes = [row.outcome for row in rows(runtime, "decisions", "outcome", rule="pricing_follow_up")]
    assert outcomes == ["withheld"] * 3, "for want of a tool, and none is overtaken"
