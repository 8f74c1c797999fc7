"""Instants as vendors write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contacts.times import from_ms, from_us, parse_time, to_us

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("2026-11-22T12:00:00Z", id="ISO with Z"),
        pytest.param("2026-11-22T12:00:00+00:00", id="ISO with an offset"),
        pytest.param("2026-11-22 12:00:00+00:00", id="with a space, as Klaviyo's documentation has it"),
        pytest.param("2026-11-22T13:00:00+01:00", id="another zone"),
        pytest.param("2026-11-22T12:00:00", id="without a zone it is UTC"),
        pytest.param("  2026-11-22T12:00:00.000Z ", id="padded, with a fraction"),
        pytest.param(1795348800, id="epoch seconds"),
        pytest.param(1795348800000, id="epoch milliseconds"),
        pytest.param("1795348800000", id="milliseconds as text"),
        pytest.param(1795348800000.0, id="milliseconds as a fraction"),
        pytest.param("1795348800.0", id="seconds as text with a fraction"),
        pytest.param("Sun, 22 Nov 2026 12:00:00 GMT", id="an HTTP date"),
    ],
)
def test_instant_is_read_however_it_is_written(written):
    assert parse_time(written) == NOON
    assert parse_time(written).tzinfo is UTC


@pytest.mark.parametrize("written", ["2026-11-22", "20261122"])
def test_date_is_its_midnight(written):
    assert parse_time(written) == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(None, id="nothing"),
        pytest.param(True, id="a boolean"),
        pytest.param("", id="an empty text"),
        pytest.param("yesterday", id="a word"),
        pytest.param("22/11/2026", id="a day that could be a month"),
        pytest.param("99999999", id="eight digits that are no date"),
        pytest.param("²", id="a digit that is no number"),
        pytest.param(10**30, id="beyond all years"),
        pytest.param("9" * 5000, id="5,000 digits"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before the first year, seen from UTC"),
        pytest.param("9999-12-31T23:59:59-14:00", id="after the last year, seen from UTC"),
        pytest.param({"at": 1}, id="an object"),
    ],
)
def test_what_is_no_instant_is_refused_with_one_kind_of_error(written):
    with pytest.raises(ValueError, match="not a time"):
        parse_time(written)


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.datetimes().map(str)))
def test_no_text_or_number_brings_the_reader_down(written):
    try:
        assert parse_time(written).utcoffset() == timedelta(0)
    except ValueError as error:
        assert "not a time" in str(error)  # noqa: PT017


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone(timedelta(hours=5)))))
def test_instant_survives_the_way_to_the_database_and_back(moment):
    assert from_us(to_us(moment)) == moment


def test_milliseconds_are_exact():
    assert from_ms(1_795_348_800_001) - NOON == timedelta(milliseconds=1)
