"""Policy documents: what may stand in them, and what is said of one that cannot be used.

Catalogue: D10 and N9 (shipped policies are files like an admin's), F1 (defaults), the messages of every editor.
"""

import pytest

from app.rules.policy import KINDS, SINGLE, compile_policies, default_documents, read_document
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, ago, event, yes
from tests.rules.making import live, of, policies


def problems(text: str, place: str = "p.yaml") -> list[str]:
    with pytest.raises(InvalidDocument) as refused:
        read_document(text, place)
    return refused.value.problems


def test_every_policy_has_a_shipped_document():
    assert set(default_documents()) == set(SINGLE) == set(KINDS) - {"mapping"}
    for kind, document in default_documents().items():
        assert (document.kind, document.name) == (kind, kind)
        assert read_document(document.text).model == document.model, "and it is written as an admin would write it"


def test_what_nobody_published_is_the_default():
    made = compile_policies({})
    assert {made.scoring.version, made.handoff.version, made.triggers.version} == {
        "scoring@default", "handoff@default", "triggers@default",
    }  # fmt: skip
    assert made.number == 0


def test_published_policy_takes_the_place_of_its_default_alone():
    made = policies("kind: triggers\ntriggers: []")
    assert (made.triggers.version, made.scoring.version) == ("triggers@1", "scoring@default")
    known = [event("contact.updated", ago(days=9), fields={"email": ANN}), yes(ago(days=9))]
    assert of(live([*known, event("page.viewed", path="/pricing")], made)[1], "message") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "kind is None; a policy's kind is one of mapping, scoring", id="nothing"),
        pytest.param("- a", "kind is None", id="a list"),
        pytest.param("kind: [scoring]", "kind is ['scoring']", id="a list for a kind"),
        pytest.param("kind: scorings", "kind is 'scorings'", id="no such kind"),
        pytest.param("kind: triggers\nname: mine\ntriggers: []", 'its name is "triggers", not "mine"', id="a second"),
        pytest.param("kind: triggers\ntriggers: []\nmore: 1", "more is not a setting", id="a word too many"),
        pytest.param("kind: triggers\n  triggers: []", "p.yaml, line 2, column 11:", id="no YAML"),
        pytest.param("kind: suppression\nsoft_bounces: 0", "soft_bounces has to be at least 1", id="no number"),
        pytest.param("kind: scoring\nthreshold: 40\ngroups: {a: {}}\nrules: [{id: x, label: X, group: a, points: 1}]", "rearm_below (40) has to be lower than threshold (40)", id="thresholds"),  # noqa: E501
    ],
)  # fmt: skip
def test_document_that_cannot_be_used_says_where_and_why(text, why):
    (problem,) = problems(text)
    assert problem.startswith("p.yaml")
    assert why in problem


def test_all_problems_are_told_at_once_each_with_its_place():
    text = """
kind: handoff
rules:
  - {id: a, label: A, on: [page.viewd], when: {field: score, op: at_least, value: 50}}
  - {id: B, label: B, when: {field: scor, op: at_least, value: 50}}
people:
  - {name: Rita, email: rita}
due_minutes: 0
"""
    told = problems(text)
    assert len(told) == 5
    places = [one.removeprefix("p.yaml: ") for one in told]
    assert places[0].startswith('rule 1, on "page.viewd" is not an event type; did you mean "page.viewed"?') or (
        "rule 1, on" in places[0] and "page.viewed" in places[0]
    )
    assert places[1].startswith("rule 2, id may not be written like that")
    assert places[2].startswith('rule 2, when, field looks at "scor"')
    assert places[3].startswith("person 1, email: value is not a valid email") or "person 1, email" in places[3]
    assert places[4].startswith("clock, due_minutes has to be more than 0")


@pytest.mark.parametrize(
    "text",
    [
        "kind: triggers\ntriggers: []\n" + "# x\n" * 100_000,
        "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]",
        "&a [*a]",
        "[" * 500,
        "!!python/object/apply:os.system ['true']",
        "kind: !!python/name:os.system",
        "kind: triggers\n---\nkind: scoring",
    ],
    ids=["too long", "a bomb", "itself", "too deep", "a call", "a name", "two documents"],
)
def test_document_that_would_do_harm_is_refused(text):
    assert problems(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [("no", "no"), ("on", "on"), ("yes", "yes"), ("NO", "NO"), ("2026-12-01", "2026-12-01"), ("12:30", 750)],
)
def test_words_that_yaml_likes_to_read_otherwise_stay_words(written, read):
    document = read_document(f"kind: triggers\ntriggers: [{{id: x, label: X, on: [page.viewed], message: {{name: A}}, when: {{field: contact.country, value: {written}}}}}]")  # noqa: E501  # fmt: skip
    assert document.model.triggers[0].when.value == read
