"""Documents that people write: read safely, and refused with a line for each problem.

Catalogue: D2 and D9 (what an editor says), N9 (config as files).
"""

import pytest

from mappings.document import MAX_BYTES, InvalidDocument, did_you_mean, load_yaml


def refused(text: str) -> str:
    with pytest.raises(InvalidDocument) as problem:
        load_yaml(text, "m.yaml")
    (line,) = problem.value.problems
    assert str(problem.value) == line
    return line


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": 1}),
        ("a: 'ä'", {"a": "ä"}),
        ("- true\n- False", [True, False]),
        ("[no, yes, on, off, NO]", ["no", "yes", "on", "off", "NO"]),
        ("on: x", {"on": "x"}),
        ("a: 2026-03-10", {"a": "2026-03-10"}),
        ("a: ~", {"a": None}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("", None),
    ],
)
def test_yaml_is_read_as_people_mean_it(text, data):
    assert load_yaml(text, "m.yaml") == data


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("a: [1", "m.yaml, line 1, column 6: expected ',' or ']'", id="a bracket"),
        pytest.param("a: 1\n b: 2", "m.yaml, line 2, column 3: mapping values are not allowed", id="an indent"),
        pytest.param("a: *x", "found undefined alias", id="an alias of nothing"),
        pytest.param("a: !!python/object/apply:os.system [x]", "could not determine a constructor", id="a call"),
        pytest.param("a: !own 1", "could not determine a constructor", id="a tag"),
        pytest.param("a: \x07", "special characters are not allowed", id="a bell"),
        pytest.param("[" * 600, "nested too deeply", id="no bottom"),
        pytest.param("a: 1" + " " * MAX_BYTES, "longer than 256 KiB", id="no end"),
        pytest.param(
            "a: &a [" + "1," * 200 + "]\nb: [" + "*a," * 100 + "]", "more than 20000 values", id="too many values"
        ),
        pytest.param("&a [*a]", "more than 20000 values", id="itself"),
        pytest.param("&a {b: *a}", "more than 20000 values", id="itself by a key"),
        pytest.param("a: 1\n---\nb: 2", "but found another document", id="two documents"),
    ],
)
def test_what_cannot_be_used_says_where_and_why(text, why):
    line = refused(text)
    assert line.startswith("m.yaml")
    assert why in line


def test_bomb_of_anchors_is_refused_before_it_unfolds():
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    assert "more than 20000 values" in refused("\n".join(lines))


def test_close_name_is_suggested():
    assert did_you_mean("firstname", ["first_name", "email"]) == '; did you mean "first_name"?'
    assert did_you_mean("xyz", ["first_name"], "; see the docs") == "; see the docs"
