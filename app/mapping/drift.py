"""What changed in what a tool sends: fields that are new, that come no more or hold another kind of value; and how well
each is filled, day by day. Pure: from the counts in :mod:`app.store.counted`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from msgspec import Struct, field

from app.store.counted import Day
from mappings.kinds import BLANK
from mappings.schema import Listed
from mappings.tally import HELD, PAYLOAD

NEW, GONE, RETYPED = "new", "gone", "retyped"
NEW_FOR, RETYPED_FOR = 14, 30  # days for which it is news
ACQUAINTED = 3  # days of traffic before anything in it can be news
EXPECTED = 10  # so many times it should have come by now, going by how often it came before
ENOUGH, LATELY = 10, 5  # filled values that show what kind a field was, and what it is now
MOSTLY = 0.8
_EPOCH = date(1970, 1, 1)


class Drift(Struct, frozen=True):
    """One change: which, since which day, and in words how it shows."""

    what: str
    since: date
    says: str


class Figures(Struct, frozen=True):
    """How a field came on one day, or in a span of days."""

    seen: int = 0
    filled: int = 0
    held: int = 0

    @property
    def fill_rate(self) -> float | None:
        """The share that was filled; None where it did not come."""
        return self.filled / self.seen if self.seen else None

    @property
    def mismatch_rate(self) -> float | None:
        """The share of filled values that found no place; None where there was none."""
        return min(1.0, self.held / self.filled) if self.filled else None


class History(Struct):
    """One field's counts: day → kind → how many. ``payloads`` are those of the whole connection, by day."""

    name: str
    days: dict[int, Counter[str]] = field(default_factory=dict)
    payloads: Mapping[int, int] = {}

    def figures(self, since: int = 0) -> Figures:
        """The days from one on, together."""
        return _figures(_together(self, (day for day in self.days if day >= since)))

    def by_day(self, first: int, last: int) -> list[tuple[date, Figures]]:
        """Each day's figures, also of those on which it did not come."""
        return [(_date(day), _figures(self.days.get(day, Counter()))) for day in range(first, last + 1)]

    @property
    def usual(self) -> str:
        """The kind that most of its values were of, or "" where it was never filled."""
        return _mostly(sum(self.days.values(), Counter()), 0)


def histories(counted: Iterable[Day]) -> dict[str, History]:
    """Each field's history by name."""
    found: dict[str, History] = {}
    payloads: dict[int, int] = {}
    for one in counted:
        if one.kind == PAYLOAD:
            payloads[one.day] = one.count
        elif one.vendor:
            history = found.setdefault(one.vendor, History(one.vendor, payloads=payloads))
            history.days.setdefault(one.day, Counter())[one.kind] += one.count
    return found


def drift_of(history: History, today: int) -> Drift | None:
    """What changed about a field, if anything did; the gravest only."""
    came = sorted(day for day, kinds in history.days.items() if _figures(kinds).seen)
    if not came:
        return None
    return _gone(history, came) or _retyped(history, came, today) or _new(history, came[0], today)


def listed_drift(listed: Listed, vendor: str, today: int) -> Drift | None:
    """What changed about a field in the tool's own list of fields, if anything did."""
    if listed.gone is not None:
        return Drift(GONE, listed.gone, f"is in {vendor}’s list of fields no more since {_said_date(listed.gone)}")
    if listed.changed is not None and listed.retyped(_date(today)):
        return Drift(
            RETYPED,
            listed.changed,
            f"became {_a(listed.kind)} in {vendor} on {_said_date(listed.changed)}; it was {_a(listed.was)}",
        )
    return None


def _gone(history: History, came: list[int]) -> Drift | None:
    first, last = came[0], came[-1]
    before = sum(count for day, count in history.payloads.items() if first <= day <= last)
    after = sum(count for day, count in history.payloads.items() if day > last)
    share = history.figures().seen / before if before else 0.0
    if share * after < EXPECTED:
        return None
    often = f"in {share:.0%} of what came" if share >= 0.01 else "now and then"
    return Drift(GONE, _date(last + 1), f"came {often} until {_said(last)}; in none of the {after:,} payloads since")


def _retyped(history: History, came: list[int], today: int) -> Drift | None:
    for number in range(1, len(came)):
        if today - came[number] >= RETYPED_FOR:
            continue
        was = _mostly(_together(history, came[:number]), ENOUGH)
        has = _mostly(_together(history, came[number:]), LATELY)
        if was and has and was != has:
            return Drift(RETYPED, _date(came[number]), f"held {_a(was)} until {_said(came[number - 1])}, now {_a(has)}")
    return None


def _together(history: History, days: Iterable[int]) -> Counter[str]:
    return sum((history.days[day] for day in days), Counter[str]())


def _new(history: History, first: int, today: int) -> Drift | None:
    known = [day for day, count in history.payloads.items() if day < first and count]
    if len(known) < ACQUAINTED or today - first >= NEW_FOR:
        return None
    return Drift(NEW, _date(first), f"came for the first time on {_said(first)}")


def _figures(kinds: Counter[str]) -> Figures:
    seen = sum(count for kind, count in kinds.items() if kind != HELD)
    return Figures(seen, seen - kinds[BLANK], kinds[HELD])


def _mostly(kinds: Counter[str], enough: int) -> str:
    """The kind that four of five filled values are of, or ""; with fewer than ``enough`` there is none."""
    filled = Counter({kind: count for kind, count in kinds.items() if kind not in (HELD, BLANK)})
    if not filled or filled.total() < enough:
        return ""
    kind, count = filled.most_common(1)[0]
    return kind if not enough or count >= MOSTLY * filled.total() else ""


def _a(kind: str) -> str:
    return {"yes or no": "yes or no", "text": "text"}.get(kind, f"an {kind}" if kind[0] in "aeiou" else f"a {kind}")


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _said(day: int) -> str:
    return _said_date(_date(day))


def _said_date(said: date) -> str:
    return f"{said.day} {said:%B}"
