"""Conditions as data: ``all``, ``any`` and ``not`` over ``field``, ``op`` and ``value``, compiled once into closures.

No expression of an admin's is ever evaluated as code; the only pattern is ``like`` with ``*``, which is matched in
linear time. A condition has at most 200 parts, nested at most 16 deep.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact
from app.contacts.event import EVENT_TYPES, Event, is_event_type
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
        if self.field is not None and self.op not in _UNARY and self.value is None:
            raise ValueError(f'"{self.op}" needs a value')
        if self.field is not None and self.op in _NUMERIC and _number(self.value) is None:
            raise ValueError(f'"{self.op}" needs a number, not {self.value!r}')
        if self.field == "event.type" and not all(is_event_type(str(name)) for name in _listed(self.value)):
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
    compare, value = OPERATORS[condition.op], _prepared(condition.op, condition.value)
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
    listed = ", ".join(str(part) for part in _listed(condition.value))
    return f"{str(condition.field).removeprefix('event.').replace('_', ' ')} {_WORDS[condition.op]} {listed}".strip()


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
    if head == "count" and is_event_type(rest):
        return lambda facts: known.count if (known := facts.contact.activity.get(rest)) else 0
    if head == "days_since" and is_event_type(rest):
        return lambda facts: (
            (facts.now - known.last_at).total_seconds() / 86_400
            if (known := facts.contact.activity.get(rest))
            else None
        )
    return _READERS.get(name)


def dig(value: Any, path: Sequence[str]) -> Any:
    """What lies at a path within plain data, or None."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


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
    "interest": lambda facts: list(facts.contact.interests),
}


# --- how it is compared


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | frozenset) else [] if value is None else [value]


def folded(value: Any) -> Any:
    """A value as it is compared: upper and lower case are the same."""
    return value.casefold() if isinstance(value, str) else value


def _prepared(op: str, value: Any) -> Any:
    if op in _NUMERIC:
        return float(value)
    if op in ("in", "not_in"):
        return tuple(folded(part) for part in _listed(value))
    if op in ("word", "like", "contains", "starts_with", "ends_with"):
        return tuple(_texts(value))
    return folded(value)


def _texts(value: Any) -> list[str]:
    return [str(folded(part)) for part in _listed(value)]


def _number(value: Any) -> float | None:
    try:
        number = None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if number != number else number  # not a number is none


def like(text: str, pattern: str) -> bool:
    """Whether a text matches a pattern in which ``*`` stands for anything. Linear in the text for each star."""
    first, *rest = pattern.split("*")
    if not text.startswith(first):
        return False
    if not rest:
        return text == first
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def _words_of(text: str) -> set[str]:
    return set("".join(letter if letter.isalnum() else " " for letter in text).split())


def _has_word(value: Any, wanted: tuple[str, ...]) -> bool:
    return any(
        set(str(phrase).split()) <= found for text in _texts(value) for found in (_words_of(text),) for phrase in wanted
    )


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return wanted in [folded(part) for part in value]
    return bool(folded(value) == wanted)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "not_equals": lambda value, wanted: not _same(value, wanted),
    "in": lambda value, wanted: any(folded(part) in wanted for part in _listed(value)),
    "not_in": lambda value, wanted: not any(folded(part) in wanted for part in _listed(value)),
    "contains": lambda value, wanted: any(part in text for text in _texts(value) for part in wanted),
    "starts_with": lambda value, wanted: any(text.startswith(wanted) for text in _texts(value)),
    "ends_with": lambda value, wanted: any(text.endswith(wanted) for text in _texts(value)),
    "like": lambda value, wanted: any(like(text, pattern) for text in _texts(value) for pattern in wanted),
    "word": _has_word,
    "at_least": lambda value, wanted: (number := _number(value)) is not None and number >= wanted,
    "at_most": lambda value, wanted: (number := _number(value)) is not None and number <= wanted,
    "more_than": lambda value, wanted: (number := _number(value)) is not None and number > wanted,
    "less_than": lambda value, wanted: (number := _number(value)) is not None and number < wanted,
    "known": lambda value, wanted: value not in (None, "", [], {}),
    "unknown": lambda value, wanted: value in (None, "", [], {}),
}
_UNARY = frozenset(("known", "unknown"))
_NUMERIC = frozenset(("at_least", "at_most", "more_than", "less_than"))
_WORDS = {
    "equals": "is",
    "not_equals": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "like": "looks like",
    "word": "has the word",
    "at_least": "at least",
    "at_most": "at most",
    "more_than": "more than",
    "less_than": "less than",
    "known": "is known",
    "unknown": "is not known",
}
