"""Points for what people do and who they are: applied event by event, with caps; crossing a threshold is told once."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact, Points, RuleScore, Score
from app.contacts.event import EVENT_TYPES, Event, is_event_type
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.index import Index
from app.rules.score import Group, Place, ScoringRules, faded, total
from mappings.document import did_you_mean

MAX_RECENT, MAX_WITHIN_CAP = 20, 200


class GroupDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    half_life_days: float | None = Field(
        None,
        gt=0,
        title="Half-life in days",
        description="Points are worth half after so many days; empty: they never fade",
    )
    cap: float | None = Field(
        None, gt=0, description="The group never counts for more than this, either way; empty: no limit"
    )


class CapDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    points: float = Field(gt=0, description="The rule never gives more than this …")
    days: float = Field(gt=0, description="… in so many days")


class RuleDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$", description="What other rules call it: small letters, digits, _")
    label: str = Field(description="What people read on a contact")
    group: str = Field(description="One of the groups above: how fast points fade, and how much they count at most")
    points: float = Field(description="Below 0: taken off")
    on: list[str] = Field(
        default_factory=list, title="Events", description="Event types that earn the points; none: what the contact is"
    )
    when: Condition | None = Field(None, title="Condition", description="Only if this holds; none: always")
    cap: CapDocument | None = Field(None, description="So that one busy day does not make a lead; none: no limit")

    @field_validator("on")
    @classmethod
    def _types(cls, names: list[str]) -> list[str]:
        return known_types(names)

    @model_validator(mode="after")
    def _countable(self) -> "RuleDocument":
        if _events_within(self.points, self.cap) > MAX_WITHIN_CAP:
            raise ValueError(
                f"reaches its cap only after more than {MAX_WITHIN_CAP} events; give more points or a lower cap"
            )
        return self


def _events_within(points: float, cap: CapDocument | None) -> int:
    """How many events fit under a cap: that many have to be remembered to keep to it."""
    return ceil(cap.points / abs(points)) if cap is not None and points else 0


class ScoringDocument(BaseModel):
    """The scoring policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["scoring"]
    name: str = "scoring"
    threshold: float = Field(
        50, title="Threshold", description="A contact with this score is a marketing-qualified lead"
    )
    rearm_below: float = Field(
        40,
        title="Told again below",
        description="Told again only after the score was below this, or after sales has said how it went",
    )
    groups: dict[str, GroupDocument] = Field(description="Each rule gives its points to one of these")
    rules: list[RuleDocument] = Field(min_length=1, description="What earns points, and what costs some")

    @model_validator(mode="after")
    def _consistent(self) -> "ScoringDocument":
        if self.rearm_below >= self.threshold:
            raise ValueError(f"rearm_below ({self.rearm_below:g}) has to be lower than threshold ({self.threshold:g})")
        seen: set[str] = set()
        for number, rule in enumerate(self.rules, 1):
            if rule.group not in self.groups:
                raise ValueError(
                    f'rule {number} is in the group "{rule.group}"; the groups are {", ".join(self.groups)}'
                )
            if rule.id in seen:
                raise ValueError(f'rule {number}: the id "{rule.id}" is taken')
            seen.add(rule.id)
        return self


def known_types(names: list[str]) -> list[str]:
    """The names, if each is an event type. Raises ValueError with the first that is not."""
    for name in names:
        if not is_event_type(name):
            raise ValueError(f'"{name}" is not an event type' + did_you_mean(name, sorted(EVENT_TYPES)))
    return names


class Rule(Struct, frozen=True):
    """A compiled scoring rule."""

    id: str
    points: float
    half_life_days: float | None
    test: Test
    cap_points: float | None
    cap_days: float
    keep: int = MAX_RECENT  # of the newest points, singly


class Scoring(Struct, frozen=True):
    """The compiled scoring policy, indexed by event type."""

    read: ScoringRules
    by_type: dict[str, Index[Rule]]
    traits: tuple[Rule, ...]
    document: ScoringDocument
    version: str


class Crossing(Struct, frozen=True):
    """The score has come up over the threshold for the first time since it was armed."""

    score: float
    threshold: float


