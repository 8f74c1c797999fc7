"""What published rules have to remember of the past: times of what they count, kept in the contact's state. Pure.

Nothing else is kept, and of that no more than decides a rule: a count of three keeps the newest three times, a sequence
one time for each of its steps. The log of events is never read for it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from pydantic import BaseModel

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.condition import (
    Condition,
    Facts,
    Stride,
    Test,
    compile_condition,
    leaves,
    memory_key,
    place_of,
    property_path,
)
from app.rules.index import Index
from app.rules.score import ScoringRules

MAX_VALUES = 20  # of a property, for a count of the same


class Step(Struct, frozen=True):
    """One event of a sequence, and how soon after the one before it."""

    types: frozenset[str]
    test: Test
    within: timedelta | None


class Recall(Struct, frozen=True):
    """One thing to remember: the newest ``keep`` times, or how far a sequence has come."""

    key: str
    test: Test
    keep: int = 0
    same: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Memory(Struct, frozen=True):
    """All that is to be remembered, indexed by event type."""

    by_type: dict[str, Index[Recall]]
    size: int
    keys: frozenset[str]


def compile_memory(*documents: Any) -> Memory:
    """What the conditions in these documents ask of the past."""
    counts: dict[str, tuple[Recall, Condition | None, list[str]]] = {}
    sequences: dict[str, tuple[Recall, list[str]]] = {}
    for leaf in (leaf for condition in _conditions(documents) for leaf in leaves(condition)):
        if (count := leaf.count) is not None:
            key = memory_key(count)
            keep = max(count.enough, counts[key][0].keep if key in counts else 0)
            counts[key] = (
                Recall(key, compile_condition(count.where), keep, property_path(count.same) or ()),
                count.where,
                count.on,
            )
        elif leaf.did is not None:
            key = memory_key(*leaf.did)
            steps = tuple(_step(stride) for stride in leaf.did)
            sequences[key] = (Recall(key, _always, steps=steps), sorted({name for one in leaf.did for name in one.on}))
    by_type: dict[str, list[tuple[Recall, Condition | None]]] = {}
    for recall, where, types in counts.values():
        for name in types:
            by_type.setdefault(name, []).append((recall, where))
    for recall, types in sequences.values():
        for name in types:
            by_type.setdefault(name, []).append((recall, None))
    keys = frozenset((*counts, *sequences))
    return Memory({name: Index(recalls) for name, recalls in by_type.items()}, len(keys), keys)


def _step(stride: Stride) -> Step:
    within = timedelta(days=stride.within_days) if stride.within_days else None
    return Step(frozenset(stride.on), compile_condition(stride.where), within)


def _always(facts: Facts) -> bool:
    return True


def _conditions(value: Any) -> Iterator[Condition]:
    """Every condition in a document, wherever it stands."""
    if isinstance(value, Condition):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _conditions(getattr(value, name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _conditions(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _conditions(inner)


def remember(contact: Contact, event: Event, memory: Memory, scoring: ScoringRules) -> None:
    """Keep of an event what some rule will ask for. What machines do is not remembered."""
    index = memory.by_type.get(event.type) if event.machine is None else None
    recalls = index.candidates(event) if index is not None else ()
    if not recalls:
        return
    facts = Facts(contact, event, event.occurred_at, scoring)
    for recall in recalls:
        if recall.steps:
            _advance(contact, event, recall, facts, memory)
        elif recall.test(facts):
            key = place_of(recall.key, event, recall.same) if recall.same else recall.key
            if key:
                times = _times(contact, key, memory)
                times.append(event.occurred_at)
                del times[: -recall.keep]


def _advance(contact: Contact, event: Event, recall: Recall, facts: Facts, memory: Memory) -> None:
    """How far a sequence has come: for each step the newest time at which all up to it were done. The last step is
    looked at first, so that one event is not two of them."""
    times = contact.seen.get(recall.key)
    now = event.occurred_at
    for number in range(len(recall.steps) - 1, -1, -1):
        step = recall.steps[number]
        before = times[number - 1] if number and times else None
        if event.type not in step.types or (number and not _soon(before, now, step.within)) or not step.test(facts):
            continue
        if not times:
            times = _times(contact, recall.key, memory)
            times[:] = [None] * len(recall.steps)
        times[number] = now


def _soon(before: datetime | None, now: datetime, within: timedelta | None) -> bool:
    return before is not None and (within is None or now - before <= within)


def _let_go(contact: Contact, beginning: str) -> None:
    """Make room for another value of a property: the one that was seen longest ago goes."""
    mine = [name for name in contact.seen if name.startswith(beginning)]
    if len(mine) >= MAX_VALUES:
        del contact.seen[min(mine, key=lambda name: (max(filter(None, contact.seen[name])), name))]


def _times(contact: Contact, key: str, memory: Memory) -> list[datetime | None]:
    if key not in contact.seen and len(contact.seen) >= memory.size:  # rules that are gone leave nothing behind
        contact.seen = {name: times for name, times in contact.seen.items() if name.partition("|")[0] in memory.keys}
        _let_go(contact, key.partition("|")[0] + "|")
    return contact.seen.setdefault(key, [])
