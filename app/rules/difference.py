"""What two replays of the same contacts come to, side by side: counted by effect and rule, and each difference with its
reasons. Pure.

An effect is a kind of thing that people care about: ``handoff``, ``message withheld``, ``segment entered``. A decision
is the same in both replays when rule and event are; of what is left over, the same rule's decisions are taken for one
that comes earlier or later.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct, field

from app.rules.decision import Decision, Gate, Outcome
from app.rules.rescore import WHAT as RESCORE

# What people did, whatever Baton decides
_NOT_OURS = frozenset(("verdict", "claim"))
_WITHHELD = " withheld"
ALL = ""  # stands for all rules of an effect
MORE, LESS, MOVED, OTHER = "more", "less", "moved", "other"  # how a decision of the draft differs from today's


class Effect(NamedTuple):
    """What a decision does, and by which rule."""

    name: str
    rule: str


def effect_of(what: str, outcome: str, rule: str, summary: str) -> Effect | None:
    """The effect of a decision, also as it is stored; None for what is no doing of Baton's."""
    if what in _NOT_OURS or outcome == Outcome.SUPERSEDED:
        return None
    withheld = outcome == Outcome.WITHHELD and what != RESCORE
    if what == "alert" and rule == "threshold":  # the handoff may say it instead: crossed it was
        return Effect("threshold", rule)
    if what == "segment":
        return Effect("segment entered" if summary.startswith("Entered") else "segment left", rule)
    if what == "enrolment" and not withheld:
        return Effect("enrolment ended" if summary.startswith("Left") else "enrolment", rule)
    return Effect(f"{what}{_WITHHELD}" if withheld else what, rule)


class Made(NamedTuple):
    """An effect that came about; where something was kept back, by which check."""

    effect: Effect
    why: str = ""


def reason_of(gates: Iterable[Gate]) -> str:
    """The check that kept something back; "" where it was none: what had been decided was overtaken by time."""
    return next((gate.name for gate in gates if not gate.passed), "")


class Said(Struct, frozen=True, omit_defaults=True):
    """What was decided in one of the replays, and why."""

    at: datetime
    outcome: str
    summary: str
    policy: str
    gates: tuple[Gate, ...] = ()


class Change(Struct, frozen=True):
    """One decision that differs: as it is with the rules in force (``now``) and with the draft."""

    effect: str
    rule: str
    side: str
    at: datetime
    now: Said | None = None
    draft: Said | None = None


class Count(Struct):
    """How often an effect came about: really, and in each replay; to how many people in each; and for how many of them
    oftener (``more``) or less often with the draft."""

    really: int = 0
    now: int = 0
    draft: int = 0
    people_now: int = 0
    people_draft: int = 0
    more: int = 0
    less: int = 0


class Why(Struct):
    """How often a check kept something back: really, and in each replay."""

    really: int = 0
    now: int = 0
    draft: int = 0


class Scores(Struct):
    """Contacts by what became of their score at the end of the span."""

    higher: int = 0
    lower: int = 0
    over_now: int = 0
    over_draft: int = 0


class Filled(Struct):
    """How many people have something in a field at the span's end, in each replay; for how many only with the draft
    (``more``), only without it (``less``), and something else (``other``)."""

    now: int = 0
    draft: int = 0
    more: int = 0
    less: int = 0
    other: int = 0

    @property
    def differing(self) -> int:
        """For how many people it is otherwise."""
        return self.more + self.less + self.other

    def add(self, before: bool, after: bool, side: str) -> None:
        """Count one person."""
        self.now += before
        self.draft += after
        self.more += side == MORE
        self.less += side == LESS
        self.other += side == OTHER


class Payloads(Struct):
    """What came of reading payloads again. ``otherwise``: something else is read in so many; in so many values have no
    place (``held``), and of so many nothing comes at all (``lost``); ``elsewho``: so many tell of somebody by a name
    that nobody here goes by, which is not followed."""

    read: int = 0
    otherwise: int = 0
    held_now: int = 0
    held_draft: int = 0
    lost_now: int = 0
    lost_draft: int = 0
    elsewho: int = 0


