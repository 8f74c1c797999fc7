# ruff: noqa: E501  (a table with a line for each case)
"""Segments: who is in them, since when, what follows from entering and leaving, and that time alone moves people.

Catalogue: C10 (conditions over state, updated as events arrive; entered/left are events; starters), A4 (any order).
"""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import passing
from app.rules.condition import Facts
from app.rules.policy import read_document
from app.rules.segments import touched
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event, yes
from tests.rules.making import DEFAULT, gate, live, of, policies

KNOWN = [event("contact.updated", ago(days=99), fields={"email": ANN}), yes(ago(days=99))]
TRIGGERS = """kind: triggers
triggers:
  - {id: hello, label: Came in, on: segment.entered, when: {field: event.segment, value: x}, once_in_days: 0, message: {name: In}}
  - {id: bye, label: Went, on: segment.left, when: {field: event.segment, value: x}, once_in_days: 0, message: {name: Out}}
  - {id: inside, label: Is in, on: page.viewed, when: {field: segment, value: x}, once_in_days: 0, message: {name: Is}}
"""


def by(when: str):
    return policies(f"kind: segments\nsegments: [{{id: x, label: Xs, when: {when}}}]", TRIGGERS)


def look(days: float = 0, path: str = "/a", **more):
    return event("page.viewed", ago(days=days), path=path, **more)


def order(days: float):
    return event("order.placed", ago(days=days), value=1)


def tick(days: float = 0):
    return event("timer.due", ago(days=days), timer="waiting")


def moves(when: str, *events) -> list[tuple[str, float]]:
    """What became of the segment, and how many days ago."""
    made = of(live([*KNOWN, *events], by(when))[1], "segment")
    return [(one.summary.partition(" ")[0], round((NOW - one.at) / timedelta(days=1), 3)) for one in made]


VISITS = "{count: {on: page.viewed, within_days: 7, at_least: 2}}"


@pytest.mark.parametrize(
    ("when", "events", "expected"),
    [
        pytest.param("{field: contact.country, value: DE}", [event("contact.updated", ago(days=5), fields={"country": "DE"})], [("Entered", 5)], id="a field"),
        pytest.param("{field: contact.country, value: DE}", [event("contact.updated", ago(days=5), fields={"country": "DE"}), event("contact.updated", ago(days=4), fields={"country": "FR"})], [("Entered", 5), ("Left", 4)], id="a field that changes"),
        pytest.param("{field: email.free, value: false}", [event("contact.updated", ago(days=5), fields={"email": "a@gmail.com"})], [("Entered", 99), ("Left", 5)], id="the address"),
        pytest.param("{field: stage, value: customer}", [order(5)], [("Entered", 5)], id="the stage"),
        pytest.param("{field: score, op: at_least, value: 10}", [event("checkout.started", ago(days=5)), tick()], [("Entered", 5), ("Left", 4.5)], id="a score that fades at midnight"),
        pytest.param("{field: tag, value: vip}", [event("tag.added", ago(days=5), tag="vip"), event("tag.removed", ago(days=4), tag="vip")], [("Entered", 5), ("Left", 4)], id="a tag"),
        pytest.param("{field: consent.email, value: granted}", [event("email.unsubscribed", ago(days=4)), yes(ago(days=3))], [("Entered", 99), ("Left", 4), ("Entered", 3)], id="consent"),
        pytest.param("{field: consent.sms, value: unknown}", [yes(ago(days=5))], [("Entered", 99)], id="consent by another channel"),
        pytest.param("{field: list, value: '7'}", [event("list.joined", ago(days=5), list="7")], [("Entered", 5)], id="a list"),
        pytest.param("{field: count.order.placed, value: 1}", [order(5), order(4)], [("Entered", 5), ("Left", 4)], id="how often"),
        pytest.param("{field: days_since.order.placed, op: at_least, value: 3}", [order(5), tick()], [("Entered", 2)], id="how long ago"),
        pytest.param("{field: days_since.order.placed, op: at_most, value: 3}", [order(5), tick()], [("Entered", 5), ("Left", 2)], id="how lately"),
        pytest.param("{field: days_since.anything, op: more_than, value: 3}", [look(9), look(5), tick()], [("Entered", 6), ("Left", 5), ("Entered", 2)], id="no sign of life"),
        pytest.param(VISITS, [look(12), look(10), tick()], [("Entered", 10), ("Left", 5)], id="a count in a window"),
        pytest.param(VISITS, [look(12), look(10), look(8), tick()], [("Entered", 10), ("Left", 3)], id="a window that moves"),
        pytest.param("{did: [{on: page.viewed}, {on: order.placed}], within_days: 2}", [look(9), order(8), tick()], [("Entered", 8), ("Left", 6)], id="a sequence"),
        pytest.param("{field: interest, value: lamps}", [event("product.viewed", ago(days=95), product="lamps"), tick()], [("Entered", 95), ("Left", 5)], id="an interest that ends"),
        pytest.param("{field: interest.lamps, op: at_least, value: 0.5}", [event("product.viewed", ago(days=50), product="lamps"), tick()], [("Entered", 50), ("Left", 5)], id="an interest that fades"),
        pytest.param("{scored: checkout, within_days: 3}", [event("checkout.started", ago(days=9)), tick()], [("Entered", 9), ("Left", 6)], id="points"),
        pytest.param("{not: {field: contact.country, op: known}}", [], [("Entered", 99)], id="what is so from the start"),
        pytest.param("{all: [{field: count.order.placed, op: at_least, value: 1}, {field: days_since.anything, op: at_least, value: 2}]}", [look(9), order(6), tick()], [("Entered", 4)], id="time, among buyers"),
    ],
)  # fmt: skip
def test_contact_enters_and_leaves(when, events, expected):
    assert moves(when, *events) == expected


