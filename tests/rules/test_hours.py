"""When people work and when they are left alone, on the wall of their own zone, also when clocks are changed.

Catalogue: G4 (business hours), H8 (quiet hours, working days, personal hour).
"""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.rules.hours import (
    QUIET_DAYS,
    WEEKDAYS,
    BusinessHours,
    HoursDocument,
    NeverOpen,
    QuietDocument,
    QuietHours,
    openings,
    personal_hour,
)

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {day: ["09:00-12:00", "13:00-17:30"] for day in WEEKDAYS[:5]}
# Zones that change clocks at odd times, by odd amounts, at midnight, or that skipped a whole day
ZONES = (
    "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Havana", "Asia/Beirut", "Africa/Cairo",
    "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Chatham", "America/Asuncion", "Atlantic/Azores",
    "Africa/Casablanca", "Asia/Gaza", "Antarctica/Troll", "UTC",
)  # fmt: skip


def berlin(*when: int, fold: int = 0) -> datetime:
    """A moment by Berlin's wall."""
    return datetime(*when, tzinfo=BERLIN, fold=fold).astimezone(UTC)


def business(**given) -> BusinessHours:
    return BusinessHours.of(HoursDocument(**({"timezone": "Europe/Berlin", "days": OFFICE} | given)))


def wall(at: datetime, zone: ZoneInfo) -> timedelta:
    local = at.astimezone(zone)
    return timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


# --- business hours


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        pytest.param(berlin(2026, 11, 24, 9), 30, berlin(2026, 11, 24, 9, 30), id="as the day begins"),
        pytest.param(berlin(2026, 11, 24, 11, 50), 30, berlin(2026, 11, 24, 13, 20), id="over lunch"),
        pytest.param(berlin(2026, 11, 24, 17, 0), 30, berlin(2026, 11, 24, 17, 30), id="to the last minute"),
        pytest.param(berlin(2026, 11, 27, 17, 20), 30, berlin(2026, 11, 30, 9, 20), id="over the weekend"),
        pytest.param(berlin(2026, 11, 28, 23), 30, berlin(2026, 11, 30, 9, 30), id="from a Saturday night"),
        pytest.param(berlin(2026, 3, 27, 17, 20), 30, berlin(2026, 3, 30, 9, 20), id="over the change to summer time"),
        pytest.param(berlin(2026, 10, 23, 17, 20), 30, berlin(2026, 10, 26, 9, 20), id="over the change back"),
        pytest.param(berlin(2026, 11, 24, 9), 0, berlin(2026, 11, 24, 9), id="no minutes"),
        pytest.param(berlin(2026, 11, 24, 9), 5 * 450, berlin(2026, 11, 30, 17, 30), id="a whole week"),
    ],
)
def test_due_time_counts_only_minutes_in_which_people_work(start, minutes, due):
    assert business().add(start, minutes) == due
    assert business().minutes_between(start, due) == minutes


def test_public_holidays_of_the_state_are_days_off():
    friday = berlin(2026, 5, 22, 17, 20)  # before Whit Monday
    with_them = business(holidays={"country": "DE", "subdivision": "BE"})
    assert with_them.add(friday, 30) == berlin(2026, 5, 26, 9, 20)
    assert business().add(friday, 30) == berlin(2026, 5, 25, 9, 20)
    womens_day = berlin(2027, 3, 8, 10)  # a holiday in Berlin only
    assert not with_them.is_open(womens_day)
    assert business(holidays={"country": "DE"}).is_open(womens_day)


def test_exceptions_beat_holidays_and_usual_hours():
    hours = business(
        holidays={"country": "DE"},
        closed=["2026-12-24"],
        open=["2026-12-25 10:00-11:00", "2026-12-25 12:00-13:00", "2027-01-01", "2026-12-19 10:00-14:00"],
    )
    assert not hours.is_open(berlin(2026, 12, 24, 10))
    assert hours.is_open(berlin(2026, 12, 25, 10, 59))
    assert not hours.is_open(berlin(2026, 12, 25, 11))
    assert hours.next_open(berlin(2026, 12, 25, 11)) == berlin(2026, 12, 25, 12)
    assert hours.is_open(berlin(2027, 1, 1, 17))
    assert hours.next_open(berlin(2026, 12, 18, 18)) == berlin(2026, 12, 19, 10)


