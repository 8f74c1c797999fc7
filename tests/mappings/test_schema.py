"""What a tool lists of its fields, held against what it listed before. Catalogue: D7."""

from datetime import date, timedelta

from mappings.kinds import NUMBER, TEXT
from mappings.schema import Listed, Property, merged

FIRST = date(2026, 11, 1)
LATER = FIRST + timedelta(days=10)
SIZE = Property(name="size", label="Size", options=("S", "M"))


def test_first_list_is_no_news() -> None:
    known = merged({}, [SIZE], FIRST)
    assert known == {"size": Listed(label="Size", kind=TEXT, first=FIRST, options={"S": FIRST, "M": FIRST})}
    assert (known["size"].fresh(), known["size"].retyped(FIRST)) == ([], False)


def test_new_option_is_news_and_one_that_is_gone_is_gone() -> None:
    known = merged(merged({}, [SIZE], FIRST), [Property(name="size", options=("M", "XL"))], LATER)["size"]
    assert (known.options, known.fresh()) == ({"M": FIRST, "XL": LATER}, ["XL"])
    assert known.without_place(["M", "S"]) == ["XL"]


def test_field_that_is_gone_stays_known_as_gone_until_it_comes_back() -> None:
    known = merged(merged({}, [SIZE], FIRST), [], LATER)
    assert known["size"].gone == LATER
    assert merged(known, [], LATER + timedelta(days=1))["size"].gone == LATER
    back = merged(known, [SIZE], LATER + timedelta(days=2))["size"]
    assert (back.gone, back.first) == (None, FIRST)


def test_another_kind_is_news_for_some_time() -> None:
    known = merged(merged({}, [SIZE], FIRST), [Property(name="size", kind=NUMBER)], LATER)["size"]
    assert (known.was, known.kind, known.changed) == (TEXT, NUMBER, LATER)
    assert (known.retyped(LATER + timedelta(days=29)), known.retyped(LATER + timedelta(days=30))) == (True, False)
