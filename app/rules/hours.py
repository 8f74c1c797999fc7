"""Business hours and quiet hours: when people work, and when they are left alone. Pure.

Times come in and go out as aware UTC datetimes; what counts is what the clock on the wall shows in a time zone, so an
hour that is skipped in spring is nobody's, and one that comes twice in autumn counts twice. Stretches are half-open:
who is open from 09:00 to 12:00 is closed at 12:00.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.zone import zone_named
from mappings.document import did_you_mean

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SEARCH_DAYS = 731  # so far ahead an opening is looked for
QUIET_DAYS = 8  # so far at most a message is put off
SIGNALS_NEEDED = 5
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKING_DAYS = range(5)

Span = tuple[timedelta, timedelta]  # from and until, counted from midnight on the wall
Spans = tuple[Span, ...]
_SPAN = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)")


class NeverOpen(ValueError):
    """There is no opening within two years."""


# --- as written


class HolidaysDocument(BaseModel):
    """Whose public holidays are days off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str = Field(description="Two letters: DE")
    subdivision: str | None = Field(None, description="State or province: BE")

    @model_validator(mode="after")
    def _known(self) -> "HolidaysDocument":
        from holidays import list_supported_countries

        known = list_supported_countries()
        if self.country not in known:
            raise ValueError(f'the holidays of "{self.country}" are not known; write two capital letters: DE, US')
        parts = known[self.country]
        if self.subdivision is not None and self.subdivision not in parts:
            raise ValueError(
                f'"{self.subdivision}" is not a part of {self.country} with holidays of its own; these are '
                + (", ".join(parts) or "none")
            )
        return self


class HoursDocument(BaseModel):
    """Business hours as they stand in a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: str = "UTC"
    days: dict[Weekday, list[str]] = Field(
        default_factory=lambda: {day: ["09:00-17:30"] for day in WEEKDAYS[:5]},
        description="From and until, on the wall: {mon: [09:00-12:00, 13:00-17:30]}",
    )
    holidays: HolidaysDocument | None = None
    closed: list[date] = Field(default_factory=list, max_length=1_000, description="Days off beside the holidays")
    open: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="Exceptions that beat all else: 2026-12-19 10:00-14:00, or a day with its usual hours",
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)

    @field_validator("days")
    @classmethod
    def _spans(cls, days: dict[str, list[str]]) -> dict[str, list[str]]:
        for day, texts in days.items():
            read_spans(texts, day)
        if not any(days.values()):
            raise ValueError("no day has hours; give at least one: {mon: [09:00-17:00]}")
        return days

    @model_validator(mode="after")
    def _sometimes_open(self) -> "HoursDocument":
        opened = _opened(self.open)
        for day in self.closed:
            if day in opened:
                raise ValueError(f"{day} is both closed and open")
        hours = BusinessHours.of(self)
        for day in self.closed:
            at = datetime.combine(day, time(), UTC)
            if next(openings(hours.zone, at, hours.spans, SEARCH_DAYS // 2), None) is None:
                raise ValueError(f"there is no opening in the year from {day} on; take days out of closed")
        return self


class QuietDocument(BaseModel):
    """When nobody is written to, as it stands in a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quiet: str | None = Field("21:00-08:00", description="On the person's wall; may go over midnight. null: never")
    working_days_only: bool = False
    timezone: str = Field("UTC", description="Of people of whom it is not known where they live")
    holidays: HolidaysDocument | None = None

    @field_validator("quiet")
    @classmethod
    def _span(cls, text: str | None) -> str | None:
        if text is not None:
            read_quiet(text)
        return text

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)


def known_zone(name: str) -> str:
    """The name, if it is a time zone's. Raises ValueError with one that comes close."""
    if zone_named(name) is None:
        from zoneinfo import available_timezones

        meant = did_you_mean(name, sorted(available_timezones()), "; write one as Europe/Berlin")
        raise ValueError(f'"{name}" is not a time zone{meant}')
    return name


def read_spans(texts: Sequence[str], place: str) -> Spans:
    """Stretches of a day, in their order. Raises ValueError for one that cannot be read, is empty or overlaps."""
    spans = tuple(sorted(_read_span(text, place) for text in texts))
    for begin, end in spans:
        if begin >= end:
            raise ValueError(f"{place} has a stretch that ends before it begins; over midnight write two: 22:00-24:00")
    for (_, end), (begin, _) in pairwise(spans):
        if begin < end:
            raise ValueError(f"{place} has stretches that overlap")
    return spans


