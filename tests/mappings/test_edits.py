"""Changing values in a YAML text: what is not changed stays to the letter.

Catalogue: D9.
"""

import copy
import random
from typing import Any

import pytest

from app.rules.policy import default_documents
from mappings.document import InvalidDocument, load_yaml
from mappings.edits import Snippet, plain, rewrite, snippet_at

TEXT = """# about all
kind: scoring   # a kind
threshold: 50      # so many
groups:
  fit: {cap: 40}   # who they are
  # fades
  behaviour: {half_life_days: 30, cap: 100}
rules:
  # the first
  - id: demo
    on: [form.submitted]
    when:
      any:
        # either
        - {field: event.form, value: demo}
        - {field: event.path, value: /demo}
    points: 25

  # the second
  - {id: trial, points: 10}   # short
  - id: last
    points: 1
# the end
"""


def changed(change: Any, moves: Any = None, text: str = TEXT) -> str:
    """The text with the data changed by a function, which has to say what was asked for."""
    wanted = load_yaml(text, "text")
    change(wanted)
    made, kept = rewrite(text, wanted, moves)
    assert kept
    assert load_yaml(made, "made") == plain(wanted)
    return made


def put(path: str, value: Any) -> Any:
    def change(data: Any) -> None:
        *head, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in head:
            data = data[part]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "before", "after"),
    [
        ("threshold", 60, "threshold: 50 ", "threshold: 60 "),
        ("groups.fit.cap", 45.5, "{cap: 40}", "{cap: 45.5}"),
        ("groups.fit", {}, "{cap: 40}", "{}"),
        ("groups.fit.half_life_days", 9, "{cap: 40}", "{cap: 40, half_life_days: 9}"),
        ("rules.0.id", "a: b # c", "id: demo", 'id: "a: b # c"'),
        ("rules.0.id", "yes", "id: demo", "id: yes"),
        ("rules.0.id", "true", "id: demo", 'id: "true"'),
        ("rules.0.id", "2026", "id: demo", 'id: "2026"'),
        ("rules.0.id", "", "id: demo", 'id: ""'),
        ("rules.0.on", ["form.submitted", "a, b"], "[form.submitted]", '[form.submitted, "a, b"]'),
        ("rules.1.points", -3, "points: 10}", "points: -3}"),
        ("rules.1.cap", {"points": 1, "days": 2}, "points: 10}", "points: 10, cap: {points: 1, days: 2}}"),
        ("rules.2.cap", {"points": 1, "days": 2}, "    points: 1\n", "    points: 1\n    cap: {points: 1, days: 2}\n"),
        ("more", [1, 2], "    points: 1\n# the end", "    points: 1\nmore: [1, 2]\n# the end"),
        ("rules.0.points", None, "points: 25", "points: null"),
        (
            "rules.0.when",
            Snippet("{field: score, op: known}"),
            TEXT[TEXT.index("when:") : TEXT.index("    points: 25")],
            "when: {field: score, op: known}\n",
        ),
        (
            "rules.1.when",
            Snippet("all:\n  # both\n  - {field: a}"),
            "points: 10}",
            "points: 10, when: {all: [{field: a}]}}",
        ),
        (
            "rules.2.when",
            Snippet("all:\n  # both\n  - {field: a}"),
            "    points: 1\n",
            "    points: 1\n    when:\n      all:\n        # both\n        - {field: a}\n",
        ),
    ],
)
def test_only_what_was_changed_is_changed(path: str, value: Any, before: str, after: str) -> None:
    assert TEXT.count(before) == 1
    assert changed(put(path, value)) == TEXT.replace(before, after)


def test_keys_are_taken_out_with_their_lines() -> None:
    made = changed(lambda data: data["rules"][0].pop("when"))
    assert made == TEXT.replace(TEXT[TEXT.index("    when:") : TEXT.index("    points: 25")], "")
    made = changed(lambda data: data["rules"][0].pop("id"))
    assert made == TEXT.replace("  - id: demo\n    on:", "  - on:")
    assert changed(lambda data: data["groups"].pop("fit")) == TEXT.replace("  fit: {cap: 40}   # who they are\n", "")


