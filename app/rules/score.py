"""What a score is worth at a moment: points by rule that fade with a half-life, summed in groups with caps. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import ceil, log2
from typing import NamedTuple

from msgspec import Struct, field

from app.contacts.contact import RuleScore, Score

FADED = 0.05  # points that have faded below this are worth nothing worth showing
_HORIZON_DAYS = 3 * 365


class Group(Struct, frozen=True):
    """Rules that share a cap and a half-life. Without a half-life points do not fade."""

    name: str
    half_life_days: float | None = None
    cap: float | None = None


class Place(NamedTuple):
    """Where a rule's points count, and after how many days they are worth half; None where they do not fade, as those
    for what somebody is never do."""

    group: str
    half_life_days: float | None


class ScoringRules(Struct, frozen=True):
    """What is needed to read a score: the groups, each rule's place and label, and the thresholds."""

    groups: Mapping[str, Group]
    places: Mapping[str, Place]
    labels: Mapping[str, str] = {}
    threshold: float = 50
    rearm_below: float = 40
    version: str = ""


class Contribution(Struct, frozen=True):
    """One piece of a score: which rule and event gave it, what it is worth now, and when it is worth nothing."""

    rule: str
    label: str
    group: str
    points: float
    given: float
    event: str
    what: str
    at: datetime
    expires_at: datetime | None


class Reading(Struct, frozen=True):
    """A score at a moment, with everything it is made of."""

    total: float
    groups: Mapping[str, float] = field(default_factory=dict)
    contributions: tuple[Contribution, ...] = ()
    falls_below: datetime | None = None
    threshold: float = 50


def faded(points: float, half_life_days: float | None, since: datetime, now: datetime) -> float:
    """What points given at ``since`` are worth at ``now``. They fade at midnight UTC, not by the second: five points
    earned today are five points all day, and fading twice comes to the same as fading once."""
    if half_life_days is None:
        return points
    days = now.toordinal() - since.toordinal()
    return float(points * 0.5 ** (days / half_life_days)) if days > 0 else points


def worth(rule: RuleScore, half_life_days: float | None, now: datetime) -> float:
    """What one rule's points are worth at a moment."""
    return 0.0 if rule.sum_at is None else faded(rule.sum, half_life_days, rule.sum_at, now)


def by_group(score: Score, rules: ScoringRules, now: datetime) -> dict[str, float]:
    """Each group's points at a moment, within its cap. Rules that the policy no longer has count for nothing."""
    sums: dict[str, float] = {}
    for name, earned in score.rules.items():
        place = rules.places.get(name)
        if place is not None:
            group, half_life = place
            sums[group] = sums.get(group, 0.0) + worth(earned, half_life, now)
    for name, points in sums.items():
        cap = rules.groups[name].cap
        if cap is not None:
            sums[name] = max(-cap, min(cap, points))
    return sums


def total(score: Score, rules: ScoringRules, now: datetime) -> float:
    """The score at a moment."""
    return round(sum(by_group(score, rules, now).values()), 4) if score.rules else 0.0


def read_score(score: Score, rules: ScoringRules, now: datetime) -> Reading:
    """The score at a moment with each contribution, and when it will fall below the threshold if nothing happens."""
    groups = {name: round(points, 2) for name, points in by_group(score, rules, now).items()}
    pieces = []
    for name, earned in score.rules.items():
        place = rules.places.get(name)
        if place is None:
            continue
        label, half_life = rules.labels.get(name, name), place.half_life_days
        single = 0.0
        for given in earned.recent:
            now_worth = faded(given.points, half_life, given.at, now)
            single += now_worth
            if abs(now_worth) >= FADED:
                expires = _expiry(given.points, half_life, given.at)
                pieces.append(
                    Contribution(
                        name,
                        label,
                        place.group,
                        round(now_worth, 2),
                        given.points,
                        given.event,
                        given.what,
                        given.at,
                        expires,
                    )
                )
        older = worth(earned, half_life, now) - single
        if abs(older) >= FADED and earned.sum_at is not None:
            pieces.append(
                Contribution(
                    name,
                    label,
                    place.group,
                    round(older, 2),
                    round(older, 2),
                    "",
                    "earlier ones",
                    earned.sum_at,
                    None,
                )
            )
    pieces.sort(key=lambda piece: (-abs(piece.points), piece.rule, piece.at))
    value = total(score, rules, now)
    falls = _falls_below(score, rules, now) if value >= rules.threshold else None
    return Reading(round(value, 2), groups, tuple(pieces), falls, rules.threshold)


def _expiry(points: float, half_life_days: float | None, at: datetime) -> datetime | None:
    if half_life_days is None or abs(points) <= FADED:
        return None
    return _midnight(at) + timedelta(days=ceil(half_life_days * log2(abs(points) / FADED)))


def _falls_below(score: Score, rules: ScoringRules, now: datetime) -> datetime | None:
    """The midnight at which the score will have faded below the threshold, or None within three years."""
    low, high, today = 0, _HORIZON_DAYS, _midnight(now)
    fading = {name for name, place in rules.places.items() if place.half_life_days}
    if any(earned.sum < 0 and name in fading for name, earned in score.rules.items()):
        # Where points against somebody fade, the score may fall and rise again: each day has to be looked at
        days = (today + timedelta(days=day) for day in range(1, high + 1))
        return next((day for day in days if total(score, rules, day) < rules.threshold), None)
    if total(score, rules, today + timedelta(days=high)) >= rules.threshold:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if total(score, rules, today + timedelta(days=middle)) >= rules.threshold:
            low = middle
        else:
            high = middle
    return today + timedelta(days=high)


def changes_at(score: Score, rules: ScoringRules, now: datetime, holds: Callable[[float], bool]) -> datetime | None:
    """The midnight at which a fading score may be judged otherwise, or None within three years. Where points against
    somebody fade too it is looked for day by day, and not further than a month ahead: then one has to look again."""
    today, wanted = _midnight(now), holds(total(score, rules, now))
    fading = {name for name, place in rules.places.items() if place.half_life_days}
    signs = {earned.sum < 0 for name, earned in score.rules.items() if name in fading and earned.sum}
    if not signs:
        return None
    if len(signs) > 1:
        days = (today + timedelta(days=day) for day in range(1, 31))
        return next((day for day in days if holds(total(score, rules, day)) is not wanted), today + timedelta(days=30))
    low, high = 0, _HORIZON_DAYS
    if holds(total(score, rules, today + timedelta(days=high))) is wanted:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if holds(total(score, rules, today + timedelta(days=middle))) is wanted else (low, middle)
        )
    return today + timedelta(days=high)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
