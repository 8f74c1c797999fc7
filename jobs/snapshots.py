"""What polling shows of contacts, without what was known: a snapshot that tells nothing new is no event."""

from collections.abc import Sequence

from sqlalchemy import Connection

from adapters.contract import Adapter
from app.contacts.event import Event, EventType
from app.contacts.identity import alias_key
from app.store import people, shadows
from app.store.shadows import Shadow, ref_of
from mappings.fields import SIGNALS
from mappings.mapping import FieldMapping


def is_snapshot(event: Event) -> bool:
    """Whether the event says what a tool holds of somebody, as it was read there."""
    return event.properties.get("source") == "read" and bool(event.told)


def news(
    conn: Connection, connection_id: int, adapter: Adapter, mapping: FieldMapping, events: Sequence[Event]
) -> list[Event]:
    """The events without what their snapshots say that we knew already, and without those of whom nobody has heard
    before and who are there no more."""
    events = _of_known(conn, connection_id, events)
    names = {event.identity(adapter.contact_ref) for event in events if is_snapshot(event)}
    refs = [ref_of("contact", name) for name in names if name]
    if not refs:
        return list(events)
    known = shadows.load(conn, connection_id, refs)
    of_snapshot: dict[str, list[Event]] = {}
    for event in events:
        of_snapshot.setdefault(_base(event), []).append(event)
    left: list[Event] = []
    for same in of_snapshot.values():
        read = next((event for event in same if is_snapshot(event)), None)
        shadow = known.get(ref_of("contact", read.identity(adapter.contact_ref) or "")) if read is not None else None
        if read is None or shadow is None:
            left += same
        elif not shadow.properties or _changed(read, shadow, mapping):
            left += news_of(same, shadow, mapping)
    return left


def _of_known(conn: Connection, connection_id: int, events: Sequence[Event]) -> list[Event]:
    def keys(event: Event) -> list[str]:
        return [alias_key(identity, connection_id) for identity in event.identities]

    gone = [event for event in events if event.type == EventType.CONTACT_DELETED]
    known = people.owners(conn, {key for event in gone for key in keys(event)}) if gone else {}
    return [
        event for event in events if event.type != EventType.CONTACT_DELETED or not known.keys().isdisjoint(keys(event))
    ]


def news_of(events: Sequence[Event], shadow: Shadow, mapping: FieldMapping) -> tuple[Event, ...]:
    """The events of one snapshot, with what it says that the tool did not hold when we last knew. All that it holds is
    dated by its newest change: what has not changed is older than that, and may have been overtaken by others since.
    An opt-out said again would undo what the person has said meanwhile."""
    read = next((event for event in events if is_snapshot(event)), None)
    if read is None or not shadow.properties:
        return tuple(events)
    said = mapping.inbound(mapping.read_with(read.told, _changed(read, shadow, mapping)))
    read.fields = {name: value for name, value in read.fields.items() if name in said.fields}
    read.authority = {name: rank for name, rank in read.authority.items() if name in said.fields}
    opted_out = _was_opted_out(shadow, mapping)
    return tuple(
        event
        for event in events
        if event is read
        or (
            (_signal(event) not in SIGNALS or _signal(event) in said.signals)
            and not (opted_out and event.type == EventType.EMAIL_UNSUBSCRIBED)
        )
    )


def _changed(read: Event, shadow: Shadow, mapping: FieldMapping) -> list[str]:
    """The properties that the mapping knows and that are not as we knew them."""
    known = mapping.remembered
    return [name for name, value in read.told.items() if name in known and shadow.value(name) != value]


def _base(event: Event) -> str:
    return event.source_key.partition("#")[0]


def _signal(event: Event) -> str:
    return event.source_key.partition("#")[2]


def _was_opted_out(shadow: Shadow, mapping: FieldMapping) -> bool:
    held = mapping.inbound({name: value for name, (value, _) in shadow.properties.items()})
    return held.signals.get("email_opt_out") is True
