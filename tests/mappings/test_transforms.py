"""The named steps that a mapping row can put a value through.

Catalogue: B4 (names, phones and addresses are cleaned at the door), D2 (transforms), D3 (0, false, "" and null are told
apart).
"""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.transforms import COERCE, TRANSFORMS, CannotTransform, is_blank, to_boolean, to_number


def put(name: str, value: Any, setting: Any = None) -> Any:
    return TRANSFORMS[name][1](setting)(value)


@pytest.mark.parametrize(
    ("value", "blank"),
    [
        (None, True), ("", True), ("  \n", True), ([], True), ({}, True), (0, False), (False, False), (0.0, False),
        ("0", False), ("false", False), ([None], False), ([""], False), ({"a": None}, False),
    ],
)  # fmt: skip
def test_only_nothing_is_blank(value, blank):
    assert is_blank(value) is blank


@pytest.mark.parametrize(
    ("name", "setting", "value", "expected"),
    [
        pytest.param("trim", None, "  Ann ", "Ann", id="trim"),
        pytest.param("trim", None, 7, 7, id="trim leaves what is no text"),
        pytest.param("lower", None, "ÄNN", "änn", id="lower"),
        pytest.param("upper", None, "straße", "STRASSE", id="upper"),
        pytest.param("capitalize", None, "ann marie", "Ann Marie", id="capitalize"),
        pytest.param("split", ";", "a; b ;;c", ["a", "b", "c"], id="split"),
        pytest.param("split", ";", "", [], id="split nothing"),
        pytest.param("split", ";", ["a"], ["a"], id="split what is a list"),
        pytest.param("join", ", ", ["a", 1], "a, 1", id="join"),
        pytest.param("join", ", ", "a", "a", id="join what is no list"),
        pytest.param("pick", 0, ["a", "b"], "a", id="pick the first"),
        pytest.param("pick", -1, ["a", "b"], "b", id="pick the last"),
        pytest.param("pick", 2, ["a", "b"], None, id="pick what is not there"),
        pytest.param("pick", 0, [], None, id="pick from nothing"),
        pytest.param("pick", 0, "a", "a", id="pick from what is no list"),
        pytest.param("number", None, "1,234.50", 1234.5, id="number"),
        pytest.param("number", ",", "1.234,50", 1234.5, id="number as Germans write it"),
        pytest.param("number", ",", "1.234", 1234, id="a whole one, so written"),
        pytest.param("boolean", None, "Ja", True, id="boolean"),
        pytest.param("date", None, "2026-03-10T23:30:00-02:00", "2026-03-11", id="date, in UTC"),
        pytest.param("date", None, "1773129600000", "2026-03-10", id="date of milliseconds"),
        pytest.param("date", "%d.%m.%Y", "10.03.2026", "2026-03-10", id="date by a pattern"),
        pytest.param("time", None, 1773129600, "2026-03-10T08:00:00+00:00", id="time of seconds"),
        pytest.param("time", "%d/%m/%Y %H:%M %z", "10/03/2026 09:00 +0100", "2026-03-10T08:00:00+00:00", id="time by a pattern"),  # noqa: E501
        pytest.param("phone", "DE", "030 12345678", "+493012345678", id="phone, in a country"),
        pytest.param("phone", None, "+1 202-555-0123", "+12025550123", id="phone with its country code"),
        pytest.param("phone", None, " 030 1234 ", "030 1234", id="phone that can only be kept"),
        pytest.param("text", None, ["a", True], "a; true", id="text of a list"),
        pytest.param("text", None, 7.0, "7.0", id="text of a number"),
    ],
)  # fmt: skip
def test_step_changes_a_value(name, setting, value, expected):
    assert put(name, value, setting) == expected


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7), (" 7 ", 7), ("7.0", 7), ("-1,234.5", -1234.5), ("12 %", 12), ("1\u00a0234", 1234), (7, 7), (7.5, 7.5),
        ("1e3", 1000), ("1_000", 1000), ("9007199254740993", 9007199254740992.0),
    ],
)  # fmt: skip
def test_number_is_read_as_vendors_write_it(value, number):
    assert to_number(value) == number


