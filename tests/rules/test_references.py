# ruff: noqa: E501  (a table with a line for each case)
"""Segments and connections that policies name and that do not exist. Pure rules.

Catalogue: C10, H1, M4.
"""

import pytest

from app.rules.policy import check_together, default_documents, read_document
from app.rules.references import later_connections

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


# --- connections

CONNECTED = {"blog": "forms", "crm": "hubspot", "klaviyo": "klaviyo", "pager": "alerts"}
TOOLS = ("alerts", "hubspot", "klaviyo", "make")
DONE = "kind: triggers\ntriggers: [{id: t, label: T, on: page.viewed, %s}]"
ACT = "{act: {%s}}"
ESCALATES = "kind: handoff\nrules: []\nclock: {second_channel: %s}"
OF_TRIGGER = 'triggers: trigger 1 (t) names the connection "klaviio", which does not exist; did you mean "klaviyo"?'
OF_SEQUENCE = OF_TRIGGER.replace("triggers: trigger 1 (t)", "sequences: sequence 1 (s)")


def at_connections(*texts: str) -> tuple[list[str], list[str]]:
    """What keeps documents from being published, and what is to come later."""
    models = {one.kind: one.model for one in map(read_document, texts)}
    return check_together(models, CONNECTED, TOOLS), later_connections(models, CONNECTED, TOOLS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(DONE % "message: {name: Hi, through: klaviio}", OF_TRIGGER, id="a message"),
        pytest.param(DONE % "join: {list: 7, through: klaviio}", OF_TRIGGER, id="a list to join"),
        pytest.param(DONE % "leave: {list: 7, through: klaviio}", OF_TRIGGER, id="a list to leave"),
        pytest.param(DONE % "track: {name: Hi, through: klaviio}", OF_TRIGGER, id="word of an event"),
        pytest.param(SEQUENCE % ("", "{send: {name: Hi, through: klaviio}}"), OF_SEQUENCE, id="a sequence's message"),
        pytest.param(SEQUENCE % ("", ACT % "join: {list: 7, through: klaviio}"), OF_SEQUENCE, id="a sequence's act"),
        pytest.param(SEQUENCE % ("", "{branch: [{when: {field: stage, op: known}, steps: [{act: {track: {name: Hi, through: klaviio}}}]}]}"), OF_SEQUENCE, id="within a branch"),
        pytest.param(ESCALATES % "klaviio", OF_TRIGGER.replace("triggers: trigger 1 (t)", "handoff: second_channel"), id="where handoffs are escalated"),
    ],
)  # fmt: skip
def test_connection_that_does_not_exist_is_told_with_its_place_and_the_nearest(text, expected):
    assert at_connections(text) == ([expected], [])
    assert at_connections(text.replace("klaviio", "klaviyo")) == ([], [])


def test_what_is_like_no_connection_is_told_with_those_there_are():
    text = DONE % "track: {name: Hi, through: warehouse}"
    ((said,), _) = at_connections(text)
    assert said.endswith("; name one of crm, klaviyo, pager, or connect it first (baton connection add)")
    (said,) = check_together({"triggers": read_document(text).model}, {})
    assert said.endswith("which does not exist; connect it first (baton connection add)")


def test_tool_that_is_not_connected_yet_may_come_later_and_one_that_is_goes_by_its_kind():
    problems, later = at_connections(DONE % "track: {name: Hi, through: make}")
    assert problems == []
    assert later == [
        'triggers: trigger 1 (t) names the connection "make", which does not exist yet: until it does '
        "(baton connection add make), nothing goes through it"
    ]
    assert at_connections(DONE % "message: {name: Hi, through: hubspot}") == ([], []), "the first HubSpot, named crm"
    assert at_connections(ESCALATES % "alerts")[1], "escalations go by the connection's very name"


def test_shipped_policies_go_together_on_an_installation_without_connections():
    shipped = {kind: document.model for kind, document in default_documents().items()}
    assert check_together(shipped, {}) == []
    assert later_connections(shipped, {}, TOOLS) == []