def _read_span(text: str, place: str) -> Span:
    found = _SPAN.fullmatch(text.strip())
    if found is not None:
        first, second, third, fourth = map(int, found.groups())
        begin, end = timedelta(hours=first, minutes=second), timedelta(hours=third, minutes=fourth)
        if second < 60 and fourth < 60 and begin < DAY and end <= DAY:
            return begin, end
    raise ValueError(f'{place} has "{text}"; write hours as 09:00-17:30')


def read_quiet(text: str) -> Spans:
    """The stretches of a day in which people may be written to, from those in which they may not (``21:00-08:00``)."""
    begin, end = _read_span(text, "quiet")
    if begin == end or end - begin == DAY:
        raise ValueError(f'quiet "{text}" leaves no time at all')
    zero = timedelta()
    spans = ((end, begin),) if end < begin else ((zero, begin), (end, DAY))
    return tuple(span for span in spans if span[0] < span[1])


def _opened(texts: Sequence[str]) -> dict[date, Spans | None]:
    """Day → its hours by way of exception; None for its usual ones."""
    found: dict[date, list[str]] = {}
    for text in texts:
        day, _, hours = text.strip().partition(" ")
        try:
            found.setdefault(date.fromisoformat(day), []).extend([hours] if hours else [])
        except ValueError:
            raise ValueError(f'open has "{text}"; write 2026-12-19 10:00-14:00, or only the day') from None
    return {day: read_spans(hours, f"open {day}") if hours else None for day, hours in found.items()}


# --- compiled


class BusinessHours(Struct, frozen=True):
    """When people work: weekly hours (Monday first), without holidays and days off, with exceptions."""

    zone: ZoneInfo
    week: tuple[Spans, ...]
    holidays: HolidaysDocument | None = None
    closed: frozenset[date] = frozenset()
    opened: dict[date, Spans | None] = {}

    @classmethod
    def of(cls, document: HoursDocument) -> "BusinessHours":
        """The hours in the form that is asked."""
        week = tuple(read_spans(document.days.get(day, ()), day) for day in WEEKDAYS)
        opened = _opened(document.open)
        return cls(ZoneInfo(document.timezone), week, document.holidays, frozenset(document.closed), opened)

    def spans(self, day: date) -> Spans:
        """The hours of one day, on the wall."""
        usual = self.week[day.weekday()]
        if day in self.opened:
            return self.opened[day] or usual
        return () if day in self.closed or is_holiday(self.holidays, day) else usual

    def is_open(self, at: datetime) -> bool:
        """Whether people work at a moment."""
        wall = at.astimezone(self.zone).replace(tzinfo=None)
        since = wall - datetime.combine(wall, time())
        return any(begin <= since < end for begin, end in self.spans(wall.date()))

    def next_open(self, at: datetime) -> datetime:
        """The moment itself if people work then, else when they next begin. Raises NeverOpen."""
        for begin, _ in openings(self.zone, at, self.spans):
            return begin
        raise NeverOpen(f"no opening within two years after {at:%Y-%m-%d}")

    def add(self, at: datetime, minutes: float) -> datetime:
        """The first moment by which people have worked so many minutes since ``at``. Raises NeverOpen."""
        left = timedelta(minutes=minutes)
        if left <= timedelta():
            return at
        while True:
            end = at
            for begin, end in openings(self.zone, at, self.spans):
                if end - begin >= left:
                    return begin + left
                left -= end - begin
            if end == at:
                raise NeverOpen(f"no opening within two years after {at:%Y-%m-%d}")
            at = end

    def minutes_between(self, first: datetime, second: datetime) -> float:
        """How many minutes people work between two moments; less than nothing where the second is the earlier one."""
        if second < first:
            return -self.minutes_between(second, first)
        worked = timedelta()
        for begin, end in openings(self.zone, first, self.spans, (second - first).days + 2):
            if begin >= second:
                break
            worked += min(end, second) - begin
        return worked / timedelta(minutes=1)