@pytest.mark.parametrize("value", ["", "many", "1.2.3", "nan", "inf", "-Infinity", True, None, [], {}, "$5", "0x10"])
def test_what_is_no_number_is_none(value):
    with pytest.raises(CannotTransform, match="is not a number"):
        to_number(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("1", True),
        (0, False),
        (" YES ", True),
        ("off", False),
        ("oui", True),
        ("nein", False),
    ],
)
def test_yes_and_no_are_read_in_several_languages(value, expected):
    assert to_boolean(value) is expected


@pytest.mark.parametrize("value", ["", "maybe", 2, None, [], "yes!"])
def test_what_is_neither_is_neither(value):
    with pytest.raises(CannotTransform, match="neither yes nor no"):
        to_boolean(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("email", "ann@"), ("email", "{{ person.email }}"), ("date", "soon"), ("time", True), ("text", {"a": 1})],
)
def test_value_that_is_no_such_thing_is_refused(kind, value):
    with pytest.raises(CannotTransform):
        COERCE[kind](value)


def test_refusal_shows_only_the_beginning_of_a_value():
    with pytest.raises(CannotTransform) as refused:
        to_number("x" * 100_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("pattern", ["%d.%m.%Y", "%Y"])
def test_time_that_does_not_fit_its_pattern_is_refused(pattern):
    with pytest.raises(CannotTransform, match="is not a time"):
        put("time", "soon", pattern)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("  Ann  ", "Ann", id="blanks around it"),
        pytest.param("Ann\t\tMarie", "Ann Marie", id="tabs"),
        pytest.param("Ann\u00a0 Marie", "Ann Marie", id="a blank that does not break"),
        pytest.param("Ann\u3000Marie", "Ann Marie", id="a wide blank"),
        pytest.param("Ann\r\nBcc: ben@example.com", "Ann Bcc: ben@example.com", id="line breaks"),
        pytest.param("Ann\x00\x07\x1b[31m", "Ann[31m", id="control characters"),
        pytest.param("Ann\x85\x9f", "Ann", id="control characters of Latin 1"),
        pytest.param("\ufeffAnn", "Ann", id="a byte order mark"),
        pytest.param("\u202eAnn\u202c\u2066", "Ann", id="marks that turn the direction"),
        pytest.param("A\u200bnn\u2060", "Ann", id="letters without width"),
        pytest.param("\U000e0041Ann", "Ann", id="tags that nobody sees"),
        pytest.param("Ann\ud800", "Ann", id="half a letter"),
        pytest.param("Zoë O'Hara-Łuczak 李", "Zoë O'Hara-Łuczak 李", id="letters of all languages"),
        pytest.param("👩\u200d💻 Ann", "👩\u200d💻 Ann", id="joined emoji"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="a joiner that a language needs"),
        pytest.param("\x00\u200b \ufeff", "", id="nothing but these"),
    ],
)
def test_name_is_cleaned(raw, clean):
    assert COERCE["text"](raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Main Street 1\r\nFloor 2", "Main Street 1\r\nFloor 2"),
        (" a\n\n\tb  c ", "a\n\n\tb  c"),
        ("a\x00\x0b\u202eb\u200b", "ab"),
    ],
)
def test_text_of_several_lines_keeps_them(raw, clean):
    assert COERCE["lines"](raw) == clean


@given(st.text(st.characters()))
def test_clean_text_is_one_line_and_stays_as_it_is(raw):
    clean = COERCE["text"](raw)
    assert clean == COERCE["text"](clean) == " ".join(clean.split())
    clean.encode()
    assert "\x00" not in clean


@pytest.mark.parametrize("name", ["trim", "lower", "number", "boolean", "date", "time", "phone", "text", "capitalize"])
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
))  # fmt: skip
@settings(max_examples=40)
def test_no_value_breaks_a_step(name, value):
    """It is changed, or refused as what it is: then it is held and shown, and the others go on."""
    with suppress(CannotTransform):
        put(name, value)
