"""The segments and connections that policies name: where each is named, and which of them do not exist. Pure.

A condition on a segment that does not exist never comes true, and what is to go through a connection that does not
exist never leaves; nobody would notice why nothing happens.
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


def unknown_connections(models: Mapping[str, Any], connections: Mapping[str, str], tools: Collection[str]) -> list[str]:
    """The connections that documents, by kind, name and that do not exist, each with its place and its mend.

    ``connections`` are those that exist, name → kind. The kinds in ``tools`` may be connected later: see
    :func:`later_connections`.
    """
    acting = sorted(name for name, kind in connections.items() if kind in tools or not tools)
    name_another = f"name one of {', '.join(acting)}, or " if acting else ""
    found = [
        f'{place} names the connection "{name}", which does not exist'
        + did_you_mean(name, [*acting, *tools], f"; {name_another}connect it first (baton connection add)")
        for place, name in _missing(models, connections)
        if name not in tools
    ]
    return list(dict.fromkeys(found))


def later_connections(models: Mapping[str, Any], connections: Mapping[str, str], tools: Collection[str]) -> list[str]:
    """What documents, by kind, want of tools that Baton knows and that are not connected: until they are, nothing comes
    of it."""
    found = [
        f'{place} names the connection "{name}", which does not exist yet: until it does '
        f"(baton connection add {name}), nothing goes through it"
        for place, name in _missing(models, connections)
        if name in tools
    ]
    return list(dict.fromkeys(found))


def _missing(models: Mapping[str, Any], connections: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    either = {*connections, *connections.values()}  # a rule may name a tool's kind, and means the first of that kind
    for kind, model in models.items():
        for place, part, _ in _parts(model, kind, "", ()):
            if (name := getattr(part, "through", "")) and name not in either:
                yield place, name
            if (name := getattr(part, "second_channel", "")) and name not in connections:
                yield place or f"{kind}: second_channel", name


def _named(model: BaseModel, kind: str, place: str, on: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every segment that is named within a document, with the place of the part that names it."""
    for where, part, about in _parts(model, kind, place, on):
        for field in type(part).model_fields:
            value = getattr(part, field)
            if isinstance(value, Condition):
                yield from ((where, name) for name in _asked_in(value, about))
            elif field == "segment" and isinstance(value, str) and value:
                yield where, value


def _parts(
    model: BaseModel, kind: str, place: str, on: Collection[str]
) -> Iterator[tuple[str, BaseModel, Collection[str]]]:
    """A part of a document and all within it but conditions, each with its place and the events that it is about."""
    on = getattr(model, "on", None) or on
    yield place, model, on
    for field in type(model).model_fields:
        value = getattr(model, field)
        if isinstance(value, Condition):
            continue
        if isinstance(value, BaseModel):
            yield from _parts(value, kind, place, on)
        elif isinstance(value, list):
            for number, one in enumerate(value, 1):
                if isinstance(one, BaseModel):
                    yield from _parts(one, kind, place or _place(kind, field, number, one), on)


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
