"""Finding the rules that can apply to an event without asking each of them. Pure.

Many rules ask for one value of one property: this form, that property of a contact. They are found by that value; only
the others are asked one by one. What is found is what asking all of them would have found, in the same order.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from app.contacts.event import Event
from app.rules.compare import dig, folded
from app.rules.condition import Condition

Rule = TypeVar("Rule")
_Numbered = tuple[int, Rule]


class Index(Generic[Rule]):
    """Rules for one type of event, each with the condition under which it applies."""

    def __init__(self, rules: Iterable[tuple[Rule, Condition | None]]) -> None:
        self._always: list[_Numbered[Rule]] = []
        by_value: dict[tuple[str, ...], dict[Hashable, list[_Numbered[Rule]]]] = {}
        for number, (rule, condition) in enumerate(rules):
            asked = demanded(condition)
            if asked is None:
                self._always.append((number, rule))
                continue
            path, values = asked
            for value in values:
                by_value.setdefault(path, {}).setdefault(value, []).append((number, rule))
        self._by_value = by_value
        self._rest = _in_order(self._always)
        # What is found where one property alone has a hit, which is nearly always
        self._found = [
            (path[0], path[1:], {value: _in_order([*self._always, *hits]) for value, hits in rules.items()})
            for path, rules in by_value.items()
        ]

    def candidates(self, event: Event) -> Sequence[Rule]:
        """The rules whose condition may hold for an event, in the order in which they were given."""
        found: Sequence[Rule] | None = None
        said = event.properties
        for name, below, rules in self._found:
            value = said.get(name)
            if below:
                value = dig(value, below)
            if value is None:
                continue
            if isinstance(value, str):
                value = value.casefold()
            elif isinstance(value, list | dict):
                return self._of_several(event)
            hits = rules.get(value)
            if hits is not None:
                if found is not None:
                    return self._of_several(event)
                found = hits
        return self._rest if found is None else found

    def _of_several(self, event: Event) -> Sequence[Rule]:
        found = list(self._always)
        for path, rules in self._by_value.items():
            value = dig(event.properties, path)
            if isinstance(value, list | dict):
                found += [one for hits in rules.values() for one in hits]
            elif value is not None:
                found += rules.get(folded(value), ())
        return _in_order(found)


def _in_order(found: Iterable[_Numbered[Rule]]) -> Sequence[Rule]:
    once = dict(found)
    return [once[number] for number in sorted(once)]


def demanded(condition: Condition | None) -> tuple[tuple[str, ...], set[Hashable]] | None:
    """(path of an event's property, values) where the condition can hold only if the property has one of the values."""
    if condition is None:
        return None
    for part in condition.all or ():
        if (found := demanded(part)) is not None:
            return found
    head, _, rest = (condition.field or "").partition(".")
    if head != "event" or rest in ("", "type") or condition.op not in ("equals", "in"):
        return None
    values: list[Any] = (
        condition.value if condition.op == "in" and isinstance(condition.value, list) else [condition.value]
    )
    if not all(isinstance(value, str | int | float) for value in values):
        return None
    return tuple(rest.split(".")), {folded(value) for value in values}