def compile_scoring(document: ScoringDocument, version: str) -> Scoring:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[tuple[Rule, Condition | None]]] = {}
    traits = []
    for rule in document.rules:
        group = document.groups[rule.group]
        compiled = Rule(
            rule.id,
            rule.points,
            group.half_life_days if rule.on else None,
            compile_condition(rule.when),
            rule.cap.points if rule.cap else None,
            rule.cap.days if rule.cap else 0,
            max(MAX_RECENT, _events_within(rule.points, rule.cap)),
        )
        for name in rule.on:
            by_type.setdefault(name, []).append((compiled, rule.when))
        if not rule.on:
            traits.append(compiled)
    read = ScoringRules(
        groups={name: Group(name, group.half_life_days, group.cap) for name, group in document.groups.items()},
        places={
            rule.id: Place(rule.group, document.groups[rule.group].half_life_days if rule.on else None)
            for rule in document.rules
        },
        labels={rule.id: rule.label for rule in document.rules},
        threshold=document.threshold,
        rearm_below=document.rearm_below,
        version=version,
    )
    return Scoring(read, {name: Index(rules) for name, rules in by_type.items()}, tuple(traits), document, version)


def may_score(event: Event, scoring: Scoring) -> bool:
    """Whether an event can change a score."""
    return event.type in scoring.by_type or bool(event.fields)


def apply_scoring(contact: Contact, event: Event, scoring: Scoring) -> Crossing | None:
    """Give the contact the points that the event earns; the crossing of the threshold if this was it.

    Machines earn nothing. Order matters: events are applied as they occurred.
    """
    index = scoring.by_type.get(event.type) if event.machine is None else None
    rules = index.candidates(event) if index is not None else ()
    judged = event.fields and scoring.traits
    if not rules and not judged:
        return None
    now = event.occurred_at
    facts = Facts(contact, event, now, scoring.read)
    # Most events are far from the threshold, and adding up all points is the dear part
    far = contact.score.armed and not judged and _at_most(contact.score, rules) < scoring.read.threshold
    before = 0.0 if far else total(contact.score, scoring.read, now)
    changed = False
    for rule in rules:
        if rule.test(facts):
            changed |= _give(contact, event, rule)
    if judged:
        changed |= _judge_traits(contact, event, facts, scoring)
    return _crossing(contact, before, scoring.read, now) if changed and not far else None


def _at_most(score: Score, rules: Iterable[Rule]) -> float:
    """No less than the score can be once these rules have given their points: with nothing faded, capped or against."""
    most = 0.0
    for earned in score.rules.values():
        if earned.sum > 0:
            most += earned.sum
    for rule in rules:
        if rule.points > 0:
            most += rule.points
    return most


def _give(contact: Contact, event: Event, rule: Rule) -> bool:
    now, points = event.occurred_at, rule.points
    earned = contact.score.rules.get(rule.id)
    if earned is None:
        earned = contact.score.rules[rule.id] = RuleScore()
    if rule.cap_points is not None:
        since = now - timedelta(days=rule.cap_days)
        spent = sum(given.points for given in earned.recent if given.at > since)
        room = max(0.0, rule.cap_points - abs(spent))
        points = max(-room, min(room, points))
    earned.last_at = now
    if not points:
        return False
    worth = 0.0 if earned.sum_at is None else faded(earned.sum, rule.half_life_days, earned.sum_at, now)
    earned.sum, earned.sum_at = worth + points, now
    earned.recent.append(Points(event.id, now, points, _what(event)))
    del earned.recent[: -rule.keep]
    return True


def _judge_traits(contact: Contact, event: Event, facts: Facts, scoring: Scoring) -> bool:
    changed = False
    for rule in scoring.traits:
        has = rule.id in contact.score.rules
        if rule.test(facts) is has:
            continue
        changed = True
        if has:
            del contact.score.rules[rule.id]
        else:
            now = event.occurred_at
            contact.score.rules[rule.id] = RuleScore(
                rule.points, now, now, [Points(event.id, now, rule.points, "what we know of the person")]
            )
    return changed


def _crossing(contact: Contact, before: float, rules: ScoringRules, now: datetime) -> Crossing | None:
    score = contact.score
    if not score.armed and before < rules.rearm_below:
        score.armed = True
    if not score.armed:
        return None
    after = total(score, rules, now)
    # After a verdict the score may be high already: then the next thing that raises it is told, nothing that lowers it
    if after < rules.threshold or after <= before:
        return None
    score.armed, score.crossed_at = False, now
    return Crossing(after, rules.threshold)


def _what(event: Event) -> str:
    """The event in a few words, for the explanation of a score."""
    said = event.properties
    for name in ("path", "form", "asset", "subject", "message", "product", "stage"):
        if said.get(name):
            return str(said[name])[:80]
    return ""
