"""A sequence's steps as people read them, from the top, with the ways of a branch or split set in. Pure."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.rules.condition import Condition
from app.rules.sequences.program import inside, named, ways_of
from app.rules.sequences.steps import StepDocument


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
