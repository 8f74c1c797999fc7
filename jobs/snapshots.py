"""What polling shows of contacts, without what was known: a snapshot that tells nothing new is no event."""

from collections.abc import Sequence

from sqlalchemy import Connection

from adapters.contract import Adapter
from app.contacts.event import Event, EventType
from app.store import shadows
from app.store.shadows import Shadow, ref_of
from mappings.mapping import FieldMapping


def is_snapshot(event: Event) -> bool:
    """Whether the event says what a tool holds of somebody, as it was read there."""
    return event.properties.get("source") == "read" and bool(event.told)


def news(
    conn: Connection, connection_id: int, adapter: Adapter, mapping: FieldMapping, events: Sequence[Event]
) -> list[Event]:
    """The events without snapshots that hold what we know already, and without an opt-out that is no news: said again,
    it would undo what the person has said since."""
    names = {event.identity(adapter.contact_ref) for event in events if is_snapshot(event)}
    refs = [ref_of("contact", name) for name in names if name]
    if not refs:
        return list(events)
    known = shadows.load(conn, connection_id, refs)
    old: set[str] = set()
    opted_out: set[str] = set()
    for event in events:
        shadow = known.get(ref_of("contact", event.identity(adapter.contact_ref) or ""))
        if is_snapshot(event) and shadow is not None and shadow.properties:
            if _is_known(event, shadow, mapping):
                old.add(event.source_key)
            if _was_opted_out(shadow, mapping):
                opted_out.add(event.source_key)
    return [event for event in events if not _is_old(event, old, opted_out)]


def _is_old(event: Event, old: set[str], opted_out: set[str]) -> bool:
    base = event.source_key.partition("#")[0]
    return base in old or (base in opted_out and event.type == EventType.EMAIL_UNSUBSCRIBED)


def _is_known(event: Event, shadow: Shadow, mapping: FieldMapping) -> bool:
    told = {name: value for name, value in event.told.items() if name in mapping.remembered}
    return all(shadow.value(name) == value for name, value in told.items())


def _was_opted_out(shadow: Shadow, mapping: FieldMapping) -> bool:
    held = mapping.inbound({name: value for name, (value, _) in shadow.properties.items()})
    return held.signals.get("email_opt_out") is True
