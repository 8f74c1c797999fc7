"""Conditions as data: what they may look at, how they compare, what is refused before it is ever used.

Catalogue: E1 (behaviour, counts in windows), E5 (each condition's verdict), the part of every rule that admins write.
"""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.compare import OPERATORS, like
from app.rules.condition import Condition, Facts, compile_condition
from app.rules.condition_words import explain, words
from tests.contacts.making import ANN, NOW, ago, event, folded
from tests.rules.making import DEFAULT, live


def holds(condition: dict[str, Any] | None, contact: Contact | None = None, happened: Event | None = None) -> bool:
    facts = Facts(contact or Contact(), happened, NOW, DEFAULT.scoring.read)
    return compile_condition(None if condition is None else Condition.model_validate(condition))(facts)


def judged(op: str, wanted: Any, value: Any) -> bool:
    """Whether an event with this property passes."""
    return holds({"field": "event.x", "op": op, "value": wanted}, happened=event("page.viewed", x=value))


def problem(condition: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate(condition)
    return str(refused.value)


# Comparing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "wanted", "value", "expected"),
    [
        pytest.param("equals", "Acme", "ACME", True, id="equals, whatever the case"),
        pytest.param("equals", "acme", "acme inc", False, id="equals the whole"),
        pytest.param("equals", 3, 3, True, id="equals a number"),
        pytest.param("equals", "3", 3, False, id="a text is no number"),
        pytest.param("equals", True, True, True, id="equals yes"),
        pytest.param("equals", "b", ["a", "B"], True, id="equals one of a list"),
        pytest.param("equals", "a", None, False, id="nothing equals nothing"),
        pytest.param("not_equals", "a", "b", True, id="does not equal"),
        pytest.param("not_equals", "a", None, True, id="nothing is not equal"),
        pytest.param("not_equals", "a", ["b", "A"], False, id="not, with a list"),
        pytest.param("in", ["a", "b"], "B", True, id="in"),
        pytest.param("in", ["a", "b"], ["x", "b"], True, id="one of several in"),
        pytest.param("in", "a", "a", True, id="in a list of one"),
        pytest.param("in", ["a"], None, False, id="nothing is in no list"),
        pytest.param("not_in", ["a"], None, True, id="nothing is in none"),
        pytest.param("not_in", ["a"], ["x", "a"], False, id="one of several not in"),
        pytest.param("contains", "rici", "/pricing", True, id="contains"),
        pytest.param("contains", ["/plans", "/pricing"], "/pricing/x", True, id="contains one of"),
        pytest.param("contains", "5", 1524, True, id="contains, in a number"),
        pytest.param("contains", "x", None, False, id="nothing contains nothing"),
        pytest.param("starts_with", "/docs", "/docs/a", True, id="starts with"),
        pytest.param("starts_with", ["/a", "/b"], "/B/c", True, id="starts with one of"),
        pytest.param("ends_with", ".edu", "uni.EDU", True, id="ends with"),
        pytest.param("ends_with", ".edu", "uni.education", False, id="ends, not contains"),
        pytest.param("like", "/blog/*/pricing", "/blog/2026/pricing", True, id="like, with a star"),
        pytest.param("like", "/blog/*", "/docs", False, id="like, and is not"),
        pytest.param("word", "vp", "VP, Sales", True, id="has the word"),
        pytest.param("word", "vp", "MVP", False, id="a word, not a part of one"),
        pytest.param("word", ["chief officer"], "Chief Marketing Officer", True, id="all words of a phrase"),
        pytest.param("word", ["director", "manager"], "Sales Manager", True, id="one of the words"),
        pytest.param("at_least", 5, 5, True, id="at least"),
        pytest.param("at_least", 5, "5.0", True, id="at least, of a text"),
        pytest.param("at_least", 5, "many", False, id="what is no number is not at least"),
        pytest.param("at_least", 5, True, False, id="yes is no number"),
        pytest.param("at_least", 5, None, False, id="nothing is not at least"),
        pytest.param("at_most", 5, None, False, id="nothing is not at most, either"),
        pytest.param("at_most", 5, 5, True, id="at most"),
        pytest.param("more_than", 5, 5, False, id="more than"),
        pytest.param("less_than", 5, 4.9, True, id="less than"),
        pytest.param("less_than", 5, float("nan"), False, id="what is no number is not less"),
        pytest.param("less_than", 5, 10**400, False, id="what no number can hold is not less"),
    ],
)
def test_operator_compares(op, wanted, value, expected):
    assert judged(op, wanted, value) is expected


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_what_says_nothing_is_unknown(value):
    assert holds({"field": "event.x", "op": "unknown"}, happened=event("page.viewed", x=value))
    assert not holds({"field": "event.x", "op": "known"}, happened=event("page.viewed", x=value))


