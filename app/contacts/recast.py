"""An event as two mappings read its payload: the one in force and one that is being written. Pure.

Both read the very payload, so that what they differ in is the draft's doing alone. What ingest made of an event beside
its payload (whose it is, what was an echo of ours) stays as the log has it.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from app.contacts.event import Event, position

_GONE = object()


class Recast(Struct, frozen=True):
    """An event under both mappings; None where a mapping reads no such event."""

    now: Event | None
    draft: Event | None


class Pair(NamedTuple):
    """What happens in both replays at one place of a history; None: nothing there."""

    now: Event | None
    draft: Event | None


def recast(logged: Event | None, now: Event | None, draft: Event | None) -> Recast | None:
    """What two mappings make of an event, held against the log; None where both make of it what stands there. An event
    that only the mapping in force reads and that the log does not know was no news when it came, and is none now."""
    if now is None:
        return Recast(None, draft if logged is None else _as_read(logged, draft)) if draft is not None else None
    if logged is None:
        return None
    before = logged if logged.mapping == now.mapping else _as_read(logged, now)
    after = None if draft is None else _turned(before, now, draft)
    return None if before is logged and after is logged else Recast(before, after)


def _as_read(logged: Event, read: Event) -> Event:
    return replace(
        logged,
        type=read.type,
        fields=read.fields,
        authority=read.authority,
        properties={**logged.properties, **read.properties},
        mapping=read.mapping,
    )


def _turned(event: Event, now: Event, draft: Event) -> Event:
    """The event with what the draft reads otherwise; the very event where that is nothing."""
    new = tuple(one for one in draft.identities if one not in now.identities and one not in event.identities)
    same = (now.type, now.fields, now.authority, now.properties) == (
        draft.type, draft.fields, draft.authority, draft.properties
    )  # fmt: skip
    if same and not new:
        return event
    return replace(
        event,
        type=draft.type if draft.type != now.type else event.type,
        fields=_patched(event.fields, now.fields, draft.fields),
        authority=_patched(event.authority, now.authority, draft.authority),
        properties=_patched(event.properties, now.properties, draft.properties),
        identities=(*event.identities, *new),
        mapping=draft.mapping,
    )


def _patched(values: Mapping[str, Any], now: Mapping[str, Any], draft: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(values)
    for name in {*now, *draft}:
        was, is_ = now.get(name, _GONE), draft.get(name, _GONE)
        if was == is_ and type(was) is type(is_):
            continue
        if is_ is _GONE:
            made.pop(name, None)
        else:
            made[name] = is_
    return made


def side_by_side(history: Iterable[Event], recasts: Mapping[str, Recast]) -> Iterator[Pair]:
    """A history, in its order, as both mappings would have it. Events that the log does not know come in where they
    belong."""
    if not recasts:
        for event in history:
            yield Pair(event, event)
        return
    news = sorted((one.draft for one in recasts.values() if one.now is None and one.draft is not None), key=position)
    left = dict(recasts)
    for event in merge(history, news, key=position):
        if event.id not in recasts:
            yield Pair(event, event)
        elif (found := left.pop(event.id, None)) is not None:  # else the log has it, as an older mapping read it
            yield Pair(found.now, found.draft)