class QuietHours(Struct, frozen=True):
    """When people may be written to. ``zone`` is that of people of whom none is known."""

    allowed: Spans
    zone: ZoneInfo
    working_days_only: bool = False
    holidays: HolidaysDocument | None = None

    @classmethod
    def of(cls, document: QuietDocument) -> "QuietHours":
        """The hours in the form that is asked."""
        whole = ((timedelta(), DAY),)
        allowed = whole if document.quiet is None else read_quiet(document.quiet)
        return cls(allowed, ZoneInfo(document.timezone), document.working_days_only, document.holidays)

    def spans(self, day: date) -> Spans:
        """The hours of one day in which people may be written to, on the wall."""
        off = self.working_days_only and (day.weekday() not in WORKING_DAYS or is_holiday(self.holidays, day))
        return () if off else self.allowed

    def next_allowed(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The moment itself if it may be used, else the next one that may: at most 8 days on. Where so many days off
        follow each other, a day off is used."""
        for spans in (self.spans, lambda day: self.allowed):
            for begin, _ in openings(zone, at, spans, QUIET_DAYS + 1):
                if begin - at <= QUIET_DAYS * DAY:
                    return begin
        return at

    def allows_more_than(self, time: timedelta, first: datetime, second: datetime, zone: ZoneInfo) -> bool:
        """Whether people may be written to for more than so much time between two moments."""
        left = time
        for begin, end in openings(zone, first, self.spans, (second - first).days + 2):
            if begin >= second:
                return False
            left -= min(end, second) - begin
            if left < timedelta():
                return True
        return False

    def at_hour(self, at: datetime, hour: int, zone: ZoneInfo, within: timedelta = DAY) -> datetime:
        """The next moment at which the person's clock shows this hour (0 to 23) and they may be written to.

        If there is none within so much time of the first moment that may be used, that one.
        """
        wanted = (hour * HOUR, (hour + 1) * HOUR)
        first = self.next_allowed(at, zone)
        for begin, _ in openings(zone, first, lambda day: _within(self.spans(day), wanted), within.days + 2):
            return begin if begin <= first + within else first
        return first


def _within(spans: Spans, wanted: Span) -> Spans:
    cut = ((max(begin, wanted[0]), min(end, wanted[1])) for begin, end in spans)
    return tuple((begin, end) for begin, end in cut if begin < end)


@lru_cache(256)
def _holidays_of(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    from holidays import country_holidays

    return frozenset(country_holidays(country, subdiv=subdivision, years=year))


def is_holiday(document: HolidaysDocument | None, day: date) -> bool:
    """Whether a day is a public holiday there."""
    return document is not None and day in _holidays_of(document.country, document.subdivision, day.year)


def personal_hour(signals: Sequence[int], zone: ZoneInfo, at: datetime) -> int | None:
    """The hour of the day (0 to 23, on the person's wall as of ``at``) around which they open, click and visit most.

    ``signals`` counts what they did by UTC hour. None with fewer than 5. Neighbouring hours count too, less the
    farther they are, also over midnight; of equals the earlier hour is taken.
    """
    if len(signals) != 24 or sum(signals) < SIGNALS_NEEDED:
        return None
    smooth = [sum(weight * signals[(hour + off) % 24] for off, weight in _NEAR) for hour in range(24)]
    best = max(range(24), key=lambda hour: (smooth[hour], signals[hour], -hour))
    # The middle of the hour: zones may be half an hour off
    middle = at.astimezone(UTC).replace(hour=best, minute=30, second=0, microsecond=0)
    return middle.astimezone(zone).hour


_NEAR = ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1))


# --- what the clock on the wall shows


def openings(
    zone: ZoneInfo, at: datetime, spans: Callable[[date], Spans], days: int = SEARCH_DAYS
) -> Iterator[tuple[datetime, datetime]]:
    """The stretches, from ``at`` on and in their order, in which the wall in a zone shows a time within its day's
    spans; those of so many days. One that goes on over a UTC midnight comes in two parts."""
    start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(days + 1):
        low = start + number * DAY
        for first, last, offset in _stretches(zone, max(low, at), low + DAY):
            wall, until = (first + offset).replace(tzinfo=None), (last + offset).replace(tzinfo=None)
            midnight = datetime.combine(wall, time())
            while midnight < until:
                for begin, end in spans(midnight.date()):
                    opens, closes = max(midnight + begin, wall), min(midnight + end, until)
                    if opens < closes:
                        yield (opens - offset).replace(tzinfo=UTC), (closes - offset).replace(tzinfo=UTC)
                midnight += DAY


def _stretches(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """A part of a day, cut where the clocks are changed: from, until, and how far the wall is ahead of UTC."""
    offset, then = _offset(zone, first), _offset(zone, last - timedelta(microseconds=1))
    if offset == then:
        yield first, last, offset
        return
    low, high = 0, int((last - first).total_seconds()) + 1  # clocks are changed on whole seconds
    base = first.replace(microsecond=0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, base + timedelta(seconds=middle)) == offset else (low, middle)
    change = base + timedelta(seconds=high)
    yield first, change, offset
    yield change, last, then


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
