"""The time zone that a person lives in, as far as it can be known. Pure; the tables come with tzdata."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from app.contacts.contact import Contact

# Zones of a country that agree on these days are one for whoever waits for the right hour
_WINTER, _SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


@cache
def zone_named(name: str) -> ZoneInfo | None:
    """The IANA zone of a name (``Europe/Berlin``), or None where there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no such zone, no name of one, or a folder of zones
        return None


def zone_of(contact: Contact, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone in the contact's field ``timezone``, else the one of their country if it has but one, else that of
    their phone number, else ``otherwise``."""
    said = str(contact.get("timezone") or "").strip()
    if said and len(said) < 64 and (zone := zone_named(said)) is not None:
        return zone
    names = _zones_of_country(str(contact.get("country") or "").strip().lower())
    if len(names) != 1:
        names = _zones_of_phone(str(contact.get("phone") or ""), within=names)
    zone = zone_named(names[0]) if len(names) == 1 else None
    return otherwise if zone is None else zone


def days_later(at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """So many days later by the clock on the wall: the same time of the day, also where clocks are changed between. A
    time that is skipped that day is taken as an hour later, of one that comes twice the first."""
    return (at.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def in_zone(at: datetime, zone: ZoneInfo, form: str = "%Y-%m-%d %H:%M") -> str:
    """A moment as people there say it: ``2026-11-24 10:00 in Berlin``, ``2026-11-24 09:00 UTC``."""
    city = zone.key.rpartition("/")[2].replace("_", " ")
    return f"{at.astimezone(zone):{form}} {'UTC' if city == 'UTC' else f'in {city}'}"


def _zones_of_phone(phone: str, within: tuple[str, ...]) -> tuple[str, ...]:
    """Zones that a number in international form may be in; where the country is known, only those in it."""
    if not phone.startswith("+"):
        return ()
    import phonenumbers
    from phonenumbers.timezone import time_zones_for_number

    try:
        names = time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ()
    return _different(name for name in names if not within or name in within)


def _zones_of_country(country: str) -> tuple[str, ...]:
    """The zones of a country, by its code or English name in lower case; those that go alike count as one."""
    codes, zones = _countries()
    return zones.get(codes.get(country, ""), ())


@cache
def _countries() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Code or name → code, and code → zones."""
    codes: dict[str, str] = {}
    for code, name in _table("iso3166.tab"):
        codes[code.lower()] = codes[name.lower()] = code
    zones: dict[str, list[str]] = {}
    for code, _, zone, *_ in _table("zone.tab"):
        zones.setdefault(code, []).append(zone)
    return codes, {code: _different(names) for code, names in zones.items()}


def _table(name: str) -> list[list[str]]:
    text = files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def _different(names: Iterable[str]) -> tuple[str, ...]:
    """One zone for each way to go through the year, in the order given."""
    found: dict[object, str] = {}
    for name in names:
        zone = zone_named(name)
        if zone is not None:
            found.setdefault((_WINTER.astimezone(zone).utcoffset(), _SUMMER.astimezone(zone).utcoffset()), name)
    return tuple(found.values())
