"""What can change a condition over a contact's state: which events, and from which moment on time alone. Pure.

Segments live by it: a condition is asked again only after an event that it depends on, or when its moment has come. No
contact is ever looked at just because a day has passed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct, field

from app.contacts.consent import consent_events
from app.contacts.contact import Contact
from app.contacts.engagement import SIGNS, last_sign, signs_on, silent_since
from app.contacts.event import EventType
from app.rules.compare import NUMERIC, OPERATORS, UNARY
from app.rules.condition import Condition, Facts, Test, compile_condition, leaves, memory_key
from app.rules.interests import SHOWN_BY
from app.rules.score import changes_at

Moment = Callable[[Facts], datetime | None]  # from when on time alone may change the answer; None: it does not
_TICK = timedelta(microseconds=1)


class Dependencies(Struct):
    """What a condition has to be asked again after."""

    types: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    stage: bool = False
    score: bool = False


def dependencies(condition: Condition) -> Dependencies:
    """What the answer depends on. Raises ValueError where it is not on the contact's state alone."""
    found = Dependencies()
    for leaf in leaves(condition):
        if leaf.count is not None:
            if leaf.count.same:
                raise ValueError('"same" compares with an event; a segment is asked without one')
            found.types.update(leaf.count.on)
        elif leaf.did is not None:
            found.types.update(name for one in leaf.did for name in one.on)
        elif leaf.scored is not None:
            found.score = True
        else:
            _of_field(leaf, found)
    return found


def _of_field(leaf: Condition, found: Dependencies) -> None:
    name = str(leaf.field)
    head, _, rest = name.partition(".")
    if head == "event":
        raise ValueError(f'looks at "{name}", but a segment is what a contact is, not what happens; use "count"')
    if head == "segment":
        raise ValueError("looks at a segment, but segments do not build on each other")
    if head in ("days_since", "days_silent") and leaf.op not in NUMERIC | UNARY:
        raise ValueError(f'"{name}" takes {", ".join(sorted(NUMERIC | UNARY))} here, not "{leaf.op}"')
    match head:
        case "contact":
            found.fields.add(rest)
        case "email":
            found.fields.add("email")
        case "stage":
            found.stage = True
        case "score":
            found.score = True
        case "tag":
            found.types.update((EventType.TAG_ADDED, EventType.TAG_REMOVED))
        case "list":
            found.types.update((EventType.LIST_JOINED, EventType.LIST_LEFT))
        case "interest":
            found.types.update(SHOWN_BY)
        case "days_silent":
            found.types.update(signs_on(rest))
        case "consent":
            found.types.update(consent_events(rest))
        case _:
            found.types.update(SIGNS if rest == "anything" else (rest,))


def compile_moment(condition: Condition) -> Moment | None:
    """When time alone may change the answer; None where it never does."""
    if condition.not_ is not None:
        return compile_moment(condition.not_)
    parts = condition.all or condition.any
    if parts is None:
        return _of_leaf(condition)
    timed = [moment for part in parts if (moment := compile_moment(part)) is not None]
    fixed = [compile_condition(part) for part in parts if compile_moment(part) is None]
    if not timed:
        return None
    every = condition.all is not None

    def when(facts: Facts) -> datetime | None:
        if any(test(facts) is not every for test in fixed):  # these decide it, whatever time does to the others
            return None
        return min((at for moment in timed if (at := moment(facts)) is not None), default=None)

    return when


def compile_guard(condition: Condition) -> Test | None:
    """What has to hold whatever the time is, of a condition all of whose parts have to: asked first, as it is cheap."""
    fixed = [part for part in condition.all or () if compile_moment(part) is None]
    if not fixed or len(fixed) == len(condition.all or ()):
        return None
    return compile_condition(fixed[0])


def _of_leaf(leaf: Condition) -> Moment | None:
    if leaf.count is not None:
        key, enough = memory_key(leaf.count), leaf.count.enough
        return _after(lambda facts: _nth(facts.contact, key, enough), leaf.count.within_days)
    if leaf.did is not None:
        done = memory_key(*leaf.did)
        return _after(lambda facts: _nth(facts.contact, done, 1), leaf.within_days)
    if leaf.scored is not None:
        rule = leaf.scored
        return _after(lambda facts: _scored_at(facts.contact, rule), leaf.within_days)
    head, _, rest = str(leaf.field).partition(".")
    if head == "days_since" and leaf.op in NUMERIC:
        if rest == "anything":
            return _after(lambda facts: last_sign(facts.contact), float(leaf.value))
        return _after(lambda facts: facts.contact.last_human(rest), float(leaf.value))
    if head == "days_silent" and leaf.op in NUMERIC:
        return _after(lambda facts: silent_since(facts.contact, rest), float(leaf.value))
    if head == "interest":
        return _fading(rest, float(leaf.value) if leaf.op in NUMERIC else None)
    if head == "score":
        compare, value = OPERATORS[leaf.op], leaf.value

        def falls(facts: Facts) -> datetime | None:
            return changes_at(facts.contact.score, facts.scoring, facts.now, lambda total: compare(total, value))

        return falls
    return None


def _nth(contact: Contact, key: str, number: int) -> datetime | None:
    times = contact.seen.get(key, ())
    return times[-number] if len(times) >= number else None


def _scored_at(contact: Contact, rule: str) -> datetime | None:
    points = contact.score.rules.get(rule)
    return None if points is None else points.last_at


def _after(since: Callable[[Facts], datetime | None], days: float | None) -> Moment | None:
    """So many days after a time; none without days."""
    if days is None:
        return None
    span = timedelta(days=min(days, 36_500))

    def when(facts: Facts) -> datetime | None:
        at = since(facts)
        return None if at is None else _next(at + span, facts.now)

    return when


def _next(at: datetime, now: datetime) -> datetime | None:
    """The first moment at which something that turns at a time may be otherwise: then, or just after it."""
    return next((moment for moment in (at, at + _TICK, at + 2 * _TICK) if moment > now), None)


def _fading(topic: str, value: float | None) -> Moment:
    def when(facts: Facts) -> datetime | None:
        turns = []
        for name, known in facts.contact.interests.items():
            if known.until is None or (topic and name != topic):
                continue
            turns.append(_next(known.until, facts.now))
            if value is not None and 0 < value < known.count:
                turns.append(_next(known.until - (known.until - known.last_at) * (value / known.count), facts.now))
        return min((turn for turn in turns if turn is not None), default=None)

    return when