def test_entering_is_a_decision_and_starts_triggers_in_the_same_step():
    contact, decisions = live([*KNOWN, look(3), look(2), tick(-8)], by(VISITS))
    entered, left = of(decisions, "segment")
    assert entered.summary == "Entered the segment “Xs”"
    assert entered.at == ago(days=2)
    assert gate(entered, "visited a page at least 2 times in the last 7 days").passed
    assert left.summary == "Left the segment “Xs”, as time has passed"
    assert [(one.rule, str(one.outcome), one.at) for one in of(decisions, "message")] == [
        ("hello", "taken", ago(days=2)),
        ("inside", "taken", ago(days=2)),
        ("bye", "taken", left.at),
    ]
    assert contact.segments == {}
    assert len({one.key for one in decisions}) == len(decisions)


def test_what_is_kept_says_since_when_and_when_to_look_again():
    contact, _ = live([*KNOWN, look(3), look(2)], by(VISITS))
    assert contact.segments == {"x": ago(days=2)}
    assert passing.timers(contact, NOW) == {"waiting": NOW + timedelta(days=4)}, (
        "a whole hour, as long as it is far away"
    )
    later = NOW + timedelta(days=3, hours=23.5)
    assert passing.timers(contact, later) == {"waiting": NOW + timedelta(days=4, milliseconds=1)}
    assert passing.timers(live(KNOWN, by(VISITS))[0], NOW) == {}


def test_new_version_looks_at_everybody_once_and_forgets_what_is_gone():
    contact, _ = live([*KNOWN, look(3), look(2)], by(VISITS))
    other = policies("kind: segments\nsegments: [{id: y, label: Y, when: {field: contact.email, op: known}}]", TRIGGERS)
    contact.segmented = "segments@0"
    contact, decisions = live([look(1)], other, contact)
    assert (list(contact.segments), contact.looks) == (["y"], {})
    assert len(of(decisions, "segment")) == 1


def test_new_version_is_not_forgotten_where_time_moves_somebody_first():
    contact, _ = live([*KNOWN, look(9), look(8)], by(VISITS))
    both = policies(f"""kind: segments
segments: [{{id: x, label: X, when: {VISITS}}}, {{id: y, label: Y, when: {{field: contact.email, op: known}}}}]""")
    contact.segmented = "segments@0"
    contact, decisions = live([event("email.delivered")], both, contact)
    assert list(contact.segments) == ["y"]
    assert [one.rule for one in of(decisions, "segment")] == ["x", "y"]


def test_event_that_nothing_depends_on_asks_nothing():
    contact, _ = live([*KNOWN, order(9)])
    for quiet in (
        event("sms.delivered"),
        event("deal.stage_changed"),
        event("contact.updated", fields={"city": "X"}),
    ):
        assert touched(contact, quiet, contact.stage, DEFAULT.segments, scored=True) == ()