@pytest.mark.parametrize("value", [0, False, " ", "no", [None]])
def test_zero_and_no_say_something(value):
    assert holds({"field": "event.x", "op": "known"}, happened=event("page.viewed", x=value))


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("", "", True), ("", "*", True), ("abc", "abc", True), ("abc", "ab", False), ("abc", "*c", True),
        ("abc", "a*", True), ("abc", "a*c", True), ("abc", "*b*", True), ("abc", "a*b*c", True), ("ac", "a*b*c", False),
        ("aba", "aba*aba", False), ("abaaba", "aba*aba", True), ("a", "a*a", False), ("abc", "**", True),
        ("a.c", "a.c", True), ("abc", "a.c", False), ("a[bc", "a[*", True),
    ],
)  # fmt: skip
def test_star_stands_for_anything_and_nothing_else_does(text, pattern, expected):
    assert like(text, pattern) is expected


@given(st.text("ab*", max_size=6), st.text("ab", max_size=10))
def test_like_is_what_a_shell_does(pattern, text):
    import fnmatch

    assert like(text, pattern) is fnmatch.fnmatchcase(text, pattern)


def test_no_pattern_takes_long():
    started = time.perf_counter()
    assert not like("a" * 50_000, "*a" * 100 + "b")
    assert time.perf_counter() - started < 0.2


@given(
    st.sampled_from(sorted(set(OPERATORS) - {"at_least", "at_most", "more_than", "less_than"})),
    st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(), max_size=3)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ),
)
def test_whatever_a_vendor_sends_can_be_compared(op, wanted, value):
    assert judged(op, wanted, value) in (True, False)


# What it looks at -----------------------------------------------------------------------------------------------------

KNOWN = folded(
    event("contact.updated", ago(days=9), fields={"email": ANN, "country": "DE", "custom.size": "9"}),
    event("list.joined", ago(days=8), list="L1"),
    event("tag.added", ago(days=8), tag="Partner"),
    event("asset.downloaded", ago(days=7), topic="Freight"),
    event("page.viewed", ago(days=3), path="/a"),
    event("page.viewed", ago(days=1), path="/b"),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param({"field": "contact.country", "value": "de"}, True, id="a field"),
        pytest.param({"field": "contact.custom.size", "op": "at_least", "value": 9}, True, id="a field of one's own"),
        pytest.param({"field": "contact.city", "op": "known"}, False, id="a field that is not known"),
        pytest.param({"field": "email.domain", "value": "example.com"}, True, id="the address's domain"),
        pytest.param({"field": "email.free", "value": True}, False, id="a private mail provider"),
        pytest.param({"field": "tag", "value": "partner"}, True, id="a tag"),
        pytest.param({"field": "list", "value": "L1"}, True, id="a list, in whichever tool"),
        pytest.param({"field": "interest", "value": "freight"}, True, id="an interest"),
        pytest.param({"field": "count.page.viewed", "op": "at_least", "value": 2}, True, id="how often"),
        pytest.param({"field": "count.order.placed", "value": 0}, True, id="never is zero times"),
        pytest.param({"field": "days_since.page.viewed", "op": "at_most", "value": 1}, True, id="how long ago"),
        pytest.param({"field": "days_since.page.viewed", "op": "less_than", "value": 1}, False, id="to the second"),
        pytest.param({"field": "days_since.order.placed", "op": "more_than", "value": 0}, False, id="never is no time"),
        pytest.param({"field": "stage", "op": "unknown"}, True, id="no stage yet"),
        pytest.param({"field": "score", "value": 0}, True, id="no score yet"),
    ],
)
def test_condition_looks_at_the_contact(condition, expected):
    assert holds(condition, KNOWN) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param({"field": "event.type", "value": "page.viewed"}, True, id="its type"),
        pytest.param({"field": "event.path", "value": "/x"}, True, id="a property"),
        pytest.param({"field": "event.custom.plan", "value": "pro"}, True, id="a property within one"),
        pytest.param({"field": "event.path.plan", "op": "unknown"}, True, id="within what has nothing in it"),
    ],
)
def test_condition_looks_at_the_event(condition, expected):
    assert holds(condition, happened=event("page.viewed", path="/x", custom={"plan": "pro"})) is expected


