"""Conditions as data: ``all``, ``any`` and ``not`` over ``field``, ``op`` and ``value``, and over what somebody did
lately (``count``, ``did``, ``scored``); compiled once into closures.

No expression of an admin's is ever evaluated as code; the only pattern is ``like`` with ``*``, which is matched in
linear time. A condition has at most 200 parts, nested at most 16 deep.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from msgspec import Struct
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from app.contacts.consent import CHANNELS, ConsentState, consent_key
from app.contacts.contact import Contact
from app.contacts.engagement import last_sign, silent_since
from app.contacts.event import EVENT_TYPES, Event, is_event_type
from app.contacts.interests import interests
from app.rules.compare import NUMERIC, OPERATORS, UNARY, dig, folded, listed, number, prepared
from app.rules.score import ScoringRules, total
from mappings.document import did_you_mean

MAX_PARTS, MAX_DEPTH, MAX_COUNTED = 200, 16, 100
EVENT_PROPERTY = r"^event\.[A-Za-z0-9_.]{1,60}$"


class Facts(Struct):
    """What a condition may look at. ``now`` is the moment that is judged: for an event, when it occurred."""

    contact: Contact
    event: Event | None
    now: datetime
    scoring: ScoringRules


Test = Callable[[Facts], bool]


def _named(names: Any) -> Any:
    return [names] if isinstance(names, str) else names


def _events(names: list[str]) -> list[str]:
    for name in names:
        if not is_event_type(name):
            raise ValueError(f'"{name}" is not an event type{did_you_mean(name, sorted(EVENT_TYPES))}')
    return names


EventTypes = Annotated[list[str], BeforeValidator(_named), AfterValidator(_events), Field(min_length=1, max_length=20)]


class Happening(BaseModel):
    """Events of some types for which a condition holds when they occur."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: EventTypes = Field(title="Events")
    where: "Condition | None" = Field(None, title="Condition", description="Only if this holds; none: always")

    @model_validator(mode="after")
    def _of_the_moment(self) -> "Happening":
        if self.where is not None and any(part.count or part.did for part in leaves(self.where)):
            raise ValueError('"where" looks at one event; "count" and "did" look at several')
        return self


class Count(Happening):
    """How often something happened lately."""

    within_days: float | None = Field(None, gt=0, le=3650)
    at_least: int | None = Field(None, ge=1, le=MAX_COUNTED)
    at_most: int | None = Field(None, ge=0, lt=MAX_COUNTED)
    same: str | None = Field(None, pattern=EVENT_PROPERTY, description="Only those with the value that this event has")

    @model_validator(mode="after")
    def _one_limit(self) -> "Count":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError('needs exactly one of "at_least" and "at_most"')
        return self

    @property
    def enough(self) -> int:
        """So many decide it; no more need be kept."""
        return self.at_least or (self.at_most or 0) + 1


class Stride(Happening):
    """One event of a sequence."""

    within_days: float | None = Field(None, gt=0, le=3650, description="After the one before")


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
    count: Count | None = None
    did: list[Stride] | None = Field(None, min_length=2, max_length=5, description="One after the other")
    within_days: float | None = Field(None, gt=0, description="… in the last so many days; of `did`: the last one")

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
        shapes = [name for name in _SHAPES if getattr(self, name) is not None]
        if len(shapes) != 1:
            raise ValueError('needs exactly one of "all", "any", "not", "field", "scored", "count" or "did"')
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


_SHAPES = ("all", "any", "not_", "field", "scored", "count", "did")


def _size(condition: Condition) -> tuple[int, int]:
    below = [_size(part) for part in parts_of(condition)]
    return 1 + sum(parts for parts, _ in below), 1 + max((depth for _, depth in below), default=0)


def parts_of(condition: Condition) -> list[Condition]:
    """The conditions that it is made of; none of one that asks for something itself."""
    return [*(condition.all or ()), *(condition.any or ()), *([condition.not_] if condition.not_ else ())]


def leaves(condition: Condition) -> Iterator[Condition]:
    """The parts of a condition that have no parts."""
    parts = parts_of(condition)
    for part in parts:
        yield from leaves(part)
    if not parts:
        yield condition


def compile_condition(condition: Condition | None) -> Test:
    """The condition as one function; no condition holds always."""
    if condition is None:
        return lambda facts: True
    if condition.all is not None:
        return _every([compile_condition(part) for part in _cheap_first(condition.all)])
    if condition.any is not None:
        return _some([compile_condition(part) for part in _cheap_first(condition.any)])
    if condition.not_ is not None:
        test = compile_condition(condition.not_)
        return lambda facts: not test(facts)
    if condition.scored is not None:
        return _scored(condition.scored, condition.within_days)
    if condition.count is not None:
        return _counted(condition.count)
    if condition.did is not None:
        return _done(condition.did, condition.within_days)
    reader = _reader(str(condition.field))
    assert reader is not None
    compare, value = OPERATORS[condition.op], prepared(condition.op, condition.value)
    return lambda facts: compare(reader(facts), value)


