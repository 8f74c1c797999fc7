"""New points for what has happened already: the score follows, and nothing else does."""

from datetime import timedelta

import pytest

from app.contacts.contact import Contact, LifecycleStage
from app.contacts.event import Event
from app.rules.decide import Policies
from app.rules.replay import replayed
from app.rules.rescore import Rescored, decision_of, rescore
from app.rules.score import total
from tests.conftest import NOW
from tests.rules.making import live, policies

LATER = NOW + timedelta(hours=1)


def rules(points: int, threshold: int = 50, rearm: int = 40) -> Policies:
    return policies(
        f"""
kind: scoring
threshold: {threshold}
rearm_below: {rearm}
groups: {{all: {{}}}}
rules:
  - {{id: visit, label: Visit, group: all, points: {points}, on: [page.viewed]}}
  - id: third
    label: Third visit
    group: all
    points: 1
    on: [page.viewed]
    when: {{count: {{on: page.viewed, within_days: 7, at_least: 3}}}}
"""
    )


def visits(count: int) -> list[Event]:
    return [
        Event(type="page.viewed", occurred_at=NOW + timedelta(minutes=n), source_key="", id=f"{n:032x}")
        for n in range(count)
    ]


def rescored(count: int, old: Policies, new: Policies, contact: Contact | None = None) -> tuple[Contact, Rescored]:
    contact = contact or live(visits(count), old)[0]
    earned = replayed(visits(count), new, ()).contact
    return contact, rescore(contact, earned, old.scoring.read, new, LATER)


def test_the_score_is_what_the_history_earns_under_the_new_rules() -> None:
    contact, found = rescored(3, rules(5), rules(7))
    assert (found.before, found.after, found.changed) == (16, 22, True)
    assert total(contact.score, rules(7).scoring.read, LATER) == 22
    assert not found.rose
    assert not found.fell


def test_who_rises_over_the_threshold_by_this_alone_is_not_told_and_keeps_the_stage() -> None:
    new = rules(20)
    contact, found = rescored(3, rules(5), new)
    assert found.rose
    assert contact.stage is None
    assert (contact.score.armed, contact.score.crossed_at) == (False, LATER)
    assert found.stage is not None
    assert found.stage.name is LifecycleStage.MQL
    nothing_new = Event(type="page.viewed", occurred_at=LATER, source_key="", id="f" * 32)
    assert live([nothing_new], new, contact)[1] == [], "what raises it next is no news"
    said = decision_of(found, contact, new, "7", LATER)
    assert said is not None
    assert said.outcome == "withheld"
    assert said.summary == (
        "Score 16 → 61 by new rules alone, over 50. By the rules in force the stage would be mql: nobody is told and "
        "no stage is set, as nothing happened but a publication"
    )


def test_who_falls_below_the_lower_threshold_can_qualify_again() -> None:
    contact, found = rescored(3, rules(20), rules(5))
    assert found.fell
    assert contact.score.armed
    assert contact.stage is not None
    assert contact.stage.name is LifecycleStage.MQL, "no stage goes back by itself"


def test_who_was_told_and_stays_over_the_threshold_is_not_told_again() -> None:
    contact, found = rescored(3, rules(20), rules(30))
    assert not found.rose
    assert not contact.score.armed
    assert contact.score.crossed_at != LATER


def test_nothing_changes_where_the_rules_say_the_same() -> None:
    contact, found = rescored(3, rules(5), rules(5, threshold=90))
    assert not found.changed
    assert found.stage is None
    assert contact == live(visits(3), rules(5))[0]


@pytest.mark.parametrize(("threshold", "rose"), [(16, True), (17, False)])
def test_a_lower_threshold_is_come_over_as_well(threshold: int, rose: bool) -> None:
    assert rescored(3, rules(5), rules(5, threshold=threshold, rearm=10))[1].rose is rose


def test_what_new_rules_count_is_remembered_from_the_history() -> None:
    contact, _ = rescored(2, policies(), rules(5))
    third = Event(type="page.viewed", occurred_at=LATER, source_key="", id="f" * 32)
    assert total(live([third], rules(5), contact)[0].score, rules(5).scoring.read, LATER) == 16