def test_condition_about_an_event_does_not_hold_without_one():
    assert not holds({"field": "event.path", "value": "/x"})
    assert not holds({"field": "event.type", "value": "page.viewed"})


@pytest.mark.parametrize(("days", "expected"), [(None, True), (3, True), (2.9, False)])
def test_points_can_be_asked_for_within_days(days, expected):
    contact, _ = live([event("page.viewed", ago(days=3), path="/pricing", who=[("email", ANN)])])
    within = {} if days is None else {"within_days": days}
    assert holds({"scored": "pricing_page", **within}, contact) is expected
    assert not holds({"scored": "demo_request", **within}, contact)


# Joining --------------------------------------------------------------------------------------------------------------

YES, NO = {"field": "event.x", "value": 1}, {"field": "event.x", "value": 2}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param(None, True, id="no condition"),
        pytest.param({"all": [YES, YES]}, True, id="all"),
        pytest.param({"all": [YES, NO]}, False, id="all but one"),
        pytest.param({"all": []}, True, id="all of none"),
        pytest.param({"any": [NO, YES]}, True, id="any"),
        pytest.param({"any": [NO, NO]}, False, id="not any"),
        pytest.param({"any": []}, False, id="any of none"),
        pytest.param({"not": NO}, True, id="not"),
        pytest.param({"not": {"not": YES}}, True, id="not not"),
        pytest.param({"all": [YES, {"any": [NO, {"not": NO}]}]}, True, id="nested"),
    ],
)
def test_conditions_join(condition, expected):
    assert holds(condition, happened=event("page.viewed", x=1)) is expected


# Refused before it is used --------------------------------------------------------------------------------------------


def deep(levels: int) -> dict[str, Any]:
    return YES if levels == 1 else {"not": deep(levels - 1)}


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        pytest.param({}, "exactly one of", id="nothing"),
        pytest.param({"all": [], "any": []}, "exactly one of", id="two shapes"),
        pytest.param({"field": "event.x", "scored": "y"}, "exactly one of", id="two leaves"),
        pytest.param({"field": "events.x", "value": 1}, "is not one of", id="a field that is none"),
        pytest.param({"field": "event.", "value": 1}, "is not one of", id="a field without its end"),
        pytest.param({"field": "__class__", "value": 1}, "is not one of", id="what is no field at all"),
        pytest.param({"field": "count.page.visited", "value": 1}, "is not one of", id="a count of nothing"),
        pytest.param({"field": "stage", "op": "is", "value": 1}, '"is", which is not one of', id="no operator"),
        pytest.param({"field": "stage"}, '"equals" needs a value', id="no value"),
        pytest.param({"field": "score", "op": "at_least", "value": "much"}, "needs a number", id="no number"),
        pytest.param({"field": "score", "op": "at_least", "value": True}, "needs a number", id="yes for a number"),
        pytest.param({"field": "score", "op": "at_least", "value": float("nan")}, "needs a number", id="not a number"),
        pytest.param({"field": "event.type", "value": "page.visited"}, "is not an event type", id="no event type"),
        pytest.param({"field": "event.x", "value": 1, "when": 2}, "Extra inputs", id="a word too many"),
        pytest.param({"scored": "x", "within_days": 0}, "greater than 0", id="no days"),
        pytest.param({"all": [YES] * 200}, "201 parts, 2 deep; at most 200 and 16", id="too many parts"),
        pytest.param(deep(17), "17 parts, 17 deep; at most 200 and 16", id="too deep"),
    ],
)
def test_condition_that_cannot_work_is_refused_with_its_reason(condition, why):
    assert why in problem(condition)


