"""A sequence's steps as a flat program: operations one after the other, and jumps over those that are not taken. Pure.

A person's place in a sequence is the number of an operation; each has a name that people read and moves go by. Programs
only go forward, so that everybody comes to an end.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from msgspec import Struct

from app.contacts.action import SendMessage
from app.contacts.event import Event
from app.rules.condition import Condition, Test, compile_condition
from app.rules.sequences.steps import ActDocument, SendDocument, StepDocument, WaitDocument

WayDocument = tuple[str, Condition | None, Sequence[StepDocument], float]


class Op(Struct, frozen=True):
    """One operation; ``step`` names the step that it belongs to."""

    step: str


class Wait(Op, frozen=True):
    document: WaitDocument
    answer: Test | None = None

    @property
    def types(self) -> Sequence[str]:
        """The events that it waits for."""
        return self.document.for_.on if self.document.for_ is not None else ()


class Send(Op, frozen=True):
    document: SendDocument

    def action(self, rule: str, cause: Event) -> SendMessage:
        """The message, which may say of the event that the person came in by what the step includes."""
        return self.document.action(rule, cause)


class Way(Struct, frozen=True):
    """One way on from a branch or a split, and the operation it begins with."""

    name: str
    to: int
    test: Test | None = None
    when: Condition | None = None
    weight: float = 1


class Branch(Op, frozen=True):
    ways: tuple[Way, ...]


class Split(Op, frozen=True):
    ways: tuple[Way, ...]

    def pick(self, point: float) -> Way:
        """The variant at a point between 0 and 1, each as wide as its weight."""
        left = point * sum(way.weight for way in self.ways)
        for way in self.ways:
            left -= way.weight
            if left < 0:
                return way
        return self.ways[-1]


class Act(Op, frozen=True):
    document: ActDocument


class Exit(Op, frozen=True):
    reason: str


class Jump(Op, frozen=True):
    to: int


def compile_steps(steps: Sequence[StepDocument], purpose: str) -> tuple[Op, ...]:
    """The program of these steps. ``purpose`` is that of the sequence's messages."""
    ops: list[Op] = []
    _lay(steps, "", purpose, ops)
    return tuple(ops)


def _lay(steps: Iterable[StepDocument], place: str, purpose: str, ops: list[Op]) -> None:
    for name, step in named(steps, place):
        if step.branch is not None:
            _fork(Branch, name, ways_of(step), purpose, ops)
        elif step.split is not None:
            _fork(Split, name, ways_of(step), purpose, ops)
        else:
            ops.append(_plain(step, name, purpose))


def named(steps: Iterable[StepDocument], place: str = "") -> Iterator[tuple[str, StepDocument]]:
    """Steps with the names that they go by: their ids, else their places."""
    return ((step.id or f"{place}{number}", step) for number, step in enumerate(steps, 1))


def inside(name: str, way: str) -> str:
    """The place of the steps on one way of the branch or split of this name."""
    return f"{name}.{way.replace(' ', '_')}."


def ways_of(step: StepDocument) -> list[WayDocument]:
    """The ways on from a branch or a split, as (name, condition, steps, weight); of any other step none."""
    if step.branch is not None:
        ways = [(one.label or f"way {count}", one.when, one.steps, 1.0) for count, one in enumerate(step.branch, 1)]
        return [*ways, ("else", None, step.else_ or [], 1.0)]
    return [(one.id, None, one.steps, one.weight) for one in step.split or ()]


def _plain(step: StepDocument, name: str, purpose: str) -> Op:
    if step.wait is not None:
        answer = compile_condition(step.wait.for_.where) if step.wait.for_ is not None else None
        return Wait(name, step.wait, answer)
    if step.send is not None:
        return Send(name, step.send.model_copy(update={"purpose": purpose}))
    if step.act is not None:
        return Act(name, step.act)
    assert step.exit is not None
    return Exit(name, step.exit)


def _fork(
    kind: type[Branch] | type[Split],
    name: str,
    ways: Sequence[WayDocument],
    purpose: str,
    ops: list[Op],
) -> None:
    """Lay the ways one after the other, each with a jump to where they meet again."""
    here = len(ops)
    ops.append(Jump(name, 0))  # its place is taken below, when it is known where the ways begin
    begins, ends = [], []
    for label, _, steps, _ in ways:
        begins.append(len(ops))
        _lay(steps, inside(name, label), purpose, ops)
        ends.append(len(ops))
        ops.append(Jump(name, 0))
    meet = len(ops)
    for end in ends:
        ops[end] = Jump(name, meet)
    ops[here] = kind(
        name,
        tuple(
            Way(label, begin, compile_condition(when) if when else None, when, weight)
            for begin, (label, when, _, weight) in zip(begins, ways, strict=True)
        ),
    )


def shortest(ops: Sequence[Op], start: int = 0) -> timedelta:
    """How long the quickest way through the program takes, by the waits that are as long for everybody."""
    known: dict[int, timedelta] = {}
    for place in range(len(ops), start - 1, -1):
        op = ops[place] if place < len(ops) else None
        if op is None or isinstance(op, Exit):
            known[place] = timedelta()
        elif isinstance(op, Branch | Split):
            known[place] = min(known[way.to] for way in op.ways)
        elif isinstance(op, Jump):
            known[place] = known[op.to]
        else:
            known[place] = known[place + 1] + (op.document.least if isinstance(op, Wait) else timedelta())
    return known[start]


def sends(ops: Iterable[Op]) -> Iterator[Send]:
    """The messages of a program."""
    return (op for op in ops if isinstance(op, Send))


def said_by(ops: Iterable[Op]) -> list[str]:
    """The properties of the event that somebody comes in by which the program's messages hand on."""
    names = [name for op in ops for name in _included(op)]
    return sorted(set(names))


def _included(op: Op) -> Sequence[str]:
    if isinstance(op, Send):
        return op.document.include
    return op.document.track.include if isinstance(op, Act) and op.document.track else ()


def words(op: Op) -> str:
    """A step in plain words: ``message “Welcome” by email``."""
    match op:
        case Wait():
            return f"wait: {op.document}"
        case Send():
            return f"message {op.document}"
        case Branch():
            return f"branch: {', '.join(way.name for way in op.ways)}"
        case Split():
            return f"split: {', '.join(way.name for way in op.ways)}"
        case Act(document=document):
            done = next(name for name in ("alert", "track", "join", "leave", "suppress") if getattr(document, name))
            return f"act: {done}"
        case Exit():
            return f"exit: {op.reason}"
    return ""
