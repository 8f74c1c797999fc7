"""What people care for, inferred from what they look at, and for how long.

Catalogue: E3 (downloads and repeat visits to a topic, with expiry; used by content and segments).
"""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contacts.contact import Contact
from app.contacts.interests import MAX_INTERESTS, interests
from app.rules.condition import Condition, Facts, compile_condition
from app.rules.policy import read_document
from mappings.document import InvalidDocument
from tests.contacts.making import NOW, ago, event, folded
from tests.rules.making import DEFAULT, live, policies

BY = policies(
    "kind: interests\nvisits: 2\nwithin_days: 7\nexpires_days: 20\n"
    "topics: [{topic: Pricing, paths: [/pricing, /Plans]}, {topic: freight, paths: [/freight]}]"
)


def look(path: str, days: float, **more):
    return event("page.viewed", ago(days=days), path=path, **more)


def found(*events, now=NOW):
    return interests(live(events, BY)[0], now)


def holds(condition: dict, contact: Contact, now=NOW) -> bool:
    return compile_condition(Condition.model_validate(condition))(Facts(contact, None, now, DEFAULT.scoring.read))


@pytest.mark.parametrize(
    ("events", "topics"),
    [
        pytest.param([look("/pricing", 1)], [], id="once is chance"),
        pytest.param([look("/pricing", 6), look("/plans/team", 0)], ["pricing"], id="twice, on two pages of the topic"),
        pytest.param([look("/pricing", 7.1), look("/pricing", 0)], [], id="too far apart"),
        pytest.param([look("/pricing", 7), look("/pricing", 0)], ["pricing"], id="just within"),
        pytest.param([look("/pricing", 1), look("/freight", 0)], [], id="one of each"),
        pytest.param([look("/pricing", 1, machine="a crawler"), look("/pricing", 0)], [], id="a machine"),
        pytest.param([look("/blog/pricing", 1), look("/blog/pricing", 0)], [], id="elsewhere on the site"),
        pytest.param([event("asset.downloaded", ago(days=1), topic="Costs")], ["costs"], id="a download"),
        pytest.param([event("product.viewed", ago(days=1), product="Blue Lamp")], ["blue lamp"], id="a product"),
    ],
)  # fmt: skip
def test_interest_is_inferred(events, topics):
    assert list(found(*events)) == topics


def test_interest_fades_and_runs_out():
    contact, _ = live([look("/pricing", 2), look("/pricing", 1), look("/pricing", 0)], BY)
    assert contact.interests["pricing"].until == NOW + timedelta(days=20)
    assert interests(contact, NOW) == {"pricing": 2.0}
    assert interests(contact, NOW + timedelta(days=10)) == {"pricing": 1.0}
    assert interests(contact, NOW + timedelta(days=20)) == {}


def test_one_that_has_run_out_begins_anew():
    contact, _ = live([*(look("/freight", 40 - n) for n in range(5)), look("/freight", 1), look("/freight", 0)], BY)
    assert (contact.interests["freight"].count, contact.interests["freight"].first_at) == (1, NOW)


def test_downloads_run_out_too():
    assert found(event("asset.downloaded", ago(days=19), topic="costs"))
    assert not found(event("asset.downloaded", ago(days=20), topic="costs"))


def test_without_a_policy_nothing_runs_out():
    assert interests(folded(event("asset.downloaded", ago(days=900), topic="costs")), NOW) == {"costs": 1.0}


def test_conditions_ask_for_interests_of_the_moment():
    contact, _ = live([look("/pricing", 1), look("/pricing", 0)], BY)
    assert holds({"field": "interest", "op": "in", "value": ["pricing"]}, contact)
    assert holds({"field": "interest.pricing", "op": "at_least", "value": 1}, contact)
    assert holds({"field": "interest.freight", "op": "unknown"}, contact)
    later = NOW + timedelta(days=21)
    assert not holds({"field": "interest", "op": "in", "value": ["pricing"]}, contact, later)
    assert holds({"field": "interest.pricing", "op": "unknown"}, contact, later)


def test_what_is_kept_is_bounded():
    many = [look("/pricing", 9 - n / 100) for n in range(500)]
    many += [event("asset.downloaded", ago(days=1), topic=f"t{n}") for n in range(100)]
    contact, _ = live(many, BY)
    assert len(contact.interests) == MAX_INTERESTS
    assert {topic: len(times) for topic, times in contact.visits.items()} == {"pricing": 2}
    other = policies("kind: interests\ntopics: [{topic: freight, paths: [/freight]}]")
    assert list(live([look("/freight", 0)], other, contact)[0].visits) == ["freight"], "topics that are gone are let go"


STREAM = [look("/pricing", n) for n in range(0, 30, 3)] + [look("/freight", n + 0.5) for n in range(0, 30, 8)]


@given(st.randoms(use_true_random=False))
def test_any_order_infers_the_same(chance: random.Random):
    mixed = list(STREAM)
    chance.shuffle(mixed)
    assert live(mixed, BY)[0].interests == live(STREAM, BY)[0].interests


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("topics: [{topic: a, paths: [pricing]}]", '"pricing" is not the beginning of a path'),
        ("topics: [{topic: a, paths: []}]", "at least 1"),
        ("topics: [{topic: a, paths: [/a]}, {topic: A, paths: [/b]}]", '"a" stands there twice'),
        ("visits: 0", "at least 1"),
        ("expires_days: 0", "more than 0"),
    ],
)
def test_document_that_cannot_work_is_refused(text, why):
    with pytest.raises(InvalidDocument) as refused:
        read_document(f"kind: interests\n{text}", "i.yaml")
    assert why in str(refused.value)
