"""What differs between two texts of a policy: in words, value by value, and line by line. Pure."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Literal

from msgspec import Struct

from mappings.document import InvalidDocument, load_yaml

CONTEXT = 3
_EXACT_UP_TO = 3_000  # lines; what is longer is compared faster and more roughly
_SHOWN = 80
_NAMES = ("id", "contact", "topic", "email", "name", "stage")
_ONE = {"people": "person", "fields": "row"}


class Line(Struct, frozen=True):
    """A line of a difference, with its numbers before and after; of what is left out, how many lines."""

    sign: Literal["same", "gone", "new", "skipped"]
    text: str
    old: int | None = None
    new: int | None = None
    skipped: int = 0


def lines(before: str, after: str, context: int | None = CONTEXT) -> list[Line]:
    """What was taken out and put in, with so many lines around it; None: all lines."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    endless = max(len(old), len(new)) > _EXACT_UP_TO
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=endless).get_opcodes():
        if tag == "equal":
            found += [Line("same", old[i1 + step], i1 + step + 1, j1 + step + 1) for step in range(i2 - i1)]
        else:
            found += [Line("gone", old[number], number + 1) for number in range(i1, i2)]
            found += [Line("new", new[number], None, number + 1) for number in range(j1, j2)]
    return found if context is None else list(_near(found, context))


def _near(found: list[Line], context: int) -> Iterator[Line]:
    changed = [number for number, line in enumerate(found) if line.sign != "same"]
    kept = {near for number in changed for near in range(number - context, number + context + 1)}
    skipped = 0
    for number, line in enumerate(found):
        if number in kept:
            if skipped:
                yield Line("skipped", "", skipped=skipped)
            skipped = 0
            yield line
        else:
            skipped += 1
    if skipped and changed:
        yield Line("skipped", "", skipped=skipped)


def in_words(before: str, after: str) -> list[str] | None:
    """What says something else now, one phrase for each value; None where one of the texts cannot be read."""
    try:
        old, new = load_yaml(before, "before") or {}, load_yaml(after, "after") or {}
    except InvalidDocument:
        return None
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    return list(_between(old, new, ""))


def _between(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            at = f"{place}, {_word(key)}" if place else _word(key)
            if key not in new:
                yield f"{at}: taken out (was {_said(old[key])})"
            elif key not in old:
                yield f"{at}: {_said(new[key])} (was not set)"
            else:
                yield from _between(old[key], new[key], at)
    elif isinstance(old, list) and isinstance(new, list) and (names := _named(old, new)):
        yield from _lists(*names, place)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield f"{place}: {_said(old)} becomes {_said(new)}"


def _named(old: list[Any], new: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Lists of things that have a name each, by that; None for others."""
    for key in _NAMES:
        both = [*old, *new]
        if both and all(isinstance(one, dict) and isinstance(one.get(key), str) for one in both):
            before, after = {one[key]: one for one in old}, {one[key]: one for one in new}
            if len(before) == len(old) and len(after) == len(new):
                return before, after
    return None


def _lists(old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[str]:
    head, _, last = place.rpartition(", ")
    last = last.lower()
    one = _ONE.get(last) or last.removesuffix("s")
    for name in old:
        if name not in new:
            yield _first(f"{head + ', ' if head else ''}{one} “{name}”: taken out")
    for name, said in new.items():
        at = _first(f"{head + ', ' if head else ''}{one} “{name}”")
        if name not in old:
            yield f"{at}: new"
        else:
            yield from _between(old[name], said, at)
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"{place}: in another order"


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _word(key: Any) -> str:
    return str(key).replace("_", " ")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        text = ", ".join(f"({_said(one)})" if isinstance(one, dict) else _said(one) for one in value) or "nothing"
    elif isinstance(value, dict):
        text = ", ".join(f"{_word(key)} {_said(one)}" for key, one in value.items()) or "nothing"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1].rstrip()}…"