def test_condition_of_the_largest_size_works():
    assert holds({"all": [YES] * 199}, happened=event("page.viewed", x=1))
    assert holds(deep(16), happened=event("page.viewed", x=1)) in (True, False)


# In words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"field": "score", "op": "at_least", "value": 50}, "score at least 50"),
        ({"field": "event.path", "op": "contains", "value": ["/a", "/b"]}, "path contains /a, /b"),
        ({"field": "contact.job_title", "op": "known"}, "job title is known"),
        ({"field": "email.free", "value": True}, "address with a free mail provider is yes"),
        ({"field": "event.type", "value": "list.joined"}, "what happened is “Joined a list”"),
        ({"field": "count.deal.stage_changed", "value": 1}, "deal moved on exactly 1 time"),
        ({"field": "count.order.placed", "op": "at_least", "value": 2}, "placed an order at least 2 times"),
        (
            {"field": "days_since.order.placed", "op": "more_than", "value": 3},
            "days since “Placed an order” more than 3",
        ),
        ({"field": "days_since.anything", "op": "at_least", "value": 60}, "days since any sign of life at least 60"),
        ({"field": "consent.email", "op": "not_equals", "value": "withdrawn"}, "consent to e-mail is not withdrawn"),
        ({"field": "days_silent.email", "op": "at_least", "value": 90}, "days of silence by email at least 90"),
        ({"field": "interest.pricing", "op": "at_least", "value": 2}, "interest in pricing at least 2"),
        ({"field": "stage", "op": "not_in", "value": ["customer"]}, "stage is none of customer"),
        ({"scored": "pricing_page", "within_days": 7}, "earned points for pricing page in the last 7 days"),
        ({"scored": "pricing_page"}, "earned points for pricing page"),
    ],
)
def test_leaf_is_said_in_words(condition, text):
    assert words(Condition.model_validate(condition)) == text


def test_every_operator_has_its_words():
    for op in OPERATORS:
        assert words(Condition.model_validate({"field": "event.x", "op": op, "value": 1})).startswith("x ")


def test_each_leaf_says_whether_it_held():
    condition = Condition.model_validate({"all": [YES, {"any": [NO, YES]}, {"not": NO}]})
    facts = Facts(Contact(), event("page.viewed", x=1), NOW, DEFAULT.scoring.read)
    assert [(one.text, one.holds) for one in explain(condition, facts)] == [
        ("x is 1", True),
        ("one of: x is 2", False),
        ("one of: x is 1", True),
        ("not: x is 2", True),
    ]
    assert explain(None, facts) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        pytest.param({"not": YES}, ["- not: x is 1"], id="denied"),
        pytest.param({"not": {"not": YES}}, ["+ x is 1"], id="twice"),
        pytest.param({"not": {"any": [NO, YES]}}, ["+ not: x is 2", "- not: x is 1"], id="none of them"),
        pytest.param(
            {"not": {"all": [NO, YES]}}, ["+ one of: not: x is 2", "- one of: not: x is 1"], id="not all of them"
        ),
        pytest.param(
            {"any": [NO, {"all": [YES, NO]}]}, ["- one of: x is 2", "- one of: x is 1 and x is 2"], id="two in one way"
        ),
        pytest.param(
            {"any": [NO, {"any": [NO, YES]}]},
            ["- one of: x is 2", "- one of: x is 2", "+ one of: x is 1"],
            id="ways in ways",
        ),
        pytest.param(
            {"any": [NO, {"all": [YES, {"not": NO}]}]},
            ["- one of: x is 2", "+ one of: x is 1 and not (x is 2)"],
            id="a denial in a way",
        ),
    ],
)
def test_what_is_asked_for_is_said_as_it_is_asked_for(condition, said):
    facts = Facts(Contact(), event("page.viewed", x=1), NOW, DEFAULT.scoring.read)
    found = explain(Condition.model_validate(condition), facts)
    assert [f"{'+' if one.holds else '-'} {one.text}" for one in found] == said