@pytest.mark.parametrize(
    ("events", "inside"),
    [
        pytest.param([yes(ago(days=3))], ["new_subscribers"], id="agreed lately"),
        pytest.param([event("list.joined", ago(days=3), list="1")], ["new_subscribers"], id="joined lately"),
        pytest.param(
            [yes(ago(days=3)), event("email.unsubscribed", ago(days=2))], [], id="agreed lately, and opted out"
        ),
        pytest.param([order(3)], ["first_time_buyers"], id="bought once"),
        pytest.param([order(4), order(3)], ["repeat_customers"], id="bought twice"),
        pytest.param([order(90), order(61)], ["repeat_customers", "lapsing"], id="bought long ago"),
        pytest.param([order(90), look(3)], ["first_time_buyers"], id="still comes"),
        pytest.param([event("meeting.booked", ago(days=3))], ["ready_for_sales"], id="booked a meeting"),
        pytest.param([look(3)], [], id="just looks"),
    ],
)
def test_starters(events, inside):
    assert sorted(live([*KNOWN, *events, tick()])[0].segments) == sorted(inside)


# The same, whatever the order, and however often time is looked at ------------------------------------------------------

CONDITIONS = [
    VISITS,
    "{field: days_since.anything, op: at_least, value: 2.5}",
    "{all: [{field: score, op: at_least, value: 5}, {not: {field: days_since.page.viewed, op: less_than, value: 1}}]}",
    "{any: [{field: interest.pricing, op: at_least, value: 1.3}, {count: {on: order.placed, within_days: 4, at_least: 1}}]}",
    "{did: [{on: page.viewed}, {on: order.placed, within_days: 3}], within_days: 2}",
]
ALL = policies(
    "kind: segments\nsegments:\n"
    + "".join(f"  - {{id: s{number}, label: S, when: {when}}}\n" for number, when in enumerate(CONDITIONS)),
    "kind: triggers\ntriggers:\n"
    "  - {id: t, label: T, on: [segment.entered, segment.left], once_in_days: 0, message: {name: T}}\n"
    "  - {id: w, label: W, on: segment.entered, unless: {on: segment.left}, within_hours: 20, once_per: event.segment, message: {name: W}}",
)
HAPPENED = st.lists(
    st.builds(
        lambda kind, days: event(kind, ago(days=days), path="/pricing", value=1),
        st.sampled_from(["page.viewed", "order.placed", "checkout.started", "email.clicked", "email.delivered"]),
        st.floats(0, 20).map(lambda days: round(days, 2)),
    ),
    max_size=12,
)


@given(HAPPENED, st.lists(st.floats(0, 25), max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_any_timers_come_to_the_same(happened, rung, chance: random.Random):
    once = live([*KNOWN, *happened, last := tick()], ALL)
    mixed = [*happened, *(tick(days) for days in rung), last]
    chance.shuffle(mixed)
    again = live([*KNOWN, *mixed], ALL)
    assert again[0].segments == once[0].segments
    assert [(one.key, one.summary, one.outcome, one.at) for one in again[1]] == [
        (one.key, one.summary, one.outcome, one.at) for one in once[1]
    ]


@given(HAPPENED, st.floats(0, 20))
def test_it_is_never_otherwise_than_its_condition_says(happened, days):
    """Looked at only when something may have changed, a contact is in a segment exactly when the condition holds."""
    contact, _ = live([*KNOWN, *(one for one in happened if one.occurred_at < ago(days=days)), tick(days)], ALL)
    facts = Facts(contact, None, ago(days=days), ALL.scoring.read)
    assert sorted(contact.segments) == [one.id for one in ALL.segments.every if one.test(facts)]


# What an admin writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("{field: event.path, value: x}", "not what happens"),
        ("{field: segment, value: x}", "do not build on each other"),
        ("{field: days_since.order.placed, value: 3}", "takes at_least"),
        ("{count: {on: page.viewed, same: event.path, at_least: 2}}", "compares with an event"),
    ],
)
def test_what_cannot_work_is_refused(when, why):
    with pytest.raises(InvalidDocument) as refused:
        read_document(f"kind: segments\nsegments: [{{id: x, label: X, when: {when}}}]", "s.yaml")
    assert why in str(refused.value)


def test_ids_are_unique():
    one = "{id: x, label: X, when: {field: score, op: at_least, value: 1}}"
    with pytest.raises(InvalidDocument, match='"x" is taken'):
        read_document(f"kind: segments\nsegments: [{one}, {one}]")
