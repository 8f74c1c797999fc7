"""Whose word stands when tools say different things of a field.

Catalogue: C8 (owner per field, conflicts), C9 (a field that is turned back and forth is frozen).

An event is (minute, connection, value, authority); connection 0 is Baton, a person who settles is 'kim'.
"""

from datetime import timedelta
from typing import Any

import pytest

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.fold import fold
from app.contacts.own_events import FIELD_SETTLED
from tests.conftest import NOW


def said(*what: tuple[float, int, Any, str]) -> Contact:
    contact = Contact()
    for minute, connection, value, authority in what:
        by_hand = connection == 0
        fold(
            contact,
            Event(
                type=FIELD_SETTLED if by_hand else "contact.updated",
                occurred_at=NOW + timedelta(minutes=minute),
                source_key=f"{minute}",
                id=f"{minute}",
                connection_id=connection,
                fields={"city": value},
                authority={"city": authority} if authority else {},
                actor="kim" if by_hand else None,
            ),
        )
    return contact


@pytest.mark.parametrize(
    ("told", "value", "tool"),
    [
        pytest.param([(1, 1, "Bonn", ""), (2, 2, "Köln", "")], "Köln", 2, id="the newest stands"),
        pytest.param([(1, 1, "Bonn", ""), (2, 2, "Bonn", "")], "Bonn", 1, id="who said it first has said it"),
        pytest.param([(1, 1, "Bonn", "owner"), (2, 2, "Köln", "")], "Bonn", 1, id="an owner is not overruled"),
        pytest.param([(1, 2, "Köln", ""), (2, 1, "Bonn", "owner")], "Bonn", 1, id="an owner overrules"),
        pytest.param([(1, 2, "Bonn", ""), (2, 1, "Bonn", "owner"), (3, 2, "Köln", "")], "Bonn", 1, id="and keeps it"),
        pytest.param([(1, 1, "Bonn", "owner"), (2, 1, "Köln", "owner")], "Köln", 1, id="an owner changes its mind"),
        pytest.param([(1, 1, "Bonn", ""), (2, 2, "Köln", "fill")], "Bonn", 1, id="who only fills overrules nobody"),
        pytest.param([(1, 2, "Köln", "fill")], "Köln", 2, id="who only fills fills"),
        pytest.param([(1, 1, "Bonn", "owner"), (2, 0, "Ulm", ""), (3, 1, "Köln", "owner")], "Köln", 1, id="after us"),
    ],
)  # fmt: skip
def test_whose_word_stands(told: list[tuple[float, int, Any, str]], value: str, tool: int) -> None:
    contact = said(*told)
    assert (contact.fields["city"].value, contact.fields["city"].connection_id) == (value, tool)
    assert not contact.disputes


FLIPPING = [(minute, 1 + minute % 2, ("Bonn", "Köln")[minute % 2], "") for minute in range(5)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        pytest.param([(1, 1, "Bonn", "owner"), (2, 2, "Köln", "owner")], "owners", id="two owners"),
        pytest.param([(1, 1, "Bonn", ""), (2, 2, "Köln", "ask")], "asked", id="one that asks"),
        pytest.param(FLIPPING, "flip_flop", id="turned back and forth four times in an hour"),
    ],
)
def test_what_no_rule_settles_goes_to_a_person(told: list[tuple[float, int, Any, str]], reason: str) -> None:
    contact = said(*told)
    dispute = contact.disputes["city"]
    assert dispute.reason == reason
    assert {one.value for one in dispute.says.values()} == {"Bonn", "Köln"}
    before = contact.fields["city"].value
    # Until then it stays, whatever tools say, and what they say is kept
    later = said(*told, (30, 2, "Ulm", ""))
    assert later.fields["city"].value == before
    assert later.disputes["city"].says["2"].value == "Ulm"
    settled = said(*told, (31, 0, "Ulm", ""))
    assert not settled.disputes
    assert (settled.fields["city"].value, settled.fields["city"].by) == ("Ulm", "kim")


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(FLIPPING[:4], id="three times"),
        pytest.param([(40 * n, tool, city, rank) for n, tool, city, rank in FLIPPING], id="slowly"),
        pytest.param([(n, 1 + n % 2, f"City {n}", "") for n in range(9)], id="never back to what it was"),
        pytest.param([(n, 1, ("Bonn", "Köln")[n % 2], "") for n in range(9)], id="one tool alone"),
    ],
)
def test_ordinary_changes_are_no_conflict(told: list[tuple[float, int, Any, str]]) -> None:
    contact = said(*told)
    assert not contact.disputes
    assert contact.fields["city"].value == told[-1][2]
