"""A sequence's steps as people read them, from the top, with the ways of a branch or split set in. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from app.rules.condition import Condition
from app.rules.sequences.program import inside, named, ways_of
from app.rules.sequences.steps import StepDocument, WaitDocument


class Line(Struct, frozen=True, kw_only=True):
    """A step, or one way on from the branch or split ``step``: then ``way`` is its name."""

    step: str
    document: StepDocument
    depth: int  # 0 for what everybody comes through
    top: int  # the number of the step of depth 0 that it belongs to
    way: str = ""
    when: Condition | None = None
    share: float = 0.0  # of a variant: how many of all are drawn for it
    ends: bool = False  # a way without steps


def step_words(entry: Mapping[str, Any]) -> str:
    """A step as it stands in a text, right or not, in a few words; "" for what is no step."""
    if isinstance(wait := entry.get("wait"), dict):
        try:
            return f"wait {WaitDocument.model_validate(wait)}"
        except ValidationError:
            return "wait"
    if isinstance(send := entry.get("send"), dict):
        return f"send “{send.get('name', '')}”"
    for name, does in (("branch", "go one of several ways"), ("split", "try variants")):
        if isinstance(ways := entry.get(name), list):
            called = [str(one.get("label") or one.get("id") or "") for one in ways if isinstance(one, dict)]
            return ": ".join(filter(None, (does, ", ".join(filter(None, called)))))
    if isinstance(act := entry.get("act"), dict):
        return next((said for key, said in _ACTS.items() if act.get(key)), "act")
    return _EXITS.get(str(entry.get("exit")), "leave the sequence") if entry.get("exit") else ""


_ACTS = {
    "alert": "tell people",
    "track": "tell a tool what happened",
    "join": "put on a list",
    "leave": "take off a list",
    "suppress": "no more marketing",
}
_EXITS = {"goal": "leave: the goal is reached"}


def outline(steps: Sequence[StepDocument]) -> list[Line]:
    """The steps with the names that the program gives them, in the order in which they are written."""
    return [line for top, (name, step) in enumerate(named(steps)) for line in _lines(name, step, 0, top)]


def _lines(name: str, step: StepDocument, depth: int, top: int) -> Iterator[Line]:
    yield Line(step=name, document=step, depth=depth, top=top)
    ways = ways_of(step)
    whole = sum(weight for *_, weight in ways)
    for way, when, steps, weight in ways:
        share = weight / whole if step.split is not None else 0.0
        yield Line(step=name, document=step, depth=depth + 1, top=top, way=way, when=when, share=share, ends=not steps)
        for inner, one in named(steps, inside(name, way)):
            yield from _lines(inner, one, depth + 2, top)
