"""Conditions as data: ``all``, ``any`` and ``not`` over ``field``, ``op`` and ``value``, compiled once into closures.

No expression of an admin's is ever evaluated as code; the only pattern is ``like`` with ``*``, which is matched in
linear time. A condition has at most 200 parts, nested at most 16 deep.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact
from app.contacts.event import EVENT_TYPES, Event, is_event_type
from app.contacts.interests import interests
from app.rules.compare import NUMERIC, OPERATORS, UNARY, WORDS, dig, listed, number, prepared
from app.rules.score import ScoringRules, total

MAX_PARTS, MAX_DEPTH = 200, 16


class Facts(Struct):
    """What a condition may look at. ``now`` is the moment that is judged: for an event, when it occurred."""

    contact: Contact
    event: Event | None
    now: datetime
    scoring: ScoringRules


class Verdict(Struct, frozen=True):
    """One part of a condition, in words, and whether it held."""

    text: str
    holds: bool


Test = Callable[[Facts], bool]


class Condition(BaseModel):
    """A condition as it stands in a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: list["Condition"] | None = None
    any: list["Condition"] | None = None
    not_: "Condition | None" = Field(None, alias="not")
    field: str | None = None
    op: str = "equals"
    value: Any = None
    scored: str | None = Field(None, description="A scoring rule that has given points …")
    within_days: float | None = Field(None, gt=0, description="… in the last so many days")

    @field_validator("field")
    @classmethod
    def _known_field(cls, name: str | None) -> str | None:
        if name is not None and _reader(name) is None:
            raise ValueError(f'looks at "{name}", which is not one of {", ".join(_FIELD_HELP)}')
        return name

    @field_validator("op")
    @classmethod
    def _known_op(cls, name: str) -> str:
        if name not in OPERATORS:
            raise ValueError(f'uses "{name}", which is not one of {", ".join(OPERATORS)}')
        return name

    @model_validator(mode="after")
    def _one_shape(self) -> "Condition":
        shapes = [name for name in ("all", "any", "not_", "field", "scored") if getattr(self, name) is not None]
        if len(shapes) != 1:
            raise ValueError('needs exactly one of "all", "any", "not", "field" or "scored"')
        if self.field is not None and self.op not in UNARY and self.value is None:
            raise ValueError(f'"{self.op}" needs a value')
        if self.field is not None and self.op in NUMERIC and number(self.value) is None:
            raise ValueError(f'"{self.op}" needs a number, not {self.value!r}')
        if self.field == "event.type" and not all(is_event_type(str(name)) for name in listed(self.value)):
            raise ValueError(f"{self.value!r} is not an event type; these are {', '.join(sorted(EVENT_TYPES))}")
        parts, depth = _size(self)
        if parts > MAX_PARTS or depth > MAX_DEPTH:
            raise ValueError(f"has {parts} parts, {depth} deep; at most {MAX_PARTS} and {MAX_DEPTH} are allowed")
        return self


def _size(condition: Condition) -> tuple[int, int]:
    below = [_size(part) for part in _parts(condition)]
    return 1 + sum(parts for parts, _ in below), 1 + max((depth for _, depth in below), default=0)


def _parts(condition: Condition) -> list[Condition]:
    return [*(condition.all or ()), *(condition.any or ()), *([condition.not_] if condition.not_ else ())]


def compile_condition(condition: Condition | None) -> Test:
    """The condition as one function; no condition holds always."""
    if condition is None:
        return lambda facts: True
    if condition.all is not None:
        tests = [compile_condition(part) for part in condition.all]
        return lambda facts: all(test(facts) for test in tests)
    if condition.any is not None:
        tests = [compile_condition(part) for part in condition.any]
        return lambda facts: any(test(facts) for test in tests)
    if condition.not_ is not None:
        test = compile_condition(condition.not_)
        return lambda facts: not test(facts)
    if condition.scored is not None:
        return _scored(condition.scored, condition.within_days)
    reader = _reader(str(condition.field))
    assert reader is not None
    compare, value = OPERATORS[condition.op], prepared(condition.op, condition.value)
    return lambda facts: compare(reader(facts), value)


def _scored(rule: str, within_days: float | None) -> Test:
    def test(facts: Facts) -> bool:
        points = facts.contact.score.rules.get(rule)
        if points is None or points.last_at is None:
            return False
        return within_days is None or (facts.now - points.last_at).total_seconds() <= within_days * 86_400

    return test


def explain(condition: Condition | None, facts: Facts) -> list[Verdict]:
    """Each leaf of the condition in words, with whether it held."""
    return list(_verdicts(condition, facts, "")) if condition is not None else []


def _verdicts(condition: Condition, facts: Facts, prefix: str) -> Iterator[Verdict]:
    if condition.not_ is not None:
        yield from _verdicts(condition.not_, facts, prefix + "not: ")
    elif condition.all is not None or condition.any is not None:
        for part in _parts(condition):
            yield from _verdicts(part, facts, prefix if condition.all is not None else prefix + "one of: ")
    else:
        yield Verdict(prefix + words(condition), compile_condition(condition)(facts))


def words(condition: Condition) -> str:
    """One leaf in plain words: ``score at least 50``."""
    if condition.scored is not None:
        within = f" in the last {condition.within_days:g} days" if condition.within_days else ""
        return f"earned points for {condition.scored.replace('_', ' ')}{within}"
    values = ", ".join(str(part) for part in listed(condition.value))
    return f"{str(condition.field).removeprefix('event.').replace('_', ' ')} {WORDS[condition.op]} {values}".strip()


# --- what can be looked at

_FIELD_HELP = (
    "event.type",
    "event.<property>",
    "contact.<field>",
    "stage",
    "score",
    "email.free",
    "email.domain",
    "tag",
    "list",
    "interest",
    "interest.<topic>",
    "count.<event type>",
    "days_since.<event type>",
)


def _reader(name: str) -> Callable[[Facts], Any] | None:
    head, _, rest = name.partition(".")
    if name == "event.type":
        return lambda facts: facts.event.type if facts.event else None
    if head == "event" and rest:
        path = rest.split(".")
        return lambda facts: dig(facts.event.properties if facts.event else None, path)
    if head == "contact" and rest:
        return lambda facts: facts.contact.get(rest)
    if head == "interest" and rest:
        return lambda facts: interests(facts.contact, facts.now).get(rest)
    if head == "count" and is_event_type(rest):
        return lambda facts: known.count if (known := facts.contact.activity.get(rest)) else 0
    if head == "days_since" and is_event_type(rest):
        return lambda facts: (
            (facts.now - known.last_at).total_seconds() / 86_400
            if (known := facts.contact.activity.get(rest))
            else None
        )
    return _READERS.get(name)


def _email_traits(facts: Facts) -> tuple[str | None, bool]:
    from app.contacts.identity import FREE_MAIL_DOMAINS

    address = facts.contact.email
    domain = address.rsplit("@", 1)[1] if address and "@" in address else None
    return domain, domain in FREE_MAIL_DOMAINS


_READERS: dict[str, Callable[[Facts], Any]] = {
    "stage": lambda facts: str(facts.contact.stage.name) if facts.contact.stage else None,
    "score": lambda facts: total(facts.contact.score, facts.scoring, facts.now),
    "email.domain": lambda facts: _email_traits(facts)[0],
    "email.free": lambda facts: _email_traits(facts)[1],
    "tag": lambda facts: list(facts.contact.tags),
    "list": lambda facts: [key.split(":", 1)[-1] for key in facts.contact.lists],
    "interest": lambda facts: list(interests(facts.contact, facts.now)),
}
