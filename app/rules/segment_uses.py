"""What a segment is there for: the rules and messages that look at it. Pure."""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct

from app.rules.compare import folded, listed
from app.rules.condition import Condition, Happening, leaves
from app.rules.content import Message
from app.rules.decide import Policies
from app.rules.references import MOVES
from app.rules.sequences.policy import Flow
from app.rules.sequences.program import Branch, Wait
from app.rules.triggers import TriggerDocument


class Use(Struct, frozen=True):
    """One rule or message: its id and what people call it."""

    id: str
    label: str


def triggers_using(segment: str, policies: Policies) -> list[Use]:
    """The triggers that answer it, or ask for it."""
    return [Use(one.id, one.label) for one in policies.triggers.by_id.values() if _of_trigger(segment, one)]


def sequences_using(segment: str, policies: Policies) -> list[Use]:
    """The sequences that it lets people into or out of, or in which a step asks for it."""
    return [Use(one.id, one.label) for one in policies.sequences.newest.by_id.values() if _of_sequence(segment, one)]


def messages_using(segment: str, policies: Policies) -> list[Use]:
    """The messages that say something of their own to who is in it."""
    messages = policies.content.messages.values()
    return [Use(one.id, one.document.label) for one in messages if _of_message(segment, one)]


def handoffs_using(segment: str, policies: Policies) -> list[Use]:
    """The rules that open handoffs and ask for it, and the people who take only who is in it, or not in it."""
    document = policies.handoff.document
    rules = [Use(one.id, one.label) for one in document.rules if _of_rule(segment, one.on, one.when)]
    return rules + [Use(one.email, f"{one.name}'s territory") for one in document.people if _asks(segment, one.takes)]


def stages_using(segment: str, policies: Policies) -> list[Use]:
    """The steps of the lifecycle that answer it, or ask for it: the stage that they lead to, and their reason."""
    steps = policies.lifecycle.document.steps
    return [Use(one.to.value, one.because) for one in steps if _of_rule(segment, one.on, one.when)]


def scores_using(segment: str, policies: Policies) -> list[Use]:
    """The rules that give points for it."""
    rules = policies.scoring.document.rules
    return [Use(one.id, one.label) for one in rules if _of_rule(segment, one.on, one.when)]


def _of_rule(segment: str, on: Collection[str], when: Condition | None) -> bool:
    return _answers(segment, on, when) or _asks(segment, when)


def _of_trigger(segment: str, trigger: TriggerDocument) -> bool:
    asked = [trigger.when, trigger.still, *(one.where for one in trigger.unless)]
    return _answers(segment, trigger.on, trigger.when) or any(_asks(segment, one) for one in asked)


def _of_sequence(segment: str, flow: Flow) -> bool:
    document = flow.document
    if document.entry.segment:
        if document.entry.segment == segment:
            return True
    elif _answers(segment, document.entry.on, document.entry.when):
        return True
    ends = [*filter(None, (document.goal, document.restart)), *document.conversion, *document.exits]
    asked = [document.entry.when, *(one.where for one in ends), *_steps(flow)]
    return any(_asks(segment, one) for one in asked)


def _steps(flow: Flow) -> Iterator[Condition | None]:
    for op in flow.ops:
        if isinstance(op, Branch):
            yield from (way.when for way in op.ways)
        elif isinstance(op, Wait) and op.document.for_ is not None:
            yield op.document.for_.where


def _of_message(segment: str, message: Message) -> bool:
    ways = [variant.document for block in message.blocks for variant in block.variants]
    return any(segment in way.segment or _asks(segment, way.when) for way in ways)


def _answers(segment: str, on: Collection[str], when: Condition | None) -> bool:
    """Whether it answers people entering or leaving whatever segment."""
    named = when is not None and any(leaf.field == "event.segment" for leaf in leaves(when))
    return bool(MOVES.intersection(on)) and not named


def _asks(segment: str, condition: Condition | None) -> bool:
    return condition is not None and any(_names(segment, leaf) for leaf in leaves(condition))


def _names(segment: str, leaf: Condition) -> bool:
    if leaf.field in ("segment", "event.segment"):
        return segment in [folded(part) for part in listed(leaf.value)]
    inner: list[Any] = [*([leaf.count] if leaf.count else []), *(leaf.did or ())]
    return any(_asks(segment, one.where) for one in inner if isinstance(one, Happening))