# Asked for nearly every event; ``all`` and ``any`` over a generator take twice as long
def _every(tests: Sequence[Test]) -> Test:
    def test(facts: Facts) -> bool:
        for one in tests:  # noqa: SIM110
            if not one(facts):
                return False
        return True

    return test


def _some(tests: Sequence[Test]) -> Test:
    def test(facts: Facts) -> bool:
        for one in tests:  # noqa: SIM110
            if one(facts):
                return True
        return False

    return test


def _cheap_first(parts: list[Condition]) -> list[Condition]:
    """In the order in which to ask: adding up a score is dear, so it is asked for when nothing else has decided."""
    return sorted(parts, key=lambda part: any(leaf.field == "score" for leaf in leaves(part)))


def _scored(rule: str, within_days: float | None) -> Test:
    def test(facts: Facts) -> bool:
        points = facts.contact.score.rules.get(rule)
        if points is None or points.last_at is None:
            return False
        return within_days is None or (facts.now - points.last_at).total_seconds() <= within_days * 86_400

    return test


def _counted(count: Count) -> Test:
    key, enough, wanted = memory_key(count), count.enough, count.at_least is not None
    within = timedelta(days=count.within_days) if count.within_days else None
    same = property_path(count.same)

    def test(facts: Facts) -> bool:
        kept = key if same is None else place_of(key, facts.event, same)
        times = facts.contact.seen.get(kept, ()) if kept else ()
        at = times[-enough] if len(times) >= enough else None
        return (at is not None and (within is None or facts.now - at <= within)) is wanted

    return test


def _done(strides: list[Stride], within_days: float | None) -> Test:
    key = memory_key(*strides)
    within = timedelta(days=within_days) if within_days else None

    def test(facts: Facts) -> bool:
        times = facts.contact.seen.get(key)
        at = times[-1] if times else None
        return at is not None and (within is None or facts.now - at <= within)

    return test


def memory_key(*asked: Happening) -> str:
    """Under what a contact's state keeps the times of what a count or a sequence asks for. Counts of the same events
    share them, whatever their windows."""
    said = [(sorted(one.on), one.where.model_dump(exclude_defaults=True) if one.where else None) for one in asked]
    spans = [one.within_days for one in asked if isinstance(one, Stride)]
    same = [one.same for one in asked if isinstance(one, Count)]
    return blake2b(msgspec.json.encode([said, spans, same]), digest_size=5).hexdigest()


def property_path(name: str | None) -> tuple[str, ...] | None:
    """``event.product`` as the path of the property, or None for none."""
    return None if name is None else tuple(name.split(".")[1:])


def value_key(event: Event | None, path: Sequence[str]) -> str:
    """What stands for the value of an event's property, or an empty text where it has none."""
    value = dig(event.properties, path) if event is not None and path else None
    if value is None or value == "":
        return ""
    return blake2b(msgspec.json.encode(folded(value)), digest_size=6).hexdigest()


def place_of(key: str, event: Event | None, path: Sequence[str]) -> str:
    """Where the times are kept that belong to an event's own value, or an empty text where it has none."""
    value = value_key(event, path)
    return f"{key}|{value}" if value else ""


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
    "consent.<channel>",
    "segment",
    "count.<event type>",
    "days_since.<event type>",
    "days_since.anything",
    "days_silent.<channel>",
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
    if head == "consent" and rest in CHANNELS:
        key = consent_key(rest)
        return lambda facts: str(known.state if (known := facts.contact.consent.get(key)) else ConsentState.UNKNOWN)
    if head == "count" and is_event_type(rest):
        return lambda facts: known.count if (known := facts.contact.activity.get(rest)) else 0
    if head == "days_since" and is_event_type(rest):
        return lambda facts: (
            (facts.now - known.last_at).total_seconds() / 86_400
            if (known := facts.contact.activity.get(rest))
            else None
        )
    if head == "days_since" and rest == "anything":
        return lambda facts: (
            (facts.now - at).total_seconds() / 86_400 if (at := last_sign(facts.contact)) is not None else None
        )
    if head == "days_silent" and rest in CHANNELS:
        return lambda facts: (
            (facts.now - at).total_seconds() / 86_400 if (at := silent_since(facts.contact, rest)) is not None else None
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
    "segment": lambda facts: list(facts.contact.segments),
    "interest": lambda facts: list(interests(facts.contact, facts.now)),
}