class Tally(Struct):
    """All that was counted so far: effect → rule → count, with the sum of an effect under ``ALL``; and of what was
    withheld effect → check → count. Where mappings are rehearsed also payloads, fields of ours by name, and those of
    tools as ``connection: property``."""

    contacts: int = 0
    differing: int = 0
    events: int = 0
    effects: dict[str, dict[str, Count]] = field(default_factory=dict)
    scores: Scores = field(default_factory=Scores)
    reasons: dict[str, dict[str, Why]] = field(default_factory=dict)
    payloads: Payloads = field(default_factory=Payloads)
    ours: dict[str, Filled] = field(default_factory=dict)
    told: dict[str, Filled] = field(default_factory=dict)

    def count(
        self, really: Iterable[Made], now: Sequence[Decision], draft: Sequence[Decision], beside: Sequence[Change] = ()
    ) -> list[Change]:
        """Count one contact; what differs, oldest first, and after it what differs ``beside`` decisions."""
        self.contacts += 1
        real: Counter[Effect] = Counter()
        for effect, why in really:
            real[effect] += 1
            if effect.name.endswith(_WITHHELD):
                self._why(effect.name, why).really += 1
        mine, theirs = _by_effect(now), _by_effect(draft)
        for effect, decisions in mine.items():
            if effect.name.endswith(_WITHHELD):
                for one in decisions:
                    self._why(effect.name, reason_of(one.gates)).now += 1
        for effect, decisions in theirs.items():
            if effect.name.endswith(_WITHHELD):
                for one in decisions:
                    self._why(effect.name, reason_of(one.gates)).draft += 1
        for effect in real.keys() | mine.keys() | theirs.keys():
            self._add(effect, real[effect], len(mine.get(effect, ())), len(theirs.get(effect, ())))
        for name in {effect.name for effect in (*real, *mine, *theirs)}:
            self._add(Effect(name, ALL), _sum(real, name), _size(mine, name), _size(theirs, name))
        changes = [*_changes(now, draft), *beside]
        self.differing += bool(changes)
        return changes

    def score(self, now: float, draft: float, threshold_now: float, threshold_draft: float) -> None:
        """Count one contact's score at the end."""
        scores = self.scores
        scores.higher += draft - now >= 0.005
        scores.lower += now - draft >= 0.005
        scores.over_now += now >= threshold_now
        scores.over_draft += draft >= threshold_draft

    def _why(self, effect: str, check: str) -> Why:
        return self.reasons.setdefault(effect, {}).setdefault(check, Why())

    def _add(self, effect: Effect, really: int, now: int, draft: int) -> None:
        count = self.effects.setdefault(effect.name, {}).setdefault(effect.rule, Count())
        count.really += really
        count.now += now
        count.draft += draft
        count.people_now += now > 0
        count.people_draft += draft > 0
        count.more += draft > now
        count.less += draft < now


def _by_effect(decisions: Iterable[Decision]) -> dict[Effect, list[Decision]]:
    found: dict[Effect, list[Decision]] = {}
    for decision in decisions:
        if (effect := _effect(decision)) is not None:
            found.setdefault(effect, []).append(decision)
    return found


def _effect(decision: Decision) -> Effect | None:
    return effect_of(decision.what, str(decision.outcome), decision.rule, decision.summary)


def _sum(found: Counter[Effect], name: str) -> int:
    return sum(count for effect, count in found.items() if effect.name == name)


def _size(found: dict[Effect, list[Decision]], name: str) -> int:
    return sum(len(decisions) for effect, decisions in found.items() if effect.name == name)


# --- contact by contact


def _changes(now: Sequence[Decision], draft: Sequence[Decision]) -> list[Change]:
    ours, theirs = {one.key: one for one in now}, {one.key: one for one in draft}
    changes = []
    for key in ours.keys() & theirs.keys():
        mine, other = _effect(ours[key]), _effect(theirs[key])
        if mine != other and (effect := other or mine) is not None:
            changes.append(_change(effect, OTHER, ours[key], theirs[key]))
    gone = _by_effect(decision for key, decision in ours.items() if key not in theirs)
    new = _by_effect(decision for key, decision in theirs.items() if key not in ours)
    for effect in gone.keys() | new.keys():
        before, after = _unlike(gone.get(effect, []), new.get(effect, []))
        both = min(len(before), len(after))
        changes += [_change(effect, MOVED, *pair) for pair in zip(before, after, strict=False)]
        changes += [_change(effect, LESS, one, None) for one in before[both:]]
        changes += [_change(effect, MORE, None, one) for one in after[both:]]
    return sorted(changes, key=lambda change: (change.at, change.effect, change.rule))


def _unlike(before: Sequence[Decision], after: Sequence[Decision]) -> tuple[list[Decision], list[Decision]]:
    """Without those that say the same at the same moment: of another version of a sequence the keys are others."""
    left = Counter((one.at, one.summary) for one in before) & Counter((one.at, one.summary) for one in after)
    return _without(before, left), _without(after, left)


def _without(decisions: Iterable[Decision], same: Counter[tuple[datetime, str]]) -> list[Decision]:
    taken: Counter[tuple[datetime, str]] = Counter()
    kept = []
    for one in decisions:
        said = (one.at, one.summary)
        if taken[said] < same[said]:
            taken[said] += 1
        else:
            kept.append(one)
    return kept


def _change(effect: Effect, side: str, now: Decision | None, draft: Decision | None) -> Change:
    at = min(one.at for one in (now, draft) if one is not None)
    return Change(effect.name, effect.rule, side, at, _said(now), _said(draft))


def _said(decision: Decision | None) -> Said | None:
    if decision is None:
        return None
    return Said(decision.at, str(decision.outcome), decision.summary, decision.policy, decision.gates)
