"""What a draft would change: the same payloads as read by the mapping in force and by the draft, side by side."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from app.mapping.captures import Capture

UNCHANGED, CHANGED, FAILS = "unchanged", "changed", "fails"
STATUSES = (FAILS, CHANGED, UNCHANGED)
ABSENT = "absent"


class Difference(Struct, frozen=True):
    """One field of ours that a payload would set to something else. A value that is None clears it; ``…_set`` says
    whether it is set at all."""

    field: str
    before: Any
    after: Any
    before_set: bool
    after_set: bool


class Effect(Struct, frozen=True):
    """What a draft does to one payload. ``problem`` is why something in it finds no place under the draft; ``was``
    why it finds none today."""

    status: str
    before: Capture
    after: Capture
    differences: Sequence[Difference] = ()
    problem: str = ""
    was: str = ""

    @property
    def newly(self) -> bool:
        """Whether it is the draft by which it fails."""
        return bool(self.problem) and self.problem != self.was


def effects(before: Iterable[Capture], after: Mapping[str, Capture]) -> list[Effect]:
    """Payload by payload; one that the draft does not come to see is left out."""
    return [_effect(one, after[one.key]) for one in before if one.key in after]


def counted(found: Iterable[Effect]) -> dict[str, int]:
    """How many payloads there are of each status."""
    counts = Counter(one.status for one in found)
    return {status: counts[status] for status in STATUSES}


def problem_of(capture: Capture) -> str:
    """Why a payload, or something in it, finds no place; "" where all is well."""
    mapped = capture.mapped
    said = [capture.error, mapped.skip]
    said += [
        f'"{held.value}" in {held.vendor} stands in no value table'
        if held.reason == "unmapped"
        else f"{held.vendor}: {held.value}"
        for held in mapped.held
    ]
    return "; ".join(one for one in said if one)


def _effect(before: Capture, after: Capture) -> Effect:
    differences = tuple(_differences(before, after))
    was, problem = problem_of(before), problem_of(after)
    status = FAILS if problem else CHANGED if differences or was else UNCHANGED
    return Effect(status, before, after, differences, problem, was)


def _differences(before: Capture, after: Capture) -> Iterable[Difference]:
    old, new = _values(before), _values(after)
    for name in sorted({*old, *new}):
        a, b = old.get(name, ABSENT), new.get(name, ABSENT)
        if a != b or (name in old) != (name in new):
            yield Difference(name, old.get(name), new.get(name), name in old, name in new)


def _values(capture: Capture) -> dict[str, Any]:
    if capture.error or capture.mapped.skip:
        return {}
    return {**capture.mapped.fields, **capture.mapped.signals}
