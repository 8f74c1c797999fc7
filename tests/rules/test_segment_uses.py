"""What a segment is there for, and how its condition reads. Pure rules."""

from datetime import timedelta

import pytest

from app.contacts.contact import Contact
from app.rules.condition import Condition, Facts
from app.rules.decide import Policies
from app.rules.outline import failing, outline
from app.rules.policy import compile_policies, read_document
from app.rules.segment_uses import (
    handoffs_using,
    messages_using,
    scores_using,
    sequences_using,
    stages_using,
    triggers_using,
)
from app.rules.would import would_enter
from tests.contacts.making import NOW, event
from tests.rules.making import DEFAULT

SEQUENCE = """
kind: sequences
sequences:
  - id: s
    label: S
    max_days: 9
    entry: {on: form.submitted%s}
    steps: [%s]
"""
MESSAGE = "{send: {name: Hello}}"
TRIGGER = """
kind: triggers
triggers: [{id: t, label: T, %s, message: {name: Hello}}]
"""
CONTENT = """
kind: content
site: https://www.acme.example
messages: [{id: m, label: M, subject: Hi, blocks: [{variants: [{%s, text: You.}, {text: All.}]}]}]
"""
ASKS = "{field: segment, value: vip}"


def policies(text: str) -> Policies:
    document = read_document(text)
    return compile_policies({document.kind: (document.model, f"{document.kind}@1")})


@pytest.mark.parametrize(
    ("text", "used"),
    [
        (TRIGGER % "on: segment.entered, when: {field: event.segment, value: vip}", True),
        (TRIGGER % "on: segment.entered, when: {field: event.segment, value: other}", False),
        (TRIGGER % "on: segment.left", True),
        (TRIGGER % f"on: page.viewed, when: {{not: {{any: [{ASKS}]}}}}", True),
        (TRIGGER % f"on: page.viewed, after_days: 1, still: {ASKS}", True),
        (TRIGGER % "on: page.viewed", False),
        (SEQUENCE % (", segment: vip", MESSAGE), True),
        (SEQUENCE % (", segment: other", MESSAGE), False),
        (SEQUENCE % ("", f"{{branch: [{{when: {ASKS}, steps: [{MESSAGE}]}}]}}"), True),
        (SEQUENCE % ("", MESSAGE), False),
        (CONTENT % "segment: [vip]", True),
        (CONTENT % f"when: {ASKS}", True),
        (CONTENT % "segment: [other]", False),
    ],
)
def test_what_uses_a_segment_is_found_wherever_it_asks(text: str, used: bool) -> None:
    found = policies(text)
    using = (triggers_using, sequences_using, messages_using)
    assert [one.id for use in using for one in use("vip", found) if one.id in ("t", "s", "m")] == (
        [{"triggers": "t", "sequences": "s", "content": "m"}[read_document(text).kind]] if used else []
    )


HANDOFF = (
    "kind: handoff\nrules: [{id: h, label: H, when: %s}]\npeople: [{name: Rita, email: r@team.example, takes: %s}]"
)
STAGES = "kind: lifecycle\nsteps: [{to: lead, on: [%s], when: %s, because: is one of them}]"
SCORES = "kind: scoring\ngroups: {g: {}}\nrules: [{id: p, label: P, group: g, points: 5, when: %s}]"
OTHER = "{field: stage, op: known}"


@pytest.mark.parametrize(
    ("using", "text", "used"),
    [
        (handoffs_using, HANDOFF % (ASKS, OTHER), [("h", "H")]),
        (handoffs_using, HANDOFF % (OTHER, ASKS), [("r@team.example", "Rita's territory")]),
        (handoffs_using, HANDOFF % (OTHER, OTHER), []),
        (stages_using, STAGES % ("page.viewed", ASKS), [("lead", "is one of them")]),
        (stages_using, STAGES % ("segment.entered", OTHER), [("lead", "is one of them")]),
        (stages_using, STAGES % ("segment.entered", "{field: event.segment, value: other}"), []),
        (stages_using, STAGES % ("page.viewed", OTHER), []),
        (scores_using, SCORES % ASKS, [("p", "P")]),
        (scores_using, SCORES % OTHER, []),
    ],
)
def test_handoffs_stages_and_scores_that_ask_for_a_segment_use_it(using, text: str, used: list) -> None:
    assert [(one.id, one.label) for one in using("vip", policies(text))] == used


def test_shipped_re_engagement_is_for_the_silent() -> None:
    assert [one.id for one in sequences_using("silent", compile_policies({}))] == ["re_engagement"]


A, B = ({"field": "event.x", "value": value} for value in (1, 2))


@pytest.mark.parametrize(
    ("condition", "text", "parts"),
    [
        (A, "x is 1", []),
        ({"not": A}, "not: x is 1", []),
        ({"all": [A, B]}, "All of these", ["x is 1", "x is 2"]),
        ({"any": [A, {"not": B}]}, "At least one of these", ["x is 1", "not: x is 2"]),
        ({"not": {"any": [A, B]}}, "None of these", ["x is 1", "x is 2"]),
        ({"not": {"all": [A, B]}}, "Not all of these together", ["x is 1", "x is 2"]),
    ],
)
def test_condition_is_laid_out_line_by_line(condition, text: str, parts: list[str]) -> None:
    found = outline(Condition.model_validate(condition))
    assert (found.text, [one.text for one in found.parts]) == (text, parts)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (A, ""),
        (B, "x is 2"),
        ({"all": [{"any": [B, A]}, B]}, "x is 2"),
        ({"any": [B, B]}, "one of: x is 2, or x is 2"),
        ({"not": A}, "not: x is 1"),
    ],
)
def test_what_fails_is_the_part_that_counts(condition, said: str) -> None:
    facts = Facts(Contact(), event("page.viewed", x=1), NOW, DEFAULT.scoring.read)
    assert failing(Condition.model_validate(condition), facts) == said


def test_sequence_would_let_somebody_in_or_says_what_is_not_so() -> None:
    found = policies(SEQUENCE % (", when: {any: [{field: event.x, value: 2}, {field: event.x, value: 1}]}", MESSAGE))
    entered = would_enter(Contact(), event("form.submitted", NOW, x=1), "s", found)
    assert (entered.outcome, entered.label) == ("withheld", "S")
    assert entered.gates
    not_asked = would_enter(Contact(), event("form.submitted", NOW + timedelta(days=1), x=3), "s", found)
    assert not_asked.summary == "Nothing would happen, as this is not so: one of: x is 2, or x is 1"
    assert (
        "Nothing would happen, as this is not so: event.type is one of"
        in would_enter(Contact(), event("page.viewed", NOW), "s", found).summary
    )
