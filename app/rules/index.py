"""Finding the rules that can apply to an event without asking each of them. Pure.

Many rules ask for one value of one property: this form, that property of a contact. They are found by that value; only
the others are asked one by one. What is found is what asking all of them would have found, in the same order.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
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
        self._by_value: dict[tuple[str, ...], dict[Hashable, list[_Numbered[Rule]]]] = {}
        for number, (rule, condition) in enumerate(rules):
            asked = demanded(condition)
            if asked is None:
                self._always.append((number, rule))
                continue
            path, values = asked
            for value in values:
                self._by_value.setdefault(path, {}).setdefault(value, []).append((number, rule))
        self._rest: Sequence[Rule] = [rule for _, rule in self._always]

    def candidates(self, event: Event) -> Sequence[Rule]:
        """The rules whose condition may hold for an event, in the order in which they were given."""
        found = None
        for path, rules in self._by_value.items():
            value = dig(event.properties, path)
            if value is None:
                continue
            hits = _all(rules) if isinstance(value, list | dict) else rules.get(folded(value))
            if hits:
                found = [*(self._always if found is None else found), *hits]
        return self._rest if found is None else [rule for _, rule in sorted(dict(found).items())]


def _all(rules: Mapping[Hashable, list[_Numbered[Rule]]]) -> list[_Numbered[Rule]]:
    return [one for hits in rules.values() for one in hits]


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