def test_an_hour_that_clocks_skip_is_nobodys_and_one_that_comes_twice_counts_twice():
    night = business(days={"sun": ["01:00-04:00"]})
    spring, autumn = berlin(2026, 3, 29, 0), berlin(2026, 10, 25, 0)
    assert night.minutes_between(spring, spring + timedelta(days=1)) == 120
    assert night.minutes_between(autumn, autumn + timedelta(days=1)) == 240
    part = business(days={"sun": ["02:15-02:45"]})
    assert part.minutes_between(spring, spring + timedelta(days=1)) == 0
    assert part.minutes_between(autumn, autumn + timedelta(days=1)) == 60
    assert part.is_open(berlin(2026, 10, 25, 2, 30, fold=0))
    assert part.is_open(berlin(2026, 10, 25, 2, 30, fold=1))
    assert not part.is_open(berlin(2026, 10, 25, 2, 50, fold=0))


def test_a_whole_day_and_a_night_in_two_stretches():
    always = business(days={key: ["00:00-24:00"] for key in WEEKDAYS})
    at = berlin(2026, 10, 24, 12)
    assert always.add(at, 24 * 60) == at + timedelta(days=1)
    nights = business(days={key: ["22:00-24:00", "00:00-06:00"] for key in WEEKDAYS})
    assert nights.add(berlin(2026, 11, 24, 23, 50), 30) == berlin(2026, 11, 25, 0, 20)


def test_going_back_counts_less_than_nothing():
    assert business().minutes_between(berlin(2026, 11, 24, 10), berlin(2026, 11, 24, 9)) == -60


