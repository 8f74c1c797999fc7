"""What an event is called, how a repeat of it is known, and where it stands in a contact's history.

Catalogue: A3 (redelivery), A4 (order).
"""

import random

import pytest

from app.contacts.event import Event, EventType, Identity, event_id, is_event_type, position
from tests.contacts.making import NOW, ago, event


@pytest.mark.parametrize(
    ("name", "known"),
    [
        pytest.param("page.viewed", True, id="one of the list"),
        pytest.param("unknown", True, id="what nobody has a word for"),
        pytest.param("custom:trial_started", True, id="what a team defines itself"),
        pytest.param("custom:", False, id="custom without a name"),
        pytest.param("page.visited", False, id="a near miss"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_event_types_are_a_closed_list_with_one_door(name, known):
    assert is_event_type(name) is known


def test_every_type_of_the_design_is_there():
    channels = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed", "replied")
    designed = {f"{channel}.{change}" for channel in ("email", "sms", "push") for change in channels}
    designed |= {
        *("contact.created", "contact.updated", "contact.merged", "contact.deleted", "contact.erased"),
        *("page.viewed", "form.submitted", "asset.downloaded", "consent.changed", "list.joined", "list.left"),
        *("tag.added", "tag.removed", "product.viewed", "checkout.started"),
        *("order.placed", "order.fulfilled", "order.refunded", "stage.changed", "deal.created", "deal.stage_changed"),
        *("meeting.booked", "meeting.canceled", "conversation.started", "conversation.closed", "task.completed"),
        *("sales.verdict", "segment.entered", "segment.left", "score.crossed", "message.sent", "timer.due", "unknown"),
    }
    assert {str(kind) for kind in EventType} == designed


def test_the_same_event_gets_the_same_id_each_time_it_is_sent():
    assert event_id(7, "62515|contact.creation|1") == event_id(7, "62515|contact.creation|1")
    assert len(event_id(7, "x")) == 32


@pytest.mark.parametrize(
    ("connection", "key"),
    [
        pytest.param(8, "x", id="another connection"),
        pytest.param(7, "y", id="another key"),
        pytest.param(71, "", id="the line between connection and key does not blur"),
    ],
)
def test_another_event_gets_another_id(connection, key):
    assert event_id(connection, key) != event_id(7, "x")


@pytest.mark.parametrize("kind", [EventType.CONTACT_CREATED, EventType.DEAL_CREATED])
def test_creation_comes_before_what_else_happened_in_the_same_instant(kind):
    for number in range(20):  # whatever the ids
        changed = event("contact.updated", NOW, key=f"changed {number}")
        created = event(kind, NOW, key=f"created {number}")
        assert position(created) < position(changed)


def test_history_is_in_the_order_in_which_things_happened_not_arrived():
    happened = [event("page.viewed", ago(minutes=minute), received=NOW) for minute in (30, 20, 10)]
    late = event("page.viewed", ago(minutes=25), received=NOW)
    assert sorted([late, *happened], key=position) == [happened[0], late, *happened[1:]]


def test_events_of_one_instant_have_one_order_whatever_the_order_of_arrival():
    events = [event("page.viewed", NOW) for _ in range(12)]
    expected = sorted(events, key=position)
    for seed in range(10):
        random.Random(seed).shuffle(events)
        assert sorted(events, key=position) == expected


def test_first_identity_of_a_kind_is_the_one():
    told = Event(
        type="contact.merged",
        occurred_at=NOW,
        source_key="x",
        identities=(Identity("hubspot", "1"), Identity("hubspot", "2")),
    )
    assert told.identity("hubspot") == "1"
    assert told.identity("email") is None
