"""Where in a text something is wrong.

Catalogue: D9.
"""

import pytest

from app.rules.policy import read_document
from mappings.document import InvalidDocument
from mappings.lines import located, problems_at

SCORING = """kind: scoring
groups: {fit: {}}
rules:
  - id: a
    label: A
    group: fit
    points: many
    # a comment
    cap:
      days: 0
  - {id: b, label: B, group: fit, point: 5}
"""


def test_each_problem_has_the_line_of_its_key() -> None:
    with pytest.raises(InvalidDocument) as found:
        read_document(SCORING, "scoring")
    said = {(one.line, one.text) for one in located(found.value, SCORING)}
    assert said == {
        (7, "scoring: rule 1, points has to be a number"),
        (9, "scoring: rule 1, cap, points is missing"),
        (10, "scoring: rule 1, cap, days has to be more than 0"),
        (11, "scoring: rule 2, points is missing"),
        (11, "scoring: rule 2, point is not a setting that belongs here; take it out, or mend its name"),
    }


def test_a_text_that_is_no_yaml_has_the_line_where_it_breaks() -> None:
    text = "kind: scoring\nrules: [{\n"
    with pytest.raises(InvalidDocument) as found:
        read_document(text, "scoring")
    assert [one.line for one in located(found.value, text)] == [3]


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        pytest.param("scoring: rule 2 (b) asks for the segment", 11, id="a number"),
        pytest.param("scoring: rule 9 is gone", 3, id="a number that is not there leads to the list"),
        pytest.param("something is wrong", None, id="no place"),
        pytest.param("triggers: trigger 1 names", 1, id="a list that is not there"),
    ],
)
def test_words_that_name_a_place_lead_to_it(problem: str, line: int | None) -> None:
    (found,) = problems_at([problem], SCORING)
    assert found.line == line


CONTENT = """\
kind: content
blocks:
  - id: greeting
    text: Hi
messages:
  - id: welcome
    subject: Hi
    blocks:
      - use: greeting
      - id: offer
        variants:
          - text: a
          - text: b
"""


@pytest.mark.parametrize(
    ("problem", "path"),
    [
        ("content: block greeting cannot be filled", ("blocks", 0)),
        ("content: message 1 (welcome), block greeting links to x", ("messages", 0, "blocks", 0)),
        ("content: message 1 (welcome), block offer, variant 2, knows x", ("messages", 0, "blocks", 1, "variants", 1)),
        ("content: message 1 (welcome), subject cannot have a link", ("messages", 0, "subject")),
        ("content: message 1 (welcome), block 9 is not a block of the document", ("messages", 0, "blocks")),
    ],
)
def test_texts_of_messages_are_found_by_the_names_of_their_blocks(problem: str, path: tuple[str | int, ...]) -> None:
    (found,) = problems_at([problem], CONTENT)
    assert found.path == path