def test_search_for_an_opening_ends():
    never = BusinessHours(BERLIN, ((),) * 7)
    with pytest.raises(NeverOpen, match="two years"):
        never.next_open(berlin(2026, 11, 24, 9))
    with pytest.raises(NeverOpen):
        never.add(berlin(2026, 11, 24, 9), 1)
    assert not never.is_open(berlin(2026, 11, 24, 9))


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Any moment of thirty years, many of them near a change of clocks, with microseconds."""
    day = draw(st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)))
    if draw(st.booleans()):
        near = draw(st.sampled_from([(3, 29), (10, 25), (3, 8), (11, 1), (4, 5), (12, 30)]))
        day = day.replace(month=near[0], day=near[1])
    return day.replace(tzinfo=UTC)


@st.composite
def calendars(draw: st.DrawFn) -> BusinessHours:
    """Business hours of any zone, with up to three stretches a day."""
    days = {}
    for day in draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1)):
        cuts = sorted(draw(st.sets(st.integers(0, 24 * 4), min_size=2, max_size=6)))
        cuts = cuts[: len(cuts) // 2 * 2]
        words = [f"{cut // 4:02}:{cut % 4 * 15:02}" for cut in cuts]
        days[day] = [f"{begin}-{end}" for begin, end in zip(words[::2], words[1::2], strict=True)]
    holidays = draw(st.sampled_from([None, {"country": "DE", "subdivision": "BE"}, {"country": "US"}]))
    return business(timezone=draw(st.sampled_from(ZONES)), days=days, holidays=holidays)


@settings(max_examples=150)
@given(calendars(), moments(), st.integers(1, 3_000))
def test_adding_and_counting_are_inverse(hours, at, minutes):
    due = hours.add(at, minutes)
    assert due > at
    assert due.tzinfo is UTC
    assert hours.minutes_between(at, due) == pytest.approx(minutes, abs=1e-6)
    assert hours.minutes_between(due, at) == pytest.approx(-minutes, abs=1e-6)
    assert hours.minutes_between(at, due - timedelta(seconds=1)) < minutes
    assert hours.is_open(due - timedelta(microseconds=1))


@settings(max_examples=150)
@given(calendars(), moments())
def test_next_opening_is_open_and_nothing_before_it_is(hours, at):
    opens = hours.next_open(at)
    assert opens >= at
    assert hours.is_open(opens)
    assert opens == at or hours.minutes_between(at, opens) == 0
    for step in range(1, 20):
        between = at + (opens - at) * step / 20
        assert between == opens or not hours.is_open(between)


@settings(max_examples=100)
@given(calendars(), moments())
def test_openings_are_what_the_wall_shows(hours, at):
    found = list(openings(hours.zone, at, hours.spans, 3))
    for (_, end), (begin, _) in itertools.pairwise(found):
        assert end <= begin
    for minute in range(0, 3 * 24 * 60, 97):
        moment = at + timedelta(minutes=minute)
        assert hours.is_open(moment) == any(begin <= moment < end for begin, end in found)


# --- quiet hours


@pytest.mark.parametrize(
    ("at", "wanted", "given"),
    [
        pytest.param(berlin(2026, 11, 24, 12), berlin(2026, 11, 24, 12), {}, id="by day"),
        pytest.param(berlin(2026, 11, 24, 21), berlin(2026, 11, 25, 8), {}, id="as the night begins"),
        pytest.param(berlin(2026, 11, 24, 3), berlin(2026, 11, 24, 8), {}, id="at night"),
        pytest.param(berlin(2026, 11, 24, 8), berlin(2026, 11, 24, 8), {}, id="as the night ends"),
        pytest.param(berlin(2026, 11, 28, 12), berlin(2026, 11, 28, 12), {}, id="on a Saturday"),
        pytest.param(
            berlin(2026, 11, 28, 12), berlin(2026, 11, 30, 8), {"working_days_only": True}, id="working days only"
        ),
        pytest.param(
            berlin(2026, 12, 24, 22),
            berlin(2026, 12, 28, 8),
            {"working_days_only": True, "holidays": {"country": "DE"}},
            id="over Christmas",
        ),
        pytest.param(berlin(2026, 11, 24, 13), berlin(2026, 11, 24, 14), {"quiet": "12:00-14:00"}, id="at lunch"),
        pytest.param(berlin(2026, 11, 24, 3), berlin(2026, 11, 24, 3), {"quiet": None}, id="never quiet"),
    ],
)
def test_messages_wait_for_the_end_of_the_night(at, wanted, given):
    assert QuietHours.of(QuietDocument(**given)).next_allowed(at, BERLIN) == wanted


@pytest.mark.parametrize(
    ("at", "hour", "wanted"),
    [
        pytest.param(berlin(2026, 11, 24, 8, 30), 10, berlin(2026, 11, 24, 10), id="later today"),
        pytest.param(berlin(2026, 11, 24, 10, 30), 10, berlin(2026, 11, 24, 10, 30), id="now"),
        pytest.param(berlin(2026, 11, 24, 11), 10, berlin(2026, 11, 25, 10), id="tomorrow"),
        pytest.param(berlin(2026, 11, 24, 11), 3, berlin(2026, 11, 24, 11), id="an hour that is quiet"),
        pytest.param(berlin(2026, 11, 27, 22), 10, berlin(2026, 11, 30, 10), id="after the weekend"),
        pytest.param(berlin(2026, 11, 24, 21, 15), 8, berlin(2026, 11, 25, 8), id="the first hour of the day"),
    ],
)
def test_personal_hour_is_kept_where_it_may_be(at, hour, wanted):
    hours = QuietHours.of(QuietDocument(working_days_only=True))
    assert hours.at_hour(at, hour, BERLIN) == wanted


def test_personal_hour_is_given_up_where_it_would_take_too_long():
    at = berlin(2026, 11, 24, 11)
    hours = QuietHours.of(QuietDocument())
    assert hours.at_hour(at, 10, BERLIN, within=timedelta(hours=4)) == at
    assert hours.at_hour(at, 14, BERLIN, within=timedelta(hours=4)) == berlin(2026, 11, 24, 14)


def test_so_many_holidays_in_a_row_hold_nothing_back_for_ever(monkeypatch):
    monkeypatch.setattr("app.rules.hours.is_holiday", lambda document, day: True)
    hours = QuietHours.of(QuietDocument(working_days_only=True))
    assert hours.next_allowed(berlin(2026, 11, 24, 22), BERLIN) == berlin(2026, 11, 25, 8)


@st.composite
def quiets(draw: st.DrawFn) -> QuietHours:
    begin, end = draw(st.lists(st.integers(0, 24 * 4 - 1), min_size=2, max_size=2, unique=True))
    text = "-".join(f"{cut // 4:02}:{cut % 4 * 15:02}" for cut in (begin, end))
    return QuietHours.of(QuietDocument(quiet=text, working_days_only=draw(st.booleans())))


@settings(max_examples=200)
@given(quiets(), moments(), st.sampled_from(ZONES), st.integers(0, 23))
def test_nobody_is_written_to_in_their_night(hours, at, name, hour):
    zone = ZoneInfo(name)
    for moment in (hours.next_allowed(at, zone), hours.at_hour(at, hour, zone)):
        assert at <= moment <= at + timedelta(days=QUIET_DAYS)
        assert any(begin <= wall(moment, zone) < end for begin, end in hours.allowed)
        assert not hours.working_days_only or moment.astimezone(zone).weekday() < 5


# --- personal hour


def signals(**counts: int) -> list[int]:
    return [counts.get(f"h{hour}", 0) for hour in range(24)]


@pytest.mark.parametrize(
    ("counts", "zone", "hour"),
    [
        pytest.param(signals(h9=4), BERLIN, None, id="too few"),
        pytest.param([], BERLIN, None, id="none at all"),
        pytest.param(signals(h9=5), BERLIN, 10, id="one hour, in winter"),
        pytest.param(signals(h8=2, h9=2, h10=2, h20=3), BERLIN, 10, id="a habit beats an evening"),
        pytest.param(signals(h23=2, h0=2, h1=2), BERLIN, 1, id="around midnight"),
        pytest.param(signals(h6=5), ZoneInfo("Asia/Kathmandu"), 12, id="a zone of three quarters"),
        pytest.param(signals(h12=5), ZoneInfo("America/New_York"), 7, id="overseas"),
    ],
)
def test_personal_hour_is_where_most_was_done(counts, zone, hour):
    assert personal_hour(counts, zone, datetime(2026, 11, 24, tzinfo=UTC)) == hour


@given(st.lists(st.integers(0, 200), min_size=24, max_size=24), st.sampled_from(ZONES))
def test_personal_hour_is_an_hour(counts, name):
    found = personal_hour(counts, ZoneInfo(name), datetime(2026, 11, 24, tzinfo=UTC))
    assert (found is None) == (sum(counts) < 5)
    assert found is None or 0 <= found <= 23


# --- what is refused


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"timezone": "Europe/Berln"}, 'not a time zone; did you mean "Europe/Berlin"', id="zone"),
        pytest.param({"timezone": "../etc/passwd"}, "is not a time zone", id="a path"),
        pytest.param({"timezone": "Europe"}, "is not a time zone", id="a folder"),
        pytest.param({"days": {}}, "no day has hours", id="never"),
        pytest.param({"days": {"mon": []}}, "no day has hours", id="a day without hours"),
        pytest.param({"days": {"monday": ["09:00-17:00"]}}, "mon", id="no such day"),
        pytest.param({"days": {"mon": ["9-17"]}}, 'mon has "9-17"; write hours as 09:00-17:30', id="no hours"),
        pytest.param({"days": {"mon": ["09:00-25:00"]}}, "write hours as", id="an hour too many"),
        pytest.param({"days": {"mon": ["17:00-09:00"]}}, "ends before it begins", id="backwards"),
        pytest.param({"days": {"mon": ["09:00-13:00", "12:00-17:00"]}}, "overlap", id="overlap"),
        pytest.param({"holidays": {"country": "XX"}}, 'holidays of "XX" are not known', id="no such country"),
        pytest.param({"holidays": {"country": "DE", "subdivision": "YY"}}, "is not a part of DE", id="no such state"),
        pytest.param({"closed": ["2026-12-24"], "open": ["2026-12-24"]}, "both closed and open", id="both"),
        pytest.param({"open": ["tomorrow"]}, 'open has "tomorrow"', id="no day"),
        pytest.param(
            {"days": {"mon": ["09:00-17:00"]},
             "closed": [f"{datetime(2026, 11, 23) + timedelta(weeks=week):%Y-%m-%d}" for week in range(60)]},
            "there is no opening in the year from",
            id="closed for more than a year",
        ),
    ],
)  # fmt: skip
def test_mistake_in_business_hours_is_named(given, problem):
    with pytest.raises(ValidationError) as caught:
        HoursDocument(**given)
    assert problem in str(caught.value)


@pytest.mark.parametrize("text", ["08:00-08:00", "00:00-24:00", "at night", "21:00"])
def test_mistake_in_quiet_hours_is_named(text):
    with pytest.raises(ValidationError):
        QuietDocument(quiet=text)
