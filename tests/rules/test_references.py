# ruff: noqa: E501  (a table with a line for each case)
"""Segments that policies ask for and that do not exist. Pure rules.

Catalogue: C10, H1.
"""

import pytest

from app.rules.policy import check_together, default_documents, read_document

SEGMENTS = "kind: segments\nsegments: [{id: vip, label: VIP, when: {field: contact.city, op: known}}]"
SEQUENCE = "kind: sequences\nsequences: [{id: s, label: S, max_days: 9, entry: {on: page.viewed%s}, steps: [%s]}]"
SEND = "{send: {name: Hi}}"
TRIGGER = "kind: triggers\ntriggers: [{id: t, label: T, %s, message: {name: Hi}}]"
CONTENT = "kind: content\nsite: https://www.acme.example\nmessages: [{id: m, label: M, subject: Hi, blocks: [{variants: [{%s, text: You.}, {text: All.}]}]}]"
ASKS = "{field: segment, value: vpi}"
IN_SEQUENCE = (
    'sequences: sequence 1 (s) asks for the segment "vpi", which is not one of the segments; did you mean "vip"?'
)
IN_TRIGGER = IN_SEQUENCE.replace("sequences: sequence 1 (s)", "triggers: trigger 1 (t)")


def problems(*texts: str) -> list[str]:
    documents = [read_document(text) for text in (SEGMENTS, *texts)]
    return check_together({one.kind: one.model for one in documents})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(SEQUENCE % (", segment: vpi", SEND), [IN_SEQUENCE], id="who comes into a sequence"),
        pytest.param(SEQUENCE % (f", when: {ASKS}", SEND), [IN_SEQUENCE], id="its entry's condition"),
        pytest.param(SEQUENCE % ("", f"{{branch: [{{when: {{not: {ASKS}}}, steps: [{SEND}]}}]}}"), [IN_SEQUENCE], id="a branch"),
        pytest.param(SEQUENCE % ("", f"{{branch: [{{when: {{field: stage, op: known}}, steps: [{{branch: [{{when: {ASKS}}}]}}]}}]}}"), [IN_SEQUENCE], id="a branch within a branch"),
        pytest.param(SEQUENCE % ("", f"{{wait: {{for: {{on: page.viewed, where: {ASKS}, at_most_days: 3}}}}}}"), [IN_SEQUENCE], id="what is waited for"),
        pytest.param(SEQUENCE % ("", SEND) + f"\n# {ASKS}", [], id="a comment"),
        pytest.param(TRIGGER % f"on: page.viewed, when: {{all: [{{any: [{ASKS}]}}]}}", [IN_TRIGGER], id="a trigger"),
        pytest.param(TRIGGER % f"on: page.viewed, after_days: 1, still: {ASKS}", [IN_TRIGGER], id="what is still so"),
        pytest.param(TRIGGER % f"on: page.viewed, when: {{count: {{on: page.viewed, where: {ASKS}, at_least: 2}}}}", [IN_TRIGGER], id="what is counted"),
        pytest.param(TRIGGER % "on: page.viewed, when: {field: segment, op: in, value: [VIP, vpi]}", [IN_TRIGGER], id="one of several"),
        pytest.param(TRIGGER % "on: segment.entered, when: {field: event.segment, value: vpi}", [IN_TRIGGER], id="which is entered"),
        pytest.param(TRIGGER % "on: page.viewed, after_days: 1, unless: {on: segment.left, where: {field: event.segment, value: vpi}}", [IN_TRIGGER], id="which is left meanwhile"),
        pytest.param(TRIGGER % "on: page.viewed, when: {field: event.segment, value: vpi}", [], id="a tool's own property"),
        pytest.param(TRIGGER % "on: page.viewed, when: {field: segment, op: contains, value: vi}", [], id="a part of a name"),
        pytest.param(TRIGGER % "on: page.viewed, when: {field: segment, op: known}", [], id="any"),
        pytest.param(CONTENT % f"when: {ASKS}", [IN_SEQUENCE.replace("sequences: sequence 1 (s)", "content: message 1 (m)")], id="a message's variant"),
        pytest.param("kind: lifecycle\nsteps: [{to: lead, on: [page.viewed], when: %s, because: x}]".replace("%s", ASKS), [IN_SEQUENCE.replace("sequences: sequence 1 (s)", "lifecycle: step 1")], id="a stage"),
        pytest.param("kind: handoff\nrules: [{id: h, label: H, when: %s}]".replace("%s", ASKS), [IN_SEQUENCE.replace("sequences: sequence 1 (s)", "handoff: rule 1 (h)")], id="a handoff"),
        pytest.param("kind: handoff\nrules: []\npeople: [{name: Rita, email: r@team.example, takes: %s}]".replace("%s", ASKS), [IN_SEQUENCE.replace("sequences: sequence 1 (s)", "handoff: person 1 (Rita)")], id="a territory"),
    ],
)  # fmt: skip
def test_segment_that_does_not_exist_is_told_with_its_place_and_the_nearest(text, expected):
    assert problems(text) == expected
    assert problems(text.replace("vpi", "vip")) == []


def test_what_is_far_from_all_that_exists_is_told_with_a_mend():
    (said,) = problems(SEQUENCE % (", segment: newcomers", SEND))
    assert said.endswith("which is not one of the segments; add it to the segments policy, or take it out here")


def test_each_is_told_once():
    assert problems(TRIGGER % f"on: page.viewed, when: {{all: [{ASKS}, {ASKS}]}}") == [IN_TRIGGER]


def test_shipped_policies_go_together():
    assert check_together({kind: document.model for kind, document in default_documents().items()}) == []
