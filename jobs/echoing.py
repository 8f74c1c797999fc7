"""Taking our own writes off what tools tell us, so that an echo is not taken for a change."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection as Conn

from adapters.contract import Delivery
from app.contacts.action import Action, EnsureContact, MoveStage, UpsertContact
from app.contacts.event import Event
from app.contacts.identity import EMAIL
from app.store import echoes
from app.store.echoes import KEPT, Place, hash_of
from app.store.shadows import ref_of
from mappings.mapping import FieldMapping

Told = tuple[FieldMapping, str]  # a connection's mapping, and the kind of its contacts' ids


class Echoes:
    """The echoes among a batch's events. Each is swallowed once: the field stays as it was said first."""

    def __init__(self) -> None:
        self._heard: dict[Place, set[str]] = {}

    def swallow(self, conn: Conn, events: Iterable[Event], of: Callable[[int], Told | None], now: datetime) -> None:
        """Take echoes off these events, in the order in which they occurred."""
        told = [(event, of(event.connection_id)) for event in events if event.told and event.connection_id]
        refs = {ref for event, known in told if known for ref in _refs(event, known[1])}
        if not refs:
            return
        awaited = echoes.awaited(conn, refs)
        if not awaited:
            return
        for event, known in sorted(told, key=lambda one: one[0].occurred_at):
            if known is not None:
                self._take(event, known, awaited, now)

    def _take(self, event: Event, known: Told, awaited: dict[Place, dict[str, datetime]], now: datetime) -> None:
        mapping, kind = known
        heard = []
        for name, value in event.told.items():
            for ref in _refs(event, kind):
                place = Place(event.connection_id, ref, name)
                waiting = awaited.get(place)
                if not waiting:
                    continue
                hashed = hash_of(value)
                written = waiting.get(hashed)
                if written is not None and now - written < KEPT:
                    heard.append(name)
                    # What was written before that was overtaken there, or never came: nobody will tell of it any more
                    self._let_go(place, waiting, {one for one, at in waiting.items() if at <= written})
                else:
                    self._let_go(place, waiting, {one for one, at in waiting.items() if at <= event.occurred_at})
        for name in heard:
            for field in mapping.fields_of(name):
                event.fields.pop(field, None)
        if heard:
            event.properties["echo"] = sorted(set(heard))

    def _let_go(self, place: Place, waiting: dict[str, datetime], values: Iterable[str]) -> None:
        for value in list(values):
            waiting.pop(value, None)
            self._heard.setdefault(place, set()).add(value)

    def write(self, conn: Conn) -> None:
        """Let go of what was heard."""
        echoes.forget(conn, self._heard)


def _refs(event: Event, kind: str) -> list[str]:
    """The names of the record that an event tells of."""
    names = {"contact": event.identity(kind), EMAIL: event.identity(EMAIL)}
    return [ref_of(what, name) for what, name in names.items() if name]


def record_of(delivery: Delivery) -> str:
    """The record that a delivery is for, as far as it is known before the call."""
    to = delivery.to
    return ref_of("contact", to.vendor_id) if to.vendor_id else ref_of(EMAIL, to.email)


def written_by(action: Action) -> Mapping[str, object]:
    """The properties that an action writes, as far as they are known before the call."""
    match action:
        case UpsertContact() | EnsureContact():
            return action.properties
        case MoveStage():
            return {action.property: action.stage}
    return {}


def written(
    connection_id: int, ref: str, told: Mapping[str, object], reads: Collection[str]
) -> list[tuple[Place, object]]:
    """What a tool was told of a record, as what may come back: of properties that its mapping reads."""
    return [(Place(connection_id, ref, name), value) for name, value in told.items() if name in reads]
