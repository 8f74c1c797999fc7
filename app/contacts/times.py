"""Instants as vendors write them, turned into aware UTC datetimes."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS_END = 100_000_000_000  # as seconds this is the year 5138, as milliseconds 1973


def from_ms(milliseconds: int) -> datetime:
    """The instant of an epoch time in milliseconds; exact, unlike ``fromtimestamp`` with a float."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def from_us(microseconds: int) -> datetime:
    """The instant of an epoch time in microseconds, which is how the database keeps times."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_us(instant: datetime) -> int:
    """Epoch microseconds of an aware datetime."""
    return (instant - EPOCH) // _MICROSECOND


def parse_time(value: object) -> datetime:
    """The instant that a vendor's value names: ISO 8601 with ``T`` or a space or as ``20261122``, epoch seconds
    or milliseconds as number or text, or an HTTP date. A time without a zone is UTC.

    Raises ValueError with the value when it is none of these.
    """
    if isinstance(value, bool) or value is None:
        raise ValueError(f"not a time: {value!r}")
    if isinstance(value, int | float):
        return _from_number(float(value)) if isinstance(value, float) else _from_integer(value)
    text = str(value).strip()
    try:
        if text.lstrip("-").isdigit() and len(text) != len("20261122"):
            return _from_integer(int(text))
        if text.replace(".", "", 1).isdigit() and "." in text:
            return _from_number(float(text))
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise ValueError(f"not a time: {str(value)[:80]!r}") from None


def time_or_none(value: object) -> datetime | None:
    """The instant that a value stands for, or None where it stands for none."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        return parse_time(value)
    except ValueError:
        return None


def _from_integer(number: int) -> datetime:
    try:
        return from_ms(number) if abs(number) >= _SECONDS_END else EPOCH + timedelta(seconds=number)
    except OverflowError:
        raise ValueError(f"not a time: {number}") from None


def _from_number(number: float) -> datetime:
    try:
        seconds = number / 1000 if abs(number) >= _SECONDS_END else number
        return EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise ValueError(f"not a time: {number}") from None
