"""Changing one row of a mapping's text: all else stays as somebody wrote it.

Catalogue: D2 (row editor), D9 (YAML in and out).
"""

from typing import Any

import pytest
import yaml

from mappings.mapping import default_text, read_mapping
from mappings.writing import CannotWrite, put_row, remove_row, rows_of, set_name

TEXT = """\
kind: mapping
name: m
# Why it is so.
fields:
  - {contact: email, vendor: mail}   # theirs is called mail
  # Sales reads this one.
  - contact: sales_verdict
    vendor: status
    values: &verdicts
      WON: won
      LOST: lost
  - {contact: sales_verdict, vendor: other, values: *verdicts}

  # The end.
"""


def test_changing_a_row_leaves_comments_and_other_rows_alone() -> None:
    text = put_row(TEXT, 0, {"contact": "email", "vendor": "e_mail", "direction": "both", "blank": "keep"})
    assert text == TEXT.replace("{contact: email, vendor: mail}", "{contact: email, vendor: e_mail, direction: both}")


def test_row_with_a_value_table_is_written_line_by_line() -> None:
    text = put_row(TEXT, 0, {"contact": "city", "vendor": "town", "values": {"NO": "Oslo", "1": "Köln", "true": "x"}})
    assert "  - contact: city\n    vendor: town\n    values:\n      'NO': Oslo\n" in text
    assert "# theirs is called mail" in text
    assert rows_of(text)[0]["values"] == {"NO": "Oslo", "1": "Köln", "true": "x"}
    assert rows_of(text)[1:] == rows_of(TEXT)[1:]


def test_what_other_rows_borrow_from_a_changed_row_becomes_their_own() -> None:
    text = put_row(TEXT, 1, {"contact": "sales_verdict", "vendor": "status", "values": {"WON": "won"}})
    assert [row["values"] for row in rows_of(text)[1:]] == [{"WON": "won"}, {"WON": "won", "LOST": "lost"}]
    assert "&" not in text
    assert "# The end." in text


def test_row_is_added_after_the_last_one_and_removed_again() -> None:
    text = put_row(TEXT, 3, {"contact": "city", "vendor": "town"})
    assert "values: *verdicts}\n  - {contact: city, vendor: town}\n\n  # The end.\n" in text
    assert remove_row(text, 3) == TEXT
    assert rows_of(remove_row(text, 1)) == [rows_of(text)[0], *rows_of(text)[2:]]
    assert "# Sales reads this one." in remove_row(text, 0)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param("fields: []", id="an empty list"),
        pytest.param("fields: [{contact: city, vendor: town}, {contact: zip, vendor: zip}]", id="on one line"),
        pytest.param("fields:\n- {contact: city, vendor: town}\n- contact: zip\n  vendor: zip", id="not indented"),
        pytest.param("fields:\n  - contact: city\n    vendor: [a,\n      b]", id="over several lines"),
    ],
)
def test_however_the_list_is_written(fields: str) -> None:
    text = f"kind: mapping\nname: m\n{fields}\n"
    count, row = len(rows_of(text)), {"contact": "phone", "vendor": "tel", "transform": ["trim", {"phone": "DE"}]}
    added = put_row(text, count, row)
    assert rows_of(added) == [*rows_of(text), row]
    assert rows_of(remove_row(added, count)) == rows_of(text)
    for number in range(count):
        assert rows_of(put_row(text, number, row)) == [*rows_of(text)[:number], row, *rows_of(text)[number + 1 :]]
        assert rows_of(remove_row(text, number)) == [*rows_of(text)[:number], *rows_of(text)[number + 1 :]]


def test_last_row_can_be_removed() -> None:
    text = remove_row("kind: mapping\nname: m\nfields:\n  - {contact: city, vendor: town}\n", 0)
    assert yaml.safe_load(text)["fields"] == []


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what is so anyway."""
    return {name: value for name, value in row.items() if (name, value) != ("unmapped", "hold")}


@pytest.mark.parametrize("file", ["hubspot.yaml", "klaviyo.yaml", "forms.yaml"])
def test_every_row_of_the_shipped_mappings_can_be_written_back(file: str) -> None:
    text = default_text(file)
    rows = rows_of(text)
    for number, row in enumerate(rows):
        written = put_row(text, number, row)
        read_mapping(written, file)
        assert [plain(one) for one in rows_of(written)] == [plain(one) for one in rows]
        assert [line for line in written.split("\n") if line.lstrip().startswith("#")] == [
            line for line in text.split("\n") if line.lstrip().startswith("#")
        ]


def test_mapping_of_a_tool_becomes_that_of_one_connection() -> None:
    text = set_name(TEXT, "hubspot.eu")
    assert text == TEXT.replace("name: m\n", "name: hubspot.eu\n")


@pytest.mark.parametrize("text", ["a: [", "- 1", "kind: mapping", "fields: 7", "x: " + "[" * 2_000])
def test_text_that_is_no_mapping_says_so_and_is_left_alone(text: str) -> None:
    with pytest.raises(CannotWrite):
        put_row(text, 0, {})
    assert rows_of(text) == []
