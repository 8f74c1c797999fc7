"""The segments that policies ask for: where each is named, and which of them do not exist. Pure.

A condition on a segment that does not exist never comes true, and nobody would notice why nothing happens.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from app.contacts.event import EventType
from app.rules.compare import folded, listed
from app.rules.condition import Condition, Happening, leaves
from mappings.document import did_you_mean

MOVES = frozenset((EventType.SEGMENT_ENTERED, EventType.SEGMENT_LEFT))
_EXACT = frozenset(("equals", "not_equals", "in", "not_in"))  # the others compare with a part of a name
_PARTS = {"sequences": "sequence", "triggers": "trigger", "rules": "rule", "steps": "step", "people": "person",
          "segments": "segment", "messages": "message", "blocks": "block"}  # fmt: skip


def unknown_segments(models: Mapping[str, Any], segments: Collection[str]) -> list[str]:
    """The segments that documents, by kind, ask for and that do not exist, each with its place and its mend."""
    found = [
        f'{place} asks for the segment "{name}", which is not one of the segments'
        + (did_you_mean(name, list(segments)) or "; add it to the segments policy, or take it out here")
        for kind, model in models.items()
        for place, name in _named(model, kind, "", ())
        if name not in segments
    ]
    return list(dict.fromkeys(found))


def _named(model: BaseModel, kind: str, place: str, on: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every segment that is named within a part of a document, with the place of the part. ``on`` are the events that
    the part is about."""
    on = getattr(model, "on", None) or on
    for field in type(model).model_fields:
        value = getattr(model, field)
        if isinstance(value, Condition):
            yield from ((place, name) for name in _asked_in(value, on))
        elif isinstance(value, BaseModel):
            yield from _named(value, kind, place, on)
        elif isinstance(value, list):
            for number, one in enumerate(value, 1):
                if isinstance(one, BaseModel):
                    yield from _named(one, kind, place or _place(kind, field, number, one), on)
        elif field == "segment" and isinstance(value, str) and value:
            yield place, value


def _place(kind: str, field: str, number: int, part: BaseModel) -> str:
    name = getattr(part, "id", "") or getattr(part, "name", "")
    return f"{kind}: {_PARTS.get(field, field)} {number}" + (f" ({name})" if name else "")


def _asked_in(condition: Condition, on: Collection[str] = ()) -> Iterator[str]:
    """The segments that a condition names; ``on`` are the events that it is asked for. Of an event's own properties
    only those count that say which segment was entered or left."""
    for leaf in leaves(condition):
        moved = leaf.field == "event.segment" and bool(on) and MOVES.issuperset(on)
        if (leaf.field == "segment" or moved) and leaf.op in _EXACT:
            yield from (str(folded(name)) for name in listed(leaf.value))
        for one in _happenings(leaf):
            if one.where is not None:
                yield from _asked_in(one.where, one.on)


def _happenings(leaf: Condition) -> list[Happening]:
    return [*([leaf.count] if leaf.count else ()), *(leaf.did or ())]
