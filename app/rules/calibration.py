"""How well scores tell whom sales takes up: held against what sales said of those who were handed over. Pure.

Only who was handed over has been judged, so nothing is said of those whom the threshold kept back; and of few people
nothing certain can be said at all, which is why every share comes with its 95 % interval.
"""

from collections.abc import Collection, Sequence

from msgspec import Struct

from app.rules.sequences.results import Interval, newcombe, wilson

READY = frozenset(("accepted", "won", "lost"))  # sales took them up, whatever came of it; not_a_fit and nurture are not
BANDS = 10
LEAST, LEAST_OF_EACH = 50, 10  # judged people, and of those who were ready and who were not
ROUND = 5.0  # thresholds are tried in steps of so many points


class Judged(Struct, frozen=True):
    """Somebody of whom sales has said how it went: the score they were handed over with, and the rules that have given
    or taken points (None where that is not known any more)."""

    score: float
    ready: bool
    rules: frozenset[str] | None = None


class Band(Struct, frozen=True, kw_only=True):
    """A tenth of the judged, by score. ``lift`` is its share of ready people by that of all."""

    low: float
    high: float
    judged: int
    ready: int
    share: float
    interval: Interval
    lift: float | None


class Threshold(Struct, frozen=True, kw_only=True):
    """What would have come of another threshold: how many of the judged it lets through, which share of them was ready
    (precision), and which share of all who were ready it lets through (recall)."""

    points: float
    judged: int
    ready: int
    precision: float | None
    recall: float | None


class RuleTold(Struct, frozen=True, kw_only=True):
    """Whether people with a rule's points were ready more often than those without; ``tells`` is "more", "less" or
    empty, where it could be chance."""

    rule: str
    judged: int
    ready: int
    others: int
    others_ready: int
    difference: float
    interval: Interval
    tells: str


class Calibration(Struct, frozen=True, kw_only=True):
    """All of it. ``doubt`` says why little can be made of it, or is empty."""

    judged: int
    ready: int
    share: Interval
    bands: Sequence[Band]
    thresholds: Sequence[Threshold]
    rules: Sequence[RuleTold]
    doubt: str


def calibrate(people: Collection[Judged], rules: Collection[str] = ()) -> Calibration:
    """How scores, thresholds and rules (by id) held up against what sales said."""
    found = sorted(people, key=lambda one: one.score)
    ready = _ready(found)
    return Calibration(
        judged=len(found),
        ready=ready,
        share=wilson(ready, len(found)),
        bands=_bands(found),
        thresholds=_thresholds(found),
        rules=[told for rule in rules if (told := _told(rule, found)) is not None],
        doubt=_doubt(len(found), ready),
    )


def _ready(people: Sequence[Judged]) -> int:
    return sum(one.ready for one in people)


def _doubt(judged: int, ready: int) -> str:
    if judged < LEAST:
        return f"sales has judged {judged} people; from {LEAST} on it begins to say something"
    fewer = min(ready, judged - ready)
    if fewer < LEAST_OF_EACH:
        kind = "ready" if ready == fewer else "not ready"
        return f"only {fewer} of the {judged} judged people were {kind}; from {LEAST_OF_EACH} on it can tell them apart"
    return ""


def _bands(people: Sequence[Judged]) -> list[Band]:
    """Tenths as far as scores differ: who has the same score stands in the same band."""
    bands: list[Band] = []
    whole, start = _ready(people), 0
    for number in range(1, BANDS + 1):
        end = max(start, round(len(people) * number / BANDS))
        while 0 < end < len(people) and people[end].score == people[end - 1].score:
            end += 1
        some = people[start:end]
        if some:
            ready = _ready(some)
            share, overall = ready / len(some), whole / len(people)
            bands.append(
                Band(
                    low=some[0].score,
                    high=some[-1].score,
                    judged=len(some),
                    ready=ready,
                    share=share,
                    interval=wilson(ready, len(some)),
                    lift=share / overall if overall else None,
                )
            )
        start = end
    return bands


def _thresholds(people: Sequence[Judged]) -> list[Threshold]:
    if not people:
        return []
    whole = _ready(people)
    first, last = int(people[0].score // ROUND), int(people[-1].score // ROUND)
    found = []
    for step in range(first, last + 1):
        some = [one for one in people if one.score >= step * ROUND]
        ready = _ready(some)
        found.append(
            Threshold(
                points=step * ROUND,
                judged=len(some),
                ready=ready,
                precision=ready / len(some) if some else None,
                recall=ready / whole if whole else None,
            )
        )
    return found


def _told(rule: str, people: Sequence[Judged]) -> RuleTold | None:
    """None where everybody had the rule's points, or nobody."""
    having = [one for one in people if one.rules is not None and rule in one.rules]
    others = [one for one in people if one.rules is not None and rule not in one.rules]
    if not having or not others:
        return None
    ready, others_ready = _ready(having), _ready(others)
    interval = newcombe((others_ready, len(others)), (ready, len(having)))
    return RuleTold(
        rule=rule,
        judged=len(having),
        ready=ready,
        others=len(others),
        others_ready=others_ready,
        difference=ready / len(having) - others_ready / len(others),
        interval=interval,
        tells="more" if interval.low > 0 else "less" if interval.high < 0 else "",
    )