def test_entries_move_with_the_comments_above_and_beside_them() -> None:
    first = TEXT[TEXT.index("  # the first") : TEXT.index("  # the second")]
    second = TEXT[TEXT.index("  # the second") : TEXT.index("  - id: last")]

    def swap(data: Any) -> None:
        rules = data["rules"]
        rules[0], rules[1] = rules[1], rules[0]
        rules[1]["points"] = 30

    made = changed(swap, {("rules",): [1, 0, 2]})
    assert made == TEXT.replace(first + second, second + first.replace("25", "30"))


def test_entries_are_taken_out_and_added() -> None:
    second = TEXT[TEXT.index("  # the second") : TEXT.index("  - id: last")]
    assert changed(lambda data: data["rules"].pop(1), {("rules",): [0, 2]}) == TEXT.replace(second, "")
    new = {"id": "new", "points": 5, "when": {"any": [{"field": "a"}]}}
    made = changed(lambda data: data["rules"].append(new), {("rules",): [0, 1, 2, None]})
    added = "  - id: new\n    points: 5\n    when:\n      any:\n        - {field: a}\n"
    assert made == TEXT.replace("# the end", added + "# the end")


def test_the_first_entry_of_an_empty_list() -> None:
    made = changed(lambda data: data.update(rules=[{"id": "x"}]), {("rules",): [None]}, "rules: []  # none\n")
    assert made in ("rules:\n  - {id: x}  # none\n", "rules: [{id: x}]  # none\n")


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_a_text_that_says_nothing_gets_all_of_it(text: str) -> None:
    assert rewrite(text, {"kind": "scoring", "rules": [{"id": "x"}]}).text.startswith(text + "kind: scoring\n")


def test_a_part_is_shown_as_it_is_written() -> None:
    assert snippet_at(TEXT, ("rules", 0, "when")) == (
        "any:\n  # either\n  - {field: event.form, value: demo}\n  - {field: event.path, value: /demo}"
    )
    assert snippet_at(TEXT, ("rules", 1, "when")) == ""
    with pytest.raises(InvalidDocument):
        Snippet("{a: [")


def test_values_written_once_and_used_twice_come_apart_when_one_is_changed() -> None:
    text = "a: &shared {x: 1}\nb: *shared\n"
    made = rewrite(text, {"a": {"x": 2}, "b": {"x": 1}})
    assert load_yaml(made.text, "made") == {"a": {"x": 2}, "b": {"x": 1}}


@pytest.mark.parametrize("kind", sorted(default_documents()))
def test_any_change_to_a_shipped_policy_ends_in_exactly_what_was_asked_for(kind: str) -> None:
    text = default_documents()[kind].text
    data, dice = load_yaml(text, kind), random.Random(kind)
    assert rewrite(text, data) == (text, True)
    kept = 0
    for _ in range(12):
        wanted = copy.deepcopy(data)
        for _ in range(dice.randint(1, 3)):
            shake(wanted, dice)
        made = rewrite(text, wanted)
        assert load_yaml(made.text, kind) == wanted
        kept += made.kept
    assert kept >= 10


def shake(data: Any, dice: random.Random) -> None:
    """Change something, anywhere."""
    while True:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        if not keys:
            return
        key = dice.choice(keys)
        if isinstance(data[key], dict | list) and data[key] and dice.random() < 0.8:
            data = data[key]
            continue
        change = dice.choice(("set", "set", "remove", "add", "deep"))
        if change == "remove":
            del data[key]
        elif change == "add" and isinstance(data, dict):
            data["added"] = dice.choice(("x: y", 7, ["a", "b"], {"c": {"d": [1]}}, "two\nlines", None))
        elif change == "deep":
            data[key] = {"k": ["v", {"w": "- x"}]}
        else:
            data[key] = dice.choice((3.5, "text, with: marks", "'quoted'", False, ""))
        return
